"""Supervises tasks: counts them, retries while the state or the daemon is away, and reports defects to people."""

import contextlib
import threading
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import TypeVar

import structlog

from bot.dialogs.interface import Timeouts
from bot.dialogs.moving import Mover
from bot.dialogs.runner import Interrupted
from bot.dialogs.stages import DialogId, Screen
from bot.dialogs.transitions import failed_stage, job_of, troubled_stage
from commands.errors import EngineUnavailable, StateUnwritable

log = structlog.get_logger()

T = TypeVar("T")


class Supervisor:
    """Supervises the tasks of one process, until it closes."""

    def __init__(self, mover: Mover, screen: Screen, timeouts: Timeouts) -> None:
        self._mover = mover
        self._screen = screen
        self._timeouts = timeouts
        self._idle = threading.Condition()
        self._busy: set[tuple[str, str]] = set()
        self.closing = threading.Event()

    def close(self) -> None:
        """Let no further task begin."""
        with self._idle:
            self.closing.set()

    def wait_until_idle(self, seconds: float) -> tuple[tuple[str, str], ...]:
        """Wait at most `seconds` until no task is under way; return those that still are, by name and key."""
        with self._idle:
            self._idle.wait_for(lambda: not self._busy, timeout=seconds)
            return tuple(sorted(self._busy))

    def raise_if_closing(self) -> None:
        """Raise `Interrupted` if the bot is closing."""
        if self.closing.is_set():
            raise Interrupted

    def supervise(self, name: str, task: Callable[[DialogId], None]) -> Callable[[str], None]:
        """Return the task wrapped: it counts as under way, and an error ends its dialog."""

        def run(key: str) -> None:
            job = job_of(key)
            with self._idle:
                # Under the lock, so that a task either sees `closing` or counts as under way.
                self.raise_if_closing()
                self._busy.add((name, key))
            try:
                self.until_written(job, lambda: task(job))
            except Exception as error:  # noqa: BLE001 - the thread's boundary: whatever it is, the person is told
                self.fail(job, error)
            finally:
                with self._idle:
                    self._busy.discard((name, key))
                    self._idle.notify_all()

        return run

    def until_written(self, job: DialogId, act: Callable[[], T]) -> T:
        """Call `act`; while the ledger cannot be written, tell the person and retry."""
        told = False
        while True:
            try:
                done = act()
                if told:
                    self._show_stored(job)
            except StateUnwritable as error:
                if not told:
                    log.warning("state_not_written", job=job, reason=error.message)
                # Each time, because what was retried may have shown its progress.
                self._show_trouble(job, error)
                told = True
                if self.closing.wait(self._timeouts.retry_seconds):
                    raise Interrupted from error
            else:
                return done

    def until_the_engine_answers(
        self, act: Callable[[], T], *, waits: Callable[[], None] = lambda: None, seconds: float = inf
    ) -> T:
        """Call `act`; while the Docker daemon is away, call `waits` once and retry for at most `seconds`."""
        until, waited = monotonic() + seconds, False
        while True:
            try:
                return act()
            except EngineUnavailable as error:
                if monotonic() >= until:
                    raise
                if not waited:
                    waits()
                waited = True
                if self.closing.wait(self._timeouts.retry_seconds):
                    raise Interrupted from error

    def fail(self, job: DialogId, error: Exception) -> None:
        """End a dialog whose task raised an uncaught error."""
        dialog = self._mover.dialog(job)
        if dialog is None or not self._mover.move(failed_stage(dialog.asked, error)):
            log.error("task_failed", job=job, exc_info=error)

    def _show_trouble(self, job: DialogId, error: StateUnwritable) -> None:
        # Not stored, and no end: once the ledger can be written, the dialog continues and replaces this.
        with contextlib.suppress(StateUnwritable), self._mover.order:
            dialog = self._mover.dialog(job)
            troubled = troubled_stage(dialog, error) if dialog is not None else None
            if troubled is not None:
                self._screen.show(troubled)

    def _show_stored(self, job: DialogId) -> None:
        # The stage may have been stored in spite of an error, so that nothing else replaces the trouble.
        with contextlib.suppress(StateUnwritable), self._mover.order:
            dialog = self._mover.dialog(job)
            if dialog is not None:
                self._screen.show(dialog)
