"""The table of commands, and the parser that finds the command of a typed line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from commands import docker_image_create, docker_image_update, docker_images
from commands.actions import Request
from commands.errors import ArgumentError


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its texts for Slack's manifest and its help, and the parser of its arguments.

    `has_form` says that it opens a form when it is typed without arguments.
    """

    name: str
    description: str
    usage: str
    examples: tuple[str, ...]
    has_form: bool
    parse: Callable[[str], Request]


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
    ),
    Command(
        name="/docker_image_update",
        description="Bring a Docker image, or all of them, up to date",
        usage="image=demisto/python3 | all=true",
        examples=("image=demisto/python3:3.12.13.10404775", "all=true"),
        has_form=True,
        parse=docker_image_update.parse,
    ),
    Command(
        name="/docker_images",
        description="List the Docker images",
        usage="",
        examples=("",),
        has_form=False,
        parse=docker_images.parse,
    ),
)
"""Every slash command. A new one is a module in `commands`, and one line here."""


class Router:
    """Finds the command of a line, and parses the line."""

    def __init__(self, commands: tuple[Command, ...] = COMMANDS) -> None:
        self._commands: Mapping[str, Command] = {command.name: command for command in commands}

    @property
    def names(self) -> tuple[str, ...]:
        """The slash names, in the order of the table."""
        return tuple(self._commands)

    def command(self, name: str) -> Command | None:
        """Return a command by its slash name; None if it is unknown."""
        return self._commands.get(name)

    def parse(self, line: str) -> Request:
        """Parse a typed line; raise `ArgumentError`."""
        name, text = (*line.split(maxsplit=1), "", "")[:2]
        command = self._commands.get(name)
        if command is None:
            known = ", ".join(f"`{known}`" for known in self._commands)
            raise ArgumentError(f"`{name[:40]}` is not a command here.", hint=f"I know {known}.")
        return command.parse(text)
