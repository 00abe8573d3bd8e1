"""Twenty images of which two changed, brought up to date: `python -m tests.bench.updates`.

Side by side in one run, on a daemon of its own and Debian's `docker-registry`, each time from the same state: a loop of
`docker pull` of Docker's command line; our update of all, by the parts of the production bot, in this process; the same
typed into a room and confirmed, until the result is shown; and the same by `warroom say`. Prints wall times, and what
the registry was asked. It takes root, since the daemon has a network of its own.
"""

import argparse
import ctypes
import http.client
import logging
import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter

import docker
import structlog

from bot import wiring
from bot.dialogs.stages import Asked
from bot.settings import load_settings
from bot.work import CommandWork
from commands.cancellation import Cancellation
from commands.carry_out import JobContext
from commands.command import ImagesUpdated, Update
from commands.engine.docker_daemon import DockerDaemon
from commands.model.events import Event, StepDone
from commands.model.images import Digest
from commands.model.outcomes import Ending
from commands.model.requests import UpdateImages
from tests.bench.distance import further_away
from tests.kit.engine_space import packed
from tests.kit.examples import ALICE, NOW
from tests.kit.private_engine import PrivateEngine, private_engine
from tests.kit.program import PATIENCE, Program, ProgramRoom, open_program_room
from tests.kit.registries import RunningRegistry, open_registry

LINE = "/docker_image_update all=true"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
PATIENT = 300.0
_NEW_NETWORK = 0x40000000
"""`CLONE_NEWNET` of Linux's `sched.h`."""

Way = Callable[[], None]
Requests = Sequence[tuple[str, str, int]]


# ── The ground ──────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def network_of(engine: PrivateEngine) -> Iterator[None]:
    """Have this thread, and all that it starts, in the daemon's network: the registry, the bot, the command line."""
    assert engine.process
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/thread-self/ns/net").open() as own, Path(f"/proc/{engine.process.pid}/ns/net").open() as theirs:
        assert libc.setns(theirs.fileno(), _NEW_NETWORK) == 0, os.strerror(ctypes.get_errno())
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield
        finally:
            assert libc.setns(own.fileno(), _NEW_NETWORK) == 0, os.strerror(ctypes.get_errno())


@dataclass(slots=True)
class BenchRegistry:
    """The daemon, and the registry with two versions of every image that changes: `latest` is the one or the other.

    `address` is how everybody reaches the registry; it may be further away than `registry` itself.
    """

    engine: PrivateEngine
    registry: RunningRegistry
    address: str
    client: docker.APIClient
    images: int
    changed: int
    megabytes: float
    digests: dict[tuple[str, str], Digest] = field(default_factory=dict)

    @property
    def repositories(self) -> tuple[str, ...]:
        """Where the images are, within the registry."""
        return tuple(f"team/tool{number}" for number in range(self.images))

    @property
    def moving(self) -> tuple[str, ...]:
        """Those that change."""
        return self.repositories[: self.changed]

    def name(self, repository: str) -> str:
        """Give the name of an image on the daemon."""
        return f"{self.address}/{repository}:latest"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all on the daemon."""
        return tuple(map(self.name, self.repositories))

    def restore(self) -> None:
        """Have the old version of all on the daemon, and the new one of those that change in the registry.

        Both versions are ones that nobody has seen: a bot remembers what is in an image.
        """
        for repository in self.repositories:
            if repository in self.moving or (repository, "v1") not in self.digests:
                self._publish(repository, "v1")
        for repository in self.moving:
            self._publish(repository, "v2")
        for image in self.client.images():
            self.client.remove_image(image["Id"], force=True)
        self._point(self.repositories, "v1")
        for name in self.names:
            self.client.pull(name)
        self._point(self.moving, "v2")
        assert self.holds("v1")

    def holds(self, version: str) -> bool:
        """Say whether the daemon has this version of what changes, and the first of all else."""
        for repository in self.repositories:
            digest = self.digests[repository, version if repository in self.moving else "v1"]
            image = self.client.inspect_image(self.name(repository))
            if f"{self.address}/{repository}@{digest}" not in image["RepoDigests"]:
                return False
        return True

    def _publish(self, repository: str, version: str) -> None:
        content = packed({"content": os.urandom(int(self.megabytes * 1e6))})
        self.client.import_image_from_data(content, repository="made", tag="now")
        _, self.digests[repository, version] = self.registry.push(self.client, "made:now", repository, version)

    def _point(self, repositories: Sequence[str], version: str) -> None:
        line = http.client.HTTPConnection(self.registry.address)
        for repository in repositories:
            line.request("GET", f"/v2/{repository}/manifests/{version}", headers={"Accept": MANIFEST})
            manifest = line.getresponse().read()
            line.request("PUT", f"/v2/{repository}/manifests/latest", manifest, {"Content-Type": MANIFEST})
            answer = line.getresponse()
            answer.read()
            assert answer.status == http.client.CREATED, answer.status
        line.close()


# ── The ways ────────────────────────────────────────────────────────────────────────────────────────────────────────


def pull_each(registry_of_bench: BenchRegistry) -> None:
    """Do as people do without a bot."""
    for name in registry_of_bench.names:
        subprocess.run(
            ["docker", "--host", registry_of_bench.engine.host, "pull", "--quiet", name],
            check=True,
            capture_output=True,
        )


@dataclass(slots=True)
class ProductionParts:
    """The parts of the production bot, without a conversation. `there` is when, each time, every image was there."""

    ground: BenchRegistry
    state: Path
    there: list[float] = field(default_factory=list)

    def __call__(self) -> None:
        """Propose the update of all and carry it out."""
        start, ground = perf_counter(), self.ground
        settings = load_settings().model_copy(update={"docker_host": ground.engine.host, "state_dir": self.state})
        with ExitStack() as resources:
            engine = resources.enter_context(closing(DockerDaemon(ground.engine.host)))
            redact = wiring.redactor(settings)
            registry = wiring.make_registry(settings, engine)
            index = resources.enter_context(closing(wiring.make_index(settings, engine.run)))
            dependencies = wiring._dependencies(
                settings, index, engine=engine, files=None, registry=registry, redact=redact
            )
            work = CommandWork(wiring._sources(settings, index, dependencies, None), dependencies)
            asked = Asked(wiring._new_id(), UpdateImages(None), "/docker_image_update", LINE, ALICE, "C0WARROOM", NOW)
            proposal = work.answer(asked, lambda _: None)
            assert isinstance(proposal, Update), proposal
            job_context, named = JobContext(asked.dialog, ALICE, "C0WARROOM"), list[float]()

            def hear(event: Event) -> None:
                # Behind the pulls there is one more step, in which the packages are compared.
                if isinstance(event, StepDone) and event.step <= ground.changed:
                    named.append(perf_counter() - start)

            updated = work.carry_out(proposal, job_context, hear, Cancellation())
        assert isinstance(updated, ImagesUpdated), updated
        endings = Counter(result.ending for result in updated.outcome.results)
        assert endings == {Ending.UPDATED: ground.changed, Ending.UNCHANGED: ground.images - ground.changed}, updated
        self.there.append(max(named))


def type_and_confirm(program_room: ProgramRoom) -> None:
    """Type the command, confirm as soon as that can be done, and wait for the result."""
    talk = program_room.type(LINE)
    talk.until("review", within=PATIENCE)
    talk.click("update")
    talk.until("updated", within=PATIENCE)


def say(environment: Mapping[str, str]) -> None:
    """Run `warroom say`, from its start to its end."""
    with Program("say", LINE, "--yes", environment=environment) as program:
        assert program.ended(within=PATIENT) == 0, program.output


# ── Measuring ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class UpdateFigures:
    """What came of one way, over all rounds."""

    seconds: list[float] = field(default_factory=list)
    requests: list[Requests] = field(default_factory=list)


def measure(registry_of_bench: BenchRegistry, ways: Mapping[str, Way], rounds: int) -> dict[str, UpdateFigures]:
    """Take each way so many times, turn by turn, each time from the same state; the first round only warms up."""
    figures = {name: UpdateFigures() for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            registry_of_bench.restore()
            before, start = len(registry_of_bench.registry.requests), perf_counter()
            way()
            seconds = perf_counter() - start
            assert registry_of_bench.holds("v2"), name
            if turn:
                figures[name].seconds.append(seconds)
                figures[name].requests.append(registry_of_bench.registry.requests[before:])
    return figures


def times(figures: Mapping[str, UpdateFigures]) -> Iterator[str]:
    """Write the table of wall times, with the ratio to the first way."""
    yield "| way | median s | fastest s | slowest s | ratio |"
    yield "|---|---|---|---|---|"
    yardstick = median(next(iter(figures.values())).seconds)
    for name, told in figures.items():
        seconds = (median(told.seconds), min(told.seconds), max(told.seconds))
        yield f"| {name} | {' | '.join(f'{time:.2f}' for time in seconds)} | {seconds[0] / yardstick:.2f} |"


def requests(registry_of_bench: BenchRegistry, figures: Mapping[str, UpdateFigures]) -> Iterator[str]:
    """Write the table of what the registry was asked in the last round, of changed and of unchanged images."""
    kinds = ("HEAD manifest", "GET manifest", "GET blob", "HEAD blob", "other")
    yield f"| way | images | {' | '.join(kinds)} |"
    yield f"|---|---|{'---|' * len(kinds)}"
    for name, told in figures.items():
        for which, is_wanted in (("unchanged", False), ("changed", True)):
            asked = [
                each for each in told.requests[-1] if (_repository(each[1]) in registry_of_bench.moving) is is_wanted
            ]
            counts = Counter(_kind(method, path) for method, path, _ in asked if path != "/v2/")
            count = registry_of_bench.changed if is_wanted else registry_of_bench.images - registry_of_bench.changed
            yield f"| {name} | {count} {which} | {' | '.join(str(counts[kind]) for kind in kinds)} |"
        greetings = sum(path == "/v2/" for _, path, _ in told.requests[-1])
        yield f"| {name} | `/v2/` | {' | '.join(['', '', '', '', str(greetings)])} |"


def _repository(path: str) -> str:
    return "/".join(path.split("/")[2:4])


def _kind(method: str, path: str) -> str:
    kind = f"{method} {'manifest' if '/manifests/' in path else 'blob' if '/blobs/' in path else '?'}"
    return "other" if "?" in kind else kind


def run(registry_of_bench: BenchRegistry, folder: Path, rounds: int) -> Iterator[str]:
    """Measure all ways on this ground and write both tables."""
    environment = {"WARROOM_DOCKER_HOST": registry_of_bench.engine.host, "WARROOM_STATE_DIR": str(folder / "bot")}
    alone = {**environment, "WARROOM_STATE_DIR": str(folder / "say")}
    parts = ProductionParts(registry_of_bench, folder / "parts")
    with open_program_room(environment) as program_room, program_room.bot(WARROOM_LOG_LEVEL="info"):
        ways: Mapping[str, Way] = {
            "a loop of `docker pull`": lambda: pull_each(registry_of_bench),
            "our update, without a conversation": parts,
            "typed in the room, confirmed at once": lambda: type_and_confirm(program_room),
            "`warroom say --yes`, with its start": lambda: say(alone),
        }
        figures = measure(registry_of_bench, ways, rounds)
    yield from times({**figures, "our update, until every image is there": UpdateFigures(parts.there[1:])})
    yield ""
    yield from requests(registry_of_bench, figures)


def main() -> None:
    """Measure and print."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--changed", type=int, default=2)
    parser.add_argument("--megabytes", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--away", type=float, nargs="+", default=[0, 20], help="milliseconds to the registry, one way")
    options = parser.parse_args()
    sizes = (options.images, options.changed, options.megabytes)
    for away in options.away:
        with (
            private_engine() as engine,
            network_of(engine),
            open_registry() as registry,
            further_away(registry.address, away) as address,
            closing(docker.APIClient(engine.host, version="auto")) as client,
            tempfile.TemporaryDirectory(prefix="warroom-updates-") as folder,
        ):
            print(f"\nThe registry is {away:g} ms away:\n", flush=True)
            print(
                *run(BenchRegistry(engine, registry, address, client, *sizes), Path(folder), options.rounds), sep="\n"
            )


if __name__ == "__main__":
    main()
