"""What a dialog shows, as values: one class per stage of a command's life. Views render them, jobs make them."""

from dataclasses import dataclass
from datetime import datetime
from typing import NewType, Protocol

from bot.progress import Progress
from commands.command import ExistingImage, Proposal, Refusal
from commands.model.images import ImageId
from commands.model.outcomes import Created, ImportFailure

DialogId = NewType("DialogId", str)
"""An opaque id: the value of every button, the id of the job, the label on the image."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who typed what, where and when. `user` and `channel` are Slack ids, `line` the whole command as typed."""

    dialog: DialogId
    line: str
    user: str
    channel: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Preparing:
    """The facts are being gathered; `doing` says which, in a few words."""

    asked: Asked
    doing: str


@dataclass(frozen=True, slots=True)
class UnderReview:
    """A proposal waits for a button."""

    asked: Asked
    proposal: Proposal
    expires: datetime


@dataclass(frozen=True, slots=True)
class Queued:
    """Confirmed by `by`, waiting for a build slot; `position` 1 is next."""

    asked: Asked
    proposal: Proposal
    by: str
    position: int


@dataclass(frozen=True, slots=True)
class Running:
    """The host is being changed. `stopping_by` is who pressed Stop, if anybody."""

    asked: Asked
    proposal: Proposal
    by: str
    progress: Progress
    stopping_by: str | None = None


@dataclass(frozen=True, slots=True)
class Paused:
    """The bot is being shut down in mid-job; the job goes on after its restart."""

    asked: Asked
    proposal: Proposal
    by: str


@dataclass(frozen=True, slots=True)
class Deciding:
    """All is installed, some modules do not import: keep the image or discard it?

    `image_id` is the image, which has no name yet; `by` confirmed the build, `progress` is how that went.
    """

    asked: Asked
    proposal: Proposal
    by: str
    image_id: ImageId
    failures: tuple[ImportFailure, ...]
    progress: Progress
    expires: datetime


@dataclass(frozen=True, slots=True)
class Settling:
    """The undecided image is being kept or removed, as `by` decided (None: nobody did in time)."""

    asked: Asked
    proposal: Proposal
    by: str | None
    keep: bool
    image_id: ImageId
    failures: tuple[ImportFailure, ...]
    progress: Progress


@dataclass(frozen=True, slots=True)
class Done:
    """The image is ready. `finished` minus the progress's start is how long it took."""

    asked: Asked
    proposal: Proposal
    by: str
    created: Created
    progress: Progress
    finished: datetime


@dataclass(frozen=True, slots=True)
class Reused:
    """Nothing was built: `by` took the image that exists already."""

    asked: Asked
    proposal: Proposal
    by: str
    existing: ExistingImage


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing is offered, and why."""

    asked: Asked
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Failed:
    """A job, or the gathering of facts, ended with a problem. All plain text; `details` are log lines.

    `progress` is None when nothing had been started.
    """

    asked: Asked
    message: str
    hint: str
    details: tuple[str, ...] = ()
    proposal: Proposal | None = None
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Somebody pressed Cancel on the review."""

    asked: Asked
    by: str


@dataclass(frozen=True, slots=True)
class Expired:
    """Nobody pressed a button in time; `waited_seconds` is how long it waited."""

    asked: Asked
    waited_seconds: float


@dataclass(frozen=True, slots=True)
class Stopped:
    """Somebody pressed Stop; nothing is left on the daemon."""

    asked: Asked
    proposal: Proposal
    by: str
    progress: Progress | None


@dataclass(frozen=True, slots=True)
class Discarded:
    """The undecided image was removed: by a person, or (`by` None) because nobody decided in time."""

    asked: Asked
    proposal: Proposal
    by: str | None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A text file for the dialog's thread. `kind` tells repeated ones apart: `log`, `packages`, `dockerfile`."""

    kind: str
    name: str
    title: str
    content: str


Dialog = (
    Preparing
    | UnderReview
    | Queued
    | Running
    | Paused
    | Deciding
    | Settling
    | Done
    | Reused
    | Refused
    | Failed
    | Cancelled
    | Expired
    | Stopped
    | Discarded
)
"""One stage of one command's life."""


FINAL = (Done, Reused, Refused, Failed, Cancelled, Expired, Stopped, Discarded)
"""The stages that nothing follows."""

UNFINISHED = (Preparing, UnderReview, Queued, Running, Paused, Deciding, Settling)
"""The stages that something follows."""


class Screen(Protocol):
    """Where dialogs are shown. No method waits for the network; the newest stage of a dialog wins."""

    def show(self, dialog: Dialog) -> None:
        """Show this stage in place of the dialog's earlier one."""
        ...

    def attach(self, dialog: DialogId, file: Attachment) -> None:
        """Put a file into the dialog's thread, once per `kind`."""
        ...
