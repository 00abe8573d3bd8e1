"""Whom a conversation needs: somebody in the room who acts, and a place where the dialog is shown."""

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self

from bot.room.client.room_client import ClickSent, CommandSent
from bot.room.events import Message, RoomEvent


class Person(Protocol):
    """Somebody in the room: a `RoomClient`, or a test's."""

    def type(self, text: str) -> CommandSent:
        """Type a command line."""
        ...

    def click(self, ts: str, action_id: str, *, value: str | None = None) -> ClickSent:
        """Click an element of a message, `value` being what is chosen in a menu; raises `RoomError`."""
        ...

    def close_form(self, view_id: str) -> None:
        """Close a form without sending it; raises `RoomError`."""
        ...

    def events(self) -> AbstractContextManager["Events"]:
        """Follow the room until it closes."""
        ...


class Events(Protocol):
    """What happens in a room, one after the other."""

    def wait(self, seconds: float | None = None) -> RoomEvent | None:
        """Wait for the next; None when the time passed without one. Raises `RoomClosedError`."""
        ...


class Show(Protocol):
    """Where the dialog is shown while it changes: opened as a context."""

    def dialog(self, message: Message, state: str) -> None:
        """Show the dialog, or its newer state."""
        ...

    def reply(self, message: Message) -> None:
        """Show a reply in its thread."""
        ...

    def file(self, name: str) -> None:
        """Tell of a file in its thread."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...
