"""What each button and menu of a dialog does; nothing here waits for Docker, an index or Slack's Web API."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Final, assert_never

import structlog

from bot.dialogs.follow_ups import FollowUp, line_after
from bot.dialogs.jobs import Jobs
from bot.dialogs.stages import FINAL, Asked, Attachment, Dialog, Expired, Listed, UnderReview
from bot.dialogs.transitions import Button, Press
from bot.router import Router
from bot.slack.forms import Forms
from bot.slack.notes import NO_LOG, NOT_HERE, NOTHING_YET, note_of
from bot.slack.payloads import Click
from bot.slack.views.files import attachment
from commands.command import Creation
from commands.model.requests import Query

log = structlog.get_logger()

EDIT: Final = "edit"
"""The button that opens the form of what is under review."""
FILTER: Final = "filter"
"""The button that opens the form of what a list shows."""
SHOW: Final = ("show_packages", "show_dockerfile", "packages", "log", "images", "changes", "image_packages")
"""Buttons that change nothing: each puts a file into the dialog's thread."""


class Turn(StrEnum):
    """The buttons that show another part of a list."""

    NEXT = "next_page"
    PREVIOUS = "previous_page"
    REFRESH = "refresh"


ACTIONS: Final = (*Button, *Turn, *FollowUp, *SHOW, EDIT, FILTER)
"""The action ids of all that can be clicked."""

_REMEMBERED: Final = 2_000
"""Clicks by which a repeated delivery is known; Slack gives up after three, within minutes."""


class Clicks:
    """Carries clicks out; `asked` makes a new dialog's beginning of a line, a user and a channel."""

    def __init__(
        self,
        jobs: Jobs,
        router: Router,
        forms: Forms,
        *,
        asked: Callable[[str, str, str], Asked],
        clock: Callable[[], datetime],
    ) -> None:
        self._jobs = jobs
        self._router = router
        self._forms = forms
        self._asked = asked
        self._clock = clock
        self._taken = Taken(_REMEMBERED)
        self._acts: Mapping[str, Callable[[Click], str | None]] = {
            **dict.fromkeys(map(str, Button), self._press),
            **dict.fromkeys(map(str, Turn), self._turn),
            **dict.fromkeys(map(str, FollowUp), self._follow),
            **dict.fromkeys(SHOW, self._show),
            EDIT: self._edit,
            FILTER: self._filter,
        }

    def take(self, click: Click) -> str | None:
        """Do what the click asks for; gives what the person is to be told, if anything. Raises `Problem`.

        However often Slack delivers one click, it counts once.
        """
        if not self._taken.is_new(click.trigger_id):
            log.info("click_delivered_again", action=click.action.action_id, user=click.user.id)
            return None
        return self._acts[click.action.action_id](click)

    # ── What moves a dialog ─────────────────────────────────────────────────────────────────────────────────────

    def _press(self, click: Click) -> str | None:
        button = Button(click.action.action_id)
        return note_of(self._jobs.press(click.action.dialog, button, click.user.id))

    def _edit(self, click: Click) -> str | None:
        match self._jobs.look_up(click.action.dialog):
            case None:
                return note_of(Press.GONE)
            case UnderReview(proposal=Creation() as creation) as dialog if self._clock() < dialog.expires:
                self._forms.open_filled(click, creation)
                return None
            case UnderReview(proposal=Creation()) | Expired():
                return note_of(Press.EXPIRED)
            case _:
                return note_of(Press.LATE)

    # ── What begins another one ─────────────────────────────────────────────────────────────────────────────────

    def _follow(self, click: Click) -> str | None:
        follow_up = FollowUp(click.action.action_id)
        dialog = self._jobs.look_up(click.action.dialog)
        if dialog is None:
            return note_of(Press.GONE)
        line = line_after(follow_up, dialog, click.action.choice)
        if line is None:
            return NOT_HERE
        # The bot wrote it, but of names that the host gave it.
        self._router.parse(line)
        asked = self._asked(line, click.user.id, click.channel.id)
        if isinstance(dialog, UnderReview):
            # The choice takes the place of what is under review: two of them must not be confirmed.
            press = self._jobs.amend(
                click.action.dialog, asked, trigger=click.trigger_id, response_url=click.response_url
            )
            return note_of(press)
        self._jobs.accept(asked, trigger=click.trigger_id, response_url=click.response_url)
        return None

    # ── What shows something ────────────────────────────────────────────────────────────────────────────────────

    def _turn(self, click: Click) -> str | None:
        match self._jobs.look_up(click.action.dialog):
            case None:
                return note_of(Press.GONE)
            case Listed(listing=listing):
                query = _query_after(listing.query, Turn(click.action.action_id))
                return note_of(self._jobs.turn(click.action.dialog, query))
            case _:
                return NOT_HERE

    def _filter(self, click: Click) -> str | None:
        match self._jobs.look_up(click.action.dialog):
            case None:
                return note_of(Press.GONE)
            case Listed(listing=listing):
                self._forms.open_filter(click, listing.query)
                return None
            case _:
                return NOT_HERE

    def _show(self, click: Click) -> str | None:
        action = click.action
        dialog = self._jobs.look_up(action.dialog)
        if dialog is None:
            return note_of(Press.GONE)
        file = self._file(action.action_id, dialog)
        if file is None:
            printed_nothing = action.action_id == "log" and isinstance(dialog, FINAL)
            return NO_LOG if printed_nothing else NOTHING_YET
        fresh = self._jobs.attach(dialog.asked.dialog, file)
        return None if fresh else f"`{file.name}` is in the thread."

    def _file(self, action: str, dialog: Dialog) -> Attachment | None:
        if action == "log":
            return self._jobs.log_of(dialog.asked.dialog)
        return attachment(action, dialog)


class Taken:
    """Remembers the triggers of so many clicks, the latest: one click that is delivered ten times has one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        # A dictionary for its order: the first is the oldest.
        self._triggers: dict[str, None] = {}

    def is_new(self, trigger: str) -> bool:
        """Tell whether this is the first delivery; where a click has no trigger, that cannot be known."""
        if not trigger:
            return True
        with self._lock:
            if trigger in self._triggers:
                return False
            self._triggers[trigger] = None
            if len(self._triggers) > self._most:
                del self._triggers[next(iter(self._triggers))]
            return True


def _query_after(query: Query, turn: Turn) -> Query:
    match turn:
        case Turn.NEXT:
            return replace(query, page=query.page + 1)
        case Turn.PREVIOUS:
            return replace(query, page=max(1, query.page - 1))
        case Turn.REFRESH:
            return query
        case _:
            assert_never(turn)
