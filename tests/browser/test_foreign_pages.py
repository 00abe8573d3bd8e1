"""What a foreign page can do in a browser that has the room open: nothing."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page

from bot.room.client.room_client import RoomClient
from tests.kit.browser_room import BrowserRoom

ATTACKS = """async (room) => {
    const outcome = async (attack) => {
        try { return await attack(); } catch (error) { return "refused"; }
    };
    const body = JSON.stringify({ user: "U0ALICE", channel: "C0WARROOM", text: "/docker_image_create name=evil" });
    const post = (type, mode) => fetch(`${room}/room/commands`, {
        method: "POST", mode, credentials: "include", headers: { "Content-Type": type }, body,
    });
    const frame = document.createElement("iframe");
    frame.src = room;
    document.body.append(frame);
    await new Promise((resolve) => frame.addEventListener("load", resolve));
    return {
        json: await outcome(async () => (await post("application/json", "cors")).status),
        form: await outcome(async () => (await post("text/plain", "no-cors")).type),
        read: await outcome(async () => (await fetch(`${room}/room/state`, { credentials: "include" })).status),
        script: await outcome(() => import(`${room}/static/page.js`).then(() => "ran")),
        stream: await new Promise((resolve) => {
            const socket = new WebSocket(`${room.replace("http", "ws")}/room/events?user=U0ALICE`);
            socket.onopen = () => resolve("open");
            socket.onclose = () => resolve("refused");
        }),
        framed: await outcome(() => frame.contentDocument?.title ?? "out of reach"),
    };
}"""


class _Empty(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>evil</title><body>")

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def evil() -> Iterator[str]:
    """Another server on this machine: for browsers the same site, with the room's cookies."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Empty)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_foreign_page_in_the_same_browser_gets_nowhere(browser_room: BrowserRoom, page: Page, evil: str) -> None:
    attacker = page.context.new_page()
    attacker.goto(evil)
    assert attacker.evaluate(ATTACKS, browser_room.room.url) == {
        "json": "refused",
        "form": "refused",
        "read": "refused",
        "script": "refused",
        "stream": "refused",
        "framed": "out of reach",
    }
    assert RoomClient(browser_room.room.url, browser_room.room.user_token).messages() == ()


def test_the_key_leaves_the_address_and_scripts_cannot_read_the_cookie(browser_room: BrowserRoom, page: Page) -> None:
    assert page.url == f"{browser_room.room.url}/"
    assert page.evaluate("document.cookie") == ""
    assert browser_room.room.user_token not in page.evaluate(
        "JSON.stringify([localStorage, sessionStorage, history.state])"
    )
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")


def test_text_cannot_become_html_even_by_a_mistake_of_the_page(page: Page) -> None:
    with pytest.raises(Exception, match="TrustedHTML"):
        page.evaluate("document.body.innerHTML = '<img src=x onerror=alert(1)>'")
