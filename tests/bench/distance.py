"""A registry that is further away than loopback: what is sent to it or by it arrives some milliseconds later."""

import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic

_PIECE = 1 << 16

Late = queue.SimpleQueue[tuple[float, bytes]]


@contextmanager
def further_away(address: str, milliseconds: float) -> Iterator[str]:
    """Give another address for the same, one way to which takes so long; for none, the same address."""
    if not milliseconds:
        yield address
        return
    host, _, port = address.rpartition(":")
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_serve, args=(server, (host, int(port)), milliseconds / 1000), daemon=True).start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            # Wakes the thread that waits for the next connection.
            server.shutdown(socket.SHUT_RDWR)


def _serve(server: socket.socket, there: tuple[str, int], seconds: float) -> None:
    with suppress(OSError):
        while True:
            near, _ = server.accept()
            far = socket.create_connection(there)
            for source, target in ((near, far), (far, near)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                late: Late = queue.SimpleQueue()
                threading.Thread(target=_take, args=(source, late, seconds), daemon=True).start()
                threading.Thread(target=_give, args=(target, late), daemon=True).start()


def _take(source: socket.socket, late: Late, seconds: float) -> None:
    # What is under way does not hold up what is sent behind it: this is distance, not a narrow line.
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            late.put((monotonic() + seconds, piece))
    late.put((monotonic() + seconds, b""))


def _give(target: socket.socket, late: Late) -> None:
    pause = threading.Event()
    with suppress(OSError):
        while True:
            due, piece = late.get()
            pause.wait(max(0.0, due - monotonic()))
            if not piece:
                break
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
