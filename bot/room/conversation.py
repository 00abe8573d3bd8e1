"""The state of a room's conversation: messages, their order, and who hears of changes. No network in here.

It belongs to one thread (the server's event loop) and takes no locks.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from bot.room.events import (
    Acked,
    Block,
    Draft,
    Failure,
    FileShared,
    Message,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    Metadata,
    RoomEvent,
    Undelivered,
)

# A long-lived room forgets old acknowledgements: they only matter to who waits for them.
KEPT_RECEIPTS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """A message with the sequence numbers of its first and its latest change; `deleted` leaves a tombstone."""

    message: Message
    posted: int
    changed: int
    shared: tuple[FileShared, ...] = ()
    deleted: bool = False
    past_blocks: tuple[Block, ...] = ()


class Conversation:
    """All messages of a room in the order in which they were written."""

    def __init__(self, *, now: Callable[[], float]) -> None:
        self._now = now
        self._last_micros = 0
        self._sequence = 0
        self._records: dict[tuple[str, str], _Record] = {}
        self._receipts: deque[Acked | Undelivered] = deque(maxlen=KEPT_RECEIPTS)
        self._listeners: list[Callable[[RoomEvent], None]] = []

    @property
    def sequence(self) -> int:
        """The number of the latest change."""
        return self._sequence

    def post(self, draft: Draft) -> Message:
        """Write a message and give it its time stamp."""
        message = _stamped(draft, self._next_ts())
        number = self._next_number()
        shared = self._shared(message)
        self._records[message.channel, message.ts] = _Record(
            message=message, posted=number, changed=number, shared=shared
        )
        self._tell(MessagePosted(sequence=number, message=message))
        for event in shared:
            self._tell(event)
        return message

    def edit(self, message: Message, *, text: str, blocks: tuple[Block, ...], metadata: Metadata | None) -> Message:
        """Give a message a new state."""
        record = self._records.pop((message.channel, message.ts))
        edited = replace(message, text=text, blocks=blocks, metadata=metadata, edited_ts=self._next_ts())
        number = self._next_number()
        # Put back at the end: the records stand in the order of their latest change.
        self._records[message.channel, message.ts] = replace(
            record, message=edited, changed=number, past_blocks=message.blocks or record.past_blocks
        )
        self._tell(MessageEdited(sequence=number, message=edited))
        return edited

    def delete(self, message: Message) -> None:
        """Take a message away."""
        record = self._records.pop((message.channel, message.ts))
        number = self._next_number()
        self._records[message.channel, message.ts] = replace(record, changed=number, deleted=True)
        self._tell(_gone(message, number))

    def find(self, channel: str, ts: str) -> Message | None:
        """Find a message that is still there."""
        record = self._records.get((channel, ts))
        return None if record is None or record.deleted else record.message

    def blocks_before(self, message: Message) -> tuple[Block, ...]:
        """Give the last blocks that an edit replaced: what a person with an old screen still sees."""
        return self._records[message.channel, message.ts].past_blocks

    def messages(self, channel: str, *, viewer: str) -> tuple[Message, ...]:
        """List what this person sees in the channel, oldest first, replies in threads included."""
        there = (
            record.message
            for record in self._records.values()
            if not record.deleted and record.message.channel == channel and record.message.only_for in {None, viewer}
        )
        return tuple(sorted(there, key=lambda message: message.ts))

    def since(self, sequence: int) -> tuple[RoomEvent, ...]:
        """Tell what changed after that number: one event per message, with its newest state."""
        events = [event for record in self._records.values() for event in _catch_up(record, sequence)]
        events.extend(receipt for receipt in self._receipts if receipt.sequence > sequence)
        return tuple(sorted(events, key=lambda event: event.sequence))

    def subscribe(self, listener: Callable[[RoomEvent], None]) -> Callable[[], None]:
        """Call the listener with every change from now on, until the returned function is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def record_ack(self, *, channel: str, user: str, trigger_id: str, envelope_id: str, milliseconds: float) -> None:
        """Note that the bot acknowledged."""
        receipt = Acked(
            sequence=self._next_number(),
            channel=channel,
            user=user,
            trigger_id=trigger_id,
            envelope_id=envelope_id,
            milliseconds=milliseconds,
        )
        self._receipts.append(receipt)
        self._tell(receipt)

    def record_failure(self, *, channel: str, user: str, trigger_id: str, reason: Failure) -> None:
        """Note that the bot did not take something."""
        receipt = Undelivered(
            sequence=self._next_number(), channel=channel, user=user, trigger_id=trigger_id, reason=reason
        )
        self._receipts.append(receipt)
        self._tell(receipt)

    def _next_ts(self) -> str:
        self._last_micros = max(int(self._now() * 1_000_000), self._last_micros + 1)
        seconds, micros = divmod(self._last_micros, 1_000_000)
        return f"{seconds:010d}.{micros:06d}"

    def _next_number(self) -> int:
        self._sequence += 1
        return self._sequence

    def _shared(self, message: Message) -> tuple[FileShared, ...]:
        return tuple(
            FileShared(
                sequence=self._next_number(),
                channel=message.channel,
                ts=message.ts,
                thread_ts=message.thread_ts,
                file=file,
            )
            for file in message.files
        )

    def _tell(self, event: RoomEvent) -> None:
        for listener in tuple(self._listeners):
            listener(event)


def _stamped(draft: Draft, ts: str) -> Message:
    return Message(
        ts=ts,
        channel=draft.channel,
        author=draft.author,
        text=draft.text,
        blocks=draft.blocks,
        thread_ts=draft.thread_ts,
        files=draft.files,
        metadata=draft.metadata,
        only_for=draft.only_for,
        answers=draft.answers,
    )


def _gone(message: Message, number: int) -> MessageDeleted:
    return MessageDeleted(sequence=number, channel=message.channel, ts=message.ts, only_for=message.only_for)


def _catch_up(record: _Record, seen: int) -> Iterator[RoomEvent]:
    is_new = record.posted > seen
    match record:
        case _Record(deleted=True):
            if record.changed > seen and not is_new:
                yield _gone(record.message, record.changed)
        case _ if is_new:
            yield MessagePosted(sequence=record.changed, message=record.message)
        case _ if record.changed > seen:
            yield MessageEdited(sequence=record.changed, message=record.message)
    if not record.deleted:
        yield from (event for event in record.shared if event.sequence > seen)
