"""The storage of a room: small JSON values by kind and key, and the bytes of files; the only importer of sqlite3.

Every write is one transaction in SQLite's write-ahead log, so a killed process leaves a sound file. Without a folder
the same code keeps everything in memory. The callers limit how much they store.
"""

import fcntl
import sqlite3
from pathlib import Path
from typing import IO, Final, Self

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entries (kind TEXT, key TEXT, value TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS contents (file TEXT PRIMARY KEY, bytes BLOB NOT NULL);
"""


class RoomNotOpenedError(Exception):
    """A room could not be opened; the message says why and what to do."""


class RoomStateError(RoomNotOpenedError):
    """The folder of a room's state cannot be used."""


class Store:
    """A database that belongs to one room at a time."""

    def __init__(self, path: Path | None = None, lock: IO[str] | None = None) -> None:
        self._lock = lock
        # Made in one thread and used in another, the room's loop; never in two at once.
        self._database = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(_SCHEMA)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Lock the folder, which is made if necessary.

        Raises:
            RoomStateError: it cannot be used, or another room has it.
        """
        lock = _lock_of(folder)
        try:
            return cls(folder / "room.sqlite", lock)
        except sqlite3.DatabaseError as error:
            lock.close()
            raise RoomStateError(
                f"The room's state in `{folder}` cannot be read ({error}). Move that folder away, and a new room "
                "is made in its place."
            ) from error

    def entries(self, kind: str) -> dict[str, str]:
        """Give all values of a kind by their keys."""
        return dict(self._database.execute("SELECT key, value FROM entries WHERE kind = ? ORDER BY key", (kind,)))

    def put(self, kind: str, key: str, value: str) -> None:
        """Keep a value in place of an older one."""
        self._database.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", (kind, key, value))

    def drop(self, kind: str, key: str) -> None:
        """Forget a value."""
        self._database.execute("DELETE FROM entries WHERE kind = ? AND key = ?", (kind, key))

    def content(self, file: str) -> bytes | None:
        """Give the bytes of a file."""
        row = self._database.execute("SELECT bytes FROM contents WHERE file = ?", (file,)).fetchone()
        return None if row is None else bytes(row[0])

    def put_content(self, file: str, content: bytes) -> None:
        """Keep the bytes of a file."""
        self._database.execute("INSERT OR REPLACE INTO contents VALUES (?, ?)", (file, content))

    def drop_content(self, file: str) -> None:
        """Forget the bytes of a file."""
        self._database.execute("DELETE FROM contents WHERE file = ?", (file,))

    def close(self) -> None:
        """Unlock the folder. May be repeated."""
        self._database.close()
        if self._lock is not None:
            self._lock.close()


def _lock_of(folder: Path) -> IO[str]:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise RoomStateError(
            f"The room's state folder `{folder}` cannot be used ({error.strerror}). Make it writable for this user, "
            "or choose another one."
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise RoomStateError(
            f"Another room is open on the state folder `{folder}`. Use that one, or give this one a folder of its own."
        ) from error
    return lock
