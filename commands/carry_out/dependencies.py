"""The job context and the dependencies of changes to the host."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from commands.carry_out.turns import Turns
from commands.engine.interface import Engine
from commands.inventory.reading import Inventories
from commands.model.images import Platform
from commands.packages.interface import Files
from commands.registry.interface import Registry


@dataclass(frozen=True, slots=True)
class JobContext:
    """The job that changes the host; its values become labels on the image. `job` is the dialog's id."""

    job: str
    requester: str
    channel: str
    part: int = 0
    """The part of the job: a job may build several images, and each build has its own id."""
    anew: bool = False
    """Whether to rebuild without the cache and to keep the image that `latest` leaves."""

    @property
    def build_id(self) -> str:
        """The daemon's id of the build."""
        return f"warroom-{self.job}-{self.part}" if self.part else f"warroom-{self.job}"

    @property
    def pull_id(self) -> str:
        """The engine's id of the pull of this part."""
        return f"warroom-{self.job}-{self.part}-pull"


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The dependencies of changes: the daemon, limits in seconds, Docker's network mode, certificates.

    `ensure_installer` makes sure that the daemon has the image with uv for a platform. `files` fetches files of the
    package index. `redact` masks secrets. `pulls_at_once` is the limit for all jobs together; `history_depth` is how
    many earlier images are kept for each name.
    """

    engine: Engine
    ensure_installer: Callable[[Platform], object]
    files: Files
    clock: Callable[[], datetime]
    registry: Registry
    inventories: Inventories
    build_seconds: float = 1800
    idle_seconds: float = 300
    network: str | None = None
    ca_bundle: bytes | None = None
    redact: Callable[[str], str] = str
    pulls_at_once: int = 3
    history_depth: int = 3
    turns: Turns = field(default_factory=Turns)
