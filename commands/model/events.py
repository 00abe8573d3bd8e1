"""What happens while the host is being changed, as values; `progress` folds them, dialogs show them."""

from dataclasses import dataclass

from commands.model.images import ImageId


@dataclass(frozen=True, slots=True)
class StepsPlanned:
    """The titles of all steps to come, in order; every other event names a step by its place in it."""

    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step began."""

    step: int


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step ended well. `seconds` as the daemon or our clock measured; `cached` where it had been done before."""

    step: int
    seconds: float
    cached: bool = False


@dataclass(frozen=True, slots=True)
class StepFailed:
    """A step ended with an error; the reason comes as an exception, not here."""

    step: int
    seconds: float


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of output: decoded, without its line end, otherwise as it came (control characters included)."""

    step: int
    text: str


@dataclass(frozen=True, slots=True)
class StepNoted:
    """What a step is doing right now, or what is done for it before it begins, in a few words; empty for nothing."""

    step: int
    note: str


@dataclass(frozen=True, slots=True)
class PullAdvanced:
    """How far the pull of a step is: layers complete of those known, bytes of those whose size is known.

    `all_sized` says that the size of every layer is known, so that the bytes are the whole.
    """

    step: int
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
