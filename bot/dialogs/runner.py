"""Durable execution: a started task runs to its end through crashes and restarts. The only user of dbos.

A task is a name and the id of its dialog; each pair runs once. A task reads in the ledger what it has done already,
so it may run again.
"""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
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

from bot.dialogs.schema import DEFAULT_OWNER
from commands.errors import StateUnwritable

log = structlog.get_logger()

_APPLICATION = "warroom"
_VERSION = "1"
"""The version of the tasks, not of the program: raise it if tasks begun by an older program must not continue."""
_QUEUE = "builds"
_UNDER_WAY = ("PENDING", "ENQUEUED", "DELAYED")
"""The states of dbos in which a workflow has not ended."""

Task = Callable[[str], None]


class Interrupted(BaseException):
    """Raised by a task if the process ends before the task does; the next process runs the task again.

    Not an `Exception`, so that no caller, dbos included, takes it for the task's result.
    """


class Runner:
    """Runs tasks: at once, or from a queue of which at most `slots` run together.

    One per process; `tasks` are the functions by name. Only the same `owner` runs interrupted tasks again. dbos looks
    for new work every `poll_seconds`.
    """

    def __init__(
        self,
        *,
        database_url: str,
        slots: int,
        tasks: Mapping[str, Task],
        owner: str = DEFAULT_OWNER,
        poll_seconds: float = 0.1,
    ) -> None:
        self._url = database_url
        self._slots = slots
        self._owner = owner
        self._tasks = dict(tasks)
        self._poll_seconds = poll_seconds
        self._workflows: dict[str, Callable[[str], Any]] = {}

    def start(self) -> None:
        """Open the database and run interrupted tasks again; raise `StateUnwritable`."""
        try:
            self._launch()
        except (sa.exc.DBAPIError, sqlite3.Error, OSError) as error:
            raise StateUnwritable(
                f"The job database cannot be written: {getattr(error, 'orig', None) or error}.",
                hint="Make the state folder writable and free some space, or set `WARROOM_STATE_DIR`.",
            ) from error

    def _launch(self) -> None:
        url = sa.make_url(self._url)
        if url.drivername == "sqlite" and url.database:
            _set_write_ahead_log(url.database)
        run_dbos_database_migrations(self._url)
        self._register_queue()
        config: DBOSConfig = {
            "name": _APPLICATION,
            "system_database_url": self._url,
            "application_version": _VERSION,
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
            system_database_url=self._url, serializer=DBOSPortableJSONSerializer(), application_name=_APPLICATION
        )
        try:
            client.register_queue(_QUEUE, worker_concurrency=self._slots, polling_interval_sec=self._poll_seconds)
        finally:
            client.destroy()

    def stop(self) -> None:
        """Start no more tasks; do not wait for running tasks, which should raise `Interrupted`."""
        DBOS.destroy(destroy_registry=True)

    def run(self, task: str, key: str, *, again: bool = False) -> None:
        """Run a task now; do nothing if it was started for this key before.

        `again` starts a task again if it has ended, but never twice at the same time.
        """
        if self._is_new(task, key, again=again):
            with SetWorkflowID(_id(task, key)):
                DBOS.start_workflow(self._workflows[task], key)

    def enqueue(self, task: str, key: str, *, again: bool = False) -> None:
        """Run a task as `run` does, when a slot is free."""
        if self._is_new(task, key, again=again):
            with SetWorkflowID(_id(task, key)):
                DBOS.enqueue_workflow(_QUEUE, self._workflows[task], key)

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

    def _is_new(self, task: str, key: str, *, again: bool) -> bool:
        status = DBOS.get_workflow_status(_id(task, key))
        if status is None:
            return True
        if not again or status.status in _UNDER_WAY:
            return False
        DBOS.delete_workflow(_id(task, key))
        return True


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
