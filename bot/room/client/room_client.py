"""A person in the room, as a program: types commands, clicks, reads messages, follows events.

It talks to loopback only and therefore never to a proxy, whatever the environment says.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from types import TracebackType
from typing import Self
from urllib.parse import urlencode, urlsplit

from pydantic import JsonValue, TypeAdapter, ValidationError
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect

from bot.room.events import EVENT, RoomEvent, RoomMessage, Submitted
from bot.room.workspace import ALICE, WAR_ROOM, EditRule

TIMEOUT_SECONDS = 10.0


class RoomError(Exception):
    """The room could not be reached, or refused what was asked; `error` is the room's code for the reason."""

    def __init__(self, message: str, *, error: str = "unreachable") -> None:
        super().__init__(message)
        self.error = error


class RoomClosedError(RoomError):
    """The event stream ended: the room closed, or the stream was closed on our side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSent:
    """A command is on its way to the bot.

    The bot's dialog for it carries the same `trigger_id` in its metadata, and so do the events about its
    acknowledgement. Events that follow from it have a higher number than `sequence`.
    """

    trigger_id: str
    command: str
    text: str
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickSent:
    """A click is on its way to the bot."""

    trigger_id: str
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refused:
    error: str
    message: str


_COMMAND_SENT = TypeAdapter(CommandSent)
_CLICK_SENT = TypeAdapter(ClickSent)
_SUBMITTED = TypeAdapter(Submitted)
_MESSAGES = TypeAdapter(tuple[RoomMessage, ...])
_REFUSED = TypeAdapter(_Refused)


class EventStream:
    """The changes of a room, as an iterator that waits; `close` from any thread ends it, and so does the room's end."""

    def __init__(self, connection: ClientConnection, *, resources: ExitStack) -> None:
        self._connection = connection
        self._resources = resources

    def __iter__(self) -> Iterator[RoomEvent]:
        while True:
            try:
                event = self.wait()
            except RoomClosedError:
                return
            if event is not None:
                yield event

    def wait(self, seconds: float | None = None) -> RoomEvent | None:
        """Wait for the next change; None after the time without one.

        Raises:
            RoomClosedError: the stream has ended.
        """
        try:
            return EVENT.validate_json(self._connection.recv(timeout=seconds))
        except TimeoutError:
            return None
        except ConnectionClosed as error:
            raise RoomClosedError("The room has closed.", error="closed") from error

    def close(self) -> None:
        """Stop listening. May be repeated."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class RoomClient:
    """One person in one channel. It keeps no connection between calls, so that threads may share it."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        user: str = ALICE.id,
        channel: str = WAR_ROOM.id,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self._address = urlsplit(url).netloc
        self._headers = {"Authorization": f"Bearer {token}"}
        self._user = user
        self._channel = channel
        self._timeout = timeout

    def type(self, text: str) -> CommandSent:
        """Type a command line; returns when it was sent to the bot, before the bot answers."""
        return _COMMAND_SENT.validate_json(self._post("/room/commands", {"text": text}))

    def click(
        self,
        ts: str,
        action_id: str,
        *,
        block_id: str | None = None,
        value: str | None = None,
        stale: bool = False,
        deliveries: int = 1,
    ) -> ClickSent:
        """Click an element of a message.

        Args:
            ts: names the message.
            action_id: names the element.
            block_id: tells elements with the same `action_id` apart.
            value: what was chosen, for a menu.
            stale: click what the message showed before its latest edit, as from a screen that lags behind.
            deliveries: 2 sends one and the same click twice, as Slack does when it gets no acknowledgement.
        """
        sent = {
            "ts": ts,
            "action_id": action_id,
            "block_id": block_id,
            "value": value,
            "stale": stale,
            "deliveries": deliveries,
        }
        return _CLICK_SENT.validate_json(self._post("/room/clicks", sent))

    def submit(self, view_id: str, entries: Mapping[str, Mapping[str, JsonValue]]) -> Submitted:
        """Submit the form on this person's screen, which a `ViewShown` event announced.

        Args:
            view_id: names the form.
            entries: by block id and action id: a text, the value of a choice, the values of several.
        """
        entered: dict[str, JsonValue] = {block: dict(actions) for block, actions in entries.items()}
        return _SUBMITTED.validate_json(self._post("/room/submissions", {"view_id": view_id, "entries": entered}))

    def close_form(self, view_id: str) -> None:
        """Close the form on this person's screen."""
        self._post("/room/closings", {"view_id": view_id})

    def change_channel(
        self, *, is_archived: bool | None = None, bot_is_member: bool | None = None, edits: EditRule | None = None
    ) -> None:
        """Archive this channel, remove the bot from it, or forbid the bot's edits; what is not given stays."""
        change = {"is_archived": is_archived, "bot_is_member": bot_is_member, "edits": edits}
        self._post("/room/channels", {name: value for name, value in change.items() if value is not None})

    def messages(self) -> tuple[RoomMessage, ...]:
        """List what this person sees in the channel, oldest first, replies in threads included."""
        query = urlencode({"user": self._user, "channel": self._channel})
        return _MESSAGES.validate_json(self._request("GET", f"/room/messages?{query}"))

    def file(self, file_id: str) -> bytes:
        """Fetch the bytes of a file."""
        return self._request("GET", f"/room/files/{file_id}")

    def events(self, *, since: int = 0) -> EventStream:
        """Follow the room from that sequence number on: first the missed changes, then every new one."""
        query = urlencode({"user": self._user, "since": since})
        address = f"ws://{self._address}/room/events?{query}"
        resources = ExitStack()
        try:
            connection = resources.enter_context(
                connect(
                    address,
                    additional_headers=self._headers,
                    proxy=None,
                    compression=None,
                    open_timeout=self._timeout,
                    max_size=None,
                    # With a bound, a stream closed while events wait unread would hang until a time-out.
                    max_queue=None,
                )
            )
        except (OSError, InvalidHandshake) as error:
            raise RoomError(f"The room at {self._address} does not let us listen: {error}.") from error
        return EventStream(connection, resources=resources)

    def _post(self, path: str, body: Mapping[str, JsonValue]) -> bytes:
        return self._request("POST", path, {"user": self._user, "channel": self._channel, **body})

    def _request(self, method: str, path: str, body: Mapping[str, JsonValue] | None = None) -> bytes:
        # http.client and not urllib or requests: those look for proxies in the environment.
        connection = HTTPConnection(self._address, timeout=self._timeout)
        headers = self._headers | {"Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, HTTPException) as error:
            raise RoomError(f"The room at {self._address} does not answer: {error}. Is it still open?") from error
        finally:
            connection.close()
        if response.status != HTTPStatus.OK:
            raise _refusal(response.status, content)
        return content


def _refusal(status: int, content: bytes) -> RoomError:
    try:
        refused = _REFUSED.validate_json(content)
    except ValidationError:
        return RoomError(f"The room answered with HTTP {status}.", error=f"http_{status}")
    return RoomError(f"{refused.message} ({refused.error})", error=refused.error)
