"""Updates that are stopped, interrupted, or killed at any point and begun again."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from io import StringIO

import pytest

from commands.cancellation import Cancellation, CancelReason
from commands.carry_out import Dependencies
from commands.carry_out.updating import COMPARE_STEP
from commands.command import Update
from commands.engine.interface import FilesRead, PullProgress, ReadOrder, Swept
from commands.errors import BuildStopped, EngineUnavailable, Problem
from commands.host.history import kept_name
from commands.model.events import Event, StepDone, StepFailed, StepNoted, StepStarted
from commands.model.images import ImageId, LocalImage
from commands.model.outcomes import Ending, ImageResult
from commands.model.references import Reference
from tests.fakes.control import Control
from tests.fakes.engine import FakeEngine
from tests.fakes.host import PATIENCE_SECONDS
from tests.fakes.logs import logs_to
from tests.fakes.work import ProcessKilled
from tests.kit.updates import BEFORE, FIRST, SECOND, KillableEngine, UpdateHost, proposed

NAME = "registry.example/a:latest"
OTHER = "registry.example/b:3.12"
THIRD_NAME = "registry.example/c:1"
KEPT = kept_name(FIRST, NAME)
LINE = "name=example_name dependencies=mechanize packages=wget"
LATEST = "example_name:latest"
MOST_CALLS = 200


@pytest.fixture
def scene() -> UpdateHost:
    return UpdateHost()


# ── Stop ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_pulled_where_it_was_stopped_before_it_began(scene: UpdateHost) -> None:
    proposal = scene.outdated(NAME, OTHER)
    pulls = len(scene.engine.pulls)
    scene.cancellation.request(CancelReason.STOPPED)

    updated = scene.update(proposal)

    assert [result.ending for result in updated.results] == [Ending.STOPPED, Ending.STOPPED]
    assert updated.notes == ()
    assert len(scene.engine.pulls) == pulls
    assert not [event for event in scene.emitted if isinstance(event, StepStarted)]


def test_what_is_done_stays_done_and_what_runs_ends_at_once(scene: UpdateHost) -> None:
    names = [f"registry.example/{number}:1" for number in range(5)]
    proposal = scene.outdated(*names)
    old = [scene.holder(name) for name in names]
    scene.pulls.shut()
    one_is_done = threading.Event()

    def look(event: Event) -> None:
        if isinstance(event, StepDone):
            one_is_done.set()

    scene.at_event = look
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(scene.update, proposal)
        scene.pulls.wait_for(3)
        scene.pulls.let_pass()
        assert one_is_done.wait(PATIENCE_SECONDS)
        scene.pulls.wait_for(3)
        scene.cancellation.request(CancelReason.STOPPED)
        updated = running.result(PATIENCE_SECONDS)

    endings = sorted(result.ending for result in updated.results)
    assert endings == [Ending.STOPPED] * 4 + [Ending.UPDATED]
    assert updated.notes == ("What was brought up to date before the stop stays so.",)
    moved = [scene.holder(name) != before for name, before in zip(names, old, strict=True)]
    assert moved == [result.ending is Ending.UPDATED for result in updated.results]
    assert scene.nameless == []
    # What was brought is not compared any more.
    assert scene.engine.reads == []


def test_a_pull_that_arrived_but_was_stopped_before_it_got_its_name_leaves_nothing(scene: UpdateHost) -> None:
    proposal = scene.outdated(NAME)
    old = scene.holder(NAME)

    def pull(wanted: Reference, report: Callable[[PullProgress], None], control: Control) -> LocalImage:
        arrived = scene.engine.follow_hub(wanted, report, control)
        scene.cancellation.request(CancelReason.STOPPED)
        return arrived

    scene.engine.pull_script = pull
    result = scene.result(proposal)

    assert result == ImageResult(
        NAME,
        Ending.STOPPED,
        before=proposal.images[0].present,
        reason="It was stopped before it was brought up to date.",
    )
    assert (scene.holder(NAME), scene.holder(KEPT), scene.nameless) == (old, None, [])


def test_who_waits_for_another_update_is_stopped_without_it(scene: UpdateHost) -> None:
    proposal = scene.outdated(NAME)
    scene.pulls.shut()
    theirs = Cancellation()

    def stop_who_waits(event: Event) -> None:
        if isinstance(event, StepNoted) and event.note.startswith("Waiting"):
            theirs.request(CancelReason.STOPPED)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(scene.result, proposal, FIRST)
        scene.pulls.wait_for()
        scene.at_event = stop_who_waits
        cancellation, scene.cancellation = scene.cancellation, theirs
        second = threads.submit(scene.result, proposal, SECOND)
        assert second.result(PATIENCE_SECONDS).ending is Ending.STOPPED
        scene.cancellation = cancellation
        scene.pulls.open()
        assert first.result(PATIENCE_SECONDS).ending is Ending.UPDATED


def test_a_daemon_that_does_not_end_a_pull_at_first_is_told_again() -> None:
    class UncancellablePullEngine(FakeEngine):
        refusals = 2

        def cancel_pull(self, pull_id: str) -> None:
            if self.refusals:
                self.refusals -= 1
                raise EngineUnavailable("Not now.", hint="Wait.")
            super().cancel_pull(pull_id)

    scene = UpdateHost(UncancellablePullEngine())
    proposal = scene.outdated(NAME)
    scene.pulls.shut()

    with logs_to(StringIO()), ThreadPoolExecutor(1) as threads:
        running = threads.submit(scene.result, proposal)
        scene.pulls.wait_for()
        scene.cancellation.request(CancelReason.STOPPED)
        assert running.result(PATIENCE_SECONDS).ending is Ending.STOPPED
    assert scene.engine.running_pulls == 0


class EndlessReadEngine(FakeEngine):
    """A daemon that reads until it is swept."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()
        self.ended = threading.Event()

    def read_files(self, order: ReadOrder) -> FilesRead:
        del order
        self.begun.set()
        assert self.ended.wait(PATIENCE_SECONDS)
        raise Problem("The container is gone.", hint="Start it again.")

    def sweep(self, label: str, value: str, *, keep: tuple[ImageId, ...] = ()) -> Swept:
        self.ended.set()
        return super().sweep(label, value, keep=keep)


def test_a_comparison_that_takes_its_time_is_ended_and_the_update_stays() -> None:
    engine = EndlessReadEngine()
    scene = UpdateHost(engine)
    proposal = scene.outdated(NAME)

    with logs_to(StringIO()), ThreadPoolExecutor(1) as threads:
        running = threads.submit(scene.result, proposal)
        assert engine.begun.wait(PATIENCE_SECONDS)
        scene.cancellation.request(CancelReason.STOPPED)
        result = running.result(PATIENCE_SECONDS)

    assert (result.ending, result.difference, result.kept_as) == (Ending.UPDATED, None, KEPT)
    assert any(isinstance(event, StepFailed) and event.step == 2 for event in scene.emitted)


# ── The bot ends ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_update_that_the_bots_end_interrupts_goes_on_where_it_was(scene: UpdateHost) -> None:
    proposal = scene.outdated(NAME, OTHER, THIRD_NAME, LATEST.replace("latest", "1"))
    scene.pulls.shut()
    one_is_done = threading.Event()
    scene.at_event = lambda event: one_is_done.set() if isinstance(event, StepDone) else None

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(scene.update, proposal)
        scene.pulls.wait_for(3)
        scene.pulls.let_pass()
        assert one_is_done.wait(PATIENCE_SECONDS)
        scene.cancellation.request(CancelReason.SHUTDOWN)
        assert isinstance(running.exception(PATIENCE_SECONDS), BuildStopped)
    scene.pulls.open()
    scene.cancellation = Cancellation()
    pulls = len(scene.engine.pulls)
    updated = scene.update(proposal)

    assert {result.ending for result in updated.results} == {Ending.UPDATED}
    assert [result.before for result in updated.results] == [image.present for image in proposal.images]
    assert all(result.after and result.difference for result in updated.results)
    assert len(scene.engine.pulls) == pulls + 3


def test_a_comparison_that_the_bots_end_interrupts_is_made_by_the_next_process() -> None:
    engine = EndlessReadEngine()
    scene = UpdateHost(engine)
    proposal = scene.outdated(NAME)

    with logs_to(StringIO()), ThreadPoolExecutor(1) as threads:
        running = threads.submit(scene.update, proposal)
        assert engine.begun.wait(PATIENCE_SECONDS)
        scene.cancellation.request(CancelReason.SHUTDOWN)
        assert isinstance(running.exception(PATIENCE_SECONDS), BuildStopped)


def test_nothing_is_begun_where_the_bot_ends_before(scene: UpdateHost) -> None:
    proposal = scene.outdated(NAME)
    scene.cancellation.request(CancelReason.SHUTDOWN)

    with pytest.raises(BuildStopped):
        scene.update(proposal)


# ── kill -9 ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def killed(scene: UpdateHost, engine: KillableEngine, proposal: Update, at: int, *, is_done: bool) -> bool:
    """Kill the bot at a call to the daemon, start it again, and say whether it died."""
    engine.count_from_now()
    engine.dies_at, engine.is_done, engine.has_died = at, is_done, False
    with suppress(ProcessKilled):
        scene.update(proposal)
    engine.revive()
    return engine.has_died


@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
def test_a_pull_that_is_killed_at_any_point_is_finished_and_told_as_updated(*, is_done: bool) -> None:
    deaths = 0
    for at in range(1, MOST_CALLS):
        engine = KillableEngine()
        scene = UpdateHost(engine)
        # One image that is kept already has to go.
        scene.update(scene.outdated(NAME), BEFORE)
        new = scene.offer(NAME)
        proposal = scene.propose(NAME)
        old = proposal.images[0].present
        scene.dependencies = _with_depth_one(scene)
        with logs_to(StringIO()):
            if not killed(scene, engine, proposal, at, is_done=is_done):
                break
            deaths += 1
            scene.cancellation = Cancellation()
            result = scene.result(proposal)
        assert (result.ending, result.before, result.kept_as) == (Ending.UPDATED, old, KEPT), at
        assert (scene.holder(NAME), scene.holder(KEPT)) == (new.id, old.id), at
        names = [name for name in engine.names() if name.startswith("registry.example/a:")]
        assert sorted(names) == sorted([NAME, KEPT]), at
        assert scene.nameless == [], at
        assert result.difference is not None, at
    assert deaths > 10
    assert deaths < MOST_CALLS - 1


def _with_depth_one(scene: UpdateHost) -> Dependencies:
    return replace(scene.dependencies, history_depth=1)


@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
def test_a_rebuild_that_is_killed_at_any_point_is_finished_and_made_once(*, is_done: bool) -> None:
    deaths = 0
    for at in range(1, MOST_CALLS):
        engine = KillableEngine()
        scene = UpdateHost(engine)
        with logs_to(StringIO()):
            made = scene.made(LINE)
            proposal = proposed(scene.remade(LATEST, LINE))
            if not killed(scene, engine, proposal, at, is_done=is_done):
                break
            deaths += 1
            result = scene.result(proposal)
        assert (result.ending, result.before, result.kept_as) == (
            Ending.REBUILT,
            proposal.images[0].present,
            kept_name(FIRST, LATEST),
        ), at
        assert result.after is not None
        assert scene.holder(LATEST) == scene.holder(result.reference) == result.after.id, at
        assert scene.holder(kept_name(FIRST, LATEST)) == made.image.id, at
        assert len(engine.images({"warroom.job": FIRST})) == 1, at
    assert deaths > 10
    assert deaths < MOST_CALLS - 1


def test_two_images_of_which_one_was_moved_before_the_kill_are_both_told_as_updated() -> None:
    engine = KillableEngine()
    scene = UpdateHost(engine)
    proposal = scene.outdated(NAME, OTHER)
    scene.dependencies = replace(scene.dependencies, pulls_at_once=1)
    moved = threading.Event()

    def die_then(event: Event) -> None:
        if event == StepStarted(2):
            moved.set()
            raise ProcessKilled

    scene.at_event = die_then
    with pytest.raises(ProcessKilled):
        scene.update(proposal)
    assert moved.is_set()
    scene.at_event = lambda _: None
    scene.pulled(THIRD_NAME)

    updated = scene.update(proposal)

    assert [(result.name, result.ending) for result in updated.results] == [
        (NAME, Ending.UPDATED),
        (OTHER, Ending.UPDATED),
    ]
    assert COMPARE_STEP in str(scene.emitted)


def test_what_was_done_before_a_crash_keeps_the_review_from_being_void(scene: UpdateHost) -> None:
    proposal = scene.outdated(NAME, OTHER)
    scene.dependencies = replace(scene.dependencies, pulls_at_once=1)
    scene.at_event = lambda event: _die() if event == StepStarted(2) else None
    with pytest.raises(ProcessKilled):
        scene.update(proposal)
    scene.at_event = lambda _: None
    scene.pulled(OTHER)

    done, changed = scene.update(proposal).results

    assert (done.ending, changed.ending) == (Ending.UPDATED, Ending.FAILED)
    assert "has changed since the review: it is another image now" in changed.reason


def test_an_image_that_was_made_before_a_crash_keeps_the_review_from_being_void(scene: UpdateHost) -> None:
    made = scene.made(LINE)
    scene.engine.add_image(LATEST)
    proposal = proposed(scene.remade(made.reference, LINE), *scene.outdated(NAME).images)
    first = scene.result(proposed(proposal.images[0]))
    scene.pulled(NAME)

    again, changed = scene.update(proposal).results

    assert (again.ending, again.reference, changed.ending) == (Ending.REBUILT, first.reference, Ending.FAILED)


def _die() -> None:
    raise ProcessKilled
