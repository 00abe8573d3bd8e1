"""Records and lines out of pieces of bytes, wherever those are cut. Pure."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

LINE_LIMIT = 4_000
"""Characters that are kept of one line."""

_BYTES_LIMIT = 4 * LINE_LIMIT  # UTF-8 takes at most four bytes for a character


class MalformedStream(ValueError):
    """The daemon sent something that is not what its API says."""


def records(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the records of a stream of JSON, one a line; raises `MalformedStream`."""
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
    """Joins pieces of one output, wherever they are cut, and splits them at every kind of line end.

    A lone carriage return ends a line too: that is how progress bars are drawn. Of a longer line the first `LINE_LIMIT`
    characters are kept, so that a program without line ends cannot fill the memory.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._after_return = False

    def feed(self, piece: bytes) -> tuple[str, ...]:
        """Take a piece in; gives the lines that are complete by now."""
        if self._after_return and piece.startswith(b"\n"):
            piece = piece[1:]
            self._after_return = False
        if not piece:
            return ()
        self._after_return = piece.endswith(b"\r")
        # The mark makes the last element the unfinished line, also when the piece ends with a line end.
        *lines, rest = (self._rest + piece + b"|").splitlines()
        self._rest = rest[:-1][:_BYTES_LIMIT]
        return tuple(_decoded(line) for line in lines)

    def end(self) -> tuple[str, ...]:
        """Give what is left when the output has ended."""
        rest, self._rest = self._rest, b""
        return (_decoded(rest),) if rest else ()


def _decoded(line: bytes) -> str:
    return line[:_BYTES_LIMIT].decode(errors="replace")[:LINE_LIMIT]
