"""Renders a report as a table for a terminal."""

from typing import assert_never

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bot.doctor.report import Caution, Fault, Good, Line, Report, Verdict
from commands.text import without_hidden


def table(report: Report) -> RenderableType:
    """Render each line with a mark, and below a caution or fault what to do."""
    grid = Table.grid(padding=(0, 2), pad_edge=False)
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    for line in report.lines:
        grid.add_row(_mark(line.verdict), line.name, _text(line))
    return grid


def _mark(verdict: Verdict) -> Text:
    match verdict:
        case Good():
            return Text("✓", style="green")
        case Caution():
            return Text("!", style="yellow")
        case Fault():
            return Text("✗", style="red")
        case _:
            assert_never(verdict)


def _text(line: Line) -> Text:
    # `Text` instead of a string: a daemon's error or a file name must not be parsed as markup.
    verdict = line.verdict
    if isinstance(verdict, Good):
        return Text(without_hidden(verdict.says))
    return Text.assemble(without_hidden(verdict.says), "\n", (f"→ {without_hidden(verdict.todo)}", "italic"))
