"""How much one person, and everybody together, may put in."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.dialogs.allowance import Limits
from bot.dialogs.ledger import Ledger
from bot.dialogs.stages import Cancelled, DialogId, Listed, UnderReview
from bot.dialogs.transitions import Decision
from commands.errors import StateUnwritable, TooMany
from commands.model.requests import ListImages, Query
from tests.kit.examples import ALICE, BOB, LISTING, asked_as
from tests.kit.restartable_jobs import PATIENCE, RestartableJobs

LIMITS = Limits(of_one_person=3, in_all=5)


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[RestartableJobs]:
    made = RestartableJobs(tmp_path, limits=LIMITS)
    yield made
    made.end()


def test_one_person_may_have_so_many_commands_under_way(jobs: RestartableJobs) -> None:
    for name in ("d-1", "d-2", "d-3"):
        jobs.reviewed(name)

    with pytest.raises(TooMany, match="You have 3 commands under way, the most for one person"):
        jobs.types("d-4")
    assert jobs.jobs.look_up(DialogId("d-4")) is None
    assert isinstance(jobs.reviewed("d-5", user=BOB), UnderReview)


def test_everybody_together_may_have_so_many(jobs: RestartableJobs) -> None:
    for number, user in enumerate((ALICE, ALICE, BOB, BOB, "U0CAROL")):
        jobs.reviewed(f"d-{number}", user=user)

    with pytest.raises(TooMany, match="5 commands are under way, the most at once"):
        jobs.types("d-9", user="U0DAVE")


def test_an_end_makes_room(jobs: RestartableJobs) -> None:
    for name in ("d-1", "d-2", "d-3"):
        jobs.reviewed(name)
    jobs.presses(Decision.CANCEL, "d-2")
    jobs.until_stored(Cancelled, "d-2")

    jobs.reviewed("d-4")


def test_an_end_that_another_process_stored_makes_room(jobs: RestartableJobs) -> None:
    for name in ("d-1", "d-2", "d-3"):
        jobs.reviewed(name)
    other = Ledger(jobs.ledger_url, owner="other")
    assert other.move(Cancelled(asked_as("d-2"), BOB), after=(UnderReview,), now=0.0)
    other.close()

    jobs.reviewed("d-4")
    with pytest.raises(TooMany):
        jobs.types("d-5")


def test_a_command_that_could_not_be_stored_takes_no_room(jobs: RestartableJobs) -> None:
    jobs.fill_the_disk()
    for number in range(4):
        with pytest.raises(StateUnwritable):
            jobs.types(f"d-{number}")
    jobs.execute("DROP TRIGGER full")

    jobs.reviewed("d-9")


def test_what_the_last_process_left_still_counts(jobs: RestartableJobs) -> None:
    for name in ("d-1", "d-2", "d-3"):
        jobs.reviewed(name)
    jobs.restart()

    with pytest.raises(TooMany):
        jobs.types("d-4")


def test_a_list_is_answered_while_builds_are_being_prepared(jobs: RestartableJobs) -> None:
    jobs.work.holds = lambda asked: not asked.request.is_quick
    jobs.work.answers.shut()
    for name in ("d-1", "d-2", "d-3"):
        jobs.types(name)
    jobs.work.answers.wait_for(2)
    jobs.work.answer_is = LISTING
    listed = replace(asked_as("d-list"), request=ListImages(Query()))
    jobs.jobs.accept(listed, trigger="t-list", response_url="")

    jobs.screen.wait_for(Listed, "d-list")


def test_a_flood_of_lines_is_refused_and_makes_few_threads(tmp_path: Path) -> None:
    jobs = RestartableJobs(tmp_path, limits=Limits(), timeouts=PATIENCE)
    jobs.work.answers.shut()
    before, refused = threading.active_count(), 0
    for number in range(600):
        try:
            jobs.types(f"d-{number}", user=f"U0USER{number % 4}")
        except TooMany:
            refused += 1
    most = threading.active_count() - before
    jobs.end()

    # A few of the runner's own threads may start only after the count before.
    assert (refused, most <= Limits().of_one_person * 4 + 10) == (520, True)
