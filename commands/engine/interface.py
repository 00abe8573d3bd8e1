"""What the commands ask of a Docker daemon. `docker_daemon` is the real one; tests hold a fake to the same contract."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from commands.model.events import ImageBuilt, LogLine, StepDone, StepFailed, StepStarted
from commands.model.images import Container, ImageId, Layer, ListedImage, LocalImage, Platform
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
    """How far a pull is: layers that are complete of those known so far, bytes of those whose size is known.

    `all_sized` says that the size of every layer that is not there already is known.
    """

    layers_done: int
    layers: int
    bytes_done: int
    bytes: int
    all_sized: bool = False


@dataclass(frozen=True, slots=True)
class BuildOrder:
    """One build. `context` is a tar with a `Dockerfile`; `build_id` is how to cancel it.

    `files` (path in the context → file on this host) are added to it; they are read while they are sent.

    `idle_seconds` is the longest silence of the daemon that is borne. `network` is Docker's network mode for RUN
    (`host`, `none`) or None for the daemon's default. `labels` go onto the image.
    """

    build_id: str
    context: bytes
    labels: Mapping[str, str]
    idle_seconds: float
    network: str | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    no_cache: bool = False
    """Run every step, also one that was run before; cache mounts are still used."""


@dataclass(frozen=True, slots=True)
class RunOrder:
    """One command in a throw-away container that has no privileges and is removed whatever happens.

    `files` (absolute path → content, mode 0755) are put in before the start. No network unless `network` names a mode.
    Memory in bytes, `cpus` in processors. The container runs as `user`, or as the image's own when None; no entrypoint
    is run.

    `reply` is told each line of stdout while the command runs, from several threads, and gives files to put in, in
    their order. A `Problem` that it raises ends the command, and is raised.
    `scratch` makes everything read-only but `/tmp`, which holds that many bytes; then nothing can be put in.
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
    cpus: float = 1.0
    reply: Callable[[str], Mapping[str, bytes]] | None = None
    scratch: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no daemon can do; raises ValueError."""
        if self.scratch is not None and (self.files or self.reply):
            raise ValueError("nothing can be put into a container whose file system is read-only")


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
class ReadOrder:
    """Files to be read out of an image, without running anything of it.

    `wanted` says of a path (without a slash in front) whether it is to be kept; links are not followed. `bytes_limit`
    bounds what is looked through in all, `file_limit` what is kept of one file, `files_limit` how many are kept,
    `kept_limit` what is kept in all.
    """

    image: ImageId
    labels: Mapping[str, str]
    wanted: Callable[[str], bool]
    seconds: float = 60.0
    bytes_limit: int = 8 << 30
    file_limit: int = 16 << 20
    files_limit: int = 20_000
    kept_limit: int = 256 << 20


@dataclass(frozen=True, slots=True)
class FilesRead:
    """The wanted files by path. `gap` says in plain words why some may be missing; it is empty when all were read."""

    files: Mapping[str, bytes]
    gap: str = ""


@dataclass(frozen=True, slots=True)
class RegistryRules:
    """How the daemon reaches registries.

    `hub` is the host (and port) that answers for Docker's own registry; `mirrors` are addresses that are asked before
    it; `insecure` are hosts, with port where one is named, and networks in CIDR notation that may go without TLS.
    """

    hub: str
    mirrors: tuple[str, ...] = ()
    insecure: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Login:
    """What the machine's Docker configuration has for one registry: a name and password, or an identity token."""

    username: str
    password: str = field(repr=False)
    identity_token: str = field(default="", repr=False)


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

    def listing(self) -> tuple[ListedImage, ...]:
        """List every image, newest first, in one question; an entry that cannot be read is left out."""
        ...

    def containers(self) -> tuple[Container, ...]:
        """List every container, running or not; not the throw-away ones of `run` and `read_files`."""
        ...

    def history(self, image: ImageId) -> tuple[Layer, ...]:
        """List what an image was made by, the lowest layer first; raises `ImageNotFound`."""
        ...

    def disk_use(self, *, seconds: float) -> int:
        """Say how many bytes all images take together, shared layers once; the daemon may take `seconds` to count."""
        ...

    def registry_rules(self) -> RegistryRules:
        """Say how the daemon reaches registries."""
        ...

    def login(self, registry: str) -> Login | None:
        """Find what the machine's Docker configuration, or its credential helper, has for this registry and no other.

        Raises `Misconfigured` where a helper fails.
        """
        ...

    def read_files(self, order: ReadOrder) -> FilesRead:
        """Read files out of an image by a container that is created, never started, and removed.

        Raises `ImageNotFound`. A limit that is met is told in the answer's `gap`.
        """
        ...

    def pull(
        self, reference: Reference, report: Callable[[PullProgress], None], *, pull_id: str | None = None
    ) -> LocalImage:
        """Fetch an image from its registry, by tag or digest; success is a stream without error and the digest there.

        A reference by digest gives the image no tag. `pull_id` is how to cancel it. Raises `ImageNotFound`,
        `PullFailed`, and `PullStopped` when it was cancelled.
        """
        ...

    def cancel_pull(self, pull_id: str) -> None:
        """End a pull, also one whose registry has gone silent; one that is unknown or over is no error."""
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
        """Remove a name, and the image with its last name. An image that is not there is no error.

        Raises `ImageInUse` when a container or another image needs it.
        """
        ...

    def import_image(self, filesystem: bytes, repository: str, tag: str, labels: Mapping[str, str]) -> ImageId:
        """Make an image of a tar of a root file system."""
        ...

    def sweep(self, label: str, value: str, *, keep: tuple[ImageId, ...] = ()) -> Swept:
        """Remove what a job left: its containers, running or not, and its images that have no name."""
        ...
