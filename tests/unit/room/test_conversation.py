"""The state of a conversation: order, visibility, changes."""

from hypothesis import given
from hypothesis import strategies as st

from bot.room.events import (
    EVENT,
    Draft,
    FileShared,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    RoomEvent,
    RoomMessage,
    SharedFile,
)
from bot.room.server.conversation import RoomMessages

LOG = SharedFile(id="F1", name="build.log", title="Log", size=4)


def conversation_at(second: float) -> RoomMessages:
    return RoomMessages(now=lambda: second)


def draft(text: str, **more: str | None) -> Draft:
    return Draft(channel="C1", author="U1", text=text, thread_ts=more.get("thread_ts"), only_for=more.get("only_for"))


def edited(conversation: RoomMessages, message: RoomMessage, text: str) -> RoomMessage:
    return conversation.edit(message, text=text, blocks=(), metadata=None)


def test_time_stamps_grow_though_the_clock_stands() -> None:
    conversation = conversation_at(1_700_000_000)
    stamps = [conversation.post(draft("x")).ts for _ in range(3)]
    assert stamps == ["1700000000.000000", "1700000000.000001", "1700000000.000002"]


def test_an_edit_keeps_the_message_in_its_place() -> None:
    conversation = conversation_at(0)
    first, second = conversation.post(draft("first")), conversation.post(draft("second"))
    changed = edited(conversation, first, "changed")
    assert conversation.messages("C1", viewer="U1") == (changed, second)
    assert conversation.find("C1", first.ts) == changed


def test_an_ephemeral_message_is_seen_by_one_person() -> None:
    conversation = conversation_at(0)
    whisper = conversation.post(draft("psst", only_for="U1"))
    assert conversation.messages("C1", viewer="U1") == (whisper,)
    assert conversation.messages("C1", viewer="U2") == ()


def test_a_deleted_message_is_not_found() -> None:
    conversation = conversation_at(0)
    message = conversation.post(draft("x"))
    conversation.delete(message)
    assert conversation.find("C1", message.ts) is None
    assert conversation.messages("C1", viewer="U1") == ()


def test_a_listener_hears_every_change_until_it_leaves() -> None:
    conversation = conversation_at(0)
    heard: list[RoomEvent] = []
    leave = conversation.subscribe(heard.append)
    message = conversation.post(Draft(channel="C1", author="U1", files=(LOG,)))
    changed = edited(conversation, message, "new")
    conversation.delete(changed)
    leave()
    conversation.post(draft("unheard"))
    assert heard == [
        MessagePosted(sequence=1, message=message),
        FileShared(sequence=2, channel="C1", ts=message.ts, thread_ts=None, file=LOG),
        MessageEdited(sequence=3, message=changed),
        MessageDeleted(sequence=4, channel="C1", ts=message.ts),
    ]


def test_catching_up_tells_each_message_once_in_its_newest_state() -> None:
    conversation = conversation_at(0)
    seen, gone = conversation.post(draft("seen")), conversation.post(draft("gone"))
    since = conversation.sequence
    fleeting = conversation.post(draft("fleeting"))
    fresh = conversation.post(draft("fresh"))
    for text in ("1", "2", "3"):
        seen = edited(conversation, seen, text)
        fresh = edited(conversation, fresh, text)
    conversation.delete(gone)
    conversation.delete(fleeting)
    assert conversation.since(since) == (
        MessageEdited(sequence=9, message=seen),
        MessagePosted(sequence=10, message=fresh),
        MessageDeleted(sequence=11, channel="C1", ts=gone.ts),
    )


def test_the_blocks_before_the_last_edit_are_remembered() -> None:
    conversation = conversation_at(0)
    message = conversation.post(Draft(channel="C1", author="U1", blocks=({"type": "divider"},)))
    after = edited(conversation, edited(conversation, message, "no buttons"), "still none")
    assert conversation.blocks_before(after) == ({"type": "divider"},)


CHANGES = st.lists(st.tuples(st.sampled_from(["post", "edit", "delete"]), st.integers(0, 5)), max_size=30)


def _carry_out(conversation: RoomMessages, changes: list[tuple[str, int]]) -> None:
    for change, index in changes:
        there = conversation.messages("C1", viewer="U1")
        match change:
            case "edit" if there:
                edited(conversation, there[index % len(there)], f"edit {conversation.sequence}")
            case "delete" if there:
                conversation.delete(there[index % len(there)])
            case _:
                conversation.post(draft(f"post {conversation.sequence}"))


def _follow(state: dict[str, RoomMessage], events: tuple[RoomEvent, ...]) -> None:
    for event in events:
        match event:
            case MessagePosted() | MessageEdited():
                state[event.message.ts] = event.message
            case MessageDeleted():
                del state[event.ts]


@given(CHANGES, CHANGES)
def test_who_catches_up_in_two_parts_sees_the_same_as_who_was_there(
    before: list[tuple[str, int]], after: list[tuple[str, int]]
) -> None:
    conversation = conversation_at(0)
    state: dict[str, RoomMessage] = {}
    _carry_out(conversation, before)
    _follow(state, conversation.since(0))
    seen = conversation.sequence
    _carry_out(conversation, after)
    _follow(state, conversation.since(seen))
    assert tuple(state[ts] for ts in sorted(state)) == conversation.messages("C1", viewer="U1")


@given(CHANGES)
def test_events_survive_the_wire(changes: list[tuple[str, int]]) -> None:
    conversation = conversation_at(0)
    _carry_out(conversation, changes)
    conversation.post(Draft(channel="C1", author="U1", files=(LOG,)))
    conversation.record_failure(channel="C1", user="U1", trigger_id="t", reason="dispatch_failed")
    conversation.record_ack(channel="C1", user="U1", trigger_id="t", envelope_id="e", milliseconds=1.5)
    for event in conversation.since(0):
        assert EVENT.validate_json(EVENT.dump_json(event)) == event
