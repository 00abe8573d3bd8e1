"""What changing the host takes: for whom it is done, and with what."""

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
    """For whom the host is changed; all of it becomes labels on the image. `job` is the dialog's id."""

    job: str
    requester: str
    channel: str
    part: int = 0
    """Which part of the job: a job may build several images, and each build has an id of its own."""
    anew: bool = False
    """Whether what was made before is made again: every step runs, and the image that `latest` leaves is kept."""

    @property
    def build_id(self) -> str:
        """How the daemon knows the build."""
        return f"warroom-{self.job}-{self.part}" if self.part else f"warroom-{self.job}"

    @property
    def pull_id(self) -> str:
        """How the engine knows the pull of this part."""
        return f"warroom-{self.job}-{self.part}-pull"


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What building needs: the daemon, limits in seconds, Docker's network mode, certificates.

    `ensure_installer` puts the image that holds uv onto the daemon, for a platform, where it is not there yet.
    `files` fetches what the package index has.
    `redact` masks secrets. `pulls_at_once` holds for all jobs together; `history_depth` is how many images before the
    present one are kept for each name.
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
