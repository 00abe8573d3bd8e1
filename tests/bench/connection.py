"""How long a bot is deaf after its connections to Slack are lost: `python -m tests.bench.connection`.

The bot is `warroom slack` as a process, the room stands in Slack's place, and a relay between them breaks every
WebSocket. Measured are the seconds from the fault to the first command that is acknowledged again, and the share of a
processor that the bot uses meanwhile.
"""

import argparse
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from bot.room.client.room_client import RoomClient
from bot.room.events import Acked
from bot.room.server.room import Room
from bot.room.workspace import WAR_ROOM
from bot.router import COMMANDS
from tests.fakes.tcp_proxy import TcpProxy, tcp_proxy
from tests.kit.program import Program, becomes

LINE = "/docker_images help"
MOST_SECONDS = 120.0

FAULTS: dict[str, Callable[[TcpProxy], None]] = {
    "reset": TcpProxy.reset,
    "end without CLOSE": TcpProxy.end,
    "CLOSE frame": TcpProxy.send_close_frames,
    "silent half-open": TcpProxy.silence,
    "reset of one link": lambda proxy: proxy.reset(most=1),
}


@dataclass(frozen=True, slots=True)
class DeafFigures:
    """How long the bot was deaf after one kind of fault, and how busy it was meanwhile."""

    fault: str
    seconds: float
    processor: float

    @property
    def row(self) -> str:
        """Write a line of the table."""
        return f"| {self.fault} | {self.seconds:.2f} | {self.processor:.2f} |"


@contextmanager
def running(room: Room, proxy: TcpProxy, links: int) -> Iterator[Program]:
    """Run the bot with as many links as it has when nothing is wrong."""
    with tempfile.TemporaryDirectory(prefix="warroom-connection-") as folder:
        environment = {
            "SLACK_BOT_TOKEN": room.bot_token,
            "SLACK_APP_TOKEN": room.app_token,
            "WARROOM_SLACK_API_URL": proxy.api_url,
            "WARROOM_ALLOWED_CHANNELS": WAR_ROOM.id,
            "WARROOM_STATE_DIR": str(Path(folder) / "state"),
            "WARROOM_CACHE_DIR": str(Path(folder) / "cache"),
            "WARROOM_GRACE_SECONDS": "0",
        }
        with Program("slack", environment=environment) as bot:
            bot.until_logged("bot_started")
            assert becomes(lambda: proxy.links == links)
            yield bot
            bot.ended(signal.SIGTERM)


def measure(fault: str, *, links: int, after: float) -> DeafFigures:
    """Break the links of a bot that has run for some seconds, and type until it answers."""
    names = [command.name for command in COMMANDS]
    with (
        Room(commands=names, ack_seconds=1.0) as room,
        tcp_proxy(room.url) as proxy,
        running(room, proxy, links) as bot,
    ):
        threading.Event().wait(after)
        start, busy = monotonic(), processor_seconds(bot.process.pid)
        FAULTS[fault](proxy)
        until_acknowledged(RoomClient(room.url, room.user_token))
        seconds = monotonic() - start
        return DeafFigures(fault, seconds, (processor_seconds(bot.process.pid) - busy) / seconds)


def until_acknowledged(client: RoomClient) -> None:
    """Type a line every 20 ms until one is acknowledged."""
    heard = threading.Event()
    typed = set[str]()
    with client.events() as events:

        def listen() -> None:
            for event in events:
                if isinstance(event, Acked) and event.trigger_id in typed:
                    heard.set()
                    return

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        end = monotonic() + MOST_SECONDS
        while not heard.wait(0.02) and monotonic() < end:
            typed.add(client.type(LINE).trigger_id)
        listener.join(1)


def processor_seconds(process: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure each fault and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--links", type=int, default=2, help="how many WebSockets the bot keeps")
    parser.add_argument("--after", type=float, default=12.0, help="seconds before the fault")
    parser.add_argument("faults", nargs="*", default=list(FAULTS))
    options = parser.parse_args()
    print("| fault | seconds until a command is acknowledged | processor |\n|---|---|---|")
    for fault in options.faults:
        print(measure(fault, links=options.links, after=options.after).row, flush=True)


if __name__ == "__main__":
    main()
