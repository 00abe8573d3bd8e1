"""SQLite files and PostgreSQL: addresses, connections, and what an error of a database means.

The only place that distinguishes the kinds of database errors.
"""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg.abc import PQGen

from commands.errors import Misconfigured, StateUnwritable

T = TypeVar("T")

_POSTGRESQL: Final = ("postgres", "postgresql", "postgresql+psycopg")
"""Schemes of PostgreSQL; hosting services and libpq write the first one, which SQLAlchemy refuses."""
_SQLITE_CONNECTIONS: Final = 40
"""Connections kept open: each thread that acknowledges, prepares, builds or sends may need one, and opening is slow."""
LEDGER_CONNECTIONS: Final = 10
"""At most so many connections of the ledger to PostgreSQL; a thread waits for a free one."""
JOB_CONNECTIONS: Final = 6
"""The same of the job engine, which opens one more to listen on."""
MOST_CONNECTIONS: Final = LEDGER_CONNECTIONS + JOB_CONNECTIONS + 3
"""All connections of a bot: besides these, one to listen on, one to probe, and one that holds the lock."""
_CONNECT_SECONDS: Final = 2
"""libpq's shortest time-out; a person waits for the acknowledgement."""
_ANSWER_SECONDS: Final = 5.0
"""Maximum duration of a statement. Each takes milliseconds, so a longer one means a hung server or network."""
_FREE_SECONDS: Final = 5.0
"""How long a thread waits for a free connection."""
_KEEPALIVE: Final = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 15_000}
"""A connection whose peer vanished without a goodbye ends after some 25 seconds instead of hours."""


class TimedConnection(psycopg.Connection[Any]):
    """A connection that ends instead of waiting longer for an answer than `_ANSWER_SECONDS`."""

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait for an answer as `psycopg` does, with a time limit."""
        try:
            return super().wait(gen, interval, _ANSWER_SECONDS if timeout is None else timeout)
        except psycopg.errors.OperationalError as error:
            if type(error).__name__ != "_WaitTimeout":
                raise
            # The answer may arrive later and would then be taken for that of another statement.
            self.pgconn.finish()
            raise psycopg.OperationalError(f"no answer within {_ANSWER_SECONDS:.0f} seconds") from error


# ── Addresses and connections ───────────────────────────────────────────────────────────────────────────────────────


def normal_url(url: str) -> str:
    """Return the URL as SQLAlchemy and dbos take it; raise `Misconfigured` if it is no URL of a known database."""
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        # The error quotes the address, which may contain a password.
        parsed = None
    if parsed is not None and parsed.drivername == "sqlite":
        return url
    if parsed is None or parsed.drivername not in _POSTGRESQL or not parsed.database:
        raise Misconfigured(
            "`database_url` is not the address of a PostgreSQL database.",
            hint="Write `postgresql://user:password@host/database`, or leave it out to use a SQLite file.",
        )
    return parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def is_postgresql(url: str) -> bool:
    """Return whether a URL names a PostgreSQL database."""
    return sa.make_url(url).drivername in _POSTGRESQL


def connect_arguments(url: str) -> dict[str, Any]:
    """Return the driver's arguments for a connection: its time-outs; none for SQLite."""
    if not is_postgresql(url):
        return {}
    chosen = sa.make_url(url).query
    ours: dict[str, Any] = {"connect_timeout": _CONNECT_SECONDS, "application_name": "warroom", **_KEEPALIVE}
    return {name: value for name, value in ours.items() if name not in chosen}


def open_engine(url: str, *, connections: int = LEDGER_CONNECTIONS, free_seconds: float = _FREE_SECONDS) -> sa.Engine:
    """Return the engine of a database, not yet connected.

    On PostgreSQL it has at most so many connections, and a thread waits `free_seconds` for a free one.
    """
    if not is_postgresql(url):
        engine = sa.create_engine(url, pool_size=_SQLITE_CONNECTIONS)
        sa.event.listen(engine, "connect", _tune_sqlite)
        return engine
    engine = sa.create_engine(
        normal_url(url),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=free_seconds,
        # After a restart of the server every pooled connection is closed.
        pool_pre_ping=True,
        connect_args=connect_arguments(url),
    )
    sa.event.listen(engine, "do_connect", _connect_with_time_limit)
    return engine


def _connect_with_time_limit(_dialect: object, _record: object, cargs: list[Any], cparams: dict[str, Any]) -> object:
    return TimedConnection.connect(*cargs, **cparams)


def _tune_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # WAL: readers do not wait for writers. NORMAL: safe if the process is killed, without an fsync per change.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")


# ── Files ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def refuse_malformed(file: Path) -> None:
    """Raise `StateUnwritable` if a SQLite file is malformed; it is neither changed nor removed."""
    if not file.exists():
        return
    with StateAccess(str(file)):
        faults = faults_of(file)
    if faults:
        raise _malformed(str(file), faults[0])


def faults_of(file: Path) -> tuple[str, ...]:
    """Return what `PRAGMA quick_check` finds in a SQLite file; raise `sqlite3.Error` if it cannot be read."""
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=10)) as connection:
        rows = connection.execute("PRAGMA quick_check(1)").fetchall()
    return tuple(str(row[0]) for row in rows if row[0] != "ok")


# ── Errors ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class StateAccess:
    """Turns a database error into a `StateUnwritable`; `where` is the URL or the path of the database."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Raise a `StateUnwritable` for a database error."""
        if isinstance(error, sa.exc.SQLAlchemyError | psycopg.Error | sqlite3.Error | OSError):
            raise trouble(error, self._where) from error


def trouble(error: Exception, where: str) -> StateUnwritable:
    """Return the problem that an error of a database means; `where` is the URL or the path of the database."""
    cause = getattr(error, "orig", None) or error
    if isinstance(error, sa.exc.TimeoutError):
        return StateUnwritable("All connections to the database are in use.", hint="Try again in a moment.")
    if isinstance(cause, psycopg.Error):
        return _of_postgresql(cause)
    return _of_sqlite(cause, _place(where))


def _place(where: str) -> str:
    return sa.make_url(where).database or where if "://" in where else where


def _of_sqlite(cause: BaseException, place: str) -> StateUnwritable:
    # The low byte is the kind; the rest distinguishes cases within it.
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return _malformed(place, str(cause))
    hint = _SQLITE_HINTS.get(code, "Make `{place}` writable and free some space, then try again.")
    return StateUnwritable(f"The bot cannot use its state: {cause}.", hint=hint.format(place=place))


_WRITABLE: Final = (
    "Make `{place}` and its folder writable for this user, or choose another folder with `WARROOM_STATE_DIR`."
)
_SQLITE_HINTS: Final[Mapping[int, str]] = {
    sqlite3.SQLITE_FULL: "Free some space on the disk of `{place}`, then try again.",
    sqlite3.SQLITE_READONLY: _WRITABLE,
    sqlite3.SQLITE_CANTOPEN: _WRITABLE,
    sqlite3.SQLITE_PERM: _WRITABLE,
    sqlite3.SQLITE_IOERR: "Check the disk of `{place}`: it may be full or broken.",
    sqlite3.SQLITE_BUSY: "Another program keeps `{place}` locked: end it, then try again.",
    sqlite3.SQLITE_LOCKED: "Another program keeps `{place}` locked: end it, then try again.",
}


def _malformed(place: str, reason: str) -> StateUnwritable:
    file = Path(place)
    return StateUnwritable(
        f"The database `{file}` is malformed: {reason}.",
        hint=f"Stop the bot and move `{file}` away, with its `-wal` and `-shm`. Put the newest copy from "
        f"`{file.parent / 'backups'}` in its place, or start without one: a new file is then created.",
    )


def _of_postgresql(cause: psycopg.Error) -> StateUnwritable:
    # An error while connecting has no code, only the server's words.
    words = str(cause)
    for code, said, problem in _POSTGRESQL_KINDS:
        if (code and (cause.sqlstate or "").startswith(code)) or any(part in words for part in said):
            return problem(_reason(words))
    return _of_unknown(_reason(words))


def _reason(words: str) -> str:
    """Return the server's or the system's reason, without the driver's introduction and advice."""
    return (words.partition("\n")[0].rpartition("failed: ")[2].removeprefix("FATAL:").strip() or "no reason given")[
        :300
    ]


def _of_unknown(reason: str) -> StateUnwritable:
    return StateUnwritable(
        f"The database does not answer: {reason}.",
        hint="Start PostgreSQL, or correct `WARROOM_DATABASE_URL`. The bot connects again by itself.",
    )


def _of_refused_statement(reason: str) -> StateUnwritable:
    return StateUnwritable(f"The database refuses a statement: {reason}.", hint="See PostgreSQL's log.")


def _of_full_server(_: str) -> StateUnwritable:
    return StateUnwritable(
        "The database takes no more connections.",
        hint=f"End other clients, or raise `max_connections` of PostgreSQL: a bot uses up to {MOST_CONNECTIONS}.",
    )


def _of_unknown_database(reason: str) -> StateUnwritable:
    return StateUnwritable(
        f"PostgreSQL has no such database: {reason}.", hint="Create it, or correct `WARROOM_DATABASE_URL`."
    )


def _of_wrong_login(reason: str) -> StateUnwritable:
    return StateUnwritable(
        f"The database refuses the login: {reason}.", hint="Correct user and password in `WARROOM_DATABASE_URL`."
    )


def _of_full_disk(reason: str) -> StateUnwritable:
    return StateUnwritable(
        f"The disk of the database is full: {reason}.", hint="Free some space on the server of PostgreSQL."
    )


def _of_read_only(reason: str) -> StateUnwritable:
    return StateUnwritable(
        f"The database is read-only: {reason}.",
        hint="Name the primary server in `WARROOM_DATABASE_URL`: a standby cannot be written.",
    )


def _of_missing_right(reason: str) -> StateUnwritable:
    return StateUnwritable(
        f"The database refuses the bot's user something: {reason}.",
        hint="Give this user the right to create and change tables.",
    )


_POSTGRESQL_KINDS: Final[tuple[tuple[str, tuple[str, ...], Callable[[str], StateUnwritable]], ...]] = (
    ("53300", ("too many clients", "remaining connection slots", "too many connections"), _of_full_server),
    ("3D000", ('" does not exist',), _of_unknown_database),
    ("28", ("authentication failed", "no password supplied", "no pg_hba.conf entry"), _of_wrong_login),
    ("53100", (), _of_full_disk),
    ("25006", (), _of_read_only),
    ("42501", (), _of_missing_right),
    # Errors in a statement; the classes 08, 53, 57 and 58 concern the server and the connection.
    ("22", (), _of_refused_statement),
    ("23", (), _of_refused_statement),
    ("42", (), _of_refused_statement),
)
"""Kinds of PostgreSQL's errors: the beginning of the code, what a message without a code says, and the problem."""
