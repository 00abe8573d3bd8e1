"""A secret is masked in every encoding that a package might print it in."""

import base64
import codecs
import json
import textwrap
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.logs import MASK, Redactor

SECRET = "s3cret-of/the+index~"
REDACT = Redactor([SECRET])


def hexed(text: str, separator: str = "") -> str:
    return text.encode().hex(separator) if separator else text.encode().hex()


def each_byte(form: str) -> Callable[[str], str]:
    return lambda text: "".join(form.format(byte) for byte in text.encode())


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def b32(text: str) -> str:
    return base64.b32encode(text.encode()).decode()


def wrapped(encode: Callable[[str], str], width: int, end: str = "\n") -> Callable[[str], str]:
    return lambda text: end.join(textwrap.wrap(encode(text), width, break_on_hyphens=False))


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "Base64": b64,
    "Base64 without padding": lambda text: b64(text).rstrip("="),
    "Base64 behind one byte": lambda text: b64(f"u{text}"),
    "Base64 behind two bytes": lambda text: b64(f"u:{text}"),
    "Base64 of a login": lambda text: b64(f"robot:{text}"),
    "Base64 of a line": lambda text: b64(f"{text}\n"),
    "Base64 for addresses": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "Base64 for addresses, of a login, without padding": lambda text: (
        base64.urlsafe_b64encode(f"me:{text}!".encode()).decode().rstrip("=")
    ),
    "Base64 in an address": lambda text: quote(b64(text), safe=""),
    "Base64 in lines": wrapped(b64, 5),
    "Base64 in indented lines": wrapped(b64, 7, "\r\n    "),
    "Base64 in lines, in JSON": lambda text: json.dumps(wrapped(b64, 4)(text)),
    "Base64 as a list": lambda text: str(textwrap.wrap(b64(text), 6)),
    "hex": hexed,
    "HEX": lambda text: hexed(text).upper(),
    "hex with colons": lambda text: hexed(text, ":"),
    "hex with spaces": lambda text: hexed(text, " "),
    "HEX with dashes": lambda text: hexed(text, "-").upper(),
    "hex in lines": wrapped(hexed, 5),
    "escapes": each_byte(r"\x{:02x}"),
    "numbers": each_byte("0x{:02X}, "),
    "percent": each_byte("%{:02X}"),
    "percent in lower case": each_byte("%{:02x}"),
    "entities": each_byte("&#x{:02x};"),
    "escapes of JSON": each_byte(r"\u{:04x}"),
    "UTF-16": lambda text: text.encode("utf-16-le").hex(),
    "Base32": b32,
    "base32 without padding": lambda text: b32(text).rstrip("=").lower(),
    "Base32 of a login": lambda text: b32(f"me:{text}"),
    "Base32 in lines": wrapped(b32, 7),
    "backwards": lambda text: text[::-1],
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "upper case": str.upper,
    "swapped case": str.swapcase,
    "in lines": "\n  ".join,
}
OF_ASCII = {"escapes of JSON", "UTF-16"}
"""Encodings that write one byte for each character."""


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_secret_is_masked_in_every_encoding(name: str) -> None:
    encoded = ENCODINGS[name](SECRET)

    shown = REDACT(f"it said <{encoded}> at last")

    assert encoded not in shown
    assert MASK in shown
    assert shown.startswith("it said <")
    assert shown.endswith(" at last")


@pytest.mark.parametrize("offset", range(3))
def test_in_base64_nothing_of_the_secret_is_left_beside_the_mask(offset: int) -> None:
    shown = REDACT(b64("x" * offset + SECRET))

    only_of_what_stands_before = b64("x" * offset)[: offset * 8 // 6]
    assert shown == only_of_what_stands_before + MASK


def test_only_what_holds_the_secret_is_masked() -> None:
    before, after = b64("nothing to hide, and no end of it"), hexed("nothing here")

    assert REDACT(f"{before} {b64(SECRET)} {after}") == f"{before} {MASK} {after}"


def test_each_of_several_is_masked() -> None:
    redact = Redactor([SECRET, "another-secret"])

    shown = redact(f"a {b64(SECRET)} b {hexed('another-secret')} c {b64(SECRET)} d {SECRET} e")

    assert shown == f"a {MASK} b {MASK} c {MASK} d {MASK} e"


@pytest.mark.parametrize(
    "text",
    [
        "sha256:" + "0f" * 32,
        b64("a" * 200),
        "mechanize-0.4.10-py3-none-any.whl",
        "the secret of the index is safe",
        "s3cret-of",
        b64(SECRET[:8]),
        hexed(SECRET[:10]),
    ],
)
def test_what_is_not_the_whole_secret_stays(text: str) -> None:
    assert REDACT(text) == text


@pytest.mark.parametrize("secret", ["redact", "REDACT", "edacte", "detcad", "erqnpgrq"])
def test_a_secret_that_the_mask_spells_does_not_grow_it(secret: str) -> None:
    assert Redactor([secret])("nothing") == "nothing"
    assert len(Redactor([secret])(MASK)) < 3 * len(MASK)


secrets = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=6, max_size=40).filter(
    lambda text: text.strip() == text and len(text.replace(" ", "")) >= 6 and text.lower() not in MASK
)
around = st.text(st.characters(codec="utf-8"), max_size=30)


@pytest.mark.parametrize("name", ENCODINGS)
@given(before=around, secret=secrets, after=around)
def test_no_text_holds_an_encoded_secret_any_more(name: str, before: str, secret: str, after: str) -> None:
    encoded = ENCODINGS[name](secret)
    if len(encoded) >= 6 and encoded.lower() not in MASK:
        assert encoded not in Redactor([secret])(f"{before}{encoded}{after}")


wide = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=6, max_size=30)


@pytest.mark.parametrize("name", [name for name in ENCODINGS if name not in OF_ASCII])
@given(secret=wide)
def test_a_secret_of_any_characters_is_known_too(name: str, secret: str) -> None:
    # Some capitals are two letters in lower case: those stay as they are.
    if name in {"upper case", "swapped case"} and not secret.isascii():
        return
    encoded = ENCODINGS[name](secret)
    if encoded.lower() not in MASK:
        assert encoded not in Redactor([secret])(f"({encoded})")


@given(before=around, secret=secrets, after=around, name=st.sampled_from(sorted(ENCODINGS)))
def test_masking_twice_changes_nothing_more(before: str, secret: str, after: str, name: str) -> None:
    redact = Redactor([secret])
    once = redact(f"{before}{ENCODINGS[name](secret)}{after}")

    assert redact(once) == once
