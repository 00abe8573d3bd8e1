"""The log of each job, on disk: whole lines, secrets masked, nothing that hides, reorders or commands."""

import os
import re
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EFBIG, ENOSPC
from os import SEEK_END, SEEK_SET
from pathlib import Path

import structlog

from bot.dialogs.stages import Attachment, DialogId
from commands.errors import StateUnwritable
from commands.text import count_of, without_hidden, without_terminal_sequences

log = structlog.get_logger()

LONGEST = 20_000_000
"""The most bytes of one log that are read back; older lines are cut, and the file says so."""
LARGEST = 200_000_000
"""The most bytes of one log on disk: a build must not fill it."""


@dataclass(frozen=True, slots=True)
class _Gap:
    """Lines that could not be written, and why."""

    lines: int
    reason: str

    def __str__(self) -> str:
        return f"[{count_of(self.lines, 'line')} could not be written here: {self.reason}]"


class JobLogFiles:
    """One file per job in `folder`. A line that cannot be written leaves a gap, which the log names."""

    def __init__(
        self, folder: Path, redact: Callable[[str], str], *, longest: int = LONGEST, largest: int = LARGEST
    ) -> None:
        self._folder = folder
        self._redact = redact
        self._longest = longest
        self._largest = largest
        self._lock = threading.Lock()
        self._gaps: dict[DialogId, _Gap] = {}

    def write(self, job: DialogId, line: str) -> None:
        """Add a line; if the file cannot be written, count the line as missing: a log must not end a build."""
        path = self._path(job)
        with self._lock:
            gap = self._gaps.get(job)
            before = "" if gap is None else f"{gap}\n"
            try:
                self._append(path, f"{before}{self._redact(without_hidden(without_terminal_sequences(line)))}\n")
            except OSError as error:
                reason = error.strerror or str(error)
                if gap is None:
                    log.warning("log_line_not_written", job=job, reason=reason)
                self._gaps[job] = _Gap(1 if gap is None else gap.lines + 1, reason)
            else:
                self._gaps.pop(job, None)

    def read(self, job: DialogId) -> str:
        """Return the log; empty if nothing was logged. Raise `StateUnwritable` if it cannot be read."""
        path = self._path(job)
        with self._lock:
            gap = self._gaps.get(job)
        last = "" if gap is None else f"{gap}\n"
        with self._problems():
            if not path.exists():
                return last
            with path.open("rb") as file:
                cut = file.seek(0, SEEK_END) > self._longest
                file.seek(-self._longest if cut else 0, SEEK_END if cut else SEEK_SET)
                # After the cut the first line is incomplete; the last one may still be being written.
                first = "[the first lines were cut]\n" if cut and file.readline() else ""
                return first + file.read().decode(errors="replace") + last

    def forget(self, before: float, *, most_bytes: int, keep: Collection[DialogId]) -> int:
        """Remove logs that were written last before a time, in epoch seconds, and the oldest of too many bytes.

        Logs of jobs in `keep` stay. Return how many were removed.
        """
        found = [(path.stat().st_mtime, path.stat().st_size, path) for path in self._folder.glob("*.log")]
        excess, removed = sum(size for _, size, _ in found) - most_bytes, 0
        for written, size, path in sorted(found):
            if (written < before or excess > 0) and path.stem not in keep:
                path.unlink(missing_ok=True)
                excess, removed = excess - size, removed + 1
        with self._lock:
            self._gaps = {job: gap for job, gap in self._gaps.items() if job in keep}
        return removed

    def _append(self, path: Path, text: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Unbuffered, so that a full disk is noticed at this line; what it took of the line before is cut off.
        with path.open("ab", buffering=0) as file:
            whole, end = text.encode(errors="replace"), file.tell()
            if end + len(whole) > self._largest:
                raise OSError(EFBIG, f"the log may have at most {self._largest:,} bytes")
            if (file.write(whole) or 0) < len(whole):
                file.truncate(end)
                raise OSError(ENOSPC, os.strerror(ENOSPC))

    @contextmanager
    def _problems(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StateUnwritable(
                f"The logs of builds cannot be used: {error.strerror}.",
                hint=f"Make `{self._folder}` writable and free some space, then try again.",
            ) from error

    def _path(self, job: DialogId) -> Path:
        if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", job):
            raise ValueError(f"not the id of a job: {job!r}")
        return self._folder / f"{job}.log"


def log_file(content: str, job: DialogId) -> Attachment | None:
    """Return a job's log as an attachment; None if nothing was logged."""
    return Attachment("log", f"build-{job}.log", "The whole log", content) if content else None
