"""`warroom say` in a terminal: the dialog in place, its thread below, buttons chosen by hand."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.prompt import Prompt
from rich.text import Text

from bot.room.client.dialog_facts import DialogFacts
from bot.room.client.terminal import styled, to_rich, width_of_tables
from bot.room.events import Block, RoomMessage


class Silent:
    """Shows nothing: for scripts."""

    def dialog(self, message: RoomMessage, state: str) -> None:
        """Ignore it."""

    def reply(self, message: RoomMessage) -> None:
        """Ignore it."""

    def file(self, name: str) -> None:
        """Ignore it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was opened."""


class LiveDialog:
    """In a terminal a dialog changes in place; in a pipe each of its states is printed once, and each of its tables.

    `widens` prints each row of a table in a pipe on one line, however wide.
    """

    def __init__(self, console: Console | None = None, *, widens: bool = False) -> None:
        self._console = console or Console()
        self._widens = widens and not self._console.is_terminal
        self._live: Live | None = None
        self._ts = ""
        self._held: RoomMessage | None = None
        self._held_state = ""
        self._printed: tuple[object, ...] = ()
        self._line = ""

    def dialog(self, message: RoomMessage, state: str) -> None:
        """Show the dialog, or its newer state."""
        if self._console.is_terminal:
            self._place(message.ts).update(_picture(message), refresh=True)
            self._ts = message.ts
            return
        if self._held is not None and _place_of(self._held) != _place_of(message):
            self._print_held()
        # A table is printed once: when the disk use is known, or when something else comes before that.
        self._held, self._held_state = message, state
        if DialogFacts.of(message).is_counted:
            self._print_held()

    def reply(self, message: RoomMessage) -> None:
        """Show a reply in its thread."""
        self._print_held()
        self._console.print(Text("  ↳ ") + styled(message.text))

    def file(self, name: str) -> None:
        """Show the name of a file in its thread."""
        self._print_held()
        self._console.print(Text("  ↳ file: ") + styled(name))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._print_held()
        self._leave()

    def _print_held(self) -> None:
        """Print the dialog that was held back, if there is one."""
        if self._held is None:
            return
        message, self._held = self._held, None
        place = (self._held_state, *_place_of(message))
        if place != self._printed:
            self._print(message)
        elif message.text != self._line:
            self._console.print(Text("  ") + styled(message.text))
        self._printed, self._line = place, message.text

    def _print(self, message: RoomMessage) -> None:
        width = self._console.width
        if self._widens:
            self._console.width = max(width, width_of_tables(message.blocks))
        self._console.print(_picture(message))
        self._console.width = width

    def _place(self, ts: str) -> Live:
        """Give the live display of this dialog; the one before stays above."""
        if self._live is None or ts != self._ts:
            self._leave()
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        return self._live

    def _leave(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def _picture(message: RoomMessage) -> RenderableType:
    return to_rich(message.blocks) if message.blocks else styled(message.text)


def _place_of(message: RoomMessage) -> tuple[str, list[Block]]:
    """Identify a dialog and, in a list, the page."""
    return message.ts, [block for block in message.blocks if block.get("type") == "table"]


def choose(buttons: tuple[str, ...]) -> str | None:
    """Let the person at the terminal press a button; None when they press none."""
    if not buttons:
        return None
    sys.stderr.write("\n")  # between the dialog and the question
    return Prompt.ask("Press", choices=list(buttons), default=buttons[0], console=Console(stderr=True))
