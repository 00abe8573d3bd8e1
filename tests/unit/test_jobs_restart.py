"""What becomes of dialogs when the bot ends: as it should (`close`), by `kill -9` (`kill`), and never started anew."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from bot.dialogs.ledger import Entry
from bot.dialogs.stages import (
    FINAL,
    Cancelled,
    Deciding,
    Dialog,
    Discarded,
    Done,
    Failed,
    Paused,
    Preparing,
    Queued,
    Running,
    Settling,
    Stopped,
    UnderReview,
)
from bot.dialogs.transitions import Button, Press
from commands.errors import BuildStopped, EngineUnavailable, ShuttingDown, StateUnwritable
from tests.fakes.host import PATIENCE_SECONDS
from tests.fakes.work import FakeWork
from tests.kit.examples import ALICE, ASKED, BOB, CREATED, EVERY_KIND, PROGRESS, PROPOSAL, UNDECIDED, asked_as
from tests.kit.restartable_jobs import PATIENCE, RestartableJobs, until

GONE = EngineUnavailable("No Docker daemon answers.", hint="Start it.")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[RestartableJobs]:
    made = RestartableJobs(tmp_path)
    yield made
    made.end()


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[RestartableJobs]:
    """A bot that gives running builds as much time as they need when it is closed."""
    made = RestartableJobs(tmp_path, timeouts=replace(PATIENCE, grace_seconds=60))
    yield made
    made.end()


class ClosingBot:
    """A bot that is being closed."""

    def __init__(self, bench: RestartableJobs) -> None:
        self._threads = ThreadPoolExecutor(1)
        self._done = self._threads.submit(bench.close)
        until(bench.jobs.closing.is_set, "the bot to begin to close")

    @property
    def is_over(self) -> bool:
        """Whether it is closed."""
        return self._done.done()

    def wait(self) -> None:
        """Wait until it is closed."""
        self._done.result(PATIENCE_SECONDS)
        self._threads.shutdown()


# ── Closing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_closed_bot_takes_no_command(bench: RestartableJobs) -> None:
    bench.close()

    with pytest.raises(ShuttingDown) as raised:
        bench.types()

    assert "again" in raised.value.hint


def test_a_bot_that_could_not_start_can_be_closed(bench: RestartableJobs) -> None:
    bench.close()
    (bench.folder / "jobs.sqlite").write_text("a letter, not a database\n" * 100)

    with pytest.raises(StateUnwritable):
        bench.open()

    bench.jobs.close()
    bench.ledger.close()


def test_no_thread_is_left_of_a_closed_bot(bench: RestartableJobs) -> None:
    bench.close()
    before = set(threading.enumerate())
    bench.open()
    bench.confirmed()
    bench.screen.wait_for(Done)
    bench.close()

    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE_SECONDS)
    assert set(threading.enumerate()) <= before


def test_a_build_is_given_its_grace(patient: RestartableJobs) -> None:
    patient.building()
    closing = ClosingBot(patient)
    assert not closing.is_over

    patient.work.builds.open()
    closing.wait()

    assert patient.screen.stages()[-1] == "Done"


def test_nothing_new_starts_while_others_have_their_grace(patient: RestartableJobs) -> None:
    patient.building("a", "b")
    patient.confirmed("c")
    patient.reviewed("d")
    closing = ClosingBot(patient)

    with pytest.raises(ShuttingDown):
        patient.types("e")
    assert patient.presses(Button.CREATE, "d") is Press.TAKEN
    patient.work.builds.let_pass()
    until(lambda: ("build", "c") in patient.started, "the runner to take the next one")
    patient.work.builds.open()
    closing.wait()
    ended = [patient.screen.stages(name)[-1] for name in ("a", "b", "c", "d")]
    patient.open()

    assert ended == ["Done", "Done", "Queued", "Queued"]
    for name in ("c", "d"):
        patient.screen.wait_for(Done, name)
    assert patient.work.of("carry_out") == ["c", "d"]


def test_when_the_grace_is_over_a_build_is_paused_and_the_next_process_goes_on_with_it(bench: RestartableJobs) -> None:
    bench.building()
    bench.close()
    assert bench.screen.stages()[-1] == "Paused"

    bench.open()

    assert bench.until_stored(Done).by == ALICE
    assert bench.screen.stages() == ["Paused", "Running", "Done"]
    assert bench.work.of("carry_out") == ["d-1"]


def test_a_build_that_begins_when_the_grace_is_over_is_paused_too(bench: RestartableJobs) -> None:
    bench.work.builds.shut()
    bench.screen.holds_at = Running
    bench.screen.held.shut()
    bench.confirmed()
    bench.screen.held.wait_for()
    closing = ClosingBot(bench)
    until(lambda: bench.jobs._runs._is_shutting_down, "the grace to be over")
    bench.screen.held.open()
    closing.wait()

    assert bench.screen.stages()[-1] == "Paused"


def test_a_build_that_was_to_be_stopped_is_not_taken_up_again(bench: RestartableJobs) -> None:
    bench.work.ends_when_told = False
    bench.building()
    bench.work.outcome_is = BuildStopped("The build was stopped.", hint="Type it again.")
    closing = ClosingBot(bench)
    assert bench.presses(Button.STOP, user=BOB) is Press.TAKEN
    bench.work.builds.open()
    closing.wait()

    assert bench.screen.stages()[-1] == "Stopped"


def test_a_command_that_is_being_looked_up_is_looked_up_again_by_the_next_process(bench: RestartableJobs) -> None:
    def endless() -> Iterator[str]:
        while True:
            bench.work.answers.pass_through()
            yield "Pulling the base"

    bench.work.reports = endless()
    bench.types()
    bench.work.wait_for("answer")
    bench.close()
    assert bench.screen.ends() == []

    bench.open()

    bench.screen.wait_for(UnderReview)
    assert bench.work.of("clean") == ["d-1"]


def test_commands_that_wait_for_their_turn_wait_for_the_next_process(patient: RestartableJobs) -> None:
    patient.work.answers.shut()
    for name in ("a", "b", "c", "d"):
        patient.types(name)
    patient.work.answers.wait_for(2)
    closing = ClosingBot(patient)
    patient.work.answers.open()
    closing.wait()
    patient.open()

    for name in ("a", "b", "c", "d"):
        until(lambda name=name: isinstance(patient.stage(name), UnderReview), f"the review of {name}")  # type: ignore[misc]
    assert len(patient.work.of("answer")) == 2


def test_a_decision_that_waits_for_the_engine_is_carried_out_by_the_next_process(bench: RestartableJobs) -> None:
    bench.work.outcome_is = UNDECIDED
    bench.confirmed()
    bench.screen.wait_for(Deciding)
    bench.work.engine_troubles = [GONE] * 10_000
    bench.presses(Button.KEEP)
    bench.work.wait_for("keep", UNDECIDED.image_id, times=2)
    bench.close()

    bench.open()

    assert bench.until_stored(Done).created == CREATED


def test_a_build_whose_end_cannot_be_stored_is_ended_by_the_next_process(bench: RestartableJobs) -> None:
    bench.fill_the_disk(Done)
    bench.confirmed()
    bench.screen.wait_for(Failed)
    bench.close()
    assert isinstance(bench.screen.shown[-1], Failed)
    bench.free_the_disk(Done)

    bench.open()

    bench.until_stored(Done)


def test_a_build_that_cannot_be_paused_goes_on_in_the_next_process_all_the_same(bench: RestartableJobs) -> None:
    bench.fill_the_disk(Paused)
    bench.building()
    bench.close()
    bench.free_the_disk(Paused)

    bench.open()

    bench.until_stored(Done)


# ── Killed ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_command_whose_facts_were_being_gathered(bench: RestartableJobs) -> None:
    bench.work.answers.shut()
    bench.types()
    bench.work.answers.wait_for()
    bench.kill()

    bench.open()

    bench.until_stored(UnderReview)
    # First what the killed process may have left on the daemon.
    assert [name for name, _ in bench.work.calls] == ["clean", "answer"]


def test_a_dialog_under_review(bench: RestartableJobs) -> None:
    review = bench.reviewed()
    bench.kill()

    bench.open()

    assert bench.stage() == review
    assert bench.presses(Button.CREATE) is Press.TAKEN
    bench.until_stored(Done)


def test_a_review_that_expired_meanwhile(bench: RestartableJobs) -> None:
    bench.reviewed()
    bench.kill()
    bench.clock.passes(PATIENCE.review_seconds)

    bench.open()

    until(lambda: bench.screen.stages()[-1] == "Expired", "the review to expire")


def test_queued_builds_in_their_order_with_their_places(bench: RestartableJobs) -> None:
    bench.building("a", "b")
    for name in ("c", "d", "e"):
        bench.confirmed(name)
    bench.kill()
    work = FakeWork()
    work.builds.shut()

    bench.open(work=work)

    work.builds.wait_for(2)
    work.builds.open()
    for name in ("a", "b", "c", "d", "e"):
        bench.until_stored(Done, name)
    # Whether one that was interrupted or one that waited comes first is up to dbos; neither loses its place otherwise.
    assert [job for job in work.of("carry_out") if job not in {"a", "b"}] == ["c", "d", "e"]
    assert sorted(work.of("carry_out")) == ["a", "b", "c", "d", "e"]
    assert work.most_builds == 2


def test_places_in_the_queue_that_are_no_longer_true(bench: RestartableJobs) -> None:
    bench.building("a", "b")
    for name in ("c", "d"):
        bench.confirmed(name)
    bench.presses(Button.STOP, "c")
    bench.kill()
    work = FakeWork()
    work.builds.shut()

    bench.open(work=work)

    bench.screen.wait_for(Queued, "d", where=lambda queued: queued.position == 1)


def test_a_running_build(bench: RestartableJobs) -> None:
    bench.building()
    bench.kill()

    bench.open()

    assert bench.until_stored(Done).by == ALICE
    assert bench.work.of("carry_out") == ["d-1"]
    assert len(bench.screen.ends()) == 1


def test_a_running_build_that_is_being_stopped(bench: RestartableJobs) -> None:
    bench.work.ends_when_told = False
    bench.building()
    bench.presses(Button.STOP, user=BOB)
    bench.kill()
    work = FakeWork()
    work.builds.shut()

    bench.open(work=work)

    assert bench.until_stored(Stopped).by == BOB


def test_a_build_that_is_stopped_while_the_next_process_has_not_taken_it_up_yet(bench: RestartableJobs) -> None:
    bench.building("a", "b")
    bench.kill()
    bench.slots = 1
    work = FakeWork()
    work.builds.shut()
    bench.open(work=work)
    work.builds.wait_for()
    first = work.of("carry_out")[0]
    other = "b" if first == "a" else "a"

    assert bench.presses(Button.STOP, other, BOB) is Press.TAKEN
    work.builds.open()

    assert bench.until_stored(Stopped, other).by == BOB
    bench.until_stored(Done, first)


@pytest.mark.parametrize(("button", "end"), [(Button.KEEP, Done), (Button.DISCARD, Discarded)])
def test_a_decision_that_is_being_carried_out(bench: RestartableJobs, button: Button, end: type[Dialog]) -> None:
    bench.work.outcome_is = UNDECIDED
    bench.confirmed()
    bench.screen.wait_for(Deciding)
    bench.work.settles.shut()
    bench.presses(button)
    bench.work.settles.wait_for()
    bench.kill()

    bench.open()

    bench.until_stored(end)
    assert bench.screen.stages() == ["Settling", end.__name__]


def test_a_dialog_that_waits_for_a_decision(bench: RestartableJobs) -> None:
    bench.work.outcome_is = UNDECIDED
    bench.confirmed()
    bench.screen.wait_for(Deciding)
    bench.kill()

    bench.open()

    assert bench.presses(Button.KEEP) is Press.TAKEN
    bench.until_stored(Done)


@pytest.mark.parametrize("times", [3])
def test_a_build_that_is_killed_again_and_again(bench: RestartableJobs, times: int) -> None:
    bench.building()
    for _ in range(times):
        bench.kill()
        work = FakeWork()
        work.builds.shut()
        bench.open(work=work)
        work.builds.wait_for()

    bench.work.builds.open()

    bench.until_stored(Done)


# ── Between two steps ───────────────────────────────────────────────────────────────────────────────────────────────

GOES_ON: tuple[tuple[Dialog, type[Dialog]], ...] = (
    (Preparing(ASKED, "Reading the command"), UnderReview),
    (Queued(ASKED, PROPOSAL, BOB, 1), Done),
    (Running(ASKED, PROPOSAL, BOB, PROGRESS), Done),
    (Running(ASKED, PROPOSAL, BOB, PROGRESS, stopping_by=ALICE), Stopped),
    (Paused(ASKED, PROPOSAL, BOB), Done),
    (Settling(ASKED, PROPOSAL, BOB, True, UNDECIDED.image_id, (), PROGRESS), Done),
    (Settling(ASKED, PROPOSAL, None, False, UNDECIDED.image_id, (), PROGRESS), Discarded),
)


@pytest.mark.parametrize(("stored", "end"), GOES_ON, ids=lambda value: type(value).__name__)
def test_what_was_stored_but_not_started(bench: RestartableJobs, stored: Dialog, end: type[Dialog]) -> None:
    bench.close()
    work = FakeWork()
    if end is Stopped:
        work.builds.shut()
    _store(bench, stored)

    bench.open(work=work)

    bench.until_stored(end)


def test_a_dialog_of_which_only_the_task_has_ended(bench: RestartableJobs) -> None:
    # After a power failure the ledger may have lost its last change, and the job database not.
    bench.confirmed()
    bench.screen.wait_for(Done)
    bench.close()
    _store(bench, Running(ASKED, PROPOSAL, BOB, PROGRESS), after=Done)

    bench.open()

    bench.until_stored(Done)
    assert bench.work.of("carry_out") == ["d-1"]


def test_a_bot_without_its_job_database(bench: RestartableJobs) -> None:
    bench.building()
    bench.kill()
    for file in bench.folder.glob("jobs.sqlite*"):
        file.unlink()

    bench.open()

    bench.until_stored(Done)


def test_an_ended_build_whose_leftovers_were_not_removed(bench: RestartableJobs) -> None:
    bench.work.settles.shut()
    bench.confirmed()
    bench.work.settles.wait_for()
    bench.kill()

    bench.open()

    bench.work.wait_for("clean")


def _store(bench: RestartableJobs, dialog: Dialog, *, after: type[Dialog] | None = None) -> None:
    bench.ledger = type(bench.ledger)(bench.ledger_url)
    if after is None:
        bench.ledger.add(Entry(dialog, trigger="", response_url=""))
    else:
        assert bench.ledger.move(dialog, after=[after], now=0.0)
    bench.ledger.close()


# ── What Slack has not got ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_stage_that_was_not_shown_is_shown_by_the_next_process(bench: RestartableJobs) -> None:
    bench.close()
    stored = [replace(dialog, asked=asked_as(type(dialog).__name__)) for dialog in EVERY_KIND]
    for dialog in stored:
        _store(bench, dialog)

    bench.open()

    assert [bench.screen.of(dialog.asked.dialog)[0] for dialog in stored] == stored


def test_an_end_that_was_shown_and_announced_is_not_shown_again(bench: RestartableJobs) -> None:
    bench.close()
    _store(bench, Cancelled(ASKED, BOB))
    bench.open()
    bench.ledger.set_shown(ASKED.dialog, 1)
    bench.ledger.set_announced(ASKED.dialog)

    bench.restart()

    assert bench.screen.shown == []


def test_the_log_of_an_end_that_was_not_shown_is_put_into_its_thread(bench: RestartableJobs) -> None:
    bench.confirmed()
    bench.screen.wait_for_file()
    bench.kill()

    bench.open()

    assert bench.screen.wait_for_file().content == "Unpacking wget\n"


def test_no_end_is_shown_twice_in_one_process(bench: RestartableJobs) -> None:
    for number in range(6):
        bench.confirmed(f"d-{number}")
    for number in range(6):
        bench.screen.wait_for(Done, f"d-{number}")
    bench.kill()

    bench.open()
    bench.confirmed("last")
    bench.screen.wait_for(Done, "last")

    assert [len(bench.screen.ends(f"d-{number}")) for number in range(6)] == [1] * 6
    assert [isinstance(bench.screen.of(f"d-{number}")[-1], FINAL) for number in range(6)] == [True] * 6
