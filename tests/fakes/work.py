"""Work that takes no daemon: what comes of it, and when, is up to the test."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace

from bot.dialogs.stages import Asked, DialogId
from commands.actions import Answer, End, Proposal
from commands.cancellation import Cancellation
from commands.carry_out import JobContext
from commands.command import (
    Creation,
    ImageCreated,
    ImageRemoved,
    ImagesUpdated,
    ImageUndecided,
    Listing,
    Removal,
    RollBack,
    TagsRolledBack,
    Update,
)
from commands.errors import BuildStopped, EngineUnavailable
from commands.model.events import Event, LogLine, StepsPlanned, StepStarted
from commands.model.outcomes import Created, Removed, RolledBack, Undecided, Updated
from commands.model.requests import Query
from tests.fakes.host import PATIENCE_SECONDS, Gate
from tests.kit.examples import CREATED, PROPOSAL

EVENTS: tuple[Event, ...] = (StepsPlanned(("Base", "Check the result")), StepStarted(1), LogLine(1, "Unpacking wget"))


Outcome = Created | Undecided | Updated | RolledBack | Removed
"""What may come of a proposal."""


def end_of(proposal: Proposal, outcome: Outcome) -> End | ImageUndecided:
    """Pair an outcome with the proposal that it belongs to."""
    match proposal, outcome:
        case Creation(), Created():
            return ImageCreated(proposal, outcome)
        case Creation(), Undecided():
            return ImageUndecided(proposal, outcome)
        case Update(), Updated():
            return ImagesUpdated(proposal, outcome)
        case RollBack(), RolledBack():
            return TagsRolledBack(proposal, outcome)
        case Removal(), Removed():
            return ImageRemoved(proposal, outcome)
        case _:
            raise AssertionError(f"{outcome} is no outcome of {proposal}")


class ProcessKilled(BaseException):
    """The process is no more: nothing that follows it is done."""


class FakeWork:
    """Work as jobs ask for it. An outcome that is an exception is raised.

    `answers`, `builds`, `settles`, `turns` and `counts` are passed by what is under way; a build that is told to end
    does not wait for its gate. `pages` are what a list can be turned to. Exceptions put into `engine_troubles` are
    raised first, one by each `keep` and `clean` (None: none by this one); those in `build_troubles` by each
    `carry_out`, after its events. While `engine_is_away`, all of these find no daemon. Only commands that it `holds`
    pass the gate `answers`.
    """

    def __init__(self) -> None:
        self.answers = Gate()
        self.builds = Gate()
        self.settles = Gate()
        self.turns = Gate()
        self.counts = Gate()
        self.answer_is: Answer | BaseException = PROPOSAL
        self.reports: Iterable[str] = ("Looking at the base",)
        self.events: Iterable[Event] = EVENTS
        self.outcome_is: Outcome | BaseException = CREATED
        self.kept_is: Created | BaseException = CREATED
        self.pages: dict[int, Listing | BaseException] = {}
        self.disk_is: int | BaseException = 41_200_000_000
        self.engine_troubles: list[BaseException | None] = []
        self.build_troubles: list[BaseException] = []
        self.engine_is_away = False
        self.holds: Callable[[Asked], bool] = lambda _: True
        self.ends_when_told = True
        self.most_builds = 0
        self.calls: list[tuple[str, str]] = []
        self._changed = threading.Condition()
        self._building = 0
        self._dead = False

    # ── What tests do to it, and see ────────────────────────────────────────────────────────────────────────────

    def die(self) -> None:
        """End whatever is under way as `kill -9` does."""
        self._dead = True
        for gate in (self.answers, self.builds, self.settles, self.turns, self.counts):
            gate.open()

    def of(self, name: str) -> list[str]:
        """List the jobs of the calls of one kind so far."""
        with self._changed:
            return [job for called, job in self.calls if called == name]

    def wait_for(self, name: str, job: str = "d-1", *, times: int = 1) -> None:
        """Wait until it was called so often for this job."""
        with self._changed:
            came = self._changed.wait_for(lambda: self.calls.count((name, job)) >= times, PATIENCE_SECONDS)
        assert came, f"{name} of {job} was not called {times} times: {self.calls}"

    # ── The work ────────────────────────────────────────────────────────────────────────────────────────────────

    def answer(self, asked: Asked, report: Callable[[str], None]) -> Answer:
        """See `Work`."""
        self._called("answer", asked.dialog)
        for doing in self.reports:
            report(doing)
        if self.holds(asked):
            self.answers.pass_through(self._live)
        if isinstance(self.answer_is, BaseException):
            raise self.answer_is
        return self.answer_is

    def carry_out(
        self, proposal: Proposal, job_context: JobContext, emit: Callable[[Event], None], cancellation: Cancellation
    ) -> End | ImageUndecided:
        """See `Work`."""
        with self._changed:
            self._building += 1
            self.most_builds = max(self.most_builds, self._building)
        self._called("carry_out", job_context.job)
        try:
            self._find_engine()
            for event in self.events:
                emit(event)
            if self.build_troubles:
                raise self.build_troubles.pop(0)
            self.builds.pass_through(lambda: self._go_on(cancellation))
        finally:
            with self._changed:
                self._building -= 1
        if isinstance(self.outcome_is, BaseException):
            raise self.outcome_is
        return end_of(proposal, self.outcome_is)

    def turn(self, query: Query) -> Listing:
        """See `ListWork`: the page of that number."""
        self._called("turn", str(query.page))
        self.turns.pass_through(self._live)
        page = self.pages[query.page]
        if isinstance(page, BaseException):
            raise page
        return replace(page, query=query)

    def disk_use(self) -> int:
        """See `ListWork`."""
        self._called("disk_use", "")
        self.counts.pass_through(self._live)
        if isinstance(self.disk_is, BaseException):
            raise self.disk_is
        return self.disk_is

    def keep(self, undecided: ImageUndecided) -> ImageCreated:
        """See `Work`."""
        self._called("keep", undecided.outcome.image_id)
        self._settle()
        if isinstance(self.kept_is, BaseException):
            raise self.kept_is
        return ImageCreated(undecided.proposal, self.kept_is)

    def clean(self, job: DialogId) -> None:
        """See `Work`."""
        self._called("clean", job)
        self._settle()

    def _settle(self) -> None:
        self.settles.pass_through(self._live)
        self._find_engine()
        trouble = self.engine_troubles.pop(0) if self.engine_troubles else None
        if trouble:
            raise trouble

    def _find_engine(self) -> None:
        if self.engine_is_away:
            raise EngineUnavailable("No Docker daemon answers.", hint="Start it.")

    def _called(self, name: str, job: str) -> None:
        with self._changed:
            self.calls.append((name, job))
            self._changed.notify_all()

    def _go_on(self, cancellation: Cancellation) -> None:
        self._live()
        if cancellation.reason is not None and self.ends_when_told:
            raise BuildStopped("The build was stopped.", hint="Type the command again to start over.")

    def _live(self) -> None:
        if self._dead:
            raise ProcessKilled
