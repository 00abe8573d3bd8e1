"""Turns typed text, as chat clients change it, into plain text; and the errors for malformed text."""

import re
import unicodedata
from collections.abc import Mapping, Sequence

from commands.text import quote

LONGEST_TEXT = 2_000
"""Maximum characters after one command."""

HELP = frozenset({"help", "-h", "--help", "?"})
"""Texts that request a command's help."""

QUOTES = "\"'`"
_TYPOGRAPHIC = str.maketrans(
    {
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‘’‚‛′", "'"),
        "´": "`",
        **dict.fromkeys("–—―", "--"),
        **dict.fromkeys("‐‑‒−", "-"),
    }
)
_LOOK_ALIKES = dict(
    zip(
        "аеорсухіјѕԁһвкмнтАВЕКМНОРСТХІЈЅοαενρτΑΒΕΗΙΚΜΝΟΡΤΧ",
        "aeopcyxijsdhbkmhtABEKMHOPCTXIJSoaevptABEHIKMNOPTX",
        strict=True,
    )
)
_ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">"}
_ENTITY = re.compile("|".join(_ENTITIES))
_LINK = re.compile(r"<(?P<url>(?:[A-Za-z][A-Za-z0-9+.-]*://|mailto:)[^\s<>|]*)(?:\|(?P<label>[^\s<>|]*))?>")
_BARE_HOST = re.compile(r"http://([^/?#@]+)/?")
_ANGLED = re.compile(rf"(?<![^\s,={QUOTES}])<([^\s<>|,]+)>(?![^\s,{QUOTES}])")
_CONTROLS = {"\n": "line break", "\r": "line break", "\t": "tab"}


class FormError(Exception):
    """Some fields of a form are malformed: the text of each fault, by the name of its field."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(", ".join(faults))
        self.faults = faults


class Mistake(Exception):
    """The text is malformed. `candidates` are possible corrections; `offer` introduces the chosen one."""

    def __init__(
        self, message: str, *, advice: str, candidates: Sequence[str] = (), offer: str = "Paste this instead:"
    ) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.candidates = candidates
        self.offer = offer


def refuse_too_long(text: str) -> None:
    """Raise `Mistake` for a text that is too long for one command."""
    if len(text) > LONGEST_TEXT:
        raise Mistake(
            f"{quote(text)} is too long: {len(text):,} characters",
            advice=f"Use at most {LONGEST_TEXT:,}. Ask for less, or build one image on another.",
        )


def plain_text(text: str) -> str:
    """Return a typed text without typographic quotes and dashes, entities and links; raise `Mistake`."""
    if text.strip().lower() in HELP:
        return ""
    refuse_too_long(text)
    for place, character in enumerate(text, start=1):
        if not _is_allowed(character):
            raise _unusual(text, place)
    plain = "".join(" " if character.isspace() else character for character in text).translate(_TYPOGRAPHIC)
    plain = _ENTITY.sub(lambda found: _ENTITIES[found[0]], plain)
    return _ANGLED.sub(r"\1", _LINK.sub(_link_as_typed, plain))


def _is_allowed(character: str) -> bool:
    if character.isascii():
        return character.isprintable()
    return ord(character) in _TYPOGRAPHIC or unicodedata.category(character) == "Zs"


def _link_as_typed(link: re.Match[str]) -> str:
    # Slack links `discord.py` as `http://discord.py`. Any other URL without a label was typed as a URL and is refused.
    if link["label"]:
        return link["label"]
    host = _BARE_HOST.fullmatch(link["url"])
    return link["url"] if host is None else host[1]


def _unusual(text: str, place: int) -> Mistake:
    character = text[place - 1]
    name = _CONTROLS.get(character) or unicodedata.name(character, "control character").lower()
    ordinary = "".join(map(_ordinary, text))
    return Mistake(
        f"{quote(_context_of(text, place))} has U+{ord(character):04X} ({name}) as character {place}",
        advice="Use plain ASCII only, on one line.",
        candidates=(ordinary,) if all(map(_is_allowed, ordinary)) else (),
    )


def _context_of(text: str, place: int) -> str:
    before = re.search(r"[^\s=,]{0,20}$", text[: place - 1])
    after = re.match(r"[^\s=,]{0,20}", text[place:])
    return f"{before[0] if before else ''}{text[place - 1]}{after[0] if after else ''}"


def _ordinary(character: str) -> str:
    if _is_allowed(character):
        return character
    if character.isspace():
        return " "
    if unicodedata.category(character) in {"Cc", "Cf", "Mn"}:
        return ""
    alike = _LOOK_ALIKES.get(character) or unicodedata.normalize("NFKD", character)
    return "".join(part for part in alike if unicodedata.category(part) != "Mn")
