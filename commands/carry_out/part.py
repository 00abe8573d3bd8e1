"""One image of an update: its step and its dependencies."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from commands.cancellation import Cancellation
from commands.carry_out.dependencies import Dependencies, JobContext
from commands.carry_out.guard import raise_if_stopped
from commands.command import Candidate
from commands.engine.interface import Engine
from commands.errors import EngineUnavailable
from commands.model.events import Event, StepNoted
from commands.model.outcomes import Ending, ImageResult

ANOTHER_JOB = "Waiting: another update of it is under way"
BROUGHT_MEANWHILE = "Another update brought it meanwhile."


@dataclass(frozen=True, slots=True)
class Part:
    """One image of an update. Its step is `job_context.part`; all parts share `is_lost`, set if the daemon is gone."""

    candidate: Candidate
    job_context: JobContext
    dependencies: Dependencies
    emit: Callable[[Event], None]
    cancellation: Cancellation
    is_lost: threading.Event

    @property
    def step(self) -> int:
        """The number of its step."""
        return self.job_context.part

    @property
    def name(self) -> str:
        """The name of the image in the review."""
        return self.candidate.name

    @property
    def engine(self) -> Engine:
        """The daemon of the image."""
        return self.dependencies.engine

    def note(self, text: str) -> None:
        """Emit what is being done with the image now."""
        self.emit(StepNoted(self.step, text))

    def raise_if_stopped(self) -> None:
        """Raise `BuildStopped` after a cancellation."""
        raise_if_stopped(self.cancellation)

    def reach(self) -> None:
        """Raise `EngineUnavailable` if the daemon does not answer; all later parts then raise it at once."""
        if not self.is_lost.is_set():
            try:
                self.engine.find_image(self.name)
            except EngineUnavailable:
                self.is_lost.set()
                raise
            return
        raise EngineUnavailable(
            "It was not begun: the Docker daemon was lost before.", hint="Update it again once the daemon runs."
        )

    def result(self, ending: Ending, reason: str = "") -> ImageResult:
        """Return the result of the image."""
        return ImageResult(self.name, ending, before=self.candidate.present, reason=reason)
