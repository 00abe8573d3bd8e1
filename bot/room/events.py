"""The messages and events of a room: the values that server and client share.

Every event has a sequence number, so that a client can say up to which one it has seen.
"""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field, JsonValue, TypeAdapter

Block = dict[str, JsonValue]

# Why a command or a click did not reach the bot, in Slack's words.
Failure = Literal["operation_timeout", "dispatch_failed", "invalid_command_response", "unknown_command"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFile:
    """A file in a channel or thread; its bytes are fetched separately. A file that `is_text` can be read in place."""

    id: str
    name: str
    title: str
    size: int
    is_text: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Slack's message metadata: data for programs on a message."""

    event_type: str
    event_payload: dict[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message that has no time stamp yet.

    `only_for` makes it ephemeral; `answers` is the id of the trigger of the command or click that it answers, in the
    acknowledgement or by the response URL.
    """

    channel: str
    author: str
    text: str = ""
    blocks: tuple[Block, ...] = ()
    thread_ts: str | None = None
    files: tuple[SharedFile, ...] = ()
    metadata: Metadata | None = None
    only_for: str | None = None
    answers: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomMessage(Draft):
    """A message in the room; channel and `ts` name it, as in Slack."""

    ts: str
    edited_ts: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenView:
    """A modal on one person's screen: `content` is the view as the bot sent it, every block with its ids.

    `trigger_id` is that of the command or click by which it was opened.
    """

    id: str
    user: str
    channel: str
    hash: str
    content: Block
    trigger_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The outcome of a submitted form; `errors` by block id, `message` for an error of no single field."""

    outcome: Literal["taken", "errors", "failed"]
    errors: dict[str, str] = field(default_factory=dict)
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePosted:
    """Somebody wrote a message (an ephemeral one when `message.only_for` is set)."""

    sequence: int
    message: RoomMessage
    kind: Literal["message_posted"] = "message_posted"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEdited:
    """A message has a new state, which is given whole."""

    sequence: int
    message: RoomMessage
    kind: Literal["message_edited"] = "message_edited"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDeleted:
    """A message was deleted."""

    sequence: int
    channel: str
    ts: str
    only_for: str | None = None
    kind: Literal["message_deleted"] = "message_deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileShared:
    """A file was put into a channel, or into the thread of `thread_ts`, with the message `ts`."""

    sequence: int
    channel: str
    ts: str
    thread_ts: str | None
    file: SharedFile
    kind: Literal["file_shared"] = "file_shared"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acked:
    """The bot acknowledged a command or a click, so many milliseconds after the delivery."""

    sequence: int
    channel: str
    user: str
    trigger_id: str
    envelope_id: str
    milliseconds: float
    kind: Literal["acked"] = "acked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """The bot did not take a command or a click; the person was told so."""

    sequence: int
    channel: str
    user: str
    trigger_id: str
    reason: Failure
    kind: Literal["undelivered"] = "undelivered"


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewShown:
    """A modal was opened or changed."""

    sequence: int
    view: OpenView
    kind: Literal["view_shown"] = "view_shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewClosed:
    """A modal was closed."""

    sequence: int
    view: OpenView
    kind: Literal["view_closed"] = "view_closed"


RoomEvent = MessagePosted | MessageEdited | MessageDeleted | FileShared | Acked | Undelivered | ViewShown | ViewClosed

EVENT: TypeAdapter[RoomEvent] = TypeAdapter(Annotated[RoomEvent, Field(discriminator="kind")])


def channel_of(event: RoomEvent) -> str:
    """Name the channel in which the event happened."""
    match event:
        case MessagePosted() | MessageEdited():
            return event.message.channel
        case ViewShown() | ViewClosed():
            return event.view.channel
        case MessageDeleted() | FileShared() | Acked() | Undelivered():
            return event.channel


def is_meant_for(event: RoomEvent, viewer: str) -> bool:
    """Tell whether this person may see the event: an ephemeral message is for one person alone."""
    match event:
        case MessagePosted() | MessageEdited():
            return event.message.only_for in {None, viewer}
        case MessageDeleted():
            return event.only_for in {None, viewer}
        case ViewShown() | ViewClosed():
            return event.view.user == viewer
        case FileShared() | Acked() | Undelivered():
            return True
