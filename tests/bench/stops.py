"""How long a running build takes to end once Stop is pressed: `python -m tests.bench.stops [times]`.

The whole program on a real daemon, from the click until the dialog says so and no process of the build is left.
"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter

import docker

from bot.settings import load_settings
from commands.engine.docker_daemon import DockerDaemon
from tests.kit.engine_space import EngineSpace, cleared
from tests.kit.program import ProgramRoom, becomes, is_running, open_program_room
from tests.kit.program_on_engine import OwnBase, installer, long_seconds

ENDLESS = installer("echo patience", "exec sleep LONG")


@contextmanager
def ground(state: Path) -> Iterator[OwnBase]:
    """Have a base on which OS packages take an hour to install."""
    settings = load_settings()
    with closing(DockerDaemon(settings.docker_host)) as engine:
        plain = EngineSpace(engine, settings.default_base, settings.build_network)
        with cleared(plain), closing(docker.APIClient(engine.endpoint, version="auto")) as raw:
            base = plain.built(ENDLESS.replace("LONG", long_seconds(plain.mark)))
            engine.tag(base, "warroom-test/base", plain.mark)
            own = EngineSpace(engine, f"warroom-test/base:{plain.mark}", settings.build_network, mark=plain.mark)
            yield OwnBase(own, raw, state)


def stopped(program_room: ProgramRoom, on: OwnBase) -> tuple[float, float]:
    """Stop a build; gives the seconds until the dialog said so, and until no process was left."""
    talk = program_room.type(f"/docker_image_create name={on.name('image')} packages=tar")
    talk.until("review")
    talk.click("create")
    assert becomes(lambda: is_running(on.long_seconds))
    start = perf_counter()
    talk.click("stop")
    talk.until("stopped")
    said = perf_counter() - start
    assert becomes(lambda: not is_running(on.long_seconds))
    return said, perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("times", type=int, nargs="?", default=5)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="warroom-stops-") as folder,
        ground(Path(folder)) as on,
        open_program_room(on.environment) as program_room,
        program_room.bot(),
    ):
        taken = [stopped(program_room, on) for _ in range(options.times)]
    for what, seconds in zip(("the dialog says so", "no process is left"), zip(*taken, strict=True), strict=True):
        print(f"{what}: median {median(seconds):.2f} s, slowest {max(seconds):.2f} s")


if __name__ == "__main__":
    main()
