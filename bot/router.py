"""The table of commands, and the way from a typed line to the command that it means."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from commands import docker_image_create, docker_image_update, docker_images
from commands.command import Answer
from commands.errors import ArgumentError
from commands.image_actions import details, remove, roll_back
from commands.sources import Sources

Request = TypeVar("Request")
"""What a line asks for."""


@dataclass(frozen=True, slots=True)
class Command(Generic[Request]):
    """One command: what Slack's manifest and its help say of it, and what it does.

    `has_form` says that it opens a form when it is typed without arguments.
    """

    name: str
    description: str
    usage: str
    examples: tuple[str, ...]
    has_form: bool
    parse: Callable[[str], Request]
    answer: Callable[[Request, Sources, Callable[[str], None]], Answer]


COMMANDS = (
    Command(
        name="/docker_image_create",
        description="Make a Docker image: a base with Python libraries and OS packages",
        usage="name=example_name dependencies=mechanize packages=wget [base=demisto/python3-deb]",
        examples=(
            "name=example_name dependencies=mechanize packages=wget",
            "name=my/tool dependencies=requests[socks]>=2.31,ldap3 base=demisto/python3-deb:3.12.13.11694875",
        ),
        has_form=True,
        parse=docker_image_create.parse,
        answer=docker_image_create.answer,
    ),
    Command(
        name="/docker_image_update",
        description="Bring a Docker image, or all of them, up to date",
        usage="image=demisto/python3 | all=true",
        examples=("image=demisto/python3:3.12.13.10404775", "all=true"),
        has_form=True,
        parse=docker_image_update.parse,
        answer=docker_image_update.answer,
    ),
    Command(
        name="/docker_images",
        description="List the Docker images",
        usage="",
        examples=("",),
        has_form=False,
        parse=docker_images.parse,
        answer=docker_images.answer,
    ),
)
"""Every slash command there is. A new one is a module in `commands`, and one line here."""

BUTTONS = (
    Command(
        name="details",
        description="Show all there is to know of an image",
        usage="image=demisto/python3",
        examples=(),
        has_form=False,
        parse=details.parse,
        answer=details.answer,
    ),
    Command(
        name="roll_back",
        description="Move a name back to the image that it had before",
        usage="image=demisto/python3 [to=before-…] | job=…",
        examples=(),
        has_form=False,
        parse=roll_back.parse,
        answer=roll_back.answer,
    ),
    Command(
        name="remove",
        description="Remove an image with all its names",
        usage="image=demisto/python3",
        examples=(),
        has_form=False,
        parse=remove.parse,
        answer=remove.answer,
    ),
)
"""What buttons ask for. The names have no slash, so nobody can type them in Slack."""


class Router:
    """Finds the command of a line. People type `commands`; the lines of `buttons` are written by the bot itself."""

    def __init__(
        self, commands: tuple[Command[Any], ...] = COMMANDS, buttons: tuple[Command[Any], ...] = BUTTONS
    ) -> None:
        self._commands: Mapping[str, Command[Any]] = {command.name: command for command in commands}
        self._buttons: Mapping[str, Command[Any]] = {command.name: command for command in buttons}

    @property
    def names(self) -> tuple[str, ...]:
        """The slash names, in the order of the table."""
        return tuple(self._commands)

    def command(self, name: str) -> Command[Any] | None:
        """Find a command by its slash name."""
        return self._commands.get(name)

    def parse(self, line: str) -> object:
        """Read a typed line; raises `ArgumentError`."""
        command, text = self._split(line)
        return command.parse(text)

    def answer(self, line: str, sources: Sources, report: Callable[[str], None]) -> Answer:
        """Read a typed line, look the facts up, and propose or refuse; raises `Problem`."""
        command, text = self._split(line)
        return command.answer(command.parse(text), sources, report)

    def _split(self, line: str) -> tuple[Command[Any], str]:
        name, text = (*line.split(maxsplit=1), "", "")[:2]
        command = self._commands.get(name) or self._buttons.get(name)
        if command is None:
            known = ", ".join(f"`{known}`" for known in self._commands)
            raise ArgumentError(f"`{name[:40]}` is not a command here.", hint=f"I know {known}.")
        return command, text
