"""Surfaces: which blocks a message and a modal take, and how many."""

from typing import Annotated, Literal, Self

from pydantic import Field, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from bot.room.block_kit.blocks import Input, OfMessagesOnly, Shown
from bot.room.block_kit.composition import PlainText, Strict, at_most

MOST_BLOCKS = 50
MOST_BLOCKS_IN_A_MODAL = 100

_InMessage = Annotated[Shown | OfMessagesOnly, Field(discriminator="type")]
_InModal = Annotated[Shown | Input, Field(discriminator="type")]

_OfModal = Annotated[list[_InModal], Field(max_length=MOST_BLOCKS_IN_A_MODAL)]
_ModalWord = Annotated[PlainText, at_most(24)]

OF_MESSAGES = TypeAdapter(Annotated[list[_InMessage], Field(max_length=MOST_BLOCKS)])
OF_MODALS = TypeAdapter(_OfModal)


class Modal(Strict):
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
