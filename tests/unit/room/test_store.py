"""What a room keeps, and what outlives it."""

from pathlib import Path

import pytest

from bot.room.client.room_client import RoomClient
from bot.room.events import Draft, MessageDeleted, MessageEdited, MessagePosted, OpenView, ViewShown
from bot.room.server.conversation import RoomMessages
from bot.room.server.files import RoomFiles
from bot.room.server.response_urls import ReplyTarget, ResponseUrls, UrlRefusal
from bot.room.server.room import Room
from bot.room.server.sources import RoomSources
from bot.room.server.store import RoomStateError, Store

DRAFT = Draft(channel="C1", author="U1", text="x")


def conversation(store: Store, most: int = 100) -> RoomMessages:
    return RoomMessages(now=lambda: 1_700_000_000.0, store=store, most_messages=most)


def test_messages_outlive_their_room() -> None:
    store = Store()
    before = conversation(store)
    first, second, third = (before.post(DRAFT) for _ in range(3))
    edited = before.edit(first, text="new", blocks=({"type": "divider"},), metadata=None)
    before.delete(second)
    after = conversation(store)
    assert after.messages("C1", viewer="U1") == before.messages("C1", viewer="U1") == (edited, third)
    assert after.post(DRAFT).ts > max(third.ts, edited.edited_ts or "")


def test_no_sequence_number_is_given_out_twice() -> None:
    store = Store()
    before = conversation(store)
    before.post(DRAFT)
    for number in range(5):
        before.record_ack(channel="C1", user="U1", trigger_id=f"{number}", envelope_id="e", milliseconds=1)
    seen = before.sequence
    after = conversation(store)
    message = after.post(DRAFT)
    assert [type(event) for event in after.since(seen)] == [MessagePosted]
    assert after.sequence > seen
    changed = after.edit(message, text="new", blocks=(), metadata=None)
    after.delete(changed)
    assert isinstance(after.since(after.sequence - 1)[0], MessageDeleted)


def test_who_was_away_over_a_restart_hears_what_changed() -> None:
    store = Store()
    before = conversation(store)
    message = before.post(DRAFT)
    seen = before.sequence
    edited = before.edit(message, text="new", blocks=(), metadata=None)
    (event,) = conversation(store).since(seen)
    assert isinstance(event, MessageEdited)
    assert event.message == edited


def test_an_open_form_outlives_its_room() -> None:
    store = Store()
    view = OpenView(id="V1", user="U1", channel="C1", hash="h", content={"type": "modal"})
    conversation(store).show_view(view)
    after = conversation(store)
    assert after.view("U1") == view
    assert isinstance(after.since(0)[0], ViewShown)
    after.close_view(view)
    assert conversation(store).view("U1") is None


def test_what_has_not_changed_for_longest_is_forgotten_first() -> None:
    store = Store()
    talk = conversation(store, most=2)
    first, second = talk.post(DRAFT), talk.post(DRAFT)
    first = talk.edit(first, text="new", blocks=(), metadata=None)
    third = talk.post(DRAFT)
    assert talk.messages("C1", viewer="U1") == (first, third)
    assert talk.find("C1", second.ts) is None
    assert conversation(store).messages("C1", viewer="U1") == (first, third)


def test_files_outlive_their_room_and_the_oldest_bytes_go_first() -> None:
    store = Store()
    files = RoomFiles(new_secret=RoomSources().new_secret, store=store, most_bytes=10)
    ids = [_upload(files, b"12345") for _ in range(3)]
    after = RoomFiles(new_secret=RoomSources().new_secret, store=store, most_bytes=10)
    assert [after.content(file_id) for file_id in ids] == [None, b"12345", b"12345"]
    assert after.find(ids[0]) is not None
    assert _upload(after, b"1") not in ids


def test_a_response_url_outlives_its_room_with_its_uses() -> None:
    store = Store()
    target = ReplyTarget(channel="C1", user="U1")
    before = ResponseUrls(sources=RoomSources(), store=store)
    secret = before.issue(target)
    assert [before.use(secret) for _ in range(4)] == [target] * 4
    after = ResponseUrls(sources=RoomSources(), store=store)
    assert [after.use(secret), after.use(secret)] == [target, UrlRefusal.USED]


def test_a_room_opened_again_has_its_tokens_and_its_words(tmp_path: Path) -> None:
    with Room(state=tmp_path / "room") as room:
        tokens = (room.bot_token, room.app_token, room.user_token)
        RoomClient(room.url, room.user_token).type("/unknown")
    with Room(state=tmp_path / "room") as room:
        assert (room.bot_token, room.app_token, room.user_token) == tokens
        (told,) = RoomClient(room.url, room.user_token).messages()
    assert "not a valid command" in told.text


def test_a_folder_belongs_to_one_room_at_a_time(tmp_path: Path) -> None:
    with Room(state=tmp_path), pytest.raises(RoomStateError, match="Another room is open"):
        Room(state=tmp_path)
    Room(state=tmp_path).stop()


def test_a_folder_that_cannot_be_made_is_refused_with_advice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RoomStateError, match="choose another one"):
        Room(state=tmp_path / "file" / "room")


def test_a_broken_state_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "room.sqlite").write_bytes(b"not a database, but something long enough to look at" * 100)
    with pytest.raises(RoomStateError, match="Move that folder away"):
        Room(state=tmp_path)
    assert (tmp_path / "room.sqlite").read_bytes().startswith(b"not a database")


def test_the_state_is_for_its_owner_alone(tmp_path: Path) -> None:
    Room(state=tmp_path / "room").stop()
    assert (tmp_path / "room").stat().st_mode & 0o077 == 0


def _upload(files: RoomFiles, content: bytes) -> str:
    file_id, ticket = files.announce(name="x", length=len(content))
    files.receive(ticket, content)
    files.complete(file_id, title=None)
    return file_id
