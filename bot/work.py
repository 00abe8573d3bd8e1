"""The work of jobs, done by the commands."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bot.dialogs.stages import Asked, DialogId
from bot.meter import Meter
from commands import actions, docker_images
from commands.actions import Answer, End, Proposal
from commands.cancellation import Cancellation, CancelReason
from commands.carry_out import Dependencies, JobContext, clean
from commands.command import Creation, ImageCreated, ImageUndecided, Listing
from commands.errors import BuildStopped, Problem
from commands.model.events import Event
from commands.model.requests import Query
from commands.recipe.labels import JOB
from commands.sources import Sources

DISK_SECONDS = 60.0
"""The time limit for the daemon to count the bytes of its images, which is slow on a host with many images."""


@dataclass(frozen=True, slots=True)
class CommandWork:
    """Connects jobs to the typed commands, to the sources of facts, and to the dependencies of builds."""

    sources: Sources
    dependencies: Dependencies
    meter: Meter = field(default_factory=Meter)

    def answer(self, asked: Asked, report: Callable[[str], None]) -> Answer:
        """Look up the facts, then propose or refuse."""
        return actions.answer(asked.request, replace(self.sources, labels={JOB: asked.dialog}), report)

    def carry_out(
        self, proposal: Proposal, job_context: JobContext, emit: Callable[[Event], None], cancellation: Cancellation
    ) -> End | ImageUndecided:
        """Carry out a confirmed proposal."""
        if not isinstance(proposal, Creation):
            return actions.carry_out(proposal, job_context, self.dependencies, emit, cancellation)
        with self.meter.building() as build:
            try:
                end = actions.carry_out(proposal, job_context, self.dependencies, emit, cancellation)
            except BuildStopped:
                build.outcome = "paused" if cancellation.reason is CancelReason.SHUTDOWN else "stopped"
                raise
            except Problem:
                build.outcome = "failed"
                raise
            build.outcome = type(end.outcome).__name__.lower()
            return end

    def keep(self, undecided: ImageUndecided) -> ImageCreated:
        """Give an undecided image its tag."""
        return actions.keep(undecided, self.dependencies.engine)

    def turn(self, query: Query) -> Listing:
        """Return another page of the list."""
        return docker_images.turn(query, self.sources)

    def disk_use(self) -> int:
        """Return the bytes of all images."""
        return self.sources.engine.disk_use(seconds=DISK_SECONDS)

    def clean(self, job: DialogId) -> None:
        """Remove a job's leftovers from the daemon."""
        clean(job, self.dependencies.engine)
