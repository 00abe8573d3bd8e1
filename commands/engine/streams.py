"""Records and lines from a stream of byte chunks, independent of chunk boundaries. Pure."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

LINE_LIMIT = 4_000
"""Maximum characters of one line; the rest is dropped."""

_BYTES_LIMIT = 4 * LINE_LIMIT  # UTF-8 takes at most four bytes for a character


class MalformedStream(ValueError):
    """The daemon sent an answer that does not follow its API."""


def records(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the records of a stream of JSON lines; raises `MalformedStream`."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (_record(line) for line in lines if line.strip())
    if rest.strip():
        yield _record(rest)


def _record(line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as fault:
        raise MalformedStream(f"not JSON: {line[:80]!r}") from fault
    if not isinstance(record, dict):
        raise MalformedStream(f"not a record: {line[:80]!r}")
    return record


class Lines:
    """Joins the chunks of one output and splits it into lines at every kind of line end.

    A lone carriage return ends a line too, because progress bars use it. A line is cut to `LINE_LIMIT` characters, so
    that a program without line ends cannot fill the memory.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._after_return = False

    def feed(self, piece: bytes) -> tuple[str, ...]:
        """Add a chunk and return the lines that it completes."""
        if self._after_return and piece.startswith(b"\n"):
            piece = piece[1:]
            self._after_return = False
        if not piece:
            return ()
        self._after_return = piece.endswith(b"\r")
        # The `|` makes the last element the unfinished line, even if the chunk ends with a line end.
        *lines, rest = (self._rest + piece + b"|").splitlines()
        self._rest = rest[:-1][:_BYTES_LIMIT]
        return tuple(_decode(line) for line in lines)

    def end(self) -> tuple[str, ...]:
        """Return the unfinished last line at the end of the output."""
        rest, self._rest = self._rest, b""
        return (_decode(rest),) if rest else ()


def _decode(line: bytes) -> str:
    return line[:_BYTES_LIMIT].decode(errors="replace")[:LINE_LIMIT]
