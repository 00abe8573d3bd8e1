"""The transitions between stages: their table and diagram, and pure functions from a stage to the next.

The stages of `bot.dialogs.stages`, and what leads from one to the next:

    (a)             → Preparing             a person types a command
    (b) Preparing   → UnderReview           the facts are there
    (c) Preparing   → Answered, Failed      there is nothing to propose, or the facts cannot be gathered
    (d) UnderReview → Queued                a person presses Create
    (e) UnderReview → Cancelled             a person presses Cancel
    (f) UnderReview → Finished              a person takes the image that exists
    (g) UnderReview → Expired               nobody presses anything for `review_seconds`
    (h) Queued      → Running               a build slot is free
    (i) Queued      → Stopped               a person presses Stop
    (i) Running     → Running, Stopped      a person presses Stop: the build is told to end, then it has ended
    (j) Running     → Finished              done, as the end says
    (k) Running     → Deciding              built, but a module does not import
    (l) Running     → Failed                a step fails or times out
    (l) Queued      → Failed                the bot itself fails
    (m) Running     → Paused                the bot shuts down
    (n) Paused      → Running               the bot is back
    (n) Running     → Running               the bot is back after it was killed
    (o) Deciding    → Settling              a person presses Keep or Discard, or nobody does in time
    (p) Settling    → Finished              the image has its name
    (q) Settling    → Discarded, Failed     the image is removed, as decided, or was gone before
    (r) Preparing   → Listed                the list of images is there
    (s) Listed      → Listed                a person turns the page, or the daemon has counted
    (t) Running     → Preparing             the facts have changed since the review, which is void

    ──a──► Preparing ──c──► Answered, Failed   ──r──► Listed ──s──► Listed
            ▲  │
            t  b
            │  ▼
           UnderReview ──e──► Cancelled   ──f──► Finished   ──g──► Expired
               │
               d
               ▼
            Queued ──i──► Stopped   ──l──► Failed
               │
               h
               ▼
            Running ──i──► Running (stopping) ──i──► Stopped
             ▲   │  ──j──► Finished
             n   m  ──l──► Failed
             │   ▼  ──t──► Preparing
            Paused  ──k──► Deciding ──o──► Settling ──p──► Finished
                                                    ──q──► Discarded, Failed

Every arrow is one compare-and-set in the ledger, so a double click, a click delivered twice and clicks by two people
start one job. `kill -9` breaks no arrow: at the next start the runner repeats the task that was under way, which reads
in the ledger how far it had come. While the ledger cannot be written a task waits, and the bot tells the person.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import structlog

from bot.dialogs.progress import Progress
from bot.dialogs.stages import (
    WORKING,
    Answered,
    Asked,
    Cancelled,
    Deciding,
    Dialog,
    DialogId,
    Discarded,
    Expired,
    Failed,
    Finished,
    JobLine,
    Listed,
    Paused,
    Preparing,
    Queued,
    Running,
    Settling,
    Stopped,
    StorageTrouble,
    UnderReview,
)
from commands.actions import Answer, End, Proposal
from commands.cancellation import CancelReason
from commands.command import (
    Card,
    Creation,
    Finding,
    ImageCreated,
    ImageReused,
    ImageUndecided,
    Listing,
    NothingToDo,
    Refusal,
    Severity,
)
from commands.errors import BuildStopped, Problem, ReviewVoid

log = structlog.get_logger()

SOURCES: Mapping[type[Any], tuple[type[Any], ...]] = {
    Preparing: (Running,),
    UnderReview: (Preparing,),
    Answered: (Preparing,),
    Listed: (Preparing, Listed),
    Finished: (UnderReview, Running, Settling),
    Failed: (Preparing, Queued, Running, Settling),
    Cancelled: (UnderReview,),
    Expired: (UnderReview,),
    Queued: (UnderReview,),
    Running: (Queued, Running, Paused),
    Paused: (Running,),
    Stopped: (Queued, Running),
    Deciding: (Running,),
    Settling: (Deciding,),
    Discarded: (Settling,),
}
"""The arrows of the diagram, by where they lead."""


class Decision(StrEnum):
    """The decision that a press makes."""

    CONFIRM = "confirm"
    REUSE = "reuse"
    """Take the existing image instead of the proposed one."""
    CANCEL = "cancel"
    STOP = "stop"
    KEEP = "keep"
    DISCARD = "discard"


class Press(StrEnum):
    """The result of a press."""

    TAKEN = "taken"
    LATE = "late"
    """Another person was faster, or the dialog has moved on."""
    EXPIRED = "expired"
    GONE = "gone"
    """The bot knows no such dialog."""


class Task(NamedTuple):
    """The durable task of a stage; `waits` says that it needs a build slot."""

    name: str
    key: str
    waits: bool = False


def key_of(asked: Asked) -> str:
    """Return the key of a dialog's tasks: each round of reviews has its own, since a task runs once per key."""
    return asked.dialog if asked.round == 1 else f"{asked.dialog}/{asked.round}"


def job_of(key: str) -> DialogId:
    """Return the dialog's id from the key of its tasks."""
    return DialogId(key.partition("/")[0])


def task_of(dialog: Dialog) -> Task | None:
    """Return the task of this stage; None if it has none."""
    key = key_of(dialog.asked)
    match dialog:
        case Preparing():
            return Task("prepare", key)
        case Queued() | Running() | Paused():
            return Task("build", key, waits=dialog.proposal.needs_slot)
        case Settling():
            return Task("settle", key)
        case _:
            return None


def deadline_of(dialog: Dialog) -> float | None:
    """Return the deadline of the stage, in epoch seconds; None if it has none."""
    return dialog.expires.timestamp() if isinstance(dialog, UnderReview | Deciding) else None


def after_answer(dialog: Preparing, answer: Answer, *, expires: datetime, under_way: tuple[JobLine, ...]) -> Dialog:
    """Return the stage that an answer leads to; `expires` ends a review, `under_way` are the jobs that a list names."""
    asked = dialog.asked
    match answer:
        case Listing():
            return Listed(asked, answer, under_way)
        case NothingToDo():
            return Answered(asked, replace(answer, findings=(*_void_findings(dialog), *answer.findings)))
        case Card() | Refusal():
            return Answered(asked, answer)
        case _:
            proposal = replace(answer, findings=(*_void_findings(dialog), *answer.findings))
            return UnderReview(asked, proposal, expires)


def after_press(
    dialog: Dialog, decision: Decision, user: str, *, now: datetime, next_place: Callable[[], int]
) -> Dialog | Press:
    """Return the stage that a press leads to, or why it leads nowhere.

    `next_place` counts the queue, and is called only if the press leads there.
    """
    match decision, dialog:
        case Decision.STOP, Queued():
            return Stopped(dialog.asked, dialog.proposal, user, progress=None)
        case Decision.STOP, Running():
            return stopping_stage(dialog, user) or Press.LATE
        case ((Decision.KEEP | Decision.DISCARD), Deciding()):
            return settling_stage(dialog, keep=decision is Decision.KEEP, user=user)
        case _, UnderReview():
            return _after_review(dialog, decision, user, now=now, next_place=next_place)
        case _, Expired():
            return Press.EXPIRED
        case _:
            return Press.LATE


def _after_review(
    dialog: UnderReview, decision: Decision, user: str, *, now: datetime, next_place: Callable[[], int]
) -> Dialog | Press:
    asked, proposal = dialog.asked, dialog.proposal
    if now >= dialog.expires:
        return Press.EXPIRED
    match decision:
        case Decision.CANCEL:
            return Cancelled(asked, user)
        case Decision.REUSE if isinstance(proposal, Creation) and proposal.existing:
            return Finished(asked, user, ImageReused(proposal, proposal.existing), None, now)
        case Decision.CONFIRM:
            return Queued(asked, proposal, user, position=next_place())
        case _:
            return Press.LATE


def stopping_stage(dialog: Dialog, user: str) -> Running | None:
    """Return the stage after a request to stop; None if nothing runs, or a stop was requested before."""
    return replace(dialog, stopping_by=user) if isinstance(dialog, Running) and dialog.stopping_by is None else None


def settling_stage(dialog: Deciding, *, keep: bool, user: str | None) -> Settling:
    """Return the stage after a decision; `user` is None if none was made in time."""
    return Settling(dialog.asked, user, dialog.undecided, keep, dialog.progress)


def running_stage(dialog: Dialog | None, now: datetime) -> Running | None:
    """Return the stage of a job that starts, or continues after a restart; None if the dialog waits for neither."""
    match dialog:
        case Queued(asked, proposal, by) | Paused(asked, proposal, by):
            return Running(asked, proposal, by, Progress(started=now))
        case Running():
            return replace(dialog, progress=Progress(started=now), waits="")
        case _:
            return None


def after_stop(dialog: Running, stopped: BuildStopped, reason: CancelReason | None) -> Dialog:
    """Return the stage after a job was cancelled."""
    if user := dialog.stopping_by:
        return Stopped(dialog.asked, dialog.proposal, user, dialog.progress)
    if reason is CancelReason.SHUTDOWN:
        return paused_stage(dialog)
    # Not requested here: the daemon was stopped, or the build was ended on its host.
    return failed_stage(dialog.asked, stopped, dialog.proposal, dialog.progress)


def paused_stage(dialog: Running) -> Paused:
    """Return the stage of a job that the next process continues."""
    return Paused(dialog.asked, dialog.proposal, dialog.by)


def after_void(dialog: Running, void: ReviewVoid) -> Preparing:
    """Return the first stage of another round, after the facts have changed since the review."""
    again = replace(dialog.asked, round=dialog.asked.round + 1)
    return Preparing(again, "Looking again", void=f"{void.message} {void.hint}".strip())


def after_end(dialog: Running, end: End | ImageUndecided, *, now: datetime, expires: datetime) -> Finished | Deciding:
    """Return the stage that the end of a job leads to; `expires` ends the wait for a decision."""
    if isinstance(end, ImageUndecided):
        return Deciding(dialog.asked, dialog.by, end, dialog.progress, expires)
    return Finished(dialog.asked, dialog.by, end, dialog.progress, now, dialog.stopping_by)


def kept_stage(dialog: Settling, end: ImageCreated, now: datetime) -> Finished:
    """Return the end of a dialog whose undecided image was kept."""
    return Finished(dialog.asked, dialog.by or dialog.asked.user, end, dialog.progress, now)


def discarded_stage(dialog: Settling) -> Discarded:
    """Return the end of a dialog whose undecided image was removed."""
    return Discarded(dialog.asked, dialog.by, dialog.undecided.proposal)


def failed_stage(
    asked: Asked, error: Exception, proposal: Proposal | None = None, progress: Progress | None = None
) -> Failed:
    """Return the stage after an error; log a defect in full, and describe it in general words."""
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


def troubled_stage(dialog: Dialog, error: Problem) -> Dialog | None:
    """Return the stage to show while the next one cannot be stored; None if no task works towards one."""
    return replace(dialog, trouble=StorageTrouble(error.message, error.hint)) if isinstance(dialog, WORKING) else None


def _void_findings(dialog: Preparing) -> tuple[Finding, ...]:
    return (Finding("review-void", Severity.WARNING, dialog.void),) if dialog.void else ()
