"""Tables: made so that they fit into a message, and written out in columns where Slack does not take them."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from bot.slack import limits
from bot.slack.views.parts import Block, Message, section
from bot.slack.views.text import ELLIPSIS, columns, middle

Room = TypeVar("Room")

_BUDGET: Final = limits.BLOCKS_CHARACTERS - 200
"""Characters of a message with a table: the number is not documented, so there is some room to spare."""
_IN_COLUMNS: Final = 2_300
"""Characters of one section of columns."""
_GAP: Final = "  "
_LINE: Final = 100
"""Characters that a line of code has room for in a window of usual width."""
_NARROWEST: Final = (30, 24, 18, 12, 8)
"""How far a column may be narrowed so that its lines have that room: two digests with an arrow take 27."""
_LONG: Final = 24
"""Characters of a cell from which its column may have several lines: else it is as wide as it needs to be."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `width` is what its longest cell may cost, `is_wrapped` lets long cells have several lines."""

    title: str
    width: int
    is_wrapped: bool = False
    is_number: bool = False


def table(block_id: str, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> Block:
    """Make a table; cells that are too long lose their middle."""
    texts = [[column.title for column in columns], *rows]
    cells = [[_cell(text, column.width) for text, column in zip(row, columns, strict=True)] for row in texts]
    return {
        "type": "table",
        "block_id": block_id,
        "column_settings": [_setting(column, [row[place] for row in texts]) for place, column in enumerate(columns)],
        "rows": cells[: limits.TABLE_ROWS],
    }


def message_that_fits(make: Callable[[Room], Message], rooms: Sequence[Room]) -> Message:
    """Take the first of these rooms in which the message keeps Slack's limit, or else the last."""
    for room in rooms[:-1]:
        made = make(room)
        if length(made.blocks) <= _BUDGET:
            return made
    return make(rooms[-1])


def length(blocks: Sequence[Block]) -> int:
    """Count the characters of blocks as Slack may: as compact JSON in ASCII, where one character may take twelve."""
    return len(json.dumps(blocks, separators=(",", ":")))


def has_table(message: Message) -> bool:
    """Tell whether there is a table in it."""
    return any(block["type"] == "table" for block in message.blocks)


def without_tables(message: Message) -> Message:
    """Write the tables of a message out in columns, and keep everything else."""
    return message_that_fits(lambda narrowest: _in_columns(message, narrowest), _NARROWEST)


def _in_columns(message: Message, narrowest: int) -> Message:
    blocks: list[Block] = []
    for block in message.blocks:
        blocks.extend(_sections(block, narrowest) if block["type"] == "table" else [block])
    return Message(message.text, tuple(blocks))


def _sections(block: Block, narrowest: int) -> list[Block]:
    texts = columns(_lines(_texts(block), narrowest), _IN_COLUMNS)
    # The fences of a code block are more than its lines.
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
    """Make each column as wide as its longest cell; where that is too much for a line, the widest give way."""
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
    """Say what is unusual about a column, if anything is."""
    setting: Block = {}
    if column.is_wrapped and any(len(text) > _LONG for text in texts):
        setting["is_wrapped"] = True
    if column.is_number:
        setting["align"] = "right"
    return setting or None
