"""A person in a room without the room: what happens is a list, and so is what the person does."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

from pydantic import JsonValue

from bot.room.client.room_client import ClickSent, CommandSent, RoomClosedError, RoomError
from bot.room.events import Block, MessageEdited, Metadata, RoomEvent, RoomMessage
from bot.slack.views.buttons import meaning
from bot.slack.views.kinds import BY_ACTION

MINE = "1.mine"
"""The trigger of the command that the person types."""


QUESTIONS = ("review", "deciding")
SUCCESSES = ("done", "reused", "updated", "unchanged", "rolled_back", "removed", "listed", "described")
ENDS = (*SUCCESSES, "unchecked", "refused", "failed", "cancelled", "expired", "stopped", "discarded")


def menu(action: str, *choices: str) -> Block:
    """Make a menu, whose values are the choices in capitals."""
    options: list[JsonValue] = [
        {"text": {"type": "plain_text", "text": choice}, "value": choice.upper()} for choice in choices
    ]
    return {"type": "static_select", "action_id": action, "options": options}


def dialog(
    state: str,
    *buttons: str | Block,
    trigger: str = MINE,
    text: str = "",
    facts: Mapping[str, JsonValue] | None = None,
    ts: str = "10.1",
) -> RoomMessage:
    """Make the bot's dialog for a command, with this state, buttons and menus; `facts` are more metadata."""
    says: Block = {"type": "section", "text": {"type": "mrkdwn", "text": state}}
    elements: list[JsonValue] = [
        {"type": "button", "action_id": button} if isinstance(button, str) else button for button in buttons
    ]
    offers: Block = {"type": "actions", "elements": elements}
    actions = [str(element["action_id"]) for element in elements if isinstance(element, dict)]
    payload: dict[str, JsonValue] = {
        "state": state,
        "trigger": trigger,
        "ended": state in ENDS,
        "succeeded": state in SUCCESSES,
        "asks": state in QUESTIONS,
        "buttons": {action: meaning(BY_ACTION[action]) for action in actions if action in BY_ACTION},
        **(facts or {}),
    }
    return RoomMessage(
        ts=ts,
        channel="C0WARROOM",
        author="U0BOT",
        text=text or state,
        blocks=(says, offers),
        metadata=Metadata(event_type="warroom_dialog", event_payload=payload),
    )


def note(text: str, *, answers: str | None) -> RoomMessage:
    """Make something that the bot says to the person alone."""
    return RoomMessage(ts="11.1", channel="C0WARROOM", author="U0BOT", text=text, only_for="U0ALICE", answers=answers)


@dataclass(slots=True)
class FakePerson:
    """A room that tells a list of events; each click adds those of `after[action]`, and they are told next.

    When all is told the room closes, but somebody who waits only so long is told that the time has passed. `waits` is
    how long that was.
    """

    said: list[RoomMessage | RoomEvent] = field(default_factory=list)
    after: dict[str, list[RoomMessage | RoomEvent]] = field(default_factory=dict)
    refuses: dict[str, str] = field(default_factory=dict)
    typed: list[str] = field(default_factory=list)
    clicks: list[tuple[str, str]] = field(default_factory=list)
    choices: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    sequence: int = 5

    def type(self, text: str) -> CommandSent:
        """Note what is typed."""
        self.typed.append(text)
        return CommandSent(trigger_id=MINE, command="/x", text=text.partition(" ")[2], sequence=self.sequence)

    def click(self, ts: str, action_id: str, *, value: str | None = None) -> ClickSent:
        """Note the click, and let happen what follows from it."""
        self.clicks.append((ts, action_id))
        if value is not None:
            self.choices.append(value)
        if action_id in self.refuses:
            raise RoomError("It is not there.", error=self.refuses[action_id])
        self.said[:0] = self.after.get(action_id, [])
        return ClickSent(trigger_id=f"click-{action_id}", sequence=0)

    def close_form(self, view_id: str) -> None:
        """Note the form."""
        self.closed.append(view_id)

    @contextmanager
    def events(self) -> Iterator[Self]:
        """Tell what happens."""
        yield self

    def wait(self, seconds: float | None = None) -> RoomEvent | None:
        """Tell what happens next."""
        if not self.said:
            if seconds is None:
                raise RoomClosedError("The room has closed.", error="closed")
            self.waits.append(seconds)
            return None
        happened = self.said.pop(0)
        self.sequence += 1
        return (
            MessageEdited(sequence=self.sequence, message=happened) if isinstance(happened, RoomMessage) else happened
        )
