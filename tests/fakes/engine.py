"""A Docker daemon in memory that passes the same contract suite as the real one.

What a test does not script behaves by default: builds follow their Dockerfile (RUN by the toy shell), containers
run the toy shell. `break_down` and `repair` stand for a daemon that is stopped and started again.
"""

import hashlib
import re
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

from commands.engine.interface import (
    BuildEvent,
    BuildOrder,
    EngineDescription,
    PullProgress,
    RunOrder,
    RunOutcome,
    Swept,
)
from commands.errors import (
    BuildFailed,
    BuildStopped,
    BuildTimedOut,
    EngineUnavailable,
    ImageNotFound,
    Problem,
)
from commands.model.events import ImageBuilt, LogLine, StepDone, StepFailed, StepStarted
from commands.model.images import ImageId, LocalImage, Platform
from commands.model.references import Reference
from tests.fakes.shell import Exited, Printed, Slept, played

PLATFORM = Platform("linux", "amd64")
FIRST_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
"""When the first image of a fake was made; each further one is a second younger."""


class Control:
    """One running build or container, seen by its script: `wait` is the only way to let time pass."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._reason: Callable[[], Problem] = _stopped

    def end(self, reason: Callable[[], Problem]) -> None:
        """End it from outside."""
        if not self._ended.is_set():
            self._reason = reason
            self._ended.set()

    def wait(self, seconds: float | None = None) -> None:
        """Wait so long, or for ever; raises the reason when it is ended from outside."""
        if self._ended.wait(seconds):
            raise self._reason()

    def check(self) -> None:
        """Raise the reason if it was ended from outside."""
        self.wait(0)


BuildScript = Callable[[BuildOrder, Control], Iterator[BuildEvent]]
RunScript = Callable[[RunOrder], RunOutcome]


@dataclass(slots=True)
class _Container:
    labels: Mapping[str, str]
    control: Control = field(default_factory=Control)


class FakeEngine:
    """The engine. `hub` holds what `pull` can fetch, by full reference: an image, or the problem that it raises.

    `build_script` and `run_script` replace what builds and containers do. `most_builds` is the highest number of
    builds that ran at once; `builds` and `runs` are the orders in their sequence.
    """

    def __init__(
        self,
        *,
        build_script: BuildScript | None = None,
        run_script: RunScript | None = None,
        hub: Mapping[str, LocalImage | Problem] | None = None,
    ) -> None:
        self.build_script = build_script or self.follow_dockerfile
        self.run_script = run_script
        self.hub = dict(hub or {})
        self.builds: list[BuildOrder] = []
        self.runs: list[RunOrder] = []
        self.cancelled: list[str] = []
        self.most_builds = 0
        self._lock = threading.RLock()
        self._running: dict[str, Control] = {}
        self._containers: dict[str, _Container] = {}
        self._images: dict[ImageId, LocalImage] = {}
        self._done_before: set[str] = set()
        self._made = 0
        self._down = False

    # --- what tests do to it

    def break_down(self) -> None:
        """Stop the daemon: what runs ends, and every call raises `EngineUnavailable` until `repair`."""
        with self._lock:
            self._down = True
            for running in [*self._running.values(), *(one.control for one in self._containers.values())]:
                running.end(_unavailable)
            self._containers.clear()

    def repair(self) -> None:
        """Start the daemon again, with the images it had."""
        self._down = False

    @property
    def running_builds(self) -> int:
        """How many builds run now."""
        return len(self._running)

    @property
    def containers(self) -> int:
        """How many containers exist, running or not."""
        return len(self._containers)

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
            for image in self._images.values():
                if image.id == reference or name in image.repo_tags or reference in image.repo_digests:
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

    def pull(self, reference: Reference, report: Callable[[PullProgress], None]) -> LocalImage:
        """Fetch an image from `hub`."""
        self._up()
        wanted = reference if reference.tag or reference.digest else replace(reference, tag="latest")
        offered = self.hub.get(str(wanted))
        if isinstance(offered, Problem):
            raise offered
        if offered is None:
            raise ImageNotFound(f"There is no image `{wanted}` that this daemon may pull.", hint="Check the name.")
        report(PullProgress(0, 1, 0, offered.size))
        with self._lock:
            self._images[offered.id] = replace(offered, repo_tags=())
            if wanted.digest is None:
                self._name(offered.id, str(wanted))
        report(PullProgress(1, 1, offered.size, offered.size))
        return self._images[offered.id]

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
            running.end(_stopped)

    def run(self, order: RunOrder) -> RunOutcome:
        """Run a command by the script, or by the toy shell."""
        self._up()
        if self.find_image(order.image) is None:
            raise ImageNotFound(f"The image `{order.image}` is not on the Docker daemon.", hint="Make it again.")
        with self._contained(order) as control:
            return self.run_script(order) if self.run_script else self._shell(order, control)

    def tag(self, image: ImageId, repository: str, tag: str) -> None:
        """Give an image a name."""
        with self._lock:
            self._up()
            if image not in self._images:
                raise ImageNotFound(f"The image `{image}` is not on the Docker daemon any more.", hint="Make it again.")
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
            left = () if image.id == reference else tuple(n for n in image.repo_tags if n != _full(reference))
            if left:
                self._images[image.id] = replace(image, repo_tags=left)
            else:
                del self._images[image.id]

    def import_image(self, filesystem: bytes, repository: str, tag: str, labels: Mapping[str, str]) -> ImageId:
        """Make an image of a tar of a root file system."""
        return self.add_image(f"{repository}:{tag}", labels=labels, size=len(filesystem)).id

    def sweep(self, label: str, value: str, *, keep: tuple[ImageId, ...] = ()) -> Swept:
        """Remove containers and nameless images with this label."""
        wanted = {label: value}
        with self._lock:
            self._up()
            containers = [name for name, one in self._containers.items() if _carries(one.labels, wanted)]
            for name in containers:
                self._containers.pop(name).control.end(_stopped)
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
        steps = _steps(_dockerfile(order.context))
        base = self._base(steps)
        done = str(sorted(order.build_args.items()))
        for number, step in enumerate(steps, start=1):
            control.check()
            yield StepStarted(number)
            done = f"{done}\n{step}"
            cached = done in self._done_before
            if step.startswith("RUN ") and not cached:
                yield from self._run_step(order, control, number, len(steps), step)
            self._done_before.add(done)
            yield StepDone(number, 0.0, cached=cached)
        yield ImageBuilt(self.add_image(labels=order.labels, below=base.layers if base else ()).id)

    def _base(self, steps: list[str]) -> LocalImage | None:
        if not steps[:1] or not steps[0].startswith("FROM "):
            return None
        base = self.find_image(steps[0].split()[1])
        if base is None:
            raise BuildFailed(f"The base image `{steps[0].split()[1]}` is not on this daemon.", hint="Pull it first.")
        return base

    def _run_step(
        self, order: BuildOrder, control: Control, number: int, count: int, step: str
    ) -> Iterator[StepStarted | StepFailed | LogLine]:
        said: list[str] = []
        try:
            for happening in played(step.removeprefix("RUN "), files={}, user="root"):
                match happening:
                    case Printed(text):
                        said.append(text)
                        yield LogLine(number, text)
                    case Slept(seconds):
                        _bear(order, seconds)
                        control.wait(seconds)
                    case Exited(code):
                        _succeed(code, step, f"Step {number} of {count}", tuple(said[-20:]))
        except Problem:
            yield StepFailed(number, 0.0)
            raise

    def _shell(self, order: RunOrder, control: Control) -> RunOutcome:
        match order.command:
            case ("sh", "-c", script):
                pass
            case _:
                return RunOutcome(127, "", f"exec: {order.command[0]!r}: executable file not found in $PATH")
        image = self.find_image(order.image)
        user = order.user or (image.user if image else "") or "root"
        printed: dict[bool, list[str]] = {False: [], True: []}
        code: int | None = None
        for happening in played(script, files=order.files, user=user):
            match happening:
                case Printed(text, error):
                    printed[error].append(f"{text}\n")
                case Slept(seconds) if seconds > order.seconds:
                    return RunOutcome(None, "".join(printed[False]), "".join(printed[True]), timed_out=True)
                case Slept(seconds):
                    try:
                        control.wait(seconds)
                    except BuildStopped:
                        return RunOutcome(None, "", "")
                case Exited(ended):
                    code = ended
        return RunOutcome(code, "".join(printed[False]), "".join(printed[True]))

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
    def _contained(self, order: RunOrder) -> Iterator[Control]:
        with self._lock:
            self.runs.append(order)
            name = f"container-{len(self.runs)}"
            container = self._containers[name] = _Container(order.labels)
        try:
            yield container.control
        finally:
            with self._lock:
                self._containers.pop(name, None)

    def _name(self, image_id: ImageId, name: str) -> None:
        for other in self._images.values():
            self._images[other.id] = replace(other, repo_tags=tuple(n for n in other.repo_tags if n != name))
        image = self._images[image_id]
        self._images[image_id] = replace(image, repo_tags=(*image.repo_tags, name))

    def _up(self) -> None:
        if self._down:
            raise _unavailable()


def _stopped() -> Problem:
    return BuildStopped("The build was stopped.", hint="Start it again when it is needed.")


def _unavailable() -> Problem:
    return EngineUnavailable("No Docker daemon answers at `unix:///fake.sock`.", hint="Start it.")


def _bear(order: BuildOrder, seconds: float) -> None:
    if seconds > order.idle_seconds:
        raise BuildTimedOut(f"The build said nothing for {order.idle_seconds:g} s and was ended.", hint="See its log.")


def _succeed(code: int, step: str, where: str, said: tuple[str, ...]) -> None:
    if code != 0:
        raise BuildFailed(f"{where}, `{step}`, ended with exit code {code}.", hint="See the lines below.", details=said)


def _carries(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(key in labels and value in ("", labels[key]) for key, value in wanted.items())


def _full(reference: str) -> str:
    return reference if ":" in reference.rpartition("/")[2] else f"{reference}:latest"


def _dockerfile(context: bytes) -> str:
    with tarfile.open(fileobj=BytesIO(context)) as tar:
        file = tar.extractfile("Dockerfile")
        if file is None:
            raise BuildFailed("The build context has no Dockerfile.", hint="Put one in.")
        return file.read().decode()


def _steps(dockerfile: str) -> list[str]:
    """Give the instructions of the last stage that BuildKit counts as steps."""
    joined = re.sub(r"\\\n", " ", dockerfile)
    lines = [line.strip() for line in joined.splitlines()]
    stages = [number for number, line in enumerate(lines) if line.upper().startswith("FROM ")]
    counted = re.compile(r"(FROM|RUN|COPY|ADD|WORKDIR)\s(?!scratch\b)", re.IGNORECASE)
    return [line for line in lines[stages[-1] if stages else 0 :] if counted.match(line)]
