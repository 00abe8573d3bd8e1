"""The end of a request from outside: by another thread, and also while nothing has been answered."""

import socket
import threading
from contextlib import suppress


class Cut:
    """Ends the requests whose sockets it watches, and those that begin afterwards."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._made = False

    @property
    def is_made(self) -> bool:
        """Whether somebody asked for the end."""
        return self._made

    def make(self) -> None:
        """End what is under way: a thread that waits for an answer gets the end of the stream instead."""
        with self._lock:
            self._made = True
            for watched in self._sockets:
                _shut(watched)

    def watch(self, connected: socket.socket) -> None:
        """Take a connection in, before anything is asked over it."""
        with self._lock:
            self._sockets.append(connected)
            if self._made:
                _shut(connected)


def _shut(connected: socket.socket) -> None:
    # Not `close`: that does not wake a thread which reads. Not urllib3's `HTTPResponse.shutdown`: a daemon sends the
    # head of its answer with the first record, so that there is no response yet while a registry is silent.
    with suppress(OSError):  # It ended by itself.
        connected.shutdown(socket.SHUT_RDWR)
