"""What happens while the host is being changed, as values; `progress` folds them, dialogs show them."""

from dataclasses import dataclass, field
from typing import NamedTuple

from commands.model.images import ImageId

PLANNED = ""
"""The stage of the planned steps: of a build the stage that becomes the image, of another job all of it."""


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
    """Something that happens in one step: its number, and the stage that it is counted in."""

    step: int
    stage: str = field(default=PLANNED, kw_only=True)

    @property
    def key(self) -> StepKey:
        """Which step it is."""
        return StepKey(self.stage, self.step)


@dataclass(frozen=True, slots=True)
class StepStarted(_OfStep):
    """A step began. `title` is the instruction of a step that nobody planned, empty for a planned one."""

    title: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True)
class StepDone(_OfStep):
    """A step ended well. `seconds` as the daemon or our clock measured; `cached` where it had been done before."""

    seconds: float
    cached: bool = False


@dataclass(frozen=True, slots=True)
class StepFailed(_OfStep):
    """A step ended with an error; the reason comes as an exception, not here.

    `interrupted` says that the failure of another step ended it.
    """

    seconds: float
    interrupted: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class LogLine(_OfStep):
    """One line of output: decoded, without its line end, otherwise as it came (control characters included)."""

    text: str


@dataclass(frozen=True, slots=True)
class StepNoted(_OfStep):
    """What a step is doing right now, or what is done for it before it begins, in a few words; empty for nothing."""

    note: str


@dataclass(frozen=True, slots=True)
class PullAdvanced(_OfStep):
    """How far the pull of a step is: layers complete of those known, bytes of those whose size is known.

    `all_sized` says that the size of every layer is known, so that the bytes are the whole.
    """

    layers_done: int
    layers: int
    bytes_done: int
    bytes: int
    all_sized: bool


@dataclass(frozen=True, slots=True)
class ImageBuilt:
    """The daemon named the image that it made. Not yet verified, not yet tagged."""

    image_id: ImageId


Event = StepsPlanned | StepStarted | StepDone | StepFailed | StepNoted | PullAdvanced | LogLine | ImageBuilt
"""One thing that happened in a job."""
