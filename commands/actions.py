"""The kinds of action: their requests, answers, proposals and ends, and the functions for them; a new kind adds rows.

The type checker requires every row: a request without an answer, or a proposal without an end, is an error.
"""

from collections.abc import Callable
from typing import assert_never

from commands import docker_image_create, docker_image_update, docker_images
from commands.cancellation import Cancellation
from commands.carry_out.creating import create, keep_undecided
from commands.carry_out.dependencies import Dependencies, JobContext
from commands.carry_out.removing import remove
from commands.carry_out.rolling_back import roll_back
from commands.carry_out.updating import DaemonLost, update
from commands.command import (
    Card,
    Creation,
    ImageCreated,
    ImageRemoved,
    ImageReused,
    ImagesUpdated,
    ImageUndecided,
    Listing,
    NothingToDo,
    Refusal,
    Removal,
    RollBack,
    TagsRolledBack,
    Update,
    WorkInterrupted,
)
from commands.engine.interface import Engine
from commands.image_actions import details
from commands.image_actions import remove as removal
from commands.image_actions import roll_back as way_back
from commands.model.events import Event
from commands.model.outcomes import Created, Undecided
from commands.model.requests import (
    CreateImage,
    ListImages,
    LookAtImage,
    RemoveImage,
    RollBackImage,
    UndoUpdate,
    UpdateImages,
)
from commands.sources import Sources

Request = CreateImage | UpdateImages | ListImages | LookAtImage | RollBackImage | UndoUpdate | RemoveImage
"""A person's request. `kind` distinguishes the classes of stored requests."""

Proposal = Creation | Update | RollBack | Removal
"""An exact proposal. A person confirms it, then `carry_out` carries it out."""

Shown = NothingToDo | Card | Refusal
"""An answer that ends its dialog."""

Answer = Proposal | Shown | Listing
"""The answer to a request."""

End = ImageCreated | ImageReused | ImagesUpdated | TagsRolledBack | ImageRemoved
"""The end of a confirmed proposal that raised no `Problem`: each kind has its own outcome."""


def answer(request: Request, sources: Sources, report: Callable[[str], None]) -> Answer:
    """Look up the facts, then propose, refuse, or show the requested facts; raise `Problem`.

    Call `report` with each thing being done, in a few words.
    """
    match request:
        case CreateImage():
            return docker_image_create.answer(request, sources, report)
        case UpdateImages():
            return docker_image_update.answer(request, sources, report)
        case ListImages():
            return docker_images.answer(request, sources, report)
        case LookAtImage():
            return details.answer(request, sources, report)
        case RollBackImage() | UndoUpdate():
            return way_back.answer(request, sources, report)
        case RemoveImage():
            return removal.answer(request, sources, report)
        case _:
            assert_never(request)


def line_of(request: Request) -> str:
    """Return a request as a line: the typed line of a command, or the name and arguments of a button."""
    match request:
        case CreateImage():
            return docker_image_create.line_of(request)
        case UpdateImages():
            return docker_image_update.line_of(request)
        case ListImages():
            return docker_images.GRAMMAR.command
        case LookAtImage():
            return details.line_of(request)
        case RollBackImage() | UndoUpdate():
            return way_back.line_of(request)
        case RemoveImage():
            return removal.line_of(request)
        case _:
            assert_never(request)


def carry_out(
    proposal: Proposal,
    job_context: JobContext,
    dependencies: Dependencies,
    emit: Callable[[Event], None],
    cancellation: Cancellation,
) -> End | ImageUndecided:
    """Carry out a proposal; a second call for the same job continues.

    Raise `ReviewVoid` if the facts changed since the review, `BuildStopped` if cancelled without a result,
    `WorkInterrupted` if the daemon went away after a part of the work, or another `Problem`.
    """
    match proposal:
        case Creation():
            return _creation_end(proposal, create(proposal, job_context, dependencies, emit, cancellation))
        case Update():
            return _update_end(proposal, job_context, dependencies, emit, cancellation)
        case RollBack():
            return TagsRolledBack(proposal, roll_back(proposal, job_context, dependencies))
        case Removal():
            return ImageRemoved(proposal, remove(proposal, dependencies))
        case _:
            assert_never(proposal)


def keep(undecided: ImageUndecided, engine: Engine) -> ImageCreated:
    """Tag an image although some of its modules do not import; raise `Problem`."""
    return ImageCreated(undecided.proposal, keep_undecided(undecided.proposal, undecided.outcome, engine))


def _creation_end(proposal: Creation, outcome: Created | Undecided) -> ImageCreated | ImageUndecided:
    match outcome:
        case Created():
            return ImageCreated(proposal, outcome)
        case Undecided():
            return ImageUndecided(proposal, outcome)
        case _:
            assert_never(outcome)


def _update_end(
    proposal: Update,
    job_context: JobContext,
    dependencies: Dependencies,
    emit: Callable[[Event], None],
    cancellation: Cancellation,
) -> ImagesUpdated:
    try:
        return ImagesUpdated(proposal, update(proposal, job_context, dependencies, emit, cancellation))
    except DaemonLost as lost:
        raise WorkInterrupted(ImagesUpdated(proposal, lost.so_far), lost) from lost
