"""The interface of a Docker daemon. `docker_daemon` implements it; a fake passes the same contract tests."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from commands.model.events import ImageBuilt, LogLine, StepDone, StepFailed, StepStarted
from commands.model.images import Container, ImageId, Layer, ListedImage, LocalImage, Platform
from commands.model.references import Reference


@dataclass(frozen=True, slots=True)
class EngineDescription:
    """Identifies a daemon: `endpoint` is a `unix://` or `tcp://` address; the daemon reports the versions.

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
    """The progress of a pull: complete and known layers, and the bytes of the layers whose size is known.

    `all_sized` says that the size of every missing layer is known.
    """

    layers_done: int
    layers: int
    bytes_done: int
    bytes: int
    all_sized: bool = False


@dataclass(frozen=True, slots=True)
class BuildOrder:
    """One build. `context` is a tar with a `Dockerfile`; `build_id` identifies the build for `cancel_build`.

    `files` (path in the context → file on this host) are added to it; they are read while they are sent.

    `idle_seconds` is the maximum time without output. `network` is Docker's network mode for RUN (`host`, `none`) or
    None for the daemon's default. The image gets the `labels`.
    """

    build_id: str
    context: bytes
    labels: Mapping[str, str]
    idle_seconds: float
    network: str | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    no_cache: bool = False
    """Run every step without the build cache; cache mounts are still used."""


@dataclass(frozen=True, slots=True)
class RunOrder:
    """One command in a throw-away container, which has no privileges and is always removed.

    `files` (absolute path → content, mode 0755) are copied in before the start. The container has no network unless
    `network` names a mode. `memory` is in bytes, `cpus` in processors. The container runs as `user`, or as the image's
    own user if that is None; the entrypoint is not run.

    `reply` is called with each line of stdout while the command runs, from several threads, and returns files to copy
    in, in order. A `Problem` that it raises ends the command and is raised to the caller.
    `scratch` makes everything read-only except `/tmp`, which has that many bytes; no files can be copied in then.
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
        """Raise ValueError if files are to be copied into a read-only container."""
        if self.scratch is not None and (self.files or self.reply):
            raise ValueError("nothing can be put into a container whose file system is read-only")


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """The result of a command. `exit_code` is None if it was ended from outside (time limit, `sweep`).

    `output` and `errors` are stdout and stderr, decoded and truncated.
    """

    exit_code: int | None
    output: str
    errors: str
    timed_out: bool = False
    out_of_memory: bool = False


@dataclass(frozen=True, slots=True)
class ReadOrder:
    """Files to read from an image without running anything in it.

    `wanted` returns whether to read a path (without a leading slash); links are not followed. `bytes_limit` is the
    maximum size of the archive, `file_limit` of one file and `kept_limit` of all files together; `files_limit` is the
    maximum number of files.
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
    """The wanted files by path. `gap` says in plain words why some may be missing; it is empty if all were read."""

    files: Mapping[str, bytes]
    gap: str = ""


@dataclass(frozen=True, slots=True)
class RegistryRules:
    """How the daemon reaches registries.

    `hub` is the host (and port) of Docker Hub; `mirrors` are addresses that are tried before it; `insecure` are hosts
    (with a port if one is named) and networks in CIDR notation that need no TLS.
    """

    hub: str
    mirrors: tuple[str, ...] = ()
    insecure: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Login:
    """A registry's credentials from the Docker configuration: a name and password, or an identity token."""

    username: str
    password: str = field(repr=False)
    identity_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Swept:
    """How many containers and images a sweep removed."""

    containers: int
    images: int


BuildEvent = StepStarted | StepDone | StepFailed | LogLine | ImageBuilt
"""An event of a build; `step` is the number of an instruction of the last stage, as BuildKit counts them.

FROM of an image, RUN, COPY, ADD and WORKDIR count, from 1; `FROM scratch` and `FROM` of a stage do not.
"""


class Engine(Protocol):
    """A Docker daemon. Every method may raise `EngineUnavailable`; methods that write may raise `DiskFull`."""

    def describe(self) -> EngineDescription:
        """Say which daemon this is."""
        ...

    def find_image(self, reference: str) -> LocalImage | None:
        """Look up an image by reference or ID; return None if the daemon has no such image."""
        ...

    def images(self, labels: Mapping[str, str]) -> tuple[LocalImage, ...]:
        """List the images that have all these labels (a value of "" matches any value), newest first."""
        ...

    def names(self) -> tuple[str, ...]:
        """List all tags of all images, newest image first, without inspecting the images."""
        ...

    def listing(self) -> tuple[ListedImage, ...]:
        """List every image, newest first, in one request; malformed entries are skipped."""
        ...

    def containers(self) -> tuple[Container, ...]:
        """List every container, running or not, except the throw-away ones of `run` and `read_files`."""
        ...

    def history(self, image: ImageId) -> tuple[Layer, ...]:
        """List the layers in an image's history, lowest first; raises `ImageNotFound`."""
        ...

    def disk_use(self, *, seconds: float) -> int:
        """Return the bytes of all images, counting shared layers once; `seconds` is the daemon's time limit."""
        ...

    def registry_rules(self) -> RegistryRules:
        """Return how the daemon reaches registries."""
        ...

    def login(self, registry: str) -> Login | None:
        """Return the login of this registry from the Docker configuration or its credential helper.

        Raises `Misconfigured` if a helper fails.
        """
        ...

    def read_files(self, order: ReadOrder) -> FilesRead:
        """Read files from an image through a container that is created, never started, and removed.

        Raises `ImageNotFound`. The result's `gap` names a limit that was reached.
        """
        ...

    def pull(
        self, reference: Reference, report: Callable[[PullProgress], None], *, pull_id: str | None = None
    ) -> LocalImage:
        """Pull an image by tag or digest; success is a stream without errors and the digest on the daemon.

        A reference by digest gives the image no tag. `pull_id` identifies the pull for `cancel_pull`. Raises
        `ImageNotFound`, `PullFailed`, and `PullStopped` if the pull was cancelled.
        """
        ...

    def cancel_pull(self, pull_id: str) -> None:
        """Cancel a pull, even if its registry no longer answers; ignores a pull that is unknown or over."""
        ...

    def build(self, order: BuildOrder) -> Iterator[BuildEvent]:
        """Build and yield events live; `ImageBuilt` is the last one, after the daemon confirmed that it has the image.

        Raises `BuildFailed` (details: the last lines of the failed step), `BuildStopped` if the build was cancelled,
        and `BuildTimedOut` after `idle_seconds` without output. Closing the iterator early cancels the build.
        """
        ...

    def cancel_build(self, build_id: str) -> None:
        """Cancel a build; ignores a build that is unknown or over. Returns before the build has ended."""
        ...

    def run(self, order: RunOrder) -> RunOutcome:
        """Run a command in a throw-away container and remove it; raises `ImageNotFound`."""
        ...

    def tag(self, image: ImageId, repository: str, tag: str) -> None:
        """Tag an image; moves the tag if another image has it. Raises `ImageNotFound`."""
        ...

    def remove_image(self, reference: str) -> None:
        """Remove a tag, and the image with its last tag; ignores an image that does not exist.

        Raises `ImageInUse` if a container or another image needs it.
        """
        ...

    def import_image(self, filesystem: bytes, repository: str, tag: str, labels: Mapping[str, str]) -> ImageId:
        """Import a tar of a root file system as an image."""
        ...

    def sweep(self, label: str, value: str, *, keep: tuple[ImageId, ...] = ()) -> Swept:
        """Remove a job's leftovers: its containers, running or not, and its untagged images."""
        ...
