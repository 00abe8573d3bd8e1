"""Blocks: the pieces of messages and modals."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from bot.room.block_kit.composition import AltText, AnyText, Id, Mrkdwn, PlainText, Strict, Url, at_most
from bot.room.block_kit.elements import (
    ButtonElement,
    Checkboxes,
    ImageElement,
    Overflow,
    PlainTextInput,
    RadioButtons,
    StaticSelect,
)
from bot.room.block_kit.rich_text import RichList, RichPreformatted, RichQuote, RichSection


class _Block(Strict):
    block_id: Id | None = None


class Header(_Block):
    """A title line."""

    type: Literal["header"]
    text: Annotated[PlainText, at_most(150)]


class Section(_Block):
    """A paragraph or a grid of fields, with an element beside it."""

    type: Literal["section"]
    text: AnyText | None = None
    fields: Annotated[list[Annotated[AnyText, at_most(2_000)]], Field(min_length=1, max_length=10)] | None = None
    accessory: Annotated[ButtonElement | Overflow | StaticSelect | ImageElement, Field(discriminator="type")] | None = (
        None
    )
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
        list[Annotated[ButtonElement | Overflow | StaticSelect, Field(discriminator="type")]],
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
    title: Annotated[PlainText, at_most(2_000)] | None = None


class RichText(_Block):
    """Formatted text as Slack's own editor writes it."""

    type: Literal["rich_text"]
    elements: list[Annotated[RichSection | RichPreformatted | RichQuote | RichList, Field(discriminator="type")]]


class Markdown(_Block):
    """Text in standard Markdown."""

    type: Literal["markdown"]
    text: Annotated[str, Field(min_length=1, max_length=12_000)]


class RawText(Strict):
    """A table cell of plain characters."""

    type: Literal["raw_text"]
    text: Annotated[str, Field(min_length=1)]


class ColumnSetting(Strict):
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
    label: Annotated[PlainText, at_most(2_000)]
    element: Annotated[PlainTextInput | StaticSelect | Checkboxes | RadioButtons, Field(discriminator="type")]
    hint: Annotated[PlainText, at_most(2_000)] | None = None
    optional: bool | None = None
    dispatch_action: bool | None = None


Shown = Header | Section | Context | Actions | Divider | Image | RichText | Markdown
