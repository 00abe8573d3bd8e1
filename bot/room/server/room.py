"""The room's server: it starts and stops on loopback, in one thread with one event loop."""

import asyncio
import socket
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

import structlog
import uvicorn
from pydantic import TypeAdapter
from starlette.applications import Starlette

from bot.hosts import is_loopback
from bot.room.server.app import room_app
from bot.room.server.connections import LONGEST_HEAD, Bounds, bounded_protocol
from bot.room.server.door import Tokens
from bot.room.server.rates import RateLimits
from bot.room.server.socket_mode import SocketMode
from bot.room.server.sources import RoomSources
from bot.room.server.store import RoomNotOpenedError, Store
from bot.room.workspace import KnownCommand, Workspace

ACK_SECONDS = 3.0
START_SECONDS = 10.0
# Time for open connections to finish when the room closes.
GRACE_SECONDS = 2

log = structlog.get_logger()


_TOKENS: Final = TypeAdapter(Tokens)


class RoomAddressError(RoomNotOpenedError):
    """The room cannot be opened at the wanted address."""


class CommandHelp(Protocol):
    """A command with its help in the command box; `usage` names the arguments: `name=x [base=y]`."""

    @property
    def name(self) -> str:
        """The command with its `/`."""
        ...

    @property
    def usage(self) -> str:
        """Its arguments, those in brackets optional, alternatives between bars."""
        ...

    @property
    def description(self) -> str:
        """What it does."""
        ...


class Room:
    """A war room on loopback that speaks Slack's protocol to the bot and its own to people.

    Use it as a context manager, or call `start` and `stop`. The port is taken when the room is made, so that
    `url` and `api_url` hold before it is started.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        commands: Iterable[str | CommandHelp] = (),
        workspace: Workspace | None = None,
        limits: RateLimits | None = None,
        ack_seconds: float = ACK_SECONDS,
        tokens: Tokens | None = None,
        sources: RoomSources | None = None,
        state: Path | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        """Take the port and put the parts together.

        Args:
            port: 0 takes any free one.
            host: must be a loopback address.
            commands: the slash commands that exist, each with its `/`; plain names, or with usage and description.
            workspace: team, people, channels and bot.
            limits: Slack's rate limits by default.
            ack_seconds: how long the bot may take to acknowledge.
            tokens: made at random by default.
            sources: where time and randomness come from.
            state: the folder in which messages, files and tokens outlive the room; without it they end with it.
            bounds: how many connections there may be, and how long they may take.

        Raises:
            RoomNotOpenedError: the address or the folder is not available; the message says what to do.
        """
        sources = sources or RoomSources()
        self._listener = _listen(host, port)
        self._store = self._open_store(state)
        self.url = f"http://{_address(self._listener)}"
        self.api_url = f"{self.url}/api/"
        self._tokens = tokens or _stored_tokens(self._store, sources)
        self.workspace = workspace = workspace or Workspace()
        self._socket_mode = SocketMode(workspace=workspace, ack_seconds=ack_seconds, sources=sources)
        app = room_app(
            url=self.url,
            commands=[_known_command(command) for command in commands],
            workspace=workspace,
            limits=limits or RateLimits(),
            tokens=self._tokens,
            sources=sources,
            socket_mode=self._socket_mode,
            store=self._store,
            history=_stored_value(self._store, "history", sources.new_secret()),
        )
        self._server = _RoomServer(app, bounds or Bounds())
        self._thread = threading.Thread(target=self._serve, name="room", daemon=True)

    @property
    def bot_token(self) -> str:
        """The token for the bot's Web API calls."""
        return self._tokens.bot

    @property
    def app_token(self) -> str:
        """The token for the bot's Socket Mode connections."""
        return self._tokens.app

    @property
    def user_token(self) -> str:
        """The token for people and the programs that act for them."""
        return self._tokens.user

    @property
    def page_url(self) -> str:
        """The address to open in a browser, and to give to `warroom say --room`: it holds the token."""
        # Behind the `#`, which browsers send to no server and into no log.
        return f"{self.url}/#{self.user_token}"

    def start(self) -> Self:
        """Serve from now on; returns when the room answers."""
        self._thread.start()
        if not self._server.answers.wait(START_SECONDS):
            self.stop()
            raise RoomAddressError(f"The room at {self.url} did not start within {START_SECONDS:.0f} s.")
        log.info("room_started", url=self.url)
        return self

    def stop(self) -> None:
        """Close the room and wait for its thread. Stop the bot first, else it tries to reconnect. May be repeated."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
            log.info("room_stopped", url=self.url)
        self._listener.close()
        self._store.close()

    def _open_store(self, state: Path | None) -> Store:
        try:
            return Store() if state is None else Store.open(state)
        except RoomNotOpenedError:
            self._listener.close()
            raise

    def ask_bot_to_reconnect(self) -> None:
        """Send Slack's `disconnect` message over every connection of the bot."""
        asyncio.run_coroutine_threadsafe(self._socket_mode.ask_to_reconnect(), self._server.loop).result(START_SECONDS)

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._listener]))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class _RoomServer(uvicorn.Server):
    """Uvicorn, telling other threads when it answers and which loop it runs in."""

    loop: asyncio.AbstractEventLoop

    def __init__(self, app: Starlette, bounds: Bounds) -> None:
        config = uvicorn.Config(
            app,
            # Not the faster `httptools`, where somebody has installed it: that one has no bound for a head.
            http=bounded_protocol(bounds),
            h11_max_incomplete_event_size=LONGEST_HEAD,
            ws_max_size=bounds.message_bytes,
            # The older `websockets` implementation uses an API that its library has deprecated.
            ws="websockets-sansio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        super().__init__(config)
        self.answers = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.answers.set()


def _known_command(command: str | CommandHelp) -> KnownCommand:
    if isinstance(command, str):
        return KnownCommand(command)
    return KnownCommand(command.name, command.usage, command.description)


def _stored_tokens(store: Store, sources: RoomSources) -> Tokens:
    fresh = _TOKENS.dump_json(Tokens.random(sources.new_secret)).decode()
    return _TOKENS.validate_json(_stored_value(store, "tokens", fresh))


def _stored_value(store: Store, kind: str, fresh: str) -> str:
    """Give the stored value of an earlier room, or store this one for a later room."""
    left = store.entries(kind).get("")
    if left is None:
        store.put(kind, "", fresh)
    return left or fresh


def _listen(host: str, port: int) -> socket.socket:
    if not is_loopback(host):
        raise RoomAddressError(
            f"The room does not listen on {host}: anybody who reaches it controls Docker, which is as good as root. "
            "Use 127.0.0.1, and an SSH tunnel to reach it from another machine."
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise RoomAddressError(
            f"Port {port} on {host} cannot be opened ({error.strerror}). Perhaps a room is open there already: use "
            "that one. Or choose another port, or 0 for any free one."
        ) from error
    listener.listen(128)
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
