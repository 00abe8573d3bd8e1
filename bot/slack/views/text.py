"""Text that is safe to show: the only place that turns text from people, daemons and logs into Slack's mrkdwn."""

import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, LiteralString, NewType, TypeVar

from commands.text import without_hidden, without_terminal_sequences

Item = TypeVar("Item")

Markup = NewType("Markup", str)
"""mrkdwn in which all foreign text is escaped. Only the functions of this module make it."""

ELLIPSIS: Final = "…"
NOTHING: Final = "–"
"""The replacement for an empty text, which Slack refuses."""

_LONGEST: Final = 20_000
"""How many characters of a text are processed; the rest could never be shown."""

_DIGEST: Final = re.compile(r"(?<![0-9a-f])([0-9a-f]{12})[0-9a-f]{52}(?![0-9a-f])")
_QUOTED: Final = re.compile(r"`([^`\n]+)`")
_FENCE: Final = re.compile(r"`{3,}")
_CHANNEL_ID: Final = re.compile(r"[CDG][A-Z0-9]{1,30}")
_USER_ID: Final = re.compile(r"[UW][A-Z0-9]{1,30}")

_REASON: Final = 400
"""The most characters of a reason in one line."""


def visible(text: str) -> str:
    """Return the text that a terminal would show: no controls, no colours, no invisible or reordering characters."""
    if text.isascii() and text.isprintable():
        return text
    lines = without_terminal_sequences(text).replace("\t", " ").split("\n")
    # A progress bar redraws its line after a carriage return, so only the last version counts.
    drawn = (line.rstrip("\r").rpartition("\r")[2] for line in lines)
    return "\n".join(without_hidden(line) for line in drawn)


def plain(text: str, limit: int) -> str:
    """Return a non-empty line for a `plain_text` object, without back-ticks, since such an object has no markup."""
    return _beginning_of(_one_line(_short_digests(text)).replace("`", ""), limit) or NOTHING


def middle(text: str, limit: int) -> str:
    """Return a non-empty line for a `plain_text` object or a cell; a mark replaces the middle of a long text."""
    return _without_middle(_one_line(_short_digests(text)).replace("`", ""), limit) or NOTHING


def escape(text: str, limit: int) -> Markup:
    """Return a text as one line of mrkdwn, with its markup escaped."""
    return Markup(_escape_entities(_beginning_of(_one_line(_short_digests(text)).replace("`", "'"), limit) or NOTHING))


def prose(text: str, limit: int) -> Markup:
    """Return sentences in which pairs of back-ticks quote; every other back-tick becomes an apostrophe."""
    kept = _beginning_of(_short_digests(text).strip(), limit) or NOTHING
    pieces = _QUOTED.split(kept)
    return Markup("".join(_code_span(piece) if place % 2 else _plain_span(piece) for place, piece in enumerate(pieces)))


def code(text: str, limit: int) -> Markup:
    """Return a code span of one line."""
    inside = _beginning_of(_one_line(_short_digests(text)).replace("`", "'"), limit) or NOTHING
    return Markup(f"`{_escape_entities(inside)}`")


def copyable(text: str, limit: int) -> Markup:
    """Return a code block of one line to copy, which is cut only if it is longer than `limit`."""
    return _code_block([_beginning_of(_one_line(visible(text[:_LONGEST])), limit) or NOTHING])


def log_block(lines: Sequence[str], *, limit: int, line_limit: int) -> Markup:
    """Return a code block of log lines; if they do not all fit, the last ones stay, since errors come last."""
    kept: deque[str] = deque()
    spent = 0
    for line in _lines_from_the_end(lines):
        shown = _beginning_of(line, line_limit)
        spent += cost(_escape_entities(shown)) + cost("\n")
        if spent > limit:
            kept.appendleft(ELLIPSIS)
            break
        kept.appendleft(shown)
    return _code_block(kept or [NOTHING])


def columns(lines: Sequence[str], limit: int) -> list[Markup]:
    """Return code blocks of unchanged lines, each block with at most `limit` characters."""
    blocks: list[list[str]] = [[]]
    spent = 0
    for line in lines:
        kept = _beginning_of(line, limit // 2)
        spent += cost(_escape_entities(kept)) + cost("\n")
        if spent > limit and blocks[-1]:
            blocks.append([])
            spent = cost(_escape_entities(kept)) + cost("\n")
        blocks[-1].append(kept)
    return [_code_block(block or [NOTHING]) for block in blocks]


def mention(user: str) -> Markup:
    """Return a mention of a person; text that is not a Slack id stays text and mentions nobody."""
    return Markup(f"<@{user}>") if _USER_ID.fullmatch(user) else code(user, 40)


def channel_link(channel: str) -> Markup:
    """Return a link to a channel, which Slack shows by its name; text that is not a Slack id stays text."""
    return Markup(f"<#{channel}>") if _CHANNEL_ID.fullmatch(channel) else code(channel, 40)


def markup(template: LiteralString, *parts: Markup) -> Markup:
    """Return the template with safe parts at its `{}`."""
    return Markup(template.format(*parts))


def join(separator: LiteralString, parts: Iterable[Markup]) -> Markup:
    """Join safe parts with a separator."""
    return Markup(separator.join(parts))


def several(items: Sequence[Item], limit: int, show: Callable[[Item], Markup]) -> Markup:
    """Return a list of items, with a count of those that do not fit: `a, b and 3 more`."""
    kept: list[Markup] = []
    spent = 0
    for shown in map(show, items):
        spent += cost(shown) + cost(", ")
        if spent > limit:
            break
        kept.append(shown)
    rest = len(items) - len(kept)
    listed = ", ".join(kept)
    return Markup(f"{listed} and {rest:,} more" if rest and kept else f"{rest:,}" if rest else listed or NOTHING)


def cost(text: str) -> int:
    """Return the length of a text as JSON in ASCII, the longest form in which Slack may count it."""
    return len(json.dumps(text)) - 2


def _short_digests(text: str) -> str:
    return _DIGEST.sub(rf"\1{ELLIPSIS}", visible(text[:_LONGEST]))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _escape_entities(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _beginning_of(text: str, limit: int) -> str:
    """Return the beginning whose escaped form costs at most `limit`, with a mark at the cut."""
    if len(text) <= limit and cost(_escape_entities(text)) <= limit:
        return text
    spent = cost(ELLIPSIS)
    for place, char in enumerate(text):
        spent += cost(_escape_entities(char))
        if spent > limit:
            return text[:place].rstrip() + ELLIPSIS
    return text


def _without_middle(text: str, limit: int) -> str:
    if cost(_escape_entities(text)) <= limit:
        return text
    half = max(0, limit - cost(ELLIPSIS)) // 2
    return f"{_fitting_start(text, half).rstrip()}{ELLIPSIS}{_fitting_start(text[::-1], half)[::-1].lstrip()}"


def _fitting_start(text: str, limit: int) -> str:
    spent = 0
    for place, char in enumerate(text):
        spent += cost(_escape_entities(char))
        if spent > limit:
            return text[:place]
    return text


def _code_span(text: str) -> str:
    inside = _escape_entities(text.strip())
    return f"`{inside}`" if inside else "''"


def _plain_span(text: str) -> str:
    return _escape_entities(text.replace("`", "'"))


def _lines_from_the_end(texts: Sequence[str]) -> Iterator[str]:
    return (line for text in reversed(texts) for line in reversed(_short_digests(text).split("\n")) if line.strip())


def _code_block(lines: Iterable[str]) -> Markup:
    inside = "\n".join(_FENCE.sub(lambda run: "'" * len(run[0]), line) for line in lines)
    return Markup(f"```\n{_escape_entities(inside)}\n```")


def because(what: Markup, reason: str) -> Markup:
    """Return what happened and why, in one line."""
    return markup("{}: {}", what, prose(reason, _REASON))
