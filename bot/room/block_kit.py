"""The shapes of Block Kit, as strict as Slack takes them: no unknown keys, no empty texts, every limit kept.

The limits are those of Slack's reference pages on blocks, block elements and composition objects.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

MOST_BLOCKS = 50
MOST_BLOCKS_IN_A_MODAL = 100


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _has_no_nulls(cls, value: object) -> object:
        """Refuse `null` for a key that may be left out: for Slack these are two things."""
        nulls = [key for key, inner in value.items() if inner is None] if isinstance(value, dict) else []
        if nulls:
            raise PydanticCustomError("null", "must not be null: {names}", {"names": ", ".join(nulls)})
        return value


# --- Composition objects ---------------------------------------------------------------------------------------


class PlainText(_Strict):
    """Text without formatting."""

    type: Literal["plain_text"]
    text: Annotated[str, Field(min_length=1, max_length=3_000)]
    emoji: bool | None = None


class Mrkdwn(_Strict):
    """Text in Slack's mark-up."""

    type: Literal["mrkdwn"]
    text: Annotated[str, Field(min_length=1, max_length=3_000)]
    verbatim: bool | None = None


def _at_most(limit: int) -> AfterValidator:
    def check(text: PlainText | Mrkdwn) -> PlainText | Mrkdwn:
        if len(text.text) > limit:
            raise PydanticCustomError("text_too_long", "must be less than {over} characters", {"over": limit + 1})
        return text

    return AfterValidator(check)


AnyText = Annotated[PlainText | Mrkdwn, Field(discriminator="type")]
Id = Annotated[str, Field(min_length=1, max_length=255)]
Url = Annotated[str, Field(min_length=1, max_length=3_000)]
AltText = Annotated[str, Field(min_length=1, max_length=2_000)]
ButtonText = Annotated[PlainText, _at_most(75)]
Placeholder = Annotated[PlainText, _at_most(150)]


class Confirm(_Strict):
    """The question asked before a click counts."""

    title: Annotated[PlainText, _at_most(100)]
    text: Annotated[AnyText, _at_most(300)]
    confirm: Annotated[PlainText, _at_most(30)]
    deny: Annotated[PlainText, _at_most(30)]
    style: Literal["primary", "danger"] | None = None


class Option(_Strict):
    """One choice of a menu."""

    text: Annotated[PlainText, _at_most(75)]
    value: Annotated[str, Field(min_length=1, max_length=150)]
    description: Annotated[PlainText, _at_most(75)] | None = None


class OverflowOption(Option):
    """One choice of an overflow menu, which may open a page."""

    url: Url | None = None


class OptionGroup(_Strict):
    """Choices under one label."""

    label: Annotated[PlainText, _at_most(75)]
    options: Annotated[list[Option], Field(min_length=1, max_length=100)]


# --- Block elements --------------------------------------------------------------------------------------------


class Button(_Strict):
    """A button."""

    type: Literal["button"]
    text: ButtonText
    action_id: Id | None = None
    value: Annotated[str, Field(max_length=2_000)] | None = None
    url: Url | None = None
    style: Literal["primary", "danger"] | None = None
    confirm: Confirm | None = None
    accessibility_label: Annotated[str, Field(min_length=1, max_length=75)] | None = None


class Overflow(_Strict):
    """A menu behind three dots."""

    type: Literal["overflow"]
    options: Annotated[list[OverflowOption], Field(min_length=1, max_length=5)]
    action_id: Id | None = None
    confirm: Confirm | None = None


class StaticSelect(_Strict):
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


class PlainTextInput(_Strict):
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

    text: Annotated[AnyText, _at_most(75)]  # type: ignore[assignment]  # wider than a menu's, as in Slack
    description: Annotated[AnyText, _at_most(75)] | None = None  # type: ignore[assignment]  # the same


class Checkboxes(_Strict):
    """Choices to tick; for modals."""

    type: Literal["checkboxes"]
    options: Annotated[list[ChoiceOption], Field(min_length=1, max_length=10)]
    initial_options: Annotated[list[ChoiceOption], Field(min_length=1, max_length=10)] | None = None
    action_id: Id | None = None
    focus_on_load: bool | None = None


class RadioButtons(_Strict):
    """Choices of which one counts; for modals."""

    type: Literal["radio_buttons"]
    options: Annotated[list[ChoiceOption], Field(min_length=1, max_length=10)]
    initial_option: ChoiceOption | None = None
    action_id: Id | None = None
    focus_on_load: bool | None = None


class ImageElement(_Strict):
    """A small image."""

    type: Literal["image"]
    image_url: Url
    alt_text: AltText


# --- Rich text -------------------------------------------------------------------------------------------------


class RichStyle(_Strict):
    """How a run of rich text looks."""

    bold: bool | None = None
    italic: bool | None = None
    strike: bool | None = None
    code: bool | None = None


class RichRun(_Strict):
    """A run of characters."""

    type: Literal["text"]
    text: Annotated[str, Field(min_length=1)]
    style: RichStyle | None = None


class RichLink(_Strict):
    """A link in rich text."""

    type: Literal["link"]
    url: Url
    text: str | None = None
    style: RichStyle | None = None


class RichEmoji(_Strict):
    """An emoji by its name."""

    type: Literal["emoji"]
    name: Annotated[str, Field(min_length=1)]


class RichUser(_Strict):
    """A mention."""

    type: Literal["user"]
    user_id: Annotated[str, Field(min_length=1)]
    style: RichStyle | None = None


RichPart = Annotated[RichRun | RichLink | RichEmoji | RichUser, Field(discriminator="type")]


class RichSection(_Strict):
    """A paragraph."""

    type: Literal["rich_text_section"]
    elements: list[RichPart]


class RichPreformatted(_Strict):
    """A block of code."""

    type: Literal["rich_text_preformatted"]
    elements: list[RichPart]
    border: Literal[0, 1] | None = None


class RichQuote(_Strict):
    """A quotation."""

    type: Literal["rich_text_quote"]
    elements: list[RichPart]
    border: Literal[0, 1] | None = None


class RichList(_Strict):
    """A list of paragraphs."""

    type: Literal["rich_text_list"]
    style: Literal["bullet", "ordered"]
    elements: list[RichSection]
    indent: Annotated[int, Field(ge=0, le=8)] | None = None
    offset: Annotated[int, Field(ge=0)] | None = None
    border: Literal[0, 1] | None = None


# --- Blocks ----------------------------------------------------------------------------------------------------


class _Block(_Strict):
    block_id: Id | None = None


class Header(_Block):
    """A title line."""

    type: Literal["header"]
    text: Annotated[PlainText, _at_most(150)]


class Section(_Block):
    """A paragraph or a grid of fields, with an element beside it."""

    type: Literal["section"]
    text: AnyText | None = None
    fields: Annotated[list[Annotated[AnyText, _at_most(2_000)]], Field(min_length=1, max_length=10)] | None = None
    accessory: Annotated[Button | Overflow | StaticSelect | ImageElement, Field(discriminator="type")] | None = None
    expand: bool | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.text is None and self.fields is None:
            raise PydanticCustomError("section", "must define either `text` or `fields`")
        return self


class Context(_Block):
    """Small print."""

    type: Literal["context"]
    elements: Annotated[
        list[Annotated[PlainText | Mrkdwn | ImageElement, Field(discriminator="type")]],
        Field(min_length=1, max_length=10),
    ]


class Actions(_Block):
    """A row of buttons and menus."""

    type: Literal["actions"]
    elements: Annotated[
        list[Annotated[Button | Overflow | StaticSelect, Field(discriminator="type")]],
        Field(min_length=1, max_length=25),
    ]


class Divider(_Block):
    """A line."""

    type: Literal["divider"]


class Image(_Block):
    """A large image."""

    type: Literal["image"]
    image_url: Url
    alt_text: AltText
    title: Annotated[PlainText, _at_most(2_000)] | None = None


class RichText(_Block):
    """Formatted text as Slack's own editor writes it."""

    type: Literal["rich_text"]
    elements: list[Annotated[RichSection | RichPreformatted | RichQuote | RichList, Field(discriminator="type")]]


class Markdown(_Block):
    """Text in standard Markdown."""

    type: Literal["markdown"]
    text: Annotated[str, Field(min_length=1, max_length=12_000)]


class RawText(_Strict):
    """A table cell of plain characters."""

    type: Literal["raw_text"]
    text: Annotated[str, Field(min_length=1)]


class ColumnSetting(_Strict):
    """How a table column is set."""

    align: Literal["left", "center", "right"] | None = None
    is_wrapped: bool | None = None


class Table(_Block):
    """Rows of cells."""

    type: Literal["table"]
    rows: Annotated[
        list[
            Annotated[
                list[Annotated[RawText | RichText, Field(discriminator="type")]],
                Field(min_length=1, max_length=20),
            ]
        ],
        Field(min_length=1, max_length=100),
    ]
    column_settings: Annotated[list[ColumnSetting | None], Field(max_length=20)] | None = None


class Input(_Block):
    """A labelled field; for modals."""

    type: Literal["input"]
    label: Annotated[PlainText, _at_most(2_000)]
    element: Annotated[PlainTextInput | StaticSelect | Checkboxes | RadioButtons, Field(discriminator="type")]
    hint: Annotated[PlainText, _at_most(2_000)] | None = None
    optional: bool | None = None
    dispatch_action: bool | None = None


_Shown = Header | Section | Context | Actions | Divider | Image | RichText | Markdown
_InMessage = Annotated[_Shown | Table, Field(discriminator="type")]
_InModal = Annotated[_Shown | Input, Field(discriminator="type")]

_OfModal = Annotated[list[_InModal], Field(max_length=MOST_BLOCKS_IN_A_MODAL)]
_ModalWord = Annotated[PlainText, _at_most(24)]

OF_MESSAGES = TypeAdapter(Annotated[list[_InMessage], Field(max_length=MOST_BLOCKS)])
OF_MODALS = TypeAdapter(_OfModal)


class Modal(_Strict):
    """A window with a form in it."""

    type: Literal["modal"]
    title: _ModalWord
    blocks: _OfModal
    submit: _ModalWord | None = None
    close: _ModalWord | None = None
    private_metadata: Annotated[str, Field(max_length=3_000)] | None = None
    callback_id: Annotated[str, Field(max_length=255)] | None = None
    external_id: Annotated[str, Field(max_length=255)] | None = None
    clear_on_close: bool | None = None
    notify_on_close: bool | None = None
    submit_disabled: bool | None = None

    @model_validator(mode="after")
    def _can_be_submitted(self) -> Self:
        if self.submit is None and any(isinstance(block, Input) for block in self.blocks):
            raise PydanticCustomError("submit", "must define `submit` to use an `input` block")
        return self
