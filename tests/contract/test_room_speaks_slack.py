"""The room is taken for Slack by Slack's own SDK and by Bolt, and treats both as strictly."""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from queue import Queue
from typing import Any, TypeVar

import pytest
from slack_bolt import Ack, App, BoltRequest
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from bot.room.client.room_client import EventStream, RoomClient, RoomClosedError, RoomError
from bot.room.events import (
    Acked,
    FileShared,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    Metadata,
    RoomEvent,
    RoomMessage,
    SharedFile,
    Submitted,
    Undelivered,
    ViewClosed,
    ViewShown,
)
from bot.room.server.rates import RateLimits
from bot.room.server.room import Room
from bot.room.server.sources import RoomSources
from bot.room.workspace import ALICE, BOB, BOT, SLACKBOT, WAR_ROOM, EditRule, Member, Workspace, WorkspaceChannel
from tests.fakes.host import PATIENCE_SECONDS

Kind = TypeVar("Kind", bound=RoomEvent)

COMMAND = "/docker_images"
ELSEWHERE = WorkspaceChannel(id="C0ELSEWHERE", name="elsewhere", bot_is_member=False)
CAROL = Member(id="U0CAROL", name="carol")
PRIVATE = WorkspaceChannel(id="C0PRIVATE", name="private", members=frozenset({ALICE.id}))
WORKSPACE = Workspace(people=(ALICE, BOB, CAROL), channels=(WAR_ROOM, ELSEWHERE, PRIVATE))
DIALOG: list[dict[str, Any]] = [
    {"type": "header", "text": {"type": "plain_text", "text": "Create image?"}},
    {
        "type": "actions",
        "block_id": "review",
        "elements": [
            {
                "type": "button",
                "text": {"type": "plain_text", "text": "Create"},
                "action_id": "create",
                "value": "p1",
            },
            {
                "type": "overflow",
                "action_id": "more",
                "options": [{"text": {"type": "plain_text", "text": "Export"}, "value": "export"}],
            },
        ],
    },
]


@contextmanager
def room_with(*, limits: RateLimits | None = None, ack_seconds: float = PATIENCE_SECONDS) -> Iterator[Room]:
    """Open a room; where nothing is limited, its clock stands still, so that no 3 s pass on a slow machine."""
    with Room(
        commands=[COMMAND],
        workspace=WORKSPACE,
        limits=limits or RateLimits.boundless(),
        ack_seconds=ack_seconds,
        sources=RoomSources() if limits else RoomSources(clock=lambda: 0.0),
    ) as room:
        yield room


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    with room_with() as room:
        yield room


@pytest.fixture
def web(room: Room) -> WebClient:
    return web_client(room)


def web_client(room: Room) -> WebClient:
    return WebClient(token=room.bot_token, base_url=room.api_url, retry_handlers=[])


def person(room: Room, user: Member = ALICE, channel: WorkspaceChannel = WAR_ROOM) -> RoomClient:
    return RoomClient(room.url, room.user_token, user=user.id, channel=channel.id)


@contextmanager
def connected(room: Room, app: App) -> Iterator[SocketModeHandler]:
    handler = SocketModeHandler(app, room.app_token)
    handler.client.connect()
    try:
        yield handler
    finally:
        hang_up(handler)


def hang_up(handler: SocketModeHandler) -> None:
    """Close without the SDK's waits: it sits in `recv` for 3 s and in `queue.get` for 1 s."""
    handler.client.auto_reconnect_enabled = False
    handler.client.closed = True
    session = handler.client.current_session
    if session is not None and session.sock is not None:
        session.sock.shutdown(socket.SHUT_RDWR)
    handler.client.message_queue.put(None)
    handler.client.close()


def bolt_app(room: Room) -> App:
    return App(client=web_client(room), request_verification_enabled=False)


def expect(events: EventStream, kind: type[Kind], where: Callable[[Kind], bool] = lambda _: True) -> Kind:
    """Read on to the first such event; a test that waits in vain ends here."""
    while (event := events.wait(PATIENCE_SECONDS)) is not None:
        if isinstance(event, kind) and where(event):
            return event
    raise AssertionError(f"no such {kind.__name__} came")


def error_of(call: Callable[[], object]) -> str:
    with pytest.raises(SlackApiError) as caught:
        call()
    return str(caught.value.response["error"])


def test_a_command_becomes_a_dialog_that_a_click_changes(room: Room) -> None:
    app = bolt_app(room)
    bodies: Queue[dict[str, Any]] = Queue()

    @app.command(COMMAND)
    def show(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        bodies.put(body)
        client.chat_postMessage(
            channel=body["channel_id"],
            text="Create image?",
            blocks=DIALOG,
            metadata={"event_type": "warroom_dialog", "event_payload": {"trigger": body["trigger_id"]}},
        )
        ack(response_type="in_channel")

    @app.action("create")
    def create(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        bodies.put(body)
        client.chat_update(channel=body["channel"]["id"], ts=body["message"]["ts"], text="Building", blocks=DIALOG[:1])
        ack()

    alice = person(room)
    with connected(room, app), alice.events() as events:
        sent = alice.type(f"{COMMAND}  name=x  all=true ")
        posted = expect(events, MessagePosted, lambda event: event.message.author == BOT.user_id)
        assert posted.message.metadata == Metadata(
            event_type="warroom_dialog", event_payload={"trigger": sent.trigger_id}
        )
        acked = expect(events, Acked, lambda event: event.trigger_id == sent.trigger_id)
        assert acked.milliseconds < 3_000
        echo = expect(events, MessagePosted).message
        assert (echo.author, echo.text, echo.only_for) == (ALICE.id, f"{COMMAND} name=x  all=true", None)

        clicked = alice.click(posted.message.ts, "create")
        edited = expect(events, MessageEdited)
        assert (edited.message.ts, edited.message.text) == (posted.message.ts, "Building")
        assert [block["type"] for block in edited.message.blocks] == ["header"]
        expect(events, Acked, lambda event: event.trigger_id == clicked.trigger_id)

    command, click = bodies.get(timeout=PATIENCE_SECONDS), bodies.get(timeout=PATIENCE_SECONDS)
    assert {key: command[key] for key in ("command", "text", "user_id", "channel_id", "team_id")} == {
        "command": COMMAND,
        "text": "name=x  all=true",
        "user_id": ALICE.id,
        "channel_id": WAR_ROOM.id,
        "team_id": WORKSPACE.team.id,
    }
    assert click["user"] == {"id": ALICE.id, "username": "alice", "name": "alice", "team_id": WORKSPACE.team.id}
    assert click["container"]["message_ts"] == posted.message.ts
    assert click["message"]["blocks"][1]["block_id"] == "review"
    [action] = click["actions"]
    assert (action["action_id"], action["block_id"], action["value"]) == ("create", "review", "p1")


def test_a_choice_from_a_menu_reaches_the_bot(room: Room, web: WebClient) -> None:
    app = bolt_app(room)
    chosen: Queue[str] = Queue()

    @app.action("more")
    def more(ack: Ack, action: dict[str, Any]) -> None:
        chosen.put(action["selected_option"]["value"])
        ack()

    ts = web.chat_postMessage(channel=WAR_ROOM.id, text="x", blocks=DIALOG)["ts"]
    with connected(room, app):
        with pytest.raises(RoomError, match="has no option `burn`"):
            person(room).click(ts, "more", value="burn")
        person(room).click(ts, "more", value="export")
        assert chosen.get(timeout=PATIENCE_SECONDS) == "export"


def test_an_answer_in_the_acknowledgement_is_shown_as_the_bots(room: Room) -> None:
    app = bolt_app(room)

    @app.command(COMMAND)
    def whisper(ack: Ack) -> None:
        ack(text="Only you see this.")

    alice = person(room)
    with connected(room, app), alice.events() as events:
        sent = alice.type(COMMAND)
        answer = expect(events, MessagePosted, lambda event: event.sequence > sent.sequence).message
    assert (answer.author, answer.text, answer.only_for) == (BOT.user_id, "Only you see this.", ALICE.id)
    assert answer.answers == sent.trigger_id
    assert answer not in person(room, BOB).messages()


def test_an_answer_with_bad_blocks_is_reported(room: Room) -> None:
    app = bolt_app(room)

    @app.command(COMMAND)
    def babble(ack: Ack) -> None:
        ack(text="x", blocks=[{"type": "nonsense"}])

    alice = person(room)
    with connected(room, app), alice.events() as events:
        sent = alice.type(COMMAND)
        failed = expect(events, Undelivered, lambda event: event.trigger_id == sent.trigger_id)
    assert failed.reason == "invalid_command_response"


def test_without_an_acknowledgement_the_person_is_told() -> None:
    with room_with(ack_seconds=0.2) as room:
        app = bolt_app(room)
        late = threading.Event()

        @app.command(COMMAND)
        def sleep(ack: Ack) -> None:
            late.wait(PATIENCE_SECONDS)
            ack("Too late.")

        alice = person(room)
        with connected(room, app), alice.events() as events:
            sent = alice.type(COMMAND)
            failed = expect(events, Undelivered)
            assert (failed.trigger_id, failed.reason) == (sent.trigger_id, "operation_timeout")
            told = expect(events, MessagePosted).message
            assert (told.author, told.only_for) == (SLACKBOT, ALICE.id)
            assert "operation_timeout" in told.text
            late.set()
            alice.type("/nothing_else_came")
            expect(events, MessagePosted, lambda event: "not a valid command" in event.message.text)
        assert "Too late." not in [message.text for message in alice.messages()]


def test_without_a_bot_a_command_fails_at_once() -> None:
    with room_with() as room, person(room).events() as events:
        sent = person(room).type(COMMAND)
        failed = expect(events, Undelivered)
        assert (failed.trigger_id, failed.reason) == (sent.trigger_id, "dispatch_failed")


def test_an_unknown_command_never_reaches_the_bot(room: Room) -> None:
    alice = person(room)
    sent = alice.type("/docker_image name=x")
    with alice.events(since=sent.sequence) as events:
        assert expect(events, Undelivered).reason == "unknown_command"
        assert "`/docker_image` is not a valid command" in expect(events, MessagePosted).message.text


def test_one_click_can_be_delivered_twice(room: Room, web: WebClient) -> None:
    app = bolt_app(room)
    seen: Queue[tuple[str, Sequence[str] | None]] = Queue()

    @app.action("create")
    def create(ack: Ack, body: dict[str, Any], request: BoltRequest) -> None:
        seen.put((body["actions"][0]["action_ts"], request.headers.get("x-slack-retry-num")))
        ack()

    ts = web.chat_postMessage(channel=WAR_ROOM.id, text="x", blocks=DIALOG)["ts"]
    with connected(room, app):
        person(room).click(ts, "create", deliveries=2)
        first, second = sorted(
            (seen.get(timeout=PATIENCE_SECONDS) for _ in range(2)), key=lambda one: one[1] is not None
        )
    assert first[0] == second[0]
    assert (first[1], second[1]) == (None, ["1"])


def test_what_the_message_does_not_show_cannot_be_clicked_but_a_screen_may_lag(room: Room, web: WebClient) -> None:
    app = bolt_app(room)
    clicks: Queue[str] = Queue()

    @app.action("create")
    def create(ack: Ack, action: dict[str, Any]) -> None:
        clicks.put(action["value"])
        ack()

    ts = web.chat_postMessage(channel=WAR_ROOM.id, text="x", blocks=DIALOG)["ts"]
    web.chat_update(channel=WAR_ROOM.id, ts=ts, text="done", blocks=[])
    with connected(room, app):
        with pytest.raises(RoomError, match="no `create`; it offers nothing"):
            person(room).click(ts, "create")
        person(room).click(ts, "create", stale=True)
        assert clicks.get(timeout=PATIENCE_SECONDS) == "p1"


def test_the_bot_comes_back_when_it_is_asked_to_reconnect(room: Room) -> None:
    app = bolt_app(room)
    hellos: Queue[None] = Queue()

    @app.command(COMMAND)
    def answer(ack: Ack) -> None:
        ack("Here again.")

    def count_hello(frame: str) -> None:
        if json.loads(frame)["type"] == "hello":
            hellos.put(None)

    alice = person(room)
    handler = SocketModeHandler(app, room.app_token)
    handler.client.on_message_listeners.append(count_hello)
    try:
        handler.client.connect()
        hellos.get(timeout=PATIENCE_SECONDS)
        room.ask_bot_to_reconnect()
        hellos.get(timeout=PATIENCE_SECONDS)
        with alice.events() as events:
            since = alice.type(COMMAND).sequence
            expect(events, MessagePosted, lambda event: event.sequence > since and event.message.text == "Here again.")
    finally:
        hang_up(handler)


def test_a_ticket_opens_one_connection_and_there_are_ten_at_most() -> None:
    with room_with() as room:
        client = web_client(room)
        urls = [client.apps_connections_open(app_token=room.app_token)["url"] for _ in range(11)]
        sockets = [connect(url, proxy=None) for url in urls]
        greetings = []
        for number, context in enumerate(sockets):
            link = context.__enter__()
            greetings.append(json.loads(link.recv(timeout=PATIENCE_SECONDS)))
            assert (number < 10) == (greetings[-1]["type"] == "hello")
        with pytest.raises(InvalidStatus), connect(urls[0], proxy=None):
            pass
        for context in sockets:
            context.__exit__(None, None, None)
    assert [greeting.get("num_connections") for greeting in greetings[:10]] == list(range(1, 11))
    assert greetings[10]["reason"] == "too_many_websockets"


def test_a_file_is_uploaded_into_a_thread_and_read_back(room: Room, web: WebClient) -> None:
    alice = person(room)
    ts = web.chat_postMessage(channel=WAR_ROOM.id, text="Building")["ts"]
    content = "step 1 ✓\n" * 1_000
    with alice.events() as events:
        reply = web.files_upload_v2(
            channel=WAR_ROOM.id, thread_ts=ts, filename="build.log", title="Log", content=content
        )
        shared = expect(events, FileShared)
    assert (shared.thread_ts, shared.file.name, shared.file.title) == (ts, "build.log", "Log")
    assert alice.file(shared.file.id).decode() == content
    assert web.files_info(file=shared.file.id)["file"]["size"] == len(content.encode())
    assert reply["file"]["id"] == shared.file.id
    assert alice.messages()[-1].files == (shared.file,)


def test_bytes_are_uploaded_and_read_back_as_they_are(room: Room, web: WebClient) -> None:
    content = bytes(range(256))

    file = uploaded(room, web, content)

    assert person(room).file(file.id) == content
    assert (file.size, file.is_text) == (256, False)


@pytest.mark.parametrize(
    ("content", "is_text"),
    [(b"plain\n", True), ("✓".encode(), True), (b"a\0b", False), (b"\xff", False), ("✓".encode()[:2], False)],
)
def test_a_file_is_text_if_it_can_be_read_as_text(room: Room, web: WebClient, content: bytes, is_text: bool) -> None:
    assert uploaded(room, web, content).is_text == is_text


def uploaded(room: Room, web: WebClient, content: bytes) -> SharedFile:
    """Upload a file, and return it as people see it."""
    reply = web.files_upload_v2(channel=WAR_ROOM.id, filename="context.zip", title="Context", content=content)
    seen = {file.id: file for message in person(room).messages() for file in message.files}
    return seen[reply["file"]["id"]]


def test_an_upload_of_another_length_than_announced_is_refused(room: Room, web: WebClient) -> None:
    announced = web.files_getUploadURLExternal(filename="x", length=3)
    path = announced["upload_url"].removeprefix(room.url)
    assert _request(room, "POST", path, body="12") == 400
    assert _request(room, "POST", path, body="1234") == 413
    assert (
        error_of(lambda: web.files_completeUploadExternal(files=[{"id": announced["file_id"], "title": "x"}]))
        == "file_not_found"
    )


def test_bad_blocks_are_refused_with_the_place(web: WebClient) -> None:
    with pytest.raises(SlackApiError) as caught:
        web.chat_postMessage(channel=WAR_ROOM.id, text="x", blocks=[{"type": "header", "text": {"type": "plain_text"}}])
    assert caught.value.response["error"] == "invalid_blocks"
    assert caught.value.response["response_metadata"]["messages"] == [
        "[ERROR] missing required field: text [json-pointer:/blocks/0/text]"
    ]


HERE = WAR_ROOM.id
PARAGRAPH = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2_900}}
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("chat.postMessage", {"channel": HERE}, "no_text"),
    ("chat.postMessage", {"channel": HERE, "text": "", "blocks": []}, "no_text"),
    ("chat.postMessage", {"text": "x"}, "invalid_arguments"),
    ("chat.postMessage", {"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
    ("chat.postMessage", {"channel": ELSEWHERE.id, "text": "x"}, "not_in_channel"),
    ("chat.postMessage", {"channel": HERE, "text": "x" * 40_001}, "msg_too_long"),
    ("chat.postMessage", {"channel": HERE, "blocks": [PARAGRAPH] * 5}, "msg_blocks_too_long"),
    ("chat.postMessage", {"channel": HERE, "blocks": "not JSON"}, "invalid_blocks_format"),
    ("chat.postMessage", {"channel": HERE, "blocks": "{}"}, "invalid_blocks_format"),
    ("chat.postMessage", {"channel": HERE, "text": "x", "thread_ts": "1.0"}, "thread_not_found"),
    ("chat.update", {"channel": HERE, "ts": "1.0", "text": "x"}, "message_not_found"),
    ("chat.delete", {"channel": HERE, "ts": "1.0"}, "message_not_found"),
    ("chat.getPermalink", {"channel": HERE, "message_ts": "1.0"}, "message_not_found"),
    ("chat.postEphemeral", {"channel": PRIVATE.id, "user": BOB.id, "text": "x"}, "user_not_in_channel"),
    ("conversations.info", {"channel": "C0NOWHERE"}, "channel_not_found"),
    ("files.getUploadURLExternal", {"filename": "x", "length": 0}, "invalid_arguments"),
    ("files.getUploadURLExternal", {"filename": "x", "length": 10**9}, "file_upload_size_restricted"),
    ("files.completeUploadExternal", {"files": [{"id": "F404"}], "channel_id": HERE}, "file_not_found"),
    ("files.completeUploadExternal", {"files": [{"id": "F404"}], "channel_id": ELSEWHERE.id}, "not_in_channel"),
    ("files.info", {"file": "F404"}, "file_not_found"),
    ("views.open", {"trigger_id": "x", "view": {}}, "invalid_arguments"),
    ("views.push", {"trigger_id": "x", "view": {}}, "unknown_method"),
    ("api.test", {"error": "on_purpose"}, "on_purpose"),
]


@pytest.mark.parametrize(("method", "arguments", "error"), REFUSED)
def test_json_and_forms_are_refused_alike(web: WebClient, method: str, arguments: dict[str, Any], error: str) -> None:
    form = {key: value if isinstance(value, str) else json.dumps(value) for key, value in arguments.items()}
    assert error_of(lambda: web.api_call(method, json=arguments)) == error
    assert error_of(lambda: web.api_call(method, params=form)) == error


def test_a_form_with_blocks_as_text_is_taken(room: Room, web: WebClient) -> None:
    ts = web.api_call("chat.postMessage", params={"channel": HERE, "blocks": json.dumps(DIALOG)})["ts"]
    assert _message(person(room), ts).blocks[1]["block_id"] == "review"


def test_an_edit_is_shorter_than_a_post_and_removes_blocks_that_are_not_sent(room: Room, web: WebClient) -> None:
    ts = web.chat_postMessage(channel=HERE, text="x" * 40_000, blocks=DIALOG)["ts"]
    assert error_of(lambda: web.chat_update(channel=HERE, ts=ts, text="x" * 4_001)) == "msg_too_long"
    assert len(_message(person(room), ts).blocks) == 2
    web.chat_update(channel=HERE, ts=ts, text="x" * 4_000)
    assert _message(person(room), ts).blocks == ()


def test_the_bot_may_neither_post_nor_edit_in_an_archived_channel() -> None:
    with room_with() as room:
        web = web_client(room)
        ts = web.chat_postMessage(channel=HERE, text="x")["ts"]
        file = web.files_getUploadURLExternal(filename="x", length=3)["file_id"]
        person(room).change_channel(is_archived=True)

        assert web.conversations_info(channel=HERE)["channel"]["is_archived"]
        assert error_of(lambda: web.chat_postMessage(channel=HERE, text="x")) == "is_archived"
        assert error_of(lambda: web.chat_postEphemeral(channel=HERE, user=ALICE.id, text="x")) == "is_archived"
        share = {"files": [{"id": file}], "channel_id": HERE}
        assert error_of(lambda: web.api_call("files.completeUploadExternal", json=share)) == "is_archived"
        assert error_of(lambda: web.chat_update(channel=HERE, ts=ts, text="y")) == "is_inactive"

        person(room).change_channel(is_archived=False)
        web.chat_update(channel=HERE, ts=ts, text="y")


@pytest.mark.parametrize("error", ["cant_update_message", "edit_window_closed"])
def test_edits_that_the_workspace_forbids_are_refused(error: EditRule) -> None:
    with room_with() as room:
        web = web_client(room)
        ts = web.chat_postMessage(channel=HERE, text="x")["ts"]
        person(room).change_channel(edits=error)

        assert error_of(lambda: web.chat_update(channel=HERE, ts=ts, text="y")) == error
        web.chat_postMessage(channel=HERE, text="posting is allowed")

        person(room).change_channel(edits="allowed")
        web.chat_update(channel=HERE, ts=ts, text="y")


def test_the_bot_cannot_post_once_it_is_removed_from_a_channel() -> None:
    with room_with() as room:
        web = web_client(room)
        person(room).change_channel(bot_is_member=False)

        assert error_of(lambda: web.chat_postMessage(channel=HERE, text="x")) == "not_in_channel"


def test_a_deleted_message_is_gone_for_everyone(room: Room, web: WebClient) -> None:
    ts = web.chat_postMessage(channel=HERE, text="x")["ts"]
    with person(room).events() as events:
        web.chat_delete(channel=HERE, ts=ts)
        assert expect(events, MessageDeleted).ts == ts
    assert ts not in [message.ts for message in person(room).messages()]


def test_other_peoples_messages_cannot_be_changed(room: Room, web: WebClient) -> None:
    app = bolt_app(room)

    @app.command(COMMAND)
    def show(ack: Ack) -> None:
        ack(response_type="in_channel")

    alice = person(room)
    with connected(room, app), alice.events() as events:
        since = alice.type(COMMAND).sequence
        typed = expect(events, MessagePosted, lambda event: event.sequence > since).message
    assert error_of(lambda: web.chat_update(channel=HERE, ts=typed.ts, text="x")) == "cant_update_message"
    assert error_of(lambda: web.chat_delete(channel=HERE, ts=typed.ts)) == "cant_delete_message"


def test_an_ephemeral_message_is_for_one_person_and_out_of_the_web_apis_reach(room: Room, web: WebClient) -> None:
    ts = web.chat_postEphemeral(channel=HERE, user=BOB.id, text="psst")["message_ts"]
    assert _message(person(room, BOB), ts).only_for == BOB.id
    assert ts not in [message.ts for message in person(room, ALICE).messages()]
    assert error_of(lambda: web.chat_update(channel=HERE, ts=ts, text="x")) == "message_not_found"


def test_an_ephemeral_dialog_is_changed_and_removed_through_the_response_url(room: Room, web: WebClient) -> None:
    app = bolt_app(room)
    urls: Queue[str] = Queue()

    @app.action("create")
    def create(ack: Ack, body: dict[str, Any]) -> None:
        assert "message" not in body
        urls.put(body["response_url"])
        ack()

    bob = person(room, BOB)
    ts = web.chat_postEphemeral(channel=HERE, user=BOB.id, text="x", blocks=DIALOG)["message_ts"]
    with connected(room, app):
        with pytest.raises(RoomError, match="message_not_found"):
            person(room, ALICE).click(ts, "create")
        bob.click(ts, "create")
        answer = WebhookClient(urls.get(timeout=PATIENCE_SECONDS))
    answer.send(text="changed", blocks=[], replace_original=True)
    assert (_message(bob, ts).text, _message(bob, ts).blocks) == ("changed", ())
    answer.send(delete_original=True)
    assert ts not in [message.ts for message in bob.messages()]


def test_a_response_url_works_where_the_bot_is_no_member_five_times(room: Room) -> None:
    app = bolt_app(room)
    urls: Queue[str] = Queue()

    @app.command(COMMAND)
    def keep(ack: Ack, body: dict[str, Any]) -> None:
        urls.put(body["response_url"])
        ack()

    alice = person(room, ALICE, ELSEWHERE)
    with connected(room, app):
        alice.type(COMMAND)
        answer = WebhookClient(urls.get(timeout=PATIENCE_SECONDS))
    assert [answer.send(text=f"{number}").status_code for number in range(4)] == [200] * 4
    assert answer.send(text="for all", response_type="in_channel").body == "ok"
    refused = answer.send(text="once more")
    assert (refused.status_code, json.loads(refused.body)["error"]) == (404, "used_url")
    assert [(message.text, message.only_for) for message in alice.messages()[-2:]] == [
        ("3", ALICE.id),
        ("for all", None),
    ]


FORM: dict[str, Any] = {
    "type": "modal",
    "callback_id": "create",
    "private_metadata": "p1",
    "title": {"type": "plain_text", "text": "Create"},
    "submit": {"type": "plain_text", "text": "Go"},
    "notify_on_close": True,
    "blocks": [
        {
            "type": "input",
            "block_id": "name",
            "label": {"type": "plain_text", "text": "Name"},
            "element": {"type": "plain_text_input", "action_id": "v", "max_length": 5},
        },
        {
            "type": "section",
            "block_id": "help",
            "text": {"type": "mrkdwn", "text": "x"},
            "accessory": {"type": "button", "action_id": "why", "text": {"type": "plain_text", "text": "Why"}},
        },
    ],
}
NAMED = {"name": {"v": "demo"}}


@contextmanager
def form_app(room: Room, answers: Callable[[dict[str, Any]], dict[str, Any]]) -> Iterator[Queue[dict[str, Any]]]:
    """Open a form at the command; answer its submission as told; give all bodies."""
    app = bolt_app(room)
    bodies: Queue[dict[str, Any]] = Queue()

    @app.command(COMMAND)
    def show(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=FORM)
        ack()

    @app.view("create")
    def take(ack: Ack, body: dict[str, Any]) -> None:
        bodies.put(body)
        ack(**answers(body))

    @app.view_closed("create")
    def closed(ack: Ack, body: dict[str, Any]) -> None:
        bodies.put(body)
        ack()

    with connected(room, app):
        yield bodies


def opened_form(alice: RoomClient, events: EventStream) -> ViewShown:
    since = alice.type(COMMAND).sequence
    return expect(events, ViewShown, lambda event: event.sequence > since)


def test_a_form_reaches_the_bot_as_in_slack(room: Room) -> None:
    alice = person(room)
    with form_app(room, lambda _: {}) as bodies, alice.events() as events:
        view = opened_form(alice, events).view
        assert alice.submit(view.id, NAMED) == Submitted(outcome="taken")
        assert expect(events, ViewClosed).view.id == view.id
        body = bodies.get(timeout=PATIENCE_SECONDS)
    assert body["type"] == "view_submission"
    assert body["user"]["id"] == ALICE.id
    assert "channel" not in body
    sent = body["view"]
    assert (sent["id"], sent["hash"], sent["callback_id"], sent["private_metadata"]) == (
        view.id,
        view.hash,
        "create",
        "p1",
    )
    assert sent["state"] == {"values": {"name": {"v": {"type": "plain_text_input", "value": "demo"}}}}


def test_a_form_is_one_persons_alone(room: Room) -> None:
    alice = person(room)
    with form_app(room, lambda _: {}), alice.events() as events:
        view = opened_form(alice, events).view
        with pytest.raises(RoomError, match="view_not_found"):
            person(room, BOB).submit(view.id, NAMED)
        alice.close_form(view.id)
        with pytest.raises(RoomError, match="Type the command again"):
            alice.submit(view.id, NAMED)


def test_what_slack_checks_never_reaches_the_bot(room: Room) -> None:
    alice = person(room)
    with form_app(room, lambda _: {}) as bodies, alice.events() as events:
        view = opened_form(alice, events).view
        for entries in ({}, {"name": {"v": ""}}, {"name": {"v": "longer"}}):
            assert set(alice.submit(view.id, entries).errors) == {"name"}
        assert bodies.empty()
        alice.close_form(view.id)
        closed = bodies.get(timeout=PATIENCE_SECONDS)
    assert (closed["type"], closed["view"]["id"], closed["is_cleared"]) == ("view_closed", view.id, False)


ANSWERS: list[tuple[dict[str, Any], str]] = [
    ({"response_action": "errors", "errors": {"name": "Taken."}}, "errors"),
    ({"response_action": "errors", "errors": {"nowhere": "Taken."}}, "failed"),
    ({"response_action": "update", "view": {**FORM, "title": {"type": "plain_text", "text": "Next"}}}, "taken"),
    ({"response_action": "update", "view": {**FORM, "title": {"type": "plain_text", "text": "x" * 25}}}, "failed"),
    ({"response_action": "clear"}, "taken"),
]


@pytest.mark.parametrize(("answer", "outcome"), ANSWERS)
def test_the_bot_answers_a_form(room: Room, answer: dict[str, Any], outcome: str) -> None:
    alice = person(room)
    with form_app(room, lambda _: answer), alice.events() as events:
        view = opened_form(alice, events).view
        submitted = alice.submit(view.id, NAMED)
        assert submitted.outcome == outcome
        match answer["response_action"]:
            case "clear":
                assert expect(events, ViewClosed).view.id == view.id
            case "update" if outcome == "taken":
                changed = expect(events, ViewShown).view
                assert changed.id == view.id
                assert changed.hash != view.hash
            case "errors" if outcome == "errors":
                assert submitted.errors == {"name": "Taken."}
            case _:
                assert "Try again" in submitted.message


def test_errors_without_any_are_no_answer_to_a_form() -> None:
    with room_with(ack_seconds=0.5) as room:
        alice = person(room)
        with form_app(room, lambda _: {"response_action": "errors", "errors": {}}), alice.events() as events:
            submitted = alice.submit(opened_form(alice, events).view.id, NAMED)
    assert submitted.outcome == "failed"
    assert "Try again" in submitted.message


def test_a_form_without_a_bot_stays_open_with_advice(room: Room) -> None:
    alice = person(room)
    with alice.events() as events:
        with form_app(room, lambda _: {}):
            view = opened_form(alice, events).view
        assert alice.submit(view.id, NAMED).outcome == "failed"
    alice.close_form(view.id)


class RunningClock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_trigger_opens_one_form_within_three_seconds() -> None:
    clock = RunningClock()
    with Room(commands=[COMMAND], limits=RateLimits.boundless(), sources=RoomSources(clock=clock)) as room:
        web, alice = web_client(room), person(room)

        def open_form(trigger_id: str, view: dict[str, Any] = FORM) -> Callable[[], object]:
            return lambda: web.views_open(trigger_id=trigger_id, view=view)

        assert error_of(open_form("guess")) == "invalid_trigger_id"
        trigger = alice.type(COMMAND).trigger_id
        assert error_of(open_form(trigger, {**FORM, "blocks": []} | {"title": {}})) == "invalid_arguments"
        open_form(trigger)()
        assert error_of(open_form(trigger)) == "exchanged_trigger_id"
        late = alice.type(COMMAND).trigger_id
        clock.seconds = 3.1
        assert error_of(open_form(late)) == "expired_trigger_id"


def test_a_form_is_changed_by_its_id_unless_somebody_else_changed_it(room: Room, web: WebClient) -> None:
    alice = person(room)
    with form_app(room, lambda _: {}), alice.events() as events:
        view = opened_form(alice, events).view
        web.views_update(view_id=view.id, view=FORM, hash=view.hash)
        changed = expect(events, ViewShown, lambda event: event.view.hash != view.hash).view
        assert error_of(lambda: web.views_update(view_id=view.id, view=FORM, hash=view.hash)) == "hash_conflict"
        assert error_of(lambda: web.views_update(view_id="V404", view=FORM)) == "not_found"
        alice.close_form(changed.id)


def test_too_many_posts_are_answered_with_429_and_a_time() -> None:
    with room_with(limits=replace(RateLimits(), post_burst=2, edits_per_minute=1)) as room:
        web = web_client(room)
        ts = web.chat_postMessage(channel=HERE, text="x")["ts"]
        web.chat_postMessage(channel=HERE, text="x")
        with pytest.raises(SlackApiError) as caught:
            web.chat_postMessage(channel=HERE, text="x")
        assert caught.value.response.status_code == 429
        assert caught.value.response["error"] == "ratelimited"
        assert caught.value.response.headers["Retry-After"] == "1"
        web.chat_update(channel=HERE, ts=ts, text="y")
        with pytest.raises(SlackApiError) as caught:
            web.chat_update(channel=HERE, ts=ts, text="z")
        assert 59 <= int(caught.value.response.headers["Retry-After"]) <= 60


def test_each_token_opens_its_own_door(room: Room) -> None:
    def ask(method: str, token: str | None) -> Callable[[], object]:
        return lambda: WebClient(token=token, base_url=room.api_url).api_call(method)

    assert error_of(ask("auth.test", None)) == "not_authed"
    assert error_of(ask("auth.test", "xoxb-guess")) == "invalid_auth"
    assert error_of(ask("auth.test", room.user_token)) == "invalid_auth"
    assert error_of(ask("auth.test", room.app_token)) == "not_allowed_token_type"
    assert error_of(ask("apps.connections.open", room.bot_token)) == "not_allowed_token_type"
    with pytest.raises(RoomError, match="invalid_auth"):
        RoomClient(room.url, room.bot_token).messages()
    with pytest.raises(RoomError, match="does not let us listen"):
        RoomClient(room.url, room.bot_token).events()


def test_the_bot_learns_who_it_is(web: WebClient) -> None:
    reply = web.auth_test()
    assert (reply["user_id"], reply["bot_id"], reply["team_id"]) == (BOT.user_id, BOT.bot_id, WORKSPACE.team.id)


def _request(
    room: Room, method: str, path: str, *, body: str | None = None, headers: dict[str, str] | None = None
) -> int:
    connection = http.client.HTTPConnection(room.url.removeprefix("http://"), timeout=PATIENCE_SECONDS)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1", ""])
def test_a_foreign_host_name_is_refused_before_any_token_is_looked_at(room: Room, host: str) -> None:
    headers = {"Host": host, "Authorization": f"Bearer {room.user_token}"}
    assert _request(room, "GET", f"/room/messages?user={ALICE.id}&channel={HERE}", headers=headers) == 403
    assert _request(room, "POST", "/api/auth.test", headers=headers) == 403


def test_people_send_json_only(room: Room) -> None:
    headers = {"Authorization": f"Bearer {room.user_token}", "Content-Type": "text/plain"}
    body = json.dumps({"user": ALICE.id, "channel": HERE, "text": COMMAND})
    assert _request(room, "POST", "/room/commands", body=body, headers=headers) == 415


@pytest.mark.parametrize("body", ["", "{", "[]", '{"user": "U0ALICE"}', '{"user": 1, "channel": 2, "text": 3}'])
def test_a_bad_request_of_a_person_is_refused(room: Room, body: str) -> None:
    headers = {"Authorization": f"Bearer {room.user_token}", "Content-Type": "application/json"}
    assert _request(room, "POST", "/room/commands", body=body, headers=headers) == 422


@pytest.mark.parametrize(
    ("user", "channel", "error"),
    [
        ("U0NOBODY", HERE, "user_not_found"),
        (BOB.id, PRIVATE.id, "channel_not_found"),
        (BOB.id, "C9", "channel_not_found"),
    ],
)
def test_strangers_are_refused(room: Room, user: str, channel: str, error: str) -> None:
    stranger = RoomClient(room.url, room.user_token, user=user, channel=channel)
    with pytest.raises(RoomError, match=error):
        stranger.messages()
    with pytest.raises(RoomError, match=error):
        stranger.type(COMMAND)


def test_what_is_not_a_command_is_refused_with_advice(room: Room) -> None:
    with pytest.raises(RoomError, match="begins with `/`"):
        person(room).type("hello")


def test_who_is_not_in_a_channel_hears_nothing_of_it(room: Room, web: WebClient) -> None:
    with person(room, BOB).events() as events:
        web.chat_postMessage(channel=PRIVATE.id, text="secret")
        ts = web.chat_postMessage(channel=HERE, text="public")["ts"]
        heard: list[RoomMessage] = []
        while not heard or heard[-1].ts != ts:
            heard.append(expect(events, MessagePosted).message)
    assert PRIVATE.id not in {message.channel for message in heard}


def test_a_late_listener_catches_up_from_where_it_was(room: Room, web: WebClient) -> None:
    alice = person(room)
    ts = web.chat_postMessage(channel=HERE, text="seen")["ts"]
    with alice.events() as events:
        seen = expect(events, MessagePosted, lambda event: event.message.ts == ts).sequence
    web.chat_update(channel=HERE, ts=ts, text="changed")
    with alice.events(since=seen) as events:
        first = events.wait(PATIENCE_SECONDS)
    assert isinstance(first, MessageEdited)
    assert (first.message.ts, first.message.text) == (ts, "changed")


def test_a_listener_is_freed_by_a_close_from_another_thread(room: Room) -> None:
    events = person(room).events(since=10**9)
    ended = threading.Event()

    def listen() -> None:
        for _ in events:
            pass
        ended.set()

    listener = threading.Thread(target=listen)
    listener.start()
    events.close()
    listener.join(PATIENCE_SECONDS)
    assert ended.is_set()


def test_a_listener_is_freed_when_the_room_closes() -> None:
    with room_with() as room:
        events = person(room).events()
    with pytest.raises(RoomClosedError):
        events.wait(PATIENCE_SECONDS)
    events.close()


def test_a_room_can_be_stopped_twice_and_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    room = Room()
    room.start()
    assert set(threading.enumerate()) > before
    room.stop()
    room.stop()
    assert set(threading.enumerate()) <= before
    with pytest.raises(RoomError, match="does not answer"):
        RoomClient(room.url, room.user_token).messages()


def test_the_client_never_asks_a_proxy(room: Room) -> None:
    program = (
        "import sys; from bot.room.client.room_client import RoomClient; "
        "client = RoomClient(sys.argv[1], sys.argv[2]); client.messages(); client.events().close()"
    )
    nowhere = "http://127.0.0.1:9"
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"), nowhere)
    subprocess.run(
        [sys.executable, "-c", program, room.url, room.user_token],
        check=True,
        timeout=PATIENCE_SECONDS,
        env=os.environ | proxies,
    )


def test_a_burst_of_commands_is_acknowledged_entirely(room: Room) -> None:
    app = bolt_app(room)

    @app.command(COMMAND)
    def show(ack: Ack) -> None:
        ack(response_type="in_channel")

    alice = person(room)
    with connected(room, app), alice.events() as events:
        waiting = {alice.type(f"{COMMAND} {number}").trigger_id for number in range(40)}
        while waiting:
            waiting.discard(expect(events, Acked).trigger_id)


def _message(client: RoomClient, ts: str) -> RoomMessage:
    [message] = [message for message in client.messages() if message.ts == ts]
    return message
