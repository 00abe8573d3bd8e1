"""Updates, lists, the way back: the stages that only they have, from the typed line to the end."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.dialogs.stages import (
    Dialog,
    DialogId,
    Done,
    Failed,
    ImageRemoved,
    ImagesUpdated,
    Listed,
    Preparing,
    Queued,
    Refused,
    Running,
    Stopped,
    TagsRolledBack,
    UnderReview,
    UpToDate,
)
from bot.dialogs.transitions import Button, Press
from commands.command import (
    Answer,
    Candidate,
    Creation,
    Finding,
    Keep,
    Listing,
    Move,
    NothingToDo,
    Proposal,
    Pull,
    Removal,
    RollBack,
    Row,
    Severity,
    Update,
)
from commands.errors import BuildFailed, EngineUnavailable, ReviewVoid
from commands.model.images import Digest, ImageId, Mark
from commands.model.outcomes import Ending, ImageResult, MoveResult, Outcome, Removed, RolledBack, Updated
from commands.model.references import Reference
from commands.model.requests import Query
from tests.fakes.work import FakeWork
from tests.kit.examples import ALICE, ASKED, BOB, CREATED, LINE, NOW, PROPOSAL, REFUSAL
from tests.kit.restartable_jobs import RestartableJobs

OLD = Mark(ImageId("sha256:" + "1" * 64), Digest("sha256:" + "2" * 64), NOW, 1_000)
NEW = Mark(ImageId("sha256:" + "3" * 64), Digest("sha256:" + "4" * 64), NOW, 2_000)
REFERENCE = Reference("demisto/python3", tag="latest")
PLAN = Pull(replace(REFERENCE, tag=None, digest=NEW.digest), Digest(str(NEW.digest)))
UPDATE = Update("Update `demisto/python3`?", (Candidate(str(REFERENCE), OLD, NEW.digest, PLAN),))
NOTHING = NothingToDo(
    "`demisto/python3` is up to date", (Candidate(str(REFERENCE), OLD, OLD.digest, Keep("It is the same.")),)
)
ROLL_BACK = RollBack("Roll `demisto/python3` back?", (Move(str(REFERENCE), NEW, OLD, "demisto/python3:before-1"),))
REMOVAL = Removal("Remove `demisto/python3`?", OLD, (str(REFERENCE),))
UPDATED = Updated(
    (ImageResult(str(REFERENCE), Ending.UPDATED, OLD, NEW, str(REFERENCE), "demisto/python3:before-d-1"),)
)
STOPPED = Updated((ImageResult(str(REFERENCE), Ending.STOPPED, OLD),))
ROLLED_BACK = RolledBack((MoveResult(str(REFERENCE), OLD, "demisto/python3:before-d-1"),))
REMOVED = Removed((str(REFERENCE),), OLD.id)
FIRST_PAGE = Listing(Query(), (Row(OLD.id, "demisto/python3", "latest", 1_000, NOW, made_here=False),), 2, 26, 26, 26)
SECOND_PAGE = replace(FIRST_PAGE, query=Query(page=2), rows=())
VOID = ReviewVoid("`demisto/python3` has changed since the review.", hint="Look at it again.")
GONE = EngineUnavailable("No Docker daemon answers.", hint="Start it.")
D_1 = DialogId("d-1")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[RestartableJobs]:
    made = RestartableJobs(tmp_path)
    yield made
    made.end()


def confirmed(bench: RestartableJobs, answer: Answer, outcome: Outcome | BaseException, button: Button) -> None:
    """Bring a command to its confirmation."""
    bench.work.answer_is, bench.work.outcome_is = answer, outcome
    bench.reviewed()
    assert bench.presses(button, user=BOB) is Press.TAKEN


# ── (r): nothing to do ──────────────────────────────────────────────────────────────────────────────────────────────


def test_where_nothing_is_to_be_done_the_dialog_ends_at_once(bench: RestartableJobs) -> None:
    bench.work.answer_is = NOTHING
    bench.types()

    assert bench.until_stored(UpToDate) == UpToDate(ASKED, NOTHING)
    assert bench.work.of("carry_out") == []


# ── (d): each proposal has its own button ───────────────────────────────────────────────────────────────────────────

CONFIRMS: dict[Button, Proposal] = {
    Button.CREATE: PROPOSAL,
    Button.BUILD_ANYWAY: PROPOSAL,
    Button.UPDATE: UPDATE,
    Button.ROLL_BACK: ROLL_BACK,
    Button.REMOVE: REMOVAL,
}


@pytest.mark.parametrize("proposal", [PROPOSAL, UPDATE, ROLL_BACK, REMOVAL], ids=lambda each: type(each).__name__)
def test_a_review_is_confirmed_by_its_own_button_alone(bench: RestartableJobs, proposal: Proposal) -> None:
    bench.work.answer_is = proposal
    review = bench.reviewed()
    others = set(Button) - {button for button, one in CONFIRMS.items() if one is proposal} - {Button.CANCEL}

    assert {bench.presses(button) for button in others} == {Press.LATE}
    assert bench.stage() == review


# ── (v) (w) (x): how they end ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("proposal", "button", "outcome", "end"),
    [
        (UPDATE, Button.UPDATE, UPDATED, ImagesUpdated),
        (ROLL_BACK, Button.ROLL_BACK, ROLLED_BACK, TagsRolledBack),
        (REMOVAL, Button.REMOVE, REMOVED, ImageRemoved),
    ],
    ids=["update", "roll back", "removal"],
)
def test_what_was_confirmed_is_done_and_told(
    bench: RestartableJobs, proposal: Proposal, button: Button, outcome: Outcome, end: type[Dialog]
) -> None:
    confirmed(bench, proposal, outcome, button)

    ended = bench.until_stored(end)
    assert isinstance(ended, ImagesUpdated | TagsRolledBack | ImageRemoved)
    assert (ended.proposal, ended.by, ended.outcome, ended.finished) == (proposal, BOB, outcome, NOW)
    bench.work.wait_for("clean")


def test_an_outcome_of_something_else_is_a_defect_that_the_person_is_told_of(bench: RestartableJobs) -> None:
    confirmed(bench, UPDATE, CREATED, Button.UPDATE)

    assert bench.until_stored(Failed).message == "Something went wrong inside the bot."


def test_what_takes_a_moment_does_not_wait_behind_builds(bench: RestartableJobs) -> None:
    bench.building("a", "b")
    bench.work.builds.open()
    bench.screen.wait_for(Done, "a")
    bench.screen.wait_for(Done, "b")
    bench.building("c", "d")

    bench.work.answer_is, bench.work.outcome_is = ROLL_BACK, ROLLED_BACK
    bench.reviewed("e")
    bench.presses(Button.ROLL_BACK, "e")
    bench.work.wait_for("carry_out", "e")
    bench.work.builds.open()

    bench.screen.wait_for(TagsRolledBack, "e")


def test_an_update_that_is_stopped_tells_what_was_done(bench: RestartableJobs) -> None:
    bench.work.ends_when_told = False
    bench.work.builds.shut()
    confirmed(bench, UPDATE, STOPPED, Button.UPDATE)
    bench.screen.wait_for(Running, where=lambda running: bool(running.progress.last_line))

    assert bench.presses(Button.STOP, user=ALICE) is Press.TAKEN
    bench.work.builds.open()

    ended = bench.until_stored(ImagesUpdated)
    assert (ended.stopped_by, ended.outcome) == (ALICE, STOPPED)


def test_an_update_that_waits_is_stopped_before_it_has_begun(bench: RestartableJobs) -> None:
    bench.building("a", "b")
    confirmed(bench, UPDATE, UPDATED, Button.UPDATE)
    bench.screen.wait_for(Queued)

    bench.presses(Button.STOP, user=BOB)

    assert bench.until_stored(Stopped) == Stopped(ASKED, UPDATE, BOB, None)


def test_an_update_that_was_killed_goes_on_in_the_next_process(bench: RestartableJobs) -> None:
    bench.work.builds.shut()
    confirmed(bench, UPDATE, UPDATED, Button.UPDATE)
    bench.work.wait_for("carry_out")
    bench.kill()
    after = FakeWork()
    after.answer_is, after.outcome_is = UPDATE, UPDATED

    bench.open(work=after)

    assert bench.until_stored(ImagesUpdated).outcome == UPDATED
    assert after.of("carry_out") == ["d-1"]


# ── (u): the review is void ─────────────────────────────────────────────────────────────────────────────────────────

AGAIN = replace(ASKED, round=2)
SAID = Finding("review-void", Severity.WARNING, "`demisto/python3` has changed since the review. Look at it again.")


def in_round(bench: RestartableJobs, number: int) -> UnderReview:
    """Wait for the review of this round."""
    return bench.screen.wait_for(UnderReview, where=lambda review: review.asked.round == number)


def test_a_review_whose_facts_have_changed_is_offered_anew(bench: RestartableJobs) -> None:
    confirmed(bench, UPDATE, VOID, Button.UPDATE)

    review = in_round(bench, 2)
    assert review.asked == AGAIN
    assert review.proposal == replace(UPDATE, findings=(SAID,))
    assert bench.screen.stages() == ["Preparing", "UnderReview", "Queued", "Running", "Preparing", "UnderReview"]

    bench.work.outcome_is = UPDATED
    assert bench.presses(Button.UPDATE, user=BOB) is Press.TAKEN
    assert bench.until_stored(ImagesUpdated).outcome == UPDATED
    assert bench.work.of("carry_out") == ["d-1", "d-1"]


def test_facts_may_change_again_and_again(bench: RestartableJobs) -> None:
    confirmed(bench, UPDATE, VOID, Button.UPDATE)
    for number in (2, 3, 4):
        in_round(bench, number)
        assert bench.presses(Button.UPDATE) is Press.TAKEN

    in_round(bench, 5)
    assert bench.work.of("carry_out") == ["d-1"] * 4


@pytest.mark.parametrize(("answer", "end"), [(NOTHING, UpToDate), (REFUSAL, Refused)], ids=["nothing", "refusal"])
def test_a_void_review_may_leave_nothing_to_offer(bench: RestartableJobs, answer: Answer, end: type[Dialog]) -> None:
    bench.work.answer_is, bench.work.outcome_is = UPDATE, VOID
    bench.reviewed()
    bench.work.answer_is = answer
    bench.presses(Button.UPDATE)

    assert bench.until_stored(end).asked == AGAIN


def test_a_process_that_dies_while_it_looks_again_leaves_that_to_the_next(bench: RestartableJobs) -> None:
    bench.work.answer_is, bench.work.outcome_is = UPDATE, VOID
    bench.reviewed()
    bench.work.answers.shut()
    bench.presses(Button.UPDATE)
    bench.screen.wait_for(Preparing, where=lambda preparing: bool(preparing.void))
    bench.work.wait_for("answer", times=2)
    bench.kill()
    after = FakeWork()
    after.answer_is = UPDATE

    bench.open(work=after)

    review = bench.until_stored(UnderReview)
    assert review.proposal == replace(UPDATE, findings=(SAID,))


def test_a_void_review_that_cannot_be_looked_at_again_ends_with_the_reason(bench: RestartableJobs) -> None:
    bench.work.answer_is, bench.work.outcome_is = UPDATE, VOID
    bench.reviewed()
    bench.work.answer_is = GONE
    bench.presses(Button.UPDATE)

    assert bench.until_stored(Failed).message == GONE.message


# ── (s) (t): the list ───────────────────────────────────────────────────────────────────────────────────────────────


def listed(bench: RestartableJobs) -> Listed:
    """Bring a list onto the screen, with what its images take."""
    bench.work.answer_is = FIRST_PAGE
    bench.work.pages = {1: FIRST_PAGE, 2: SECOND_PAGE}
    bench.types()
    return bench.screen.wait_for(Listed, where=lambda shown: shown.listing.disk is not None)


def test_a_list_is_shown_before_the_daemon_has_counted_its_bytes(bench: RestartableJobs) -> None:
    bench.work.counts.shut()
    bench.work.answer_is = FIRST_PAGE
    bench.types()
    assert bench.until_stored(Listed) == Listed(ASKED, FIRST_PAGE)

    bench.work.counts.open()

    shown = bench.screen.wait_for(Listed, where=lambda shown: shown.listing.disk is not None)
    assert shown == Listed(ASKED, replace(FIRST_PAGE, disk=41_200_000_000))


def test_a_daemon_that_cannot_count_is_told_and_the_list_stays(bench: RestartableJobs) -> None:
    bench.work.disk_is = GONE
    bench.work.answer_is = FIRST_PAGE
    bench.types()

    shown = bench.screen.wait_for(Listed, where=lambda shown: bool(shown.listing.disk_note))
    assert shown.listing == replace(FIRST_PAGE, disk_note=GONE.message)


def test_a_page_is_turned_and_keeps_what_was_counted(bench: RestartableJobs) -> None:
    listed(bench)

    assert bench.jobs.turn(D_1, Query(page=2)) is Press.TAKEN

    shown = bench.screen.wait_for(Listed, where=lambda shown: shown.listing.query.page == 2)
    assert shown == Listed(ASKED, replace(SECOND_PAGE, disk=41_200_000_000))
    assert bench.stage() == shown


def test_a_page_that_cannot_be_looked_up_leaves_the_list_with_the_reason(bench: RestartableJobs) -> None:
    before = listed(bench)
    bench.work.pages[2] = GONE

    bench.jobs.turn(D_1, Query(page=2))
    shown = bench.screen.wait_for(Listed, where=lambda shown: bool(shown.trouble))
    assert shown == replace(before, trouble="No Docker daemon answers. Start it.")

    bench.jobs.turn(D_1, Query(page=1))
    bench.screen.wait_for(Listed, where=lambda shown: not shown.trouble)


def test_a_defect_while_turning_leaves_the_list_usable(bench: RestartableJobs) -> None:
    before = listed(bench)

    bench.jobs.turn(D_1, Query(page=99))
    bench.work.wait_for("turn", "99")
    bench.jobs.turn(D_1, Query(page=2))

    bench.screen.wait_for(Listed, where=lambda shown: shown.listing.query.page == 2)
    assert before.trouble == ""


def test_running_and_waiting_jobs_stand_above_the_list(bench: RestartableJobs) -> None:
    bench.building("a", "b")
    bench.confirmed("c")
    bench.screen.wait_for(Queued, "c")

    shown = listed(bench)

    assert [(job.line, job.user, job.is_running) for job in shown.jobs] == [
        (LINE, ALICE, True),
        (LINE, ALICE, True),
        (LINE, ALICE, False),
    ]
    assert {job.since for job in shown.jobs} == {NOW}


def test_a_list_can_be_turned_after_a_restart(bench: RestartableJobs) -> None:
    listed(bench)
    bench.restart()
    bench.work.pages = {2: SECOND_PAGE}

    assert bench.jobs.turn(D_1, Query(page=2)) is Press.TAKEN
    bench.screen.wait_for(Listed, where=lambda shown: shown.listing.query.page == 2)


def test_a_list_is_nothing_that_the_next_process_goes_on_with(bench: RestartableJobs) -> None:
    before = listed(bench)
    bench.ledger.set_shown(D_1, 99)
    bench.restart()

    assert bench.ledger.unfinished() == ()
    assert bench.stage() == before
    assert bench.started == []


def test_only_a_list_has_pages(bench: RestartableJobs) -> None:
    bench.reviewed()

    assert bench.jobs.turn(D_1, Query()) is Press.LATE
    assert bench.jobs.turn(DialogId("never-seen"), Query()) is Press.GONE


def test_a_failed_update_says_what_failed(bench: RestartableJobs) -> None:
    confirmed(bench, UPDATE, BuildFailed("It broke.", hint="Mend it."), Button.UPDATE)

    assert bench.until_stored(Failed).proposal == UPDATE


def test_a_creation_is_still_what_create_confirms(bench: RestartableJobs) -> None:
    bench.confirmed()

    assert isinstance(bench.until_stored(Done).proposal, Creation)
