"""The proxy that fails: each fault as Slack's own SDK meets it, and what the room saw of the call."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import IncompleteRead, RemoteDisconnected
from queue import Queue
from threading import Thread
from typing import Any

import pytest
from slack_bolt import Ack, App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.webhook import WebhookClient
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect

from bot.room.client.room_client import RoomClient
from bot.room.events import Acked, MessagePosted
from bot.room.server.rates import RateLimits
from bot.room.server.room import Room
from bot.room.server.sources import RoomSources
from bot.room.workspace import WAR_ROOM
from tests.fakes.host import PATIENCE_SECONDS
from tests.fakes.slack_faults import (
    ANY,
    LINK,
    LOST_ANSWER,
    LOST_REQUEST,
    Broken,
    Ending,
    SlackFaults,
    faulty_slack,
    refused,
    unavailable,
)

COMMAND = "/docker_images"
POST = "chat.postMessage"


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    with Room(
        commands=[COMMAND],
        limits=RateLimits.boundless(),
        ack_seconds=PATIENCE_SECONDS,
        sources=RoomSources(clock=lambda: 0.0),
    ) as room:
        yield room


@pytest.fixture
def slack(room: Room) -> Iterator[SlackFaults]:
    with faulty_slack(room.url) as slack:
        yield slack


def client(room: Room, slack: SlackFaults, *, timeout: float = PATIENCE_SECONDS) -> WebClient:
    return WebClient(token=room.bot_token, base_url=slack.api_url, retry_handlers=[], timeout=int(timeout))


def person(room: Room) -> RoomClient:
    return RoomClient(room.url, room.user_token)


def post(web: WebClient, text: str) -> Any:  # noqa: ANN401 - the SDK's own answer type
    return web.chat_postMessage(channel=WAR_ROOM.id, text=text)


def texts(room: Room) -> list[str]:
    return [message.text for message in person(room).messages()]


@contextmanager
def link(room: Room, slack: SlackFaults) -> Iterator[ClientConnection]:
    """Open a bare connection of Socket Mode, and read its greeting."""
    url = client(room, slack).apps_connections_open(app_token=room.app_token)["url"]
    assert slack.server.address in url
    with connect(url, proxy=None) as opened:
        assert json.loads(opened.recv(timeout=PATIENCE_SECONDS))["type"] == "hello"
        slack.wait_for_links()
        yield opened


def test_calls_pass_without_a_fault(room: Room, slack: SlackFaults) -> None:
    answer = client(room, slack).auth_test()

    assert answer["user_id"] == room.workspace.bot.user_id
    assert answer.headers["x-oauth-scopes"]
    assert slack.calls == ("auth.test",)


def test_scripted_faults_come_in_order_and_then_end(room: Room, slack: SlackFaults) -> None:
    web = client(room, slack)
    slack.script(POST, refused("internal_error"), None, refused("ratelimited", status=429, retry_after=7))

    with pytest.raises(SlackApiError, match="internal_error"):
        post(web, "order 1")
    post(web, "order 2")
    with pytest.raises(SlackApiError) as caught:
        post(web, "order 3")
    post(web, "order 4")

    assert (caught.value.response.status_code, caught.value.response.headers["Retry-After"]) == (429, "7")
    assert [text for text in texts(room) if text.startswith("order")] == ["order 2", "order 4"]


def test_a_page_in_html_comes_in_place_of_an_answer(room: Room, slack: SlackFaults) -> None:
    slack.script(ANY, unavailable(502), times=2)

    for _ in range(2):
        with pytest.raises(SlackApiError) as caught:
            post(client(room, slack), "unavailable")
        assert caught.value.response.status_code == 502


def test_a_lost_request_has_no_effect_and_a_lost_answer_has(room: Room, slack: SlackFaults) -> None:
    slack.script(POST, LOST_REQUEST, LOST_ANSWER)

    for text in ("lost request", "lost answer"):
        with pytest.raises(ConnectionResetError):
            post(client(room, slack), text)

    assert [text for text in texts(room) if text.startswith("lost")] == ["lost answer"]


def test_a_connection_closes_without_an_answer(room: Room, slack: SlackFaults) -> None:
    slack.script(POST, Broken(Ending.CLOSE))

    with pytest.raises((RemoteDisconnected, IncompleteRead)):
        post(client(room, slack), "closed")


def test_a_silent_connection_stays_open_until_the_caller_gives_up(room: Room, slack: SlackFaults) -> None:
    slack.script(POST, Broken(Ending.SILENCE, passed_on=True))

    with pytest.raises(TimeoutError):
        post(client(room, slack, timeout=1), "into silence")

    assert "into silence" in texts(room)


def test_a_held_answer_comes_when_it_is_released(room: Room, slack: SlackFaults) -> None:
    release = slack.hold(POST)
    answers: Queue[Any] = Queue()
    caller = Thread(target=lambda: answers.put(post(client(room, slack), "held")))
    with person(room).events() as events:
        caller.start()
        next(event for event in events if isinstance(event, MessagePosted))
        assert answers.empty()

    release.set()
    caller.join()

    assert answers.get(timeout=PATIENCE_SECONDS)["ok"]


def test_faults_at_random_are_the_same_with_the_same_seed(room: Room) -> None:
    def refusals() -> list[bool]:
        with faulty_slack(room.url) as slack:
            slack.at_random("auth.test", refused("fatal_error"), one_in=5, seed=1)
            return [fails(slack) for _ in range(30)]

    def fails(slack: SlackFaults) -> bool:
        try:
            client(room, slack).auth_test()
        except SlackApiError:
            return True
        return False

    first = refusals()
    assert first == refusals()
    assert {True, False} == set(first)


def test_what_was_scripted_ends_with_the_recovery(room: Room, slack: SlackFaults) -> None:
    slack.script(ANY, LOST_REQUEST, times=100)
    slack.at_random(ANY, LOST_REQUEST, one_in=1, seed=1)

    slack.recover()

    assert client(room, slack).auth_test()["ok"]


def test_a_file_is_uploaded_through_the_proxy_and_the_upload_can_fail(room: Room, slack: SlackFaults) -> None:
    web = client(room, slack)
    web.files_upload_v2(channel=WAR_ROOM.id, filename="build.log", content="step 1 ✓\n" * 1_000)
    assert "upload" in slack.calls

    slack.script("upload", LOST_REQUEST)
    with pytest.raises((OSError, SlackClientError)):
        web.files_upload_v2(channel=WAR_ROOM.id, filename="build.log", content="step 2")


def test_an_envelope_comes_twice_and_its_response_url_is_the_proxys(room: Room, slack: SlackFaults) -> None:
    slack.deliver_twice()
    with link(room, slack) as opened:
        person(room).type(COMMAND)
        first, second = (json.loads(opened.recv(timeout=PATIENCE_SECONDS)) for _ in range(2))

    assert first == second
    assert WebhookClient(first["payload"]["response_url"]).send(text="by the proxy").status_code == 200
    assert slack.calls[-1] == "response"


def test_a_lost_envelope_does_not_come(room: Room, slack: SlackFaults) -> None:
    slack.lose_envelopes()
    with link(room, slack) as opened:
        person(room).type(f"{COMMAND} lost")
        person(room).type(f"{COMMAND} delivered")

        assert json.loads(opened.recv(timeout=PATIENCE_SECONDS))["payload"]["text"] == "delivered"


def test_a_lost_acknowledgement_does_not_reach_slack(room: Room, slack: SlackFaults) -> None:
    slack.lose_acks()
    alice = person(room)
    with link(room, slack) as opened, alice.events() as events:
        sent = [alice.type(COMMAND) for _ in range(2)]
        for _ in sent:
            opened.send(json.dumps({"envelope_id": json.loads(opened.recv())["envelope_id"]}))
        acked = next(event for event in events if isinstance(event, Acked))

    assert acked.trigger_id == sent[1].trigger_id


@pytest.mark.parametrize("ending", [Ending.RESET, Ending.CLOSE])
def test_a_link_ends_and_a_new_one_works(room: Room, slack: SlackFaults, ending: Ending) -> None:
    with link(room, slack) as opened:
        assert slack.break_links(ending) == 1
        with pytest.raises(ConnectionClosed):
            opened.recv(timeout=PATIENCE_SECONDS)

    with link(room, slack) as again:
        person(room).type(COMMAND)
        assert json.loads(again.recv(timeout=PATIENCE_SECONDS))["type"] == "slash_commands"


def test_a_link_is_reset_and_not_closed(room: Room, slack: SlackFaults) -> None:
    url = client(room, slack).apps_connections_open(app_token=room.app_token)["url"]
    with socket.create_connection(("127.0.0.1", slack.server.server_port)) as bare:
        head = f"GET /link?{url.partition('?')[2]} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        bare.sendall(f"{head}Connection: Upgrade\r\n{key}\r\n".encode())
        received = b""
        while b'"hello"' not in received:
            received += bare.recv(4096)

        slack.break_links(Ending.RESET)

        with pytest.raises(ConnectionResetError):
            bare.recv(4096)


def test_a_silent_link_stays_open_and_passes_nothing(room: Room, slack: SlackFaults) -> None:
    with link(room, slack) as opened:
        slack.break_links(Ending.SILENCE)
        person(room).type(COMMAND)
        assert not opened.ping().wait(0)
        with pytest.raises(TimeoutError):
            opened.recv(timeout=0.1)
        # Otherwise closing waits for the other side's close.
        opened.socket.shutdown(socket.SHUT_RDWR)


def test_a_link_is_refused(room: Room, slack: SlackFaults) -> None:
    url = client(room, slack).apps_connections_open(app_token=room.app_token)["url"]
    slack.script(LINK, LOST_REQUEST)

    with pytest.raises(InvalidHandshake), connect(url, proxy=None):
        pass


def test_bolt_works_through_the_proxy_and_comes_back_after_a_reset(room: Room, slack: SlackFaults) -> None:
    app = App(client=client(room, slack), request_verification_enabled=False)
    seen: Queue[str] = Queue()

    @app.command(COMMAND)
    def show(ack: Ack, body: dict[str, Any]) -> None:
        seen.put(body["text"])
        ack()

    handler = SocketModeHandler(app, room.app_token, ping_interval=0.1)
    handler.client.connect()
    try:
        slack.wait_for_links()
        slack.break_links(Ending.RESET)
        slack.wait_for_links()
        person(room).type(f"{COMMAND} again")
        assert seen.get(timeout=PATIENCE_SECONDS) == "again"
    finally:
        handler.client.auto_reconnect_enabled = False
        handler.client.closed = True
        handler.client.message_queue.put(None)
        handler.close()
