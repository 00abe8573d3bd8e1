"""Tables that fit into a message, and columns of text for workspaces that do not support tables."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from bot.slack import limits
from bot.slack.views.parts import Block, Message, section
from bot.slack.views.text import ELLIPSIS, columns, middle

Room = TypeVar("Room")

_BUDGET: Final = limits.BLOCKS_CHARACTERS - 200
"""The most characters of a message with a table: Slack's limit is not documented, so this has a margin."""
_IN_COLUMNS: Final = 2_300
"""The most characters of one section of columns."""
_GAP: Final = "  "
_LINE: Final = 100
"""The characters that fit into a line of code in a window of usual width."""
_NARROWEST: Final = (30, 24, 18, 12, 8)
"""The least width of a column that is narrowed to fit: two digests with an arrow take 27."""
_LONG: Final = 24
"""The length of a cell from which its column may wrap; other columns are as wide as their cells."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `width` is the highest cost of a cell, `is_wrapped` lets long cells wrap."""

    title: str
    width: int
    is_wrapped: bool = False
    is_number: bool = False


def table(block_id: str, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> Block:
    """Return a table; cells that are too long lose their middle."""
    texts = [[column.title for column in columns], *rows]
    cells = [[_cell(text, column.width) for text, column in zip(row, columns, strict=True)] for row in texts]
    return {
        "type": "table",
        "block_id": block_id,
        "column_settings": [_setting(column, [row[place] for row in texts]) for place, column in enumerate(columns)],
        "rows": cells[: limits.TABLE_ROWS],
    }


def message_that_fits(make: Callable[[Room], Message], rooms: Sequence[Room]) -> Message:
    """Return the message in the first room in which it keeps Slack's limit, or else in the last room."""
    for room in rooms[:-1]:
        made = make(room)
        if length(made.blocks) <= _BUDGET:
            return made
    return make(rooms[-1])


def length(blocks: Sequence[Block]) -> int:
    """Return the length of blocks as compact JSON in ASCII, where one character may take twelve."""
    return len(json.dumps(blocks, separators=(",", ":")))


def has_table(message: Message) -> bool:
    """Return whether the message has a table."""
    return any(block["type"] == "table" for block in message.blocks)


def without_tables(message: Message) -> Message:
    """Return the message with its tables as columns of text."""
    return message_that_fits(lambda narrowest: _in_columns(message, narrowest), _NARROWEST)


def _in_columns(message: Message, narrowest: int) -> Message:
    blocks: list[Block] = []
    for block in message.blocks:
        blocks.extend(_sections(block, narrowest) if block["type"] == "table" else [block])
    return Message(message.text, tuple(blocks))


def _sections(block: Block, narrowest: int) -> list[Block]:
    texts = columns(_lines(_texts(block), narrowest), _IN_COLUMNS)
    # The fences of a code block cost characters too.
    return [
        section(f"{block['block_id']}_{place}", text, most=limits.SECTION_TEXT)
        for place, text in enumerate(texts, start=1)
    ]


def _lines(rows: Sequence[Sequence[str]], narrowest: int) -> list[str]:
    widths = _widths(rows, narrowest)
    padded = (_GAP.join(_short(text, most).ljust(most) for text, most in zip(row, widths, strict=True)) for row in rows)
    titles, *rest = (line.rstrip() for line in padded)
    rule = _GAP.join("-" * most for most in widths)
    return [titles, rule, *rest]


def _widths(rows: Sequence[Sequence[str]], narrowest: int) -> list[int]:
    """Return the width of each column: that of its longest cell; if a line gets too long, the widest columns shrink."""
    widths = [max(len(text) for text in column) for column in zip(*rows, strict=True)]
    while sum(widths) + len(_GAP) * (len(widths) - 1) > _LINE and max(widths) > narrowest:
        widths[widths.index(max(widths))] -= 1
    return widths


def _short(text: str, width: int) -> str:
    if len(text) <= width:
        return text
    end = (width - 1) // 2
    return f"{text[: width - 1 - end]}{ELLIPSIS}{text[-end:]}"


def _texts(block: Block) -> list[list[str]]:
    rows: Any = block["rows"]
    return [[cell["text"] for cell in row] for row in rows]


def _cell(text: str, width: int) -> Block:
    return {"type": "raw_text", "text": middle(text, max(width, 2 * len(ELLIPSIS)))}


def _setting(column: Column, texts: Iterable[str]) -> Block | None:
    """Return the settings of a column; None if it has the defaults."""
    setting: Block = {}
    if column.is_wrapped and any(len(text) > _LONG for text in texts):
        setting["is_wrapped"] = True
    if column.is_number:
        setting["align"] = "right"
    return setting or None
