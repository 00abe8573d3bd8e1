"""What the caches cost and save, beside another checkout: `python -m tests.bench.caches --before FOLDER`.

Builds the seed's example and the ten smallest images three times on each side, in turns: first on a base that is new
with all caches empty; once more on it, with the layers gone and the caches filled; then on another new base. Removes
the daemon's build cache on the way: run it on an engine of its own. Prints a Markdown table of the sums.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from uuid import uuid4

import docker

from bot.settings import load_settings
from commands.engine.docker_daemon import DockerDaemon
from tests.bench.images import RECORDS, ReferenceImage
from tests.kit.engine_space import EngineSpace
from tests.kit.program import ROOT

SCENES = ("first build on a base", "second build on it", "another base")
DEMO = ReferenceImage(name="example", base="", python=("mechanize",), os=("wget",))


@dataclass(frozen=True, slots=True)
class SceneSeconds:
    """Seconds of all images of one scene: until the review, and from Confirm to the result."""

    review: float
    build: float


@dataclass(frozen=True, slots=True)
class Checkout:
    """One checkout, with a cache folder of its own."""

    name: str
    folder: Path
    cache: Path
    state: Path

    def make(self, record: ReferenceImage, name: str, base: str) -> tuple[float, float]:
        """Have an image made; gives the seconds of the review and of the build."""
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.folder),
            "WARROOM_CACHE_DIR": str(self.cache),
            "WARROOM_STATE_DIR": str(self.state),
            "WARROOM_DEFAULT_BASE": base,
            "WARROOM_DOCKER_HOST": load_settings().docker_host or "",
            "WARROOM_HEALTH_PORT": "0",
        }
        command = [sys.executable, "-m", "bot", "say", record.line(name), "--json", "--yes"]
        run = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, check=False)
        told = json.loads(run.stdout)
        assert told["state"] == "done", (self.name, record.name, told)
        return told["seconds"].get("preparing", 0), told["seconds"].get("running", 0)


@dataclass(frozen=True, slots=True)
class BenchDaemon:
    """A daemon, and what is built on it."""

    daemon: DockerDaemon
    raw: docker.APIClient
    plain: str
    network: str | None
    records: tuple[ReferenceImage, ...]

    def new_base(self) -> str:
        """Make a base that no build has seen."""
        made = EngineSpace(self.daemon, self.plain, self.network)
        self.daemon.tag(made.built(f"ENV BENCH={made.mark}"), "warroom-bench/base", made.mark)
        return f"warroom-bench/base:{made.mark}"

    def forget(self, *, caches: bool) -> None:
        """Remove what was built before; `caches` also what is mounted."""
        for image in self.daemon.images({}):
            for name in image.repo_tags:
                if name.startswith("warroom-bench/made/"):
                    self.daemon.remove_image(name)
        kinds = {"regular", *(("exec.cachemount", "source.local") if caches else ())}
        for kind in kinds:
            self.raw.prune_builds(filters={"type": [kind]}, all=True)  # type: ignore[arg-type]  # the stubs know none

    def scene(self, side: Checkout, base: str) -> SceneSeconds:
        """Make all images on a base."""
        times = [side.make(record, f"warroom-bench/made/{uuid4().hex[:8]}", base) for record in self.records]
        return SceneSeconds(sum(review for review, _ in times), sum(build for _, build in times))

    def round(self, side: Checkout) -> Iterator[SceneSeconds]:
        """Play the three scenes."""
        self.forget(caches=True)
        base = self.new_base()
        yield self.scene(side, base)
        self.forget(caches=False)
        yield self.scene(side, base)
        self.forget(caches=False)
        yield self.scene(side, self.new_base())


def table(measured: Mapping[str, list[tuple[SceneSeconds, ...]]]) -> str:
    """Write the medians of the rounds, and what the second side takes of the first."""
    (one, first), (other, second) = measured.items()
    lines = [
        f"| scene | {one}: review s, build s | {other}: review s, build s | build | both |",
        "|---|---|---|---|---|",
    ]
    for number, scene in enumerate(SCENES):
        before, after = (_median([played[number] for played in rounds]) for rounds in (first, second))
        whole = (after.review + after.build) / (before.review + before.build)
        build = after.build / before.build
        shown = (f"{sums.review:.1f}, {sums.build:.1f}" for sums in (before, after))
        lines.append(f"| {scene} | {' | '.join(shown)} | {build:.2f} | {whole:.2f} |")
    return "\n".join(lines)


def _median(played: list[SceneSeconds]) -> SceneSeconds:
    return SceneSeconds(median(one.review for one in played), median(one.build for one in played))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=10)
    options = parser.parse_args()
    settings = load_settings()
    records = [ReferenceImage.model_validate(each) for each in json.loads(RECORDS.read_text())["images"]][
        : options.images
    ]
    daemon = DockerDaemon(settings.docker_host)
    raw = docker.APIClient(base_url=settings.docker_host, version="auto")
    bench = BenchDaemon(daemon, raw, settings.default_base, settings.build_network, (DEMO, *records))
    measured: dict[str, list[tuple[SceneSeconds, ...]]] = {"before": [], "now": []}
    for number in range(options.rounds):
        for name, folder in (("before", options.before.resolve()), ("now", ROOT)):
            with tempfile.TemporaryDirectory(prefix="warroom-caches-") as scratch:
                side = Checkout(name, folder, Path(scratch, "cache"), Path(scratch, "state"))
                measured[name].append(tuple(bench.round(side)))
                print(number, name, measured[name][-1], file=sys.stderr, flush=True)
    print(table(measured))
    bench.forget(caches=False)
    raw.close()
    daemon.close()


if __name__ == "__main__":
    main()
