"""What follows from what: the stages' table and diagram, and pure functions from a stage to the next. No threads here.

The stages of `bot.dialogs.stages`, and what leads from one to the next:

    (a)             → Preparing             a person types a command
    (b) Preparing   → UnderReview           the facts are there
    (c) Preparing   → Refused, Failed       they speak against it, or cannot be gathered
    (d) UnderReview → Queued                a person presses Create
    (e) UnderReview → Cancelled             a person presses Cancel
    (f) UnderReview → Reused                a person takes the image that exists
    (g) UnderReview → Expired               nobody presses anything for `review_seconds`
    (h) Queued      → Running               a build slot is free
    (i) Queued      → Stopped               a person presses Stop
    (i) Running     → Running, Stopped      a person presses Stop: the build is told to end, then it has ended
    (j) Running     → Done                  built, verified, named
    (k) Running     → Deciding              built, but a module does not import
    (l) Running     → Failed                a step fails or times out
    (l) Queued      → Failed                the bot itself fails
    (m) Running     → Paused                the bot shuts down
    (n) Paused      → Running               the bot is back
    (n) Running     → Running               the bot is back after it was killed
    (o) Deciding    → Settling              a person presses Keep or Discard, or nobody does in time
    (p) Settling    → Done                  the image has its name
    (q) Settling    → Discarded, Failed     the image is gone, as decided or by itself
    (r) Preparing   → UpToDate              nothing is to be done
    (s) Preparing   → Listed, Described     what was asked for is only to be seen
    (t) Listed      → Listed                a person turns the page, or the daemon has counted
    (u) Running     → Preparing             the facts have changed since the review, which counts no more
    (v) Running     → ImagesUpdated         every image of the update has its result
    (w) Running     → TagsRolledBack        every name of the roll back has its result
    (x) Running     → ImageRemoved          the image is gone

    ──a──► Preparing ──c──► Refused, Failed   ──r──► UpToDate   ──s──► Described, Listed ──t──► Listed
            ▲  │
            u  b
            │  ▼
           UnderReview ──e──► Cancelled   ──f──► Reused   ──g──► Expired
               │
               d
               ▼
            Queued ──i──► Stopped   ──l──► Failed
               │
               h
               ▼
            Running ──i──► Running (stopping) ──i──► Stopped
             ▲   │  ──j──► Done   ──v──► ImagesUpdated   ──w──► TagsRolledBack   ──x──► ImageRemoved
             n   m  ──l──► Failed
             │   ▼  ──u──► Preparing
            Paused  ──k──► Deciding ──o──► Settling ──p──► Done
                                                    ──q──► Discarded, Failed

Every arrow is one compare-and-set in the ledger, so a double click, a click delivered twice and clicks by two people
start one job. `kill -9` breaks no arrow: at the next start the runner repeats the task that was under way, which finds
in the ledger how far it had come. While the ledger cannot be written a task waits, and the person is told.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, assert_never

import structlog

from bot.dialogs.progress import Progress
from bot.dialogs.stages import (
    Asked,
    Cancelled,
    Deciding,
    Described,
    Dialog,
    DialogId,
    Discarded,
    Done,
    Expired,
    Failed,
    ImageRemoved,
    ImagesUpdated,
    JobLine,
    Listed,
    Paused,
    Preparing,
    Queued,
    Refused,
    Reused,
    Running,
    Settling,
    Stopped,
    TagsRolledBack,
    UnderReview,
    UpToDate,
)
from commands.cancellation import CancelReason
from commands.command import (
    Answer,
    Card,
    Creation,
    Finding,
    Listing,
    NothingToDo,
    Proposal,
    Refusal,
    Removal,
    RollBack,
    Severity,
    Update,
)
from commands.errors import BuildStopped, Problem, ReviewVoid
from commands.model.outcomes import Created, Outcome, Removed, RolledBack, Undecided, Updated

log = structlog.get_logger()

SOURCES: Mapping[type[Any], tuple[type[Any], ...]] = {
    Preparing: (Running,),
    UnderReview: (Preparing,),
    UpToDate: (Preparing,),
    Listed: (Preparing, Listed),
    Described: (Preparing,),
    ImagesUpdated: (Running,),
    TagsRolledBack: (Running,),
    ImageRemoved: (Running,),
    Refused: (Preparing,),
    Failed: (Preparing, Queued, Running, Settling),
    Cancelled: (UnderReview,),
    Expired: (UnderReview,),
    Reused: (UnderReview,),
    Queued: (UnderReview,),
    Running: (Queued, Running, Paused),
    Paused: (Running,),
    Stopped: (Queued, Running),
    Deciding: (Running,),
    Settling: (Deciding,),
    Done: (Running, Settling),
    Discarded: (Settling,),
}
"""The arrows of the diagram, by where they lead."""


class Button(StrEnum):
    """What a person may press on a dialog; the values are the action ids in Slack."""

    CREATE = "create"
    BUILD_ANYWAY = "build_anyway"
    REUSE = "reuse"
    CANCEL = "cancel"
    STOP = "stop"
    KEEP = "keep"
    DISCARD = "discard"
    UPDATE = "update"
    ROLL_BACK = "roll_back"
    REMOVE = "remove"


_CONFIRMS: Mapping[type[Any], tuple[Button, ...]] = {
    Creation: (Button.CREATE, Button.BUILD_ANYWAY),
    Update: (Button.UPDATE,),
    RollBack: (Button.ROLL_BACK,),
    Removal: (Button.REMOVE,),
}
"""The buttons that say yes, by what is proposed."""


class Press(StrEnum):
    """What came of a press."""

    TAKEN = "taken"
    LATE = "late"
    """Somebody was faster, or the dialog has moved on."""
    EXPIRED = "expired"
    GONE = "gone"
    """The bot knows no such dialog."""


class Task(NamedTuple):
    """The durable work that a stage asks for; `waits` says that it needs a build slot."""

    name: str
    key: str
    waits: bool = False


def key_of(asked: Asked) -> str:
    """Name the tasks of a dialog: each round of reviews has its own, since a task of one name runs once."""
    return asked.dialog if asked.round == 1 else f"{asked.dialog}/{asked.round}"


def job_of(key: str) -> DialogId:
    """Read the dialog's id out of the key of its tasks."""
    return DialogId(key.partition("/")[0])


def task_of(dialog: Dialog) -> Task | None:
    """Return the work that this stage asks for; None if it asks for none."""
    key = key_of(dialog.asked)
    match dialog:
        case Preparing():
            return Task("prepare", key)
        case Queued(proposal=RollBack() | Removal()) | Running(proposal=RollBack() | Removal()):
            # Done in a moment: it need not wait behind builds.
            return Task("build", key)
        case Queued() | Running() | Paused():
            return Task("build", key, waits=True)
        case Settling():
            return Task("settle", key)
        case _:
            return None


def deadline_of(dialog: Dialog) -> float | None:
    """Return when the stage ends by itself, in epoch seconds."""
    return dialog.expires.timestamp() if isinstance(dialog, UnderReview | Deciding) else None


def after_answer(dialog: Preparing, answer: Answer, *, expires: datetime, under_way: tuple[JobLine, ...]) -> Dialog:
    """Return the stage that an answer leads to; `expires` ends a review, `under_way` are the jobs that a list names."""
    asked = dialog.asked
    match answer:
        case Creation() | Update() | RollBack() | Removal():
            proposal = replace(answer, findings=(*_void_findings(dialog), *answer.findings))
            return UnderReview(asked, proposal, expires)
        case NothingToDo():
            return UpToDate(asked, replace(answer, findings=(*_void_findings(dialog), *answer.findings)))
        case Listing():
            return Listed(asked, answer, under_way)
        case Card():
            return Described(asked, answer)
        case Refusal():
            return Refused(asked, answer)
        case _:
            assert_never(answer)


def after_press(
    dialog: Dialog, button: Button, user: str, *, now: datetime, next_place: Callable[[], int]
) -> Dialog | Press:
    """Return the stage that a press leads to, or why it leads nowhere.

    `next_place` counts the queue, and is called only if the press leads there.
    """
    match button, dialog:
        case Button.STOP, Queued():
            return Stopped(dialog.asked, dialog.proposal, user, progress=None)
        case Button.STOP, Running():
            return stopping(dialog, user) or Press.LATE
        case ((Button.KEEP | Button.DISCARD), Deciding()):
            return decided(dialog, keep=button is Button.KEEP, user=user)
        case _, UnderReview():
            return _after_review(dialog, button, user, now=now, next_place=next_place)
        case _, Expired():
            return Press.EXPIRED
        case _:
            return Press.LATE


def _after_review(
    dialog: UnderReview, button: Button, user: str, *, now: datetime, next_place: Callable[[], int]
) -> Dialog | Press:
    asked, proposal = dialog.asked, dialog.proposal
    if now >= dialog.expires:
        return Press.EXPIRED
    match button:
        case Button.CANCEL:
            return Cancelled(asked, user)
        case Button.REUSE if isinstance(proposal, Creation) and proposal.existing:
            return Reused(asked, proposal, user, proposal.existing)
        case _ if button in _CONFIRMS[type(proposal)]:
            return Queued(asked, proposal, user, position=next_place())
        case _:
            return Press.LATE


def stopping(dialog: Dialog, user: str) -> Running | None:
    """Return the stage after a request to stop; None if nothing runs, or somebody has asked for that before."""
    return replace(dialog, stopping_by=user) if isinstance(dialog, Running) and dialog.stopping_by is None else None


def decided(dialog: Deciding, *, keep: bool, user: str | None) -> Settling:
    """Return the stage after a decision; `user` is None if nobody decided in time."""
    return Settling(dialog.asked, dialog.proposal, user, keep, dialog.image_id, dialog.failures, dialog.progress)


def begun(dialog: Dialog | None, now: datetime) -> Running | None:
    """Return the stage in which a job begins, or begins again after a restart; None if it is not waiting to."""
    match dialog:
        case Queued(asked, proposal, by) | Paused(asked, proposal, by):
            return Running(asked, proposal, by, Progress(started=now))
        case Running():
            return replace(dialog, progress=Progress(started=now))
        case _:
            return None


def after_stop(dialog: Running, stopped: BuildStopped, reason: CancelReason | None) -> Dialog:
    """Return the stage after a job was cancelled."""
    if user := dialog.stopping_by:
        return Stopped(dialog.asked, dialog.proposal, user, dialog.progress)
    if reason is CancelReason.SHUTDOWN:
        return Paused(dialog.asked, dialog.proposal, dialog.by)
    # Nobody here asked for it: the daemon was stopped, or somebody ended the build on its host.
    return failed(dialog.asked, stopped, dialog.proposal, dialog.progress)


def after_void(dialog: Running, void: ReviewVoid) -> Preparing:
    """Return the beginning of another round: the facts have changed since the review."""
    again = replace(dialog.asked, round=dialog.asked.round + 1)
    return Preparing(again, "Looking again", void=f"{void.message} {void.hint}".strip())


def after_outcome(dialog: Running, outcome: Outcome, *, now: datetime, expires: datetime) -> Dialog:
    """Return the stage that the outcome of a job leads to; `expires` ends the wait for a decision."""
    asked, proposal, by, progress = dialog.asked, dialog.proposal, dialog.by, dialog.progress
    match outcome, proposal:
        case Created(), Creation():
            return Done(asked, proposal, by, outcome, progress, now)
        case Undecided(image_id, failures), Creation():
            return Deciding(asked, proposal, by, image_id, failures, progress, expires)
        case Updated(), Update():
            return ImagesUpdated(asked, proposal, by, outcome, progress, now, dialog.stopping_by)
        case RolledBack(), RollBack():
            return TagsRolledBack(asked, proposal, by, outcome, now)
        case Removed(), Removal():
            return ImageRemoved(asked, proposal, by, outcome, now)
        case _:
            raise TypeError(f"{type(outcome).__name__} is no outcome of {type(proposal).__name__}")


def kept(dialog: Settling, created: Created, now: datetime) -> Done:
    """Return the end of a dialog whose undecided image was kept."""
    by = dialog.by or dialog.asked.user
    return Done(dialog.asked, dialog.proposal, by, created, dialog.progress, now)


def discarded(dialog: Settling) -> Discarded:
    """Return the end of a dialog whose undecided image was removed."""
    return Discarded(dialog.asked, dialog.proposal, dialog.by)


def failed(
    asked: Asked, error: Exception, proposal: Proposal | None = None, progress: Progress | None = None
) -> Failed:
    """Return the end that an error leads to; a defect is logged whole, and told in general words."""
    if isinstance(error, Problem):
        log.info("job_failed", job=asked.dialog, problem=type(error).__name__, message=error.message)
        return Failed(asked, error.message, error.hint, error.details, proposal, progress)
    log.error("job_broke", job=asked.dialog, exc_info=error)
    return Failed(
        asked,
        "Something went wrong inside the bot.",
        f"Try again. If it happens again, look for `{asked.dialog}` in the bot's log.",
        (f"{type(error).__name__}: {error}",),
        proposal,
        progress,
    )


def _void_findings(dialog: Preparing) -> tuple[Finding, ...]:
    return (Finding("review-void", Severity.WARNING, dialog.void),) if dialog.void else ()
