"""Tables in a terminal: as wide as they need to be, or as the window allows. No cell loses a character."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

_GAP = 2


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows of plain text, the first one the head; `right` are the columns of numbers."""

    rows: Sequence[Sequence[str]]
    right: frozenset[int] = frozenset()

    @property
    def width(self) -> int:
        """How wide a window must be for each row to be one line."""
        return sum(self._widths()) + self._gaps()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Print it; a cell that is too wide breaks between words, a word that is too long anywhere."""
        del console
        head, *body = self.rows or [()]
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        for place, (title, width) in enumerate(zip(head, self._fitting_widths(options.max_width), strict=False)):
            # Text, not str: a cell has no mark-up of the console's.
            table.add_column(
                Text(title), justify="right" if place in self.right else "left", width=width, overflow="fold"
            )
        for row in body:
            table.add_row(*map(Text, row[: len(head)]))
        yield table

    def _fitting_widths(self, room: int) -> list[int]:
        widths, unbroken = self._widths(), self._widths(words=True)
        while sum(widths) + self._gaps() > room and max(widths, default=0) > 1:
            # The widest column that can shrink without breaking a word, while there is one.
            place = max(range(len(widths)), key=lambda one: (widths[one] > unbroken[one], widths[one]))
            widths[place] -= 1
        return widths

    def _widths(self, *, words: bool = False) -> list[int]:
        """Measure the longest cell, or the longest word, of each column."""
        head = self.rows[0] if self.rows else ()
        columns = list(zip_longest(*self.rows, fillvalue=""))[: len(head)]
        return [max(_length(cell, words=words) for cell in column) for column in columns]

    def _gaps(self) -> int:
        return _GAP * max(0, len(self.rows[0]) - 1) if self.rows else 0


def _length(cell: str, *, words: bool) -> int:
    return max(map(cell_len, cell.split() if words else [cell]), default=0)
