"""What somebody without a token can make the room hold: no body, no half request, no connections without end."""

import asyncio
import json
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Message, Receive
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from bot.room.server.bodies import MOST_BYTES, body_of
from bot.room.server.connections import LONGEST_HEAD, Bounds
from bot.room.server.room import Room
from bot.room.workspace import ALICE

SOON = 0.2
"""Seconds after which a room of these tests cuts a connection: nothing is asserted of when, only that it does."""
HUGE = 300_000_000
PIECE = b"x" * 65_536


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    with Room() as room:
        yield room


@pytest.fixture(scope="module")
def hasty() -> Iterator[Room]:
    with Room(bounds=Bounds(head_seconds=SOON)) as room:
        yield room


def caller(room: Room) -> closing[socket.socket]:
    host, _, port = room.url.removeprefix("http://").partition(":")
    return closing(socket.create_connection((host, int(port)), timeout=30))


def head(path: str, *headers: str, method: str = "POST", token: str = "") -> bytes:
    bearer = [f"Authorization: Bearer {token}"] if token else []
    lines = (f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", *bearer, *headers)
    return "\r\n".join((*lines, "", "")).encode()


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def answer_to(room: Room, sent: bytes) -> int:
    """Send the beginning of a request and nothing more; give the status of the answer."""
    with caller(room) as sock:
        sock.sendall(sent)
        return status_of(sock.recv(4096))


def pushed_until_the_end(sock: socket.socket, piece: bytes) -> tuple[bytes, int]:
    """Send a piece again and again until the other side hangs up; give what it said, and how much it was sent."""
    said, count = b"", 0
    sock.settimeout(0.01)
    while True:
        try:
            if select.select([sock], [], [], 0.01)[0]:
                received = sock.recv(4096)
                if not received:
                    return said, count
                said += received
            count += sock.send(piece)
        except TimeoutError:
            continue
        except OSError:
            return said, count


# ── Bodies ──────────────────────────────────────────────────────────────────────────────────────────────────────────

ANONYMOUS = ("/room/session", "/api/api.test")
"""They read a body without a token: the one because it brings the token, the other because Slack's does."""
REFUSED = {
    **dict.fromkeys(("commands", "clicks", "form-clicks", "submissions", "closings", "channels"), 401),
    **dict.fromkeys(("../api/chat.postMessage", "../api/apps.connections.open", "../api/views.open"), 200),
    **dict.fromkeys(("../upload/guess", "../response/guess", "../nowhere"), 404),
    "../": 405,
}
"""What is answered without a token, by the place below `/room/`; the Web API refuses with 200, as Slack's does."""


def place(name: str) -> str:
    return name.removeprefix("..") if name.startswith("..") else f"/room/{name}"


def test_the_tables_name_every_address_that_takes_a_body(room: Room) -> None:
    named = {*ANONYMOUS, *map(place, REFUSED)}
    app = room._server.config.app
    assert isinstance(app, Starlette)
    for route in app.routes:
        if isinstance(route, Route) and "POST" in (route.methods or ()):
            assert any(route.path_regex.match(path) for path in named), route.path


@pytest.mark.parametrize(("name", "status"), REFUSED.items())
@pytest.mark.parametrize("length", [f"Content-Length: {HUGE}", "Transfer-Encoding: chunked"])
def test_without_a_token_an_answer_comes_before_the_body(room: Room, name: str, status: int, length: str) -> None:
    assert answer_to(room, head(place(name), length)) == status


@pytest.mark.parametrize("path", ANONYMOUS)
@pytest.mark.parametrize("expects", [(), ("Expect: 100-continue",)], ids=["at once", "asks first"])
def test_a_body_that_is_announced_too_long_is_refused_unread(room: Room, path: str, expects: tuple[str, ...]) -> None:
    assert answer_to(room, head(path, f"Content-Length: {HUGE}", *expects)) == 413


@pytest.mark.parametrize("path", [*ANONYMOUS, "/room/commands", "/api/chat.postMessage"])
def test_a_body_of_unknown_length_is_refused_when_it_is_too_long(room: Room, path: str) -> None:
    token = room.user_token if path.startswith("/room") else room.bot_token
    chunk = b"%x\r\n%s\r\n" % (len(PIECE), PIECE)
    with caller(room) as sock:
        sock.sendall(head(path, "Transfer-Encoding: chunked", token=token))
        sock.sendall(chunk * (MOST_BYTES // len(PIECE) + 1))
        assert status_of(sock.recv(4096)) == 413


def test_who_is_let_in_may_not_send_endless_bodies_either(room: Room) -> None:
    for path, token in (("/room/commands", room.user_token), ("/api/chat.postMessage", room.bot_token)):
        assert answer_to(room, head(path, f"Content-Length: {MOST_BYTES + 1}", token=token)) == 413


@pytest.mark.parametrize("path", ANONYMOUS)
def test_of_anybody_a_few_bytes_are_read(room: Room, path: str) -> None:
    assert answer_to(room, head(path, "Content-Length: 4097")) == 413
    assert answer_to(room, head(path, "Content-Length: 2") + b"{}") in {200, 422}


def test_a_body_as_long_as_allowed_is_read(room: Room) -> None:
    body = json.dumps({"user": ALICE.id, "channel": "C0", "text": "x"}).encode()
    body += b" " * (MOST_BYTES - len(body))
    with caller(room) as sock:
        sock.sendall(head("/room/commands", f"Content-Length: {MOST_BYTES}", token=room.user_token) + body)
        assert status_of(sock.recv(4096)) == 409  # there is no such channel


def test_what_follows_an_answer_is_neither_kept_nor_heard_for_ever(hasty: Room) -> None:
    with caller(hasty) as sock:
        sock.sendall(head("/room/commands", f"Content-Length: {10**12}"))
        said, sent = pushed_until_the_end(sock, PIECE)

    assert said == b"" or status_of(said) == 401
    assert sent < 10**12


def test_an_upload_is_as_long_as_it_was_announced(room: Room) -> None:
    announce = json.dumps({"filename": "a.txt", "length": 5}).encode()
    headers = {"Authorization": f"Bearer {room.bot_token}", "Content-Type": "application/json"}
    with closing(HTTPConnection(room.url.removeprefix("http://"), timeout=30)) as connection:
        connection.request("POST", "/api/files.getUploadURLExternal", announce, headers)
        answer = json.loads(connection.getresponse().read())
    path = answer["upload_url"].removeprefix(room.url)

    assert answer_to(room, head(path, "Content-Length: 6")) == 413
    assert answer_to(room, head(path, "Transfer-Encoding: chunked") + b"6\r\nabcdef\r\n") == 413
    assert answer_to(room, head(path, "Content-Length: 5") + b"abcde") == 200


def request_with(receive: Receive) -> Request:
    return Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async def silence() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(HTTPException, match="Send it again") as refused:
        asyncio.run(body_of(request_with(silence), seconds=0.01))
    assert refused.value.status_code == 408


def test_a_body_that_dribbles_in_is_not_waited_for() -> None:
    async def dribble() -> Message:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"", "more_body": True}

    with pytest.raises(HTTPException) as refused:
        asyncio.run(body_of(request_with(dribble), seconds=0.01))
    assert refused.value.status_code == 408


# ── Heads ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("begun", [b"", b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"])
def test_who_sends_half_a_head_is_cut_off(hasty: Room, begun: bytes) -> None:
    with caller(hasty) as sock:
        sock.sendall(begun)
        assert sock.recv(4096) == b""


def test_who_dribbles_a_head_is_cut_off(hasty: Room) -> None:
    with caller(hasty) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nX: ")
        said, _ = pushed_until_the_end(sock, b"x")
    assert said == b""


def test_the_second_request_of_a_connection_has_no_more_time(hasty: Room) -> None:
    with caller(hasty) as sock:
        sock.sendall(head("/room/session", method="GET"))
        answer = sock.recv(4096)
        assert status_of(answer) == 401
        sock.sendall(b"GET / HTTP/1.1\r\nX: ")
        said, _ = pushed_until_the_end(sock, b"x")
    assert b"HTTP/1.1" not in said


def test_a_head_that_is_too_long_is_refused(room: Room) -> None:
    assert answer_to(room, b"GET / HTTP/1.1\r\nX: " + b"x" * LONGEST_HEAD) == 400


def test_who_listens_is_not_cut_off(hasty: Room) -> None:
    address = f"{hasty.url.replace('http', 'ws')}/room/events?user={ALICE.id}"
    token = {"Authorization": f"Bearer {hasty.user_token}"}
    with connect(address, additional_headers=token, proxy=None) as listening, caller(hasty) as other:
        # When the other one is cut off, the time of this one would have been over too.
        assert other.recv(4096) == b""
        listening.ping().wait(30)


# ── Connections and messages ────────────────────────────────────────────────────────────────────────────────────────


def test_there_are_only_so_many_connections_at_once() -> None:
    with Room(bounds=Bounds(connections=3)) as room, ExitStack() as open_ones:
        socks = [open_ones.enter_context(caller(room)) for _ in range(3)]
        with caller(room) as one_too_many:
            assert status_of(one_too_many.recv(4096)) == 503
        for sock in socks:
            sock.sendall(head("/room/session", method="GET"))
            assert status_of(sock.recv(4096)) == 401


def test_those_who_listen_count_too() -> None:
    with Room(bounds=Bounds(connections=1)) as room:
        address = f"{room.url.replace('http', 'ws')}/room/events?user={ALICE.id}"
        token = {"Authorization": f"Bearer {room.user_token}"}
        with connect(address, additional_headers=token, proxy=None), caller(room) as one_too_many:
            assert status_of(one_too_many.recv(4096)) == 503


def test_a_message_over_a_websocket_is_bounded() -> None:
    with Room(bounds=Bounds(message_bytes=1_000)) as room:
        address = f"{room.url.replace('http', 'ws')}/room/events?user={ALICE.id}"
        token = {"Authorization": f"Bearer {room.user_token}"}
        with connect(address, additional_headers=token, proxy=None) as listening:
            # Compressed it is short; what counts is what it would take here.
            listening.send("x" * 100_000)
            with pytest.raises(ConnectionClosedError) as closed:
                listening.recv(timeout=30)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009
