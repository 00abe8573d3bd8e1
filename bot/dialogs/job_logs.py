"""The log of each job, on disk: whole lines, secrets masked, nothing that hides, reorders or commands."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import SEEK_END, SEEK_SET
from pathlib import Path

from bot.dialogs.stages import Attachment, DialogId
from commands.errors import StateUnwritable
from commands.text import without_hidden, without_terminal_sequences

LONGEST = 20_000_000
"""The most bytes of one log that are read back; older lines are cut, and the file says so."""


class JobLogFiles:
    """One file per job in `folder`. Raises `StateUnwritable` if a file cannot be used."""

    def __init__(self, folder: Path, redact: Callable[[str], str], *, longest: int = LONGEST) -> None:
        self._folder = folder
        self._redact = redact
        self._longest = longest

    def write(self, job: DialogId, line: str) -> None:
        """Add a line."""
        path = self._path(job)
        with self._problems():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with path.open("a", encoding="utf-8", errors="replace") as file:
                file.write(self._redact(without_hidden(without_terminal_sequences(line))) + "\n")

    def read(self, job: DialogId) -> str:
        """Return the log; empty if nothing was logged."""
        path = self._path(job)
        with self._problems():
            if not path.exists():
                return ""
            with path.open("rb") as file:
                cut = file.seek(0, SEEK_END) > self._longest
                file.seek(-self._longest if cut else 0, SEEK_END if cut else SEEK_SET)
                # After the cut the first line is incomplete; the last one may still be being written.
                first = "[the first lines were cut]\n" if cut and file.readline() else ""
                return first + file.read().decode(errors="replace")

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
