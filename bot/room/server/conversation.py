"""The state of a room's conversation: messages, their order, and the listeners for changes. No network in here.

It belongs to one thread (the server's event loop) and takes no locks.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from pydantic import TypeAdapter

from bot.room.events import (
    Acked,
    Block,
    Draft,
    Failure,
    FileShared,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    Metadata,
    OpenView,
    RoomEvent,
    RoomMessage,
    Undelivered,
    ViewClosed,
    ViewShown,
)
from bot.room.server.store import Store

# A long-lived room forgets old acknowledgements: they only matter to a client that waits for them.
KEPT_RECEIPTS = 1_000
KEPT_MESSAGES: Final = 2_000
"""The message that has not changed for longest is forgotten first."""
_NUMBERS_AHEAD: Final = 1_000
"""Sequence numbers are reserved in the store in batches of this size: one write for each would be too many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """A message with the sequence numbers of its first and its latest change; `deleted` leaves a tombstone."""

    message: RoomMessage
    posted: int
    changed: int
    shared: tuple[FileShared, ...] = ()
    deleted: bool = False
    past_blocks: tuple[Block, ...] = ()


_RECORD: Final = TypeAdapter(_Record)
_VIEW: Final = TypeAdapter(ViewShown)


class RoomMessages:
    """All messages of a room in the order in which they were written."""

    def __init__(
        self,
        *,
        now: Callable[[], float],
        history: str = "new",
        store: Store | None = None,
        most_messages: int = KEPT_MESSAGES,
    ) -> None:
        """Continue from the store; `history` identifies the sequence numbers, for clients that saw some."""
        self._now = now
        self._store = store or Store()
        self._most_messages = most_messages
        self.history: Final = history
        self._records = _stored_records(self._store)
        self._last_micros = max((_micros(record) for record in self._records.values()), default=0)
        # Receipts, which are not stored, may have used numbers after the last stored one; no number is used twice.
        self._sequence = self._reserved = int(self._store.entries("number").get("reserved", "0"))
        # At most one modal for each person.
        self._views = {user: _VIEW.validate_json(value) for user, value in self._store.entries("view").items()}
        self._receipts: deque[Acked | Undelivered | ViewClosed] = deque(maxlen=KEPT_RECEIPTS)
        self._listeners: list[Callable[[RoomEvent], None]] = []

    @property
    def sequence(self) -> int:
        """The number of the latest change."""
        return self._sequence

    def new_ts(self) -> str:
        """Give a time stamp that no message has: the present, or just after."""
        self._last_micros = max(int(self._now() * 1_000_000), self._last_micros + 1)
        seconds, micros = divmod(self._last_micros, 1_000_000)
        return f"{seconds:010d}.{micros:06d}"

    def post(self, draft: Draft, *, ts: str | None = None) -> RoomMessage:
        """Write a message, now or at the time stamp that `new_ts` reserved for it."""
        message = _with_ts(draft, ts or self.new_ts())
        number = self._next_number()
        shared = self._file_events(message)
        self._keep(_Record(message=message, posted=number, changed=number, shared=shared))
        self._forget_oldest()
        self._notify(MessagePosted(sequence=number, message=message))
        for event in shared:
            self._notify(event)
        return message

    def edit(
        self, message: RoomMessage, *, text: str, blocks: tuple[Block, ...], metadata: Metadata | None
    ) -> RoomMessage:
        """Give a message a new state."""
        record = self._records[message.channel, message.ts]
        edited = replace(message, text=text, blocks=blocks, metadata=metadata, edited_ts=self.new_ts())
        number = self._next_number()
        past = message.blocks or record.past_blocks
        self._keep(replace(record, message=edited, changed=number, past_blocks=past))
        self._notify(MessageEdited(sequence=number, message=edited))
        return edited

    def delete(self, message: RoomMessage) -> None:
        """Delete a message."""
        record = self._records[message.channel, message.ts]
        number = self._next_number()
        self._keep(replace(record, changed=number, deleted=True))
        self._notify(_deletion(message, number))

    def find(self, channel: str, ts: str) -> RoomMessage | None:
        """Find a message that is still there."""
        record = self._records.get((channel, ts))
        return None if record is None or record.deleted else record.message

    def blocks_before(self, message: RoomMessage) -> tuple[Block, ...]:
        """Give the last blocks that an edit replaced: a person with an outdated screen still sees them."""
        return self._records[message.channel, message.ts].past_blocks

    def messages(self, channel: str, *, viewer: str) -> tuple[RoomMessage, ...]:
        """List what this person sees in the channel, oldest first, replies in threads included."""
        there = (
            record.message
            for record in self._records.values()
            if not record.deleted and record.message.channel == channel and record.message.only_for in {None, viewer}
        )
        return tuple(sorted(there, key=lambda message: message.ts))

    def since(self, sequence: int) -> tuple[RoomEvent, ...]:
        """List the changes after that number: one event per message, with its newest state."""
        events = [event for record in self._records.values() for event in _catch_up(record, sequence)]
        others = (*self._receipts, *self._views.values())
        events.extend(event for event in others if event.sequence > sequence)
        return tuple(sorted(events, key=lambda event: event.sequence))

    def subscribe(self, listener: Callable[[RoomEvent], None]) -> Callable[[], None]:
        """Call the listener with every change from now on, until the returned function is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def view(self, user: str) -> OpenView | None:
        """Give the modal on this person's screen."""
        shown = self._views.get(user)
        return None if shown is None else shown.view

    def show_view(self, view: OpenView) -> None:
        """Open a modal on its person's screen, in place of the one that is there."""
        shown = ViewShown(sequence=self._next_number(), view=view)
        self._views[view.user] = shown
        self._store.put("view", view.user, _VIEW.dump_json(shown).decode())
        self._notify(shown)

    def close_view(self, view: OpenView) -> None:
        """Take a modal from its person's screen."""
        del self._views[view.user]
        self._store.drop("view", view.user)
        closed = ViewClosed(sequence=self._next_number(), view=view)
        self._receipts.append(closed)
        self._notify(closed)

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
        self._notify(receipt)

    def record_failure(self, *, channel: str, user: str, trigger_id: str, reason: Failure) -> None:
        """Note that the bot did not take something."""
        receipt = Undelivered(
            sequence=self._next_number(), channel=channel, user=user, trigger_id=trigger_id, reason=reason
        )
        self._receipts.append(receipt)
        self._notify(receipt)

    def _next_number(self) -> int:
        if self._sequence == self._reserved:
            self._reserved += _NUMBERS_AHEAD
            self._store.put("number", "reserved", str(self._reserved))
        self._sequence += 1
        return self._sequence

    def _keep(self, record: _Record) -> None:
        key = record.message.channel, record.message.ts
        self._store.put("message", "/".join(key), _RECORD.dump_json(record).decode())
        # Put back at the end: the records stand in the order of their latest change.
        self._records.pop(key, None)
        self._records[key] = record

    def _forget_oldest(self) -> None:
        while len(self._records) > self._most_messages:
            channel, ts = next(iter(self._records))
            del self._records[channel, ts]
            self._store.drop("message", f"{channel}/{ts}")

    def _file_events(self, message: RoomMessage) -> tuple[FileShared, ...]:
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

    def _notify(self, event: RoomEvent) -> None:
        for listener in tuple(self._listeners):
            listener(event)


def _stored_records(store: Store) -> dict[tuple[str, str], _Record]:
    records = [_RECORD.validate_json(value) for value in store.entries("message").values()]
    records.sort(key=lambda record: record.changed)
    return {(record.message.channel, record.message.ts): record for record in records}


def _micros(record: _Record) -> int:
    """Read the newest time stamp of a message as a number."""
    return int((record.message.edited_ts or record.message.ts).replace(".", ""))


def _with_ts(draft: Draft, ts: str) -> RoomMessage:
    return RoomMessage(
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


def _deletion(message: RoomMessage, number: int) -> MessageDeleted:
    return MessageDeleted(sequence=number, channel=message.channel, ts=message.ts, only_for=message.only_for)


def _catch_up(record: _Record, seen: int) -> Iterator[RoomEvent]:
    is_new = record.posted > seen
    match record:
        case _Record(deleted=True):
            if record.changed > seen and not is_new:
                yield _deletion(record.message, record.changed)
        case _ if is_new:
            yield MessagePosted(sequence=record.changed, message=record.message)
        case _ if record.changed > seen:
            yield MessageEdited(sequence=record.changed, message=record.message)
    if not record.deleted:
        yield from (event for event in record.shared if event.sequence > seen)
