"""Block elements: buttons, menus, inputs and small images."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from bot.room.block_kit.composition import (
    AltText,
    AnyText,
    ButtonText,
    Confirm,
    Id,
    Option,
    OptionGroup,
    OverflowOption,
    Placeholder,
    Strict,
    Url,
    at_most,
)


class ButtonElement(Strict):
    """A button."""

    type: Literal["button"]
    text: ButtonText
    action_id: Id | None = None
    value: Annotated[str, Field(max_length=2_000)] | None = None
    url: Url | None = None
    style: Literal["primary", "danger"] | None = None
    confirm: Confirm | None = None
    accessibility_label: Annotated[str, Field(min_length=1, max_length=75)] | None = None


class Overflow(Strict):
    """A menu behind three dots."""

    type: Literal["overflow"]
    options: Annotated[list[OverflowOption], Field(min_length=1, max_length=5)]
    action_id: Id | None = None
    confirm: Confirm | None = None


class StaticSelect(Strict):
    """A menu of given choices: either options or groups of them."""

    type: Literal["static_select"]
    placeholder: Placeholder | None = None
    options: Annotated[list[Option], Field(min_length=1, max_length=100)] | None = None
    option_groups: Annotated[list[OptionGroup], Field(min_length=1, max_length=100)] | None = None
    initial_option: Option | None = None
    action_id: Id | None = None
    confirm: Confirm | None = None
    focus_on_load: bool | None = None

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.options is None) == (self.option_groups is None):
            raise PydanticCustomError("options", "must define either `options` or `option_groups`")
        return self


class PlainTextInput(Strict):
    """A field to type into; for modals."""

    type: Literal["plain_text_input"]
    action_id: Id | None = None
    initial_value: str | None = None
    multiline: bool | None = None
    min_length: Annotated[int, Field(ge=0, le=3_000)] | None = None
    max_length: Annotated[int, Field(ge=1, le=3_000)] | None = None
    focus_on_load: bool | None = None
    placeholder: Placeholder | None = None


class ChoiceOption(Option):
    """One choice of a list of choices, whose text may be formatted."""

    text: Annotated[AnyText, at_most(75)]  # type: ignore[assignment]  # wider than a menu's, as in Slack
    description: Annotated[AnyText, at_most(75)] | None = None  # type: ignore[assignment]  # the same


class Checkboxes(Strict):
    """Choices to tick; for modals."""

    type: Literal["checkboxes"]
    options: Annotated[list[ChoiceOption], Field(min_length=1, max_length=10)]
    initial_options: Annotated[list[ChoiceOption], Field(min_length=1, max_length=10)] | None = None
    action_id: Id | None = None
    focus_on_load: bool | None = None


class RadioButtons(Strict):
    """Choices of which one counts; for modals."""

    type: Literal["radio_buttons"]
    options: Annotated[list[ChoiceOption], Field(min_length=1, max_length=10)]
    initial_option: ChoiceOption | None = None
    action_id: Id | None = None
    focus_on_load: bool | None = None


class ImageElement(Strict):
    """A small image."""

    type: Literal["image"]
    image_url: Url
    alt_text: AltText
