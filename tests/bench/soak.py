"""What a bot that works for long takes: memory, threads, files, rows, images; none may grow.

python -m tests.bench.soak [--minutes 30] [--seed 1]

`warroom slack`, as people start it, on the configured Docker daemon and in a room of this process. A few people create,
update, list, roll back, remove, cancel, stop and mistype; Slack fails one call in twenty, and all its connections break
every 30 s. What is kept is kept for minutes, so that the chores clear away within the soak. Prints a table every two
minutes, and at the end each figure with its slope over the last two thirds.
"""

import argparse
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path
from random import Random
from time import monotonic

import docker

from bot.room.client.room_client import RoomClient
from bot.room.server.room import Room
from bot.room.workspace import Member, Workspace
from bot.router import COMMANDS
from bot.settings import Settings, load_settings
from commands.engine.docker_daemon import DockerDaemon
from tests.bench.soak_figures import SoakSampler, sample_rows, soak_table
from tests.bench.soak_people import SoakBoard, SoakPerson, SoakTally, soak_board
from tests.fakes.slack_faults import ANY, LOST_REQUEST, Ending, SlackFaults, faulty_slack, refused, unavailable
from tests.kit.engine_space import LABEL, EngineSpace, cleared
from tests.kit.program import ProgramRoom
from tests.kit.program_on_engine import OwnBase, installer

SAMPLE_SECONDS = 30.0
TABLE_SECONDS = 120.0
BREAK_SECONDS = 30.0
BASE_SECONDS = 60.0
MOST_IMAGES = 40
COLUMNS = (
    "RSS MB",
    "threads",
    "fds",
    "dialogs.sqlite KB",
    "jobs.sqlite KB",
    "jobs wal KB",
    "logs KB",
    "rows warroom_dialogs",
    "rows workflow_status",
    "images",
    "containers",
    "calls",
    "failed calls",
    "commands",
    "unanswered",
)
SETTINGS = {
    "WARROOM_LOG_LEVEL": "info",
    "WARROOM_KEEP_DAYS": "0.005",
    "WARROOM_KEEP_LOGS_MB": "1",
    "WARROOM_BACKUP_HOURS": "0.1",
    "WARROOM_REVIEW_SECONDS": "20",
    "WARROOM_GRACE_SECONDS": "5",
}


@dataclass(slots=True)
class Soak:
    """One soak: the room, the faults, the base and the people's random order."""

    own: OwnBase
    room: Room
    slack: SlackFaults
    people: tuple[Member, ...]
    seed: int
    pause: float
    python: str

    def run(self, sampler: SoakSampler, board: SoakBoard, seconds: float) -> SoakTally:
        """Let people work for so long, and take the figures meanwhile."""
        tally, closing_time = SoakTally(), threading.Event()
        threads = [
            threading.Thread(target=person.live, args=(closing_time, self.pause), daemon=True)
            for person in self._persons(board, tally)
        ]
        threads.append(threading.Thread(target=self._disturb, args=(closing_time,), daemon=True))
        for thread in threads:
            thread.start()
        end, due = monotonic() + seconds, monotonic() + TABLE_SECONDS
        while monotonic() < end:
            closing_time.wait(SAMPLE_SECONDS)
            sampler.sample(tally.counts)
            if monotonic() >= due:
                due += TABLE_SECONDS
                print(*list(sample_rows(sampler.samples[-1:], COLUMNS, 0)), sep="\n", flush=True)
        closing_time.set()
        board.end()
        for thread in threads:
            thread.join(120)
        return tally

    def _persons(self, board: SoakBoard, tally: SoakTally) -> Iterator[SoakPerson]:
        for number, member in enumerate(self.people):
            yield SoakPerson(
                member.id,
                RoomClient(self.room.url, self.room.user_token, user=member.id, timeout=60),
                board,
                Random(self.seed * 100 + number),  # noqa: S311 - an order, no secret
                tally,
                prefix=f"warroom-test/{self.own.mark}",
                python=self.python,
            )

    def _disturb(self, closing_time: threading.Event) -> None:
        """Break the connections, move the base's name, and remove the oldest images, as people on the host do."""
        endings, bases = cycle((Ending.RESET, Ending.CLOSE, Ending.SILENCE)), cycle("ab")
        for turn in count(1):
            if closing_time.wait(BREAK_SECONDS):
                return
            self.slack.break_links(next(endings))
            if turn % (BASE_SECONDS / BREAK_SECONDS) == 0:
                self.own.raw.tag(f"{self.own.space.base}-{next(bases)}", self.own.space.base)
            self._remove_old_images()

    def _remove_old_images(self) -> None:
        found = self.own.raw.images(filters={"label": f"{LABEL}={self.own.mark}"})
        own = [each for each in found if not any("/base:" in name for name in each["RepoTags"] or ())]
        for image in sorted(own, key=lambda each: -int(each["Created"]))[MOST_IMAGES:]:
            with suppress(docker.errors.APIError):  # A job uses it: next time.
                self.own.raw.remove_image(image["Id"], force=True)


def fail_one_call_in_twenty(slack: SlackFaults, seed: int) -> None:
    """Let Slack fail, in different ways."""
    slack.at_random("chat.postMessage", refused("internal_error"), one_in=20, seed=seed)
    slack.at_random("chat.update", LOST_REQUEST, one_in=20, seed=seed)
    slack.at_random("files.getUploadURLExternal", unavailable(), one_in=20, seed=seed)
    slack.at_random(ANY, refused("ratelimited", status=429, retry_after=1), one_in=20, seed=seed)


@contextmanager
def own_base(settings: Settings, folder: Path) -> Iterator[OwnBase]:
    """Make two bases of the soak's own; the name that the bot knows moves from one to the other."""
    address = {"base_url": settings.docker_host} if settings.docker_host else docker.utils.kwargs_from_env()
    with (
        closing(DockerDaemon(settings.docker_host)) as daemon,
        closing(docker.APIClient(version="auto", **address)) as raw,
        cleared(EngineSpace(daemon, settings.default_base, settings.build_network)) as plain,
    ):
        for tag in ("a", "b"):
            built = plain.built(installer("echo done"), f"RUN echo {tag} > /which")
            daemon.tag(built, "warroom-test/base", f"{plain.mark}-{tag}")
        daemon.tag(plain.built(installer("echo done"), "RUN echo b > /which"), "warroom-test/base", plain.mark)
        space = EngineSpace(daemon, f"warroom-test/base:{plain.mark}", settings.build_network, mark=plain.mark)
        yield OwnBase(space, raw, folder / "state")


def free_port() -> int:
    """Return a port on loopback that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def copy_tools(settings: Settings, cache: Path) -> None:
    """Put the installer into the soak's own cache, since a soak clears it away."""
    tools = settings.cache_dir / "tools"
    if tools.exists():
        shutil.copytree(tools, cache / "tools")


def main() -> None:
    """Soak and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--people", type=int, default=5)
    parser.add_argument("--pause", type=float, default=10, help="seconds between two commands of one person")
    parser.add_argument("--python", default="", help="a small Python package that some images get, from the index")
    parser.add_argument("--log", type=Path, help="a file for the bot's log")
    options = parser.parse_args()
    settings, port = load_settings(), free_port()
    people = tuple(Member(id=f"U0SOAK{number}", name=f"person{number}") for number in range(options.people))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="warroom-soak-")))
        copy_tools(settings, folder / "cache")
        own = stack.enter_context(own_base(settings, folder))
        room = stack.enter_context(
            Room(commands=[command.name for command in COMMANDS], workspace=Workspace(people=people))
        )
        slack = stack.enter_context(faulty_slack(room.url))
        board = stack.enter_context(soak_board(room))
        program_room = ProgramRoom(room, _environment(own, folder, port, slack))
        bot = stack.enter_context(program_room.bot(WARROOM_SLACK_API_URL=slack.api_url, **SETTINGS))
        fail_one_call_in_twenty(slack, options.seed)
        print(f"the bot is process {bot.process.pid}, the label {own.mark}", flush=True)
        sampler = SoakSampler(bot.process.pid, own.state, folder / "cache", own.raw, own.mark, port)
        sampler.sample({})
        soak = Soak(own, room, slack, people, options.seed, options.pause, options.python)
        try:
            tally = soak.run(sampler, board, options.minutes * 60)
            print(_report(sampler, tally), flush=True)
            print(f"the bot ended with {bot.ended(signal.SIGTERM)}, left on the daemon: {own.left_behind()}")
        finally:
            if options.log:
                options.log.write_text(bot.errors)


def _environment(own: OwnBase, folder: Path, port: int, slack: SlackFaults) -> Mapping[str, str]:
    del slack
    return {**own.environment, "WARROOM_CACHE_DIR": str(folder / "cache"), "WARROOM_HEALTH_PORT": str(port)}


def _report(sampler: SoakSampler, tally: SoakTally) -> str:
    rows = ["", *sample_rows(sampler.samples, COLUMNS, TABLE_SECONDS), "", *soak_table(sampler.samples), ""]
    rows += [f"not in time: {each}" for each in tally.unanswered]
    return "\n".join([*rows, f"did: {dict(tally.counts)}", f"dialogs: {dict(tally.states.most_common())}"])


if __name__ == "__main__":
    main()
