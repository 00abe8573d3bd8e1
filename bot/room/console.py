"""`warroom say` in a terminal: the dialog in place, its thread below, buttons chosen by hand."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.prompt import Prompt
from rich.text import Text

from bot.room.events import Message
from bot.room.terminal import styled, to_rich


class Silent:
    """Shows nothing: for scripts."""

    def dialog(self, message: Message, state: str) -> None:
        """Ignore it."""

    def reply(self, message: Message) -> None:
        """Ignore it."""

    def file(self, name: str) -> None:
        """Ignore it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was opened."""


class LiveDialog:
    """In a terminal the dialog changes in place; in a pipe each of its states is printed once."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._live = Live(console=self._console, auto_refresh=False) if self._console.is_terminal else None
        self._state = ""
        self._line = ""

    def dialog(self, message: Message, state: str) -> None:
        """Show the dialog, or its newer state."""
        picture = to_rich(message.blocks) if message.blocks else styled(message.text)
        if self._live is not None:
            self._live.update(picture, refresh=True)
        elif state != self._state:
            self._console.print(picture)
        elif message.text != self._line:
            self._console.print(Text("  ") + styled(message.text))
        self._state, self._line = state, message.text

    def reply(self, message: Message) -> None:
        """Show a reply in its thread."""
        self._console.print(Text("  ↳ ") + styled(message.text))

    def file(self, name: str) -> None:
        """Tell of a file in its thread."""
        self._console.print(Text("  ↳ file: ") + styled(name))

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()


def choose(buttons: tuple[str, ...]) -> str | None:
    """Let the person at the terminal press a button; None when they press none."""
    if not buttons:
        return None
    print(file=sys.stderr)  # noqa: T201 - an empty line between the dialog and the question
    return Prompt.ask("Press", choices=list(buttons), default=buttons[0], console=Console(stderr=True))
