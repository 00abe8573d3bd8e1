"""Encoded secrets: the only place that knows how Base64, hex and the like encode a secret, and finds it in a text.

A package may print anything, so the search covers every encoding that one call of a standard library produces. The
text is first reduced to the alphabet of an encoding, which removes line breaks and separators, and is searched for the
encoded secret. Only on a match is the original text searched with a pattern.
"""

import codecs
import re
from base64 import b32encode, b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from itertools import pairwise
from string import ascii_lowercase, ascii_uppercase, digits, hexdigits
from typing import Final, NamedTuple, Self

_SPACE: Final = b" \t\n\r\x0b\x0c"
_GAP: Final = r"\s{0,16}"
_WRAP: Final = r"""(?:\s|\\[nrt]|["',\\]){0,16}"""
"""What separates the lines of a wrapped text, also in a list or in JSON."""
_BETWEEN_DIGITS: Final = r"[^0-9A-Za-z]{0,16}(?:0?x|u?00)?"
"""What separates bytes in hex: `:`, `%`, `\\x`, `0x`, `&#x`, and the zero byte in UTF-16."""


class View(IntEnum):
    """The alphabet of a reduced text; its value is the index in `Views`."""

    LETTERS = 0
    HEX = 1
    BASE64 = 2
    BASE32 = 3


class Views(NamedTuple):
    """A text reduced to the alphabet of each encoding, with one character per UTF-8 byte."""

    letters: str
    hexadecimal: str
    base64: str
    base32: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Reduce a text to each alphabet."""
        raw = text.encode("utf-8", "surrogatepass")
        # With and without `0x`, which may also be the end of one byte followed by a letter.
        bare = raw + b"." + raw.replace(b"0x", b"") if b"0x" in raw else raw
        joined = raw + b"." + _unquote(raw) if b"\\" in raw or b"%" in raw else raw
        return cls(
            letters=_reduce(raw, _LOWER, _SPACE),
            hexadecimal=_reduce(bare, _LOWER, _NOT_HEX),
            base64=_reduce(joined, _ONE_BASE64, _NOT_BASE64),
            base32=_reduce(joined, _UPPER, _NOT_BASE32),
        )


@dataclass(frozen=True, slots=True, repr=False)
class Disguise:
    """One encoded form of a secret: `needle` in a view of the text, `pattern` in the text itself.

    `fringe` are the adjacent characters that may contain bits of the secret's first and last byte.
    """

    view: View
    needle: str
    pattern: str
    fringe: str = ""

    def redact(self, text: str, mask: str) -> str:
        """Return the text with this form replaced by the mask."""
        spans = [self._span(match, text) for match in _compile(self.pattern).finditer(text)]
        ends = [(0, 0), *spans, (len(text), len(text))]
        return mask.join(text[end:start] for (_, end), (start, _) in pairwise(ends))

    def _span(self, match: re.Match[str], text: str) -> tuple[int, int]:
        start, end = match.span()
        if self.fringe:
            start -= text[start - 1 : start] in self.fringe if start else 0
            end += text[end : end + 1] in self.fringe if end < len(text) else 0
            end += len(text[end : end + 2]) - len(text[end : end + 2].lstrip("="))
        return start, end


class Disguises:
    """All encoded forms of all secrets, arranged for a fast search: it runs on every string that leaves the program."""

    def __init__(self, secrets: Iterable[str], *, shortest: int, mask: str) -> None:
        # A form that occurs in the mask itself would be replaced again and again.
        masked = Views.of(mask)
        found = [each for secret in secrets for each in disguises(secret) if each.needle not in masked[each.view]]
        long_enough = [each for each in found if len(each.needle) >= shortest]
        self._by_view = [[(each.needle, each) for each in long_enough if each.view is view] for view in View]
        self._shortest = shortest
        self._mask = mask

    def redact(self, text: str, views: Views) -> str:
        """Return the text with every form replaced by the mask; `views` are the text's views."""
        for needles, seen in zip(self._by_view, views, strict=True):
            if len(seen) >= self._shortest:
                for disguise in [each for needle, each in needles if needle in seen]:
                    text = disguise.redact(text, self._mask)
        return text


def disguises(secret: str) -> Iterator[Disguise]:
    """Yield every encoded form of a secret; the plain ones are not included."""
    yield from map(_as_letters, (secret, secret[::-1], codecs.encode(secret, "rot13")))
    encoded = secret.encode("utf-8", "surrogatepass")
    yield _as_digits(encoded.hex(), encoded.hex())
    if secret.isascii():
        # Without its first zeros it matches both byte orders.
        yield _as_digits(secret.encode("utf-16-be").hex()[2:], encoded.hex())
    yield from _as_base64(encoded)
    yield from _as_base32(encoded)


def _as_letters(text: str) -> Disguise:
    needle = _reduce(text.encode("utf-8", "surrogatepass"), _LOWER, _SPACE)
    chars = [char for char in text if char not in _SPACE.decode()]
    return Disguise(View.LETTERS, needle, f"(?i:{_GAP.join(map(re.escape, chars))})")


def _as_digits(needle: str, shown: str) -> Disguise:
    return Disguise(View.HEX, needle, rf"(?i:{_BETWEEN_DIGITS.join(shown)})")


def _as_base64(secret: bytes) -> Iterator[Disguise]:
    spelled = {"+": r"(?:[+-]|%2[Bb])", "/": r"(?:[/_]|%2[Ff])"}
    for offset in range(3):
        # The preceding text takes 0, 1 or 2 bytes of a group of three.
        whole = b64encode(bytes(offset) + secret).decode()
        core = whole[-(-offset * 8 // 6) : (offset + len(secret)) * 8 // 6]
        pattern = _WRAP.join(spelled.get(char, char) for char in core)
        yield Disguise(View.BASE64, core, pattern, ascii_lowercase + ascii_uppercase + digits + "+/-_")


def _as_base32(secret: bytes) -> Iterator[Disguise]:
    for offset in range(5):
        whole = b32encode(bytes(offset) + secret).decode()
        core = whole[-(-offset * 8 // 5) : (offset + len(secret)) * 8 // 5]
        yield Disguise(View.BASE32, core, f"(?i:{_WRAP.join(core)})", ascii_lowercase + ascii_uppercase + "234567")


@lru_cache(maxsize=256)
def _compile(pattern: str) -> re.Pattern[str]:
    # On first use: most are never used, and compiling all of them would take a second at the start.
    return re.compile(pattern)


def _reduce(raw: bytes, same: bytes, left_out: bytes) -> str:
    # Reducing bytes is ten times faster than reducing a string; searching a string is five times faster than bytes.
    return raw.translate(same, left_out).decode("latin-1")


def _unquote(raw: bytes) -> bytes:
    for written, meant in _QUOTED.items():
        raw = raw.replace(written, meant)
    return raw


def _all_but(kept: str) -> bytes:
    return bytes(set(range(256)) - set(kept.encode()))


_QUOTED: Final = {
    **dict.fromkeys((b"\\n", b"\\r", b"\\t"), b""),
    **dict.fromkeys((b"%2B", b"%2b"), b"+"),
    **dict.fromkeys((b"%2F", b"%2f"), b"/"),
}
_LOWER: Final = bytes.maketrans(ascii_uppercase.encode(), ascii_lowercase.encode())
_UPPER: Final = bytes.maketrans(ascii_lowercase.encode(), ascii_uppercase.encode())
_ONE_BASE64: Final = bytes.maketrans(b"-_", b"+/")
_NOT_HEX: Final = _all_but(hexdigits)
_NOT_BASE64: Final = _all_but(ascii_lowercase + ascii_uppercase + digits + "+/-_")
_NOT_BASE32: Final = _all_but(ascii_lowercase + ascii_uppercase + "234567")
