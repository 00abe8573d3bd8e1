"""The health page: `/live`, `/ready` and `/metrics` over HTTP, for monitoring. Read-only.

It requires no token, so it checks the `Host` header: see `bot.hosts`.
"""

import contextlib
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from time import monotonic
from types import TracebackType
from typing import Any, Self

import structlog

from bot.doctor.report import Report
from bot.doctor.running import Check, run
from bot.hosts import host_name, is_address, is_loopback
from commands.errors import Misconfigured
from commands.memory import Memory

log = structlog.get_logger()

_READY_SECONDS = 2.0
"""Maximum duration of a request for `/ready`, and how long its result is cached."""
_CONNECTION_SECONDS = 10.0
"""Maximum duration of one connection, for the request and its answer."""
_CONNECTIONS = 16
"""Maximum number of concurrent connections; each has a thread."""
_OK = 200
_FORBIDDEN = 403
_NOT_FOUND = 404
_UNAVAILABLE = 503


@dataclass(frozen=True, slots=True)
class Page:
    """One HTTP answer."""

    status: int
    kind: str
    content: bytes


_Request = socket.socket | tuple[bytes, socket.socket]
_Address = Any
Pages = Mapping[str, Callable[[], Page]]


class Readiness:
    """Whether the bot can work now; the checks run at most once in `seconds` and end within that time."""

    def __init__(
        self, checks: Sequence[Check], *, seconds: float = _READY_SECONDS, clock: Callable[[], float] = monotonic
    ) -> None:
        self._checks = checks
        self._seconds = seconds
        self._seen = Memory[None, Report](1, seconds, clock)

    def report(self) -> Report:
        """Run the checks, or return the cached report."""
        return self._seen.get_or_make(None, lambda: run(self._checks, seconds=self._seconds))


def pages(readiness: Readiness, metrics: Callable[[], bytes], *, metrics_kind: str) -> Pages:
    """Return the pages by path."""

    def ready() -> Page:
        report = readiness.report()
        return _json(_OK if report.ok else _UNAVAILABLE, {"ready": report.ok, "lines": report.as_json()["lines"]})

    return {
        "/live": lambda: _json(_OK, {"live": True}),
        "/ready": ready,
        "/metrics": lambda: Page(_OK, metrics_kind, metrics()),
    }


class HealthServer:
    """Serves the pages in separate threads. The constructor binds the port; raises `Misconfigured`.

    It accepts loopback names and `names` as `Host`. If `host` opens it to a network, it also accepts any address and
    `host` itself.
    """

    def __init__(
        self, host: str, port: int, *, names: Iterable[str] = (), seconds: float = _CONNECTION_SECONDS
    ) -> None:
        self._pages: Pages = {}
        self._is_open = not is_loopback(host)
        self._names = frozenset(name.lower() for name in (host, *names) if name)
        try:
            self._server = _new_server(host, port, self._answer, seconds=seconds)
        except OSError as error:
            raise Misconfigured(
                f"The health page cannot be opened at {host}, port {port}: {error.strerror}.",
                hint="Set `WARROOM_HEALTH_PORT` to another port, or to 0 to go without it.",
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="warroom-health", daemon=True)

    @property
    def port(self) -> int:
        """The bound port."""
        return int(self._server.server_address[1])

    def serve(self, pages: Pages) -> None:
        """Start answering requests."""
        self._pages = pages
        self._thread.start()
        log.info("health_page_opened", port=self.port)

    def __enter__(self) -> Self:
        """Return the server, which is already bound; `serve` starts it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the port."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()

    def _answer(self, path: str, host: str) -> Page:
        if not self._is_meant_by(host_name(host)):
            return _json(_FORBIDDEN, {"error": _STRANGE_NAME.format(host_name(host)[:_LONGEST_NAME])})
        page = self._pages.get(path.partition("?")[0])
        if page is None:
            return _json(_NOT_FOUND, {"error": f"There are {', '.join(self._pages)}."})
        return page()

    def _is_meant_by(self, name: str) -> bool:
        return is_loopback(name) or name in self._names or (self._is_open and is_address(name))


_LONGEST_NAME = 253
_STRANGE_NAME = (
    "This page is not known by the name `{}`. Ask for it by address, or add the name to `WARROOM_HEALTH_NAMES`."
)


class _HealthServer(ThreadingTCPServer):
    """The TCP server. Not http.server's, which resolves this machine's name at the start."""

    allow_reuse_address = True
    daemon_threads = True
    seconds = _CONNECTION_SECONDS

    def __init__(self, address: tuple[str, int], requests: type[BaseHTTPRequestHandler]) -> None:
        self._places = threading.BoundedSemaphore(_CONNECTIONS)
        super().__init__(address, requests)

    def process_request(self, request: _Request, client_address: _Address) -> None:
        if not self._places.acquire(blocking=False):
            log.warning("health_connection_refused", connections=_CONNECTIONS)
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._places.release()
            raise

    def process_request_thread(self, request: _Request, client_address: _Address) -> None:
        # Not a socket timeout, which restarts with each byte.
        deadline = threading.Timer(self.seconds, _hang_up, (request,))
        deadline.daemon = True
        deadline.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            deadline.cancel()
            self._places.release()

    def handle_error(self, *_: object) -> None:
        log.info("health_request_broke", reason=str(sys.exception()))


def _hang_up(request: _Request) -> None:
    # The client may have closed the connection.
    with contextlib.suppress(OSError):
        _socket_of(request).shutdown(socket.SHUT_RDWR)


def _socket_of(request: _Request) -> socket.socket:
    return request if isinstance(request, socket.socket) else request[1]


def _new_server(host: str, port: int, answer: Callable[[str, str], Page], *, seconds: float) -> _HealthServer:
    class HealthRequests(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = answer(self.path, self.headers.get("Host", ""))
            self.send_response(page.status)
            self.send_header("Content-Type", page.kind)
            self.send_header("Content-Length", str(len(page.content)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(page.content)

        def version_string(self) -> str:
            return "warroom"

        def log_message(self, *_: object) -> None:
            """Log nothing: monitoring sends a request every few seconds."""

    class Server(_HealthServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    server = Server((host, port), HealthRequests)
    server.seconds = seconds
    return server


def _json(status: int, value: Mapping[str, object]) -> Page:
    return Page(status, "application/json", json.dumps(value).encode())
