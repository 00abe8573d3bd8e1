"""A host whose images have become old, and the updates of them; a daemon on which the bot is killed at any point."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from commands.actions import carry_out
from commands.cancellation import Cancellation
from commands.carry_out import JobContext
from commands.command import (
    Candidate,
    Creation,
    ImageCreated,
    ImagesUpdated,
    Plan,
    Pull,
    Rebuild,
    Update,
    WorkInterrupted,
)
from commands.docker_image_create import answer, parse
from commands.engine.interface import FilesRead, PullProgress, ReadOrder, Swept
from commands.host.selection import Found
from commands.host.subjects import mark_of
from commands.model.events import Event, StepNoted
from commands.model.images import Container, Digest, ImageId, ListedImage, LocalImage, Mark
from commands.model.outcomes import Created, ImageResult, Updated
from commands.model.references import Reference
from tests.fakes.control import Control
from tests.fakes.engine import FakeEngine
from tests.fakes.host import DEFAULT_BASE, Gate, Host
from tests.fakes.registries import FakeRegistries
from tests.fakes.work import ProcessKilled
from tests.kit.dependencies import dependencies_on, sources_on
from tests.kit.examples import ALICE

BEFORE, FIRST, SECOND, THIRD, FOURTH, FIFTH = (f"0199a1b2c3d{number:08x}" for number in range(6))
"""Ids of jobs, in the order of time."""

NEVER = 1 << 30


class KillableEngine(FakeEngine):
    """A daemon on which the bot is killed at a call, before or after the daemon has done it, until it is `revived`."""

    def __init__(self, *, dies_at: int = NEVER, is_done: bool = False) -> None:
        super().__init__()
        self.dies_at = dies_at
        self.is_done = is_done
        self.has_died = False
        self._calls = 0
        self._is_dead = False

    def revive(self) -> None:
        """Start the bot again."""
        self.dies_at = NEVER
        self._is_dead = False

    def count_from_now(self) -> None:
        """Forget the calls so far."""
        self._calls = 0

    @contextmanager
    def _call(self) -> Iterator[None]:
        self._calls += 1
        number = self._calls
        if self._is_dead or (number == self.dies_at and not self.is_done):
            self._die()
        yield
        if number == self.dies_at:
            self._die()

    def _die(self) -> None:
        self._is_dead = self.has_died = True
        raise ProcessKilled

    def find_image(self, reference: str) -> LocalImage | None:
        with self._call():
            return super().find_image(reference)

    def images(self, labels: Mapping[str, str]) -> tuple[LocalImage, ...]:
        with self._call():
            return super().images(labels)

    def listing(self) -> tuple[ListedImage, ...]:
        with self._call():
            return super().listing()

    def containers(self) -> tuple[Container, ...]:
        with self._call():
            return super().containers()

    def read_files(self, order: ReadOrder) -> FilesRead:
        with self._call():
            return super().read_files(order)

    def pull(
        self, reference: Reference, report: Callable[[PullProgress], None], *, pull_id: str | None = None
    ) -> LocalImage:
        with self._call():
            return super().pull(reference, report, pull_id=pull_id)

    def tag(self, image: ImageId, repository: str, tag: str) -> None:
        with self._call():
            super().tag(image, repository, tag)

    def remove_image(self, reference: str) -> None:
        with self._call():
            super().remove_image(reference)

    def sweep(self, label: str, value: str, *, keep: tuple[ImageId, ...] = ()) -> Swept:
        with self._call():
            return super().sweep(label, value, keep=keep)


class UpdateHost:
    """A host, a registry, and what is updated there; `pulls` is passed by every pull that has begun.

    `emitted` are the events, each of which `at_event` sees first.
    """

    def __init__(self, engine: FakeEngine | None = None) -> None:
        self.engine = engine or FakeEngine()
        self.host = Host()
        self.host.engine = self.engine
        self.engine.build_script, self.engine.run_script = self.host.build, self.host.run
        self.engine.pull_script = self._pull
        self.host.add_base(DEFAULT_BASE)
        self.pulls = Gate()
        self.hub = FakeRegistries()
        self.cancellation = Cancellation()
        self.emitted: list[Event] = []
        self.at_event: Callable[[Event], object] = lambda _: None
        self.dependencies = dependencies_on(self.engine, self.hub)

    # ── What is there ───────────────────────────────────────────────────────────────────────────────────────────

    def pulled(self, name: str, *, size: int = 1_000_000) -> LocalImage:
        """Put an image on the host that came from its registry."""
        image = self.engine.offer(name, size=size)
        pinned = Reference.parse(image.repo_digests[0])
        self.engine.pull_script = self.engine.follow_hub
        self.engine.pull(pinned, lambda _: None)
        self.engine.pull_script = self._pull
        repository, _, tag = name.rpartition(":")
        self.engine.tag(image.id, repository, tag)
        return image

    def offer(self, name: str, *, size: int = 1_500_000) -> LocalImage:
        """Put a newer image under this name into the registry."""
        image = self.engine.offer(name, size=size)
        self.hub.digests[name] = digest_of(image)
        return image

    def outdated(self, *names: str) -> Update:
        """Put images on the host of which the registry has newer ones, and propose to update them."""
        for name in names:
            self.pulled(name)
            self.offer(name)
        return self.propose(*names)

    def propose(self, *names: str) -> Update:
        """Propose to pull what the registry has for these names now."""
        return proposed(*(self.candidate(name) for name in names))

    def candidate(self, name: str, plan: Plan | None = None) -> Candidate:
        """Tell of an image of the host; it would be pulled unless there is another plan."""
        if plan is not None:
            return Candidate(name, self.mark(name), None, plan)
        digest = self.hub.digests[name]
        return Candidate(name, self.mark(name), digest, Pull(Reference.parse(name), digest))

    def mark(self, name: str) -> Mark:
        """Show the image that has a name."""
        return mark_of(Found(next(image for image in self.engine.listing() if name in image.repo_tags), name))

    def made(self, line: str, job: str = BEFORE) -> Created:
        """Have an image made by the bot."""
        end = carry_out(self.creation(line), job_context(job), self.dependencies, lambda _: None, Cancellation())
        assert isinstance(end, ImageCreated)
        return end.outcome

    def creation(self, line: str) -> Creation:
        """Propose to make an image."""
        creation = answer(parse(line), sources_on(self.engine), lambda _: None)
        assert isinstance(creation, Creation)
        return creation

    def remade(self, name: str, line: str) -> Candidate:
        """Tell of an image that would be made anew."""
        return self.candidate(name, Rebuild(self.creation(line), ("newer packages",)))

    # ── What is done, and what came of it ───────────────────────────────────────────────────────────────────────

    def carry_out(self, proposal: Update, job: str = FIRST) -> Updated:
        """Do it."""
        try:
            end = carry_out(proposal, job_context(job), self.dependencies, self.emit, self.cancellation)
        except WorkInterrupted as interrupted:
            end = interrupted.end
        assert isinstance(end, ImagesUpdated)
        return end.outcome

    def update(self, proposal: Update, job: str = FIRST) -> Updated:
        """Do it, and expect results."""
        return self.carry_out(proposal, job)

    def result(self, proposal: Update, job: str = FIRST) -> ImageResult:
        """Do it, and expect one result."""
        (result,) = self.update(proposal, job).results
        return result

    def emit(self, event: Event) -> None:
        """Take an event."""
        self.at_event(event)
        self.emitted.append(event)

    def somebody_waits(self) -> threading.Event:
        """Give what is set once a job is told to wait for another."""
        told = threading.Event()

        def look(event: Event) -> None:
            if isinstance(event, StepNoted) and event.note.startswith("Waiting"):
                told.set()

        self.at_event = look
        return told

    def holder(self, name: str) -> ImageId | None:
        """Say which image has a name."""
        image = self.engine.find_image(name)
        return image.id if image else None

    @property
    def nameless(self) -> list[ImageId]:
        """The images without a name."""
        return [image.id for image in self.engine.images({}) if not image.repo_tags]

    def _pull(self, wanted: Reference, report: Callable[[PullProgress], None], control: Control) -> LocalImage:
        self.pulls.pass_through(control.check)
        return self.engine.follow_hub(wanted, report, control)


def proposed(*images: Candidate) -> Update:
    """Propose what is to become of these images."""
    return Update("Update?", images)


def job_context(job: str = FIRST) -> JobContext:
    """Say for whom a job is done."""
    return JobContext(job, ALICE, "C0WARROOM")


def digest_of(image: LocalImage) -> Digest:
    """Give the digest by which its registry knows an image."""
    return Digest(image.repo_digests[0].partition("@")[2])
