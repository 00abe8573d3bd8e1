"""Build the ten smallest images of the reference through `warroom say`: `python -m tests.bench.images`.

Prints Markdown tables: times, sizes, and what differs from the reference because this is Debian. `--again` builds each
a second time, with the caches filled. The images are removed afterwards, unless `--keep` is given.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from bot.settings import Settings, load_settings
from commands.engine.docker_daemon import DockerDaemon
from tests.kit.program import Program

RECORDS = Path(__file__).with_name("images.json")
PATIENCE = 1800.0


class ReferenceImage(BaseModel):
    """One image of the reference. `was` are names that Debian has not, by those that it has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    base: str
    python: tuple[str, ...]
    os: tuple[str, ...]
    was: Mapping[str, str] = {}
    left_out: Mapping[str, str] = {}

    def line(self, name: str) -> str:
        """Write the command."""
        lists = {"dependencies": ",".join(self.python), "packages": ",".join(self.os)}
        given = [f"{argument}={value}" for argument, value in lists.items() if value]
        return " ".join(["/docker_image_create", f"name={name}", *given])


def say(record: ReferenceImage, name: str, state: str, *options: str) -> Mapping[str, Any]:
    """Have it made; gives what `--json` tells."""
    with Program("say", record.line(name), "--json", *options, environment={"WARROOM_STATE_DIR": state}) as program:
        program.ended(within=PATIENCE)
        return cast("Mapping[str, Any]", json.loads(program.output))


def row(record: ReferenceImage, told: Mapping[str, Any], engine: DockerDaemon, base_size: int) -> str:
    """Write a line of the table."""
    seconds = told["seconds"]
    image = engine.find_image(f"{told['image']}:{told['tag']}") if told["tag"] else None
    size = image.size if image else 0
    building = seconds.get("queued", 0) + seconds.get("running", 0)
    times = (seconds.get("preparing", 0), building, seconds.get("preparing", 0) + building)
    sizes = (f"{size / 1e6:.0f}", f"{max(0, size - base_size) / 1e6:.0f}") if image else ("–", "–")
    result = told["state"] if told["state"] == "done" else f"{told['state']}: {told['message']}"
    counts = (str(len(record.python)), str(len(record.os)))
    return f"| {' | '.join((record.name, *counts, *(f'{time:.1f}' for time in times), *sizes, result))} |"


def differences(records: tuple[ReferenceImage, ...]) -> list[str]:
    """Write the table of what is not as in the reference."""
    lines = ["| image | as in the reference | here |", "|---|---|---|"]
    for record in records:
        lines += [f"| {record.name} | `{was}` | `{name}` |" for name, was in record.was.items()]
        lines += [f"| {record.name} | `{name}` | left out: {why} |" for name, why in record.left_out.items()]
    return lines


def measure(settings: Settings, records: tuple[ReferenceImage, ...], *, again: bool, keep: bool) -> None:
    """Build all, and print the table line by line."""
    engine, mark = DockerDaemon(settings.docker_host), uuid4().hex[:8]
    base = engine.find_image(settings.default_base)
    assert base is not None, f"the engine has no image `{settings.default_base}`: see `make setup`"
    titles = ("image", "Python", "OS", "review s", "build s", "total s", "MB", "added MB", "result")
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    with tempfile.TemporaryDirectory(prefix="warroom-images-") as state:
        for record in records:
            name = f"warroom-bench/{mark}/{record.name}"
            tellings = [say(record, name, state, "--yes")]
            if again:
                tellings.append(say(record, name, state, "--click", "build_anyway", "--click", "keep"))
            for told in tellings:
                print(row(record, told, engine, base.size), flush=True)
    if not keep:
        for image in engine.images({}):
            for name in image.repo_tags:
                if name.startswith(f"warroom-bench/{mark}/"):
                    engine.remove_image(name)
    engine.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    records = tuple(ReferenceImage.model_validate(each) for each in json.loads(RECORDS.read_text())["images"])
    measure(load_settings(), records, again=options.again, keep=options.keep)
    print("", *differences(records), sep="\n")


if __name__ == "__main__":
    main()
