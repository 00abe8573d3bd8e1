"""One WebSocket of Socket Mode, from the greeting to its end."""

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import structlog
from websockets.exceptions import ConnectionClosed, InvalidProxy, InvalidURI, WebSocketException
from websockets.sync.client import ClientConnection, connect

from bot.slack.away import SlackAway

log = structlog.get_logger()

OPEN_SECONDS = 10.0
"""Maximum duration until Slack greets."""
_MOST_BYTES = 2**24

_LONGEST_REASON = 200

Message = Mapping[str, Any]
Hear = Callable[["SocketSession", Message], None]


@dataclass(frozen=True, slots=True)
class Liveness:
    """How a connection that carries nothing any more is noticed: by pings, and by answers that do not come."""

    ping_seconds: float = 5.0
    pong_seconds: float = 5.0
    close_seconds: float = 0.5
    """How long the other side may take to close."""


class SocketSession:
    """An open WebSocket. A thread reads it to its end and hands each message to `hear`."""

    def __init__(self, socket: ClientConnection, resources: ExitStack, hear: Hear) -> None:
        self._socket = socket
        self._resources = resources
        self._hear = hear
        self._is_read = True
        self.over = threading.Event()
        """Set when the connection is lost or Slack asks for another one."""
        self.reason = ""
        self._reader = threading.Thread(target=self._read, name="slack-reader", daemon=True)

    def start(self) -> None:
        """Start reading."""
        self._reader.start()

    @property
    def is_open(self) -> bool:
        """Whether messages can arrive: the end of the socket ends the reading."""
        return self._is_read

    def send(self, text: str) -> bool:
        """Send a frame; return whether the connection took it."""
        try:
            self._socket.send(text)
        except (ConnectionClosed, OSError):
            return False
        return True

    def close(self) -> None:
        """Close the connection; messages that were on their way are still heard."""
        self._socket.close()

    def _read(self) -> None:
        try:
            while True:
                self._take(self._socket.recv())
        except ConnectionClosed as closed:
            self.reason = self.reason or str(closed)
        except Exception:
            # The thread's boundary: the line opens another connection.
            log.exception("slack_reading_broke")
        finally:
            self._is_read = False
            self._resources.close()
            self.over.set()

    def _take(self, frame: str | bytes) -> None:
        message = parsed(frame)
        if message is None:
            log.warning("slack_frame_not_understood")
        elif message.get("type") == "disconnect":
            self.reason = f"Slack asked to reconnect: {message.get('reason')}"
            self.over.set()
        else:
            self._hear(self, message)


def open_session(
    address: str, hear: Hear, *, proxy: str | None, liveness: Liveness, on_end: Callable[[], None]
) -> tuple[SocketSession, Message]:
    """Open a WebSocket and return it, not yet read, with Slack's first message; raise `SlackAway`.

    `on_end` is called once it has ended or could not be opened.
    """
    resources = ExitStack()
    resources.callback(on_end)
    try:
        socket = resources.enter_context(_connecting(address, proxy, liveness))
        greeting = parsed(socket.recv(timeout=OPEN_SECONDS)) or {}
    except (OSError, WebSocketException, ValueError) as error:
        resources.close()
        raise SlackAway(_reason(error)) from error
    if greeting.get("type") == "disconnect":
        resources.close()
        raise SlackAway(f"it closes the connection: {greeting.get('reason')}")
    return SocketSession(socket, resources, hear), greeting


def _reason(error: Exception) -> str:
    # Their messages contain the address: the proxy's login, or the ticket.
    if isinstance(error, InvalidProxy | InvalidURI):
        return "the proxy's address is not valid" if isinstance(error, InvalidProxy) else "its address is not valid"
    return str(error)[:_LONGEST_REASON] or type(error).__name__


def _connecting(address: str, proxy: str | None, liveness: Liveness) -> ClientConnection:
    return connect(
        address,
        proxy=proxy,
        compression=None,
        open_timeout=OPEN_SECONDS,
        ping_interval=liveness.ping_seconds,
        ping_timeout=liveness.pong_seconds,
        close_timeout=liveness.close_seconds,
        max_size=_MOST_BYTES,
        # With a bound, a connection that is closed while messages wait unread would hang until a timeout.
        max_queue=None,
    )


def parsed(frame: str | bytes) -> Message | None:
    """Parse a frame, or return None if it is not a JSON object."""
    try:
        message = json.loads(frame)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None
