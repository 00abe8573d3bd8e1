"""The interfaces of a conversation: a person in the room who acts, and a place that shows the dialog."""

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self

from bot.room.client.room_client import ClickSent, CommandSent
from bot.room.events import RoomEvent, RoomMessage


class Person(Protocol):
    """Somebody in the room: a `RoomClient`, or a test's."""

    def type(self, text: str) -> CommandSent:
        """Type a command line."""
        ...

    def click(self, ts: str, action_id: str, *, value: str | None = None) -> ClickSent:
        """Click an element of a message, with `value` the choice in a menu; raises `RoomError`."""
        ...

    def close_form(self, view_id: str) -> None:
        """Close a form without sending it; raises `RoomError`."""
        ...

    def events(self) -> AbstractContextManager["Events"]:
        """Follow the room until it closes."""
        ...


class Events(Protocol):
    """The events of a room in their order."""

    def wait(self, seconds: float | None = None) -> RoomEvent | None:
        """Wait for the next event; None after the time without one. Raises `RoomClosedError`."""
        ...


class Show(Protocol):
    """A place that shows the dialog while it changes; it is a context manager."""

    def dialog(self, message: RoomMessage, state: str) -> None:
        """Show the dialog, or its newer state."""
        ...

    def reply(self, message: RoomMessage) -> None:
        """Show a reply in its thread."""
        ...

    def file(self, name: str) -> None:
        """Show the name of a file in its thread."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...
