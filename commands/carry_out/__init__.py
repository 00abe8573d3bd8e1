"""Doing what was confirmed. The only package that changes the host: pulls, builds, names and removes images."""

from collections.abc import Callable
from typing import assert_never

from commands.build.labels import JOB
from commands.carry_out.creating import create, keep
from commands.carry_out.removing import remove
from commands.carry_out.rolling_back import roll_back
from commands.carry_out.updating import update
from commands.carry_out.workshop import Commission, Workshop
from commands.command import Creation, Proposal, Removal, RollBack, Update
from commands.engine.interface import Engine
from commands.halt import Halt
from commands.model.events import Event
from commands.model.outcomes import Outcome

__all__ = ["Commission", "Workshop", "carry_out", "clean", "keep"]


def carry_out(
    proposal: Proposal, commission: Commission, workshop: Workshop, emit: Callable[[Event], None], halt: Halt
) -> Outcome:
    """Do what was proposed; may be called again for the same commission, and then goes on where it was.

    Raises `ReviewVoid` where the facts have changed since the review, `BuildStopped` once `halt` ended it without any
    result, or another `Problem`.
    """
    match proposal:
        case Creation():
            return create(proposal, commission, workshop, emit, halt)
        case Update():
            return update(proposal, commission, workshop, emit, halt)
        case RollBack():
            return roll_back(proposal, commission, workshop)
        case Removal():
            return remove(proposal, workshop)
        case _:
            assert_never(proposal)


def clean(job: str, engine: Engine) -> None:
    """Remove the containers of a job and its images without a name."""
    engine.sweep(JOB, job)
