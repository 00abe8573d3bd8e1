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
    """What is done for a dialog away from the conversation; `bot.wiring` binds it to the commands."""

    def answer(self, asked: Asked, report: Callable[[str], None]) -> Answer:
        """Look the facts up and propose or refuse; `report` is told what is being done. Raises `Problem`."""
        ...

    def carry_out(
        self, proposal: Proposal, job_context: JobContext, emit: Callable[[Event], None], cancellation: Cancellation
    ) -> End | ImageUndecided:
        """Do what was confirmed. Raises `ReviewVoid`, `BuildStopped` once it was cancelled, or another `Problem`."""
        ...

    def keep(self, undecided: ImageUndecided) -> ImageCreated:
        """Give an undecided image its name. Raises `Problem`."""
        ...

    def clean(self, job: DialogId) -> None:
        """Remove what a job left on the daemon: containers, and images without a name. Raises `Problem`."""
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
    """How long the bot waits for whom, in seconds."""

    review_seconds: float
    grace_seconds: float
    tick_seconds: float = 1.0
    """How often deadlines and the queue are looked at and the elapsed time of running jobs is shown again."""
    stop_seconds: float = 5.0
    """How long a build may take to end once it was told to."""
    retry_seconds: float = 5.0
    """How often a daemon that is away, or a state that cannot be written, is tried again."""
