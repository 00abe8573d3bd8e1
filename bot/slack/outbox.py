"""What the dialogs still owe to Slack, and what is remembered of them in between."""

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
"""After so many refusals in a row a message is given up; refusals for the rate or the network do not count."""
_NEVER = float("-inf")

Look = tuple[type[Any], str | None]


def look(dialog: Dialog) -> Look:
    """Tell stages apart: two dialogs that look the same differ in their progress only."""
    return type(dialog), dialog.stopping_by if isinstance(dialog, Running) else None


class Picture(IntEnum):
    """How much of a stage's blocks is sent: less each time that Slack refuses them."""

    WHOLE = 0
    WITHOUT_TABLES = 1
    """Tables are written out in columns: a workspace may not know that kind of block."""
    TEXT = 2
    """Text alone is better than silence."""


@dataclass(slots=True)
class Outbox:
    """The parts of a dialog that wait to be sent: its newest stage, then its files, then its announcement."""

    dialog: Dialog | None = None
    files: list[Attachment] = field(default_factory=list)
    unannounced: bool = False
    """The stage is in Slack, and the requester is to be told of it in the thread."""

    shown: Look | None = None
    """What Slack shows now."""
    edited_at: float = _NEVER
    unsaved_ts: str | None = None
    """Where the dialog was posted, while the ledger could not be told."""

    not_before: float = _NEVER
    window: SlidingWindow | None = None
    """What was shut when it was to be sent."""
    attempts: int = 0
    """Refusals in a row of the part that is to be sent."""
    reposted: bool = False
    picture: Picture = Picture.WHOLE
    pictured: type[Any] | None = None
    """The stage whose blocks Slack refused: `picture` is for this one only."""
    turned_away: bool = False
    """The person was told that the bot may not write there."""

    def put(self, dialog: Dialog) -> None:
        """Take the newest stage; nothing comes after a final one."""
        if isinstance(self.dialog, FINAL) and not isinstance(dialog, FINAL):
            return
        self.dialog = dialog
        self.attempts = 0
        self.reposted = False

    def put_file(self, file: Attachment) -> None:
        """Take a file; of two of one kind the newer."""
        self.files = [*(waiting for waiting in self.files if waiting.kind != file.kind), file]

    @property
    def owes(self) -> bool:
        """Whether anything waits."""
        return self.dialog is not None or bool(self.files) or self.unannounced

    @property
    def is_progress(self) -> bool:
        """Whether what waits says no more than how far the job is."""
        return isinstance(self.dialog, Running) and self.shown == look(self.dialog)

    @property
    def rank(self) -> int:
        """Its place among what waits: ends first, mere progress last."""
        if isinstance(self.dialog, FINAL):
            return 0
        return 2 if self.is_progress else 1

    def picture_of(self, dialog: Dialog) -> Picture:
        """Say how much of this stage's blocks is to be sent."""
        return self.picture if self.pictured is type(dialog) else Picture.WHOLE

    def simplify(self, dialog: Dialog, *, has_table: bool) -> None:
        """Send less of this stage the next time; only a message with a table has something in between."""
        is_next = self.picture_of(dialog) is Picture.WHOLE and has_table
        self.picture = Picture.WITHOUT_TABLES if is_next else Picture.TEXT
        self.pictured = type(dialog)

    def give_up(self) -> None:
        """Let go of the part that Slack refuses; the others may still be taken."""
        self.attempts = 0
        if self.dialog is not None:
            self.dialog = None
        elif self.files:
            del self.files[0]
        else:
            self.unannounced = False


class Outboxes:
    """The outboxes of all dialogs. `changed` guards them, and is notified when something is put into one."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.changed = threading.Condition()
        self._monotonic = monotonic
        self._boxes: dict[DialogId, Outbox] = {}

    def of(self, dialog: DialogId) -> Outbox:
        """Return a dialog's outbox; make an empty one if there is none."""
        return self._boxes.setdefault(dialog, Outbox())

    def waiting_outboxes(self) -> list[tuple[DialogId, Outbox]]:
        """List the outboxes in which something waits."""
        return [(dialog, box) for dialog, box in self._boxes.items() if box.owes]

    def settle(self, stage: Dialog, box: Outbox) -> None:
        """Forget a dialog that nothing follows by itself, once it owes nothing more; `stage` is the stored one."""
        with self.changed:
            if isinstance(stage, AT_REST) and not box.owes:
                self._boxes.pop(stage.asked.dialog, None)

    def postpone(self, dialog: DialogId, box: Outbox, seconds: float, *, counts: bool = False) -> None:
        """Send the same part again later; where `counts`, give it up after too many attempts."""
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
