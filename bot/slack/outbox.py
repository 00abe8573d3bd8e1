"""The parts of dialogs that wait to be sent to Slack, and the state between two calls."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from bot.dialogs.stages import AT_REST, FINAL, Attachment, Dialog, DialogId, Listed, Running
from bot.slack.pace import SlidingWindow

_NEVER = float("-inf")
_ATTEMPTS = 5
"""A part is set aside after so many errors in a row that a retry is unlikely to fix."""
_RETRY_SECONDS = 2.0
_LONGEST_RETRY_SECONDS = 10.0

Look = tuple[type[Any], str | None]


def look(dialog: Dialog) -> Look:
    """Return a key of a stage: dialogs with equal keys differ only in their progress."""
    return type(dialog), dialog.stopping_by if isinstance(dialog, Running) else None


class Omission(Enum):
    """A part of a message that Slack may refuse, and without which the rest is sent."""

    TABLES = auto()
    """Tables become columns of text: a workspace may not support table blocks."""
    METADATA = auto()
    """Only programs read it."""
    BLOCKS = auto()
    """Text alone is better than silence."""


@dataclass(slots=True)
class Lane:
    """When the next call for an outbox may be made; messages and files each have their own."""

    not_before: float = _NEVER
    window: SlidingWindow | None = None
    """The rate limit that the part waits for."""
    attempts: int = 0
    """The number of errors in a row that a retry is unlikely to fix."""
    troubles: int = 0
    """The number of errors in a row that pass by themselves."""
    is_taken: bool = False
    """A thread is sending the part."""
    is_try: bool = False
    """That call tries whether a closed channel is open again."""

    def begin(self) -> None:
        """Forget the errors of the part before."""
        self.attempts = self.troubles = 0

    def wait(self, now: float) -> float:
        """Return for how many seconds no call may be made."""
        return max(0.0, self.not_before - now, self.window.wait(now) if self.window else 0.0)


@dataclass(slots=True)
class Upload:
    """A file that waits, the person who asked for it (empty: the requester), and how far its upload is."""

    file: Attachment
    user: str = ""
    response_url: str = ""
    file_id: str | None = None
    """Slack's id of the file, once Slack has its bytes."""
    may_be_done: bool = False
    """A call that puts the file into the thread had no answer."""


@dataclass(slots=True)
class Outbox:
    """The parts of a dialog that wait to be sent: its newest stage, then its files, then its announcement."""

    dialog: Dialog | None = None
    files: list[Upload] = field(default_factory=list)
    unannounced: bool = False
    """Slack shows the stage, and the requester must be notified of it in the thread."""
    channel: str | None = None
    """The dialog's channel, once known."""

    shown: Look | None = None
    """The stage that Slack shows now."""
    edited_at: float = _NEVER
    files_until: float = _NEVER
    """How long the announcement waits for the files."""
    unsaved_ts: str | None = None
    """The `ts` of the posted message, if the ledger could not store it."""
    is_forced: bool = False
    """The stage is sent even if Slack shows it already."""

    messages: Lane = field(default_factory=Lane)
    uploads: Lane = field(default_factory=Lane)
    reposted: Look | None = None
    """The stage that was posted again because its message was missing."""
    is_uneditable: bool = False
    """Slack refuses edits: each stage is posted as a message, and progress is not shown."""
    left_out: frozenset[Omission] = frozenset()
    pictured: type[Any] | None = None
    """The stage of which Slack refused a part; `left_out` applies only to it."""
    set_aside: Look | None = None
    """The stage that Slack refuses for good: it waits for a new stage, a person, or the next process."""
    told: set[str] = field(default_factory=set)
    """The refusals that the person was told of."""

    def put(self, dialog: Dialog) -> None:
        """Put in the newest stage; ignore any stage after a final one."""
        if isinstance(self.dialog, FINAL) and not isinstance(dialog, FINAL):
            return
        if self.dialog is None or look(dialog) != look(self.dialog):
            self.messages.begin()
        if self.set_aside != look(dialog):
            self.set_aside = None
        self.dialog = dialog
        self.channel = dialog.asked.channel

    def put_file(self, upload: Upload) -> None:
        """Put in a file; it replaces an earlier one of its kind, unless Slack may have that one already."""
        if all(waiting.file.kind != upload.file.kind or waiting.file_id is None for waiting in self.files):
            self.files = [*(waiting for waiting in self.files if waiting.file.kind != upload.file.kind), upload]

    @property
    def owes(self) -> bool:
        """Whether anything waits."""
        return self.owes_message or bool(self.files)

    @property
    def owes_message(self) -> bool:
        """Whether a stage or an announcement waits."""
        return self.dialog is not None or self.unannounced

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

    def is_frozen(self, dialog: Dialog) -> bool:
        """Return whether this stage would only repeat one that Slack shows and the bot cannot edit."""
        return self.is_uneditable and self.shown == look(dialog) and not isinstance(dialog, Listed)

    def left_out_of(self, dialog: Dialog) -> frozenset[Omission]:
        """Return the parts without which this stage is sent."""
        return self.left_out if self.pictured is type(dialog) else frozenset()

    def simplify(self, dialog: Dialog, order: Sequence[Omission]) -> bool:
        """Leave out the next part of this stage, in this order; return False if none is left."""
        already = self.left_out_of(dialog)
        part = next((part for part in order if part not in already), None)
        if part is not None:
            self.left_out, self.pictured = already | {part}, type(dialog)
        return part is not None

    def lose_message(self, stage: Dialog) -> None:
        """Forget the message that this stage was shown in, so that the next stage is posted again."""
        self.reposted = look(self.dialog or stage)
        self.shown = self.unsaved_ts = None

    def freeze(self, stage: Dialog) -> None:
        """Set the message's part aside until there is a new stage, or a person asks for it."""
        self.set_aside = look(self.dialog or stage)
        self.messages.begin()

    def wake(self) -> None:
        """Try a part again that was set aside."""
        if self.set_aside:
            self.set_aside = None
            self.messages.not_before = _NEVER


class Outboxes:
    """The outboxes of all dialogs. `changed` guards them, and is notified when one gets a new part."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.changed = threading.Condition()
        self._monotonic = monotonic
        self._boxes: dict[DialogId, Outbox] = {}

    def of(self, dialog: DialogId) -> Outbox:
        """Return a dialog's outbox, an empty one if there was none."""
        return self._boxes.setdefault(dialog, Outbox())

    @property
    def dialogs(self) -> tuple[DialogId, ...]:
        """The dialogs that have an outbox."""
        with self.changed:
            return tuple(self._boxes)

    def waiting_outboxes(self) -> list[tuple[DialogId, Outbox]]:
        """Return the outboxes with a waiting part."""
        return [(dialog, box) for dialog, box in self._boxes.items() if box.owes]

    def settle(self, stage: Dialog, box: Outbox) -> None:
        """Forget a dialog at rest once nothing of it waits; `stage` is the stored one."""
        with self.changed:
            if isinstance(stage, AT_REST) and not box.owes:
                self._boxes.pop(stage.asked.dialog, None)

    def postpone(self, lane: Lane, seconds: float | None = None) -> None:
        """Send the same part again later: after `seconds`, or after a time that grows from error to error."""
        with self.changed:
            delay = _RETRY_SECONDS * 2 ** max(0, lane.troubles - 4)
            lane.troubles += seconds is None
            lane.not_before = self._monotonic() + (min(delay, _LONGEST_RETRY_SECONDS) if seconds is None else seconds)

    def fail(self, lane: Lane) -> bool:
        """Count an error that a retry is unlikely to fix; return whether there were too many."""
        with self.changed:
            lane.attempts += 1
            lane.not_before = self._monotonic() + _RETRY_SECONDS * lane.attempts
            return lane.attempts >= _ATTEMPTS

    def forget(self, dialog: DialogId) -> None:
        """Drop a dialog's outbox."""
        with self.changed:
            self._boxes.pop(dialog, None)
