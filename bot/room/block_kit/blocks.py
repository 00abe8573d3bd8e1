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


class RawNumber(Strict):
    """A table cell of a number, and how it is written."""

    type: Literal["raw_number"]
    value: float
    text: Annotated[str, Field(min_length=1)] | None = None


PlainCell = Annotated[RawText | RawNumber, Field(discriminator="type")]
Cell = Annotated[RawText | RawNumber | RichText, Field(discriminator="type")]


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
                list[Cell],
                Field(min_length=1, max_length=20),
            ]
        ],
        Field(min_length=1, max_length=100),
    ]
    column_settings: Annotated[list[ColumnSetting | None], Field(max_length=20)] | None = None


class DataTable(_Block):
    """Rows of cells that a reader can sort, filter and page through; the first row is the head."""

    type: Literal["data_table"]
    caption: Annotated[str, Field(min_length=1)]
    rows: Annotated[
        list[Annotated[list[Cell], Field(min_length=1, max_length=20)]], Field(min_length=2, max_length=101)
    ]
    page_size: Annotated[int, Field(ge=1, le=100)] | None = None
    row_header_column_index: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _is_a_grid(self) -> Self:
        head = self.rows[0]
        if any(len(row) != len(head) for row in self.rows):
            raise PydanticCustomError("grid", "all rows must have the same number of cells")
        if any(isinstance(cell, RichText) for cell in head):
            raise PydanticCustomError("head", "the first row must not have `rich_text` cells")
        return self


class UrlSource(Strict):
    """A page that a task used."""

    type: Literal["url"]
    url: Url
    text: Annotated[str, Field(min_length=1)]


class TaskCard(_Block):
    """One task with its state."""

    type: Literal["task_card"]
    task_id: Annotated[str, Field(min_length=1)]
    title: Annotated[str, Field(min_length=1)]
    status: Literal["pending", "in_progress", "complete", "error"] | None = None
    details: RichText | None = None
    output: RichText | None = None
    sources: list[UrlSource] | None = None


class PlannedTask(TaskCard):
    """A task within a plan, where the type may be left out."""

    type: Literal["task_card"] = "task_card"


class Plan(_Block):
    """A list of tasks."""

    type: Literal["plan"]
    title: Annotated[str, Field(min_length=1)]
    tasks: Annotated[list[PlannedTask], Field(max_length=50)] | None = None

    @model_validator(mode="after")
    def _names_each_task_once(self) -> Self:
        ids = [task.task_id for task in self.tasks or ()]
        if len(ids) != len(set(ids)):
            raise PydanticCustomError("tasks", "`task_id` must be unique in a plan")
        return self


class Input(_Block):
    """A labelled field; for modals."""

    type: Literal["input"]
    label: Annotated[PlainText, at_most(2_000)]
    element: Annotated[PlainTextInput | StaticSelect | Checkboxes | RadioButtons, Field(discriminator="type")]
    hint: Annotated[PlainText, at_most(2_000)] | None = None
    optional: bool | None = None
    dispatch_action: bool | None = None


Shown = Header | Section | Context | Actions | Divider | Image | RichText
"""Blocks of messages and of modals."""
OfMessagesOnly = Markdown | Table | DataTable | TaskCard | Plan
