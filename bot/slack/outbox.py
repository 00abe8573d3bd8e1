"""The parts of dialogs that wait to be sent to Slack, and the state between two calls."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import structlog

from bot.dialogs.stages import AT_REST, FINAL, Attachment, Dialog, DialogId, Running
from bot.slack.pace import SlidingWindow

log = structlog.get_logger()

_ATTEMPTS = 5
"""A message is given up after so many errors in a row; rate-limit and network errors do not count."""
_NEVER = float("-inf")

Look = tuple[type[Any], str | None]


def look(dialog: Dialog) -> Look:
    """Return a key of a stage: dialogs with equal keys differ only in their progress."""
    return type(dialog), dialog.stopping_by if isinstance(dialog, Running) else None


class Picture(IntEnum):
    """How much of a stage's blocks is sent: less after each time that Slack refuses them."""

    WHOLE = 0
    WITHOUT_TABLES = 1
    """Tables become columns of text: a workspace may not support table blocks."""
    TEXT = 2
    """Text alone is better than silence."""


@dataclass(slots=True)
class Outbox:
    """The parts of a dialog that wait to be sent: its newest stage, then its files, then its announcement."""

    dialog: Dialog | None = None
    files: list[Attachment] = field(default_factory=list)
    unannounced: bool = False
    """Slack shows the stage, and the requester must be notified of it in the thread."""

    shown: Look | None = None
    """The stage that Slack shows now."""
    edited_at: float = _NEVER
    unsaved_ts: str | None = None
    """The `ts` of the posted message, if the ledger could not store it."""

    not_before: float = _NEVER
    window: SlidingWindow | None = None
    """The rate limit that the part waits for."""
    attempts: int = 0
    """The number of errors in a row for the part to send."""
    reposted: bool = False
    picture: Picture = Picture.WHOLE
    pictured: type[Any] | None = None
    """The stage whose blocks Slack refused; `picture` applies only to it."""
    turned_away: bool = False
    """The person was notified that the bot may not write there."""

    def put(self, dialog: Dialog) -> None:
        """Put in the newest stage; ignore any stage after a final one."""
        if isinstance(self.dialog, FINAL) and not isinstance(dialog, FINAL):
            return
        self.dialog = dialog
        self.attempts = 0
        self.reposted = False

    def put_file(self, file: Attachment) -> None:
        """Put in a file; it replaces an earlier one of its kind."""
        self.files = [*(waiting for waiting in self.files if waiting.kind != file.kind), file]

    @property
    def owes(self) -> bool:
        """Whether anything waits."""
        return self.dialog is not None or bool(self.files) or self.unannounced

    @property
    def is_progress(self) -> bool:
        """Whether the waiting stage only shows further progress."""
        return isinstance(self.dialog, Running) and self.shown == look(self.dialog)

    @property
    def rank(self) -> int:
        """The priority among waiting outboxes: ends first, mere progress last."""
        if isinstance(self.dialog, FINAL):
            return 0
        return 2 if self.is_progress else 1

    def picture_of(self, dialog: Dialog) -> Picture:
        """Return how much of this stage's blocks to send."""
        return self.picture if self.pictured is type(dialog) else Picture.WHOLE

    def simplify(self, dialog: Dialog, *, has_table: bool) -> None:
        """Send less of this stage the next time; only a message with a table has a step before text alone."""
        is_next = self.picture_of(dialog) is Picture.WHOLE and has_table
        self.picture = Picture.WITHOUT_TABLES if is_next else Picture.TEXT
        self.pictured = type(dialog)

    def give_up(self) -> None:
        """Drop the part that Slack refuses; Slack may still accept the others."""
        self.attempts = 0
        if self.dialog is not None:
            self.dialog = None
        elif self.files:
            del self.files[0]
        else:
            self.unannounced = False


class Outboxes:
    """The outboxes of all dialogs. `changed` guards them, and is notified when one gets a new part."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.changed = threading.Condition()
        self._monotonic = monotonic
        self._boxes: dict[DialogId, Outbox] = {}

    def of(self, dialog: DialogId) -> Outbox:
        """Return a dialog's outbox, an empty one if there was none."""
        return self._boxes.setdefault(dialog, Outbox())

    def waiting_outboxes(self) -> list[tuple[DialogId, Outbox]]:
        """Return the outboxes with a waiting part."""
        return [(dialog, box) for dialog, box in self._boxes.items() if box.owes]

    def settle(self, stage: Dialog, box: Outbox) -> None:
        """Forget a dialog at rest once nothing of it waits; `stage` is the stored one."""
        with self.changed:
            if isinstance(stage, AT_REST) and not box.owes:
                self._boxes.pop(stage.asked.dialog, None)

    def postpone(self, dialog: DialogId, box: Outbox, seconds: float, *, counts: bool = False) -> None:
        """Send the same part again later; if `counts`, give it up after too many attempts."""
        with self.changed:
            box.not_before = self._monotonic() + seconds
            box.attempts += counts
            if box.attempts >= _ATTEMPTS:
                log.error("message_given_up", job=dialog)
                box.give_up()
                if not box.owes:
                    self._boxes.pop(dialog, None)

    def forget(self, dialog: DialogId) -> None:
        """Drop a dialog's outbox."""
        with self.changed:
            self._boxes.pop(dialog, None)
