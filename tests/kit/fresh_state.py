"""A state folder that a bot has never used, but for its job database: to make that takes longer than many a test."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from bot.dialogs.ledger import sqlite_url
from bot.dialogs.runner import Runner


def fresh_state(folder: Path, *, cache: Path) -> None:
    """Make a state folder, unless there is one already; the first empty database is kept in the cache folder."""
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True)
        fresh_jobs(folder, cache=cache)


def fresh_jobs(folder: Path, *, cache: Path) -> None:
    """Put an empty job database there."""
    kept = cache / "empty-jobs.sqlite"
    if not kept.exists():
        runner = Runner(database_url=sqlite_url(kept), slots=1, tasks={})
        runner.start()
        runner.stop()
        with closing(sqlite3.connect(kept)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copyfile(kept, folder / "jobs.sqlite")
