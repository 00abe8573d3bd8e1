"""What the commands ask of a Docker daemon. `docker_daemon` is the real one; tests hold a fake to the same contract."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from commands.model.events import ImageBuilt, LogLine, StepDone, StepFailed, StepStarted
from commands.model.images import ImageId, LocalImage, Platform
from commands.model.references import Reference


@dataclass(frozen=True, slots=True)
class EngineDescription:
    """Which daemon is driven: `endpoint` is a `unix://` or `tcp://` address, versions as the daemon reports them.

    `root` is the folder of its images on its own machine.
    """

    endpoint: str
    version: str
    api_version: str
    platform: Platform
    storage: str
    root: str = ""


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a pull is: layers that are complete of those known so far, bytes of those known so far."""

    layers_done: int
    layers: int
    bytes_done: int
    bytes: int


@dataclass(frozen=True, slots=True)
class BuildOrder:
    """One build. `context` is a tar with a `Dockerfile`; `build_id` is how to cancel it.

    `idle_seconds` is the longest silence of the daemon that is borne. `network` is Docker's network mode for RUN
    (`host`, `none`) or None for the daemon's default. `labels` go onto the image.
    """

    build_id: str
    context: bytes
    labels: Mapping[str, str]
    idle_seconds: float
    network: str | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunOrder:
    """One command in a throw-away container that has no privileges and is removed whatever happens.

    `files` (absolute path → content, mode 0755) are put in before the start. No network unless `network` names a mode.
    Memory in bytes. The container runs as `user`, or as the image's own when None; entrypoints are not run.
    """

    image: ImageId
    command: tuple[str, ...]
    labels: Mapping[str, str]
    seconds: float
    files: Mapping[str, bytes] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    network: str | None = None
    user: str | None = None
    memory: int = 1 << 30
    pids: int = 256


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How the command ended. `exit_code` is None when it was ended from outside (time limit, `sweep`).

    `output` and `errors` are stdout and stderr, decoded, cut to a bounded size.
    """

    exit_code: int | None
    output: str
    errors: str
    timed_out: bool = False
    out_of_memory: bool = False


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep removed."""

    containers: int
    images: int


BuildEvent = StepStarted | StepDone | StepFailed | LogLine | ImageBuilt
"""Of a build: `step` is the number of an instruction of the last stage, as BuildKit counts them.

FROM of an image, RUN, COPY, ADD and WORKDIR count, from 1; `FROM scratch` and `FROM` of a stage do not.
"""


class Engine(Protocol):
    """A Docker daemon. Every method may raise `EngineUnavailable`, and `DiskFull` where it writes."""

    def describe(self) -> EngineDescription:
        """Say which daemon this is."""
        ...

    def find_image(self, reference: str) -> LocalImage | None:
        """Look an image up by reference or ID; None when the daemon has no such image."""
        ...

    def images(self, labels: Mapping[str, str]) -> tuple[LocalImage, ...]:
        """List the images that carry all these labels (a value of "" asks for the key alone), newest first."""
        ...

    def names(self) -> tuple[str, ...]:
        """List all names of all images, newest image first, without looking into any."""
        ...

    def pull(self, reference: Reference, report: Callable[[PullProgress], None]) -> LocalImage:
        """Fetch an image from its registry; raises `ImageNotFound` or `PullFailed`."""
        ...

    def build(self, order: BuildOrder) -> Iterator[BuildEvent]:
        """Build; yields live, `ImageBuilt` last and only after the daemon confirmed that it holds the image.

        Raises `BuildFailed` (details: the last lines of the failing step), `BuildStopped` when it was cancelled,
        `BuildTimedOut` after a silence of `idle_seconds`. Closing the iterator early cancels the build.
        """
        ...

    def cancel_build(self, build_id: str) -> None:
        """End a build; a build that is unknown or over is no error. Returns before the build has ended."""
        ...

    def run(self, order: RunOrder) -> RunOutcome:
        """Run a command in a throw-away container and remove it; raises `ImageNotFound`."""
        ...

    def tag(self, image: ImageId, repository: str, tag: str) -> None:
        """Give an image a name; moves the name when another image has it. Raises `ImageNotFound`."""
        ...

    def remove_image(self, reference: str) -> None:
        """Remove a name, and the image with its last name. An image that is not there is no error."""
        ...

    def import_image(self, filesystem: bytes, repository: str, tag: str, labels: Mapping[str, str]) -> ImageId:
        """Make an image of a tar of a root file system."""
        ...

    def sweep(self, label: str, value: str, *, keep: tuple[ImageId, ...] = ()) -> Swept:
        """Remove what a job left: its containers, running or not, and its images that have no name."""
        ...
