"""How fast the list of a host with thousands of images is shown: `python -m tests.bench.listing [count]`.

On a daemon of its own, turn by turn: `docker images` of Docker's command line; our first page of the list, in this
process; and the same as people have it, from typing `/docker_images` until the room shows the page. It takes root.
"""

import argparse
import hashlib
import io
import json
import logging
import signal
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter

import docker
import structlog

from bot.room.client.room_client import CommandSent, RoomClient
from bot.room.events import MessageEdited, MessagePosted
from commands.docker_images import page_of
from commands.engine.docker_daemon import DockerDaemon
from commands.model.requests import Query
from commands.recipe.labels import JOB, REF_NAME
from tests.kit.engine_space import packed
from tests.kit.private_engine import PrivateEngine, private_engine
from tests.kit.program import Program, facts_of, text_of

OLDEST = datetime(2026, 1, 1, tzinfo=UTC)
LOADING_SECONDS = 3600
COUNTED = "on disk ("
"""What the page says once the daemon has counted what all images take."""

Ways = Mapping[str, Callable[[], object]]


# ── The images ──────────────────────────────────────────────────────────────────────────────────────────────────────


def archive(count: int) -> Iterator[tuple[str, bytes]]:
    """Write what `docker load` takes: so many images on one layer, two in five of them with two names."""
    layer = packed({"etc/motd": b"There is nothing here.\n"})
    yield "layer.tar", layer
    entries = []
    for number in range(count):
        config = json.dumps(_config(number, f"sha256:{hashlib.sha256(layer).hexdigest()}")).encode()
        name = f"{hashlib.sha256(config).hexdigest()}.json"
        yield name, config
        entries.append({"Config": name, "RepoTags": _names(number), "Layers": ["layer.tar"]})
    yield "manifest.json", json.dumps(entries).encode()


def _names(number: int) -> list[str]:
    # Every fiftieth has none.
    names = [f"team{number % 17}/tool{number}:1.0.0.{number}", f"team{number % 17}/tool{number}:latest"]
    return [] if number % 50 == 49 else names[: 2 if number % 5 < 2 else 1]


def _config(number: int, layer: str) -> Mapping[str, object]:
    labels = {JOB: f"d-{number}", REF_NAME: _names(number)[0]} if _names(number) and number % 3 == 0 else {}
    created = (OLDEST + timedelta(minutes=number)).isoformat()
    return {
        "architecture": "amd64",
        "os": "linux",
        "created": created,
        "config": {"Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": [layer]},
        "history": [{"created": created, "created_by": f"tool {number}"}],
    }


def load(engine: PrivateEngine, count: int) -> float:
    """Give the daemon the images; says in how many seconds."""
    start = perf_counter()
    client = docker.APIClient(engine.host, version="auto", timeout=LOADING_SECONDS)
    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            for name, content in archive(count):
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        file.seek(0)
        for record in client.load_image(file):
            assert "error" not in record, record
    there = len(client.images())
    assert there == count, f"the daemon has {there} of {count} images"
    client.close()
    return perf_counter() - start


# ── The ways ────────────────────────────────────────────────────────────────────────────────────────────────────────


def docker_images(engine: PrivateEngine) -> None:
    """Have Docker's own command line print the list into a pipe."""
    command = ["docker", "--host", engine.host, "images"]
    subprocess.run(command, check=True, capture_output=True)


class TimedCommand:
    """The command as people have it; each call is timed until the first page is shown, `rest` is not."""

    def __init__(self, client: RoomClient) -> None:
        self._client = client
        self._sent: CommandSent | None = None

    def __call__(self) -> None:
        """Type the command and wait until the first page is shown."""
        self._sent = self._client.type("/docker_images")
        self._wait_for("")

    def rest(self) -> None:
        """Wait until the disk is counted too, which takes the daemon's time from whoever is measured next."""
        if self._sent is not None:
            self._wait_for(COUNTED)
            self._sent = None

    def _wait_for(self, text: str) -> None:
        assert self._sent is not None
        with self._client.events(since=self._sent.sequence) as events:
            while event := events.wait(60):
                if isinstance(event, MessagePosted | MessageEdited):
                    facts = facts_of(event.message)
                    is_mine = facts.get("trigger") == self._sent.trigger_id and facts["state"] != "preparing"
                    if is_mine and text in text_of(event.message):
                        assert facts["state"] == "listed", event.message
                        return
        raise AssertionError("the list was not shown within a minute")


@contextmanager
def room(engine: PrivateEngine, state: Path) -> Iterator[RoomClient]:
    """Run `warroom room` on the daemon."""
    environment = {"WARROOM_STATE_DIR": str(state), "WARROOM_DOCKER_HOST": engine.host, "WARROOM_GRACE_SECONDS": "0"}
    with Program("room", "--port", "0", environment=environment) as program:
        url, _, token = program.until_printed("http://").strip().partition("#")
        yield RoomClient(url, token)
        program.ended(signal.SIGTERM)


def measure(ways: Ways, times: int, rest: Callable[[], None]) -> dict[str, list[float]]:
    """Take each way so many times, turn by turn, in seconds; the first turn only warms up. `rest` is not timed."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(times + 1):
        for name, way in ways.items():
            start = perf_counter()
            way()
            seconds = perf_counter() - start
            rest()
            if turn:
                taken[name].append(seconds)
    return taken


def table(taken: Mapping[str, list[float]]) -> Iterator[str]:
    """Write medians, extremes, and the ratio to the first way."""
    yield "| way | median ms | fastest ms | slowest ms | ratio |"
    yield "|---|---|---|---|---|"
    yardstick = median(next(iter(taken.values())))
    for name, seconds in taken.items():
        times = " | ".join(f"{1000 * time:.0f}" for time in (median(seconds), min(seconds), max(seconds)))
        yield f"| {name} | {times} | {median(seconds) / yardstick:.2f} |"


def quiet() -> None:
    """Keep the log of what runs in this process out of the tables."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


def main() -> None:
    """Measure and print."""
    quiet()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=5_000)
    parser.add_argument("--times", type=int, default=15)
    options = parser.parse_args()
    with private_engine() as engine, tempfile.TemporaryDirectory(prefix="warroom-listing-") as state:
        print(f"{options.count} images loaded in {load(engine, options.count):.0f} s")
        daemon = DockerDaemon(engine.host)
        images = daemon.listing()
        with room(engine, Path(state)) as client:
            typed = TimedCommand(client)
            ways: Ways = {
                "`docker images`, into a pipe": lambda: docker_images(engine),
                "`listing()`": daemon.listing,
                "`page_of()`": lambda: page_of(images, Query()),
                "`listing()` and `page_of()`": lambda: page_of(daemon.listing(), Query()),
                "typed in the room, until shown": typed,
            }
            print(*table(measure(ways, options.times, typed.rest)), sep="\n")
        daemon.close()


if __name__ == "__main__":
    main()
