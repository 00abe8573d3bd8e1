"""What becomes of dialogs when the bot ends: as it should (`close`), by `kill -9` (`kill`), and never started anew."""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from bot.dialogs.ledger import Entry
from bot.dialogs.stages import (
    FINAL,
    Cancelled,
    Deciding,
    Dialog,
    Discarded,
    Expired,
    Finished,
    Paused,
    Preparing,
    Queued,
    Running,
    Settling,
    Stopped,
    UnderReview,
    trouble_of,
)
from bot.dialogs.transitions import Decision, Press
from commands.command import ImageCreated, ImageUndecided
from commands.errors import BuildStopped, EngineUnavailable, ShuttingDown, StateUnwritable
from commands.model.outcomes import Undecided
from tests.fakes.host import PATIENCE_SECONDS
from tests.fakes.work import FakeWork
from tests.kit.examples import ALICE, ASKED, BOB, CREATED, EVERY_KIND, PROGRESS, PROPOSAL, UNDECIDED, asked_as
from tests.kit.restartable_jobs import PATIENCE, RestartableJobs, until

GONE = EngineUnavailable("No Docker daemon answers.", hint="Start it.")


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[RestartableJobs]:
    """A bot that gives running builds as much time as they need when it is closed."""
    made = RestartableJobs(tmp_path, timeouts=replace(PATIENCE, grace_seconds=60))
    yield made
    made.end()


class ClosingBot:
    """A bot that is being closed."""

    def __init__(self, jobs: RestartableJobs) -> None:
        self._threads = ThreadPoolExecutor(1)
        self._done = self._threads.submit(jobs.close)
        until(jobs.jobs.closing.is_set, "the bot to begin to close")

    @property
    def is_over(self) -> bool:
        """Whether it is closed."""
        return self._done.done()

    def wait(self) -> None:
        """Wait until it is closed."""
        self._done.result(PATIENCE_SECONDS)
        self._threads.shutdown()


# ── Closing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def is_under_review(jobs: RestartableJobs, name: str) -> bool:
    return isinstance(jobs.stage(name), UnderReview)


def test_a_closed_bot_takes_no_command(jobs: RestartableJobs) -> None:
    jobs.close()

    with pytest.raises(ShuttingDown) as raised:
        jobs.types()

    assert "again" in raised.value.hint


def test_a_bot_that_could_not_start_can_be_closed(jobs: RestartableJobs) -> None:
    jobs.close()
    (jobs.folder / "jobs.sqlite").write_text("a letter, not a database\n" * 100)

    with pytest.raises(StateUnwritable):
        jobs.open()

    jobs.jobs.close()
    jobs.ledger.close()


def test_no_thread_is_left_of_a_closed_bot(jobs: RestartableJobs) -> None:
    jobs.close()
    before = set(threading.enumerate())
    jobs.open()
    jobs.confirmed()
    jobs.screen.wait_for(Finished)
    jobs.close()

    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE_SECONDS)
    assert set(threading.enumerate()) <= before


def test_a_build_is_given_its_grace(patient: RestartableJobs) -> None:
    patient.building()
    closing = ClosingBot(patient)
    assert not closing.is_over

    patient.work.builds.open()
    closing.wait()

    assert patient.screen.stages()[-1] == "Finished"


def test_nothing_new_starts_while_others_have_their_grace(patient: RestartableJobs) -> None:
    patient.building("a", "b")
    patient.confirmed("c")
    patient.reviewed("d")
    closing = ClosingBot(patient)

    with pytest.raises(ShuttingDown):
        patient.types("e")
    assert patient.presses(Decision.CONFIRM, "d") is Press.TAKEN
    patient.work.builds.let_pass()
    until(lambda: ("build", "c") in patient.started, "the runner to take the next one")
    patient.work.builds.open()
    closing.wait()
    ended = [patient.screen.stages(name)[-1] for name in ("a", "b", "c", "d")]
    patient.open()

    assert ended == ["Finished", "Finished", "Queued", "Queued"]
    for name in ("c", "d"):
        patient.screen.wait_for(Finished, name)
    # Two slots: either may begin first.
    assert sorted(patient.work.of("carry_out")) == ["c", "d"]


def test_when_the_grace_is_over_a_build_is_paused_and_the_next_process_goes_on_with_it(jobs: RestartableJobs) -> None:
    jobs.building()
    jobs.close()
    assert jobs.screen.stages()[-1] == "Paused"

    jobs.open()

    assert jobs.until_stored(Finished).by == ALICE
    assert jobs.screen.stages() == ["Paused", "Running", "Finished"]
    assert jobs.work.of("carry_out") == ["d-1"]


def test_a_build_that_begins_when_the_grace_is_over_is_paused_too(jobs: RestartableJobs) -> None:
    jobs.work.builds.shut()
    jobs.screen.holds_at = Running
    jobs.screen.held.shut()
    jobs.confirmed()
    jobs.screen.held.wait_for()
    closing = ClosingBot(jobs)
    until(lambda: jobs.jobs._runs._is_shutting_down, "the grace to be over")
    jobs.screen.held.open()
    closing.wait()

    assert jobs.screen.stages()[-1] == "Paused"


def test_a_build_that_was_to_be_stopped_is_not_taken_up_again(jobs: RestartableJobs) -> None:
    jobs.work.ends_when_told = False
    jobs.building()
    jobs.work.outcome_is = BuildStopped("The build was stopped.", hint="Type it again.")
    closing = ClosingBot(jobs)
    assert jobs.presses(Decision.STOP, user=BOB) is Press.TAKEN
    jobs.work.builds.open()
    closing.wait()

    assert jobs.screen.stages()[-1] == "Stopped"


def test_a_command_that_is_being_looked_up_is_looked_up_again_by_the_next_process(jobs: RestartableJobs) -> None:
    def endless() -> Iterator[str]:
        while True:
            jobs.work.answers.pass_through()
            yield "Pulling the base"

    jobs.work.reports = endless()
    jobs.types()
    jobs.work.wait_for("answer")
    jobs.close()
    assert jobs.screen.ends() == []

    jobs.open()

    jobs.screen.wait_for(UnderReview)
    assert jobs.work.of("clean") == ["d-1"]


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
        until(partial(is_under_review, patient, name), f"the review of {name}")
    assert len(patient.work.of("answer")) == 2


def test_a_decision_that_waits_for_the_engine_is_carried_out_by_the_next_process(jobs: RestartableJobs) -> None:
    jobs.work.outcome_is = UNDECIDED
    jobs.confirmed()
    jobs.screen.wait_for(Deciding)
    jobs.work.engine_troubles = [GONE] * 10_000
    jobs.presses(Decision.KEEP)
    jobs.work.wait_for("keep", UNDECIDED.image_id, times=2)
    jobs.close()

    jobs.open()

    assert jobs.until_stored(Finished).end == ImageCreated(PROPOSAL, CREATED)


def test_a_build_whose_end_cannot_be_stored_is_ended_by_the_next_process(jobs: RestartableJobs) -> None:
    jobs.fill_the_disk(Finished)
    jobs.confirmed()
    jobs.screen.wait_for_trouble()
    jobs.close()
    assert trouble_of(jobs.screen.shown[-1]) is not None
    jobs.free_the_disk(Finished)

    jobs.open()

    jobs.until_stored(Finished)


def test_a_build_that_cannot_be_paused_goes_on_in_the_next_process_all_the_same(jobs: RestartableJobs) -> None:
    jobs.fill_the_disk(Paused)
    jobs.building()
    jobs.close()
    jobs.free_the_disk(Paused)

    jobs.open()

    jobs.until_stored(Finished)


# ── Killed ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_command_whose_facts_were_being_gathered(jobs: RestartableJobs) -> None:
    jobs.work.answers.shut()
    jobs.types()
    jobs.work.answers.wait_for()
    jobs.kill()

    jobs.open()

    jobs.until_stored(UnderReview)
    # First what the killed process may have left on the daemon.
    assert [name for name, _ in jobs.work.calls] == ["clean", "answer"]


def test_a_dialog_under_review(jobs: RestartableJobs) -> None:
    review = jobs.reviewed()
    jobs.kill()

    jobs.open()

    assert jobs.stage() == review
    assert jobs.presses(Decision.CONFIRM) is Press.TAKEN
    jobs.until_stored(Finished)


def test_a_review_that_expired_meanwhile(jobs: RestartableJobs) -> None:
    jobs.reviewed()
    jobs.kill()
    jobs.clock.passes(PATIENCE.review_seconds)

    jobs.open()

    until(lambda: jobs.screen.stages()[-1] == "Expired", "the review to expire")


def test_queued_builds_in_their_order_with_their_places(jobs: RestartableJobs) -> None:
    jobs.building("a", "b")
    for name in ("c", "d", "e"):
        jobs.confirmed(name)
    jobs.kill()
    work = FakeWork()
    work.builds.shut()

    jobs.open(work=work)

    work.builds.wait_for(2)
    work.builds.open()
    for name in ("a", "b", "c", "d", "e"):
        jobs.until_stored(Finished, name)
    # Whether one that was interrupted or one that waited comes first is up to dbos; neither loses its place otherwise.
    assert [job for job in work.of("carry_out") if job not in {"a", "b"}] == ["c", "d", "e"]
    assert sorted(work.of("carry_out")) == ["a", "b", "c", "d", "e"]
    assert work.most_builds == 2


def test_places_in_the_queue_that_are_no_longer_true(jobs: RestartableJobs) -> None:
    jobs.building("a", "b")
    for name in ("c", "d"):
        jobs.confirmed(name)
    jobs.presses(Decision.STOP, "c")
    jobs.kill()
    work = FakeWork()
    work.builds.shut()

    jobs.open(work=work)

    jobs.screen.wait_for(Queued, "d", where=lambda queued: queued.position == 1)


def test_builds_whose_tasks_another_version_began(jobs: RestartableJobs) -> None:
    jobs.building("d-1", "d-2")
    jobs.confirmed("d-3")
    jobs.until_stored(Queued, "d-3")
    jobs.kill()
    with closing(sqlite3.connect(jobs.folder / "jobs.sqlite")) as database, database:
        database.execute("UPDATE workflow_status SET application_version = '0'")

    jobs.open()

    for dialog in ("d-1", "d-2", "d-3"):
        jobs.until_stored(Finished, dialog)
    assert "task_of_another_version_found" in jobs.logged.getvalue()


def test_a_running_build(jobs: RestartableJobs) -> None:
    jobs.building()
    jobs.kill()

    jobs.open()

    assert jobs.until_stored(Finished).by == ALICE
    assert jobs.work.of("carry_out") == ["d-1"]
    assert len(jobs.screen.ends()) == 1


def test_a_running_build_that_is_being_stopped(jobs: RestartableJobs) -> None:
    jobs.work.ends_when_told = False
    jobs.building()
    jobs.presses(Decision.STOP, user=BOB)
    jobs.kill()
    work = FakeWork()
    work.builds.shut()

    jobs.open(work=work)

    assert jobs.until_stored(Stopped).by == BOB


def test_a_build_that_is_stopped_while_the_next_process_has_not_taken_it_up_yet(jobs: RestartableJobs) -> None:
    jobs.building("a", "b")
    jobs.kill()
    jobs.slots = 1
    work = FakeWork()
    work.builds.shut()
    jobs.open(work=work)
    work.builds.wait_for()
    first = work.of("carry_out")[0]
    other = "b" if first == "a" else "a"

    assert jobs.presses(Decision.STOP, other, BOB) is Press.TAKEN
    work.builds.open()

    assert jobs.until_stored(Stopped, other).by == BOB
    jobs.until_stored(Finished, first)


@pytest.mark.parametrize(("button", "end"), [(Decision.KEEP, Finished), (Decision.DISCARD, Discarded)])
def test_a_decision_that_is_being_carried_out(jobs: RestartableJobs, button: Decision, end: type[Dialog]) -> None:
    jobs.work.outcome_is = UNDECIDED
    jobs.confirmed()
    jobs.screen.wait_for(Deciding)
    jobs.work.settles.shut()
    jobs.presses(button)
    jobs.work.settles.wait_for()
    jobs.kill()

    jobs.open()

    jobs.until_stored(end)
    assert jobs.screen.stages() == ["Settling", end.__name__]


def test_a_dialog_that_waits_for_a_decision(jobs: RestartableJobs) -> None:
    jobs.work.outcome_is = UNDECIDED
    jobs.confirmed()
    jobs.screen.wait_for(Deciding)
    jobs.kill()

    jobs.open()

    assert jobs.presses(Decision.KEEP) is Press.TAKEN
    jobs.until_stored(Finished)


@pytest.mark.parametrize("times", [3])
def test_a_build_that_is_killed_again_and_again(jobs: RestartableJobs, times: int) -> None:
    jobs.building()
    for _ in range(times):
        jobs.kill()
        work = FakeWork()
        work.builds.shut()
        jobs.open(work=work)
        work.builds.wait_for()

    jobs.work.builds.open()

    jobs.until_stored(Finished)


# ── Between two steps ───────────────────────────────────────────────────────────────────────────────────────────────

GOES_ON: tuple[tuple[Dialog, type[Dialog]], ...] = (
    (Preparing(ASKED, "Reading the command"), UnderReview),
    (Queued(ASKED, PROPOSAL, BOB, 1), Finished),
    (Running(ASKED, PROPOSAL, BOB, PROGRESS), Finished),
    (Running(ASKED, PROPOSAL, BOB, PROGRESS, stopping_by=ALICE), Stopped),
    (Paused(ASKED, PROPOSAL, BOB), Finished),
    (
        Settling(ASKED, BOB, ImageUndecided(PROPOSAL, Undecided(UNDECIDED.image_id, ())), keep=True, progress=PROGRESS),
        Finished,
    ),
    (
        Settling(
            ASKED, None, ImageUndecided(PROPOSAL, Undecided(UNDECIDED.image_id, ())), keep=False, progress=PROGRESS
        ),
        Discarded,
    ),
)


@pytest.mark.parametrize(("stored", "end"), GOES_ON, ids=lambda value: type(value).__name__)
def test_what_was_stored_but_not_started(jobs: RestartableJobs, stored: Dialog, end: type[Dialog]) -> None:
    jobs.close()
    work = FakeWork()
    if end is Stopped:
        work.builds.shut()
    _store(jobs, stored)

    jobs.open(work=work)

    jobs.until_stored(end)


def test_a_dialog_of_which_only_the_task_has_ended(jobs: RestartableJobs) -> None:
    # After a power failure the ledger may have lost its last change, and the job database not.
    jobs.confirmed()
    jobs.screen.wait_for(Finished)
    jobs.close()
    _store(jobs, Running(ASKED, PROPOSAL, BOB, PROGRESS), after=Finished)

    jobs.open()

    jobs.until_stored(Finished)
    assert jobs.work.of("carry_out") == ["d-1"]


def test_a_bot_without_its_job_database(jobs: RestartableJobs) -> None:
    jobs.building()
    jobs.kill()
    for file in jobs.folder.glob("jobs.sqlite*"):
        file.unlink()

    jobs.open()

    jobs.until_stored(Finished)


def test_an_ended_build_whose_leftovers_were_not_removed(jobs: RestartableJobs) -> None:
    jobs.work.settles.shut()
    jobs.confirmed()
    jobs.work.settles.wait_for()
    jobs.kill()

    jobs.open()

    jobs.work.wait_for("clean")


def _store(jobs: RestartableJobs, dialog: Dialog, *, after: type[Dialog] | None = None) -> None:
    jobs.ledger = type(jobs.ledger)(jobs.ledger_url)
    if after is None:
        jobs.ledger.add(Entry(dialog, trigger="", response_url=""))
    else:
        assert jobs.ledger.move(dialog, after=[after], now=0.0)
    jobs.ledger.close()


# ── What Slack has not got ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_stage_that_was_not_shown_is_shown_by_the_next_process(jobs: RestartableJobs) -> None:
    jobs.close()
    stored = [replace(dialog, asked=asked_as(f"d-{number}")) for number, dialog in enumerate(EVERY_KIND)]
    for dialog in stored:
        _store(jobs, dialog)

    jobs.open()

    assert [jobs.screen.of(dialog.asked.dialog)[0] for dialog in stored] == stored


def test_an_end_that_was_shown_and_announced_is_not_shown_again(jobs: RestartableJobs) -> None:
    jobs.close()
    _store(jobs, Cancelled(ASKED, BOB))
    jobs.open()
    jobs.ledger.set_shown(ASKED.dialog, 1)
    jobs.ledger.set_announced(ASKED.dialog)

    jobs.restart()

    assert jobs.screen.shown == []


def test_the_log_of_an_end_that_was_not_shown_is_put_into_its_thread(jobs: RestartableJobs) -> None:
    jobs.confirmed()
    jobs.screen.wait_for_file()
    jobs.kill()

    jobs.open()

    assert jobs.screen.wait_for_file().content == "Unpacking wget\n"


def test_no_end_is_shown_twice_in_one_process(jobs: RestartableJobs) -> None:
    for number in range(6):
        jobs.confirmed(f"d-{number}")
    for number in range(6):
        jobs.screen.wait_for(Finished, f"d-{number}")
    jobs.kill()

    jobs.open()
    jobs.confirmed("last")
    jobs.screen.wait_for(Finished, "last")

    assert [len(jobs.screen.ends(f"d-{number}")) for number in range(6)] == [1] * 6
    assert [isinstance(jobs.screen.of(f"d-{number}")[-1], FINAL) for number in range(6)] == [True] * 6


# ── What came to its end while the bot was away ─────────────────────────────────────────────────────────────────────


def test_reviews_that_expire_while_the_bot_is_away_notify_nobody(jobs: RestartableJobs) -> None:
    names = [f"d-{number}" for number in range(1, 9)]
    for name in names:
        jobs.reviewed(name)
    jobs.close()
    jobs.clock.passes(12 * 3600)
    jobs.open()

    for name in names:
        assert jobs.until_stored(Expired, name).unseen
    assert all(entry.announced for entry in jobs.ledger.in_stage(Expired))


def test_a_review_that_expires_while_the_bot_is_there_notifies_its_requester(jobs: RestartableJobs) -> None:
    jobs.reviewed()
    jobs.clock.passes(PATIENCE.review_seconds + 1)

    assert not jobs.until_stored(Expired).unseen
    assert not jobs.ledger.in_stage(Expired)[0].announced
