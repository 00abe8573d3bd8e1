"""The table of dialogs: what every command has come to, stored before anything is said, moved by compare-and-set.

It is the one truth about a command's state; messages and jobs follow it. A row outlives every restart.
"""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import sqlalchemy as sa
import structlog
from pydantic import TypeAdapter, ValidationError

from bot.dialogs.stages import AT_REST, FINAL, SHOWN_ONLY, Dialog, DialogId
from commands.errors import StateUnwritable

log = structlog.get_logger()

_STAGES: dict[str, TypeAdapter[Dialog]] = {stage.__name__: TypeAdapter(stage) for stage in get_args(Dialog)}
_METADATA = sa.MetaData()
_CONNECTIONS = 40
"""Kept open: each thread that acknowledges, prepares, builds or sends may need one, and opening one takes long."""
_DIALOGS = sa.Table(
    "warroom_dialogs",
    _METADATA,
    # Given out by the database, so that two processes can add at once.
    sa.Column("serial", sa.Integer, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("stage", sa.Text, nullable=False, index=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("changes", sa.Integer, nullable=False),
    sa.Column("since", sa.Float, nullable=False),
    sa.Column("deadline", sa.Float, index=True),
    sa.Column("trigger", sa.Text, nullable=False),
    sa.Column("response_url", sa.Text, nullable=False),
    sa.Column("message", sa.Text),
    sa.Column("shown", sa.Integer, nullable=False),
    sa.Column("announced", sa.Boolean, nullable=False),
    sa.Column("attached", sa.Text, nullable=False),
)
_WORD_FOR_WORD = ("asked", "proposal")
"""What was typed and what was proposed is acted upon as it stands; neither can hold a secret, by its grammar."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One dialog as stored.

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


class Ledger:
    """The table, on SQLite or PostgreSQL. Safe for many threads; raises `StateUnwritable` where it cannot be used.

    `redact` masks secrets in what daemons, indexes and packages said, before it is stored.
    """

    def __init__(self, url: str, redact: Callable[[str], str] = str) -> None:
        self._redact = redact
        self._engine = sa.create_engine(url, pool_size=_CONNECTIONS)
        self._turn: AbstractContextManager[object] = nullcontext()
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _tune_sqlite)
            # One writes at a time anyway. Those who find SQLite's own lock taken sleep up to 100 ms and look again.
            self._turn = threading.Lock()
        with _using(url):
            _METADATA.create_all(self._engine)
        self._url = url

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def add(self, entry: Entry) -> None:
        """Store a new dialog."""
        row = {
            "id": entry.id,
            **self._stage_of(entry.dialog),
            "changes": entry.changes,
            "since": entry.dialog.asked.at.timestamp(),
            "trigger": entry.trigger,
            "response_url": entry.response_url,
            "message": entry.message,
            "shown": entry.shown,
            "announced": entry.announced,
            "attached": _joined(entry.attached),
        }
        with self._writing() as connection:
            connection.execute(sa.insert(_DIALOGS).values(**row))

    def try_writing(self) -> None:
        """Change nothing, but as somebody who writes does; raises `StateUnwritable` where that is refused."""
        nothing = sa.update(_DIALOGS).where(sa.false()).values(stage=_DIALOGS.c.stage)
        with _using(self._url), self._engine.begin() as connection:
            connection.execute(nothing)

    def get(self, dialog: DialogId) -> Entry | None:
        """Look a dialog up."""
        return next(iter(self._select(_DIALOGS.c.id == dialog)), None)

    def move(self, to: Dialog, *, after: Iterable[type[Any]], now: float, deadline: float | None = None) -> bool:
        """Put a dialog into its next stage if it still is in one of those in `after`; say whether it was.

        `now` and `deadline`, when `overdue` names it, are epoch seconds.
        """
        change = (
            sa.update(_DIALOGS)
            .where(_DIALOGS.c.id == to.asked.dialog, _DIALOGS.c.stage.in_([stage.__name__ for stage in after]))
            .values(**self._stage_of(to), changes=_DIALOGS.c.changes + 1, since=now, deadline=deadline)
        )
        with self._writing() as connection:
            return connection.execute(change).rowcount == 1

    def overdue(self, now: float) -> tuple[Entry, ...]:
        """Those whose deadline (epoch seconds) has passed."""
        return self._select(_DIALOGS.c.deadline <= now)

    def in_stage(self, *stages: type[Any]) -> tuple[Entry, ...]:
        """Those in one of these stages, in the order in which they were asked."""
        return self._select(_DIALOGS.c.stage.in_([stage.__name__ for stage in stages]))

    def queue(self, stage: type[Any]) -> tuple[DialogId, ...]:
        """The ids of those in this stage, in the order in which they came into it, without reading them whole."""
        query = sa.select(_DIALOGS.c.id).where(_DIALOGS.c.stage == stage.__name__)
        with _using(self._url), self._engine.connect() as connection:
            rows = connection.execute(query.order_by(_DIALOGS.c.since, _DIALOGS.c.serial))
            return tuple(DialogId(row[0]) for row in rows)

    def unfinished(self) -> tuple[Entry, ...]:
        """Those that go on by themselves, or wait for somebody."""
        return self._select(_DIALOGS.c.stage.not_in([stage.__name__ for stage in AT_REST]))

    def unshown(self) -> tuple[Entry, ...]:
        """Those whose present stage Slack has not got, or whose end was not announced."""
        ended = _DIALOGS.c.stage.in_([stage.__name__ for stage in FINAL if stage not in SHOWN_ONLY])
        return self._select(sa.or_(_DIALOGS.c.shown != _DIALOGS.c.changes, sa.and_(ended, ~_DIALOGS.c.announced)))

    def set_message(self, dialog: DialogId, ts: str | None) -> None:
        """Note under which `ts` Slack has the dialog; None when it is gone."""
        self._set(dialog, message=ts)

    def set_shown(self, dialog: DialogId, changes: int) -> None:
        """Note which stage Slack has got."""
        self._set(dialog, shown=changes)

    def set_announced(self, dialog: DialogId) -> None:
        """Note that the requester was told of the end."""
        self._set(dialog, announced=True)

    def set_attached(self, dialog: DialogId, kind: str) -> bool:
        """Claim the one upload of this kind of file; False when it was claimed before."""
        while (entry := self.get(dialog)) and kind not in entry.attached:
            before, after = _joined(entry.attached), _joined({*entry.attached, kind})
            change = sa.update(_DIALOGS).where(_DIALOGS.c.id == dialog, _DIALOGS.c.attached == before)
            with self._writing() as connection:
                # Where another kind was claimed in between, this one is still to be had.
                if connection.execute(change.values(attached=after)).rowcount == 1:
                    return True
        return False

    def _stage_of(self, dialog: Dialog) -> dict[str, str]:
        stage = type(dialog).__name__
        dumped = _STAGES[stage].dump_python(dialog, mode="json")
        kept = {
            key: value if key in _WORD_FOR_WORD else _redacted(value, self._redact) for key, value in dumped.items()
        }
        # Half a character (the text of an exception may hold one) must not keep a dialog from its end.
        return {"stage": stage, "value": json.dumps(kept, ensure_ascii=False).encode(errors="replace").decode()}

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with _using(self._url), self._turn, self._engine.begin() as connection:
            yield connection

    def _set(self, dialog: DialogId, **values: object) -> None:
        with self._writing() as connection:
            connection.execute(sa.update(_DIALOGS).where(_DIALOGS.c.id == dialog).values(**values))

    def _select(self, where: sa.ColumnElement[bool]) -> tuple[Entry, ...]:
        with _using(self._url), self._engine.connect() as connection:
            rows = connection.execute(sa.select(_DIALOGS).where(where).order_by(_DIALOGS.c.serial))
            return tuple(entry for row in rows if (entry := _entry(row)))


def _redacted(value: Any, redact: Callable[[str], str]) -> Any:  # noqa: ANN401 - any piece of JSON
    match value:
        case str():
            return redact(value)
        case dict():
            return {key: _redacted(inner, redact) for key, inner in value.items()}
        case list():
            return [_redacted(inner, redact) for inner in value]
        case _:
            return value


def sqlite_url(path: Path) -> str:
    """Write the address of a SQLite file; creates its folder, readable by nobody else."""
    with _using(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return f"sqlite:///{path}"


def _joined(kinds: Iterable[str]) -> str:
    return ",".join(sorted(kinds))


def _entry(row: sa.Row[Any]) -> Entry | None:
    try:
        dialog = _STAGES[row.stage].validate_json(row.value)
    except (KeyError, ValidationError) as error:
        # A program of another version stored it; that one can go on with it, and this one with all others.
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


def _tune_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - a driver's own connection has no type
    # WAL: readers do not wait for writers. NORMAL: safe when the process is killed, and no fsync per change.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")


class _using:  # noqa: N801 - reads as a verb in `with _using(url):`
    """Turn a database's refusal into a `StateUnwritable`."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, sa.exc.DBAPIError | OSError):
            reason = str(getattr(error, "orig", None) or error)
            raise StateUnwritable(
                f"The bot cannot use its state: {reason}.",
                hint=f"Make `{_place(self._where)}` writable and free some space, then try again.",
            ) from error


def _place(url: str) -> str:
    return sa.make_url(url).database or url if "://" in url else url
