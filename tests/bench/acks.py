"""How fast commands are acknowledged while every build slot is busy: `python -m tests.bench.acks`.

The real bot on the real engine and index, by Socket Mode: `room` is `warroom room`, with the room and the bot in one
process; `slack` is `warroom slack`, with the room in another. Slack waits three seconds for an acknowledgement.
"""

import argparse
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import docker

from bot.room.client.room_client import RoomClient
from bot.room.events import Acked, MessageEdited, MessagePosted, Undelivered
from bot.settings import load_settings
from commands.engine.docker_daemon import DockerDaemon
from tests.kit.engine_space import EngineSpace, cleared
from tests.kit.program import Program, becomes, facts_of, open_program_room, processes
from tests.kit.program_on_engine import OwnBase, installer, long_seconds

IN_EVERY_BASE = ("tar", "gzip")
"""One for each build slot: BuildKit runs a step once that two builds have in common."""


@dataclass(frozen=True, slots=True)
class AckFigures:
    """What came of one way: milliseconds of each acknowledgement, and how many commands got none."""

    way: str
    milliseconds: tuple[float, ...]
    unacked: int

    def at(self, share: float) -> float:
        """Give the time within which this share of the commands was acknowledged."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def row(self) -> str:
        """Write a line of the table."""
        times = " | ".join(f"{self.at(share):.1f}" for share in (0.5, 0.9, 0.99, 1))
        return f"| {self.way} | {len(self.milliseconds)} | {times} | {self.unacked} |"


@contextmanager
def busy_ground() -> Iterator[OwnBase]:
    """Make a base whose OS packages take an hour to install."""
    settings = load_settings()
    address = {"base_url": settings.docker_host} if settings.docker_host else docker.utils.kwargs_from_env()
    engine, raw = DockerDaemon(settings.docker_host), docker.APIClient(version="auto", **address)
    plain = EngineSpace(engine, settings.default_base, settings.build_network)
    with tempfile.TemporaryDirectory(prefix="warroom-acks-") as folder, cleared(plain):
        slow = installer("exec sleep LONG").replace("LONG", long_seconds(plain.mark))
        engine.tag(plain.built(slow), "warroom-test/base", plain.mark)
        own = EngineSpace(engine, f"warroom-test/base:{plain.mark}", settings.build_network, mark=plain.mark)
        yield OwnBase(own, raw, Path(folder))
    raw.close()
    engine.close()


@contextmanager
def in_one_process(own_base: OwnBase) -> Iterator[RoomClient]:
    """Have room and bot in one process."""
    environment = {**own_base.environment, "WARROOM_GRACE_SECONDS": "0"}
    with Program("room", "--port", "0", environment=environment) as program:
        url, _, token = program.until_printed("http://").strip().partition("#")
        yield RoomClient(url, token)
        program.ended(signal.SIGTERM)


@contextmanager
def in_two_processes(own_base: OwnBase) -> Iterator[RoomClient]:
    """Have the bot in a process of its own."""
    quiet = {"WARROOM_GRACE_SECONDS": "0", "WARROOM_LOG_LEVEL": "info"}
    with open_program_room(own_base.environment) as program_room, program_room.bot(**quiet) as program:
        yield program_room.client
        program.ended(signal.SIGTERM)


def fill_the_slots(client: RoomClient, own_base: OwnBase) -> None:
    """Start as many builds as may run at once."""
    for package in IN_EVERY_BASE:
        sent = client.type(f"/docker_image_create name={own_base.name(package)} packages={package}")
        with client.events(since=sent.sequence) as events:
            for event in events:
                if not isinstance(event, MessagePosted | MessageEdited):
                    continue
                facts = facts_of(event.message)
                if facts.get("trigger") == sent.trigger_id and facts["state"] == "review":
                    client.click(event.message.ts, "create")
                if facts.get("trigger") == sent.trigger_id and facts["state"] == "running":
                    break
    assert becomes(lambda: len(processes(own_base.long_seconds)) == len(IN_EVERY_BASE))


def measure(way: str, client: RoomClient, commands: int, seconds: float) -> AckFigures:
    """Type so many commands, evenly over that time, and hear what becomes of them."""
    typed, acked, lost = set[str](), dict[str, float](), set[str]()
    with client.events() as events:
        while events.wait(1):
            pass  # What happened before is not measured.
        typist = threading.Thread(target=type_all, args=(client, commands, seconds, typed))
        typist.start()
        end = monotonic() + seconds + 5
        while len(acked) + len(lost) < commands and (left := end - monotonic()) > 0:
            match events.wait(left):
                case Acked(trigger_id=trigger, milliseconds=milliseconds):
                    acked[trigger] = milliseconds
                case Undelivered(trigger_id=trigger):
                    lost.add(trigger)
                case _:
                    pass
        typist.join()
    return AckFigures(way, tuple(acked[trigger] for trigger in typed if trigger in acked), len(typed - acked.keys()))


def type_all(client: RoomClient, commands: int, seconds: float, typed: set[str]) -> None:
    """Type at even intervals, whether or not anybody answers, and note the triggers."""
    start, pause = monotonic(), threading.Event()
    for number in range(commands):
        pause.wait(max(0.0, start + number * seconds / commands - monotonic()))
        sent = client.type(f"/docker_image_create name=warroom-test/{number} dependencies=mechanize packages=wget")
        typed.add(sent.trigger_id)


def main() -> None:
    """Measure both ways and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    print("| way | acknowledged | p50 ms | p90 ms | p99 ms | slowest ms | never |\n|---|---|---|---|---|---|---|")
    for way, opened in {"room": in_one_process, "slack": in_two_processes}.items():
        with busy_ground() as own_base, opened(own_base) as client:
            fill_the_slots(client, own_base)
            print(measure(way, client, options.commands, options.seconds).row)


if __name__ == "__main__":
    main()
