"""The table of dialogs: the stage of every command, stored before it is shown, moved by compare-and-set.

It is the source of truth for a command's state; messages and jobs follow it. A row survives every restart.
"""

import json
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from pathlib import Path
from typing import Any, get_args

import sqlalchemy as sa
import structlog
from pydantic import TypeAdapter, ValidationError

from bot.dialogs.databases import StateAccess, is_postgresql, open_engine
from bot.dialogs.schema import DEFAULT_OWNER, DIALOGS, OWNERS, insert_once, prepare
from bot.dialogs.stages import AT_REST, FINAL, UNFINISHED, Dialog, DialogId, is_shown_only
from bot.redaction import redacted
from commands.errors import ShuttingDown

log = structlog.get_logger()

_STAGES: dict[str, type[Dialog]] = {stage.__name__: stage for stage in get_args(Dialog)}
_WORD_FOR_WORD = ("asked", "proposal")
"""Requests and proposals are stored unmasked, since the bot acts on them; their grammar allows no secrets."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored dialog.

    `trigger` and `response_url` came with the command; `message` is Slack's `ts` once the dialog was posted;
    `changes` counts the stages it went through and `shown` the last of them that Slack has; `attached` are the kinds
    of files in its thread.
    """

    dialog: Dialog
    trigger: str
    response_url: str
    changes: int = 1
    message: str | None = None
    shown: int = 0
    announced: bool = False
    attached: frozenset[str] = frozenset()

    @property
    def id(self) -> DialogId:
        """The dialog's id."""
        return self.dialog.asked.dialog


class Role(Enum):
    """The role in which a process moves a dialog."""

    CLAIM = auto()
    """The process drives the dialog from now on."""
    OWNER = auto()
    """The process must be the one that drives the dialog, as a task's process is."""
    GUEST = auto()
    """The process asks something of the one that drives the dialog, for example to stop."""


class Ledger:
    """The table, on SQLite or PostgreSQL. Safe for many threads; raises `StateUnwritable` if it cannot be used.

    `redact` masks secrets in the output of daemons, indexes and packages before it is stored. `owner` is the bot whose
    dialogs these are; several bots may share a database.
    """

    def __init__(self, url: str, redact: Callable[[str], str] = str, *, owner: str = DEFAULT_OWNER) -> None:
        self._owner = owner
        self._epoch = 0
        self._redact = redact
        self._url = url
        self._engine = open_engine(url)
        # SQLite allows one writer at a time anyway, and a writer that finds its lock taken sleeps up to 100 ms.
        self._turn: AbstractContextManager[object] = nullcontext() if is_postgresql(url) else threading.Lock()
        with StateAccess(url):
            prepare(self._engine)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def take_over(self) -> None:
        """Begin a new epoch of this owner: take over its dialogs; the earlier process can store nothing more."""
        with self._transaction() as connection:
            raised = sa.update(OWNERS).where(OWNERS.c.owner == self._owner).values(epoch=OWNERS.c.epoch + 1)
            if connection.execute(raised).rowcount == 0:
                connection.execute(sa.insert(OWNERS).values(owner=self._owner, epoch=1))
            present = sa.select(OWNERS.c.epoch).where(OWNERS.c.owner == self._owner)
            self._epoch = int(connection.execute(present).scalar_one())
            # Dialogs without an owner come from a version that had no owners. Ended ones, which may be thousands, need
            # no epoch: nobody moves them.
            unfinished = _is_in(UNFINISHED)
            own = sa.or_(DIALOGS.c.owner == "", sa.and_(self._is_own, unfinished))
            connection.execute(sa.update(DIALOGS).where(own).values(owner=self._owner, epoch=self._epoch))

    def add(self, entry: Entry) -> bool:
        """Store a new dialog; return False if there is one with its trigger.

        Raise `ShuttingDown` if another process has taken over.
        """
        row = {
            "id": entry.id,
            **self._stage_of(entry.dialog),
            "changes": entry.changes,
            "since": entry.dialog.asked.at.timestamp(),
            "trigger": entry.trigger,
            "response_url": entry.response_url,
            "message": entry.message,
            "shown": entry.shown,
            "announced": entry.announced or is_shown_only(entry.dialog),
            "attached": _kinds_text(entry.attached),
            **self._claim,
        }
        with self._transaction() as connection:
            if connection.execute(sa.select(sa.literal(1)).where(self._is_present)).first() is None:
                raise ShuttingDown(
                    "Another process has taken over the work of this bot.", hint="Type the command again in a minute."
                )
            return insert_once(connection, row)

    def has_trigger(self, trigger: str) -> bool:
        """Return whether a dialog with this trigger is stored; always False for an empty one."""
        query = sa.select(sa.literal(1)).where(DIALOGS.c.trigger == trigger, DIALOGS.c.trigger != "")
        with StateAccess(self._url), self._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def try_writing(self) -> None:
        """Store a change of the owner's row on the disk.

        Raise `StateUnwritable` if it cannot be stored, and `ShuttingDown` if another process has taken over.
        """
        is_present = sa.and_(OWNERS.c.owner == self._owner, OWNERS.c.epoch == self._epoch)
        beat = sa.update(OWNERS).where(is_present).values(beats=OWNERS.c.beats + 1)
        with StateAccess(self._url), self._turn, self._engine.connect() as connection, _synced(connection):
            is_stored = connection.execute(beat).rowcount == 1
            connection.commit()
        if self._epoch and not is_stored:
            raise ShuttingDown("Another process has taken over the work of this bot.", hint="End this process.")

    def get(self, dialog: DialogId) -> Entry | None:
        """Return a dialog; None if it is unknown or cannot be read."""
        return next(iter(self._select(DIALOGS.c.id == dialog)), None)

    def move(
        self,
        to: Dialog,
        *,
        after: Iterable[type[Any]],
        now: float,
        deadline: float | None = None,
        role: Role = Role.CLAIM,
    ) -> bool:
        """Store a dialog's next stage if its present one is in `after`; return whether it was.

        `now`, and `deadline` (from which `overdue_entries` returns the dialog), are epoch seconds. A replaced process
        moves nothing.
        """
        is_ours = sa.and_(self._is_own, DIALOGS.c.epoch == self._epoch)
        change = (
            sa.update(DIALOGS)
            .where(DIALOGS.c.id == to.asked.dialog, _is_in(after))
            .where(self._is_present, *([is_ours] if role is Role.OWNER else []))
            .values(**self._stage_of(to), changes=DIALOGS.c.changes + 1, since=now, deadline=deadline)
            .values(**(self._claim if role is Role.CLAIM else {}), **({"announced": True} if is_shown_only(to) else {}))
        )
        with self._transaction() as connection:
            return connection.execute(change).rowcount == 1

    @property
    def _claim(self) -> dict[str, str | int]:
        return {"owner": self._owner, "epoch": self._epoch}

    @property
    def _is_present(self) -> sa.ColumnElement[bool]:
        """Whether no other process has begun a later epoch of this owner; always true before `take_over`."""
        if not self._epoch:
            return sa.true()
        return ~sa.exists().where(OWNERS.c.owner == self._owner, OWNERS.c.epoch > self._epoch)

    def is_replaced(self) -> bool:
        """Return whether another process has taken over: this one must not change the host any more."""
        with StateAccess(self._url), self._engine.connect() as connection:
            return connection.execute(sa.select(sa.literal(1)).where(~self._is_present)).first() is not None

    def overdue_entries(self, now: float) -> tuple[Entry, ...]:
        """Return the dialogs whose deadline is at or before `now`, in epoch seconds."""
        return self._select(DIALOGS.c.deadline <= now)

    def in_stage(self, *stages: type[Any]) -> tuple[Entry, ...]:
        """Return the dialogs in one of these stages, in the order in which they were requested."""
        return self._select(_is_in(stages))

    def ids_at_rest(self, dialogs: Collection[DialogId]) -> tuple[DialogId, ...]:
        """Return which of these dialogs are at rest; read nothing else."""
        is_at_rest = _is_in(AT_REST)
        with StateAccess(self._url), self._engine.connect() as connection:
            rows = connection.execute(sa.select(DIALOGS.c.id).where(DIALOGS.c.id.in_(dialogs), is_at_rest))
            return tuple(DialogId(row[0]) for row in rows)

    def queue(self, stage: type[Any]) -> tuple[DialogId, ...]:
        """Return the ids of the dialogs in this stage, in the order in which they entered it; read nothing else."""
        query = sa.select(DIALOGS.c.id).where(DIALOGS.c.stage == stage.__name__)
        with StateAccess(self._url), self._engine.connect() as connection:
            rows = connection.execute(query.order_by(DIALOGS.c.since, DIALOGS.c.serial))
            return tuple(DialogId(row[0]) for row in rows)

    def unfinished_entries(self) -> tuple[Entry, ...]:
        """Return the owner's dialogs that have not ended."""
        return self.split_unfinished()[0]

    def unreadable_ids(self) -> tuple[DialogId, ...]:
        """Return the ids of the owner's unfinished dialogs that only another version of the program can read."""
        return self.split_unfinished()[1]

    def split_unfinished(self) -> tuple[tuple[Entry, ...], tuple[DialogId, ...]]:
        """Return the unfinished dialogs, and the ids of those that cannot be read, from one query."""
        unfinished = _is_in(UNFINISHED)
        found = [(DialogId(row.id), _entry(row)) for row in self._rows(unfinished, self._is_own)]
        return tuple(entry for _, entry in found if entry), tuple(job for job, entry in found if entry is None)

    @property
    def _is_own(self) -> sa.ColumnElement[bool]:
        return DIALOGS.c.owner == self._owner

    def unshown_entries(self) -> tuple[Entry, ...]:
        """Return the dialogs whose present stage Slack does not show, or whose end was not announced."""
        ended = _is_in(FINAL)
        return self._select(
            self._is_own, sa.or_(DIALOGS.c.shown != DIALOGS.c.changes, sa.and_(ended, ~DIALOGS.c.announced))
        )

    def set_message(self, dialog: DialogId, ts: str | None) -> None:
        """Store the `ts` of the dialog's message in Slack; None if the message is gone."""
        self._set(dialog, message=ts)

    def set_shown(self, dialog: DialogId, changes: int) -> None:
        """Store which stage Slack shows."""
        self._set(dialog, shown=changes)

    def set_announced(self, dialog: DialogId) -> None:
        """Store that the end was announced to the requester."""
        self._set(dialog, announced=True)

    def set_attached(self, dialog: DialogId, kind: str) -> bool:
        """Claim the only upload of this kind of file; return False if it was claimed before.

        Also return False in a process that was replaced.
        """
        while (entry := self.get(dialog)) and kind not in entry.attached:
            before, after = _kinds_text(entry.attached), _kinds_text({*entry.attached, kind})
            change = sa.update(DIALOGS).where(DIALOGS.c.id == dialog, DIALOGS.c.attached == before, self._is_present)
            with self._transaction() as connection:
                # Retry if another kind was claimed concurrently.
                if connection.execute(change.values(attached=after)).rowcount == 1:
                    return True
            if self.is_replaced():
                return False
        return False

    def forget(self, before: float, *, most: int = 1_000) -> int:
        """Delete the owner's dialogs at rest since a time before `before`, in epoch seconds; return how many.

        Also deletes unfinished ones of that age that only another version of the program can read. `most` bounds each
        transaction, so that others need not wait long.
        """
        stuck = self.unreadable_ids()
        unfinished = _is_in(UNFINISHED)
        old = sa.and_(self._is_own, DIALOGS.c.since < before, sa.or_(~unfinished, DIALOGS.c.id.in_(stuck)))
        forgotten = 0
        while True:
            with self._transaction() as connection:
                some = connection.scalars(sa.select(DIALOGS.c.serial).where(old).limit(most)).all()
                connection.execute(sa.delete(DIALOGS).where(DIALOGS.c.serial.in_(some)))
            forgotten += len(some)
            if len(some) < most:
                return forgotten

    def _stage_of(self, dialog: Dialog) -> dict[str, str]:
        stage = type(dialog).__name__
        dumped = _adapter(stage).dump_python(dialog, mode="json")
        kept = {
            key: value if key in _WORD_FOR_WORD else redacted(value, self._redact, keys=False)
            for key, value in dumped.items()
        }
        if "undecided" in dumped:
            kept["undecided"]["proposal"] = dumped["undecided"]["proposal"]
        # A lone surrogate, which the text of an exception may contain, must not keep a dialog from its end.
        return {"stage": stage, "value": json.dumps(kept, ensure_ascii=False).encode(errors="replace").decode()}

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        with StateAccess(self._url), self._turn, self._engine.begin() as connection:
            yield connection

    def _set(self, dialog: DialogId, **values: object) -> None:
        # Not of a replaced process: what Slack shows is its successor's business.
        with self._transaction() as connection:
            connection.execute(sa.update(DIALOGS).where(DIALOGS.c.id == dialog, self._is_present).values(**values))

    def _select(self, *where: sa.ColumnElement[bool]) -> tuple[Entry, ...]:
        return tuple(entry for row in self._rows(*where) if (entry := _entry(row)))

    def _rows(self, *where: sa.ColumnElement[bool]) -> Sequence[sa.Row[Any]]:
        with StateAccess(self._url), self._engine.connect() as connection:
            return connection.execute(sa.select(DIALOGS).where(*where).order_by(DIALOGS.c.serial)).all()


@contextmanager
def _synced(connection: sa.Connection) -> Iterator[None]:
    """Let commits wait until they are on the disk, as PostgreSQL does anyway."""
    if connection.dialect.name != "sqlite":
        yield
        return
    connection.exec_driver_sql("PRAGMA synchronous=FULL")
    try:
        yield
    finally:
        connection.rollback()
        connection.exec_driver_sql("PRAGMA synchronous=NORMAL")


def _is_in(stages: Iterable[type[Any]]) -> sa.ColumnElement[bool]:
    """Return the condition that a dialog is in one of these stages."""
    return DIALOGS.c.stage.in_([stage.__name__ for stage in stages])


@cache
def _adapter(stage: str) -> TypeAdapter[Dialog]:
    # Each takes some milliseconds to make: a start need not wait for all of them.
    return TypeAdapter(_STAGES[stage])


def sqlite_url(path: Path) -> str:
    """Return the URL of a SQLite file; create its folder, which only the bot's user can read."""
    with StateAccess(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return f"sqlite:///{path}"


def _kinds_text(kinds: Iterable[str]) -> str:
    return ",".join(sorted(kinds))


def _entry(row: sa.Row[Any]) -> Entry | None:
    try:
        dialog = _adapter(row.stage).validate_json(row.value)
    except (KeyError, ValidationError) as error:
        # Another version of the program stored it and can continue it; this version continues all others.
        log.warning("dialog_not_understood", job=row.id, stage=row.stage, reason=str(error)[:500])
        return None
    return Entry(
        dialog=dialog,
        trigger=row.trigger,
        response_url=row.response_url,
        changes=row.changes,
        message=row.message,
        shown=row.shown,
        announced=row.announced,
        attached=frozenset(filter(None, row.attached.split(","))),
    )
