"""Reads files from a streamed, possibly hostile tar with the standard library's `tarfile`. Pure."""

import shutil
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO, RawIOBase

from commands.engine.interface import FilesRead, ReadOrder
from commands.text import printable

_LONGEST_READ = 32 << 10
"""Maximum bytes of one read: a part of a file, or all attributes of a file; the kernel's longest path has 4 KB.

Old patch releases of Python parse attributes in quadratic time: a hostile header of this size takes 0.7 s.
"""

_DAMAGED = "the archive that the daemon made from it is damaged"
_DAMAGES = (tarfile.TarError, ValueError, LookupError, ArithmeticError, RecursionError)
"""What `tarfile` raises for a damaged archive: its own errors, and those from malformed numbers and attributes."""


class LimitMet(Exception):
    """A limit was reached; the text says which one."""


class Gathered:
    """The files found within an order's limits; `gap` says why some are missing. `clock` is monotonic."""

    def __init__(self, order: ReadOrder, clock: Callable[[], float]) -> None:
        self.gap = ""
        self.too_slow = f"it took longer than {order.seconds:g} s"
        self._order = order
        self._clock = clock
        self._end = clock() + order.seconds
        self._bytes = self._kept = 0
        self._files: dict[str, bytes] = {}
        self._links: dict[str, str] = {}
        self._too_long: list[str] = []

    @property
    def seconds_left(self) -> float:
        """The remaining time; never zero, which would mean no timeout."""
        return max(self._end - self._clock(), 0.1)

    @property
    def unread_targets(self) -> frozenset[str]:
        """Targets of wanted hard links that were not read, because their own names are not wanted."""
        return frozenset(self._links.values()).difference(self._files, self._too_long)

    def look_through(self, pieces: Iterable[bytes], wanted: Callable[[str], bool]) -> None:
        """Read the wanted files of an archive; sets `gap` if the archive is damaged or too large."""
        source = _Source(self._within_limits(pieces))
        try:
            # Not as a stream (`r|`), which exposes neither the end of the archive nor the size of a name it reads.
            with tarfile.open(fileobj=source, mode="r:", encoding="utf-8", errors="replace") as tar:
                while (entry := tar.next()) is not None:
                    tar.members.clear()  # type: ignore[attr-defined]  # else it keeps them all; missing in typeshed
                    path = _normal(entry.name)
                    if path and wanted(path):
                        self._take(tar, entry, path)
            if any(source.last):  # `tarfile` treats a damaged header as the end, too.
                self.gap = _DAMAGED
        except _DAMAGES:
            self.gap = _DAMAGED
        except LimitMet as limit:
            self.gap = str(limit)

    def result(self) -> FilesRead:
        """Return the files found, including hard links."""
        files = {path: content for path, content in self._files.items() if self._order.wanted(path)}
        linked = {path: self._files[target] for path, target in self._links.items() if target in self._files}
        gaps = (self.gap or _left_out(sorted(self.unread_targets), "absent"), _left_out(self._too_long, "too long"))
        return FilesRead(files | linked, "; ".join(filter(None, gaps)))

    def _take(self, tar: tarfile.TarFile, entry: tarfile.TarInfo, path: str) -> None:
        body = tar.extractfile(entry) if entry.isreg() else None
        if not (body or entry.islnk()):
            return
        if len(self._files) + len(self._links) + len(self._too_long) >= self._order.files_limit:
            raise LimitMet(f"there are more than {self._order.files_limit:,} such files")
        if not body:
            self._links[path] = _normal(entry.linkname)
        elif entry.size > self._order.file_limit:
            self._too_long.append(path)
        elif self._kept + entry.size > self._order.kept_limit:
            raise LimitMet(f"such files have more than {self._order.kept_limit:,} bytes together")
        else:
            content = BytesIO()
            shutil.copyfileobj(body, content, _LONGEST_READ)
            self._files[path] = content.getvalue()
            self._kept += content.tell()

    def _within_limits(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._bytes += len(piece)
            if self._bytes > self._order.bytes_limit:
                raise LimitMet(f"the image holds more than {self._order.bytes_limit:,} bytes")
            if self._clock() > self._end:
                raise LimitMet(self.too_slow)
            yield piece
        raise tarfile.ReadError  # A read past the end.


class _Source(RawIOBase):
    """The chunks as one file for forward reads of a limited size; `last` is the last read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.last = self._piece = b""
        self._pieces = pieces
        self._used = self._place = 0  # of the piece, and in all

    def tell(self) -> int:
        return self._place

    def seek(self, place: int, _whence: int = 0, /) -> int:
        if place < self._place:
            raise tarfile.ReadError
        while ahead := place - self._place:
            self.read(min(ahead, _LONGEST_READ))
        return place

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= _LONGEST_READ:
            raise tarfile.ReadError
        while len(self._piece) - self._used < size:
            self._piece, self._used = self._piece[self._used :] + next(self._pieces), 0
        self.last = self._piece[self._used : self._used + size]
        self._used += size
        self._place += size
        return self.last


def _normal(path: str) -> str:
    while path.startswith(("/", "./")):
        path = path.removeprefix("/").removeprefix("./")
    return path


def _left_out(paths: Sequence[str], reason: str) -> str:
    if not paths:
        return ""
    first = printable(paths[0][:80], instead="?")
    others = f" and {len(paths) - 1} others" if len(paths) > 1 else ""
    return f"'{first}'{others} left out for being {reason}"
