"""Doing what was confirmed. The only package that changes the host: pulls, builds, names and removes images."""

from collections.abc import Callable
from typing import assert_never

from commands.cancellation import Cancellation
from commands.carry_out.creating import create, keep
from commands.carry_out.dependencies import Dependencies, JobContext
from commands.carry_out.removing import remove
from commands.carry_out.rolling_back import roll_back
from commands.carry_out.updating import update
from commands.command import Creation, Proposal, Removal, RollBack, Update
from commands.engine.interface import Engine
from commands.model.events import Event
from commands.model.outcomes import Outcome
from commands.recipe.labels import JOB

__all__ = ["Dependencies", "JobContext", "carry_out", "clean", "keep"]


def carry_out(
    proposal: Proposal,
    job_context: JobContext,
    dependencies: Dependencies,
    emit: Callable[[Event], None],
    cancellation: Cancellation,
) -> Outcome:
    """Do what was proposed; may be called again for the same job, and then continues.

    Raises `ReviewVoid` if the facts changed since the review, `BuildStopped` if it was cancelled without a result,
    or another `Problem`.
    """
    match proposal:
        case Creation():
            return create(proposal, job_context, dependencies, emit, cancellation)
        case Update():
            return update(proposal, job_context, dependencies, emit, cancellation)
        case RollBack():
            return roll_back(proposal, job_context, dependencies)
        case Removal():
            return remove(proposal, dependencies)
        case _:
            assert_never(proposal)


def clean(job: str, engine: Engine) -> None:
    """Remove the containers of a job and its images without a name."""
    engine.sweep(JOB, job)
