"""A war room for browser tests: the real room with its page, the production bot, a fake Docker host and index.

The room keeps its state in a folder and can be closed and opened again at the same address, as `warroom room` is.
"""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

from bot.lifetime import Bot
from bot.room.server.rates import RateLimits
from bot.room.server.room import Room
from bot.room.server.sources import RoomSources
from bot.router import COMMANDS
from bot.settings import Settings
from bot.wiring import Credentials, make_bot
from tests.fakes.files import FakeFiles
from tests.fakes.host import PATIENCE_SECONDS, Host
from tests.fakes.resolver import FakeResolver
from tests.kit.driver import EVERYWHERE, HASTE
from tests.kit.fresh_state import fresh_state

Made = TypeVar("Made")
CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(slots=True)
class BrowserRoom:
    """A room and the bot in it; `close` and `open` restart both."""

    settings: Settings
    state: Path
    host: Host = field(default_factory=Host)
    resolver: FakeResolver = field(default_factory=FakeResolver)
    port: int = 0
    _room: Room | None = None
    _bot: Bot | None = None

    @property
    def room(self) -> Room:
        """The room that is open now."""
        assert self._room is not None, "the room is closed"
        return self._room

    @property
    def web(self) -> WebClient:
        """The Web API with the bot's token."""
        return web_client(self.room)

    def open(self) -> None:
        """Open the room where it was before, and let the bot in."""
        elsewhere(self._open)

    def close(self) -> None:
        """End the bot, then the room. May be repeated."""
        elsewhere(self._close)

    def _open(self) -> None:
        fresh_state(self.settings.state_dir, cache=self.settings.state_dir.parent.parent)
        self._room = Room(
            self.port,
            commands=COMMANDS,
            state=self.state,
            limits=RateLimits.boundless(),
            ack_seconds=PATIENCE_SECONDS,
            # Slack's 3 s for opening a form are not what is tested here, and a slow machine may need more.
            sources=RoomSources(clock=lambda: 0.0),
        ).start()
        self.port = int(self.room.url.rpartition(":")[2])
        credentials = Credentials(self.room.bot_token, self.room.app_token, self.room.api_url, EVERYWHERE)
        self._bot = make_bot(
            self.settings, credentials, engine=self.host.engine, resolver=self.resolver, files=FakeFiles(), pace=HASTE
        )
        self._bot.start()

    def _close(self) -> None:
        if self._bot is not None:
            self._bot.close()
        if self._room is not None:
            self._room.stop()
        self._bot = self._room = None


def elsewhere(act: Callable[[], Made]) -> Made:
    """Act in another thread: Playwright has an event loop in this one, and dbos refuses to be called in such a one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(act).result()


def web_client(room: Room) -> WebClient:
    """Make a client with the bot's token."""
    return WebClient(token=room.bot_token, base_url=room.api_url, retry_handlers=[])


@contextmanager
def connected(room: Room, app: App) -> Iterator[None]:
    """Let a Bolt app into the room."""
    handler = SocketModeHandler(app, room.app_token)
    handler.connect()
    try:
        yield
    finally:
        # Without the SDK's own waits: it sits in `recv` for 3 s.
        handler.client.auto_reconnect_enabled = False
        handler.client.closed = True
        session = handler.client.current_session
        if session is not None and session.sock is not None:
            session.sock.shutdown(socket.SHUT_RDWR)
        handler.client.message_queue.put(None)
        handler.close()
