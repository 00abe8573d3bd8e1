"""Guards work: reports its steps, and ends it after a cancellation or a timeout."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from time import monotonic

import structlog

from commands.cancellation import Cancellation, CancelReason
from commands.carry_out.dependencies import JobContext
from commands.engine.interface import Engine
from commands.errors import BuildStopped, Problem
from commands.model.events import Event, LogLine, StepDone, StepFailed, StepStarted
from commands.recipe.labels import JOB

log = structlog.get_logger()

_CANCEL_SECONDS = 0.1
"""The interval between cancellations of a build until it ends: the daemon may not know the build yet."""


@contextmanager
def step(number: int, emit: Callable[[Event], None]) -> Iterator[None]:
    """Emit the start and the end of a step; a problem becomes the last lines of its log."""
    started = monotonic()
    emit(StepStarted(number))
    try:
        yield
    except Problem as problem:
        for line in (problem.message, *problem.details):
            emit(LogLine(number, line))
        emit(StepFailed(number, monotonic() - started))
        raise
    emit(StepDone(number, monotonic() - started))


class PartCancellation(Cancellation):
    """The cancellation of one part of a job: requested with that of the job, or if the part takes too long."""

    def __init__(self, whole: Cancellation) -> None:
        super().__init__()
        self._whole = whole

    @property
    def reason(self) -> CancelReason | None:
        """The reason for the cancellation; None if none was requested."""
        return self._whole.reason or self._reason


@contextmanager
def build_guard(engine: Engine, job_context: JobContext, cancellation: Cancellation, seconds: float) -> Iterator[None]:
    """Watch the time and the cancellation in a thread; cancel the build and remove its containers until it ends."""

    def end() -> None:
        engine.cancel_build(job_context.build_id)
        engine.sweep(JOB, job_context.job)

    with ending_guard(cancellation, end, job=job_context.job, seconds=seconds):
        yield


@contextmanager
def ending_guard(
    cancellation: Cancellation, end: Callable[[], object], *, job: str, seconds: float = inf
) -> Iterator[None]:
    """After a cancellation or `seconds`, call `end` in a thread again and again until the work has ended."""
    over = threading.Event()

    def watch() -> None:
        if not _wait_for(cancellation, over, seconds):
            return
        while not over.wait(_CANCEL_SECONDS):
            try:
                end()
            except Problem as problem:
                log.warning("cancellation_not_delivered", job=job, reason=problem.message)

    watcher = threading.Thread(target=watch, name="warroom-guard", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _wait_for(cancellation: Cancellation, over: threading.Event, seconds: float) -> bool:
    end = monotonic() + seconds
    # Not cancellation.wait: a finished build would wait for the guard.
    while not over.wait(_CANCEL_SECONDS):
        if monotonic() >= end:
            cancellation.request(CancelReason.TOO_LONG)
        if cancellation.reason is not None:
            return True
    return False


def raise_if_stopped(cancellation: Cancellation) -> None:
    """Raise `BuildStopped` after a cancellation."""
    if cancellation.reason is not None:
        raise BuildStopped("The build was stopped.", hint="Type the command again to start over.")
