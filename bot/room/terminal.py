"""Dialogs in a terminal: Block Kit blocks in, something that `rich` prints out.

Nothing in a message can format or control the terminal: its text never goes through rich's console markup, and
control characters stay outside.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import JsonValue
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

Block = Mapping[str, JsonValue]

_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs"})
"""Unicode categories that command a terminal, reorder a line or cannot be encoded."""

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
_BUTTON_STYLES: Final = {"primary": "bold green", "danger": "bold red"}


def to_rich(blocks: Sequence[Block], files: Sequence[str] = ()) -> RenderableType:
    """Render a message; `files` are the names of the files in its thread."""
    parts = [_block(block) for block in blocks]
    if files:
        parts.append(Text(f"Files: {_visible(', '.join(files))}", style="dim"))
    return Panel(Group(*_spaced(parts)), padding=(0, 1))


def styled(mrkdwn: str) -> Text:
    """Turn Slack's mark-up into styled text: bold, italic, code, links and mentions; entities are unescaped."""
    text, end = Text(), 0
    for mark in _MARK.finditer(mrkdwn):
        text.append(_plain(mrkdwn[end : mark.start()]))
        text.append_text(_marked(str(mark.lastgroup), str(mark[str(mark.lastgroup)])))
        end = mark.end()
    return text.append(_plain(mrkdwn[end:]))


def _spaced(parts: Sequence[RenderableType]) -> list[RenderableType]:
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
            return Columns([_button(element) for element in elements], padding=(0, 3))
        case {"type": "divider"}:
            return Text("─" * 3, style="dim")
        case _:
            # A message stays readable when the bot sends what this terminal does not know.
            return Text(f"({_visible(str(block.get('type')))} is shown in Slack only)", style="dim")


def _section(block: Block) -> RenderableType:
    parts: list[RenderableType] = []
    if "text" in block:
        parts.append(_text(block["text"]))
    match block.get("fields"):
        case list(fields):
            parts.append(_table(fields))
    match block.get("accessory"):
        case {"type": "button"} as button:
            parts.append(_button(button))
    return Group(*parts)


def _table(fields: Sequence[JsonValue]) -> Table:
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


def _marked(kind: str, inside: str) -> Text:
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
    return "".join(char for char in text if char == "\n" or unicodedata.category(char) not in _INVISIBLE)


def _string(element: JsonValue, key: str) -> str:
    value = element.get(key) if isinstance(element, dict) else None
    return value if isinstance(value, str) else ""
