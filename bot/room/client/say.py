"""One command line typed into a room by a program: its dialog shown as it changes, its buttons clicked.

Where a click begins another dialog, that one is followed from there on.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic
from typing import Any

from bot.room.client.choices import Wish, actions, buttons, value_of
from bot.room.client.interface import Person, Show
from bot.room.client.room_client import CommandSent, RoomClosedError, RoomError
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
from commands.arguments import HELP

SUCCESSES = ("done", "reused", "updated", "unchanged", "rolled_back", "removed", "listed", "described")
ENDS = (*SUCCESSES, "unchecked", "refused", "failed", "cancelled", "expired", "stopped", "discarded")
"""The states after which nothing follows by itself; see the metadata of the bot's dialogs."""
HELPED = "usage"
"""What comes of `help` behind a command: no dialog, but what was asked for."""
UNSHOWN = ("form", "unanswered", "lost")
"""What may come of a line without any dialog that tells it."""
ASKING = {"review": ("create", "reuse", "update", "roll_back", "remove"), "deciding": ("keep",)}
"""The states in which a dialog waits for somebody, and the buttons that say yes."""
LEAVING = {"review": "cancel", "deciding": "discard", "queued": "stop", "running": "stop"}
"""The button that ends a dialog, by its state."""
LOOKS = ("show_packages", "show_dockerfile", "packages", "log", "images", "changes", "image_packages")
"""The buttons after which a dialog waits as before: each puts a file into its thread."""
BEGINS = (
    "image_details",
    "image_update",
    "image_roll_back",
    "image_run_again",
    "image_remove",
    "undo_update",
    "roll_back_to",
)
"""The buttons and menus that begin another dialog."""
TURNS = ("next_page", "previous_page", "refresh")
"""The buttons that change what a list shows."""
OPENS_A_FORM = ("edit", "filter")
"""The buttons that are for people with a screen."""
COUNTING_SECONDS = 2.0
"""How long a list is stayed with, so that it can say how much of the disk is used."""


class Unanswered(StrEnum):
    """What becomes of a dialog that asks for a click when there is none to give."""

    LEAVE = "leave"
    """End it: nobody will be there to decide."""
    KEEP = "keep"
    """Let it wait for somebody else."""


@dataclass(slots=True)
class Said:
    """What came of a line. `state` is one of `ENDS`, or `waiting`, `form`, `unanswered` or `lost`; `seconds` by phase.

    `facts` is the dialog's metadata as it was at the end, `left` the clicks for which there was no button.
    """

    state: str = "lost"
    message: str = "The room was closed before the command ended."
    facts: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    left: tuple[str, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether the command did what was asked."""
        return self.state in (*SUCCESSES, HELPED)

    def as_json(self) -> dict[str, Any]:
        """Write it for scripts."""
        known = {key: self.facts.get(key) for key in ("image", "tag", "id", "digest", "images")}
        steps = self.facts.get("seconds") or {}
        return {"state": self.state, **known, "seconds": {**self.seconds, "steps": steps}, "message": self.message}


class Conversation:
    """Types a line and stays with its dialog to the end, and with those that its clicks begin.

    `clicks` are what to press, in turn, whenever the dialog asks, and at its end as long as it has the next of them: a
    button's action id, or `action=choice` for a menu. `yes` says yes where there is none to press; `ask` may choose a
    button by hand. `usages` holds the arguments of the commands that are known here.
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
        self._trigger = ""
        self._shown: Message | None = None
        self._state = ""
        self._since = 0.0
        self._clicked: Wish | None = None
        self._click_trigger: str | None = None
        # What a click at the end of a dialog is to bring about, until it has.
        self._awaited = False
        self._deadline: float | None = None
        self._leaving = False
        self._said = Said()

    def say(self, line: str) -> Said:
        """Type the line; return when its dialog has ended, or when nobody is there to answer it."""
        with self._client.events() as events:
            sent = self._client.type(line)
            self._trigger = sent.trigger_id
            self._since = monotonic()
            with contextlib.suppress(RoomClosedError):
                while not self._is_over(events.wait(self._patience()), sent):
                    pass
        self._said.left = tuple(self._clicks)
        return self._said

    def leave(self) -> None:
        """End the dialog as soon as its state allows, from any thread; `say` returns once it has ended."""
        self._leaving = True
        button = LEAVING.get(self._state)
        if self._shown is not None and button is not None:
            # Where the dialog has moved on, or the room has closed, `say` learns of it by itself.
            with contextlib.suppress(RoomError):
                self._client.click(self._shown.ts, button)

    def _patience(self) -> float | None:
        return None if self._deadline is None else max(0.0, self._deadline - monotonic())

    # ── Events ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _is_over(self, event: RoomEvent | None, sent: CommandSent) -> bool:
        if event is None:
            return self._waited_enough()
        return event.sequence > sent.sequence and self._is_end(event, sent)

    def _is_end(self, event: RoomEvent, sent: CommandSent) -> bool:
        match event:
            case MessagePosted(message=message) | MessageEdited(message=message):
                return self._heard(message, sent)
            case FileShared(file=file, thread_ts=thread) if self._is_mine(thread):
                self._show.file(file.name)
                return self._clicked_in(LOOKS) and self._came()
            case Undelivered(trigger_id=trigger, reason=reason) if trigger == sent.trigger_id:
                return self._ended("unanswered", f"The bot did not take the command: {reason}.")
            case Undelivered(trigger_id=trigger, reason="dispatch_failed") if trigger == self._click_trigger:
                return self._ended("unanswered", "The bot did not take the click: it is not connected.")
            case ViewShown(view=view) if view.trigger_id in {sent.trigger_id, self._click_trigger}:
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
        text = "That opens a form, which a terminal cannot show."
        if usage := self._usages.get(sent.command, "argument=value …"):
            text += f" Type the arguments: `{sent.command} {usage}`"
        return self._ended("form", text)

    def _heard(self, message: Message, sent: CommandSent) -> bool:
        payload = message.metadata.event_payload if message.metadata else {}
        trigger = payload.get("trigger")
        if trigger is not None and trigger == self._click_trigger:
            self._follow(message)
        if trigger == self._trigger:
            return self._moved(message, payload)
        if message.only_for is not None and message.answers == sent.trigger_id:
            # The bot answered this person alone: that is a refusal unless it was asked for help, and all there will be.
            state = HELPED if sent.text.strip().lower() in HELP else "refused"
            self._show.dialog(message, state)
            return self._ended(state, message.text)
        if message.only_for is not None and self._awaited:
            self._show.reply(message)
            return self._came() if self._clicked_in(LOOKS) else self._ended("refused", message.text)
        if self._is_mine(message.thread_ts) and message.text:
            self._show.reply(message)
        return False

    def _is_mine(self, thread: str | None) -> bool:
        return self._shown is not None and thread == self._shown.ts

    def _follow(self, message: Message) -> None:
        """Turn to the dialog that the latest click has begun."""
        payload = message.metadata.event_payload if message.metadata else {}
        self._trigger, self._click_trigger = str(payload["trigger"]), None
        self._awaited = False
        # How long the other one has stood at its end is nobody's question.
        self._state, self._since = "", monotonic()

    def _moved(self, message: Message, payload: dict[str, Any]) -> bool:
        state = str(payload.get("state", ""))
        # What was between may not have been shown: a review of another proposal is a question of its own.
        is_another = self._shown is None or self._shown.blocks != message.blocks
        self._shown = message
        self._said.facts = payload
        changed = state != self._state
        if changed:
            self._count(state)
        self._show.dialog(message, state)
        if state in ENDS:
            return self._rested(message)
        if changed and self._leaving:
            self.leave()
        elif (changed or is_another) and state in ASKING:
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

    # ── The end of a dialog, and what is clicked there ──────────────────────────────────────────────────────────

    def _rested(self, message: Message) -> bool:
        if self._awaited and not self._clicked_in(TURNS):
            return False
        self._awaited = False
        if is_counted(self._said.facts):
            return self._go_on(message)
        self._deadline = monotonic() + COUNTING_SECONDS
        return False

    def _waited_enough(self) -> bool:
        self._deadline = None
        return self._shown is None or self._go_on(self._shown)

    def _came(self) -> bool:
        """Go on after what the latest click was to bring about."""
        if not self._awaited or self._shown is None:
            return False
        self._awaited = False
        return self._go_on(self._shown)

    def _go_on(self, message: Message) -> bool:
        self._deadline = None
        if self._leaving or not self._clicks or Wish.read(self._clicks[0]).action not in actions(message):
            return self._ended(self._state, str(self._said.facts.get("message") or message.text))
        self._awaited = True
        self._click(message, Wish.read(self._clicks.pop(0)))
        return False

    def _clicked_in(self, kinds: tuple[str, ...]) -> bool:
        return self._clicked is not None and self._clicked.action in kinds

    # ── Answers ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _answer(self, message: Message, state: str) -> bool:
        while (wish := self._choose(message, state)) is not None:
            self._click(message, wish)
            if wish.action not in LOOKS:
                # A review makes way for what is chosen in its place: its own end is not the end.
                self._awaited = wish.action in BEGINS
                return False
        if self._unanswered is Unanswered.LEAVE:
            self.leave()
            return False
        return self._ended("waiting", "The dialog waits for a button.")

    def _click(self, message: Message, wish: Wish) -> None:
        self._clicked = wish
        value = value_of(wish, message)
        try:
            self._click_trigger = self._client.click(message.ts, wish.action, value=value).trigger_id
        except RoomError as error:
            # Somebody else was faster: the next state of the dialog tells.
            if wish.action not in actions(message) or error.error != "action_not_found":
                raise
            self._awaited = False

    def _choose(self, message: Message, state: str) -> Wish | None:
        there = actions(message)
        says_yes = next((button for button in ASKING[state] if self._yes and state == "review" and button in there), "")
        if self._clicks and (not says_yes or Wish.read(self._clicks[0]).action in there):
            return Wish.read(self._clicks.pop(0))
        if says_yes:
            return Wish(says_yes)
        by_hand = tuple(button for button in buttons(message) if button not in OPENS_A_FORM)
        chosen = self._ask(by_hand) if self._ask else None
        return None if chosen is None else Wish(chosen)


def is_counted(facts: Mapping[str, Any]) -> bool:
    """Tell whether all is there: a list comes before it is known how much of the disk is used."""
    return facts.get("state") != "listed" or facts.get("disk", 0) is not None or bool(facts.get("disk_note"))
