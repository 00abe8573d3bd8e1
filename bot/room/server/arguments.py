"""The input of callers, parsed and checked: the arguments of each Slack method, from a form or from JSON."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qsl

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from bot.room.blocks import are_too_long, block_errors, modal_errors
from bot.room.events import Block, Metadata
from bot.room.server.refusals import RefusedError

MOST_TEXT_IN_A_POST = 40_000
MOST_TEXT_IN_AN_EDIT = 4_000
MOST_BYTES_IN_A_MODAL = 250_000

_BLOCK: TypeAdapter[Block] = TypeAdapter(Block)
_BLOCKS: TypeAdapter[tuple[Block, ...]] = TypeAdapter(tuple[Block, ...])


def _from_json(value: object) -> object:
    """Parse JSON text from a form; leave a value that is JSON already."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError("must be JSON") from error


Name = Annotated[str, Field(min_length=1)]
FromJson = BeforeValidator(_from_json)


class Arguments(BaseModel):
    """The arguments of a method; unknown ones are ignored, as in Slack."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    @classmethod
    def read(cls, values: Mapping[str, JsonValue]) -> Self:
        """Parse, or refuse with the names of the wrong arguments."""
        try:
            return cls.model_validate(values)
        except ValidationError as refusal:
            raise RefusedError("invalid_arguments", [_complaint(error) for error in refusal.errors()]) from refusal


def _complaint(error: Mapping[str, Any]) -> str:
    name = "/".join(str(step) for step in error["loc"])
    if error["type"] == "missing":
        return f"missing required field: {name}"
    return f"{error['msg']} [json-pointer:/{name}]"


class Content(Arguments):
    """The words and blocks of a message."""

    text: str | None = None
    blocks: JsonValue = None
    metadata: Annotated[Metadata | None, FromJson] = None

    def sound_blocks(self) -> tuple[Block, ...] | None:
        """Give the blocks if Slack would take them; None if none were sent."""
        return None if self.blocks is None else sound_blocks(self.blocks)


class PostMessage(Content):
    """Arguments of chat.postMessage."""

    channel: Name
    thread_ts: str | None = None


class UpdateMessage(Content):
    """Arguments of chat.update."""

    channel: Name
    ts: Name


class PostEphemeral(Content):
    """Arguments of chat.postEphemeral."""

    channel: Name
    user: Name
    thread_ts: str | None = None


class MessageName(Arguments):
    """Arguments that name one message: chat.delete."""

    channel: Name
    ts: Name


class GetPermalink(Arguments):
    """Arguments of chat.getPermalink."""

    channel: Name
    message_ts: Name


class ChannelName(Arguments):
    """Arguments that name a channel: conversations.info."""

    channel: Name


class AnnounceUpload(Arguments):
    """Arguments of files.getUploadURLExternal."""

    filename: Name
    length: Annotated[int, Field(gt=0)]


class UploadedFile(Arguments):
    """One file in files.completeUploadExternal."""

    id: Name
    title: str | None = None


class CompleteUpload(Arguments):
    """Arguments of files.completeUploadExternal."""

    files: Annotated[list[UploadedFile], FromJson, Field(min_length=1)]
    channel_id: str | None = None
    channels: str | None = None
    thread_ts: str | None = None
    initial_comment: str | None = None


class OpenModal(Arguments):
    """Arguments of views.open."""

    trigger_id: Name
    view: Annotated[JsonValue, FromJson]


class UpdateModal(Arguments):
    """Arguments of views.update."""

    view: Annotated[JsonValue, FromJson]
    view_id: str | None = None
    external_id: str | None = None
    hash: str | None = None


class ValidateBlocks(Arguments):
    """Arguments of blocks.validate, of which one is given."""

    blocks: Annotated[JsonValue, FromJson] = None
    message: Annotated[JsonValue, FromJson] = None
    view: Annotated[JsonValue, FromJson] = None


class FileName(Arguments):
    """Arguments of files.info."""

    file: Name


class ModalAnswer(Arguments):
    """What a bot answers in the acknowledgement of a submitted form; an empty answer closes it."""

    response_action: Literal["errors", "update", "clear"] | None = None
    errors: dict[str, Name] = Field(default_factory=dict)
    view: JsonValue = None


class CommandAnswer(Content):
    """What a bot answers in an acknowledgement or to a response URL."""

    response_type: Literal["in_channel", "ephemeral"] = "ephemeral"
    replace_original: bool = False
    delete_original: bool = False
    thread_ts: str | None = None

    @property
    def says_something(self) -> bool:
        """Tell whether there is a message in it."""
        return bool(self.text or self.blocks)


def sound_blocks(sent: JsonValue) -> tuple[Block, ...]:
    """Check blocks as Slack does: an array, valid, not too long."""
    try:
        blocks = _BLOCKS.validate_python(_from_json(sent))
    except ValueError as error:
        raise RefusedError("invalid_blocks_format") from error
    if errors := block_errors(blocks):
        raise RefusedError("invalid_blocks", errors)
    if are_too_long(blocks):
        raise RefusedError("msg_blocks_too_long")
    return blocks


def sound_modal(sent: JsonValue) -> Block:
    """Check a modal as Slack does."""
    if errors := modal_errors(sent):
        raise RefusedError("invalid_arguments", errors)
    if len(json.dumps(sent)) > MOST_BYTES_IN_A_MODAL:
        raise RefusedError("view_too_large")
    return _BLOCK.validate_python(sent)


def body_arguments(content_type: str, body: bytes, query: Mapping[str, str]) -> dict[str, JsonValue]:
    """Read the arguments of a call from its address and its body."""
    arguments: dict[str, JsonValue] = dict(query)
    match content_type.partition(";")[0].strip().lower():
        case "application/json":
            arguments |= _json_object(body)
        case "application/x-www-form-urlencoded" | "":
            arguments |= dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        case _:
            raise RefusedError("invalid_post_type")
    return arguments


def _json_object(body: bytes) -> dict[str, JsonValue]:
    try:
        value = json.loads(body or b"{}")
    except ValueError as error:
        raise RefusedError("invalid_json") from error
    if not isinstance(value, dict):
        raise RefusedError("json_not_object")
    return value
