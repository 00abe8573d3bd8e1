"""The people's side over HTTP: `/room/…`, JSON only, for authenticated clients, and one stream of events."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.room.events import EVENT, OpenView, RoomEvent, RoomMessage, Submitted, channel_of, is_meant_for
from bot.room.server.bodies import body_of
from bot.room.server.channels import Channels
from bot.room.server.conversation import RoomMessages
from bot.room.server.door import PeoplesDoor
from bot.room.server.files import RoomFiles
from bot.room.server.frames import text_frames
from bot.room.server.modals import Modals, ViewClick
from bot.room.server.people import CommandLine, ElementClick, People
from bot.room.server.refusals import RefusedError
from bot.room.workspace import EditRule, KnownCommand, Member, Workspace, WorkspaceChannel

# A reader this far behind reads the state again, which is shorter than the changes.
MOST_UNSENT_EVENTS = 10_000

MESSAGES: TypeAdapter[tuple[RoomMessage, ...]] = TypeAdapter(tuple[RoomMessage, ...])
SUBMITTED: TypeAdapter[Submitted] = TypeAdapter(Submitted)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomState:
    """What one person sees in their first channel, with the number of the latest change."""

    user: str
    channel: str
    history: str
    sequence: int
    workspace: Workspace
    commands: tuple[KnownCommand, ...]
    messages: tuple[RoomMessage, ...]
    view: OpenView | None


STATE: TypeAdapter[RoomState] = TypeAdapter(RoomState)


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    user: str
    channel: str


class TypedLine(_Sent):
    """Body of `POST /room/commands`."""

    text: str = Field(min_length=1)


class ClickBody(_Sent):
    """Body of `POST /room/clicks`; `deliveries=2` plays Slack's redelivery of one and the same click."""

    ts: str
    action_id: str
    block_id: str | None = None
    value: str | None = None
    stale: bool = False
    deliveries: int = Field(default=1, ge=1, le=3)


class ChannelChange(_Sent):
    """Body of `POST /room/channels`: what changes in the channel."""

    is_archived: bool | None = None
    bot_is_member: bool | None = None
    edits: EditRule | None = None


Typed = dict[str, dict[str, str | tuple[str, ...] | None]]


class FormBody(_Sent):
    """Body of `POST /room/submissions`; `entries` by block id and action id."""

    view_id: str
    entries: Typed = Field(default_factory=dict)


class FormClosed(_Sent):
    """Body of `POST /room/closings`."""

    view_id: str


class FormClicked(FormBody):
    """Body of `POST /room/form-clicks`."""

    action_id: str
    block_id: str | None = None
    value: str | None = None


class PeopleApi:
    """Answers the requests of people and of the programs that act for them."""

    def __init__(
        self,
        *,
        workspace: Workspace,
        commands: Sequence[KnownCommand],
        channels: Channels,
        conversation: RoomMessages,
        people: People,
        modals: Modals,
        files: RoomFiles,
        door: PeoplesDoor,
    ) -> None:
        self._workspace = workspace
        self._channels = channels
        self._conversation = conversation
        self._commands = commands
        self._people = people
        self._modals = modals
        self._files = files
        self._door = door

    def routes(self) -> list[BaseRoute]:
        """List the addresses of the people's side."""
        return [
            Route("/room/commands", self._guarded_endpoint(self._type), methods=["POST"]),
            Route("/room/clicks", self._guarded_endpoint(self._click), methods=["POST"]),
            Route("/room/form-clicks", self._guarded_endpoint(self._click_form), methods=["POST"]),
            Route("/room/submissions", self._guarded_endpoint(self._submit), methods=["POST"]),
            Route("/room/closings", self._guarded_endpoint(self._close), methods=["POST"]),
            Route("/room/channels", self._guarded_endpoint(self._change_channel), methods=["POST"]),
            Route("/room/state", self._guarded_endpoint(self._state), methods=["GET"]),
            Route("/room/messages", self._guarded_endpoint(self._messages), methods=["GET"]),
            Route("/room/files/{file_id}", self._guarded_endpoint(self._file), methods=["GET"]),
            WebSocketRoute("/room/events", self._events),
        ]

    def _guarded_endpoint(
        self, endpoint: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            if not self._door.lets_in(request):
                return _refusal_response(401, "invalid_auth", "Send the room's user token as a bearer token.")
            if request.method == "POST" and not _is_json(request):
                return _refusal_response(415, "invalid_post_type", "Send JSON, with the content type application/json.")
            try:
                return await endpoint(request)
            except ValidationError as error:
                return _refusal_response(422, "invalid_arguments", str(error))
            except RefusedError as refusal:
                return _refusal_response(409, refusal.error, " ".join(refusal.details))

        return guarded

    async def _type(self, request: Request) -> Response:
        sent = TypedLine.model_validate_json(await body_of(request))
        person, channel = self._actor(sent.user, sent.channel)
        line = CommandLine.parse(sent.text)
        if not line.command.startswith("/"):
            raise RefusedError("not_a_command", ["A command begins with `/`, for example `/docker_images`."])
        sequence = self._conversation.sequence
        trigger_id = await self._people.type(person, channel, line)
        return JSONResponse(
            {"trigger_id": trigger_id, "command": line.command, "text": line.text, "sequence": sequence}
        )

    async def _click(self, request: Request) -> Response:
        sent = ClickBody.model_validate_json(await body_of(request))
        person, channel = self._actor(sent.user, sent.channel)
        sequence = self._conversation.sequence
        click = ElementClick(**sent.model_dump(exclude={"user", "channel"}))
        trigger_id = await self._people.click(person, channel, click)
        return JSONResponse({"trigger_id": trigger_id, "sequence": sequence})

    async def _click_form(self, request: Request) -> Response:
        sent = FormClicked.model_validate_json(await body_of(request))
        person, _ = self._actor(sent.user, sent.channel)
        click = ViewClick(**sent.model_dump(exclude={"user", "channel"}))
        return _json(SUBMITTED.dump_json(await self._modals.click(person, click)))

    async def _submit(self, request: Request) -> Response:
        sent = FormBody.model_validate_json(await body_of(request))
        person, _ = self._actor(sent.user, sent.channel)
        return _json(SUBMITTED.dump_json(await self._modals.submit(person, sent.view_id, sent.entries)))

    async def _close(self, request: Request) -> Response:
        sent = FormClosed.model_validate_json(await body_of(request))
        person, _ = self._actor(sent.user, sent.channel)
        await self._modals.close(person, sent.view_id)
        return JSONResponse({})

    async def _change_channel(self, request: Request) -> Response:
        sent = ChannelChange.model_validate_json(await body_of(request))
        _, channel = self._actor(sent.user, sent.channel)
        changed = self._channels.change(channel.id, **sent.model_dump(exclude={"user", "channel"}))
        return JSONResponse({"is_archived": changed.is_archived, "bot_is_member": changed.bot_is_member})

    async def _state(self, request: Request) -> Response:
        """Give everything that a page needs to begin; the events after `sequence` keep it up to date."""
        wanted = self._workspace.person(request.query_params.get("user", ""))
        person = wanted or self._workspace.people[0]
        channel = next(channel for channel in self._workspace.channels if channel.has(person.id))
        state = RoomState(
            user=person.id,
            channel=channel.id,
            history=self._conversation.history,
            sequence=self._conversation.sequence,
            workspace=self._workspace,
            commands=tuple(self._commands),
            messages=self._conversation.messages(channel.id, viewer=person.id),
            view=self._conversation.view(person.id),
        )
        return _json(STATE.dump_json(state))

    async def _messages(self, request: Request) -> Response:
        person, channel = self._actor_of(request)
        seen = self._conversation.messages(channel.id, viewer=person.id)
        return _json(MESSAGES.dump_json(seen))

    async def _file(self, request: Request) -> Response:
        content = self._files.content(request.path_params["file_id"])
        if content is None:
            raise RefusedError("file_not_found", ["There is no such file in the room, or it was too old to keep."])
        # As a download that no browser renders: the bytes are the untrusted output of a build.
        return Response(
            content,
            media_type="application/octet-stream",
            headers={"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"},
        )

    async def _events(self, socket: WebSocket) -> None:
        """Send the changes since a sequence number, then every new change."""
        if not self._door.lets_in(socket):
            await socket.close(code=1008)
            return
        try:
            person = self._person(socket.query_params.get("user", ""))
            since = int(socket.query_params.get("since", "0"))
        except (RefusedError, ValueError):
            await socket.close(code=1008)
            return
        await socket.accept()
        await self._stream(socket, person, since)

    async def _stream(self, socket: WebSocket, person: Member, since: int) -> None:
        changes: asyncio.Queue[RoomEvent] = asyncio.Queue()
        # No await between these two lines, so that no change falls between them.
        missed = self._conversation.since(since)
        unsubscribe = self._conversation.subscribe(changes.put_nowait)
        try:
            async with asyncio.TaskGroup() as group:
                sender = group.create_task(self._send_changes(socket, person, missed, changes))
                async for _ in text_frames(socket):
                    pass  # The reader sends nothing; the loop ends when it disconnects.
                sender.cancel()
        finally:
            unsubscribe()

    async def _send_changes(
        self,
        socket: WebSocket,
        person: Member,
        missed: tuple[RoomEvent, ...],
        changes: asyncio.Queue[RoomEvent],
    ) -> None:
        try:
            for event in missed:
                await self._send(socket, person, event)
            while changes.qsize() <= MOST_UNSENT_EVENTS:
                await self._send(socket, person, await changes.get())
            await socket.close(code=1013, reason="Too far behind: read again from the last sequence number.")
        except WebSocketDisconnect:
            return

    async def _send(self, socket: WebSocket, person: Member, event: RoomEvent) -> None:
        channel = self._workspace.channel(channel_of(event))
        if channel is not None and channel.has(person.id) and is_meant_for(event, person.id):
            await socket.send_text(EVENT.dump_json(event).decode())

    def _actor_of(self, connection: HTTPConnection) -> tuple[Member, WorkspaceChannel]:
        return self._actor(connection.query_params.get("user", ""), connection.query_params.get("channel", ""))

    def _actor(self, user: str, channel_id: str) -> tuple[Member, WorkspaceChannel]:
        person = self._person(user)
        channel = self._workspace.channel(channel_id)
        if channel is None or not channel.has(person.id):
            raise RefusedError("channel_not_found", [f"`{user}` is in no channel `{channel_id}`."])
        return person, channel

    def _person(self, user: str) -> Member:
        person = self._workspace.person(user)
        if person is None:
            raise RefusedError("user_not_found", [f"There is nobody with the id `{user}` in the room."])
        return person


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def _refusal_response(status: int, error: str, message: str) -> JSONResponse:
    return JSONResponse({"error": error, "message": message}, status_code=status)
