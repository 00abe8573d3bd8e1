"""A proxy on loopback between the bot and a room, which fails the way networks and Slack fail, as a test says.

The bot uses `api_url` in place of the room's. Every address in the room's answers and envelopes is rewritten to the
proxy's, so that Socket Mode, uploads and response URLs take the same way.

    with faulty_slack(room.url) as slack:
        slack.script("chat.postMessage", refused("internal_error"), LOST_ANSWER)
        slack.at_random("chat.update", unavailable(), one_in=5, seed=1)
        release = slack.hold("auth.test")
        slack.deliver_twice()
        slack.break_links(Ending.RESET)
"""

import json
import socket
import struct
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

from tests.fakes.host import PATIENCE_SECONDS

ANY: Final = "*"
"""Stands for every method, and for every other address too."""
LINK: Final = "link"
"""The name under which the opening of a Socket Mode connection is scripted and counted."""

_RESET = struct.pack("ii", 1, 0)
"""Of SO_LINGER: closing sends a reset instead of an end."""
_TEXT_FRAME = 0x1


class Ending(Enum):
    """How a connection ends without an answer."""

    RESET = auto()
    CLOSE = auto()
    SILENCE = auto()
    """The connection stays open, and nothing comes over it any more."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The proxy answers by itself; the room does not see the call."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Broken:
    """There is no answer; if the call is passed on, its effect happens and the caller does not know."""

    ending: Ending = Ending.RESET
    passed_on: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """The call is passed on at once, and its answer waits for the event."""

    release: threading.Event


Fault = Answered | Broken | Held

LOST_REQUEST: Final = Broken()
LOST_ANSWER: Final = Broken(passed_on=True)


def refused(error: str, *, status: int = 200, retry_after: int | None = None) -> Answered:
    """Refuse a call with Slack's error code."""
    headers = {"Content-Type": "application/json"}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return Answered(json.dumps({"ok": False, "error": error}).encode(), status, headers)


def unavailable(status: int = 503) -> Answered:
    """Answer with a page in HTML, as a server in front of Slack does."""
    return Answered(b"<html><body>try later</body></html>", status, {"Content-Type": "text/html"})


@contextmanager
def faulty_slack(room_url: str) -> Iterator["SlackFaults"]:
    """Serve on a free port until the end of the block; connections that are still open are closed then."""
    slack = SlackFaults(room_url)
    thread = threading.Thread(target=slack.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield slack
    finally:
        slack.server.shutdown()
        thread.join()
        slack.end()


class SlackFaults:
    """What fails and when; calls without a fault pass. All methods may be called at any time from any thread."""

    def __init__(self, room_url: str) -> None:
        self.room_address: Final = urlsplit(room_url).netloc
        self.server: Final = _ProxyServer(self)
        self.url: Final = f"http://{self.server.address}"
        self.api_url: Final = f"{self.url}/api/"
        self._changed = threading.Condition()
        self._calls: list[str] = []
        self._scripts: defaultdict[str, deque[Fault | None]] = defaultdict(deque)
        self._chances: dict[str, Callable[[], Fault | None]] = {}
        self._held: list[threading.Event] = []
        self._links: list[_Link] = []
        self._frames: Counter[_FrameFault] = Counter()

    # ── The Web API ─────────────────────────────────────────────────────────────────────────────────────────────

    def script(self, method: str, *faults: Fault | None, times: int = 1) -> None:
        """Let the next calls of the method meet these, one after the other; None lets one pass."""
        with self._changed:
            self._scripts[method].extend(faults * times)

    def at_random(self, method: str, fault: Fault, *, one_in: int, seed: int) -> None:
        """Let calls of the method meet a fault at random, but the same ones at each run with this seed."""
        random = Random(seed)  # noqa: S311 - chosen faults, no secrets
        with self._changed:
            self._chances[method] = lambda: fault if random.randrange(one_in) == 0 else None

    def hold(self, method: str, *, times: int = 1) -> threading.Event:
        """Pass the next calls on, and keep the answers back until the event that is returned is set."""
        release = threading.Event()
        with self._changed:
            self._held.append(release)
        self.script(method, Held(release), times=times)
        return release

    def recover(self) -> None:
        """Let everything pass from now on, and what is held too; links that are silent stay so."""
        with self._changed:
            self._scripts.clear()
            self._chances.clear()
            self._frames.clear()
            for release in self._held:
                release.set()

    @property
    def calls(self) -> tuple[str, ...]:
        """The methods that were called so far, whatever became of them."""
        with self._changed:
            return tuple(self._calls)

    def wait_for_calls(self, method: str, count: int = 1) -> None:
        """Wait until the method was called so often."""
        with self._changed:
            came = self._changed.wait_for(lambda: self._calls.count(method) >= count, PATIENCE_SECONDS)
            assert came, f"{method} was not called {count} times, only: {self._calls}"

    # ── Socket Mode ─────────────────────────────────────────────────────────────────────────────────────────────

    def deliver_twice(self, *, times: int = 1) -> None:
        """Deliver the next envelopes twice, as Slack may."""
        self._expect(_FrameFault.TWICE, times)

    def lose_envelopes(self, *, times: int = 1) -> None:
        """Lose the next envelopes on their way to the bot."""
        self._expect(_FrameFault.ENVELOPE_LOST, times)

    def lose_acks(self, *, times: int = 1) -> None:
        """Lose the next acknowledgements on their way to Slack."""
        self._expect(_FrameFault.ACK_LOST, times)

    def break_links(self, ending: Ending) -> int:
        """End the connections of Socket Mode that are open, and return how many there were; new ones work."""
        with self._changed:
            links = tuple(self._links)
        for link in links:
            link.end(ending)
        return len(links)

    def wait_for_links(self, count: int = 1) -> None:
        """Wait until so many connections of Socket Mode pass frames: silent ones do not count."""

        def enough() -> bool:
            return sum(not link.is_silent for link in self._links) >= count

        with self._changed:
            assert self._changed.wait_for(enough, PATIENCE_SECONDS), f"there are not {count} links"

    # ── For the connections ─────────────────────────────────────────────────────────────────────────────────────

    def fault_of(self, method: str) -> Fault | None:
        """Count a call, and return the fault that it meets."""
        with self._changed:
            self._calls.append(method)
            self._changed.notify_all()
            for name in (method, ANY):
                if self._scripts[name]:
                    return self._scripts[name].popleft()
            chance = self._chances.get(method, self._chances.get(ANY))
            return chance() if chance else None

    def meets(self, fault: "_FrameFault") -> bool:
        """Return whether a frame meets this fault, which is then used up."""
        with self._changed:
            self._frames[fault] -= 1
            if self._frames[fault] >= 0:
                return True
            self._frames[fault] = 0
            return False

    def rewritten(self, content: bytes) -> bytes:
        """Put the proxy's address in place of the room's."""
        return content.replace(self.room_address.encode(), self.server.address.encode())

    def carry(self, link: "_Link") -> None:
        """Pass the frames of a link to its end."""
        with self._changed:
            self._links.append(link)
            self._changed.notify_all()
        try:
            link.carry()
        finally:
            with self._changed:
                self._links.remove(link)

    def end(self) -> None:
        """Close every connection and await its thread."""
        self.recover()
        self.server.hang_up()
        self.server.server_close()

    def _expect(self, fault: "_FrameFault", times: int) -> None:
        with self._changed:
            self._frames[fault] += times


class _FrameFault(Enum):
    TWICE = auto()
    ENVELOPE_LOST = auto()
    ACK_LOST = auto()


class _ProxyServer(ThreadingHTTPServer):
    """One thread per connection of the bot."""

    daemon_threads = False
    request_queue_size = 64

    def __init__(self, slack: SlackFaults) -> None:
        super().__init__(("127.0.0.1", 0), _Call)
        self.slack = slack
        self.address = f"127.0.0.1:{self.server_port}"
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the types of `socketserver`
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - the types of `socketserver`
        # Not `shutdown` first, as usual: it would send an end before the reset.
        self._open.discard(request)
        request.close()

    def hang_up(self) -> None:
        """Wake up the threads that wait for the bot."""
        for connection in tuple(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Call(BaseHTTPRequestHandler):
    """One call over one connection, which may become a link."""

    server: _ProxyServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        fault = self.server.slack.fault_of(self._method())
        with suppress(OSError):
            self._meet(fault, body)

    def do_POST(self) -> None:
        self.do_GET()

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _method(self) -> str:
        path = urlsplit(self.path).path.strip("/")
        return path.removeprefix("api/") if path.startswith("api/") else path.partition("/")[0]

    def _meet(self, fault: Fault | None, body: bytes) -> None:
        match fault:
            case Answered():
                self._send(fault)
            case Broken(ending=ending, passed_on=passed_on):
                if passed_on:
                    self._passed_on(body)
                self._break(ending)
            case Held(release=release):
                answer = self._passed_on(body)
                release.wait(PATIENCE_SECONDS)
                self._send(answer)
            case None if self.headers.get("Upgrade", "").lower() == "websocket":
                self._link()
            case None:
                self._send(self._passed_on(body))

    def _passed_on(self, body: bytes) -> Answered:
        room = HTTPConnection(self.server.slack.room_address, timeout=PATIENCE_SECONDS)
        try:
            room.request(self.command, self.path, body, dict(self.headers))
            answer = room.getresponse()
            kept = {name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers}
            content = answer.read()
            is_json = kept.get("Content-Type", "").startswith("application/json")
            return Answered(self.server.slack.rewritten(content) if is_json else content, answer.status, kept)
        finally:
            room.close()

    def _send(self, answer: Answered) -> None:
        self.send_response(answer.status)
        for name, value in {**answer.headers, "Content-Length": str(len(answer.body)), "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def _break(self, ending: Ending) -> None:
        match ending:
            case Ending.RESET:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            case Ending.SILENCE:
                # The caller gives up, or the proxy ends.
                self.rfile.read(1)
            case Ending.CLOSE:
                pass

    def _link(self) -> None:
        """Open the same link to the room, and pass frames both ways."""
        host, _, port = self.server.slack.room_address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as room:
            room.settimeout(None)
            # Not compressed: the frames are read.
            lines = [f"{name}: {value}" for name, value in self.headers.items() if name not in _COMPRESSION]
            room.sendall("\r\n".join([self.requestline, *lines, "", ""]).encode())
            self.server.slack.carry(_Link(self.server.slack, self.connection, self.rfile, room))


_KEPT_HEADERS = ("Content-Type", "Retry-After", "x-oauth-scopes")
_COMPRESSION = ("Sec-WebSocket-Extensions",)


class _Link:
    """One WebSocket from the bot through the proxy to the room."""

    def __init__(self, slack: SlackFaults, bot: socket.socket, from_bot: Any, room: socket.socket) -> None:  # noqa: ANN401 - `socketserver` does not say which
        self._slack = slack
        self._bot = bot
        self._from_bot = from_bot
        self._room = room
        self._ended = threading.Event()
        self.is_silent = False

    def carry(self) -> None:
        """Pass frames until either side ends."""
        down = threading.Thread(target=self._carry_down)
        down.start()
        try:
            for frame in _frames(self._from_bot):
                if not self._is_lost(frame):
                    self._room.sendall(frame.raw)
        except OSError:
            pass
        finally:
            _wake(self._room)
            down.join()
            self._ended.set()

    def end(self, ending: Ending) -> None:
        """End the connection to the bot; only a silent one stays open, and then the room does not know either."""
        if ending is Ending.SILENCE:
            self.is_silent = True
            return
        with suppress(OSError):
            if ending is Ending.RESET:
                self._bot.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            # Reading only: the reset follows when the socket is closed.
            self._bot.shutdown(socket.SHUT_RD if ending is Ending.RESET else socket.SHUT_RDWR)
        _wake(self._room)
        assert self._ended.wait(PATIENCE_SECONDS), "the link does not end"

    def _carry_down(self) -> None:
        with suppress(OSError), self._room.makefile("rb") as from_room:
            for line in _head(from_room):
                self._bot.sendall(line)
            for frame in _frames(from_room):
                for _ in range(self._copies(frame)):
                    self._bot.sendall(_unmasked(frame, self._slack.rewritten(frame.payload)))
        if not self.is_silent:
            with suppress(OSError):
                self._bot.shutdown(socket.SHUT_RD)

    def _is_lost(self, frame: "_Frame") -> bool:
        return self.is_silent or (frame.is_envelope and self._slack.meets(_FrameFault.ACK_LOST))

    def _copies(self, frame: "_Frame") -> int:
        if self.is_silent:
            return 0
        if not frame.is_envelope:
            return 1
        if self._slack.meets(_FrameFault.ENVELOPE_LOST):
            return 0
        return 2 if self._slack.meets(_FrameFault.TWICE) else 1


@dataclass(frozen=True, slots=True)
class _Frame:
    """One frame of a WebSocket (RFC 6455, 5.2): as it came, and its payload without the mask."""

    raw: bytes
    payload: bytes

    @property
    def is_envelope(self) -> bool:
        """Whether it is an envelope or the acknowledgement of one."""
        return self.raw[0] & 0xF == _TEXT_FRAME and b'"envelope_id"' in self.payload


def _frames(stream: BinaryIO) -> Iterator[_Frame]:
    while head := stream.read(2):
        length_size = {126: 2, 127: 8}.get(head[1] & 0x7F, 0)
        extended = stream.read(length_size)
        length = int.from_bytes(extended, "big") if extended else head[1] & 0x7F
        mask = stream.read(4) if head[1] & 0x80 else b""
        content = stream.read(length)
        payload = bytes(byte ^ mask[place % 4] for place, byte in enumerate(content)) if mask else content
        yield _Frame(head + extended + mask + content, payload)


def _unmasked(frame: _Frame, payload: bytes) -> bytes:
    length = len(payload)
    if length < 126:
        head = bytes([length])
    elif length < 1 << 16:
        head = bytes([126]) + length.to_bytes(2, "big")
    else:
        head = bytes([127]) + length.to_bytes(8, "big")
    return frame.raw[:1] + head + payload


def _head(stream: BinaryIO) -> Iterator[bytes]:
    """Read an HTTP head to its empty line."""
    while line := stream.readline():
        yield line
        if line == b"\r\n":
            return


def _wake(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
