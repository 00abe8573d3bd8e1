"""Images that came from registries, on the host of a driver: pulled, outdated, and slow to arrive."""

from collections.abc import Callable
from dataclasses import dataclass, field

from commands.engine.interface import PullProgress
from commands.model.images import Digest, LocalImage
from commands.model.references import Reference
from tests.fakes.control import Control
from tests.fakes.host import DEFAULT_BASE, Gate
from tests.kit.driver import RoomDriver

PYTHON = "demisto/python3:3.12"


@dataclass(slots=True)
class PulledImages:
    """The host's pulled images; `pulls` is passed by every pull, half of which is there by then."""

    driver: RoomDriver
    pulls: Gate = field(default_factory=Gate)

    def __post_init__(self) -> None:
        """Put the gate in, and let the registry know the base."""
        self.driver.host.engine.pull_script = self._pull
        base = self.driver.host.engine.find_image(DEFAULT_BASE)
        assert base is not None
        self.driver.registries.digests[f"{DEFAULT_BASE}:latest"] = digest_of(base)

    def pulled(self, name: str = PYTHON) -> LocalImage:
        """Put an image on the host that its registry has, too."""
        image = self.newer(name)
        repository, _, tag = name.rpartition(":")
        engine = self.driver.host.engine
        engine.pull(Reference(repository, digest=digest_of(image)), lambda _: None)
        engine.tag(image.id, repository, tag)
        engine.pulls.clear()
        return image

    def newer(self, name: str = PYTHON) -> LocalImage:
        """Let the registry have another image under this name."""
        image = self.driver.host.engine.offer(name)
        self.driver.registries.digests[name] = digest_of(image)
        return image

    def outdated(self, name: str = PYTHON) -> tuple[LocalImage, LocalImage]:
        """Put an image on the host of which the registry has a newer one; gives both."""
        return self.pulled(name), self.newer(name)

    @property
    def names(self) -> list[str]:
        """All names on the host but the base's."""
        return sorted(name for name in self.driver.host.engine.names() if not name.startswith(DEFAULT_BASE))

    def holder(self, name: str) -> str | None:
        """Say which image has a name."""
        image = self.driver.host.engine.find_image(name)
        return image.id if image else None

    def _pull(self, wanted: Reference, report: Callable[[PullProgress], None], control: Control) -> LocalImage:
        report(PullProgress(4, 8, 500_000, 1_000_000, all_sized=True))
        self.pulls.pass_through(control.check)
        return self.driver.host.engine.follow_hub(wanted, report, control)


def digest_of(image: LocalImage) -> Digest:
    """Give the digest by which its registry knows an image."""
    return Digest(image.repo_digests[0].partition("@")[2])
