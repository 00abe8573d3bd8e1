"""How far a job is, folded from the events of its run."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from commands.model.events import (
    PLANNED,
    Event,
    ImageBuilt,
    LogLine,
    PullAdvanced,
    StepDone,
    StepFailed,
    StepKey,
    StepNoted,
    StepsPlanned,
    StepStarted,
)


class StepState(StrEnum):
    """The state of one step."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CACHED = "cached"
    FAILED = "failed"
    STOPPED = "stopped"
    """The failure of another step ended it."""


_SMOOTHING = 0.3
"""The weight of the newest measurement of a rate; the rest is the weight of the rate before."""
_MEASURED_SECONDS = 0.5
"""The shortest time over which a rate is measured: over less it jumps."""
_STEADY_SECONDS = 3.0
"""How long a rate stays as measured while nothing arrives: a daemon may report that seldom."""
_STALLED_SECONDS = 10.0
"""After how long without an arrival a download counts as stalled."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """How far a download is: complete layers of the known ones, bytes of the known sizes, and bytes per second.

    `rate` is None before the first measurement. The last one was at `measured`, with `measured_bytes` done by then.
    `all_sized` says that `bytes` is the total. `advanced` is when the counts last grew; None means `measured`.
    """

    layers_done: int
    layers: int
    bytes_done: int
    bytes: int
    all_sized: bool
    measured: datetime
    measured_bytes: int
    rate: float | None = None
    advanced: datetime | None = None

    def rate_at(self, now: datetime) -> float | None:
        """Return the rate at `now`, which sinks while nothing arrives; None if unknown, stalled, or all is there."""
        if self.rate is None or self._is_complete or self.stalled_seconds(now) is not None:
            return None
        return self.rate * min(1.0, _STEADY_SECONDS / max(self._idle_seconds(now), _STEADY_SECONDS))

    def seconds_left(self, now: datetime) -> float | None:
        """Return how long the rest takes at the present rate; None if unknown."""
        if not self.all_sized or not self.rate:
            return None
        rate = self.rate_at(now)
        rest = max(0, self.bytes - self.bytes_done)
        return rest / rate if rate else None if rest else 0.0

    def stalled_seconds(self, now: datetime) -> float | None:
        """Return for how long nothing has arrived; None if something arrives, or nothing is missing."""
        idle = self._idle_seconds(now)
        return idle if idle >= _STALLED_SECONDS and not self._is_complete else None

    @property
    def _is_complete(self) -> bool:
        return self.all_sized and self.bytes_done >= self.bytes

    def _idle_seconds(self, now: datetime) -> float:
        return (now - (self.advanced or self.measured)).total_seconds()


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a job. `started` is set when it begins, `seconds` when it ends.

    `note` says what it is doing now, `transfer` how far its download is. `number` counts from 1 in its `stage`; 0 means
    its place among the planned steps.
    """

    title: str
    state: StepState = StepState.WAITING
    started: datetime | None = None
    seconds: float | None = None
    note: str = ""
    transfer: Transfer | None = None
    stage: str = PLANNED
    number: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """All steps of a job and the last line of its log; empty until the steps are planned."""

    started: datetime
    steps: tuple[Step, ...] = ()
    last_line: str = ""


def progress_after(progress: Progress, event: Event, now: datetime) -> Progress:  # noqa: PLR0911 - one line for each kind
    """Return the progress after `event` happened at `now`.

    A step of another stage than the planned one is added when it starts; every other unknown step is ignored.
    """
    match event:
        case StepsPlanned(titles):
            return replace(progress, steps=tuple(Step(title) for title in titles))
        case StepStarted(key=key, title=title):
            return _with_step(_with_place_for(progress, key, title), key, StepState.RUNNING, started=now)
        case StepDone(key=key, seconds=seconds, cached=cached):
            return _with_step(progress, key, StepState.CACHED if cached else StepState.DONE, seconds=seconds)
        case StepFailed(key=key, seconds=seconds, interrupted=interrupted):
            return _with_step(progress, key, StepState.STOPPED if interrupted else StepState.FAILED, seconds=seconds)
        case LogLine(text=text):
            # A blank line tells a reader nothing, so the earlier line stays.
            return replace(progress, last_line=text) if text.strip() else progress
        case StepNoted(key=key, note=note):
            return _with_changed_step(progress, key, lambda step: replace(step, note=note))
        case PullAdvanced(key=key):
            return _with_changed_step(
                progress, key, lambda step: replace(step, transfer=_next_transfer(step.transfer, event, now))
            )
        case ImageBuilt():
            return progress
        case _:
            assert_never(event)


def _with_step(
    progress: Progress, key: StepKey, state: StepState, *, started: datetime | None = None, seconds: float | None = None
) -> Progress:
    def change(old: Step) -> Step:
        return replace(old, state=state, started=started or old.started, seconds=seconds, note="")

    return _with_changed_step(progress, key, change)


def _with_place_for(progress: Progress, key: StepKey, title: str) -> Progress:
    """Add a step of another stage before the steps that wait."""
    if key.stage == PLANNED or _place(progress, key) is not None:
        return progress
    steps = progress.steps
    place = next((place for place, step in enumerate(steps) if step.state is StepState.WAITING), len(steps))
    added = Step(f"{key.stage}: {title}", stage=key.stage, number=key.number)
    return replace(progress, steps=(*steps[:place], added, *steps[place:]))


def _with_changed_step(progress: Progress, key: StepKey, change: Callable[[Step], Step]) -> Progress:
    place = _place(progress, key)
    if place is None:
        return progress
    new = change(progress.steps[place])
    return replace(progress, steps=(*progress.steps[:place], new, *progress.steps[place + 1 :]))


def _place(progress: Progress, key: StepKey) -> int | None:
    """Find a step by its stage and number; None if it is unknown."""
    places = [place for place, step in enumerate(progress.steps) if step.stage == key.stage]
    if key.stage == PLANNED:
        return places[key.number - 1] if 1 <= key.number <= len(places) else None
    return next((place for place in places if progress.steps[place].number == key.number), None)


def _next_transfer(before: Transfer | None, event: PullAdvanced, now: datetime) -> Transfer:
    counts = (event.layers_done, event.layers, event.bytes_done, event.bytes, event.all_sized)
    if before is None:
        return Transfer(*counts, measured=now, measured_bytes=event.bytes_done, advanced=now)
    advanced = now if _has_grown(before, event) else before.advanced or before.measured
    seconds = (now - before.measured).total_seconds()
    if seconds < _MEASURED_SECONDS:
        return Transfer(*counts, before.measured, before.measured_bytes, before.rate, advanced)
    newest = max(0, event.bytes_done - before.measured_bytes) / seconds
    rate = newest if before.rate is None else _SMOOTHING * newest + (1 - _SMOOTHING) * before.rate
    return Transfer(*counts, now, event.bytes_done, rate, advanced)


def _has_grown(before: Transfer, event: PullAdvanced) -> bool:
    return event.bytes_done != before.bytes_done or event.layers_done > before.layers_done
