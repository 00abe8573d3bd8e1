"""How far a job is, folded from the events of its run."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from commands.model.events import (
    Event,
    ImageBuilt,
    LogLine,
    PullAdvanced,
    StepDone,
    StepFailed,
    StepNoted,
    StepsPlanned,
    StepStarted,
)


class StepState(StrEnum):
    """Where one step stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CACHED = "cached"
    FAILED = "failed"


_SMOOTHING = 0.3
"""How much the newest measurement of a rate counts; the rest is what it was before."""
_MEASURED_SECONDS = 0.5
"""Rates are measured over at least so long: shorter ones jump."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """How far a download is: layers complete of those known, bytes of those sized, and how fast, in bytes a second.

    `rate` is None before it was measured; it was at `measured`, when `measured_bytes` were there. `all_sized` says that
    `bytes` is the whole.
    """

    layers_done: int
    layers: int
    bytes_done: int
    bytes: int
    all_sized: bool
    measured: datetime
    measured_bytes: int
    rate: float | None = None

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at this rate; None where nobody can tell."""
        if not self.all_sized or not self.rate:
            return None
        return max(0, self.bytes - self.bytes_done) / self.rate


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a job. `seconds` is set once it ended, `started` once it began.

    `note` is what it is doing right now, `transfer` how far its download is.
    """

    title: str
    state: StepState = StepState.WAITING
    started: datetime | None = None
    seconds: float | None = None
    note: str = ""
    transfer: Transfer | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """All steps of a job and the last line of its log, as it came; empty until the steps are planned."""

    started: datetime
    steps: tuple[Step, ...] = ()
    last_line: str = ""


def after(progress: Progress, event: Event, now: datetime) -> Progress:  # noqa: PLR0911 - one line for each kind
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
        case StepNoted(number, note):
            return _changed(progress, number, lambda step: replace(step, note=note))
        case PullAdvanced(number):
            return _changed(progress, number, lambda step: replace(step, transfer=_advanced(step.transfer, event, now)))
        case ImageBuilt():
            return progress
        case _:
            assert_never(event)


def _with_step(
    progress: Progress, number: int, state: StepState, *, started: datetime | None = None, seconds: float | None = None
) -> Progress:
    def changed(old: Step) -> Step:
        return replace(old, state=state, started=started or old.started, seconds=seconds, note="")

    return _changed(progress, number, changed)


def _changed(progress: Progress, number: int, change: Callable[[Step], Step]) -> Progress:
    """Change step `number`; the first is 1."""
    if not 1 <= number <= len(progress.steps):
        return progress
    new = change(progress.steps[number - 1])
    return replace(progress, steps=(*progress.steps[: number - 1], new, *progress.steps[number:]))


def _advanced(before: Transfer | None, event: PullAdvanced, now: datetime) -> Transfer:
    counts = (event.layers_done, event.layers, event.bytes_done, event.bytes, event.all_sized)
    if before is None:
        return Transfer(*counts, measured=now, measured_bytes=event.bytes_done)
    seconds = (now - before.measured).total_seconds()
    if seconds < _MEASURED_SECONDS:
        return Transfer(*counts, before.measured, before.measured_bytes, before.rate)
    newest = max(0, event.bytes_done - before.measured_bytes) / seconds
    rate = newest if before.rate is None else _SMOOTHING * newest + (1 - _SMOOTHING) * before.rate
    return Transfer(*counts, now, event.bytes_done, rate)
