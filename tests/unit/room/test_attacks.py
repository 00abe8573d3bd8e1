"""Attacks on the room's door, as a foreign page, a foreign program or a guess would make them."""

import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from bot.room.server.room import Room
from bot.room.workspace import ALICE, WAR_ROOM
from tests.fakes.host import PATIENCE_SECONDS

STATE = f"/room/state?user={ALICE.id}"
JSON = {"Content-Type": "application/json"}
COMMAND = json.dumps({"user": ALICE.id, "channel": WAR_ROOM.id, "text": "/x"})


@dataclass(frozen=True, slots=True)
class RawAnswer:
    status: int
    headers: Mapping[str, str]
    body: str


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    with Room() as room:
        yield room


def ask(
    room: Room, method: str, path: str, *, body: str | None = None, headers: Mapping[str, str] | None = None
) -> RawAnswer:
    connection = http.client.HTTPConnection(_place(room), timeout=PATIENCE_SECONDS)
    try:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return RawAnswer(response.status, found, response.read().decode())
    finally:
        connection.close()


def cookie_of(room: Room) -> dict[str, str]:
    """Sign in as the page does."""
    signed_in = ask(room, "POST", "/room/session", body=json.dumps({"token": room.user_token}), headers=JSON)
    assert signed_in.status == 200
    return {"Cookie": signed_in.headers["set-cookie"].partition(";")[0]}


def test_the_page_signs_in_and_works(room: Room) -> None:
    cookie = cookie_of(room)
    own = {"Origin": room.url, "Sec-Fetch-Site": "same-origin"}
    assert ask(room, "GET", STATE, headers=cookie | own).status == 200
    assert ask(room, "POST", "/room/commands", body=COMMAND, headers=cookie | own | JSON).status == 200
    with connect(_stream(room), additional_headers=cookie, origin=Origin(room.url), proxy=None):
        pass


def test_the_cookie_is_out_of_reach_of_scripts_and_foreign_sites_and_is_not_the_token(room: Room) -> None:
    signed_in = ask(room, "POST", "/room/session", body=json.dumps({"token": room.user_token}), headers=JSON)
    cookie = signed_in.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Domain" not in cookie
    assert room.user_token not in cookie


def test_the_token_stands_where_no_server_and_no_log_sees_it(room: Room) -> None:
    address, _, key = room.page_url.partition("#")
    assert (address, key) == (f"{room.url}/", room.user_token)


@pytest.mark.parametrize("token", ["", "guess", "é", "xoxb-guess"])
def test_a_guessed_token_gets_no_cookie(room: Room, token: str) -> None:
    refused = ask(room, "POST", "/room/session", body=json.dumps({"token": token}), headers=JSON)
    assert refused.status == 401
    assert "set-cookie" not in refused.headers


def test_the_bots_token_gets_no_cookie(room: Room) -> None:
    for token in (room.bot_token, room.app_token):
        assert ask(room, "POST", "/room/session", body=json.dumps({"token": token}), headers=JSON).status == 401


@pytest.mark.parametrize("path", [STATE, "/room/session", "/room/messages", "/room/files/F0000000001"])
def test_without_the_cookie_nothing_is_told(room: Room, path: str) -> None:
    assert ask(room, "GET", path).status == 401
    assert ask(room, "GET", path, headers={"Cookie": f"warroom_{room.url.rpartition(':')[2]}=guess"}).status == 401


@pytest.mark.parametrize("path", ["commands", "clicks", "form-clicks", "submissions", "closings"])
def test_without_the_cookie_nothing_is_done(room: Room, path: str) -> None:
    assert ask(room, "POST", f"/room/{path}", body=COMMAND, headers=JSON).status == 401


def test_another_rooms_cookie_opens_nothing(room: Room) -> None:
    with Room() as other:
        assert ask(room, "GET", STATE, headers=cookie_of(other)).status == 401


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1", ""])
@pytest.mark.parametrize("path", ["/", "/static/page.js", STATE, "/api/auth.test"])
def test_a_name_bound_to_loopback_is_refused_though_it_has_the_cookie(room: Room, host: str, path: str) -> None:
    assert ask(room, "GET", path, headers=cookie_of(room) | {"Host": host}).status == 403


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://127.0.0.1:1", "http://localhost", "null", "file://"]
)
def test_a_foreign_page_is_refused_though_the_browser_sends_the_cookie(room: Room, origin: str) -> None:
    headers = cookie_of(room) | {"Origin": origin}
    assert ask(room, "POST", "/room/commands", body=COMMAND, headers=headers | JSON).status == 403
    assert ask(room, "GET", STATE, headers=headers).status == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_a_request_that_another_site_caused_is_refused(room: Room, site: str) -> None:
    assert ask(room, "GET", STATE, headers=cookie_of(room) | {"Sec-Fetch-Site": site}).status == 401


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_a_form_can_send_is_refused(room: Room, kind: str) -> None:
    headers = cookie_of(room) | {"Content-Type": kind}
    assert ask(room, "POST", "/room/commands", body=COMMAND, headers=headers).status == 415
    assert ask(room, "POST", "/room/session", body=COMMAND, headers={"Content-Type": kind}).status == 415


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "null"])
def test_a_foreign_page_cannot_listen(room: Room, origin: str) -> None:
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(_stream(room), additional_headers=cookie_of(room), origin=Origin(origin), proxy=None),
    ):
        pass
    assert refused.value.response.status_code == 403


def test_nobody_listens_without_the_cookie(room: Room) -> None:
    with pytest.raises(InvalidStatus), connect(_stream(room), origin=Origin(room.url), proxy=None):
        pass


@pytest.mark.parametrize("path", ["/", "/static/page.js", "/nowhere", "/room/session"])
def test_every_answer_tells_the_browser_to_be_strict(room: Room, path: str) -> None:
    headers = ask(room, "GET", path).headers
    policy = {part.partition(" ")[0]: part.partition(" ")[2] for part in headers["content-security-policy"].split("; ")}
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/static/../server.py", "/static/%2e%2e/server.py", "/static/..%2fserver.py"])
def test_only_the_page_is_served(room: Room, path: str) -> None:
    assert ask(room, "GET", path).status == 404


def _place(room: Room) -> str:
    return room.url.removeprefix("http://")


def _stream(room: Room) -> str:
    return f"ws://{_place(room)}/room/events?user={ALICE.id}"
