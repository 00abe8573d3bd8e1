"""Composition objects: texts, options, confirmations, and the strict base of all shapes."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError


class Strict(BaseModel):
    """A shape without unknown keys and without nulls."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _has_no_nulls(cls, value: object) -> object:
        """Refuse `null` for a key that may be left out: for Slack these are two things."""
        nulls = [key for key, inner in value.items() if inner is None] if isinstance(value, dict) else []
        if nulls:
            raise PydanticCustomError("null", "must not be null: {names}", {"names": ", ".join(nulls)})
        return value


class PlainText(Strict):
    """Text without formatting."""

    type: Literal["plain_text"]
    text: Annotated[str, Field(min_length=1, max_length=3_000)]
    emoji: bool | None = None


class Mrkdwn(Strict):
    """Text in Slack's mark-up."""

    type: Literal["mrkdwn"]
    text: Annotated[str, Field(min_length=1, max_length=3_000)]
    verbatim: bool | None = None


def at_most(limit: int) -> AfterValidator:
    """Limit a text object to so many characters."""

    def check(text: PlainText | Mrkdwn) -> PlainText | Mrkdwn:
        if len(text.text) > limit:
            raise PydanticCustomError("text_too_long", "must be less than {over} characters", {"over": limit + 1})
        return text

    return AfterValidator(check)


AnyText = Annotated[PlainText | Mrkdwn, Field(discriminator="type")]
Id = Annotated[str, Field(min_length=1, max_length=255)]
Url = Annotated[str, Field(min_length=1, max_length=3_000)]
AltText = Annotated[str, Field(min_length=1, max_length=2_000)]
ButtonText = Annotated[PlainText, at_most(75)]
Placeholder = Annotated[PlainText, at_most(150)]


class Confirm(Strict):
    """The question asked before a click counts."""

    title: Annotated[PlainText, at_most(100)]
    text: Annotated[AnyText, at_most(300)]
    confirm: Annotated[PlainText, at_most(30)]
    deny: Annotated[PlainText, at_most(30)]
    style: Literal["primary", "danger"] | None = None


class Option(Strict):
    """One choice of a menu."""

    text: Annotated[PlainText, at_most(75)]
    value: Annotated[str, Field(min_length=1, max_length=150)]
    description: Annotated[PlainText, at_most(75)] | None = None


class OverflowOption(Option):
    """One choice of an overflow menu, which may open a page."""

    url: Url | None = None


class OptionGroup(Strict):
    """Choices under one label."""

    label: Annotated[PlainText, at_most(75)]
    options: Annotated[list[Option], Field(min_length=1, max_length=100)]
