import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from io import StringIO

import pytest

from commands.actions import End, carry_out, keep
from commands.cancellation import Cancellation, CancelReason
from commands.carry_out import Dependencies, JobContext, clean
from commands.carry_out.creating import CHECK_STEP
from commands.command import Creation, ImageCreated, ImageUndecided
from commands.docker_image_create import answer, parse
from commands.engine.interface import BuildEvent, BuildOrder, RunOrder, RunOutcome, Swept
from commands.errors import (
    BuildFailed,
    BuildStopped,
    BuildTimedOut,
    DiskFull,
    EngineUnavailable,
    ImageNotFound,
    IndexUnreachable,
    Problem,
    VerificationFailed,
)
from commands.model.events import Event, ImageBuilt, LogLine, StepDone, StepFailed, StepNoted, StepsPlanned, StepStarted
from commands.model.images import ImageId, LocalImage
from commands.model.outcomes import Created, ImportFailure
from commands.recipe.dockerfile import write_dockerfile
from commands.recipe.labels import JOB, REQUESTER
from commands.sources import Sources
from tests.fakes.control import Control
from tests.fakes.engine import BuildScript, FakeEngine
from tests.fakes.files import FakeFiles
from tests.fakes.host import DEFAULT_BASE, PATIENCE_SECONDS, Host
from tests.fakes.logs import logs_to
from tests.kit.dependencies import dependencies_on, sources_on
from tests.kit.examples import ALICE

JOB_CONTEXT = JobContext(job="d-1", requester=ALICE, channel="C0WARROOM")
LINE = "name=example_name dependencies=mechanize packages=wget"
NAME = "example_name"


@dataclass(slots=True)
class CarryOutHost:
    """A host, and what is carried out on it; `emitted` are the events, each of which `at_event` sees first."""

    host: Host = field(default_factory=Host)
    cancellation: Cancellation = field(default_factory=Cancellation)
    emitted: list[Event] = field(default_factory=list)
    at_event: Callable[[Event], object] = lambda _: None
    ensure_installer: Callable[[object], object] = lambda _: None
    build_seconds: float = PATIENCE_SECONDS
    files: FakeFiles = field(default_factory=FakeFiles)

    def stand_on(self, engine: FakeEngine) -> None:
        """Take another daemon, with the same base."""
        engine.build_script, engine.run_script = self.host.build, self.host.run
        self.host.engine = engine
        self.host.add_base(DEFAULT_BASE)

    def propose(self, line: str = LINE) -> Creation:
        """Look the facts up as the command does."""
        proposal = answer(parse(line), self.sources, lambda _: None)
        assert isinstance(proposal, Creation)
        return proposal

    @property
    def sources(self) -> Sources:
        """Where the command learns its facts."""
        return sources_on(self.host.engine)

    @property
    def dependencies(self) -> Dependencies:
        """Where it is built."""
        dependencies = dependencies_on(self.host.engine, files=self.files)
        return replace(dependencies, ensure_installer=self.ensure_installer, build_seconds=self.build_seconds)

    def carry_out(
        self, proposal: Creation | None = None, job_context: JobContext = JOB_CONTEXT
    ) -> End | ImageUndecided:
        """Do it."""
        return carry_out(proposal or self.propose(), job_context, self.dependencies, self._emit, self.cancellation)

    def created(self, proposal: Creation | None = None, job_context: JobContext = JOB_CONTEXT) -> Created:
        """Do it, and expect an image."""
        end = self.carry_out(proposal, job_context)
        assert isinstance(end, ImageCreated)
        return end.outcome

    def _emit(self, event: Event) -> None:
        self.at_event(event)
        self.emitted.append(event)

    @property
    def left(self) -> list[LocalImage]:
        """Images of the job that are on the daemon."""
        return list(self.host.engine.images({JOB: JOB_CONTEXT.job}))

    def is_clean(self) -> bool:
        """Whether the job has left nothing at all."""
        return not self.left and not self.host.engine.throwaways and not self.host.engine.running_builds


@pytest.fixture
def host() -> CarryOutHost:
    return CarryOutHost()


def without_times(events: list[Event]) -> list[Event]:
    return [replace(event, seconds=0.0) if isinstance(event, StepDone | StepFailed) else event for event in events]


# ── When all goes well ──────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_proposed_is_built_verified_and_named(host: CarryOutHost) -> None:
    proposal = host.propose()

    created = host.created(proposal)

    image = host.host.engine.find_image(proposal.spec.reference)
    assert image is not None
    assert created == Created(proposal.spec.reference, image, added_bytes=1_000_000)
    assert image.repo_tags == (proposal.spec.reference, f"{NAME}:latest")
    assert (image.labels[JOB], image.labels[REQUESTER]) == ("d-1", ALICE)
    assert host.left == [image]
    assert host.host.engine.throwaways == 0


def test_everything_is_told_in_its_order(host: CarryOutHost) -> None:
    proposal = host.propose()
    host.host.says = ["Done."]

    created = host.created(proposal)

    built = len(proposal.steps)
    names = [file.name for file in proposal.spec.files]
    packages = [name.partition("-")[0] for name in names]
    fetched = [StepNoted(3, f"fetched {n} of {len(names)}: {name}") for n, name in enumerate(packages, start=1)]
    runs = [[StepStarted(n), LogLine(n, "Done."), StepDone(n, 0.0)] for n in range(2, built + 1)]
    assert without_times(host.emitted) == [
        StepsPlanned((*proposal.steps, CHECK_STEP)),
        # The packages are fetched before the daemon has anything to do.
        *fetched,
        StepNoted(3, ""),
        StepStarted(1),
        StepDone(1, 0.0, cached=True),
        *(event for run in runs for event in run),
        ImageBuilt(created.image.id),
        StepStarted(built + 1),
        StepDone(built + 1, 0.0),
    ]


def test_the_build_gets_exactly_the_files_that_were_confirmed(host: CarryOutHost) -> None:
    proposal = host.propose()

    host.carry_out(proposal)

    (order,) = host.host.engine.builds
    sent = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in order.files.items()}
    assert sent == {f"python/files/{file.name}": file.sha256 for file in proposal.spec.files}
    assert len(sent) == 4


def test_without_python_packages_nothing_is_fetched(host: CarryOutHost) -> None:
    host.files.reachable = False

    host.carry_out(host.propose("name=example_name packages=wget"))

    assert host.host.engine.builds[0].files == {}
    assert not [event for event in host.emitted if isinstance(event, StepNoted)]


@pytest.mark.parametrize(
    ("line", "step"), [(LINE, 3), ("name=example_name dependencies=mechanize", 2)], ids=["after apt", "alone"]
)
def test_a_package_that_cannot_be_fetched_ends_the_step_that_installs_it(
    host: CarryOutHost, line: str, step: int
) -> None:
    host.files.reachable = False

    with pytest.raises(IndexUnreachable):
        host.carry_out(host.propose(line))

    said = LogLine(step, "The package index refused the connection.")
    assert without_times(host.emitted)[1:] == [StepStarted(step), said, StepFailed(step, 0.0)]
    assert host.host.engine.builds == []
    assert host.is_clean()


def test_a_file_that_is_another_one_than_was_confirmed_is_not_built_with(host: CarryOutHost) -> None:
    proposal = host.propose()
    file = proposal.spec.locked[0].file
    host.files.contents[file.url] = b"forged"

    with pytest.raises(BuildFailed, match="than the confirmed one"):
        host.carry_out(proposal)

    assert host.host.engine.builds == []


def test_a_stop_while_files_are_fetched_ends_it_before_the_build(host: CarryOutHost) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, StepNoted):
            host.cancellation.request(CancelReason.STOPPED)

    host.at_event = stop

    with pytest.raises(BuildStopped):
        host.carry_out()

    assert len([event for event in host.emitted if isinstance(event, StepNoted)]) == 1
    assert host.host.engine.builds == []
    assert host.is_clean()


def test_the_installer_is_made_ready_for_the_bases_platform(host: CarryOutHost) -> None:
    platforms: list[object] = []
    host.ensure_installer = platforms.append
    proposal = host.propose()

    host.carry_out(proposal)

    assert platforms == [proposal.spec.base.platform]


def test_a_build_that_is_over_does_not_wait_for_its_guard(host: CarryOutHost) -> None:
    host.carry_out()

    assert not [thread for thread in threading.enumerate() if thread.name == "warroom-guard"]
    assert host.host.engine.cancelled == []


# ── Names ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_tag_that_was_taken_meanwhile_is_left_alone(host: CarryOutHost) -> None:
    proposal = host.propose()
    other = host.host.engine.add_image(proposal.spec.reference)

    created = host.created(proposal)

    version, _, number = proposal.spec.tag.rpartition(".")
    assert created.reference == f"{NAME}:{version}.{int(number) + 1}"
    assert created.image.repo_tags[0] == created.reference
    assert host.host.engine.find_image(proposal.spec.reference) == other


def test_several_tags_that_were_taken_meanwhile_are_left_alone(host: CarryOutHost) -> None:
    proposal = host.propose()
    version, _, number = proposal.spec.tag.rpartition(".")
    taken = [f"{NAME}:{version}.{int(number) + more}" for more in range(3)]
    for name in taken:
        host.host.engine.add_image(name)

    assert host.created(proposal).reference == f"{NAME}:{version}.{int(number) + 3}"


def test_the_same_proposal_for_two_jobs_gives_two_images(host: CarryOutHost) -> None:
    proposal = host.propose()

    first, second = host.created(proposal), host.created(proposal, replace(JOB_CONTEXT, job="d-2"))

    assert first.reference != second.reference
    assert first.image.id != second.image.id
    assert host.host.engine.find_image(first.reference) is not None


def test_latest_follows_the_newest_image_of_ours(host: CarryOutHost) -> None:
    host.created()
    second = host.created(job_context=replace(JOB_CONTEXT, job="d-2"))

    latest = host.host.engine.find_image(f"{NAME}:latest")
    assert latest is not None
    assert latest.id == second.image.id


def test_latest_is_not_taken_from_an_image_of_somebody_else(host: CarryOutHost) -> None:
    theirs = host.host.engine.add_image(f"{NAME}:latest")

    created = host.created()

    assert host.host.engine.find_image(f"{NAME}:latest") == theirs
    assert created.image.repo_tags == (created.reference,)


# ── Again ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_made_before_is_not_made_again(host: CarryOutHost) -> None:
    proposal = host.propose()
    first = host.created(proposal)
    host.emitted.clear()

    assert host.created(proposal) == first
    assert len(host.host.engine.builds) == 1
    assert host.emitted == []


def test_what_was_made_under_another_tag_is_found_again(host: CarryOutHost) -> None:
    proposal = host.propose()
    host.host.engine.add_image(proposal.spec.reference)
    first = host.created(proposal)

    assert host.created(proposal) == first


def test_what_was_made_before_is_told_also_when_it_is_to_be_stopped_now(host: CarryOutHost) -> None:
    proposal = host.propose()
    first = host.created(proposal)
    host.cancellation.request(CancelReason.STOPPED)

    assert host.created(proposal) == first


def test_what_an_earlier_run_left_half_done_is_removed(host: CarryOutHost) -> None:
    host.host.engine.add_image(labels={JOB: JOB_CONTEXT.job})

    created = host.created()

    assert host.left == [created.image]


# ── The base ────────────────────────────────────────────────────────────────────────────────────────────────────────


def moved(problem: Problem) -> bool:
    return "no longer the image that was reviewed" in problem.message and "Type the command again" in problem.hint


def test_a_base_that_is_gone_is_not_built_on(host: CarryOutHost) -> None:
    proposal = host.propose()
    host.host.engine.remove_image(f"{DEFAULT_BASE}:latest")

    with pytest.raises(BuildFailed) as raised:
        host.carry_out(proposal)

    assert moved(raised.value)
    assert host.host.engine.builds == []


def test_a_base_whose_tag_has_moved_since_the_review_is_not_built_on(host: CarryOutHost) -> None:
    proposal = _unpinned(host.propose())
    host.host.engine.tag(host.host.add_base("another").id, DEFAULT_BASE, "latest")

    with pytest.raises(BuildFailed) as raised:
        host.carry_out(proposal)

    assert moved(raised.value)
    assert host.host.engine.builds == []


def test_what_was_built_on_a_base_whose_tag_moved_in_the_last_moment_is_not_kept(host: CarryOutHost) -> None:
    proposal = _unpinned(host.propose())
    other = host.host.add_base("another")
    host.ensure_installer = lambda _: host.host.engine.tag(other.id, DEFAULT_BASE, "latest")

    with pytest.raises(BuildFailed) as raised:
        host.carry_out(proposal)

    assert moved(raised.value)
    assert len(host.host.engine.builds) == 1
    assert host.is_clean()


def _unpinned(proposal: Creation) -> Creation:
    """The same proposal on a base that never was in a registry."""
    spec = replace(proposal.spec, base=replace(proposal.spec.base, digest=None))
    return replace(proposal, spec=spec, dockerfile=write_dockerfile(spec, uv_image="warroom-uv:1").text)


# ── When it fails ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", [2, 3])
def test_a_step_that_fails_leaves_nothing(host: CarryOutHost, number: int) -> None:
    problem = BuildFailed("The step failed.", hint="See below.", details=("It does not work.",))
    host.host.failing[number] = problem

    with pytest.raises(BuildFailed) as raised:
        host.carry_out()

    assert raised.value is problem
    assert raised.value.__cause__ is None
    assert isinstance(host.emitted[-1], StepFailed)
    assert host.is_clean()


def test_a_step_that_fails_for_a_known_reason_says_it_in_plain_words(host: CarryOutHost) -> None:
    lines = ("Reading package lists...", "E: Unable to locate package wgett")
    host.host.failing[2] = BuildFailed("Step 2 of 3 ended with exit code 100.", hint="See below.", details=lines)

    with pytest.raises(BuildFailed, match="no OS package `wgett`") as raised:
        host.carry_out()

    assert raised.value.details == lines


def with_triggers(proposal: Creation, *triggers: str) -> Creation:
    """Propose the same on a base with `ONBUILD`."""
    spec = replace(proposal.spec, base=replace(proposal.spec.base, on_build=triggers))
    recipe = write_dockerfile(spec, uv_image="warroom-uv:1")
    return replace(proposal, spec=spec, dockerfile=recipe.text, steps=recipe.steps)


def failing(*failures: StepFailed) -> BuildScript:
    """Make a build in which these steps fail; its log has a line of apt-get."""

    def build(_order: BuildOrder, _control: Control) -> Iterator[BuildEvent]:
        yield from failures
        raise BuildFailed("The step failed.", hint="See below.", details=("E: Unable to locate package wgett",))

    return build


@pytest.mark.parametrize(
    ("failures", "message"),
    [
        ([StepFailed(2, 1.0)], "A trigger of the base failed: `RUN make`."),
        ([StepFailed(3, 1.0)], "A trigger of the base failed: `COPY a /b`."),
        ([StepFailed(4, 1.0)], "The base's distribution has no OS package `wgett`."),
        ([StepFailed(1, 1.0)], "The step failed."),
        ([StepFailed(4, 1.0, stage="tool")], "The step failed."),
        ([StepFailed(2, 1.0, interrupted=True), StepFailed(4, 1.0)], "The base's distribution has no"),
        ([StepFailed(4, 1.0, stage="tool"), StepFailed(4, 1.0, interrupted=True)], "The step failed."),
    ],
)
def test_the_step_is_blamed_that_failed(host: CarryOutHost, failures: list[StepFailed], message: str) -> None:
    proposal = with_triggers(host.propose(), "ENV A=1", "RUN make", "COPY a /b")
    host.host.engine.build_script = failing(*failures)

    with pytest.raises(BuildFailed) as raised:
        host.carry_out(proposal)

    assert raised.value.message.startswith(message)


def test_fetched_packages_are_noted_at_the_step_that_installs_them(host: CarryOutHost) -> None:
    proposal = with_triggers(host.propose(), "RUN make")
    host.host.engine.build_script = failing(StepFailed(2, 1.0))

    with pytest.raises(BuildFailed):
        host.carry_out(proposal)

    noted = {event.step for event in host.emitted if isinstance(event, StepNoted)}
    assert [proposal.steps[step - 1].partition(":")[0] for step in noted] == ["Python packages"]


def test_a_build_that_ends_without_an_image_has_failed(host: CarryOutHost) -> None:
    def build(_order: BuildOrder, _control: Control) -> Iterator[BuildEvent]:
        yield StepStarted(1)
        yield StepDone(1, 0.0)

    host.host.engine.build_script = build

    with pytest.raises(BuildFailed, match="without an image"):
        host.carry_out()


def test_an_image_that_is_not_what_was_proposed_is_not_kept(host: CarryOutHost) -> None:
    host.host.left_out = {"mechanize"}

    with pytest.raises(VerificationFailed):
        host.carry_out()

    assert isinstance(host.emitted[-1], StepFailed)
    assert any("mechanize" in event.text for event in host.emitted if isinstance(event, LogLine))
    assert host.is_clean()


def test_a_module_that_does_not_import_is_for_people_to_decide(host: CarryOutHost) -> None:
    host.host.import_errors = {"mechanize": "ImportError: no html5lib"}

    end = host.carry_out()

    assert isinstance(end, ImageUndecided)
    outcome = end.outcome
    assert outcome.import_failures == (ImportFailure("mechanize", "mechanize", "ImportError: no html5lib"),)
    assert [(image.id, image.repo_tags) for image in host.left] == [(outcome.image_id, ())]


def test_an_undecided_image_is_named_when_it_is_kept(host: CarryOutHost) -> None:
    host.host.import_errors = {"mechanize": "ImportError: no html5lib"}
    proposal = host.propose()
    end = host.carry_out(proposal)
    assert isinstance(end, ImageUndecided)
    outcome = end.outcome

    created = keep(end, host.host.engine).outcome

    assert created.reference == proposal.spec.reference
    assert created.import_failures == outcome.import_failures
    assert created.image.repo_tags == (proposal.spec.reference, f"{NAME}:latest")
    assert keep(end, host.host.engine).outcome == created


def test_an_undecided_image_is_removed_when_it_is_discarded(host: CarryOutHost) -> None:
    host.host.import_errors = {"mechanize": "ImportError: no html5lib"}
    host.carry_out()

    clean(JOB_CONTEXT.job, host.host.engine)

    assert host.is_clean()


def test_an_undecided_image_that_is_gone_cannot_be_kept(host: CarryOutHost) -> None:
    host.host.import_errors = {"mechanize": "ImportError: no html5lib"}
    proposal = host.propose()
    end = host.carry_out(proposal)
    assert isinstance(end, ImageUndecided)
    clean(JOB_CONTEXT.job, host.host.engine)

    with pytest.raises(ImageNotFound):
        keep(end, host.host.engine)


def test_cleaning_removes_no_image_that_has_a_name(host: CarryOutHost) -> None:
    created = host.created()

    clean(JOB_CONTEXT.job, host.host.engine)

    assert host.left == [created.image]


@pytest.mark.parametrize("event", [StepStarted(1), StepStarted(2), StepStarted(3), StepStarted(4)])
def test_an_engine_that_goes_away_is_told_and_what_it_left_is_removed_later(host: CarryOutHost, event: Event) -> None:
    _at(host, event, host.host.engine.break_down)
    written = StringIO()

    with logs_to(written), pytest.raises(EngineUnavailable):
        host.carry_out()

    assert "sweep_failed" in written.getvalue()
    host.host.engine.repair()
    clean(JOB_CONTEXT.job, host.host.engine)
    assert host.is_clean()


def test_an_exception_of_those_who_are_told_leaves_nothing_either(host: CarryOutHost) -> None:
    def fall_over() -> None:
        raise RuntimeError("the listener fell over")

    _at(host, StepStarted(3), fall_over)

    with pytest.raises(RuntimeError):
        host.carry_out()

    assert host.is_clean()


def _at(host: CarryOutHost, moment: Event, act: Callable[[], object]) -> None:
    """Do something right before an event is told."""
    host.at_event = lambda event: act() if event == moment else None


# ── When it is to end ───────────────────────────────────────────────────────────────────────────────────────────────


def stop(host: CarryOutHost) -> Callable[[], None]:
    return lambda: host.cancellation.request(CancelReason.STOPPED)


@pytest.mark.parametrize("reason", [CancelReason.STOPPED, CancelReason.SHUTDOWN])
def test_nothing_is_built_where_it_was_to_end_before_it_began(host: CarryOutHost, reason: CancelReason) -> None:
    host.cancellation.request(reason)

    with pytest.raises(BuildStopped):
        host.carry_out()

    assert host.host.engine.builds == []
    assert host.is_clean()


@pytest.mark.parametrize("moment", [StepsPlanned, StepStarted, StepDone, LogLine, ImageBuilt])
def test_a_build_ends_at_whatever_moment_it_is_told_to(host: CarryOutHost, moment: type[Event]) -> None:
    host.at_event = lambda event: host.cancellation.request(CancelReason.STOPPED) if isinstance(event, moment) else None

    with pytest.raises(BuildStopped):
        host.carry_out()

    assert host.is_clean()


def test_a_step_that_takes_its_time_is_ended_on_the_daemon(host: CarryOutHost) -> None:
    host.host.steps.shut()
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(host.carry_out)
        host.host.steps.wait_for()
        host.cancellation.request(CancelReason.STOPPED)
        problem = running.exception(2)

    assert isinstance(problem, BuildStopped)
    assert "warroom-d-1" in host.host.engine.cancelled
    assert host.is_clean()


def test_a_check_that_takes_its_time_is_ended_on_the_daemon(host: CarryOutHost) -> None:
    proposal = host.propose()

    def check(_order: RunOrder) -> RunOutcome:
        stop(host)()
        return _when_its_container_is_gone(host)

    host.host.engine.run_script = check

    with pytest.raises(BuildStopped):
        host.carry_out(proposal)

    assert host.is_clean()


def _when_its_container_is_gone(host: CarryOutHost) -> RunOutcome:
    pause = threading.Event()
    for _ in range(int(PATIENCE_SECONDS / 0.005)):
        if not host.host.engine.throwaways:
            break
        pause.wait(0.005)
    return RunOutcome(None, "", "")


@pytest.mark.parametrize("errors", [{}, {"mechanize": "ImportError"}], ids=["good", "undecided"])
def test_an_image_that_was_just_checked_is_not_named_any_more(host: CarryOutHost, errors: Mapping[str, str]) -> None:
    proposal = host.propose()
    host.host.import_errors = dict(errors)

    def check(order: RunOrder) -> RunOutcome:
        outcome = host.host.run(order)
        stop(host)()
        return outcome

    host.host.engine.run_script = check

    with pytest.raises(BuildStopped):
        host.carry_out(proposal)

    assert host.is_clean()


def test_an_image_that_has_its_name_is_kept_when_it_is_to_end_then(host: CarryOutHost) -> None:
    class LateTagEngine(FakeEngine):
        def tag(self, image: ImageId, repository: str, tag: str) -> None:
            super().tag(image, repository, tag)
            stop(host)()

    host.stand_on(LateTagEngine())

    created = host.created()

    assert host.left == [created.image]


def test_a_build_that_takes_too_long_is_ended_and_says_what_to_do(host: CarryOutHost) -> None:
    host.build_seconds = 0.06
    host.host.steps.shut()

    with pytest.raises(BuildTimedOut) as raised:
        host.carry_out()

    assert "longer than 0.06 s" in raised.value.message
    assert "WARROOM_BUILD_SECONDS" in raised.value.hint
    assert host.is_clean()


def test_a_build_that_fails_by_itself_says_why_although_time_is_limited(host: CarryOutHost) -> None:
    host.host.failing[2] = DiskFull("The daemon's disk is full.", hint="Free some space.")

    with pytest.raises(DiskFull):
        host.carry_out()


@pytest.mark.parametrize("trouble", [EngineUnavailable, Problem])
def test_a_daemon_that_does_not_end_it_at_first_is_told_again(host: CarryOutHost, trouble: type[Problem]) -> None:
    class UnsweepableEngine(FakeEngine):
        refusals = 2

        def sweep(self, label: str, value: str, *, keep: tuple[ImageId, ...] = ()) -> Swept:
            if self.refusals:
                self.refusals -= 1
                raise trouble("Not now.", hint="Wait.")
            return super().sweep(label, value, keep=keep)

    host.stand_on(UnsweepableEngine())
    proposal = host.propose()

    def check(_order: RunOrder) -> RunOutcome:
        stop(host)()
        return _when_its_container_is_gone(host)

    host.host.engine.run_script = check

    with logs_to(StringIO()), pytest.raises(BuildStopped):
        host.carry_out(proposal)

    assert host.is_clean()
