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
def host() -> UpdateHost:
    return UpdateHost()


# ── Stop ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_pulled_where_it_was_stopped_before_it_began(host: UpdateHost) -> None:
    proposal = host.outdated(NAME, OTHER)
    pulls = len(host.engine.pulls)
    host.cancellation.request(CancelReason.STOPPED)

    updated = host.update(proposal)

    assert [result.ending for result in updated.results] == [Ending.STOPPED, Ending.STOPPED]
    assert updated.notes == ()
    assert len(host.engine.pulls) == pulls
    assert not [event for event in host.emitted if isinstance(event, StepStarted)]


def test_what_is_done_stays_done_and_what_runs_ends_at_once(host: UpdateHost) -> None:
    names = [f"registry.example/{number}:1" for number in range(5)]
    proposal = host.outdated(*names)
    old = [host.holder(name) for name in names]
    host.pulls.shut()
    one_is_done = threading.Event()

    def look(event: Event) -> None:
        if isinstance(event, StepDone):
            one_is_done.set()

    host.at_event = look
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(host.update, proposal)
        host.pulls.wait_for(3)
        host.pulls.let_pass()
        assert one_is_done.wait(PATIENCE_SECONDS)
        host.pulls.wait_for(3)
        host.cancellation.request(CancelReason.STOPPED)
        updated = running.result(PATIENCE_SECONDS)

    endings = sorted(result.ending for result in updated.results)
    assert endings == [Ending.STOPPED] * 4 + [Ending.UPDATED]
    assert updated.notes == ("What was brought up to date before the stop stays so.",)
    moved = [host.holder(name) != before for name, before in zip(names, old, strict=True)]
    assert moved == [result.ending is Ending.UPDATED for result in updated.results]
    assert host.nameless == []
    # What was brought is not compared any more.
    assert host.engine.reads == []


def test_a_pull_that_arrived_but_was_stopped_before_it_got_its_name_leaves_nothing(host: UpdateHost) -> None:
    proposal = host.outdated(NAME)
    old = host.holder(NAME)

    def pull(wanted: Reference, report: Callable[[PullProgress], None], control: Control) -> LocalImage:
        arrived = host.engine.follow_hub(wanted, report, control)
        host.cancellation.request(CancelReason.STOPPED)
        return arrived

    host.engine.pull_script = pull
    result = host.result(proposal)

    assert result == ImageResult(
        NAME,
        Ending.STOPPED,
        before=proposal.images[0].present,
        reason="It was stopped before it was brought up to date.",
    )
    assert (host.holder(NAME), host.holder(KEPT), host.nameless) == (old, None, [])


def test_who_waits_for_another_update_is_stopped_without_it(host: UpdateHost) -> None:
    proposal = host.outdated(NAME)
    host.pulls.shut()
    theirs = Cancellation()

    def stop_who_waits(event: Event) -> None:
        if isinstance(event, StepNoted) and event.note.startswith("Waiting"):
            theirs.request(CancelReason.STOPPED)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(host.result, proposal, FIRST)
        host.pulls.wait_for()
        host.at_event = stop_who_waits
        cancellation, host.cancellation = host.cancellation, theirs
        second = threads.submit(host.result, proposal, SECOND)
        assert second.result(PATIENCE_SECONDS).ending is Ending.STOPPED
        host.cancellation = cancellation
        host.pulls.open()
        assert first.result(PATIENCE_SECONDS).ending is Ending.UPDATED


def test_a_daemon_that_does_not_end_a_pull_at_first_is_told_again() -> None:
    class UncancellablePullEngine(FakeEngine):
        refusals = 2

        def cancel_pull(self, pull_id: str) -> None:
            if self.refusals:
                self.refusals -= 1
                raise EngineUnavailable("Not now.", hint="Wait.")
            super().cancel_pull(pull_id)

    host = UpdateHost(UncancellablePullEngine())
    proposal = host.outdated(NAME)
    host.pulls.shut()

    with logs_to(StringIO()), ThreadPoolExecutor(1) as threads:
        running = threads.submit(host.result, proposal)
        host.pulls.wait_for()
        host.cancellation.request(CancelReason.STOPPED)
        assert running.result(PATIENCE_SECONDS).ending is Ending.STOPPED
    assert host.engine.running_pulls == 0


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
    host = UpdateHost(engine)
    proposal = host.outdated(NAME)

    with logs_to(StringIO()), ThreadPoolExecutor(1) as threads:
        running = threads.submit(host.result, proposal)
        assert engine.begun.wait(PATIENCE_SECONDS)
        host.cancellation.request(CancelReason.STOPPED)
        result = running.result(PATIENCE_SECONDS)

    assert (result.ending, result.difference, result.kept_as) == (Ending.UPDATED, None, KEPT)
    assert any(isinstance(event, StepFailed) and event.step == 2 for event in host.emitted)


# ── The bot ends ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_update_that_the_bots_end_interrupts_goes_on_where_it_was(host: UpdateHost) -> None:
    proposal = host.outdated(NAME, OTHER, THIRD_NAME, LATEST.replace("latest", "1"))
    host.pulls.shut()
    one_is_done = threading.Event()
    host.at_event = lambda event: one_is_done.set() if isinstance(event, StepDone) else None

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(host.update, proposal)
        host.pulls.wait_for(3)
        host.pulls.let_pass()
        assert one_is_done.wait(PATIENCE_SECONDS)
        host.cancellation.request(CancelReason.SHUTDOWN)
        assert isinstance(running.exception(PATIENCE_SECONDS), BuildStopped)
    host.pulls.open()
    host.cancellation = Cancellation()
    pulls = len(host.engine.pulls)
    updated = host.update(proposal)

    assert {result.ending for result in updated.results} == {Ending.UPDATED}
    assert [result.before for result in updated.results] == [image.present for image in proposal.images]
    assert all(result.after and result.difference for result in updated.results)
    assert len(host.engine.pulls) == pulls + 3


def test_a_comparison_that_the_bots_end_interrupts_is_made_by_the_next_process() -> None:
    engine = EndlessReadEngine()
    host = UpdateHost(engine)
    proposal = host.outdated(NAME)

    with logs_to(StringIO()), ThreadPoolExecutor(1) as threads:
        running = threads.submit(host.update, proposal)
        assert engine.begun.wait(PATIENCE_SECONDS)
        host.cancellation.request(CancelReason.SHUTDOWN)
        assert isinstance(running.exception(PATIENCE_SECONDS), BuildStopped)


def test_nothing_is_begun_where_the_bot_ends_before(host: UpdateHost) -> None:
    proposal = host.outdated(NAME)
    host.cancellation.request(CancelReason.SHUTDOWN)

    with pytest.raises(BuildStopped):
        host.update(proposal)


# ── kill -9 ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def killed(host: UpdateHost, engine: KillableEngine, proposal: Update, at: int, *, is_done: bool) -> bool:
    """Kill the bot at a call to the daemon, start it again, and say whether it died."""
    engine.count_from_now()
    engine.dies_at, engine.is_done, engine.has_died = at, is_done, False
    with suppress(ProcessKilled):
        host.update(proposal)
    engine.revive()
    return engine.has_died


@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
def test_a_pull_that_is_killed_at_any_point_is_finished_and_told_as_updated(*, is_done: bool) -> None:
    deaths = 0
    for at in range(1, MOST_CALLS):
        engine = KillableEngine()
        host = UpdateHost(engine)
        # One image that is kept already has to go.
        host.update(host.outdated(NAME), BEFORE)
        new = host.offer(NAME)
        proposal = host.propose(NAME)
        old = proposal.images[0].present
        host.dependencies = _with_depth_one(host)
        with logs_to(StringIO()):
            if not killed(host, engine, proposal, at, is_done=is_done):
                break
            deaths += 1
            host.cancellation = Cancellation()
            result = host.result(proposal)
        assert (result.ending, result.before, result.kept_as) == (Ending.UPDATED, old, KEPT), at
        assert (host.holder(NAME), host.holder(KEPT)) == (new.id, old.id), at
        names = [name for name in engine.names() if name.startswith("registry.example/a:")]
        assert sorted(names) == sorted([NAME, KEPT]), at
        assert host.nameless == [], at
        assert result.difference is not None, at
    assert deaths > 10
    assert deaths < MOST_CALLS - 1


def _with_depth_one(host: UpdateHost) -> Dependencies:
    return replace(host.dependencies, history_depth=1)


@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
def test_a_rebuild_that_is_killed_at_any_point_is_finished_and_made_once(*, is_done: bool) -> None:
    deaths = 0
    for at in range(1, MOST_CALLS):
        engine = KillableEngine()
        host = UpdateHost(engine)
        with logs_to(StringIO()):
            made = host.made(LINE)
            proposal = proposed(host.remade(LATEST, LINE))
            if not killed(host, engine, proposal, at, is_done=is_done):
                break
            deaths += 1
            result = host.result(proposal)
        assert (result.ending, result.before, result.kept_as) == (
            Ending.REBUILT,
            proposal.images[0].present,
            kept_name(FIRST, LATEST),
        ), at
        assert result.after is not None
        assert host.holder(LATEST) == host.holder(result.reference) == result.after.id, at
        assert host.holder(kept_name(FIRST, LATEST)) == made.image.id, at
        assert len(engine.images({"warroom.job": FIRST})) == 1, at
    assert deaths > 10
    assert deaths < MOST_CALLS - 1


def test_two_images_of_which_one_was_moved_before_the_kill_are_both_told_as_updated() -> None:
    engine = KillableEngine()
    host = UpdateHost(engine)
    proposal = host.outdated(NAME, OTHER)
    host.dependencies = replace(host.dependencies, pulls_at_once=1)
    moved = threading.Event()

    def die_then(event: Event) -> None:
        if event == StepStarted(2):
            moved.set()
            raise ProcessKilled

    host.at_event = die_then
    with pytest.raises(ProcessKilled):
        host.update(proposal)
    assert moved.is_set()
    host.at_event = lambda _: None
    host.pulled(THIRD_NAME)

    updated = host.update(proposal)

    assert [(result.name, result.ending) for result in updated.results] == [
        (NAME, Ending.UPDATED),
        (OTHER, Ending.UPDATED),
    ]
    assert COMPARE_STEP in str(host.emitted)


def test_what_was_done_before_a_crash_keeps_the_review_from_being_void(host: UpdateHost) -> None:
    proposal = host.outdated(NAME, OTHER)
    host.dependencies = replace(host.dependencies, pulls_at_once=1)
    host.at_event = lambda event: _die() if event == StepStarted(2) else None
    with pytest.raises(ProcessKilled):
        host.update(proposal)
    host.at_event = lambda _: None
    host.pulled(OTHER)

    done, changed = host.update(proposal).results

    assert (done.ending, changed.ending) == (Ending.UPDATED, Ending.FAILED)
    assert "has changed since the review: it is another image now" in changed.reason


def test_an_image_that_was_made_before_a_crash_keeps_the_review_from_being_void(host: UpdateHost) -> None:
    made = host.made(LINE)
    host.engine.add_image(LATEST)
    proposal = proposed(host.remade(made.reference, LINE), *host.outdated(NAME).images)
    first = host.result(proposed(proposal.images[0]))
    host.pulled(NAME)

    again, changed = host.update(proposal).results

    assert (again.ending, again.reference, changed.ending) == (Ending.REBUILT, first.reference, Ending.FAILED)


def _die() -> None:
    raise ProcessKilled
