"""Durable execution: a task that was started runs to its end, through crashes and restarts. The only user of dbos.

A task is a name and the id of the dialog it is for; the same pair runs once. What a task has done already it learns
from the ledger, so it may simply be run again.
"""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
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
"""Of what a task is, not of the program: raised when work begun by an older program must not be continued."""
_QUEUE = "builds"
_UNDER_WAY = ("PENDING", "ENQUEUED", "DELAYED")
"""The states of dbos that lead to others."""

Task = Callable[[str], None]


class Interrupted(BaseException):
    """Raised by a task when the process ends before the task: it will be run again by the next process.

    Not an `Exception`, so that nothing on the way, dbos included, takes it for the task's result.
    """


class Runner:
    """Runs tasks: at once, or from a queue of which at most `slots` run together.

    One per process; `tasks` are the functions by name. What was interrupted is run again by the same
    `owner` only. dbos looks for new work every `poll_seconds`.
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
        """Open the database, and run again what was interrupted; raises `StateUnwritable`."""
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
            # It looks for messages between workflows. There are none, but stopping waits for the next look.
            "notification_listener_polling_interval_sec": self._poll_seconds,
            "log_level": "WARNING",
        }
        DBOS(config=config)
        self._workflows = {name: _workflow(name, task) for name, task in self._tasks.items()}
        DBOS.launch()

    def _register_queue(self) -> None:
        # Before the launch, and so by a client: a queue that dbos does not know then is noticed a second later.
        client = DBOSClient(
            system_database_url=self._url, serializer=DBOSPortableJSONSerializer(), application_name=_APPLICATION
        )
        try:
            client.register_queue(_QUEUE, worker_concurrency=self._slots, polling_interval_sec=self._poll_seconds)
        finally:
            client.destroy()

    def stop(self) -> None:
        """Take no more work; does not wait for running tasks, which should raise `Interrupted`."""
        DBOS.destroy(destroy_registry=True)

    def run(self, task: str, key: str, *, again: bool = False) -> None:
        """Run it now; does nothing when this task of this key was started before.

        `again` starts it once more when it has ended, but never beside itself.
        """
        if self._is_new(task, key, again=again):
            with SetWorkflowID(_id(task, key)):
                DBOS.start_workflow(self._workflows[task], key)

    def enqueue(self, task: str, key: str, *, again: bool = False) -> None:
        """Run it when a slot is free; otherwise as `run`."""
        if self._is_new(task, key, again=again):
            with SetWorkflowID(_id(task, key)):
                DBOS.enqueue_workflow(_QUEUE, self._workflows[task], key)

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
    # The try stands inside the workflow: a task tells people of its own failures, so an exception that
    # arrives here is a defect; it is logged, and the workflow ends instead of being run for ever.
    def run(key: str) -> None:
        with structlog.contextvars.bound_contextvars(job=key):
            try:
                task(key)
            except Exception:
                log.exception("task_failed", task=name)

    run.__qualname__ = run.__name__ = name
    return DBOS.workflow(name=name)(run)


def _set_write_ahead_log(path: str) -> None:
    # It is a property of the file; dbos leaves it as it finds it, and without it every reader blocks the writer.
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
