"""A Docker daemon in memory that passes the same contract suite as the real one.

What a test does not script behaves by default: builds follow their Dockerfile (RUN by the toy shell), containers
run the toy shell, pulls bring what `hub` offers. `break_down` and `repair` stand for a daemon that is stopped and
started again.
"""

import hashlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from commands.engine.archive import Gathered
from commands.engine.interface import (
    BuildEvent,
    BuildOrder,
    EngineDescription,
    FilesRead,
    Login,
    PullProgress,
    ReadOrder,
    RegistryRules,
    RunOrder,
    RunOutcome,
    Swept,
)
from commands.errors import BuildFailed, ImageInUse, ImageNotFound, Problem
from commands.model.events import ImageBuilt, StepDone, StepStarted
from commands.model.images import Container, ImageId, Layer, ListedImage, LocalImage, Platform
from commands.model.references import Reference
from tests.fakes.control import Control, build_stopped, pull_stopped, unavailable
from tests.fakes.dockerfiles import dockerfile_in, files_in, steps_of
from tests.fakes.toy_machine import command_run, mounted, step_run
from tests.kit.engine_space import packed

PLATFORM = Platform("linux", "amd64")
FIRST_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
"""When the first image of a fake was made; each further one is a second younger."""


BuildScript = Callable[[BuildOrder, Control], Iterator[BuildEvent]]
RunScript = Callable[[RunOrder], RunOutcome]
PullScript = Callable[[Reference, Callable[[PullProgress], None], Control], LocalImage]
"""Tells the progress of one pull and gives the image that arrives; raises a problem where none does."""


@dataclass(slots=True)
class _Throwaway:
    labels: Mapping[str, str]
    image: ImageId
    control: Control = field(default_factory=Control)


class FakeEngine:
    """The engine. `hub` holds what `pull` can fetch, by full reference: an image, or the problem that it raises.

    An image is fetched by digest when it stands under any name of its repository, or under the digest itself.
    `build_script`, `run_script` and `pull_script` replace what builds, containers and pulls do. `most_builds` and
    `most_pulls` are the highest numbers that ran at once; `builds`, `runs`, `pulls` and `reads` are the orders in
    their sequence. `files` (by image) are what `read_files` finds, `histories` what `history` tells; `disk`, `rules`
    and `logins` are answers, of which a problem is raised.
    """

    def __init__(
        self,
        *,
        build_script: BuildScript | None = None,
        run_script: RunScript | None = None,
        pull_script: PullScript | None = None,
        hub: Mapping[str, LocalImage | Problem] | None = None,
    ) -> None:
        self.build_script = build_script or self.follow_dockerfile
        self.run_script = run_script
        self.pull_script = pull_script or self.follow_hub
        self.hub = dict(hub or {})
        self.files: dict[ImageId, dict[str, bytes]] = {}
        self.histories: dict[ImageId, tuple[Layer, ...]] = {}
        self.disk: int | Problem | None = None
        self.rules = RegistryRules(hub="index.docker.io", insecure=("127.0.0.0/8",))
        self.logins: dict[str, Login | Problem] = {}
        self.builds: list[BuildOrder] = []
        self.runs: list[RunOrder] = []
        self.pulls: list[Reference] = []
        self.reads: list[ReadOrder] = []
        self.cancelled: list[str] = []
        self.most_builds = 0
        self.most_pulls = 0
        self._lock = threading.RLock()
        self._running: dict[str, Control] = {}
        self._pulling: dict[str, Control] = {}
        self._containers: dict[str, Container] = {}
        self._throwaways: dict[str, _Throwaway] = {}
        self._images: dict[ImageId, LocalImage] = {}
        self._done_before: set[str] = set()
        self._made = 0
        self._numbers = itertools.count(1)
        self._down = False

    # --- what tests do to it

    def break_down(self) -> None:
        """Stop the daemon: what runs ends, and every call raises `EngineUnavailable` until `repair`."""
        with self._lock:
            self._down = True
            run = (one.control for one in self._throwaways.values())
            for running in [*self._running.values(), *self._pulling.values(), *run]:
                running.end(unavailable)
            self._throwaways.clear()

    def repair(self) -> None:
        """Start the daemon again, with the images it had."""
        self._down = False

    @property
    def running_builds(self) -> int:
        """How many builds run now."""
        return len(self._running)

    @property
    def running_pulls(self) -> int:
        """How many pulls run now."""
        return len(self._pulling)

    @property
    def throwaways(self) -> int:
        """How many throw-away containers of ours exist, running or not."""
        return len(self._throwaways)

    def add_container(self, name: str, image: ImageId, *, state: str = "running") -> Container:
        """Put somebody's container of an image on the daemon."""
        with self._lock:
            self._up()
            number = hashlib.sha256(f"{name} {next(self._numbers)}".encode()).hexdigest()
            container = self._containers[number] = Container(number, name, image, state)
            return container

    def remove_container(self, name: str) -> None:
        """Take somebody's container away."""
        with self._lock:
            self._containers = {number: one for number, one in self._containers.items() if one.name != name}

    def offer(self, name: str, *, labels: Mapping[str, str] | None = None, size: int = 1_000_000) -> LocalImage:
        """Put a new image into `hub` under a full name; what had this name stays there under its digest."""
        repository, _, _ = name.rpartition(":")
        with self._lock:
            before = self.hub.get(name)
            if isinstance(before, LocalImage):
                self.hub |= dict.fromkeys(before.repo_digests, before)
            number = hashlib.sha256(f"{name} {next(self._numbers)}".encode()).hexdigest()
            image = LocalImage(
                id=ImageId(f"sha256:{number}"),
                repo_tags=(),
                repo_digests=(f"{repository}@sha256:{number[::-1]}",),
                created=FIRST_MOMENT + timedelta(days=next(self._numbers)),
                size=size,
                labels=dict(labels or {}),
                user="",
                platform=PLATFORM,
                layers=(f"sha256:{number[1:]}0",),
            )
            self.hub[name] = image
            return image

    def add_image(
        self,
        *repo_tags: str,
        labels: Mapping[str, str] | None = None,
        user: str = "",
        repo_digests: tuple[str, ...] = (),
        below: tuple[str, ...] = (),
        size: int = 1_000_000,
    ) -> LocalImage:
        """Put an image on the daemon, with a layer of its own on those `below`; names move from where they were."""
        with self._lock:
            self._up()
            self._made += 1
            number = f"{self._made:064x}"
            image = LocalImage(
                id=ImageId(f"sha256:{number}"),
                repo_tags=(),
                repo_digests=repo_digests,
                created=FIRST_MOMENT + timedelta(seconds=self._made),
                size=size,
                labels=dict(labels or {}),
                user=user,
                platform=PLATFORM,
                layers=(*below, f"sha256:{hashlib.sha256(number.encode()).hexdigest()}"),
            )
            self._images[image.id] = image
            for name in repo_tags:
                self._name(image.id, name)
            return self._images[image.id]

    # --- the engine

    def describe(self) -> EngineDescription:
        """Say which daemon this is."""
        self._up()
        return EngineDescription("unix:///fake.sock", "20.10.24", "1.41", PLATFORM, "overlay2")

    def find_image(self, reference: str) -> LocalImage | None:
        """Look an image up by reference or ID."""
        with self._lock:
            self._up()
            name = _full(reference)
            digest = _by_digest(reference)
            for image in self._images.values():
                if image.id == reference or name in image.repo_tags or digest in image.repo_digests:
                    return image
        return None

    def images(self, labels: Mapping[str, str]) -> tuple[LocalImage, ...]:
        """List the images that carry all these labels, newest first."""
        with self._lock:
            self._up()
            found = [image for image in self._images.values() if _carries(image.labels, labels)]
        return tuple(sorted(found, key=lambda image: image.created, reverse=True))

    def names(self) -> tuple[str, ...]:
        """List all names of all images, newest image first."""
        return tuple(name for image in self.images({}) for name in image.repo_tags)

    def listing(self) -> tuple[ListedImage, ...]:
        """List every image, newest first."""
        with self._lock:
            self._up()
            listed = [_listed(image) for image in self._images.values()]
        return tuple(sorted(listed, key=lambda image: (-image.created.timestamp(), image.id)))

    def containers(self) -> tuple[Container, ...]:
        """List every container but the throw-away ones."""
        with self._lock:
            self._up()
            return tuple(self._containers.values())

    def history(self, image: ImageId) -> tuple[Layer, ...]:
        """Give what a test or a build wrote, or a single layer."""
        known = self._known(image)
        return self.histories.get(image, (Layer("", known.size),))

    def disk_use(self, *, seconds: float) -> int:
        """Give what a test says, or the sizes of all images."""
        del seconds  # a fake counts at once
        self._up()
        if isinstance(self.disk, Problem):
            raise self.disk
        return sum(image.size for image in self._images.values()) if self.disk is None else self.disk

    def registry_rules(self) -> RegistryRules:
        """Give what a test says."""
        self._up()
        return self.rules

    def login(self, registry: str) -> Login | None:
        """Give what a test says; a daemon is not needed for it."""
        login = self.logins.get(registry)
        if isinstance(login, Problem):
            raise login
        return login

    def read_files(self, order: ReadOrder) -> FilesRead:
        """Read `files` as out of a real image, with its limits."""
        self._known(order.image)
        with self._lock:
            self.reads.append(order)
        gathered = Gathered(order, time.monotonic)
        gathered.look_through([packed(self.files.get(order.image, {}))], order.wanted)
        self._up()
        return gathered.result()

    def pull(
        self, reference: Reference, report: Callable[[PullProgress], None], *, pull_id: str | None = None
    ) -> LocalImage:
        """Pull by the script; what it gives is on the daemon afterwards."""
        self._up()
        wanted = reference if reference.tag or reference.digest else replace(reference, tag="latest")
        with self._fetching(wanted, pull_id) as control:
            arrived = self.pull_script(wanted, report, control)
            control.check()
        with self._lock:
            self._up()
            held = self._images.get(arrived.id)
            tags = held.repo_tags if held else ()
            digests = dict.fromkeys((*(held.repo_digests if held else ()), *arrived.repo_digests))
            self._images[arrived.id] = replace(arrived, repo_tags=tags, repo_digests=tuple(digests))
            if wanted.digest is None:
                self._name(arrived.id, str(wanted))
            return self._images[arrived.id]

    def cancel_pull(self, pull_id: str) -> None:
        """End a pull."""
        with self._lock:
            self.cancelled.append(pull_id)
            running = self._pulling.get(pull_id)
        if running is not None:
            running.end(pull_stopped)

    def build(self, order: BuildOrder) -> Iterator[BuildEvent]:
        """Build by the script."""
        self._up()
        with self._following(order) as control:
            yield from self.build_script(order, control)

    def cancel_build(self, build_id: str) -> None:
        """End a build."""
        self._up()
        with self._lock:
            self.cancelled.append(build_id)
            running = self._running.get(build_id)
        if running is not None:
            running.end(build_stopped)

    def run(self, order: RunOrder) -> RunOutcome:
        """Run a command by the script, or by the toy shell."""
        self._up()
        image = self._known(order.image)
        with self._contained(order) as control:
            return self.run_script(order) if self.run_script else command_run(order, image.user, control)

    def tag(self, image: ImageId, repository: str, tag: str) -> None:
        """Give an image a name."""
        with self._lock:
            self._up()
            self._known(image)
            self._name(image, f"{repository}:{tag}")

    def remove_image(self, reference: str) -> None:
        """Remove a name, and the image with its last name."""
        with self._lock:
            image = self.find_image(reference)
            if image is None:
                return
            if image.id == reference and len(image.repo_tags) > 1:
                raise Problem(
                    f"The Docker daemon could not remove `{reference}`: it has several names", hint="Use one."
                )
            if image.id != reference:
                image = _without(image, reference)
            if image.id != reference and (image.repo_tags or image.repo_digests):
                self._images[image.id] = image
                return
            users = [one.name for one in self._containers.values() if one.image == image.id]
            users += [name for name, one in self._throwaways.items() if one.image == image.id]
            if users:
                raise ImageInUse(f"`{reference}` is not removed: the container `{users[0]}` uses it.", hint="Wait.")
            del self._images[image.id]

    def import_image(self, filesystem: bytes, repository: str, tag: str, labels: Mapping[str, str]) -> ImageId:
        """Make an image of a tar of a root file system."""
        image = self.add_image(f"{repository}:{tag}", labels=labels, size=len(filesystem))
        with self._lock:
            layer = f"sha256:{hashlib.sha256(filesystem).hexdigest()}"
            self._images[image.id] = replace(image, layers=(layer,))
            self.files[image.id] = files_in(filesystem)
        return image.id

    def sweep(self, label: str, value: str, *, keep: tuple[ImageId, ...] = ()) -> Swept:
        """Remove containers and nameless images with this label."""
        wanted = {label: value}
        with self._lock:
            self._up()
            containers = [name for name, one in self._throwaways.items() if _carries(one.labels, wanted)]
            for name in containers:
                self._throwaways.pop(name).control.end(build_stopped)
            images = [
                image.id
                for image in self._images.values()
                if not image.repo_tags and image.id not in keep and _carries(image.labels, wanted)
            ]
            for image_id in images:
                del self._images[image_id]
        return Swept(len(containers), len(images))

    # --- how it does it

    def follow_dockerfile(self, order: BuildOrder, control: Control) -> Iterator[BuildEvent]:
        """Build as BuildKit would; the script of a fake that is given none."""
        steps = steps_of(dockerfile_in(order.context))
        base = self._base(steps)
        done = str(sorted(order.build_args.items()))
        for number, step in enumerate(steps, start=1):
            control.check()
            yield StepStarted(number)
            done = f"{done}\n{step}\n{sorted(mounted(order, step).items())}"
            cached = done in self._done_before and not order.no_cache
            if step.startswith("RUN ") and not cached:
                yield from step_run(order, control, number, len(steps), step)
            self._done_before.add(done)
            yield StepDone(number, 0.0, cached=cached)
        image = self.add_image(labels=order.labels, below=base.layers if base else ())
        made = (Layer(f"{step} # buildkit", 0) for step in steps if not step.startswith("FROM "))
        self.histories[image.id] = (*(self.history(base.id) if base else ()), *made)
        yield ImageBuilt(image.id)

    def follow_hub(self, wanted: Reference, report: Callable[[PullProgress], None], _: Control) -> LocalImage:
        """Bring what `hub` offers; the script of a fake that is given none."""
        offered = self._offered(wanted)
        if isinstance(offered, Problem):
            raise offered
        if offered is None:
            raise ImageNotFound(f"There is no image `{wanted}` that this daemon may pull.", hint="Check the name.")
        report(PullProgress(0, 1, 0, offered.size, all_sized=True))
        report(PullProgress(1, 1, offered.size, offered.size, all_sized=True))
        return offered

    def _offered(self, wanted: Reference) -> LocalImage | Problem | None:
        by_digest = f"{wanted.repository}@{wanted.digest}"
        same = (one for one in self.hub.values() if isinstance(one, LocalImage) and by_digest in one.repo_digests)
        return self.hub.get(str(wanted)) or self.hub.get(by_digest) or next(same, None)

    def _base(self, steps: list[str]) -> LocalImage | None:
        if not steps[:1] or not steps[0].startswith("FROM "):
            return None
        base = self.find_image(steps[0].split()[1])
        if base is None:
            raise BuildFailed(f"The base image `{steps[0].split()[1]}` is not on this daemon.", hint="Pull it first.")
        return base

    @contextmanager
    def _following(self, order: BuildOrder) -> Iterator[Control]:
        with self._lock:
            control = self._running[order.build_id] = Control()
            self.builds.append(order)
            self.most_builds = max(self.most_builds, len(self._running))
        try:
            yield control
        finally:
            with self._lock:
                self._running.pop(order.build_id, None)

    @contextmanager
    def _fetching(self, wanted: Reference, pull_id: str | None) -> Iterator[Control]:
        key = pull_id or f"pull {next(self._numbers)}"
        with self._lock:
            control = self._pulling[key] = Control()
            self.pulls.append(wanted)
            self.most_pulls = max(self.most_pulls, len(self._pulling))
        try:
            yield control
        finally:
            with self._lock:
                self._pulling.pop(key, None)

    @contextmanager
    def _contained(self, order: RunOrder) -> Iterator[Control]:
        with self._lock:
            self.runs.append(order)
            name = f"container-{len(self.runs)}"
            container = self._throwaways[name] = _Throwaway(order.labels, order.image)
        try:
            yield container.control
        finally:
            with self._lock:
                self._throwaways.pop(name, None)

    def _name(self, image_id: ImageId, name: str) -> None:
        for other in self._images.values():
            self._images[other.id] = replace(other, repo_tags=tuple(n for n in other.repo_tags if n != name))
        image = self._images[image_id]
        self._images[image_id] = replace(image, repo_tags=(*image.repo_tags, name))

    def _up(self) -> None:
        if self._down:
            raise unavailable()

    def _known(self, image: ImageId) -> LocalImage:
        with self._lock:
            self._up()
            if image not in self._images:
                raise ImageNotFound(f"The image `{image}` is not on the Docker daemon.", hint="Make it again.")
            return self._images[image]


def _listed(image: LocalImage) -> ListedImage:
    second = image.created.replace(microsecond=0)
    return ListedImage(image.id, image.repo_tags, image.repo_digests, second, image.size, image.labels)


def _without(image: LocalImage, reference: str) -> LocalImage:
    """Take a name from an image; with the last tag of a repository its digests go too, as Docker does it."""
    if "@" in reference:
        gone = _by_digest(reference)
        return replace(image, repo_digests=tuple(one for one in image.repo_digests if one != gone))
    tags = tuple(name for name in image.repo_tags if name != _full(reference))
    repository = _full(reference).rpartition(":")[0]
    if any(name.rpartition(":")[0] == repository for name in tags):
        return replace(image, repo_tags=tags)
    digests = tuple(one for one in image.repo_digests if one.partition("@")[0] != repository)
    return replace(image, repo_tags=tags, repo_digests=digests)


def _by_digest(reference: str) -> str:
    """Leave out the tag that stands before a digest: Docker takes no notice of it."""
    name, at, digest = reference.partition("@")
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}{at}{digest}"


def _carries(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(key in labels and value in ("", labels[key]) for key, value in wanted.items())


def _full(reference: str) -> str:
    return reference if ":" in reference.rpartition("/")[2] else f"{reference}:latest"
