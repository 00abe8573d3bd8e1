"""What the life of a command needs from outside: the work of the commands, a log for each job, and timeouts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from bot.dialogs.lists import ListWork
from bot.dialogs.stages import Asked, DialogId
from commands.actions import Answer, End, Proposal
from commands.cancellation import Cancellation
from commands.carry_out import JobContext
from commands.command import ImageCreated, ImageUndecided
from commands.model.events import Event


class Work(ListWork, Protocol):
    """The work behind a dialog; `bot.wiring` binds it to the commands."""

    def answer(self, asked: Asked, report: Callable[[str], None]) -> Answer:
        """Look up the facts, then propose or refuse; call `report` with each thing being done. Raise `Problem`."""
        ...

    def carry_out(
        self, proposal: Proposal, job_context: JobContext, emit: Callable[[Event], None], cancellation: Cancellation
    ) -> End | ImageUndecided:
        """Carry out a confirmed proposal. Raise `ReviewVoid`, `BuildStopped` if cancelled, or another `Problem`."""
        ...

    def keep(self, undecided: ImageUndecided) -> ImageCreated:
        """Tag an undecided image. Raise `Problem`."""
        ...

    def clean(self, job: DialogId) -> None:
        """Remove a job's leftovers from the daemon: containers, and images without a tag. Raise `Problem`."""
        ...


class JobLog(Protocol):
    """The log of each job: whole, on disk, without secrets and control characters."""

    def write(self, job: DialogId, line: str) -> None:
        """Add a line."""
        ...

    def read(self, job: DialogId) -> str:
        """Return the log; empty if nothing was logged."""
        ...


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long the bot waits, in seconds."""

    review_seconds: float
    grace_seconds: float
    tick_seconds: float = 1.0
    """The interval for checking deadlines and the queue, and for updating the elapsed time of running jobs."""
    stop_seconds: float = 5.0
    """How long a build may take to end after a cancellation."""
    retry_seconds: float = 2.0
    """The interval between retries while the daemon is away or the state cannot be written."""
    engine_wait_seconds: float = 3600.0
    """How long a job waits for a daemon that is away."""
