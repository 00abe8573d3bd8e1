"""Updates, lists, the way back: the stages that only they have, from the typed line to the end."""

from dataclasses import replace

import pytest

from bot.dialogs.stages import (
    Answered,
    Dialog,
    DialogId,
    Failed,
    Finished,
    Listed,
    Preparing,
    Queued,
    Running,
    Stopped,
    UnderReview,
)
from bot.dialogs.transitions import Decision, Press
from commands.actions import Answer, End, Proposal
from commands.command import (
    Candidate,
    Creation,
    Finding,
    ImageRemoved,
    ImagesUpdated,
    Keep,
    Listing,
    Move,
    NothingToDo,
    Pull,
    Removal,
    RollBack,
    Row,
    Severity,
    TagsRolledBack,
    Update,
)
from commands.errors import BuildFailed, EngineUnavailable, ReviewVoid
from commands.model.images import Digest, ImageId, Mark
from commands.model.outcomes import Ending, ImageResult, MoveResult, Removed, RolledBack, Updated
from commands.model.references import Reference
from commands.model.requests import Query
from tests.fakes.work import FakeWork, Outcome
from tests.kit.examples import ALICE, ASKED, BOB, LINE, NOW, PROPOSAL, REFUSAL
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


def confirmed(jobs: RestartableJobs, answer: Answer, outcome: Outcome | BaseException, button: Decision) -> None:
    """Bring a command to its confirmation."""
    jobs.work.answer_is, jobs.work.outcome_is = answer, outcome
    jobs.reviewed()
    assert jobs.presses(button, user=BOB) is Press.TAKEN


# ── (c): nothing to do ──────────────────────────────────────────────────────────────────────────────────────────────


def test_where_nothing_is_to_be_done_the_dialog_ends_at_once(jobs: RestartableJobs) -> None:
    jobs.work.answer_is = NOTHING
    jobs.types()

    assert jobs.until_stored(Answered) == Answered(ASKED, NOTHING)
    assert jobs.work.of("carry_out") == []


# ── (d): each proposal has its own button ───────────────────────────────────────────────────────────────────────────

PROPOSALS = (PROPOSAL, UPDATE, ROLL_BACK, REMOVAL)


@pytest.mark.parametrize("proposal", PROPOSALS, ids=lambda each: type(each).__name__)
def test_a_review_is_confirmed_by_the_button_of_its_kind_alone(jobs: RestartableJobs, proposal: Proposal) -> None:
    jobs.work.answer_is = proposal
    review = jobs.reviewed()
    others = set(Decision) - {Decision.CONFIRM, Decision.CANCEL}

    assert {jobs.presses(decision) for decision in others} == {Press.LATE}
    foreign = [type(each) for each in PROPOSALS if each is not proposal]
    assert {jobs.jobs.press(review.asked.dialog, Decision.CONFIRM, BOB, of=of) for of in foreign} == {Press.LATE}
    assert jobs.stage() == review
    assert jobs.jobs.press(review.asked.dialog, Decision.CONFIRM, BOB, of=type(proposal)) is Press.TAKEN


# ── (j): how they end ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("proposal", "outcome", "end"),
    [
        (UPDATE, UPDATED, ImagesUpdated(UPDATE, UPDATED)),
        (ROLL_BACK, ROLLED_BACK, TagsRolledBack(ROLL_BACK, ROLLED_BACK)),
        (REMOVAL, REMOVED, ImageRemoved(REMOVAL, REMOVED)),
    ],
    ids=["update", "roll back", "removal"],
)
def test_what_was_confirmed_is_done_and_told(
    jobs: RestartableJobs, proposal: Proposal, outcome: Outcome, end: End
) -> None:
    confirmed(jobs, proposal, outcome, Decision.CONFIRM)

    ended = jobs.until_stored(Finished)
    assert (ended.end, ended.by, ended.at, ended.stopped_by) == (end, BOB, NOW, None)
    jobs.work.wait_for("clean")


def test_what_takes_a_moment_does_not_wait_behind_builds(jobs: RestartableJobs) -> None:
    jobs.building("a", "b")
    jobs.work.builds.open()
    jobs.screen.wait_for(Finished, "a")
    jobs.screen.wait_for(Finished, "b")
    jobs.building("c", "d")

    jobs.work.answer_is, jobs.work.outcome_is = ROLL_BACK, ROLLED_BACK
    jobs.reviewed("e")
    jobs.presses(Decision.CONFIRM, "e")
    jobs.work.wait_for("carry_out", "e")
    jobs.work.builds.open()

    jobs.screen.wait_for(Finished, "e")


def test_an_update_that_is_stopped_tells_what_was_done(jobs: RestartableJobs) -> None:
    jobs.work.ends_when_told = False
    jobs.work.builds.shut()
    confirmed(jobs, UPDATE, STOPPED, Decision.CONFIRM)
    jobs.screen.wait_for(Running, where=lambda running: bool(running.progress.last_line))

    assert jobs.presses(Decision.STOP, user=ALICE) is Press.TAKEN
    jobs.work.builds.open()

    ended = jobs.until_stored(Finished)
    assert (ended.stopped_by, ended.end.outcome) == (ALICE, STOPPED)


def test_an_update_that_waits_is_stopped_before_it_has_begun(jobs: RestartableJobs) -> None:
    jobs.building("a", "b")
    confirmed(jobs, UPDATE, UPDATED, Decision.CONFIRM)
    jobs.screen.wait_for(Queued)

    jobs.presses(Decision.STOP, user=BOB)

    assert jobs.until_stored(Stopped) == Stopped(ASKED, UPDATE, BOB, None)


def test_an_update_that_was_killed_goes_on_in_the_next_process(jobs: RestartableJobs) -> None:
    jobs.work.builds.shut()
    confirmed(jobs, UPDATE, UPDATED, Decision.CONFIRM)
    jobs.work.wait_for("carry_out")
    jobs.kill()
    after = FakeWork()
    after.answer_is, after.outcome_is = UPDATE, UPDATED

    jobs.open(work=after)

    assert jobs.until_stored(Finished).end.outcome == UPDATED
    assert after.of("carry_out") == ["d-1"]


# ── (u): the review is void ─────────────────────────────────────────────────────────────────────────────────────────

AGAIN = replace(ASKED, round=2)
SAID = Finding("review-void", Severity.WARNING, "`demisto/python3` has changed since the review. Look at it again.")


def in_round(jobs: RestartableJobs, number: int) -> UnderReview:
    """Wait for the review of this round."""
    return jobs.screen.wait_for(UnderReview, where=lambda review: review.asked.round == number)


def test_a_review_whose_facts_have_changed_is_offered_anew(jobs: RestartableJobs) -> None:
    confirmed(jobs, UPDATE, VOID, Decision.CONFIRM)

    review = in_round(jobs, 2)
    assert review.asked == AGAIN
    assert review.proposal == replace(UPDATE, findings=(SAID,))
    assert jobs.screen.stages() == ["Preparing", "UnderReview", "Queued", "Running", "Preparing", "UnderReview"]

    jobs.work.outcome_is = UPDATED
    assert jobs.presses(Decision.CONFIRM, user=BOB) is Press.TAKEN
    assert jobs.until_stored(Finished).end.outcome == UPDATED
    assert jobs.work.of("carry_out") == ["d-1", "d-1"]


def test_facts_may_change_again_and_again(jobs: RestartableJobs) -> None:
    confirmed(jobs, UPDATE, VOID, Decision.CONFIRM)
    for number in (2, 3, 4):
        in_round(jobs, number)
        assert jobs.presses(Decision.CONFIRM) is Press.TAKEN

    in_round(jobs, 5)
    assert jobs.work.of("carry_out") == ["d-1"] * 4


@pytest.mark.parametrize(("answer", "end"), [(NOTHING, Answered), (REFUSAL, Answered)], ids=["nothing", "refusal"])
def test_a_void_review_may_leave_nothing_to_offer(jobs: RestartableJobs, answer: Answer, end: type[Dialog]) -> None:
    jobs.work.answer_is, jobs.work.outcome_is = UPDATE, VOID
    jobs.reviewed()
    jobs.work.answer_is = answer
    jobs.presses(Decision.CONFIRM)

    assert jobs.until_stored(end).asked == AGAIN


def test_a_process_that_dies_while_it_looks_again_leaves_that_to_the_next(jobs: RestartableJobs) -> None:
    jobs.work.answer_is, jobs.work.outcome_is = UPDATE, VOID
    jobs.reviewed()
    jobs.work.answers.shut()
    jobs.presses(Decision.CONFIRM)
    jobs.screen.wait_for(Preparing, where=lambda preparing: bool(preparing.void))
    jobs.work.wait_for("answer", times=2)
    jobs.kill()
    after = FakeWork()
    after.answer_is = UPDATE

    jobs.open(work=after)

    review = jobs.until_stored(UnderReview)
    assert review.proposal == replace(UPDATE, findings=(SAID,))


def test_a_void_review_that_cannot_be_looked_at_again_ends_with_the_reason(jobs: RestartableJobs) -> None:
    jobs.work.answer_is, jobs.work.outcome_is = UPDATE, VOID
    jobs.reviewed()
    jobs.work.answer_is = GONE
    jobs.presses(Decision.CONFIRM)

    assert jobs.until_stored(Failed).message == GONE.message


# ── (s) (t): the list ───────────────────────────────────────────────────────────────────────────────────────────────


def listed(jobs: RestartableJobs) -> Listed:
    """Bring a list onto the screen, with what its images take."""
    jobs.work.answer_is = FIRST_PAGE
    jobs.work.pages = {1: FIRST_PAGE, 2: SECOND_PAGE}
    jobs.types()
    return jobs.screen.wait_for(Listed, where=lambda shown: shown.listing.disk is not None)


def test_a_list_is_shown_before_the_daemon_has_counted_its_bytes(jobs: RestartableJobs) -> None:
    jobs.work.counts.shut()
    jobs.work.answer_is = FIRST_PAGE
    jobs.types()
    assert jobs.until_stored(Listed) == Listed(ASKED, FIRST_PAGE)

    jobs.work.counts.open()

    shown = jobs.screen.wait_for(Listed, where=lambda shown: shown.listing.disk is not None)
    assert shown == Listed(ASKED, replace(FIRST_PAGE, disk=41_200_000_000))


def test_a_daemon_that_cannot_count_is_told_and_the_list_stays(jobs: RestartableJobs) -> None:
    jobs.work.disk_is = GONE
    jobs.work.answer_is = FIRST_PAGE
    jobs.types()

    shown = jobs.screen.wait_for(Listed, where=lambda shown: bool(shown.listing.disk_note))
    assert shown.listing == replace(FIRST_PAGE, disk_note=GONE.message)


def test_a_page_is_turned_and_keeps_what_was_counted(jobs: RestartableJobs) -> None:
    listed(jobs)

    assert jobs.jobs.turn(D_1, Query(page=2)) is Press.TAKEN

    shown = jobs.screen.wait_for(Listed, where=lambda shown: shown.listing.query.page == 2)
    assert shown == Listed(ASKED, replace(SECOND_PAGE, disk=41_200_000_000))
    assert jobs.stage() == shown


def test_a_page_that_cannot_be_looked_up_leaves_the_list_with_the_reason(jobs: RestartableJobs) -> None:
    before = listed(jobs)
    jobs.work.pages[2] = GONE

    jobs.jobs.turn(D_1, Query(page=2))
    shown = jobs.screen.wait_for(Listed, where=lambda shown: bool(shown.trouble))
    assert shown == replace(before, trouble="No Docker daemon answers. Start it.")

    jobs.jobs.turn(D_1, Query(page=1))
    jobs.screen.wait_for(Listed, where=lambda shown: not shown.trouble)


def test_a_defect_while_turning_leaves_the_list_usable(jobs: RestartableJobs) -> None:
    before = listed(jobs)

    jobs.jobs.turn(D_1, Query(page=99))
    jobs.work.wait_for("turn", "99")
    jobs.jobs.turn(D_1, Query(page=2))

    jobs.screen.wait_for(Listed, where=lambda shown: shown.listing.query.page == 2)
    assert before.trouble == ""


def test_running_and_waiting_jobs_stand_above_the_list(jobs: RestartableJobs) -> None:
    jobs.building("a", "b")
    jobs.confirmed("c")
    jobs.screen.wait_for(Queued, "c")

    shown = listed(jobs)

    assert [(job.line, job.user, job.is_running) for job in shown.jobs] == [
        (LINE, ALICE, True),
        (LINE, ALICE, True),
        (LINE, ALICE, False),
    ]
    assert {job.since for job in shown.jobs} == {NOW}


def test_a_list_can_be_turned_after_a_restart(jobs: RestartableJobs) -> None:
    listed(jobs)
    jobs.restart()
    jobs.work.pages = {2: SECOND_PAGE}

    assert jobs.jobs.turn(D_1, Query(page=2)) is Press.TAKEN
    jobs.screen.wait_for(Listed, where=lambda shown: shown.listing.query.page == 2)


def test_a_list_is_nothing_that_the_next_process_goes_on_with(jobs: RestartableJobs) -> None:
    before = listed(jobs)
    jobs.ledger.set_shown(D_1, 99)
    jobs.restart()

    assert jobs.ledger.unfinished_entries() == ()
    assert jobs.stage() == before
    assert jobs.started == []


def test_only_a_list_has_pages(jobs: RestartableJobs) -> None:
    jobs.reviewed()

    assert jobs.jobs.turn(D_1, Query()) is Press.LATE
    assert jobs.jobs.turn(DialogId("never-seen"), Query()) is Press.GONE


def test_a_failed_update_says_what_failed(jobs: RestartableJobs) -> None:
    confirmed(jobs, UPDATE, BuildFailed("It broke.", hint="Mend it."), Decision.CONFIRM)

    assert jobs.until_stored(Failed).proposal == UPDATE


def test_a_creation_is_still_what_create_confirms(jobs: RestartableJobs) -> None:
    jobs.confirmed()

    assert isinstance(jobs.until_stored(Finished).end.proposal, Creation)
