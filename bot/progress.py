"""How far a job is, folded from the events of its run."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
