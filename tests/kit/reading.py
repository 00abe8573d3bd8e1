"""Reading a message as a person does: its texts, tables, buttons and menus."""

from collections.abc import Iterator
from typing import Any

from bot.slack.views import Message


def texts(message: Message) -> str:
    """Collect all texts of a message but those of tables and menus, in reading order."""
    blocks: list[Any] = [block for block in message.blocks if block["type"] != "table"]
    return "\n".join(_texts(blocks))


def rows(message: Message) -> list[list[str]]:
    """Read the table, titles first."""
    tables: list[Any] = [block["rows"] for block in message.blocks if block["type"] == "table"]
    return [[cell["text"] for cell in row] for table in tables for row in table]


def offered(message: Message) -> dict[str, str]:
    """Name the buttons by their action ids."""
    return {one["action_id"]: one["text"]["text"] for one in _elements(message) if one["type"] == "button"}


def menus(message: Message) -> dict[str, list[tuple[str, str]]]:
    """List the menus by their action ids: value and text of every option."""
    return {
        one["action_id"]: [(option["value"], option["text"]["text"]) for option in one["options"]]
        for one in _elements(message)
        if one["type"] == "static_select"
    }


def _elements(message: Message) -> list[Any]:
    blocks: list[Any] = [block for block in message.blocks if block["type"] == "actions"]
    return [element for block in blocks for element in block["elements"]]


def _texts(piece: object) -> Iterator[str]:
    match piece:
        case {"type": "static_select"}:
            return
        case {"text": str(text)}:
            yield text
        case dict():
            for value in piece.values():
                yield from _texts(value)
        case list():
            for value in piece:
                yield from _texts(value)
        case _:
            return
