"""Dialogs in a terminal: Block Kit blocks in, something that `rich` prints out.

Nothing in a message can format or control the terminal: its text never goes through rich's console markup, and
control characters stay outside.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pydantic import JsonValue
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bot.room.client.tables import Grid
from commands.text import and_more, without_hidden

Block = Mapping[str, JsonValue]

_MARK: Final = re.compile(
    r"""
      ```\n?(?P<block>.*?)\n?```
    | `(?P<code>[^`\n]+)`
    | (?<![\w*])\*(?P<bold>\S|\S[^*\n]*?\S)\*(?![\w*])
    | (?<![\w_])_(?P<italic>\S|\S[^_\n]*?\S)_(?![\w_])
    | <(?P<link>[^<>\n]+)>
    """,
    re.VERBOSE | re.DOTALL,
)
_STYLES: Final = {"block": "cyan", "code": "cyan", "bold": "bold", "italic": "italic"}
_MOST_OPTIONS: Final = 3
"""Choices of a menu that are shown."""
_FRAME: Final = 4
"""Columns that the frame of a dialog takes."""
_MENUS: Final = frozenset({"static_select", "overflow"})
_BUTTON_STYLES: Final = {"primary": "bold green", "danger": "bold red"}


def to_rich(blocks: Sequence[Block], files: Sequence[str] = ()) -> RenderableType:
    """Render a message; `files` are the names of the files in its thread."""
    parts = [_block(block) for block in blocks]
    if files:
        parts.append(Text(f"Files: {_visible(', '.join(files))}", style="dim"))
    return Panel(Group(*_with_blank_lines(parts)), padding=(0, 1))


def width_of_tables(blocks: Sequence[Block]) -> int:
    """Say how wide a window must be for each row of each table to be one line; 0 where there is no table."""
    tables = [_table(rows, None) for block in blocks if isinstance(rows := block.get("rows"), list)]
    return max((table.width + _FRAME for table in tables), default=0)


def styled(mrkdwn: str) -> Text:
    """Turn Slack's mark-up into styled text: bold, italic, code, links and mentions; entities are unescaped."""
    text, end = Text(), 0
    for mark in _MARK.finditer(mrkdwn):
        text.append(_plain(mrkdwn[end : mark.start()]))
        text.append_text(_styled_mark(str(mark.lastgroup), str(mark[str(mark.lastgroup)])))
        end = mark.end()
    return text.append(_plain(mrkdwn[end:]))


def _with_blank_lines(parts: Sequence[RenderableType]) -> list[RenderableType]:
    return [piece for part in parts for piece in (Text(""), part)][1:]


def _block(block: Block) -> RenderableType:
    match block:
        case {"type": "header"}:
            return _text(block.get("text"), style="bold")
        case {"type": "section"}:
            return _section(block)
        case {"type": "context", "elements": list(elements)}:
            return Group(*(_text(element, style="dim") for element in elements))
        case {"type": "actions", "elements": list(elements)}:
            return _actions(elements)
        case {"type": "table" | "data_table", "rows": list(rows)}:
            return _table(rows, block.get("column_settings"))
        case _:
            # A message stays readable when it has a block that this terminal does not know.
            is_line = block.get("type") == "divider"
            words = "─" * 3 if is_line else f"({_visible(str(block.get('type')))} is shown in Slack only)"
            return Text(words, style="dim")


def _section(block: Block) -> RenderableType:
    parts: list[RenderableType] = []
    if "text" in block:
        parts.append(_text(block["text"]))
    match block.get("fields"):
        case list(fields):
            parts.append(_fields(fields))
    match block.get("accessory"):
        case {"type": "button" | "static_select" | "overflow"} as accessory:
            parts.append(_actions([accessory]))
    return Group(*parts)


def _actions(elements: Sequence[JsonValue]) -> RenderableType:
    """Show the buttons beside each other, and below them a line for each menu."""
    menus = [element for element in elements if _string(element, "type") in _MENUS]
    buttons = [_button(element) for element in elements if element not in menus]
    row = [Columns(buttons, padding=(0, 3))] if buttons else []
    return Group(*row, *map(_menu, menus))


def _menu(element: JsonValue) -> Text:
    match element:
        case {"options": list(options)}:
            words = [_visible(_string(option.get("text"), "text")) for option in options if isinstance(option, dict)]
        case _:
            words = []
    label = _string(element.get("placeholder"), "text") if isinstance(element, dict) else ""
    shown = Text(f"[ {_visible(label) or 'Choose'} ▾ ]")
    shown.append(f" {_visible(_string(element, 'action_id'))}", style="dim")
    return shown.append(f": {and_more(words, _MOST_OPTIONS)}")


def _table(rows: Sequence[JsonValue], settings: JsonValue) -> Grid:
    """Show a table; its first row is the head."""
    texts = [[_cell(cell) for cell in row] for row in rows if isinstance(row, list)]
    places = range(len(settings)) if isinstance(settings, list) else ()
    right = frozenset(place for place in places if _setting(settings, place, "align") == "right")
    return Grid(texts, right)


def _cell(cell: JsonValue) -> str:
    return _visible(" ".join("".join(_runs(cell)).split()))


def _runs(cell: JsonValue) -> Iterator[str]:
    """Give the words of a cell, however deep in rich text they are."""
    match cell:
        case {"text": str(text)}:
            yield text
        case {"type": "raw_number", "value": int() | float() as value}:
            yield str(value)
        case {"elements": list(elements)}:
            for element in elements:
                yield from _runs(element)
        case _:
            pass


def _setting(settings: JsonValue, place: int, key: str) -> str:
    return _string(settings[place], key) if isinstance(settings, list) and place < len(settings) else ""


def _fields(fields: Sequence[JsonValue]) -> Table:
    """Show fields line by line, label beside value: a line can be copied whole, and a narrow window shows it all."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for field in fields:
        label, _, value = _string(field, "text").partition("\n")
        table.add_row(styled(label), styled(value))
    return table


def _button(element: JsonValue) -> Text:
    match element:
        case {"type": "button", "text": text, "action_id": str(action)}:
            label = Text(
                f"[ {_visible(_string(text, 'text'))} ]", style=_BUTTON_STYLES.get(_string(element, "style"), "")
            )
            return label.append(f" {_visible(action)}", style="not bold dim default")
        case _:
            return Text(f"[ {_visible(_string(element, 'type'))} ]", style="dim")


def _text(element: JsonValue, style: str = "") -> Text:
    text = _string(element, "text")
    shown = Text(_visible(text)) if _string(element, "type") == "plain_text" else styled(text)
    shown.stylize_before(style)
    return shown


def _styled_mark(kind: str, inside: str) -> Text:
    if kind == "link":
        return Text(_plain(_link(inside)), style="bold" if inside.startswith(("@", "!")) else "underline")
    return Text(_plain(inside), style=_STYLES[kind])


def _link(inside: str) -> str:
    """Show `@U1` for `<@U1>`, the label of `<address|label>`, the fallback of `<!date^…|fallback>`."""
    address, _, label = inside.partition("|")
    if label:
        return label
    return f"@{address[1:].partition('^')[0]}" if address.startswith("!") else address


def _plain(text: str) -> str:
    # The ampersand last, so that `&amp;lt;` stays the four characters that somebody typed.
    return _visible(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


def _visible(text: str) -> str:
    return without_hidden(text).replace("\t", " ")


def _string(element: JsonValue, key: str) -> str:
    value = element.get(key) if isinstance(element, dict) else None
    return value if isinstance(value, str) else ""
