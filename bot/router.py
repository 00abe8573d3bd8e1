"""The table of commands, and the way from a typed line to the command that it means."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from commands import docker_image_create
from commands.command import Answer
from commands.errors import ArgumentError
from commands.model.requests import CreateImage
from commands.sources import Sources

Request = CreateImage
"""What a line can ask for."""


@dataclass(frozen=True, slots=True)
class Command:
    """One slash command: what Slack's manifest and its help say of it, and what it does.

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
)
"""Every command there is. A new one is a module in `commands`, and one line here."""


class Router:
    """Finds the command of a line."""

    def __init__(self, commands: tuple[Command, ...] = COMMANDS) -> None:
        self._commands: Mapping[str, Command] = {command.name: command for command in commands}

    @property
    def names(self) -> tuple[str, ...]:
        """The slash names, in the order of the table."""
        return tuple(self._commands)

    def command(self, name: str) -> Command | None:
        """Find a command by its slash name."""
        return self._commands.get(name)

    def parse(self, line: str) -> Request:
        """Read a typed line; raises `ArgumentError`."""
        command, text = self._split(line)
        return command.parse(text)

    def answer(self, line: str, sources: Sources, report: Callable[[str], None]) -> Answer:
        """Read a typed line, look the facts up, and propose or refuse; raises `Problem`."""
        command, text = self._split(line)
        return command.answer(command.parse(text), sources, report)

    def _split(self, line: str) -> tuple[Command, str]:
        name, text = (*line.split(maxsplit=1), "", "")[:2]
        command = self._commands.get(name)
        if command is None:
            known = ", ".join(f"`{known}`" for known in self._commands)
            raise ArgumentError(f"`{name[:40]}` is not a command here.", hint=f"I know {known}.")
        return command, text
