"""The lock of an owner on a PostgreSQL database: one process at a time works under each name.

It is to a database what the lock file is to a state folder.
"""

import threading
from enum import Enum
from typing import Final, Self
from zlib import crc32

import sqlalchemy as sa
import structlog

from bot.dialogs.databases import StateAccess, open_engine
from commands.errors import StateUnwritable

log = structlog.get_logger()

_APPLICATION: Final = 7_278_661
"""An arbitrary number that distinguishes these advisory locks from those of other programs."""
_LOOK_SECONDS: Final = 2.0
"""How often the lock's connection is tested."""
_TRIES: Final = 20
_TRY_SECONDS: Final = 0.1
"""A process that was just killed holds the lock until PostgreSQL notices."""


class Hold(Enum):
    """Whether this process has the lock."""

    HELD = "held"
    AWAY = "away"
    """The database does not answer, so the lock is lost unless nobody else takes it first."""
    TAKEN = "taken"
    """Another process has it."""


class OwnerLock:
    """Holds the lock by a connection that stays open; takes it again after the connection was lost."""

    def __init__(self, url: str, owner: str, *, look_seconds: float = _LOOK_SECONDS) -> None:
        self._url = url
        self._owner = owner
        self._look_seconds = look_seconds
        self._engine = open_engine(url, connections=1).execution_options(isolation_level="AUTOCOMMIT")
        self._connection: sa.Connection | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="warroom-owner-lock", daemon=True)
        self.hold = Hold.AWAY

    def __enter__(self) -> Self:
        """Take it; raise `StateUnwritable` if another process has it or the database does not answer."""
        try:
            with StateAccess(self._url):
                self._take_soon()
        except BaseException:
            self._drop()
            raise
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it to others."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        self._drop()

    def _take_soon(self) -> None:
        for _ in range(_TRIES):
            if self._take():
                return
            self._stopped.wait(_TRY_SECONDS)
        raise StateUnwritable(
            f"Another warroom named `{self._owner}` is using this database.",
            hint="Stop that one first, or give this one a name of its own with `WARROOM_OWNER`.",
        )

    def _take(self) -> bool:
        self._connection = self._connection or self._engine.connect()
        taken = bool(self._connection.execute(sa.select(sa.func.pg_try_advisory_lock(*_key(self._owner)))).scalar())
        self.hold = Hold.HELD if taken else Hold.TAKEN
        return taken

    def _drop(self) -> None:
        # Not back to the pool: the lock is the session's, and ends with it.
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
        self._engine.dispose()

    def _watch(self) -> None:
        while not self._stopped.wait(self._look_seconds):
            self.look()

    def look(self) -> None:
        """Test the connection; if it was lost, take the lock again as soon as that is possible."""
        before, reason = self.hold, ""
        try:
            self._test_or_take()
        except sa.exc.SQLAlchemyError as error:
            self._drop()
            self.hold = Hold.AWAY
            reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
        if self.hold is not before:
            log.warning("database_lock_changed", owner=self._owner, hold=self.hold.value, reason=reason)

    def _test_or_take(self) -> None:
        if self.hold is Hold.HELD and self._connection is not None:
            self._connection.execute(sa.select(1))
        else:
            self._take()


def owner_is_active(url: str, owner: str) -> bool:
    """Return whether a process holds the lock; raise `StateUnwritable`."""
    engine = open_engine(url, connections=1)
    application, name = _key(owner)
    query = sa.text(
        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = :application AND objid = :name "
        "AND objsubid = 2 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    try:
        with StateAccess(url), engine.connect() as connection:
            # The view has unsigned numbers.
            return connection.execute(query, {"application": application, "name": name % (1 << 32)}).first() is not None
    finally:
        engine.dispose()


def _key(owner: str) -> tuple[int, int]:
    """Return the two signed numbers of the lock."""
    number = crc32(owner.encode())
    return _APPLICATION, number - (1 << 32) if number >= 1 << 31 else number
