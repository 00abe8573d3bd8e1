"""One command line typed into a room by a program: it shows the dialog as it changes and clicks its buttons.

After a click that begins another dialog it follows that one. It knows the bot's dialogs by their metadata alone.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic
from typing import Any

from bot.room.client.choices import Wish, actions, buttons, value_of
from bot.room.client.dialog_facts import DialogFacts
from bot.room.client.interface import Person, Show
from bot.room.client.room_client import CommandSent, RoomClosedError, RoomError
from bot.room.events import (
    Acked,
    FileShared,
    MessageEdited,
    MessagePosted,
    OpenView,
    RoomEvent,
    RoomMessage,
    SharedFile,
    Undelivered,
    ViewShown,
)
from commands.typed_text import HELP

HELPED = "usage"
"""The outcome of `help` behind a command: the bot answers with its arguments and shows no dialog."""
UNSHOWN = ("form", "unanswered", "lost")
"""The outcomes that no dialog shows."""
COUNTING_SECONDS = 2.0
"""How long to wait for a list's disk use."""


class WithoutClick(StrEnum):
    """What to do with a dialog that asks for a click when there is none to give."""

    LEAVE = "leave"
    """End it: nobody will be there to decide."""
    KEEP = "keep"
    """Let it wait for somebody else."""


@dataclass(slots=True)
class Said:
    """The outcome of a line.

    Attributes:
        state: the state of the last dialog, or `waiting`, `refused`, `usage`, `form`, `unanswered` or `lost`.
        message: the outcome in a sentence.
        facts: the metadata of the last dialog at its end.
        seconds: how long each state of the dialogs was shown.
        left: the clicks for which there was no button.
        succeeded: whether the command did what was asked.
    """

    state: str = "lost"
    message: str = "The room was closed before the command ended."
    facts: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    left: tuple[str, ...] = ()
    succeeded: bool = False

    def as_json(self) -> dict[str, Any]:
        """Write it for scripts."""
        known = {key: self.facts.get(key) for key in ("image", "tag", "id", "digest", "images")}
        steps = self.facts.get("seconds") or {}
        return {"state": self.state, **known, "seconds": {**self.seconds, "steps": steps}, "message": self.message}


class Conversation:
    """Types a line and follows its dialog to the end, and the dialogs that its clicks begin.

    `clicks` are pressed in turn: one each time that the dialog asks, and after its end while it shows the next of them.
    A click is a button's action id, or `action=choice` for a menu. `yes` confirms a review when no click is left for
    it; `ask` lets a person choose a button. `usages` maps each command to its arguments.
    """

    def __init__(
        self,
        client: Person,
        show: Show,
        *,
        clicks: Iterable[str] = (),
        yes: bool = False,
        ask: Callable[[tuple[str, ...]], str | None] | None = None,
        unanswered: WithoutClick = WithoutClick.KEEP,
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
        self._shown: RoomMessage | None = None
        self._facts = DialogFacts()
        self._since = 0.0
        self._clicked_meaning = ""
        self._click_trigger: str | None = None
        # Whether the effect of the latest click at the end of a dialog is still to come.
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
                while not self._is_over(events.wait(self._seconds_left()), sent):
                    pass
        self._said.left = tuple(self._clicks)
        return self._said

    def leave(self) -> None:
        """End the dialog as soon as its state allows, from any thread; `say` returns once it has ended."""
        self._leaving = True
        button = self._facts.first("leave")
        if self._shown is not None and button is not None:
            # If the dialog has moved on, or the room has closed, `say` learns it from the events.
            with contextlib.suppress(RoomError):
                self._client.click(self._shown.ts, button)

    def _seconds_left(self) -> float | None:
        return None if self._deadline is None else max(0.0, self._deadline - monotonic())

    # ── Events: each of these tells whether the conversation is over ────────────────────────────────────────────

    def _is_over(self, event: RoomEvent | None, sent: CommandSent) -> bool:
        if event is None:
            return self._is_over_after_waiting()
        return event.sequence > sent.sequence and self._is_over_after(event, sent)

    def _is_over_after(self, event: RoomEvent, sent: CommandSent) -> bool:
        match event:
            case MessagePosted(message=message) | MessageEdited(message=message):
                return self._is_over_after_message(message, sent)
            case FileShared(file=file, thread_ts=thread) if self._is_mine(thread):
                self._show.file(_name(file))
                return self._clicked_meaning == "file" and self._is_over_after_effect()
            case Undelivered(trigger_id=trigger, reason=reason) if trigger == sent.trigger_id:
                return self._end("unanswered", f"The bot did not take the command: {reason}.")
            case Undelivered(trigger_id=trigger, reason="dispatch_failed") if trigger == self._click_trigger:
                return self._end("unanswered", "The bot did not take the click: it is not connected.")
            case ViewShown(view=view) if view.trigger_id in {sent.trigger_id, self._click_trigger}:
                return self._end_at_form(view, sent)
            case Acked(trigger_id=trigger, milliseconds=milliseconds) if trigger == sent.trigger_id:
                self._said.seconds["ack"] = round(milliseconds / 1000, 4)
            case _:
                pass
        return False

    def _is_over_after_message(self, message: RoomMessage, sent: CommandSent) -> bool:
        facts = DialogFacts.of(message)
        if facts.trigger is not None and facts.trigger == self._click_trigger:
            self._follow(facts.trigger)
        if facts.trigger == self._trigger:
            return self._is_over_after_change(message, facts)
        if message.only_for is not None and message.answers == sent.trigger_id:
            # An answer to this person alone is help if they asked for it, else a refusal; no dialog follows.
            is_help = sent.text.strip().lower() in HELP
            state = HELPED if is_help else "refused"
            self._show.dialog(message, state)
            return self._end(state, message.text, succeeded=is_help)
        if message.only_for is not None and self._awaited:
            self._show.reply(message)
            is_file = self._clicked_meaning == "file"
            return self._is_over_after_effect() if is_file else self._end("refused", message.text)
        if self._is_mine(message.thread_ts) and message.text:
            self._show.reply(message)
        return False

    def _is_mine(self, thread: str | None) -> bool:
        return self._shown is not None and thread == self._shown.ts

    def _follow(self, trigger: str) -> None:
        """Turn to the dialog that the latest click has begun."""
        self._trigger, self._click_trigger = trigger, None
        self._awaited = False
        # The time since the end of the dialog before is not part of any state.
        self._facts, self._since = DialogFacts(), monotonic()

    def _is_over_after_change(self, message: RoomMessage, facts: DialogFacts) -> bool:
        # The dialog may change twice between two events: a review of another proposal is another question.
        is_another = self._shown is None or self._shown.blocks != message.blocks
        changed = facts.state != self._facts.state
        if changed:
            self._count_seconds()
        self._shown, self._facts = message, facts
        self._said.facts = dict(facts.payload)
        self._show.dialog(message, facts.state)
        if facts.ended:
            return self._is_over_at_end(message)
        if changed and self._leaving:
            self.leave()
        elif (changed or is_another) and facts.asks:
            return self._is_over_after_question(message)
        return False

    def _count_seconds(self) -> None:
        """Add the time since the latest change to the state that was shown until now."""
        now = monotonic()
        if state := self._facts.state:
            before = self._said.seconds.get(state, 0.0)
            self._said.seconds[state] = round(before + now - self._since, 3)
            self._since = now

    def _end_at_form(self, view: OpenView, sent: CommandSent) -> bool:
        # The same person may have the room open elsewhere, where the form would stay on the screen.
        with contextlib.suppress(RoomError):
            self._client.close_form(view.id)
        text = "That opens a form, which a terminal cannot show."
        if usage := self._usages.get(sent.command, "argument=value …"):
            text += f" Type the arguments: `{sent.command} {usage}`"
        return self._end("form", text)

    def _end(self, state: str, text: str, *, succeeded: bool = False) -> bool:
        self._said.state, self._said.message, self._said.succeeded = state, text, succeeded
        return True

    # ── The end of a dialog, and the clicks there ───────────────────────────────────────────────────────────────

    def _is_over_at_end(self, message: RoomMessage) -> bool:
        if self._awaited and self._clicked_meaning != "turn":
            return False
        self._awaited = False
        if self._facts.is_counted:
            return self._is_over_without_click(message)
        self._deadline = monotonic() + COUNTING_SECONDS
        return False

    def _is_over_after_waiting(self) -> bool:
        self._deadline = None
        return self._shown is None or self._is_over_without_click(self._shown)

    def _is_over_after_effect(self) -> bool:
        """Go on once the effect of the latest click is there."""
        if not self._awaited or self._shown is None:
            return False
        self._awaited = False
        return self._is_over_without_click(self._shown)

    def _is_over_without_click(self, message: RoomMessage) -> bool:
        """Press the next click if the dialog shows its button; else the conversation is over."""
        self._deadline = None
        if self._leaving or not self._clicks or Wish.read(self._clicks[0]).action not in actions(message):
            return self._end(self._facts.state, self._facts.message or message.text, succeeded=self._facts.succeeded)
        self._awaited = True
        self._click(message, Wish.read(self._clicks.pop(0)))
        return False

    # ── Answers ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _is_over_after_question(self, message: RoomMessage) -> bool:
        while (wish := self._answer(message)) is not None:
            self._click(message, wish)
            if self._clicked_meaning != "file":
                # A click on a review that begins another dialog cancels the review: that end does not count.
                self._awaited = self._clicked_meaning == "begin"
                return False
        if self._unanswered is WithoutClick.LEAVE:
            self.leave()
            return False
        return self._end("waiting", "The dialog waits for a button.")

    def _click(self, message: RoomMessage, wish: Wish) -> None:
        self._clicked_meaning = self._facts.meanings.get(wish.action, "")
        value = value_of(wish, message)
        try:
            self._click_trigger = self._client.click(message.ts, wish.action, value=value).trigger_id
        except RoomError as error:
            # If somebody else was faster, the next state of the dialog shows it.
            if wish.action not in actions(message) or error.error != "action_not_found":
                raise
            self._awaited = False

    def _answer(self, message: RoomMessage) -> Wish | None:
        there = actions(message)
        yes = self._facts.first("yes") if self._yes else None
        if self._clicks and (yes is None or Wish.read(self._clicks[0]).action in there):
            return Wish.read(self._clicks.pop(0))
        if yes is not None:
            return Wish(yes)
        by_hand = tuple(button for button in buttons(message) if not self._facts.means(button, "form"))
        chosen = self._ask(by_hand) if self._ask else None
        return None if chosen is None else Wish(chosen)


def _name(file: SharedFile) -> str:
    return file.name if file.is_text else f"{file.name} (binary, {file.size:,} bytes)"
