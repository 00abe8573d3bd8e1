"""Updates, lists, the way back: the stages that only they have, from the typed line to the end."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

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
from tests.kit.restartable_jobs import JobsBench

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
def bench(tmp_path: Path) -> Iterator[JobsBench]:
    made = JobsBench(tmp_path)
    yield made
    made.end()


def confirmed(bench: JobsBench, answer: Answer, outcome: Outcome | BaseException, button: Decision) -> None:
    """Bring a command to its confirmation."""
    bench.work.answer_is, bench.work.outcome_is = answer, outcome
    bench.reviewed()
    assert bench.presses(button, user=BOB) is Press.TAKEN


# ── (c): nothing to do ──────────────────────────────────────────────────────────────────────────────────────────────


def test_where_nothing_is_to_be_done_the_dialog_ends_at_once(bench: JobsBench) -> None:
    bench.work.answer_is = NOTHING
    bench.types()

    assert bench.until_stored(Answered) == Answered(ASKED, NOTHING)
    assert bench.work.of("carry_out") == []


# ── (d): each proposal has its own button ───────────────────────────────────────────────────────────────────────────

PROPOSALS = (PROPOSAL, UPDATE, ROLL_BACK, REMOVAL)


@pytest.mark.parametrize("proposal", PROPOSALS, ids=lambda each: type(each).__name__)
def test_a_review_is_confirmed_by_the_button_of_its_kind_alone(bench: JobsBench, proposal: Proposal) -> None:
    bench.work.answer_is = proposal
    review = bench.reviewed()
    others = set(Decision) - {Decision.CONFIRM, Decision.CANCEL}

    assert {bench.presses(decision) for decision in others} == {Press.LATE}
    foreign = [type(each) for each in PROPOSALS if each is not proposal]
    assert {bench.jobs.press(review.asked.dialog, Decision.CONFIRM, BOB, of=of) for of in foreign} == {Press.LATE}
    assert bench.stage() == review
    assert bench.jobs.press(review.asked.dialog, Decision.CONFIRM, BOB, of=type(proposal)) is Press.TAKEN


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
def test_what_was_confirmed_is_done_and_told(bench: JobsBench, proposal: Proposal, outcome: Outcome, end: End) -> None:
    confirmed(bench, proposal, outcome, Decision.CONFIRM)

    ended = bench.until_stored(Finished)
    assert (ended.end, ended.by, ended.at, ended.stopped_by) == (end, BOB, NOW, None)
    bench.work.wait_for("clean")


def test_what_takes_a_moment_does_not_wait_behind_builds(bench: JobsBench) -> None:
    bench.building("a", "b")
    bench.work.builds.open()
    bench.screen.wait_for(Finished, "a")
    bench.screen.wait_for(Finished, "b")
    bench.building("c", "d")

    bench.work.answer_is, bench.work.outcome_is = ROLL_BACK, ROLLED_BACK
    bench.reviewed("e")
    bench.presses(Decision.CONFIRM, "e")
    bench.work.wait_for("carry_out", "e")
    bench.work.builds.open()

    bench.screen.wait_for(Finished, "e")


def test_an_update_that_is_stopped_tells_what_was_done(bench: JobsBench) -> None:
    bench.work.ends_when_told = False
    bench.work.builds.shut()
    confirmed(bench, UPDATE, STOPPED, Decision.CONFIRM)
    bench.screen.wait_for(Running, where=lambda running: bool(running.progress.last_line))

    assert bench.presses(Decision.STOP, user=ALICE) is Press.TAKEN
    bench.work.builds.open()

    ended = bench.until_stored(Finished)
    assert (ended.stopped_by, ended.end.outcome) == (ALICE, STOPPED)


def test_an_update_that_waits_is_stopped_before_it_has_begun(bench: JobsBench) -> None:
    bench.building("a", "b")
    confirmed(bench, UPDATE, UPDATED, Decision.CONFIRM)
    bench.screen.wait_for(Queued)

    bench.presses(Decision.STOP, user=BOB)

    assert bench.until_stored(Stopped) == Stopped(ASKED, UPDATE, BOB, None)


def test_an_update_that_was_killed_goes_on_in_the_next_process(bench: JobsBench) -> None:
    bench.work.builds.shut()
    confirmed(bench, UPDATE, UPDATED, Decision.CONFIRM)
    bench.work.wait_for("carry_out")
    bench.kill()
    after = FakeWork()
    after.answer_is, after.outcome_is = UPDATE, UPDATED

    bench.open(work=after)

    assert bench.until_stored(Finished).end.outcome == UPDATED
    assert after.of("carry_out") == ["d-1"]


# ── (u): the review is void ─────────────────────────────────────────────────────────────────────────────────────────

AGAIN = replace(ASKED, round=2)
SAID = Finding("review-void", Severity.WARNING, "`demisto/python3` has changed since the review. Look at it again.")


def in_round(bench: JobsBench, number: int) -> UnderReview:
    """Wait for the review of this round."""
    return bench.screen.wait_for(UnderReview, where=lambda review: review.asked.round == number)


def test_a_review_whose_facts_have_changed_is_offered_anew(bench: JobsBench) -> None:
    confirmed(bench, UPDATE, VOID, Decision.CONFIRM)

    review = in_round(bench, 2)
    assert review.asked == AGAIN
    assert review.proposal == replace(UPDATE, findings=(SAID,))
    assert bench.screen.stages() == ["Preparing", "UnderReview", "Queued", "Running", "Preparing", "UnderReview"]

    bench.work.outcome_is = UPDATED
    assert bench.presses(Decision.CONFIRM, user=BOB) is Press.TAKEN
    assert bench.until_stored(Finished).end.outcome == UPDATED
    assert bench.work.of("carry_out") == ["d-1", "d-1"]


def test_facts_may_change_again_and_again(bench: JobsBench) -> None:
    confirmed(bench, UPDATE, VOID, Decision.CONFIRM)
    for number in (2, 3, 4):
        in_round(bench, number)
        assert bench.presses(Decision.CONFIRM) is Press.TAKEN

    in_round(bench, 5)
    assert bench.work.of("carry_out") == ["d-1"] * 4


@pytest.mark.parametrize(("answer", "end"), [(NOTHING, Answered), (REFUSAL, Answered)], ids=["nothing", "refusal"])
def test_a_void_review_may_leave_nothing_to_offer(bench: JobsBench, answer: Answer, end: type[Dialog]) -> None:
    bench.work.answer_is, bench.work.outcome_is = UPDATE, VOID
    bench.reviewed()
    bench.work.answer_is = answer
    bench.presses(Decision.CONFIRM)

    assert bench.until_stored(end).asked == AGAIN


def test_a_process_that_dies_while_it_looks_again_leaves_that_to_the_next(bench: JobsBench) -> None:
    bench.work.answer_is, bench.work.outcome_is = UPDATE, VOID
    bench.reviewed()
    bench.work.answers.shut()
    bench.presses(Decision.CONFIRM)
    bench.screen.wait_for(Preparing, where=lambda preparing: bool(preparing.void))
    bench.work.wait_for("answer", times=2)
    bench.kill()
    after = FakeWork()
    after.answer_is = UPDATE

    bench.open(work=after)

    review = bench.until_stored(UnderReview)
    assert review.proposal == replace(UPDATE, findings=(SAID,))


def test_a_void_review_that_cannot_be_looked_at_again_ends_with_the_reason(bench: JobsBench) -> None:
    bench.work.answer_is, bench.work.outcome_is = UPDATE, VOID
    bench.reviewed()
    bench.work.answer_is = GONE
    bench.presses(Decision.CONFIRM)

    assert bench.until_stored(Failed).message == GONE.message


# ── (s) (t): the list ───────────────────────────────────────────────────────────────────────────────────────────────


def listed(bench: JobsBench) -> Listed:
    """Bring a list onto the screen, with what its images take."""
    bench.work.answer_is = FIRST_PAGE
    bench.work.pages = {1: FIRST_PAGE, 2: SECOND_PAGE}
    bench.types()
    return bench.screen.wait_for(Listed, where=lambda shown: shown.listing.disk is not None)


def test_a_list_is_shown_before_the_daemon_has_counted_its_bytes(bench: JobsBench) -> None:
    bench.work.counts.shut()
    bench.work.answer_is = FIRST_PAGE
    bench.types()
    assert bench.until_stored(Listed) == Listed(ASKED, FIRST_PAGE)

    bench.work.counts.open()

    shown = bench.screen.wait_for(Listed, where=lambda shown: shown.listing.disk is not None)
    assert shown == Listed(ASKED, replace(FIRST_PAGE, disk=41_200_000_000))


def test_a_daemon_that_cannot_count_is_told_and_the_list_stays(bench: JobsBench) -> None:
    bench.work.disk_is = GONE
    bench.work.answer_is = FIRST_PAGE
    bench.types()

    shown = bench.screen.wait_for(Listed, where=lambda shown: bool(shown.listing.disk_note))
    assert shown.listing == replace(FIRST_PAGE, disk_note=GONE.message)


def test_a_page_is_turned_and_keeps_what_was_counted(bench: JobsBench) -> None:
    listed(bench)

    assert bench.jobs.turn(D_1, Query(page=2)) is Press.TAKEN

    shown = bench.screen.wait_for(Listed, where=lambda shown: shown.listing.query.page == 2)
    assert shown == Listed(ASKED, replace(SECOND_PAGE, disk=41_200_000_000))
    assert bench.stage() == shown


def test_a_page_that_cannot_be_looked_up_leaves_the_list_with_the_reason(bench: JobsBench) -> None:
    before = listed(bench)
    bench.work.pages[2] = GONE

    bench.jobs.turn(D_1, Query(page=2))
    shown = bench.screen.wait_for(Listed, where=lambda shown: bool(shown.trouble))
    assert shown == replace(before, trouble="No Docker daemon answers. Start it.")

    bench.jobs.turn(D_1, Query(page=1))
    bench.screen.wait_for(Listed, where=lambda shown: not shown.trouble)


def test_a_defect_while_turning_leaves_the_list_usable(bench: JobsBench) -> None:
    before = listed(bench)

    bench.jobs.turn(D_1, Query(page=99))
    bench.work.wait_for("turn", "99")
    bench.jobs.turn(D_1, Query(page=2))

    bench.screen.wait_for(Listed, where=lambda shown: shown.listing.query.page == 2)
    assert before.trouble == ""


def test_running_and_waiting_jobs_stand_above_the_list(bench: JobsBench) -> None:
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


def test_a_list_can_be_turned_after_a_restart(bench: JobsBench) -> None:
    listed(bench)
    bench.restart()
    bench.work.pages = {2: SECOND_PAGE}

    assert bench.jobs.turn(D_1, Query(page=2)) is Press.TAKEN
    bench.screen.wait_for(Listed, where=lambda shown: shown.listing.query.page == 2)


def test_a_list_is_nothing_that_the_next_process_goes_on_with(bench: JobsBench) -> None:
    before = listed(bench)
    bench.ledger.set_shown(D_1, 99)
    bench.restart()

    assert bench.ledger.unfinished_entries() == ()
    assert bench.stage() == before
    assert bench.started == []


def test_only_a_list_has_pages(bench: JobsBench) -> None:
    bench.reviewed()

    assert bench.jobs.turn(D_1, Query()) is Press.LATE
    assert bench.jobs.turn(DialogId("never-seen"), Query()) is Press.GONE


def test_a_failed_update_says_what_failed(bench: JobsBench) -> None:
    confirmed(bench, UPDATE, BuildFailed("It broke.", hint="Mend it."), Decision.CONFIRM)

    assert bench.until_stored(Failed).proposal == UPDATE


def test_a_creation_is_still_what_create_confirms(bench: JobsBench) -> None:
    bench.confirmed()

    assert isinstance(bench.until_stored(Finished).end.proposal, Creation)
