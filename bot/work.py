"""The work of jobs, done by the commands."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bot.dialogs.stages import Asked, DialogId
from bot.meter import Meter
from bot.router import Router
from commands import carry_out, docker_images
from commands.cancellation import Cancellation, CancelReason
from commands.carry_out import Dependencies, JobContext
from commands.command import Answer, Creation, Listing, Proposal
from commands.errors import BuildStopped, Problem
from commands.model.events import Event
from commands.model.outcomes import Created, Outcome, Undecided
from commands.model.requests import Query
from commands.recipe.labels import JOB
from commands.sources import Sources

DISK_SECONDS = 60.0
"""Time limit of the daemon to count the bytes of its images, which is slow on a host with many."""


@dataclass(frozen=True, slots=True)
class CommandWork:
    """Connects jobs to the typed commands, to the sources of facts, and to the dependencies of builds."""

    router: Router
    sources: Sources
    dependencies: Dependencies
    meter: Meter = field(default_factory=Meter)

    def answer(self, asked: Asked, report: Callable[[str], None]) -> Answer:
        """Look up the facts, then propose or refuse."""
        return self.router.answer(asked.line, replace(self.sources, labels={JOB: asked.dialog}), report)

    def carry_out(
        self, proposal: Proposal, job_context: JobContext, emit: Callable[[Event], None], cancellation: Cancellation
    ) -> Outcome:
        """Carry out a confirmed proposal."""
        if not isinstance(proposal, Creation):
            return carry_out.carry_out(proposal, job_context, self.dependencies, emit, cancellation)
        with self.meter.building() as build:
            try:
                outcome = carry_out.carry_out(proposal, job_context, self.dependencies, emit, cancellation)
            except BuildStopped:
                build.outcome = "paused" if cancellation.reason is CancelReason.SHUTDOWN else "stopped"
                raise
            except Problem:
                build.outcome = "failed"
                raise
            build.outcome = type(outcome).__name__.lower()
            return outcome

    def keep(self, proposal: Creation, undecided: Undecided) -> Created:
        """Give an undecided image its tag."""
        return carry_out.keep(proposal, undecided, self.dependencies.engine)

    def turn(self, query: Query) -> Listing:
        """Return another page of the list."""
        return docker_images.turn(query, self.sources)

    def disk_use(self) -> int:
        """Return the bytes of all images."""
        return self.sources.engine.disk_use(seconds=DISK_SECONDS)

    def clean(self, job: DialogId) -> None:
        """Remove a job's leftovers from the daemon."""
        carry_out.clean(job, self.dependencies.engine)
