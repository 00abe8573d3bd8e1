"""What a dialog shows, as values: one class per stage of a command's life. Views render them, jobs make them."""

from dataclasses import dataclass
from datetime import datetime
from typing import NewType, Protocol

from bot.dialogs.progress import Progress
from commands.command import (
    Card,
    Creation,
    ExistingImage,
    Listing,
    NothingToDo,
    Proposal,
    Refusal,
    Removal,
    RollBack,
    Update,
)
from commands.model.images import ImageId
from commands.model.outcomes import Created, ImportFailure, Removed, RolledBack, Updated

DialogId = NewType("DialogId", str)
"""An opaque id: the value of every button, the id of the job, the label on the image."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who typed what, where and when. `user` and `channel` are Slack ids, `line` the whole command as typed.

    `round` counts its reviews: there is another one where the facts had changed when the first was confirmed.
    """

    dialog: DialogId
    line: str
    user: str
    channel: str
    at: datetime
    round: int = 1


@dataclass(frozen=True, slots=True)
class Preparing:
    """The facts are being gathered; `doing` says which, in a few words.

    `void` is why the review that somebody has confirmed does not count any more; empty the first time.
    """

    asked: Asked
    doing: str
    void: str = ""


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
    proposal: Creation
    by: str
    image_id: ImageId
    failures: tuple[ImportFailure, ...]
    progress: Progress
    expires: datetime


@dataclass(frozen=True, slots=True)
class Settling:
    """The undecided image is being kept or removed, as `by` decided (None: nobody did in time)."""

    asked: Asked
    proposal: Creation
    by: str | None
    keep: bool
    image_id: ImageId
    failures: tuple[ImportFailure, ...]
    progress: Progress


@dataclass(frozen=True, slots=True)
class Done:
    """The image is ready. `finished` minus the progress's start is how long it took."""

    asked: Asked
    proposal: Creation
    by: str
    created: Created
    progress: Progress
    finished: datetime


@dataclass(frozen=True, slots=True)
class Reused:
    """Nothing was built: `by` took the image that exists already."""

    asked: Asked
    proposal: Creation
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
    proposal: Creation
    by: str | None


@dataclass(frozen=True, slots=True)
class ImagesUpdated:
    """The update is over, as each image's result says. `stopped_by` is who pressed Stop, if anybody."""

    asked: Asked
    proposal: Update
    by: str
    outcome: Updated
    progress: Progress
    finished: datetime
    stopped_by: str | None = None


@dataclass(frozen=True, slots=True)
class UpToDate:
    """Nothing is to be done, and why."""

    asked: Asked
    answer: NothingToDo


@dataclass(frozen=True, slots=True)
class TagsRolledBack:
    """The roll back is over, as each name's result says."""

    asked: Asked
    proposal: RollBack
    by: str
    outcome: RolledBack
    finished: datetime


@dataclass(frozen=True, slots=True)
class ImageRemoved:
    """The image is gone."""

    asked: Asked
    proposal: Removal
    by: str
    outcome: Removed
    finished: datetime


@dataclass(frozen=True, slots=True)
class JobLine:
    """One job that runs or waits, as the list of images tells of it: its command, and who asked when."""

    line: str
    user: str
    since: datetime
    is_running: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of the list of images; its buttons turn it. `trouble` is why the last turn did not work."""

    asked: Asked
    listing: Listing
    jobs: tuple[JobLine, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Described:
    """All there is to know of one image, with what can be done with it."""

    asked: Asked
    card: Card


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file for the dialog's thread: text, in which secrets are masked, or bytes, which are sent as they are.

    `kind` tells repeated ones apart: `log`, `packages`, `dockerfile`.
    """

    kind: str
    name: str
    title: str
    content: str | bytes


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
    | ImagesUpdated
    | UpToDate
    | TagsRolledBack
    | ImageRemoved
    | Listed
    | Described
)
"""One stage of one command's life."""


FINAL = (
    Done,
    Reused,
    Refused,
    Failed,
    Cancelled,
    Expired,
    Stopped,
    Discarded,
    ImagesUpdated,
    UpToDate,
    TagsRolledBack,
    ImageRemoved,
    Described,
)
"""The stages that nothing follows."""

AT_REST = (*FINAL, Listed)
"""The stages that nothing follows by itself: a list waits for nobody, but somebody may turn its page."""

SHOWN_ONLY = (Listed, Described)
"""The stages that the requester is not called for: they are read, and done with."""

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
