"""Socket Mode: the bot's WebSocket connections, what is delivered over them, and the bot's acknowledgements."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.room.server.frames import text_frames
from bot.room.server.shapes import Shape
from bot.room.server.sources import RoomSources
from bot.room.workspace import Workspace

MOST_CONNECTIONS = 10

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """The bot's acknowledgement, with the answer it may carry."""

    envelope_id: str
    payload: JsonValue
    milliseconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A payload for the bot, with callbacks for its acknowledgement and for a timeout."""

    type: str
    payload: Shape
    accepts_answer: bool
    on_ack: Callable[[Ack], None]
    on_timeout: Callable[[], None]
    attempt: int = 0


@dataclass(eq=False, slots=True)
class _Connection:
    """One WebSocket of the bot; `retiring` once it was asked to come back on a new one."""

    socket: WebSocket
    retiring: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    delivery: Delivery
    sent: float
    timer: asyncio.TimerHandle


class _AckFrame(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    envelope_id: str
    payload: JsonValue = None


class SocketMode:
    """Hands deliveries to one of the bot's connections at random and waits for the acknowledgement."""

    def __init__(self, *, workspace: Workspace, ack_seconds: float, sources: RoomSources) -> None:
        self._workspace = workspace
        self._ack_seconds = ack_seconds
        self._clock = sources.clock
        self._new_secret = sources.new_secret
        self._pick = sources.pick
        self._tickets: set[str] = set()
        self._connections: list[_Connection] = []
        self._waiting: dict[str, _Waiting] = {}

    def new_ticket(self) -> str:
        """Make a ticket that opens one connection, once."""
        ticket = self._new_secret()
        self._tickets.add(ticket)
        return ticket

    async def serve(self, socket: WebSocket) -> None:
        """Keep one connection of the bot: greet, deliver, read acknowledgements until it ends."""
        ticket = socket.query_params.get("ticket", "")
        if ticket not in self._tickets:
            await socket.close(code=1008)
            return
        self._tickets.discard(ticket)
        await socket.accept()
        if len(self._connections) >= MOST_CONNECTIONS:
            await socket.send_json(_goodbye("too_many_websockets"))
            await socket.close()
            return
        await self._keep(_Connection(socket=socket))

    async def deliver(self, delivery: Delivery) -> bool:
        """Send to one connection; False if the bot has none that takes it."""
        while connection := self._some_connection():
            envelope_id = self._expect_ack(delivery)
            try:
                await connection.socket.send_json(_envelope(delivery, envelope_id))
            except (WebSocketDisconnect, RuntimeError):
                # It closed before the send: another one may be open.
                self._waiting.pop(envelope_id).timer.cancel()
                self._drop(connection)
            else:
                return True
        return False

    async def ask_to_reconnect(self) -> None:
        """Tell every connection to come back on a new one, as Slack does every few hours."""
        for connection in tuple(self._connections):
            connection.retiring = True
            await connection.socket.send_json(_goodbye("refresh_requested"))

    async def _keep(self, connection: _Connection) -> None:
        self._connections.append(connection)
        try:
            await connection.socket.send_json(self._hello())
            await self._close_retiring()
            async for frame in text_frames(connection.socket):
                self._take_ack(frame)
        finally:
            self._drop(connection)

    async def _close_retiring(self) -> None:
        """Close the connections that a new one replaces; until it opens, they still carry deliveries."""
        for connection in [connection for connection in self._connections if connection.retiring]:
            self._drop(connection)
            await connection.socket.close()

    def _some_connection(self) -> _Connection | None:
        fresh = [connection for connection in self._connections if not connection.retiring]
        candidates = fresh or self._connections
        return candidates[self._pick(len(candidates))] if candidates else None

    def _drop(self, connection: _Connection) -> None:
        if connection in self._connections:
            self._connections.remove(connection)

    def _expect_ack(self, delivery: Delivery) -> str:
        envelope_id = self._new_secret()
        timer = asyncio.get_running_loop().call_later(self._ack_seconds, self._give_up, envelope_id)
        self._waiting[envelope_id] = _Waiting(delivery=delivery, sent=self._clock(), timer=timer)
        return envelope_id

    def _give_up(self, envelope_id: str) -> None:
        self._waiting.pop(envelope_id).delivery.on_timeout()

    def _take_ack(self, frame: str) -> None:
        """Read an acknowledgement; it may come over another connection than its envelope went."""
        try:
            ack = _AckFrame.model_validate_json(frame)
        except ValidationError as error:
            log.warning("odd_socket_frame_ignored", problem=str(error))
            return
        waiting = self._waiting.pop(ack.envelope_id, None)
        if waiting is None:
            log.info("late_ack_ignored", envelope_id=ack.envelope_id)
            return
        waiting.timer.cancel()
        milliseconds = (self._clock() - waiting.sent) * 1_000
        waiting.delivery.on_ack(Ack(envelope_id=ack.envelope_id, payload=ack.payload, milliseconds=milliseconds))

    def _hello(self) -> Shape:
        return {
            "type": "hello",
            "num_connections": len(self._connections),
            "connection_info": {"app_id": self._workspace.bot.app_id},
            "debug_info": _DEBUG,
        }


_DEBUG: Shape = {"host": "room", "build_number": 0, "approximate_connection_time": 18_060}


def _goodbye(reason: str) -> Shape:
    return {"type": "disconnect", "reason": reason, "debug_info": _DEBUG}


def _envelope(delivery: Delivery, envelope_id: str) -> Shape:
    envelope: Shape = {
        "envelope_id": envelope_id,
        "type": delivery.type,
        "accepts_response_payload": delivery.accepts_answer,
        "payload": delivery.payload,
    }
    if delivery.attempt:
        envelope |= {"retry_attempt": delivery.attempt, "retry_reason": "timeout"}
    return envelope
