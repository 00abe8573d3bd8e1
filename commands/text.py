"""Text for readers: the only place that decides which characters are visible, and that quotes and lists words."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

LONGEST_QUOTE: Final = 60
"""The most characters of a typed text that a message repeats."""

_TERMINAL_SEQUENCE: Final = re.compile(
    r"""
      (?:\x1b\[|\x9b) [0-?]* [ -/]* [@-~]             # CSI: colours, cursor
    | (?:\x1b\]|\x9d) [^\x07\x1b]* (?:\x07|\x1b\\)?   # OSC: titles, links
    | \x1b [ -/]* [0-~]                               # every other escape
    """,
    re.VERBOSE,
)
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories that reorder, hide or break: controls, bidi and zero-width marks, surrogates, separators."""

# Unicode's Default_Ignorable_Code_Point outside these categories, except the two selectors that emoji need.
_IGNORABLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0d\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
_REMEMBERED: Final = 2_000
"""For how many characters the table stores whether they are visible."""


def is_hidden(char: str) -> bool:
    """Return whether this character is invisible, or changes how others appear."""
    return unicodedata.category(char) in _INVISIBLE or _IGNORABLE.match(char) is not None


class _Kept(dict[int, int | None]):
    """The translation of each character: unchanged, or None if removed. Computed at its first use."""

    def __missing__(self, code: int) -> int | None:
        kept = None if is_hidden(chr(code)) else code
        # The table is limited: a text could contain every character.
        if len(self) < _REMEMBERED:
            self[code] = kept
        return kept


_KEPT: Final = _Kept({ord("\n"): ord("\n"), ord("\t"): ord("\t")})


def without_terminal_sequences(text: str) -> str:
    """Return the text without colours, cursor movements, titles and other commands to a terminal."""
    return _TERMINAL_SEQUENCE.sub("", text)


def without_hidden(text: str) -> str:
    """Return the text without characters that hide, reorder or command; line ends and tabs stay."""
    return text if text.isascii() and text.isprintable() else text.translate(_KEPT)


def spell_out(text: str, *, keep: str = "") -> str:
    r"""Return the text with hidden characters spelled out, for example as `\u202e`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char in keep or _speaks_for_itself(char) else _name(char) for char in text)


def without_controls(text: str) -> str:
    """Return a program's terminal output as lines of printable characters."""
    return printable(without_terminal_sequences(text.replace("\t", " ")), keep="\n")


def printable(text: str, *, instead: str = "", keep: str = "") -> str:
    """Return the text with `instead` for each character that is not printable and not in `keep`."""
    return "".join(char if char.isprintable() or char in keep else instead for char in text)


def one_line(text: str) -> str:
    """Return the text as one line of printable characters with single spaces."""
    return " ".join(printable(text, instead=" ").split())


def quote(part: str) -> str:
    """Return typed text in back-ticks: shortened, on one line, without back-ticks or invisible characters."""
    seen = "".join(char if char.isprintable() else _name(char) for char in part.replace("`", "'"))
    short = seen if len(seen) <= LONGEST_QUOTE else f"{seen[: LONGEST_QUOTE - 1]}…"
    return f"`{short}`"


def code_spans(names: Sequence[str]) -> str:
    """Return a list of names, each in back-ticks."""
    return ", ".join(f"`{name}`" for name in names)


def plural(count: int, one: str, many: str | None = None) -> str:
    """Return the singular or plural of words for a count; without `many` the plural is regular."""
    return one if count == 1 else f"{one}s" if many is None else many


def count_of(count: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun: `1 image`, `1,200 images`."""
    return f"{count:,} {plural(count, one, many)}"


def and_more(words: Sequence[str], most: int, *, separator: str = ", ") -> str:
    """Return the first words and a count of the rest: `a, b and 3 more`."""
    rest = len(words) - most
    return separator.join(words[:most]) + (f" and {rest:,} more" if rest > 0 else "")


def in_words(words: Sequence[str], *, last: str = "and", most: int | None = None) -> str:
    """Return words as part of a sentence: `a, b and c`; with `most`, a count of the rest is the last word."""
    shown = list(words[:most])
    rest = len(words) - len(shown)
    *others, end = [*shown, f"{rest:,} more"] if rest else shown
    return f"{', '.join(others)} {last} {end}" if others else end


def _speaks_for_itself(char: str) -> bool:
    return char.isprintable() and not is_hidden(char)


def _name(char: str) -> str:
    return char.encode("unicode_escape").decode()
