"""Which characters a reader sees: the only place that says what is kept of foreign text in dialogs, logs and files."""

import re
import unicodedata
from typing import Final

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

# Unicode's Default_Ignorable_Code_Point outside of those categories, but for the two selectors that emoji need.
_IGNORABLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0d\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
_REMEMBERED: Final = 2_000
"""Characters of which it is remembered whether a reader sees them."""


def is_hidden(char: str) -> bool:
    """Tell whether this character shows nothing itself, or changes what others show."""
    return unicodedata.category(char) in _INVISIBLE or _IGNORABLE.match(char) is not None


class _Kept(dict[int, int | None]):
    """What becomes of each character: it stays, or goes (None). Worked out when it is first met."""

    def __missing__(self, code: int) -> int | None:
        kept = None if is_hidden(chr(code)) else code
        # Only so many are kept: a text could hold every character there is.
        if len(self) < _REMEMBERED:
            self[code] = kept
        return kept


_KEPT: Final = _Kept({ord("\n"): ord("\n"), ord("\t"): ord("\t")})


def without_terminal_sequences(text: str) -> str:
    """Leave out colours, cursor movements, titles and every other command to a terminal."""
    return _TERMINAL_SEQUENCE.sub("", text)


def without_hidden(text: str) -> str:
    """Leave out what hides, reorders or commands; line ends and tabs stay."""
    return text if text.isascii() and text.isprintable() else text.translate(_KEPT)


def spelled_out(text: str, *, keep: str = "") -> str:
    r"""Write `\u202e` in place of the character itself, so that a reader sees that it was there."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char in keep or _speaks_for_itself(char) else _name(char) for char in text)


def _speaks_for_itself(char: str) -> bool:
    return char.isprintable() and not is_hidden(char)


def _name(char: str) -> str:
    return char.encode("unicode_escape").decode()
