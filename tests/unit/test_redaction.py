"""Secrets are masked in values of any shape, and the shape stays."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import pytest
from pydantic import BaseModel

from bot.redaction import redacted


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    inner: object = None


class Model(BaseModel):
    name: str
    parts: tuple[str, ...] = ()


class Pair(NamedTuple):
    first: str
    second: int


class Kind(StrEnum):
    SECRET = "secret"


def hide(text: str) -> str:
    return text.replace("secret", "***")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a secret", "a ***"),
        (("secret", 1, None), ("***", 1, None)),
        (["secret", ["secret"]], ["***", ["***"]]),
        ({"secret": {"b": "secret"}}, {"***": {"b": "***"}}),
        (Part("secret", (Part("secret"),)), Part("***", (Part("***"),))),
        (Model(name="secret", parts=("secret",)), Model(name="***", parts=("***",))),
        (Pair("secret", 1), Pair("***", 1)),
        (b"secret", b"secret"),
        (Kind.SECRET, Kind.SECRET),
        (Part, Part),
    ],
    ids=repr,
)
def test_every_string_is_redacted_and_the_shape_stays(value: object, shown: object) -> None:
    found = redacted(value, hide)
    assert found == shown
    assert type(found) is type(shown)


def test_keys_stay_where_they_name_fields() -> None:
    assert redacted({"secret": ["secret"]}, hide, keys=False) == {"secret": ["***"]}


def test_what_is_no_text_or_collection_can_be_made_plain() -> None:
    value = {"a": [b"secret", Part("secret")], "b": "secret"}
    assert redacted(value, hide, rest=lambda other: type(other).__name__) == {"a": ["bytes", "Part"], "b": "***"}
