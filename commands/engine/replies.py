"""Answers requests of a running throw-away container: it prints a line, and the reply is files copied in."""

import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlencode

import structlog

from commands.engine.connection import Connection, DaemonRefused
from commands.engine.interface import RunOrder
from commands.engine.streams import Lines
from commands.errors import Problem

log = structlog.get_logger()

_AT_ONCE = 16
_MARGIN_SECONDS = 30.0
"""How much longer than the command its output may stay silent."""
_STDOUT, _STDERR = 1, 2
_FRAME = struct.Struct(">BxxxL")


class Frames:
    """Splits the daemon's stream of a container's output into frames, independent of chunk boundaries.

    A frame is one byte for the stream, three zero bytes, four for the length, and the content.
    """

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, piece: bytes) -> Iterator[tuple[int, bytes]]:
        """Add a chunk and yield the complete frames: the stream's number and the content."""
        self._rest += piece
        while len(self._rest) >= _FRAME.size:
            stream, length = _FRAME.unpack_from(self._rest)
            end = _FRAME.size + length
            if len(self._rest) < end:
                return
            yield stream, bytes(self._rest[_FRAME.size : end])
            del self._rest[:end]


def split_streams(logs: bytes) -> tuple[bytes, bytes]:
    """Split a container's output into stdout and stderr."""
    outputs = {_STDOUT: bytearray(), _STDERR: bytearray()}
    for stream, content in Frames().feed(logs):
        outputs.get(stream, outputs[_STDERR]).extend(content)
    return bytes(outputs[_STDOUT]), bytes(outputs[_STDERR])


@contextmanager
def replying(
    connection: Connection,
    container: str,
    order: RunOrder,
    *,
    put: Callable[[str, Mapping[str, bytes]], None],
    end: Callable[[str], None],
) -> Iterator[None]:
    """Reply while the body waits for the container; raises a reply's problem after `end` ended the container."""
    conversation = _Conversation(container, order, put, end)
    thread = threading.Thread(target=conversation.hold, args=(connection,), name="warroom-replies", daemon=True)
    thread.start()
    try:
        yield
    finally:
        # The output ends with the container, and with it the thread.
        thread.join()
    if conversation.problem is not None:
        raise conversation.problem


class _Conversation:
    def __init__(
        self,
        container: str,
        order: RunOrder,
        put: Callable[[str, Mapping[str, bytes]], None],
        end: Callable[[str], None],
    ) -> None:
        self._container = container
        self._order = order
        self._put = put
        self._end = end
        self._ready: deque[Mapping[str, bytes]] = deque()
        self._put_lock = threading.Lock()
        self.problem: Problem | None = None

    def hold(self, connection: Connection) -> None:
        """Read and answer the output to its end."""
        path = f"/containers/{self._container}/logs?{urlencode({'follow': '1', 'stdout': '1'})}"
        idle_seconds = self._order.seconds + _MARGIN_SECONDS
        try:
            with (
                ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="warroom-reply") as pool,
                connection.download(path, doing="give a container's output", idle_seconds=idle_seconds) as pieces,
            ):
                for line in _lines(pieces):
                    pool.submit(self._answer, line)
        except Problem as problem:
            self._fail(problem)

    def _answer(self, line: str) -> None:
        try:
            files = self._order.reply(line) if self._order.reply and self.problem is None else {}
            if files:
                self._ready.append(files)
                self._put_all()
        except DaemonRefused:
            # The container has already ended and needs no reply.
            return
        except Problem as problem:
            self._fail(problem)
        except Exception:
            # The thread's boundary: without a reply the command would wait until its time limit.
            log.exception("reply_broke", container=self._container)
            self._fail(_broken())

    def _put_all(self) -> None:
        """Copy in all ready files at once: the daemon takes one request at a time, as long for one file as for many."""
        with self._put_lock:
            together: dict[str, bytes] = {}
            while self._ready:
                together |= self._ready.popleft()
            if together:
                self._put(self._container, together)

    def _fail(self, problem: Problem) -> None:
        self.problem = self.problem or problem
        try:
            self._end(self._container)
        except Problem:
            # The container has ended or the daemon is down: the thread that waits for the container reports that.
            return


def _broken() -> Problem:
    return Problem("The bot could not answer a container's request.", hint="Look at the bot's log, and try again.")


def _lines(pieces: Iterator[bytes]) -> Iterator[str]:
    frames, lines = Frames(), Lines()
    for piece in pieces:
        for stream, content in frames.feed(piece):
            if stream == _STDOUT:
                yield from lines.feed(content)
    yield from lines.end()
