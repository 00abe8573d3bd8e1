"""Rich text: what Slack's own editor writes."""

from typing import Annotated, Literal

from pydantic import Field

from bot.room.block_kit.composition import Strict, Url


class RichStyle(Strict):
    """How a run of rich text looks."""

    bold: bool | None = None
    italic: bool | None = None
    strike: bool | None = None
    code: bool | None = None


class RichRun(Strict):
    """A run of characters."""

    type: Literal["text"]
    text: Annotated[str, Field(min_length=1)]
    style: RichStyle | None = None


class RichLink(Strict):
    """A link in rich text."""

    type: Literal["link"]
    url: Url
    text: str | None = None
    style: RichStyle | None = None


class RichEmoji(Strict):
    """An emoji by its name."""

    type: Literal["emoji"]
    name: Annotated[str, Field(min_length=1)]


class RichUser(Strict):
    """A mention."""

    type: Literal["user"]
    user_id: Annotated[str, Field(min_length=1)]
    style: RichStyle | None = None


RichPart = Annotated[RichRun | RichLink | RichEmoji | RichUser, Field(discriminator="type")]


class RichSection(Strict):
    """A paragraph."""

    type: Literal["rich_text_section"]
    elements: list[RichPart]


class RichPreformatted(Strict):
    """A block of code."""

    type: Literal["rich_text_preformatted"]
    elements: list[RichPart]
    border: Literal[0, 1] | None = None


class RichQuote(Strict):
    """A quotation."""

    type: Literal["rich_text_quote"]
    elements: list[RichPart]
    border: Literal[0, 1] | None = None


class RichList(Strict):
    """A list of paragraphs."""

    type: Literal["rich_text_list"]
    style: Literal["bullet", "ordered"]
    elements: list[RichSection]
    indent: Annotated[int, Field(ge=0, le=8)] | None = None
    offset: Annotated[int, Field(ge=0)] | None = None
    border: Literal[0, 1] | None = None
