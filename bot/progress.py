"""How far a job is, folded from the events of its run."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from commands.model.events import Event, ImageBuilt, LogLine, StepDone, StepFailed, StepsPlanned, StepStarted


class StepState(StrEnum):
    """Where one step stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CACHED = "cached"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a job. `seconds` is set once it ended, `started` once it began."""

    title: str
    state: StepState = StepState.WAITING
    started: datetime | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """All steps of a job and the last line of its log, as it came; empty until the steps are planned."""

    started: datetime
    steps: tuple[Step, ...] = ()
    last_line: str = ""


def after(progress: Progress, event: Event, now: datetime) -> Progress:
    """Say how far the job is once `event` has happened at `now`; steps that were never planned are ignored."""
    match event:
        case StepsPlanned(titles):
            return replace(progress, steps=tuple(Step(title) for title in titles))
        case StepStarted(number):
            return _with_step(progress, number, StepState.RUNNING, started=now)
        case StepDone(number, seconds, cached):
            return _with_step(progress, number, StepState.CACHED if cached else StepState.DONE, seconds=seconds)
        case StepFailed(number, seconds):
            return _with_step(progress, number, StepState.FAILED, seconds=seconds)
        case LogLine(_, text):
            # A blank line tells a reader nothing: what was there stays.
            return replace(progress, last_line=text) if text.strip() else progress
        case ImageBuilt():
            return progress
        case _:
            assert_never(event)


def _with_step(
    progress: Progress, number: int, state: StepState, *, started: datetime | None = None, seconds: float | None = None
) -> Progress:
    """Replace step `number`; the first is 1."""
    if not 1 <= number <= len(progress.steps):
        return progress
    old = progress.steps[number - 1]
    new = Step(old.title, state, started or old.started, seconds)
    return replace(progress, steps=(*progress.steps[: number - 1], new, *progress.steps[number:]))
