"""What the tests of an engine work with: the engine, a base on it, a label of the test's own, the clearing up."""

import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

from commands.engine.interface import BuildEvent, BuildOrder, Engine, RunOrder
from commands.errors import Problem
from commands.model.events import ImageBuilt, LogLine, StepDone, StepFailed
from commands.model.images import ImageId
from commands.model.references import Reference

LABEL = "warroom.test"


def packed(files: Mapping[str, bytes], *, mode: int = 0o755) -> bytes:
    """Pack files into a tar."""
    packet = BytesIO()
    with tarfile.open(fileobj=packet, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, BytesIO(content))
    return packet.getvalue()


@dataclass(frozen=True, slots=True)
class EngineSpace:
    """An engine under test. `offer` puts a new image into a registry that the engine can pull from, and names it.

    `contain` has a container, which is not ours, of an image under a name, for a while.
    """

    engine: Engine
    base: str
    network: str | None = None
    offer: Callable[[str], Reference] | None = None
    contain: Callable[[str, ImageId], AbstractContextManager[None]] | None = None
    mark: str = field(default_factory=lambda: uuid4().hex[:12])

    @property
    def labels(self) -> dict[str, str]:
        return {LABEL: self.mark}

    def order(
        self,
        *instructions: str,
        idle_seconds: float = 60,
        base: str | None = None,
        files: Mapping[str, Path] | None = None,
    ) -> BuildOrder:
        """Order a build of these instructions on the base."""
        dockerfile = "\n".join([f"FROM {base or self.base}", *instructions, ""])
        return BuildOrder(
            build_id=uuid4().hex,
            context=packed({"Dockerfile": dockerfile.encode()}),
            labels=self.labels,
            idle_seconds=idle_seconds,
            network=self.network,
            files=files or {},
        )

    def built(self, *instructions: str) -> ImageId:
        """Build an image; what it says is of no interest."""
        *_, last = self.engine.build(self.order(*instructions))
        assert isinstance(last, ImageBuilt)
        return last.image_id

    def script(self, script: str, *, seconds: float = 60, image: ImageId | None = None, **how: Any) -> RunOrder:
        """Order a run of a shell script, in the base when no image is given."""
        order = RunOrder(image or self.base_id, ("sh", "-c", script), self.labels, seconds)
        return replace(order, **how)

    @property
    def base_id(self) -> ImageId:
        image = self.engine.find_image(self.base)
        assert image is not None, f"the engine under test has no image `{self.base}`: see `make setup`"
        return image.id

    def clear(self) -> None:
        """Remove what the test made."""
        for image in self.engine.images(self.labels):
            for name in image.repo_tags:
                self.engine.remove_image(name)
        self.engine.sweep(LABEL, self.mark)


@contextmanager
def cleared(space: EngineSpace) -> Iterator[EngineSpace]:
    """Remove at the end what the test made."""
    try:
        yield space
    finally:
        space.clear()


def without_times(events: Iterator[BuildEvent]) -> list[BuildEvent]:
    """Give the events with their seconds at zero, to compare the rest."""
    return [replace(event, seconds=0) if isinstance(event, StepDone | StepFailed) else event for event in events]


def failed(
    events: Iterator[BuildEvent], *, at_line: Callable[[], None] = lambda: None
) -> tuple[list[BuildEvent], Problem]:
    """Follow a build that ends with a problem: gives what was told before (without times) and the problem.

    `at_line` is called at each line of output.
    """
    told = []
    try:
        for event in events:
            told.append(event)
            if isinstance(event, LogLine):
                at_line()
    except Problem as problem:
        return without_times(iter(told)), problem
    raise AssertionError(f"the build did not fail: {told}")
