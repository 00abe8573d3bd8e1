"""The effect of each button and menu of a dialog; nothing here waits for Docker, an index or Slack's Web API."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final, assert_never

import structlog

from bot.access.rules import Actor
from bot.dialogs.jobs import Jobs
from bot.dialogs.stages import FINAL, Asked, Attachment, Dialog, DialogId, Expired, Listed, Running, UnderReview
from bot.dialogs.transitions import Decision, Press
from bot.slack.answers import advice
from bot.slack.forms import Forms
from bot.slack.notes import NO_LOG, NOT_HERE, NOTHING_YET, UNKNOWN_BUTTON, note_of
from bot.slack.payloads import Click
from bot.slack.sender import Sender
from bot.slack.views.buttons import Begin, Decide, Does, Edit, Filter, ShowFile, ShowLog, Turn
from bot.slack.views.kinds import BY_ACTION
from commands.actions import Request
from commands.command import Creation

log = structlog.get_logger()

_REMEMBERED: Final = 2_000
"""How many clicks are remembered to detect repeated deliveries; Slack stops after three, within minutes."""


class Clicks:
    """Carries out clicks; `asked` makes the `Asked` of a new dialog from a request and the person who clicked."""

    def __init__(
        self,
        jobs: Jobs,
        forms: Forms,
        sender: Sender,
        *,
        asked: Callable[[Request, Actor], Asked],
        clock: Callable[[], datetime],
    ) -> None:
        self._jobs = jobs
        self._forms = forms
        self._sender = sender
        self._asked = asked
        self._clock = clock
        self._taken = Taken(_REMEMBERED)

    def take(self, click: Click, actor: Actor) -> str | None:
        """Carry out a click; return the note for the person, if any. Raise `Problem`.

        A click counts once, even if Slack delivers it several times.
        """
        if not self._taken.is_new(click.trigger_id):
            log.info("click_delivered_again", action=click.action.action_id, user=click.user.id)
            return None
        control = BY_ACTION.get(click.action.action_id)
        if control is None:
            log.warning("button_unknown", action=click.action.action_id, user=click.user.id)
            return UNKNOWN_BUTTON
        return self._carry_out(control.does, click, actor)

    def _carry_out(self, does: Does, click: Click, actor: Actor) -> str | None:  # noqa: PLR0911 - one line for each
        if isinstance(does, Decide):
            return self._decide(does, click)
        dialog = self._jobs.look_up(click.action.dialog)
        if dialog is None:
            return note_of(Press.GONE)
        match does:
            case Begin():
                return self._begin(does, dialog, click, actor)
            case Turn():
                return self._turn(does, dialog)
            case ShowFile():
                file = does.file(dialog)
                return self._attach(dialog, file, click) if file else NOTHING_YET
            case ShowLog():
                file = self._jobs.log_of(dialog.asked.dialog)
                return self._attach(dialog, file, click) if file else _no_log(dialog)
            case Edit():
                return self._edit(dialog, click)
            case Filter():
                return self._filter(dialog, click)
            case _:
                assert_never(does)

    def _decide(self, decide: Decide, click: Click) -> str | None:
        id_, channel = click.action.dialog, click.channel.id
        reason = self._sender.refusal(channel)
        if reason is not None and decide.decision is Decision.CONFIRM:
            # Nobody could be told of what was begun. The dialog is tried again, so that the next press may count.
            self._show_again(id_)
            return f"Slack does not let the bot write here (`{reason}`), so nothing was begun. {advice(reason)}"
        press = self._jobs.press(id_, decide.decision, click.user.id, of=decide.of)
        if press in (Press.LATE, Press.EXPIRED):
            # The person saw another stage than the present one.
            self._show_again(id_)
        return note_of(press)

    def _show_again(self, dialog: DialogId) -> None:
        now = self._jobs.look_up(dialog)
        # A running job is shown every second, with its progress, which the ledger does not have.
        if now is not None and not isinstance(now, Running):
            self._sender.refresh(now)

    def _begin(self, begin: Begin, dialog: Dialog, click: Click, actor: Actor) -> str | None:
        request = begin.request(dialog, click.action.choice)
        if request is None:
            return NOT_HERE
        asked = self._asked(request, actor)
        if isinstance(dialog, UnderReview):
            # The choice replaces the proposal under review: both must not be confirmed.
            press = self._jobs.amend(
                click.action.dialog, asked, trigger=click.trigger_id, response_url=click.response_url
            )
            return note_of(press)
        self._jobs.accept(asked, trigger=click.trigger_id, response_url=click.response_url)
        return None

    def _edit(self, dialog: Dialog, click: Click) -> str | None:
        match dialog:
            case UnderReview(proposal=Creation() as creation) if self._clock() < dialog.expires:
                self._forms.open_filled(click, creation)
                return None
            case UnderReview(proposal=Creation()) | Expired():
                return note_of(Press.EXPIRED)
            case _:
                return note_of(Press.LATE)

    def _turn(self, turn: Turn, dialog: Dialog) -> str | None:
        if not isinstance(dialog, Listed):
            return NOT_HERE
        return note_of(self._jobs.turn(dialog.asked.dialog, turn.query(dialog.listing.query)))

    def _filter(self, dialog: Dialog, click: Click) -> str | None:
        if not isinstance(dialog, Listed):
            return NOT_HERE
        self._forms.open_filter(click, dialog.listing.query)
        return None

    def _attach(self, dialog: Dialog, file: Attachment, click: Click) -> str | None:
        is_new = self._jobs.attach(dialog.asked.dialog, file, response_url=click.response_url, user=click.user.id)
        return None if is_new else f"`{file.name}` is in the thread."


def _no_log(dialog: Dialog) -> str:
    return NO_LOG if isinstance(dialog, FINAL) else NOTHING_YET


class Taken:
    """Remembers the triggers of the latest clicks: all deliveries of one click have the same trigger."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        # A dictionary, since it is ordered: the first key is the oldest.
        self._triggers: dict[str, None] = {}

    def is_new(self, trigger: str) -> bool:
        """Return whether this is the first delivery; a click without a trigger always counts as new."""
        if not trigger:
            return True
        with self._lock:
            if trigger in self._triggers:
                return False
            self._triggers[trigger] = None
            if len(self._triggers) > self._most:
                del self._triggers[next(iter(self._triggers))]
            return True
