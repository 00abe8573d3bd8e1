"""Files out of a tar that comes in pieces, by the standard library's `tarfile`; it may be hostile. Pure."""

import shutil
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO, RawIOBase

from commands.engine.interface import FilesRead, ReadOrder
from commands.text import printable

_LONGEST_READ = 32 << 10
"""Bytes read at once: a part of a content, or all attributes of a file; the kernel's longest path has 4 KB.

Old patch releases of Python need a time for attributes that grows with the square: 0.7 s for these, if made for it.
"""

_DAMAGED = "the archive that the daemon made of it is damaged"
_DAMAGES = (tarfile.TarError, ValueError, LookupError, ArithmeticError, RecursionError)
"""What `tarfile` raises for a damaged archive: its own errors, and what it trips over in numbers and attributes."""


class LimitMet(Exception):
    """As much was looked through, or kept, as may be; its text says which limit it was."""


class Gathered:
    """What is found within an order's limits; `gap` says why not all. `clock` gives seconds that only grow."""

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
        """How long it may still take; never nothing, which would mean no limit."""
        return max(self._end - self._clock(), 0.1)

    @property
    def missed(self) -> frozenset[str]:
        """What has a wanted name, but stands in the archive under one that was not wanted."""
        return frozenset(self._links.values()).difference(self._files, self._too_long)

    def look_through(self, pieces: Iterable[bytes], wanted: Callable[[str], bool]) -> None:
        """Keep what is wanted of an archive; whatever that holds, this ends, at worst with a gap."""
        source = _Source(self._counted(pieces))
        try:
            # Not as a stream (`r|`): that tells neither what it ends with nor how long a name is that it reads.
            with tarfile.open(fileobj=source, mode="r:", encoding="utf-8", errors="replace") as tar:
                while (entry := tar.next()) is not None:
                    tar.members.clear()  # type: ignore[attr-defined]  # else it keeps them all; typeshed knows it not
                    path = _normal(entry.name)
                    if path and wanted(path):
                        self._take(tar, entry, path)
            if any(source.last):  # To `tarfile` a damaged header is an end, too.
                self.gap = _DAMAGED
        except _DAMAGES:
            self.gap = _DAMAGED
        except LimitMet as limit:
            self.gap = str(limit)

    def told(self) -> FilesRead:
        """Tell what was found, further names included."""
        files = {path: content for path, content in self._files.items() if self._order.wanted(path)}
        linked = {path: self._files[target] for path, target in self._links.items() if target in self._files}
        gaps = (self.gap or _left_out(sorted(self.missed), "absent"), _left_out(self._too_long, "too long"))
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

    def _counted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._bytes += len(piece)
            if self._bytes > self._order.bytes_limit:
                raise LimitMet(f"the image holds more than {self._order.bytes_limit:,} bytes")
            if self._clock() > self._end:
                raise LimitMet(self.too_slow)
            yield piece
        raise tarfile.ReadError  # More is asked for than there is.


class _Source(RawIOBase):
    """The pieces as one file, read forwards only, in parts of a bounded size; `last` is what was read last."""

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
