"""Carries a job through an absence of the Docker daemon: it waits, says so, and starts over once the daemon is back."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeVar

import structlog

from bot.dialogs.interface import JobLog, Timeouts, Work
from bot.dialogs.runs import Run, Runs
from bot.dialogs.stages import DialogId
from commands.cancellation import Cancellation
from commands.carry_out.guard import raise_if_stopped
from commands.errors import BuildStopped, EngineUnavailable, Problem

log = structlog.get_logger()

T = TypeVar("T")

_TRIES = 2
"""How often work is tried that loses the daemon on its way, or that the daemon refuses although it answers."""
_LOOK_SECONDS = 0.1
"""How often a waiting thread checks whether it should stop."""


class EngineWaits:
    """The waits of one process for its daemon."""

    def __init__(self, runs: Runs, work: Work, job_log: JobLog, timeouts: Timeouts) -> None:
        self._runs = runs
        self._work = work
        self._log = job_log
        self._timeouts = timeouts

    def carry_through(self, run: Run, act: Callable[[], T]) -> T:
        """Call `act`, again after each absence of the daemon; work that had begun is tried once more.

        Raise `EngineUnavailable` if that fails, too, or the absence is too long, and `BuildStopped` if the run is
        cancelled meanwhile.
        """
        tries = 0
        while True:
            try:
                return act()
            except (EngineUnavailable, BuildStopped) as error:
                if isinstance(error, BuildStopped):
                    self._unless_requested(run, error)
                absent = self._wait(run, error)
                tries += run.has_begun or not absent
                if tries >= _TRIES:
                    raise
                self._log.write(run.job, "[the Docker daemon was away: the job starts over]")
                log.info("job_starts_over", job=run.job, reason=error.message)
                self._runs.start_over(run)

    def _unless_requested(self, run: Run, stopped: BuildStopped) -> None:
        if run.cancellation.reason is not None:
            raise stopped
        # A daemon that shuts down cancels its builds first, and may answer for some seconds more.
        _pause(run.cancellation, self._timeouts.retry_seconds)

    def _wait(self, run: Run, error: Problem) -> bool:
        """Wait until the daemon answers; return whether it was away. Raise the error if that takes too long."""
        until, absent = monotonic() + self._timeouts.engine_wait_seconds, False
        while not self._answers(run.job):
            if not absent:
                log.warning("engine_away", job=run.job, reason=error.message)
                self._runs.wait_for_engine(run, error.message)
            absent = True
            if monotonic() >= until:
                raise error
            _pause(run.cancellation, self._timeouts.retry_seconds)
        return absent

    def _answers(self, job: DialogId) -> bool:
        try:
            # Also removes what the job has left there, which a daemon that was killed did not.
            self._work.clean(job)
        except EngineUnavailable:
            return False
        return True


def _pause(cancellation: Cancellation, seconds: float) -> None:
    end = monotonic() + seconds
    while (left := end - monotonic()) > 0:
        raise_if_stopped(cancellation)
        sleep(min(left, _LOOK_SECONDS))
    raise_if_stopped(cancellation)
