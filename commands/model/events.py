"""The events of a job as values; `progress` folds them, dialogs show them."""

from dataclasses import dataclass, field
from typing import NamedTuple

from commands.model.images import ImageId

PLANNED = ""
"""The stage of the planned steps: in a build, the stage that becomes the image; in another job, all steps."""


class StepKey(NamedTuple):
    """One step of a job: its stage and its number in that stage, from 1. Stages run in parallel."""

    stage: str
    number: int


@dataclass(frozen=True, slots=True)
class StepsPlanned:
    """The titles of the steps of the stage `PLANNED`, in order."""

    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _OfStep:
    """An event of one step: the number of the step, and the stage in which it is counted."""

    step: int
    stage: str = field(default=PLANNED, kw_only=True)

    @property
    def key(self) -> StepKey:
        """The key of the step."""
        return StepKey(self.stage, self.step)


@dataclass(frozen=True, slots=True)
class StepStarted(_OfStep):
    """A step began. `title` is the instruction of an unplanned step, empty for a planned one."""

    title: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True)
class StepDone(_OfStep):
    """A step succeeded. `seconds` is by the daemon's or the bot's clock; `cached` says that it was done before."""

    seconds: float
    cached: bool = False


@dataclass(frozen=True, slots=True)
class StepFailed(_OfStep):
    """A step failed; an exception has the reason.

    `interrupted` says that the failure of another step ended it.
    """

    seconds: float
    interrupted: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class LogLine(_OfStep):
    """One line of output: decoded, without its line end, otherwise unchanged (control characters included)."""

    text: str


@dataclass(frozen=True, slots=True)
class StepNoted(_OfStep):
    """A note in a few words on what a step is doing, or on the work before it begins; empty for nothing."""

    note: str


@dataclass(frozen=True, slots=True)
class PullAdvanced(_OfStep):
    """How far the pull of a step is: complete layers of the known ones, bytes of the known sizes.

    `all_sized` says that the size of every layer is known, so that `bytes` is the total.
    """

    layers_done: int
    layers: int
    bytes_done: int
    bytes: int
    all_sized: bool


@dataclass(frozen=True, slots=True)
class ImageBuilt:
    """The daemon reported the ID of the built image, which is not yet verified or tagged."""

    image_id: ImageId


Event = StepsPlanned | StepStarted | StepDone | StepFailed | StepNoted | PullAdvanced | LogLine | ImageBuilt
"""One thing that happened in a job."""
