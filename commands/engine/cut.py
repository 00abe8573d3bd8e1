"""Cancellation of a request by another thread, even before the first byte of the answer."""

import socket
import threading
from contextlib import suppress


class Cut:
    """Cancels the requests on the sockets that it watches, and those that begin later."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._made = False

    @property
    def is_made(self) -> bool:
        """Whether a cancellation was requested."""
        return self._made

    def make(self) -> None:
        """Cancel the running requests: a thread that waits for an answer gets the end of the stream."""
        with self._lock:
            self._made = True
            for watched in self._sockets:
                _shut(watched)

    def watch(self, connected: socket.socket) -> None:
        """Add a connection before a request is sent over it."""
        with self._lock:
            self._sockets.append(connected)
            if self._made:
                _shut(connected)


def _shut(connected: socket.socket) -> None:
    # Not `close`: that does not wake a thread that reads. Not urllib3's `HTTPResponse.shutdown`: a daemon sends the
    # headers with the first record, so there is no response yet while a registry is silent.
    with suppress(OSError):  # The connection has already ended.
        connected.shutdown(socket.SHUT_RDWR)
