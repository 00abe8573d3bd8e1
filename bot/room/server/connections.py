"""Limits on the room's connections: their number, and the time for what the other side has begun to send.

Uvicorn limits neither the time for a request's head nor for the rest of a body that is already answered, and it counts
connections only when a request is complete.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import h11
import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol

log = structlog.get_logger()

LONGEST_HEAD: Final = 16 * 1024
"""Bytes of a request's first line and headers."""

_BUSY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
    b"Too many connections are open to this room. Close some, then try again.\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The limits of a room's connections.

    Attributes:
        connections: of all clients together; a page has about three, a bot ten at most.
        head_seconds: for a request's head, from the opening of the connection or the answer before it; and for the
            rest of a request's body once it is answered.
        message_bytes: of one message over a WebSocket.
    """

    connections: int = 200
    head_seconds: float = 10.0
    message_bytes: int = 1024 * 1024


def bounded_protocol(bounds: Bounds) -> type[H11Protocol]:
    """Make uvicorn's protocol of a connection with these bounds."""

    class Bounded(_BoundedProtocol):
        _bounds = bounds

    return Bounded


class _BoundedProtocol(H11Protocol):
    _bounds: Bounds

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        super().connection_made(transport)
        if len(self.connections) > self._bounds.connections:
            log.warning("room_connection_refused", connections=len(self.connections))
            transport.write(_BUSY)
            transport.close()
            return
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Run the timer while the other side has to finish a head or a body, whatever it sends meanwhile."""
        if self.transport.is_closing() or not self._is_owed():
            self._forget()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self._bounds.head_seconds, self._cut)

    def _is_owed(self) -> bool:
        """Tell whether a head is incomplete, or the body of an answered request is."""
        is_answered = self.conn.our_state in {h11.DONE, h11.MUST_CLOSE}
        return self.conn.their_state is h11.IDLE or (self.conn.their_state is h11.SEND_BODY and is_answered)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cut(self) -> None:
        log.info("room_connection_cut", seconds=self._bounds.head_seconds)
        self._deadline = None
        self.transport.close()
