"""Copies of the SQLite file of dialogs, made while the bot runs; an operator puts one in place of a malformed file."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from bot.dialogs.databases import faults_of

log = structlog.get_logger()

KEPT: Final = 3
"""How many copies stay."""
_PAGES: Final = 256
"""Pages that are copied at once: writers of the file wait meanwhile."""


class Backups:
    """Keeps the latest copies of a file in the folder `backups` beside it; `hours` is the time between two of them."""

    def __init__(self, file: Path, *, hours: float, clock: Callable[[], datetime]) -> None:
        self._file = file
        self._folder = file.parent / "backups"
        self._hours = hours
        self._clock = clock

    def run_if_due(self) -> Path | None:
        """Make a copy if the newest one is older than `hours`; return it. A failure is logged."""
        newest = max(self._made(), default=datetime.min.replace(tzinfo=UTC))
        if not self._hours or not self._file.exists() or self._clock() - newest < timedelta(hours=self._hours):
            return None
        try:
            return self._copy()
        except (sqlite3.Error, OSError) as error:
            log.warning("backup_failed", file=str(self._file), reason=str(error))
            return None

    def _copy(self) -> Path | None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        partial = self._folder / f"{self._file.stem}.partial"
        partial.unlink(missing_ok=True)
        with closing(sqlite3.connect(self._file, timeout=10)) as source, closing(sqlite3.connect(partial)) as copy:
            source.backup(copy, pages=_PAGES)
        if faults := faults_of(partial):
            # The older copies stay: they may be sound.
            log.error("backup_malformed", file=str(self._file), fault=faults[0])
            partial.unlink()
            return None
        moment = f"{self._clock().astimezone(UTC):%Y%m%dT%H%M%SZ}"
        made = partial.rename(self._folder / f"{self._file.stem}-{moment}{self._file.suffix}")
        self._remove_old()
        log.info("backup_made", file=str(made))
        return made

    def _remove_old(self) -> None:
        made = self._made()
        for moment in sorted(made)[:-KEPT]:
            made[moment].unlink(missing_ok=True)

    def _made(self) -> dict[datetime, Path]:
        """Return the copies by their time; other files in the folder are left alone."""
        found = {}
        for path in self._folder.glob(f"{self._file.stem}-*{self._file.suffix}"):
            try:
                found[datetime.fromisoformat(path.stem.removeprefix(f"{self._file.stem}-"))] = path
            except ValueError:
                continue
        return found
