"""One command line typed into a room by a program: its dialog shown as it changes, its buttons clicked."""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic
from types import TracebackType
from typing import Any, Protocol, Self

from bot.room.client import ClickSent, CommandSent, RoomError
from bot.room.events import (
    Acked,
    FileShared,
    Message,
    MessageEdited,
    MessagePosted,
    OpenView,
    RoomEvent,
    Undelivered,
    ViewShown,
)

SUCCESSES = ("done", "reused")
ENDS = (*SUCCESSES, "refused", "failed", "cancelled", "expired", "stopped", "discarded")
"""The states after which a dialog stays as it is; see the metadata of the bot's dialogs."""
UNSHOWN = ("form", "unanswered", "lost")
"""What may come of a line without any dialog that tells it."""
ASKING = {"review": ("create", "reuse"), "deciding": ("keep",)}
"""The states in which a dialog waits for somebody, and the buttons that say yes."""
LEAVING = {"review": "cancel", "deciding": "discard", "queued": "stop", "running": "stop"}
"""The button that ends a dialog, by its state."""
LOOKS = ("show_packages", "show_dockerfile", "packages", "log")
"""The buttons after which a dialog waits as before."""
OPENS_A_FORM = "edit"
"""The button that is for people with a screen."""


class Unanswered(StrEnum):
    """What becomes of a dialog that asks for a click when there is none to give."""

    LEAVE = "leave"
    """End it: nobody will be there to decide."""
    KEEP = "keep"
    """Let it wait for somebody else."""


class Person(Protocol):
    """Somebody in the room: a `RoomClient`, or a test's."""

    def type(self, text: str) -> CommandSent:
        """Type a command line."""
        ...

    def click(self, ts: str, action_id: str) -> ClickSent:
        """Click an element of a message; raises `RoomError`."""
        ...

    def close_form(self, view_id: str) -> None:
        """Close a form without sending it; raises `RoomError`."""
        ...

    def events(self) -> AbstractContextManager[Iterable[RoomEvent]]:
        """Follow the room until it closes."""
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


@dataclass(slots=True)
class Said:
    """What came of a line. `state` is one of `ENDS`, or `waiting`, `form`, `unanswered` or `lost`; `seconds` by phase.

    `facts` is the dialog's metadata as it was at the end.
    """

    state: str = "lost"
    message: str = "The room was closed before the command ended."
    facts: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Whether the command did what was asked."""
        return self.state in SUCCESSES

    def as_json(self) -> dict[str, Any]:
        """Write it for scripts."""
        known = {key: self.facts.get(key) for key in ("image", "tag", "id", "digest")}
        steps = self.facts.get("seconds") or {}
        return {"state": self.state, **known, "seconds": {**self.seconds, "steps": steps}, "message": self.message}


class Conversation:
    """Types a line and stays with its dialog to the end.

    `clicks` are the action ids to press, in turn, whenever the dialog asks; `yes` says yes where none is left; `ask`
    may choose a button by hand. `usages` holds the arguments of the commands that are known here.
    """

    def __init__(
        self,
        client: Person,
        show: Show,
        *,
        clicks: Iterable[str] = (),
        yes: bool = False,
        ask: Callable[[tuple[str, ...]], str | None] | None = None,
        unanswered: Unanswered = Unanswered.KEEP,
        usages: Mapping[str, str] | None = None,
    ) -> None:
        self._client = client
        self._show = show
        self._clicks = list(clicks)
        self._yes = yes
        self._ask = ask
        self._unanswered = unanswered
        self._usages = usages or {}
        self._ts: str | None = None
        self._state = ""
        self._since = 0.0
        self._clicked: str | None = None
        self._leaving = False
        self._said = Said()

    def say(self, line: str) -> Said:
        """Type the line; return when its dialog has ended, or when nobody is there to answer it."""
        with self._client.events() as events:
            sent = self._client.type(line)
            self._since = monotonic()
            for event in events:
                if event.sequence > sent.sequence and self._is_over(event, sent):
                    break
        return self._said

    def leave(self) -> None:
        """End the dialog as soon as its state allows, from any thread; `say` returns once it has ended."""
        self._leaving = True
        button = LEAVING.get(self._state)
        if self._ts is not None and button is not None:
            # Where the dialog has moved on, or the room has closed, `say` learns of it by itself.
            with contextlib.suppress(RoomError):
                self._client.click(self._ts, button)

    # ── Events ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _is_over(self, event: RoomEvent, sent: CommandSent) -> bool:
        match event:
            case MessagePosted(message=message) | MessageEdited(message=message):
                return self._heard(message, sent)
            case FileShared(file=file, thread_ts=thread) if thread and thread == self._ts:
                self._show.file(file.name)
            case Undelivered(trigger_id=trigger, reason=reason) if trigger == sent.trigger_id:
                return self._ended("unanswered", f"The bot did not take the command: {reason}.")
            case Undelivered(trigger_id=trigger, reason="dispatch_failed") if trigger == self._clicked:
                return self._ended("unanswered", "The bot did not take the click: it is not connected.")
            case ViewShown(view=view) if view.trigger_id in {sent.trigger_id, self._clicked}:
                return self._met_a_form(view, sent)
            case Acked(trigger_id=trigger, milliseconds=milliseconds) if trigger == sent.trigger_id:
                self._said.seconds["ack"] = round(milliseconds / 1000, 4)
            case _:
                pass
        return False

    def _met_a_form(self, view: OpenView, sent: CommandSent) -> bool:
        # It stands on the screen of whoever this person is elsewhere in the room, who did not ask for it.
        with contextlib.suppress(RoomError):
            self._client.close_form(view.id)
        usage = f"{sent.command} {self._usages.get(sent.command, 'argument=value …')}"
        return self._ended("form", f"That opens a form, which a terminal cannot show. Type the arguments: `{usage}`")

    def _heard(self, message: Message, sent: CommandSent) -> bool:
        payload = message.metadata.event_payload if message.metadata else {}
        if payload.get("trigger") == sent.trigger_id:
            return self._moved(message, payload)
        if message.only_for is not None and message.answers == sent.trigger_id:
            # The bot answered this person alone: that is a refusal, and all there will be.
            self._show.dialog(message, "refused")
            return self._ended("refused", message.text)
        if message.thread_ts is not None and message.thread_ts == self._ts and message.text:
            self._show.reply(message)
        return False

    def _moved(self, message: Message, payload: dict[str, Any]) -> bool:
        state = str(payload.get("state", ""))
        self._ts = message.ts
        self._said.facts = payload
        changed = state != self._state
        if changed:
            self._count(state)
        self._show.dialog(message, state)
        if state in ENDS:
            return self._ended(state, str(payload.get("message") or message.text))
        if changed and self._leaving:
            self.leave()
        elif changed and state in ASKING:
            return self._answer(message, state)
        return False

    def _count(self, state: str) -> None:
        now = monotonic()
        if self._state:
            before = self._said.seconds.get(self._state, 0.0)
            self._said.seconds[self._state] = round(before + now - self._since, 3)
            self._since = now
        self._state = state

    def _ended(self, state: str, text: str) -> bool:
        self._said.state, self._said.message = state, text
        return True

    # ── Answers ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _answer(self, message: Message, state: str) -> bool:
        buttons = _buttons(message)
        while (button := self._choose(buttons, state)) is not None:
            self._click(message.ts, button, was_there=button in buttons)
            if button not in LOOKS:
                return False
        if self._unanswered is Unanswered.LEAVE:
            self.leave()
            return False
        return self._ended("waiting", "The dialog waits for a button.")

    def _click(self, ts: str, button: str, *, was_there: bool) -> None:
        try:
            self._clicked = self._client.click(ts, button).trigger_id
        except RoomError as error:
            # Somebody else was faster: the next state of the dialog tells.
            if not was_there or error.error != "action_not_found":
                raise

    def _choose(self, buttons: tuple[str, ...], state: str) -> str | None:
        if self._clicks:
            return self._clicks.pop(0)
        if self._yes and state == "review":
            return next((button for button in ASKING[state] if button in buttons), None)
        by_hand = tuple(button for button in buttons if button != OPENS_A_FORM)
        return self._ask(by_hand) if self._ask else None


def _buttons(message: Message) -> tuple[str, ...]:
    found: list[str] = []
    for block in message.blocks:
        elements = block.get("elements") if block.get("type") == "actions" else None
        if isinstance(elements, list):
            found += [str(one["action_id"]) for one in elements if isinstance(one, dict) and "action_id" in one]
    return tuple(found)
