"""The log of each job, on disk: whole lines, secrets masked, no control characters."""

import re
from collections.abc import Callable
from pathlib import Path

from bot.dialogs import DialogId

_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
LONGEST = 20_000_000
"""Characters of one log that are read back; what is older is cut, and the file says so."""


class JobLogFiles:
    """One file a job, below `folder`."""

    def __init__(self, folder: Path, redact: Callable[[str], str]) -> None:
        self._folder = folder
        self._redact = redact

    def write(self, job: DialogId, line: str) -> None:
        """Add a line."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._path(job).open("a", encoding="utf-8", errors="replace") as file:
            file.write(self._redact(_CONTROL.sub("", line)) + "\n")

    def read(self, job: DialogId) -> str:
        """Return the log; empty when there is none."""
        path = self._path(job)
        if not path.exists():
            return ""
        text = path.read_text(encoding="utf-8")
        return text if len(text) <= LONGEST else f"[the first lines were cut]\n{text[-LONGEST:]}"

    def _path(self, job: DialogId) -> Path:
        if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", job):
            raise ValueError(f"not the id of a job: {job!r}")
        return self._folder / f"{job}.log"
