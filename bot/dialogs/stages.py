"""The stages of a dialog as values, one class each. Views render them, jobs make them."""

from dataclasses import dataclass
from datetime import datetime
from typing import NewType, Protocol

from bot.dialogs.progress import Progress
from commands.actions import End, Proposal, Request, Shown
from commands.command import Creation, ImageUndecided, Listing

DialogId = NewType("DialogId", str)
"""An opaque id, also the value of every button, the id of the job and the label on the image."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The request, its requester, its place and its time. `user`, `channel` and `team` are Slack ids.

    `command` is the name of the command or button, and `line` the whole typed text, or the text that a button stands
    for: it is shown and never parsed. `round` counts the reviews: another one follows if the facts have changed when
    the first is confirmed.
    """

    dialog: DialogId
    request: Request
    command: str
    line: str
    user: str
    channel: str
    at: datetime
    team: str | None = None
    round: int = 1


@dataclass(frozen=True, slots=True)
class StorageTrouble:
    """The reason why the next stage cannot be stored at the moment: it is shown with the present one, never stored."""

    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Preparing:
    """The facts are being gathered; `doing` says which, in a few words.

    `void` is the reason why a confirmed review is void; empty the first time.
    """

    asked: Asked
    doing: str
    void: str = ""
    trouble: StorageTrouble | None = None


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
    trouble: StorageTrouble | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """The host is being changed. `stopping_by` is the person who pressed Stop, if any.

    `waits` is why the job waits for the Docker daemon; empty while it works.
    """

    asked: Asked
    proposal: Proposal
    by: str
    progress: Progress
    stopping_by: str | None = None
    waits: str = ""
    trouble: StorageTrouble | None = None


@dataclass(frozen=True, slots=True)
class Paused:
    """The bot is shutting down during the job; the job continues after the restart."""

    asked: Asked
    proposal: Proposal
    by: str
    trouble: StorageTrouble | None = None


@dataclass(frozen=True, slots=True)
class Deciding:
    """Everything is installed, some modules do not import: keep the image or discard it?

    The image has no tag yet; `by` confirmed the build, `progress` is that of the build.
    """

    asked: Asked
    by: str
    undecided: ImageUndecided
    progress: Progress
    expires: datetime


@dataclass(frozen=True, slots=True)
class Settling:
    """The undecided image is being kept or removed, as `by` decided (None: no decision in time)."""

    asked: Asked
    by: str | None
    undecided: ImageUndecided
    keep: bool
    progress: Progress
    trouble: StorageTrouble | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The confirmed proposal is carried out. `at` minus the progress's start is how long it took.

    `progress` is None if nothing had to run. `stopped_by` is the person who pressed Stop before the end, if any.
    """

    asked: Asked
    by: str
    end: End
    progress: Progress | None
    at: datetime
    stopped_by: str | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """The request ends with its answer: nothing is proposed."""

    asked: Asked
    answer: Shown


@dataclass(frozen=True, slots=True)
class Failed:
    """A job, or the gathering of facts, ended with a problem. The texts are plain; `details` are log lines.

    `progress` is None if nothing was started.
    """

    asked: Asked
    message: str
    hint: str
    details: tuple[str, ...] = ()
    proposal: Proposal | None = None
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A person pressed Cancel on the review."""

    asked: Asked
    by: str


@dataclass(frozen=True, slots=True)
class Expired:
    """No button was pressed in time; `waited_seconds` is how long the review waited.

    `unseen` says that it expired while the bot was away, so that its requester is not notified hours later.
    """

    asked: Asked
    waited_seconds: float
    unseen: bool = False


@dataclass(frozen=True, slots=True)
class Stopped:
    """A person pressed Stop; nothing is left on the daemon."""

    asked: Asked
    proposal: Proposal
    by: str
    progress: Progress | None


@dataclass(frozen=True, slots=True)
class Discarded:
    """The undecided image was removed: by a person, or (`by` is None) because no decision was made in time."""

    asked: Asked
    by: str | None
    proposal: Creation


@dataclass(frozen=True, slots=True)
class JobLine:
    """One job that runs or waits, as the list of images shows it: its command, requester and time."""

    line: str
    user: str
    since: datetime
    is_running: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of the list of images; its buttons turn it. `trouble` is why the last turn failed."""

    asked: Asked
    listing: Listing
    jobs: tuple[JobLine, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file for the dialog's thread: text, in which secrets are masked, or bytes, which are sent unchanged.

    `kind` distinguishes the files of a dialog: `log`, `packages`, `dockerfile`.
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
    | Finished
    | Answered
    | Listed
    | Failed
    | Cancelled
    | Expired
    | Stopped
    | Discarded
)
"""One stage of a dialog."""

FINAL = (Finished, Answered, Failed, Cancelled, Expired, Stopped, Discarded)
"""The stages with no next stage."""

AT_REST = (*FINAL, Listed)
"""The stages that never change without a person: the final ones, and a list, whose page a person may turn."""

UNFINISHED = (Preparing, UnderReview, Queued, Running, Paused, Deciding, Settling)
"""The stages with a next stage."""


WORKING = (Preparing, Queued, Running, Paused, Settling)
"""The stages in which a task works towards the next one; each may have a `trouble`."""


def trouble_of(dialog: Dialog) -> StorageTrouble | None:
    """Return why the next stage cannot be stored; None if nothing is known to be in the way."""
    return dialog.trouble if isinstance(dialog, WORKING) else None


def is_shown_only(dialog: Dialog) -> bool:
    """Return whether this stage is only read, so that its requester is not notified."""
    match dialog:
        case Listed():
            return True
        case Answered():
            return not dialog.answer.is_news
        case Expired():
            return dialog.unseen
        case _:
            return False


def proposal_of(dialog: Dialog) -> Proposal | None:
    """Return what this dialog proposes or has done; None if there is no proposal, or it was not stored."""
    match dialog:
        case Preparing() | Answered() | Listed() | Cancelled() | Expired():
            return None
        case Finished():
            return dialog.end.proposal
        case Deciding() | Settling():
            return dialog.undecided.proposal
        case _:
            return dialog.proposal


class Screen(Protocol):
    """The place where dialogs are shown. No method waits for the network; the newest stage of a dialog wins."""

    def show(self, dialog: Dialog) -> None:
        """Show this stage in place of the dialog's earlier one."""
        ...

    def attach(self, dialog: DialogId, file: Attachment, *, response_url: str = "", user: str = "") -> None:
        """Put a file into the dialog's thread, once per `kind`; if that fails, tell `user`, who asked for it."""
        ...
