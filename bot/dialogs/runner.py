"""Durable execution: a started task runs to its end through crashes and restarts. The only user of dbos.

A task is a name and the id of its dialog; each pair runs once. A task reads in the ledger what it has done already,
so it may run again.
"""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
import structlog
from dbos import (
    DBOS,
    DBOSClient,
    DBOSConfig,
    DBOSPortableJSONSerializer,
    SetWorkflowID,
    run_dbos_database_migrations,
)

from bot.dialogs.databases import (
    JOB_CONNECTIONS,
    StateAccess,
    connect_arguments,
    is_postgresql,
    normal_url,
    open_engine,
)
from bot.dialogs.schema import DEFAULT_OWNER

log = structlog.get_logger()

_APPLICATION = "warroom"
_VERSION = "1"
"""The version of the tasks, not of the program: raise it if an older program's tasks must not continue where they are.

Tasks of another version start again from the beginning.
"""
_QUEUE = "builds"
_UNDER_WAY = ("PENDING", "ENQUEUED", "DELAYED")
"""The states of dbos in which a workflow has not ended."""

_STOP_SECONDS = 5.0
"""How long stopping waits for a start that dbos repeats because the database is away."""
_RETRY_SECONDS = 1.0
"""How often the runner asks for a PostgreSQL that is away."""

Task = Callable[[str], None]


class Interrupted(BaseException):
    """Raised by a task if the process ends before the task does; the next process runs the task again.

    Not an `Exception`, so that no caller, dbos included, takes it for the task's result.
    """


@dataclass(frozen=True, slots=True)
class _Start:
    """One request to start a task."""

    task: str
    key: str
    again: bool
    waits: bool


class Runner:
    """Runs tasks: at once, or from a queue of which at most `slots` run together.

    One per process; `tasks` are the functions by name. Only the same `owner` runs a task that it was given. dbos looks
    for new work every `poll_seconds`. While PostgreSQL is away, tasks to start are kept and start when it is back.
    """

    def __init__(
        self,
        *,
        database_url: str,
        slots: int,
        tasks: Mapping[str, Task],
        owner: str = DEFAULT_OWNER,
        poll_seconds: float = 0.1,
        version: str = _VERSION,
    ) -> None:
        self._url = normal_url(database_url) if database_url else ""
        # dbos lets every process of a version take tasks from a queue, and keeps one number of slots for each queue.
        suffix = "" if owner == DEFAULT_OWNER else f"@{owner}"
        self._version, self._queue = version + suffix, _QUEUE + suffix
        self._slots = slots
        self._owner = owner
        self._tasks = dict(tasks)
        self._poll_seconds = poll_seconds
        self._workflows: dict[str, Callable[[str], Any]] = {}
        self._probe = _Probe(self._url)
        self._kept: deque[_Start] = deque()
        self._keeping = threading.Condition()
        self._stopped = threading.Event()
        self._starter = threading.Thread(target=self._start_kept, name="warroom-runner", daemon=True)

    def start(self) -> None:
        """Open the database and run interrupted tasks again; raise `StateUnwritable`."""
        with StateAccess(self._url):
            self._launch()
            self._restart_other_versions()
        if self._probe.is_needed:
            self._starter.start()

    def _launch(self) -> None:
        url = sa.make_url(self._url)
        if url.drivername == "sqlite" and url.database:
            _set_write_ahead_log(url.database)
        # dbos waits for a database that is away, so it is asked for first.
        self._probe.require()
        run_dbos_database_migrations(self._url)
        self._register_queue()
        config: DBOSConfig = {
            "name": _APPLICATION,
            "system_database_url": self._url,
            "application_version": self._version,
            "sys_db_pool_size": JOB_CONNECTIONS,
            "db_engine_kwargs": {"connect_args": connect_arguments(self._url)},
            "executor_id": self._owner,
            "serializer": DBOSPortableJSONSerializer(),
            # dbos polls for messages between workflows. There are none, but stopping waits for the next poll.
            "notification_listener_polling_interval_sec": self._poll_seconds,
            "log_level": "WARNING",
        }
        DBOS(config=config)
        self._workflows = {name: _workflow(name, task) for name, task in self._tasks.items()}
        DBOS.launch()

    def _register_queue(self) -> None:
        # Through a client, before the launch: dbos notices a queue that is registered later only after a second.
        client = DBOSClient(
            system_database_url=self._url,
            serializer=DBOSPortableJSONSerializer(),
            application_name=_APPLICATION,
            system_database_pool_size=1,
        )
        try:
            client.register_queue(self._queue, worker_concurrency=self._slots, polling_interval_sec=self._poll_seconds)
        finally:
            client.destroy()

    def stop(self) -> None:
        """Start no more tasks; do not wait for running tasks, which should raise `Interrupted`."""
        self._stopped.set()
        with self._keeping:
            self._keeping.notify_all()
        if self._starter.is_alive():
            self._starter.join(_STOP_SECONDS)
        DBOS.destroy(destroy_registry=True)
        self._probe.close()

    def run(self, task: str, key: str, *, again: bool = False) -> None:
        """Run a task now; do nothing if it was started for this key before.

        `again` starts a task again if it has ended, but never twice at the same time.
        """
        self._start_or_keep(_Start(task, key, again, waits=False))

    def enqueue(self, task: str, key: str, *, again: bool = False) -> None:
        """Run a task as `run` does, when a slot is free."""
        self._start_or_keep(_Start(task, key, again, waits=True))

    def forget(self, before: datetime, *, most: int = 500) -> int:
        """Delete the records of the owner's tasks that ended before a time; return how many."""
        forgotten = 0
        while True:
            old = DBOS.list_workflows(
                completed_before=before.isoformat(),
                executor_id=self._owner,
                limit=most,
                load_input=False,
                load_output=False,
            )
            DBOS.delete_workflows([status.workflow_id for status in old])
            forgotten += len(old)
            if len(old) < most:
                return forgotten

    def _start_or_keep(self, start: _Start) -> None:
        with self._keeping:
            # In their order: behind those that are kept.
            if self._kept or not self._probe.answers():
                log.warning("task_kept", task=start.task, job=start.key)
                self._kept.append(start)
                self._keeping.notify_all()
                return
        self._start(start)

    def _start(self, start: _Start) -> None:
        if not self._is_new(start):
            return
        with SetWorkflowID(_id(start.task, start.key)):
            if start.waits:
                DBOS.enqueue_workflow(self._queue, self._workflows[start.task], start.key)
            else:
                DBOS.start_workflow(self._workflows[start.task], start.key)

    def _is_new(self, start: _Start) -> bool:
        status = DBOS.get_workflow_status(_id(start.task, start.key))
        if status is None:
            return True
        runs_here = status.status in _UNDER_WAY and status.app_version == self._version
        if not start.again or runs_here:
            return False
        DBOS.delete_workflow(_id(start.task, start.key))
        return True

    # ── While the database is away ──────────────────────────────────────────────────────────────────────────────

    def _start_kept(self) -> None:
        while not self._stopped.is_set():
            with self._keeping:
                self._keeping.wait_for(lambda: self._kept or self._stopped.is_set())
            while not self._probe.answers():
                if self._stopped.wait(_RETRY_SECONDS):
                    return
            self._start_first()

    def _start_first(self) -> None:
        if self._stopped.is_set():
            # The next process starts it from the ledger.
            return
        try:
            self._start(self._kept[0])
        except Exception:
            log.exception("task_not_started", task=self._kept[0].task, job=self._kept[0].key)
        with self._keeping:
            self._kept.popleft()

    # ── Other versions ──────────────────────────────────────────────────────────────────────────────────────────

    def _restart_other_versions(self) -> None:
        """Start the tasks of other versions again, which dbos would leave as they are for ever."""
        for status in DBOS.list_workflows(status=list(_UNDER_WAY), executor_id=self._owner, load_output=False):
            if status.app_version == self._version:
                continue
            task, key = status.name, status.workflow_id.removeprefix(f"{status.name}-")
            log.warning("task_of_another_version_found", task=task, job=key, version=status.app_version)
            if status.queue_name in {self._queue, _QUEUE} or task not in self._workflows:
                # Queued tasks belong to unfinished dialogs, which start them again in the order of the ledger.
                DBOS.delete_workflow(status.workflow_id)
            else:
                self._start(_Start(task, key, again=True, waits=False))


class _Probe:
    """Asks whether the database answers, within a time limit; a file always does."""

    def __init__(self, url: str) -> None:
        self.is_needed = bool(url) and is_postgresql(url)
        self._engine = open_engine(url, connections=1) if self.is_needed else None

    def require(self) -> None:
        """Raise an error of the database if it does not answer."""
        if self._engine is not None:
            with self._engine.connect() as connection:
                connection.execute(sa.select(1))

    def answers(self) -> bool:
        """Return whether it answers."""
        try:
            self.require()
        except sa.exc.SQLAlchemyError:
            return False
        return True

    def close(self) -> None:
        """Close the connection."""
        if self._engine is not None:
            self._engine.dispose()


def _id(task: str, key: str) -> str:
    return f"{task}-{key}"


def _workflow(name: str, task: Task) -> Callable[[str], Any]:
    # The try is inside the workflow: a task reports its own failures to people, so an exception that arrives
    # here is a defect; it is logged, and the workflow ends instead of running forever.
    def run(key: str) -> None:
        with structlog.contextvars.bound_contextvars(job=key):
            try:
                task(key)
            except Exception:
                log.exception("task_failed", task=name)

    run.__qualname__ = run.__name__ = name
    return DBOS.workflow(name=name)(run)


def _set_write_ahead_log(path: str) -> None:
    # A property of the file, which dbos does not change; without it every reader blocks the writer.
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
