"""A Docker daemon that goes away and comes back: before a job, in the middle of one, and before the bot itself."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.dialogs.stages import Failed, Finished, Paused, Preparing, Running, Stopped, UnderReview
from bot.dialogs.transitions import Decision
from commands.command import ImagesUpdated, WorkInterrupted
from commands.errors import BuildStopped, EngineUnavailable
from commands.model.events import StepsPlanned
from tests.fakes.work import FakeWork
from tests.kit.examples import UPDATE, UPDATED
from tests.kit.restartable_jobs import PATIENCE, RestartableJobs

GONE = EngineUnavailable("The Docker daemon was lost.", hint="Start it.")
CANCELLED = BuildStopped("The build was stopped.", hint="Nothing of it was kept.")
HASTY = replace(PATIENCE, engine_wait_seconds=0.01)


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[RestartableJobs]:
    """A bot that waits for the daemon for a moment only."""
    made = RestartableJobs(tmp_path, timeouts=HASTY)
    yield made
    made.end()


def waits(dialog: Running) -> bool:
    return bool(dialog.waits)


def works(dialog: Running) -> bool:
    return not dialog.waits and bool(dialog.progress.steps)


def test_a_queue_waits_for_a_daemon_that_is_away_and_then_goes_on(jobs: RestartableJobs) -> None:
    names = [f"d-{number}" for number in range(1, 6)]
    for name in names:
        jobs.reviewed(name)
    jobs.work.engine_is_away = True
    for name in names:
        jobs.presses(Decision.CONFIRM, name)
    jobs.screen.wait_for(Running, "d-1", where=waits)
    jobs.screen.wait_for(Running, "d-2", where=waits)
    jobs.work.engine_is_away = False

    for name in names:
        jobs.until_stored(Finished, name)


def test_a_job_that_has_not_begun_waits_for_any_number_of_absences(jobs: RestartableJobs) -> None:
    jobs.work.events = (StepsPlanned(("Base",)),)
    jobs.work.build_troubles = [GONE] * 4
    jobs.work.engine_troubles = [GONE, None] * 4
    jobs.confirmed()

    assert jobs.screen.wait_for(Running, where=waits).waits == "The Docker daemon was lost."
    jobs.until_stored(Finished)
    assert jobs.work.of("carry_out") == ["d-1"] * 5


@pytest.mark.parametrize("fault", [GONE, CANCELLED], ids=["connection lost", "cancelled by a daemon that shuts down"])
def test_a_build_that_loses_the_daemon_is_done_once_more(jobs: RestartableJobs, fault: Exception) -> None:
    jobs.work.build_troubles = [fault]
    jobs.work.engine_troubles = [GONE]
    jobs.confirmed()

    jobs.until_stored(Finished)
    assert jobs.work.of("carry_out") == ["d-1", "d-1"]
    assert "the Docker daemon was away: the job starts over" in jobs.log()


def test_a_build_that_loses_the_daemon_twice_fails(jobs: RestartableJobs) -> None:
    jobs.work.build_troubles = [GONE, GONE, GONE]
    jobs.confirmed()

    assert jobs.until_stored(Failed).message == GONE.message
    assert jobs.work.of("carry_out") == ["d-1", "d-1"]


def test_a_fault_of_a_daemon_that_answers_does_not_repeat_for_ever(jobs: RestartableJobs) -> None:
    jobs.work.events = ()
    jobs.work.build_troubles = [GONE] * 10
    jobs.confirmed()

    assert jobs.until_stored(Failed).message == GONE.message
    assert jobs.work.of("carry_out") == ["d-1", "d-1"]


def test_the_steps_of_the_first_try_are_not_shown_as_those_of_the_second(jobs: RestartableJobs) -> None:
    jobs.work.build_troubles = [GONE]
    jobs.confirmed()
    jobs.until_stored(Finished)

    shown = [each for each in jobs.screen.of("d-1") if isinstance(each, Running)]
    assert any(not each.progress.steps for each in shown[shown.index(next(filter(works, shown))) :])
    assert len({each.progress.started for each in shown}) == 1


def test_a_person_can_stop_a_job_that_waits_for_the_daemon(jobs: RestartableJobs) -> None:
    jobs.work.engine_is_away = True
    jobs.reviewed()
    jobs.presses(Decision.CONFIRM)
    jobs.screen.wait_for(Running, where=waits)
    jobs.presses(Decision.STOP)

    jobs.until_stored(Stopped)


def test_a_job_that_waits_for_the_daemon_is_paused_by_a_bot_that_ends(jobs: RestartableJobs) -> None:
    jobs.work.engine_is_away = True
    jobs.reviewed()
    jobs.presses(Decision.CONFIRM)
    jobs.screen.wait_for(Running, where=waits)
    jobs.close()
    assert jobs.screen.stages()[-1] == Paused.__name__
    jobs.open()

    jobs.until_stored(Finished)


def test_a_wait_for_the_daemon_ends_some_day(hasty: RestartableJobs) -> None:
    hasty.reviewed()
    hasty.work.engine_is_away = True
    hasty.presses(Decision.CONFIRM)

    assert hasty.until_stored(Failed).message == "No Docker daemon answers."


def test_a_bot_that_is_back_before_the_daemon_waits_with_what_it_was_preparing(jobs: RestartableJobs) -> None:
    jobs.work.answers.shut()
    jobs.types()
    jobs.work.answers.wait_for()
    jobs.kill()
    work = FakeWork()
    work.engine_is_away = True
    jobs.open(work=work)
    jobs.screen.wait_for(Preparing, where=lambda dialog: dialog.doing == "Waiting for Docker")
    work.engine_is_away = False

    jobs.until_stored(UnderReview)


def test_a_bot_that_is_back_before_the_daemon_waits_with_what_it_was_building(jobs: RestartableJobs) -> None:
    jobs.building("d-1", "d-2")
    jobs.kill()
    work = FakeWork()
    work.engine_is_away = True
    jobs.open(work=work)
    for name in ("d-1", "d-2"):
        jobs.screen.wait_for(Running, name, where=waits)
    work.engine_is_away = False

    for name in ("d-1", "d-2"):
        jobs.until_stored(Finished, name)


def test_an_update_that_loses_the_daemon_twice_ends_with_what_it_did(jobs: RestartableJobs) -> None:
    end = ImagesUpdated(UPDATE, UPDATED)
    jobs.work.answer_is = UPDATE
    jobs.work.build_troubles = [WorkInterrupted(end, GONE), WorkInterrupted(end, GONE)]
    jobs.confirmed()

    assert jobs.until_stored(Finished).end == end
