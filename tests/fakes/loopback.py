"""An HTTP server on loopback for fakes: with or without TLS, it can break off, be silent, and always ends."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_RESET = struct.pack("ii", 1, 0)
"""Of SO_LINGER: closing sends a reset instead of an end."""

# The types of `socketserver`.
_Connection = socket.socket | tuple[bytes, socket.socket]
_Address = Any


@dataclass(frozen=True, slots=True)
class LoopbackRequest:
    """One request as it came in."""

    method: str
    path: str
    authorization: str | None = None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back; `parts` may take their time, or raise `ConnectionResetError` to break off.

    Status 0 sends the parts alone, which then are all of the answer from its first byte on.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    parts: Iterable[bytes] = ()
    length: int = 0


Respond = Callable[[LoopbackRequest], Reply]
"""May raise `ConnectionResetError` as well."""


@contextmanager
def listening(tls: ssl.SSLContext | None = None, *, port: int = 0) -> Iterator["Loopback"]:
    """Listen on 127.0.0.1, on a free port unless one is given.

    At the end every connection is closed and every request awaited.
    """
    with Loopback(tls, port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
            server.hang_up()


class Loopback(ThreadingHTTPServer):
    """The server; `respond` is to be set before the first request."""

    # Closing waits for every request.
    daemon_threads = False
    request_queue_size = 64

    def __init__(self, tls: ssl.SSLContext | None, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Requests)
        self.respond: Respond = lambda _: Reply(404)
        self.tls = tls
        self.open: set[socket.socket] = set()
        self.connections = 0

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.server_port}"

    def process_request(self, request: _Connection, client_address: _Address) -> None:
        # Whatever comes of it: that somebody connected is what tests count.
        self.connections += 1
        super().process_request(request, client_address)

    def finish_request(self, request: _Connection, client_address: _Address) -> None:
        assert isinstance(request, socket.socket)  # never a datagram
        # The handshake belongs to the request's own thread.
        self.open.add(request)
        try:
            with suppress(OSError):
                super().finish_request(self._encrypted(request), client_address)
        finally:
            self.open.discard(request)

    def _encrypted(self, request: socket.socket) -> socket.socket:
        if self.tls is None:
            return request
        encrypted = self.tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
        self.open.add(encrypted)
        try:
            encrypted.do_handshake()
        except OSError:
            self.open.discard(encrypted)
            encrypted.close()
            raise
        return encrypted

    def hang_up(self) -> None:
        """Wake up those who wait for a client that says and takes nothing."""
        for connection in tuple(self.open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Requests(BaseHTTPRequestHandler):
    server: Loopback
    # A daemon that tries TLS first must see that HTTP answered, to fall back to it.
    default_request_version = "HTTP/1.0"

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()
        self.server.open.discard(self.connection)
        self.connection.close()

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        request = LoopbackRequest(self.command, self.path, self.headers.get("Authorization"), body, dict(self.headers))
        try:
            self._send(self.server.respond(request))
        except OSError:  # Either side broke off.
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.do_GET()

    def _send(self, reply: Reply) -> None:
        if reply.status:
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(reply.length), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
        if self.command != "HEAD" or not reply.status:
            for part in reply.parts:
                self.wfile.write(part)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
