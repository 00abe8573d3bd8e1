"""The health page: `/live`, `/ready` and `/metrics` over HTTP, for whatever watches over the bot. Read only."""

import json
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from time import monotonic
from types import TracebackType
from typing import Self

import structlog

from bot.checkup.checks import Check, run
from bot.checkup.report import Report
from commands.errors import Misconfigured

log = structlog.get_logger()

_READY_SECONDS = 2.0
"""The longest that a question for `/ready` waits, and how long its answer is given to others."""
_REQUEST_SECONDS = 5.0
_OK = 200
_NOT_FOUND = 404
_UNAVAILABLE = 503


@dataclass(frozen=True, slots=True)
class Page:
    """One answer."""

    status: int
    kind: str
    content: bytes


Pages = Mapping[str, Callable[[], Page]]


class Readiness:
    """Whether the bot can do its work now, asked at most once in `seconds` and answered within them."""

    def __init__(
        self, checks: Sequence[Check], *, seconds: float = _READY_SECONDS, clock: Callable[[], float] = monotonic
    ) -> None:
        self._checks = checks
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._asked = float("-inf")
        self._report = Report(())

    def report(self) -> Report:
        """Look, or tell what was seen a moment ago."""
        with self._lock:
            if self._clock() - self._asked >= self._seconds:
                self._report = run(self._checks, seconds=self._seconds)
                self._asked = self._clock()
            return self._report


def pages(readiness: Readiness, metrics: Callable[[], bytes], *, metrics_kind: str) -> Pages:
    """Give the pages by path."""

    def ready() -> Page:
        report = readiness.report()
        return _json(_OK if report.ok else _UNAVAILABLE, {"ready": report.ok, "lines": report.as_json()["lines"]})

    return {
        "/live": lambda: _json(_OK, {"live": True}),
        "/ready": ready,
        "/metrics": lambda: Page(_OK, metrics_kind, metrics()),
    }


class HealthServer:
    """Serves the pages in threads of its own. The port is taken when it is made: raises `Misconfigured`."""

    def __init__(self, host: str, port: int) -> None:
        self._pages: Pages = {}
        try:
            self._server = _listening(host, port, self._answer)
        except OSError as error:
            raise Misconfigured(
                f"The health page cannot be opened at {host}, port {port}: {error.strerror}.",
                hint="Set `WARROOM_HEALTH_PORT` to another port, or to 0 to go without it.",
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="warroom-health", daemon=True)

    @property
    def port(self) -> int:
        """The port that it has."""
        return int(self._server.server_address[1])

    def serve(self, pages: Pages) -> None:
        """Answer from now on."""
        self._pages = pages
        self._thread.start()
        log.info("health_page_opened", port=self.port)

    def __enter__(self) -> Self:
        """Nothing to do: it listens, and `serve` answers."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the port."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()

    def _answer(self, path: str) -> Page:
        page = self._pages.get(path.partition("?")[0])
        if page is None:
            return _json(_NOT_FOUND, {"error": f"There are {', '.join(self._pages)}."})
        return page()


class _Server(ThreadingTCPServer):
    """Not http.server's own, which asks the DNS for this machine's name before it starts."""

    allow_reuse_address = True
    daemon_threads = True


def _listening(host: str, port: int, answer: Callable[[str], Page]) -> _Server:
    class Requests(BaseHTTPRequestHandler):
        # Of the socket: who sends half a request does not keep a thread.
        timeout = _REQUEST_SECONDS

        def do_GET(self) -> None:
            page = answer(self.path)
            self.send_response(page.status)
            self.send_header("Content-Type", page.kind)
            self.send_header("Content-Length", str(len(page.content)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(page.content)

        def version_string(self) -> str:
            return "warroom"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server gives
            """Say nothing: whatever watches asks every few seconds."""

    class Server(_Server):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    return Server((host, port), Requests)


def _json(status: int, value: Mapping[str, object]) -> Page:
    return Page(status, "application/json", json.dumps(value).encode())
