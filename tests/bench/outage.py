"""What a bot logs while PostgreSQL is away, how soon it works again, and how many connections it uses.

python -m tests.bench.outage [seconds]
"""

import sys
import tempfile
import threading
import time
from collections import Counter
from io import StringIO
from pathlib import Path

from bot.access.rules import Access
from bot.lifetime import Bot
from bot.room.client.room_client import RoomClient
from bot.room.server.room import Room
from bot.router import COMMANDS
from bot.settings import Settings
from bot.wiring import Credentials, make_bot
from tests.fakes.engine import FakeEngine
from tests.fakes.files import FakeFiles
from tests.fakes.logs import logs_to
from tests.fakes.resolver import FakeResolver
from tests.kit.postgresql import PostgreSQLServer, running_postgresql

PATIENCE_SECONDS = 300.0


def main(seconds: float) -> None:
    """Measure one outage."""
    logged = StringIO()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_postgresql() as server,
        Room(commands=[command.name for command in COMMANDS]) as room,
        logs_to(logged),
    ):
        url = server.new_database()
        bot = _bot(url, room, Path(folder))
        bot.start()
        most = _Most(server, url)
        client = RoomClient(room.url, room.user_token)
        _type(client, 20)
        most.end()
        print(f"connections at most: {most.seen}")
        before = len(logged.getvalue().splitlines())
        server.stop()
        time.sleep(seconds)
        lines = logged.getvalue().splitlines()[before:]
        characters = sum(map(len, lines))
        in_console = sum(1 + line.count("\\n") for line in lines)
        print(f"outage of {seconds:.0f} s: {len(lines)} events, {in_console} lines, {characters / 1024:.0f} KiB")
        for event, count in Counter(line[:100] for line in lines).most_common(8):
            print(f"  {count:5} {event}")
        server.start()
        began = time.monotonic()
        _type(client, 1)
        _wait_for(lambda: "command_accepted" in "".join(logged.getvalue().splitlines()[before:]), client)
        print(f"accepts a command again after {time.monotonic() - began:.1f} s")
        bot.close()


class _Most:
    """Counts connections to a database until it is ended."""

    def __init__(self, server: PostgreSQLServer, url: str) -> None:
        self.seen = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._count, args=(server, url))
        self._thread.start()

    def end(self) -> None:
        """Count no more."""
        self._over.wait(5)
        self._over.set()
        self._thread.join()

    def _count(self, server: PostgreSQLServer, url: str) -> None:
        while not self._over.wait(0.05):
            self.seen = max(self.seen, server.connections(url))


def _bot(url: str, room: Room, folder: Path) -> Bot:
    settings = Settings(
        state_dir=folder / "state", cache_dir=folder / "cache", grace_seconds=0, database_url=url, default_base="a/b"
    )
    access = Access(frozenset(channel.id for channel in room.workspace.channels))
    slack = Credentials(room.bot_token, room.app_token, room.api_url, access)
    return make_bot(settings, slack, engine=FakeEngine(), resolver=FakeResolver(), files=FakeFiles())


def _type(client: RoomClient, times: int) -> None:
    threads = [
        threading.Thread(target=client.type, args=(f"/docker_image_create name=a{number} dependencies=mechanize",))
        for number in range(times)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _wait_for(condition: object, client: RoomClient) -> None:
    assert callable(condition)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.5)
        if not condition():
            _type(client, 1)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
