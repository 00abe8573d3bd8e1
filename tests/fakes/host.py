"""What goes on inside a Docker host: scripts by which builds and containers of a `FakeEngine` go as on a healthy one.

A build reads its context as its Dockerfile does and remembers what the image then holds; the programs that the bot
sends into containers answer from that memory. Tests say what goes wrong, and hold things up at a `Gate`.
"""

import hashlib
import json
import re
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from time import monotonic

from commands.engine.interface import BuildEvent, BuildOrder, RunOrder, RunOutcome
from commands.errors import BuildFailed, BuildStopped, BuildTimedOut, Problem
from commands.inside import inline
from commands.model.events import ImageBuilt, LogLine, StepDone, StepFailed, StepStarted
from commands.model.images import ImageId, LocalImage
from tests.fakes.control import Control
from tests.fakes.engine import FIRST_MOMENT, PLATFORM, FakeEngine

DEFAULT_BASE = "demisto/python3-deb"
PATIENCE_SECONDS = 120.0
"""How long a test waits for something that should come at once: only a broken test, not a slow machine, gets there."""


class Gate:
    """A place where what a fake does waits while a test keeps it shut."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._shut = False
        self._waiting = 0
        self._tickets = 0

    def shut(self) -> None:
        """Let nobody pass."""
        with self._changed:
            self._shut = True

    def open(self) -> None:
        """Let everybody pass."""
        with self._changed:
            self._shut = False
            self._changed.notify_all()

    def let_pass(self, count: int = 1) -> None:
        """Let so many pass and stay shut."""
        with self._changed:
            self._tickets += count
            self._changed.notify_all()

    def wait_for(self, count: int = 1) -> None:
        """Wait until so many wait here."""
        with self._changed:
            came = self._changed.wait_for(lambda: self._waiting >= count, PATIENCE_SECONDS)
        assert came, f"only {self._waiting} of {count} came to the gate"

    def pass_through(self, check: Callable[[], None] = lambda: None) -> None:
        """Wait until it is open; `check` is called meanwhile and may raise."""
        with self._changed:
            self._waiting += 1
            self._changed.notify_all()
            try:
                check()
                while self._shut and not self._tickets:
                    self._changed.wait(0.01)
                    check()
                self._tickets -= bool(self._tickets)
            finally:
                self._waiting -= 1
                self._changed.notify_all()


@dataclass(frozen=True, slots=True)
class ImageContent:
    """What an image holds: the version of its Python, its installers of OS packages, what is installed."""

    python: str | None = "3.11.2"
    installers: tuple[str, ...] = ("apt-get",)
    distributions: Mapping[str, str] = field(default_factory=lambda: {"pip": "23.0.1"})
    os_packages: Mapping[str, str] = field(default_factory=dict)


class Host:
    """A Docker host; `engine` is the daemon on it, which has one base.

    `steps` is passed before the end of every RUN of a build, `looks` and `checks` by the containers that look into a
    base and check an image. `failing` maps steps to the problem in which they end, `import_errors` modules to what
    Python says; `left_out` are packages that installers forget, `other_versions` those that they mistake. `says` is
    printed by every RUN. A host that `is_deaf` goes on with a build that was cancelled.
    `hang_up` is asked while anything waits, and may raise.
    """

    def __init__(self) -> None:
        self.steps = Gate()
        self.looks = Gate()
        self.checks = Gate()
        self.failing: dict[int, Problem] = {}
        self.import_errors: dict[str, str] = {}
        self.left_out: set[str] = set()
        self.other_versions: dict[str, str] = {}
        self.is_deaf = False
        self.hang_up: Callable[[], None] = lambda: None
        self.says = ["Reading package lists...", "Done."]
        self._inside: dict[ImageId, ImageContent] = {}
        self.engine = FakeEngine(build_script=self.build, run_script=self.run)
        self.add_base(DEFAULT_BASE)

    # ── What tests put there, and look at ───────────────────────────────────────────────────────────────────────

    def add_base(
        self, name: str, inside: ImageContent | None = None, *, labels: Mapping[str, str] | None = None
    ) -> LocalImage:
        """Put a base on the daemon; one that has `labels` was made there and is in no registry."""
        digests = () if labels else (f"{name}@{_digest(name)}",)
        image = self.engine.add_image(f"{name}:latest", repo_digests=digests, labels=labels, size=150_000_000)
        self._inside[image.id] = inside or ImageContent()
        return image

    def offer(self, reference: str, inside: ImageContent | None = None) -> LocalImage:
        """Put a base into the hub, under a full reference."""
        image = LocalImage(
            id=ImageId(_digest(f"image {reference}")),
            repo_tags=(),
            repo_digests=(f"{reference.rpartition(':')[0]}@{_digest(reference)}",),
            created=FIRST_MOMENT,
            size=120_000_000,
            labels={},
            user="",
            platform=PLATFORM,
            layers=(_digest(f"layer {reference}"),),
        )
        self._inside[image.id] = inside or ImageContent()
        self.engine.hub[reference] = image
        return image

    def inside(self, reference: str) -> ImageContent:
        """Say what an image holds."""
        image = self.engine.find_image(reference)
        assert image is not None, f"there is no image {reference}"
        return self._inside[image.id]

    # ── The scripts ─────────────────────────────────────────────────────────────────────────────────────────────

    def build(self, order: BuildOrder, control: Control) -> Iterator[BuildEvent]:
        """Build as BuildKit and the installers do."""
        files = _files(order.context)
        instructions = _instructions(files["Dockerfile"])
        base = self._base(instructions[0])
        _require_files(order, files)
        yield StepStarted(1)
        yield StepDone(1, 0.0, cached=True)
        for number, _ in enumerate(instructions[1:], start=2):
            yield from self._step(number, order, control)
        image = self.engine.add_image(labels=order.labels, below=base.layers, size=base.size + 1_000_000)
        self._inside[image.id] = self._filled(self._inside[base.id], files)
        yield ImageBuilt(image.id)

    def run(self, order: RunOrder) -> RunOutcome:
        """Answer as the bot's programs do inside a container."""
        match order.command:
            case ("/bin/sh", "-c", _, "sh", word, _):
                self.looks.pass_through(self._go_on_unless_hung_up)
                return RunOutcome(0, "".join(f"\n{word} {answer}\n" for answer in _look(self._inside[order.image])), "")
            case (_, *program, word, question) if tuple(program) == inline("check"):
                try:
                    self.checks.pass_through(self._go_on_unless_swept)
                except BuildStopped:
                    return RunOutcome(None, "", "")
                answers = self._check(self._inside[order.image], json.loads(question))
                return RunOutcome(0, "".join(f"\n{word} {json.dumps(answer)}\n" for answer in answers), "")
            case _:
                return RunOutcome(127, "", f"exec: {order.command[0]!r}: executable file not found in $PATH")

    def _go_on_unless_hung_up(self) -> None:
        self.hang_up()

    def _go_on_unless_swept(self) -> None:
        self._go_on_unless_hung_up()
        # A script is not told that its container is gone; that none is left at all is as good with one at a time.
        if not self.engine.throwaways:
            raise BuildStopped("The container was removed.", hint="Start it again.")

    def _base(self, instruction: str) -> LocalImage:
        base = self.engine.find_image(instruction.split()[1])
        if base is None:
            raise BuildFailed("The base image is not on this Docker daemon.", hint="Pull it first.")
        return base

    def _step(self, number: int, order: BuildOrder, control: Control) -> Iterator[BuildEvent]:
        yield StepStarted(number)
        try:
            yield from (LogLine(number, line) for line in self.says)
            self.steps.pass_through(self._patience(order, control))
            if problem := self.failing.get(number):
                yield from (LogLine(number, line) for line in problem.details)
                raise problem
        except Problem:
            yield StepFailed(number, 0.1)
            raise
        yield StepDone(number, 0.2)

    def _patience(self, order: BuildOrder, control: Control) -> Callable[[], None]:
        """End what is waited for: from outside, or by the daemon's silence."""
        since = monotonic()

        def check() -> None:
            self._go_on_unless_hung_up()
            if not self.is_deaf:
                control.check()
            if monotonic() - since > order.idle_seconds:
                raise BuildTimedOut(
                    f"The build printed nothing for {order.idle_seconds:g} s and was ended.",
                    hint="See the last lines of its log: a step may wait for input or for the network.",
                )

        return check

    def _filled(self, base: ImageContent, files: Mapping[str, str]) -> ImageContent:
        locked = {name: version for name, version, _ in _locked(files)}
        wanted = [line.partition("=") for line in files.get("os/os-packages.txt", "").split()]
        return ImageContent(
            base.python,
            base.installers,
            {**base.distributions, **self._installed(locked)},
            {**base.os_packages, **self._installed({name: version or "1.0" for name, _, version in wanted})},
        )

    def _installed(self, wanted: Mapping[str, str]) -> dict[str, str]:
        kept = {name: version for name, version in wanted.items() if name not in self.left_out}
        return {name: self.other_versions.get(name, version) for name, version in kept.items()}

    def _check(self, inside: ImageContent, question: Mapping[str, list[str]]) -> Iterator[dict[str, object]]:
        wanted = question["os_packages"]
        yield {
            "kind": "facts",
            "installed": dict(inside.distributions),
            "requires": {},
            "markers": {"python_version": "3.11", "sys_platform": "linux"},
            "os_packages": {name: inside.os_packages[name] for name in wanted if name in inside.os_packages},
        }
        for name in question["requested"]:
            module = name.replace("-", "_")
            error = self.import_errors.get(module, "")
            yield {"kind": "import", "distribution": name, "module": module, "error": error}
        yield {"kind": "end"}


def _look(inside: ImageContent) -> Iterator[str]:
    match inside.python:
        case None:
            pass
        case old if old.startswith("2."):
            yield f"old {old}"
        case version:
            yield json.dumps(
                {
                    "python": version,
                    "implementation": "CPython",
                    "executable": "/usr/bin/python3",
                    "libc": "glibc",
                    "libc_version": "2.36",
                    "installers": list(inside.installers),
                }
            )
            return
    yield "end"


def _files(context: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=BytesIO(context)) as tar:
        opened = [(member.name, tar.extractfile(member)) for member in tar if member.isfile()]
        return {name: file.read().decode(errors="replace") for name, file in opened if file is not None}


def _locked(files: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Read what the installer is to install: names, versions and hashes."""
    lists = files.get("python/wheels.txt", "") + files.get("python/sources.txt", "")
    return re.findall(r"^([a-z0-9-]+)==(\S+) --hash=sha256:([0-9a-f]{64})$", lists, re.MULTILINE)


def _require_files(order: BuildOrder, files: Mapping[str, str]) -> None:
    """Look for the files of all that is to be installed: the installer asks no index."""
    there = {hashlib.sha256(path.read_bytes()).hexdigest() for path in order.files.values()}
    for name, version, sha256 in _locked(files):
        if sha256 not in there:
            raise BuildFailed(f"The build has no file of {name}=={version}.", hint="Send it with the context.")


def _instructions(dockerfile: str) -> list[str]:
    lines = re.sub(r"\\\n", " ", dockerfile).splitlines()
    return [line for line in lines if line.startswith(("FROM ", "RUN "))]


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
