"""One image of an update: which step it is, and with what it is done."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from commands.carry_out.guard import go_on
from commands.carry_out.workshop import Commission, Workshop
from commands.command import Candidate
from commands.engine.interface import Engine
from commands.errors import EngineUnavailable
from commands.halt import Halt
from commands.model.events import Event, StepNoted
from commands.model.outcomes import Ending, ImageResult

ANOTHER_JOB = "Waiting: another update of it is under way"
BROUGHT_MEANWHILE = "Another update brought it meanwhile."


@dataclass(frozen=True, slots=True)
class Part:
    """One image of an update. Its step is the commission's part; `is_lost` is shared by all: the daemon is gone."""

    candidate: Candidate
    commission: Commission
    workshop: Workshop
    emit: Callable[[Event], None]
    halt: Halt
    is_lost: threading.Event

    @property
    def step(self) -> int:
        """The number of its step."""
        return self.commission.part

    @property
    def name(self) -> str:
        """How the review calls it."""
        return self.candidate.name

    @property
    def engine(self) -> Engine:
        """The daemon that it is on."""
        return self.workshop.engine

    def note(self, text: str) -> None:
        """Tell what is being done with it right now."""
        self.emit(StepNoted(self.step, text))

    def go_on(self) -> None:
        """Raise `BuildStopped` once the halt was asked for."""
        go_on(self.halt)

    def reach(self) -> None:
        """Raise `EngineUnavailable` where the daemon does not answer, for all parts that come after at once."""
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
        """Tell how it ended."""
        return ImageResult(self.name, ending, before=self.candidate.present, reason=reason)
