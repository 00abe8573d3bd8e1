"""Starts the durable task of a stage; a press does not wait until the job database is written."""

import contextlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import structlog

from bot.dialogs.runner import Runner
from bot.dialogs.stages import Dialog, DialogId, Screen
from bot.dialogs.supervision import Supervisor
from bot.dialogs.transitions import Task, task_of, troubled_stage
from commands.errors import StateUnwritable

log = structlog.get_logger()

RunnerFactory = Callable[[Mapping[str, Callable[[str], None]]], Runner]
"""Makes the runner of tasks, given by name."""


class Starter:
    """Starts tasks in the runner, which `bind` makes."""

    def __init__(self, make_runner: RunnerFactory, supervisor: Supervisor, screen: Screen) -> None:
        self._make_runner = make_runner
        self._supervisor = supervisor
        self._screen = screen
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="warroom-starter")

    def bind(self, tasks: Mapping[str, Callable[[DialogId], None]]) -> None:
        """Make the runner of these tasks, by name."""
        self._runner = self._make_runner({name: self._supervisor.supervise(name, task) for name, task in tasks.items()})

    def open(self) -> None:
        """Start the runner, which continues interrupted tasks; raise `StateUnwritable`."""
        self._runner.start()

    def finish(self) -> None:
        """Start the tasks requested until now, and no later ones."""
        self._threads.shutdown()

    def close(self) -> None:
        """Stop the runner."""
        self._runner.stop()

    def forget(self, before: datetime) -> int:
        """Delete the records of tasks that ended before a time; return how many."""
        return self._runner.forget(before)

    def start(self, dialog: Dialog, *, again: bool = False) -> None:
        """Start the task of this stage, if it has one; `again` repeats one that has ended."""
        task = task_of(dialog)
        if task is not None:
            self._run(task, again=again)

    def clean(self, key: str) -> None:
        """Start the removal of the leftovers of this key's job from the daemon."""
        # A separate task: it waits while the daemon is away, and must not hold a build slot meanwhile.
        self._run(Task("clean", key), again=False)

    def start_soon(self, dialog: Dialog) -> None:
        """Start the task of this stage in the background."""
        # A closing bot starts nothing more: the next process starts the tasks of the ledger.
        with contextlib.suppress(RuntimeError):
            self._threads.submit(self._start_or_fail, dialog)

    def _run(self, task: Task, *, again: bool) -> None:
        run = self._runner.enqueue if task.waits else self._runner.run
        run(task.name, task.key, again=again)

    def _start_or_fail(self, dialog: Dialog) -> None:
        try:
            self.start(dialog)
        except Exception as error:  # noqa: BLE001 - the thread's boundary: whatever it is, the person is told
            if self._supervisor.closing.is_set():
                # The runner is gone, not the task: the next process starts it from the ledger.
                log.info("task_left_to_the_next", job=dialog.asked.dialog)
                return
            try:
                self._supervisor.fail(dialog.asked.dialog, error)
            except StateUnwritable as unwritable:
                # The next process starts it.
                log.exception("task_not_started", job=dialog.asked.dialog)
                self._screen.show(troubled_stage(dialog, unwritable) or dialog)
