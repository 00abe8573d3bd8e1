"""The jobs that run in this process: how each is shown and cancelled."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from bot.dialogs.progress import Progress, progress_after
from bot.dialogs.stages import DialogId, Running, Screen
from commands.cancellation import Cancellation, CancelReason
from commands.model.events import Event, StepStarted


class Run:
    """A job that runs in this process, and its stage to be shown now."""

    def __init__(self, dialog: Running) -> None:
        self.cancellation = Cancellation()
        self.dialog = dialog
        self.has_begun = False
        """Whether a step has started since the run last started over."""

    @property
    def job(self) -> DialogId:
        """The id of its dialog."""
        return self.dialog.asked.dialog


class Runs:
    """All runs of this process. A removed run is no longer shown as running."""

    def __init__(self, screen: Screen, now: Callable[[], datetime]) -> None:
        self._screen = screen
        self._now = now
        # Also held while a run is shown.
        self._lock = threading.Lock()
        self._runs: dict[DialogId, Run] = {}
        self._is_shutting_down = False

    @property
    def jobs(self) -> tuple[DialogId, ...]:
        """The ids of all running jobs."""
        with self._lock:
            return tuple(self._runs)

    def add(self, running: Running) -> Run:
        """Begin a run; cancel it at once if a stop was requested before."""
        run = Run(running)
        with self._lock:
            self._runs[run.job] = run
            if running.stopping_by:
                run.cancellation.request(CancelReason.STOPPED)
            if self._is_shutting_down:
                run.cancellation.request(CancelReason.SHUTDOWN)
        return run

    def remove(self, run: Run) -> None:
        """End a run."""
        with self._lock:
            del self._runs[run.job]

    def record(self, run: Run, event: Event) -> None:
        """Fold an event into the progress of a run, and show it."""
        with self._lock:
            run.has_begun = run.has_begun or isinstance(event, StepStarted)
            self._show(run, replace(run.dialog, progress=progress_after(run.dialog.progress, event, self._now())))

    def wait_for_engine(self, run: Run, reason: str) -> None:
        """Show that a run waits for the Docker daemon, and why."""
        with self._lock:
            self._show(run, replace(run.dialog, waits=reason))

    def start_over(self, run: Run) -> None:
        """Forget how far a run is; its time goes on."""
        with self._lock:
            run.has_begun = False
            self._show(run, replace(run.dialog, progress=Progress(run.dialog.progress.started), waits=""))

    def stop(self, job: DialogId, user: str) -> None:
        """Cancel a run on request of `user` and show that; do nothing if the job does not run here."""
        with self._lock:
            run = self._runs.get(job)
            if run is not None and run.dialog.stopping_by is None:
                run.cancellation.request(CancelReason.STOPPED)
                self._show(run, replace(run.dialog, stopping_by=user))

    def shut_down(self) -> None:
        """Cancel all runs, including those added later; the next process continues them."""
        with self._lock:
            self._is_shutting_down = True
            for run in self._runs.values():
                run.cancellation.request(CancelReason.SHUTDOWN)

    def show(self) -> None:
        """Show all runs again with their elapsed time."""
        with self._lock:
            for run in self._runs.values():
                self._screen.show(run.dialog)

    def _show(self, run: Run, dialog: Running) -> None:
        run.dialog = dialog
        self._screen.show(dialog)
