"""Something that listens on a Unix socket in the place of a Docker daemon, and answers what a test tells it to."""

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from commands.engine.docker_daemon import DockerDaemon

Answer = Callable[["DaemonRequest"], None]


@dataclass(frozen=True, slots=True)
class DaemonRequest:
    """One request; `say` sends the head of the answer, `piece` a piece of its body, `end` what ends it."""

    path: str
    query: dict[str, list[str]]
    conversation: BaseHTTPRequestHandler

    def say(self, body: bytes, *, status: int = 200) -> None:
        """Send a whole answer."""
        self.begin(status, {"Content-Length": str(len(body))})
        self.conversation.wfile.write(body)

    def begin(self, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Begin an answer; its body comes in pieces if no length is given."""
        self.conversation.send_response(status)
        for name, value in (headers or {"Transfer-Encoding": "chunked"}).items():
            self.conversation.send_header(name, value)
        self.conversation.end_headers()

    def piece(self, content: bytes) -> None:
        """Send a piece of the body; an empty one ends it."""
        self.conversation.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))


@dataclass(frozen=True, slots=True)
class ScriptedDaemon:
    """Answers by path (without the version); what is not scripted is not found. `asked` are the paths, in order."""

    host: str
    answers: dict[str, Answer]
    asked: list[str] = field(default_factory=list)


@contextmanager
def listening(folder: Path, answers: dict[str, Answer]) -> Iterator[ScriptedDaemon]:
    """Listen on a socket in this folder; `/version` is answered as Docker 20.10 does unless it is scripted."""
    daemon = ScriptedDaemon(f"unix://{folder}/d.sock", {"/version": _version, **answers})

    class DaemonHandler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            path = unquote(parts.path).removeprefix("/v1.41")
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            daemon.asked.append(path)
            daemon.answers.get(path, _not_found)(DaemonRequest(path, parse_qs(parts.query), self))

        def do_POST(self) -> None:
            self.do_GET()

        def do_DELETE(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with _UnixServer(f"{folder}/d.sock", DaemonHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield daemon
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def engine_on(host: str, *, lookup_seconds: float = 5) -> Iterator[DockerDaemon]:
    """Give the real engine for a daemon at this address."""
    engine = DockerDaemon(host, lookup_seconds=lookup_seconds)
    try:
        yield engine
    finally:
        engine.close()


@contextmanager
def scripted(
    folder: Path, answers: dict[str, Answer], *, lookup_seconds: float = 5
) -> Iterator[tuple[DockerDaemon, ScriptedDaemon]]:
    """Give the real engine for a scripted daemon, and that daemon."""
    with listening(folder, answers) as daemon, engine_on(daemon.host, lookup_seconds=lookup_seconds) as engine:
        yield engine, daemon


def saying(body: bytes, *, status: int = 200) -> Answer:
    """Answer with this."""
    return lambda request: request.say(body, status=status)


def streaming(*pieces: bytes, whole: bool = True) -> Answer:
    """Answer piece by piece; an answer that is not whole breaks off."""

    def answer(request: DaemonRequest) -> None:
        request.begin()
        for piece in pieces:
            request.piece(piece)
        if whole:
            request.piece(b"")
        else:
            request.conversation.close_connection = True

    return answer


class _UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


def _version(request: DaemonRequest) -> None:
    request.say(b'{"ApiVersion": "1.41"}')


def _not_found(request: DaemonRequest) -> None:
    request.say(b'{"message": "no such path"}', status=404)
