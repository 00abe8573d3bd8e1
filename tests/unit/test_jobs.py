"""From the typed line to the end, within one process; `test_jobs_restart` has what outlives it."""

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest

from bot.dialogs import transitions
from bot.dialogs.ledger import Entry
from bot.dialogs.progress import Progress, Step, StepState
from bot.dialogs.stages import (
    FINAL,
    Answered,
    Attachment,
    Cancelled,
    Deciding,
    Dialog,
    DialogId,
    Discarded,
    Expired,
    Failed,
    Finished,
    Preparing,
    Queued,
    Running,
    Stopped,
    StorageTrouble,
    UnderReview,
    trouble_of,
)
from bot.dialogs.transitions import Decision, Press
from commands.actions import End, Proposal
from commands.cancellation import Cancellation
from commands.carry_out import JobContext
from commands.command import ImageCreated, ImageReused, ImageUndecided
from commands.errors import (
    BuildFailed,
    BuildStopped,
    BuildTimedOut,
    EngineUnavailable,
    IndexUnreachable,
    Problem,
    StateUnwritable,
)
from commands.model.events import Event, LogLine
from tests.fakes.host import PATIENCE_SECONDS
from tests.fakes.work import FakeWork
from tests.kit.examples import (
    ALICE,
    ASKED,
    BOB,
    CREATED,
    EVERY_KIND,
    EXISTING,
    NOW,
    OFFERED,
    PROPOSAL,
    REFUSAL,
    UNDECIDED,
)
from tests.kit.restartable_jobs import PATIENCE, SECRET, RestartableJobs, until

GONE = EngineUnavailable("No Docker daemon answers.", hint="Start it.")
BROKEN_STEP = BuildFailed("Step 2 failed.", hint="See the lines below.", details=("E: Unable to locate package wgett",))
D_1 = DialogId("d-1")


@pytest.fixture(scope="module")
def shared_jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestartableJobs]:
    """A bot that looks at no deadlines, for tests that put dialogs into its ledger themselves."""
    made = RestartableJobs(tmp_path_factory.mktemp("shelf"), timeouts=replace(PATIENCE, tick_seconds=3600))
    yield made
    made.end()


def at_once(*acts: Callable[[], Press]) -> list[Press]:
    """Do these at the same moment."""
    ready = threading.Barrier(len(acts))

    def do(act: Callable[[], Press]) -> Press:
        ready.wait(PATIENCE_SECONDS)
        return act()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(do, acts))


# ── The diagram ─────────────────────────────────────────────────────────────────────────────────────────────────────

DIAGRAM = transitions.__doc__ or ""
LEGEND = re.compile(r"^    \((?P<letter>[a-z])\) (?P<source>\w+)? +→ (?P<targets>\w+(?:, \w+)*) {2,}\S", re.MULTILINE)
STAGES = {stage.__name__: stage for stage in get_args(Dialog)}


def drawn() -> set[tuple[str, str]]:
    """Read the arrows of the legend."""
    found = [
        (arrow["source"] or "", target) for arrow in LEGEND.finditer(DIAGRAM) for target in arrow["targets"].split(", ")
    ]
    return set(found)


def test_the_arrows_of_the_legend_are_those_of_the_table() -> None:
    table = {
        (source.__name__, target.__name__) for target, sources in transitions.SOURCES.items() for source in sources
    }

    assert drawn() - {("", "Preparing")} == table


def test_the_drawing_has_the_letters_and_the_stages_of_the_legend() -> None:
    drawing, _, _ = DIAGRAM[DIAGRAM.index("──a──►") :].partition("\n\nEvery arrow")

    assert set(re.findall(r"(?<![A-Za-z])[a-z](?![A-Za-z])", drawing)) == {
        arrow["letter"] for arrow in LEGEND.finditer(DIAGRAM)
    }
    assert all(stage in drawing for stage in STAGES)


def test_nothing_follows_a_final_stage() -> None:
    assert not [arrow for arrow in drawn() if arrow[0] in {stage.__name__ for stage in FINAL}]


@pytest.mark.parametrize("source", EVERY_KIND, ids=lambda dialog: type(dialog).__name__)
def test_a_move_is_made_where_the_table_has_an_arrow_and_nowhere_else(
    shared_jobs: RestartableJobs, source: Dialog
) -> None:
    for number, target in enumerate(EVERY_KIND):
        if type(target) is Preparing:
            continue
        asked = replace(ASKED, dialog=DialogId(f"{EVERY_KIND.index(source)}-{number}"))
        shared_jobs.ledger.add(Entry(replace(source, asked=asked), trigger="", response_url=""))

        moved = shared_jobs.jobs._mover.move(replace(target, asked=asked))

        assert moved == ((type(source).__name__, type(target).__name__) in drawn())
        assert type(shared_jobs.stage(asked.dialog)) is (type(target) if moved else type(source))


# ── (a) (b) (c): from the line to the review ────────────────────────────────────────────────────────────────────────


def test_a_command_is_shown_at_once_and_then_proposed(jobs: RestartableJobs) -> None:
    review = jobs.reviewed()

    assert review == UnderReview(ASKED, PROPOSAL, jobs.clock() + timedelta(seconds=PATIENCE.review_seconds))
    assert jobs.screen.of("d-1")[:2] == [
        Preparing(ASKED, "Reading the command"),
        Preparing(ASKED, "Looking at the base"),
    ]
    assert jobs.stage() == review


def test_a_command_is_stored_before_anything_is_looked_up(jobs: RestartableJobs) -> None:
    jobs.work.answers.shut()
    jobs.types()

    assert jobs.stage() == Preparing(ASKED, "Reading the command")
    stored = jobs.ledger.get(D_1)
    assert stored is not None
    assert (stored.trigger, stored.response_url) == ("t-d-1", "http://127.0.0.1/respond")


def test_what_cannot_be_made_is_refused(jobs: RestartableJobs) -> None:
    jobs.work.answer_is = REFUSAL
    jobs.types()

    assert jobs.until_stored(Answered) == Answered(ASKED, REFUSAL)


def test_facts_that_are_not_to_be_had_end_the_dialog_with_advice(jobs: RestartableJobs) -> None:
    jobs.work.answer_is = IndexUnreachable("The index does not answer.", hint="Try again.", details=("timed out",))
    jobs.types()

    assert jobs.until_stored(Failed) == Failed(ASKED, "The index does not answer.", "Try again.", ("timed out",))


@pytest.mark.parametrize(
    "error", [ValueError("a hole in the bucket"), OSError("no \udcff name")], ids=["text", "bytes"]
)
def test_an_unforeseen_exception_ends_the_dialog_with_advice_too(jobs: RestartableJobs, error: Exception) -> None:
    jobs.work.answer_is = error
    jobs.types()

    end = jobs.until_stored(Failed)
    assert end.message == "Something went wrong inside the bot."
    assert "d-1" in end.hint
    assert type(error).__name__ in end.details[0]


def test_facts_are_gathered_for_a_few_commands_at_once(jobs: RestartableJobs) -> None:
    jobs.work.answers.shut()
    for number in range(5):
        jobs.types(f"d-{number}")
    jobs.work.answers.wait_for(2)

    assert len(jobs.work.of("answer")) == 2

    jobs.work.answers.open()
    for number in range(5):
        jobs.screen.wait_for(UnderReview, f"d-{number}")


# ── (d) (e) (f) (g): from the review on ─────────────────────────────────────────────────────────────────────────────


def test_a_confirmed_proposal_is_built_for_those_who_asked(jobs: RestartableJobs) -> None:
    jobs.confirmed(user=BOB)

    done = jobs.until_stored(Finished)
    assert done == Finished(ASKED, BOB, ImageCreated(PROPOSAL, CREATED), done.progress, NOW)
    assert jobs.screen.stages() == ["Preparing", "UnderReview", "Queued", "Running", "Finished"]
    assert jobs.work.of("carry_out") == ["d-1"]


def test_what_is_built_is_what_was_reviewed_and_whose_it_is(tmp_path: Path) -> None:
    seen: list[tuple[Proposal, JobContext]] = []

    class RecordingWork(FakeWork):
        def carry_out(
            self, proposal: Proposal, job_context: JobContext, emit: Callable[[Event], None], cancellation: Cancellation
        ) -> End | ImageUndecided:
            seen.append((proposal, job_context))
            return super().carry_out(proposal, job_context, emit, cancellation)

    jobs = RestartableJobs(tmp_path, work=RecordingWork())
    try:
        jobs.confirmed(user=BOB)
        jobs.screen.wait_for(Finished)
    finally:
        jobs.end()

    assert seen == [(PROPOSAL, JobContext(job="d-1", requester=ALICE, channel="C0WARROOM"))]


def test_an_image_that_exists_already_can_be_built_all_the_same(jobs: RestartableJobs) -> None:
    jobs.work.answer_is = OFFERED
    jobs.reviewed()

    assert jobs.presses(Decision.CONFIRM) is Press.TAKEN
    jobs.screen.wait_for(Finished)


def test_an_image_that_exists_already_can_be_taken(jobs: RestartableJobs) -> None:
    jobs.work.answer_is = OFFERED
    jobs.reviewed()

    assert jobs.presses(Decision.REUSE, user=BOB) is Press.TAKEN
    assert jobs.until_stored(Finished) == Finished(ASKED, BOB, ImageReused(OFFERED, EXISTING), None, NOW)
    assert jobs.work.of("carry_out") == []


def test_nothing_is_taken_where_nothing_exists(jobs: RestartableJobs) -> None:
    review = jobs.reviewed()

    assert jobs.presses(Decision.REUSE) is Press.LATE
    assert jobs.stage() == review


def test_a_proposal_can_be_cancelled(jobs: RestartableJobs) -> None:
    jobs.reviewed()

    assert jobs.presses(Decision.CANCEL, user=BOB) is Press.TAKEN
    assert jobs.until_stored(Cancelled) == Cancelled(ASKED, BOB)


def test_many_clicks_by_two_people_at_once_start_one_build(jobs: RestartableJobs) -> None:
    jobs.reviewed()
    clicks = [lambda user=user: jobs.presses(Decision.CONFIRM, user=user) for user in (ALICE, BOB) * 8]

    came = at_once(*clicks)

    jobs.screen.wait_for(Finished)
    assert came.count(Press.TAKEN) == 1
    assert came.count(Press.LATE) == 15
    assert jobs.work.of("carry_out") == ["d-1"]
    assert jobs.presses(Decision.CONFIRM) is Press.LATE


def test_of_create_and_cancel_at_once_one_wins(jobs: RestartableJobs) -> None:
    jobs.reviewed()

    came = at_once(
        *(lambda: jobs.presses(Decision.CONFIRM) for _ in range(4)),
        *(lambda: jobs.presses(Decision.CANCEL) for _ in range(4)),
    )

    assert came.count(Press.TAKEN) == 1
    until(lambda: isinstance(jobs.stage(), FINAL), "an end")
    assert isinstance(jobs.stage(), Finished if Press.TAKEN in came[:4] else Cancelled)
    assert len(jobs.screen.ends()) == 1


def test_a_proposal_that_nobody_confirms_expires(jobs: RestartableJobs) -> None:
    jobs.reviewed()
    jobs.clock.passes(PATIENCE.review_seconds - 1)
    assert isinstance(jobs.stage(), UnderReview)

    jobs.clock.passes(1)

    assert jobs.until_stored(Expired) == Expired(ASKED, PATIENCE.review_seconds)
    assert jobs.presses(Decision.CONFIRM) is Press.EXPIRED


def test_a_click_after_the_time_is_too_late_although_nobody_noticed_yet(tmp_path: Path) -> None:
    jobs = RestartableJobs(tmp_path, timeouts=replace(PATIENCE, tick_seconds=3600))
    try:
        jobs.reviewed()
        jobs.clock.passes(PATIENCE.review_seconds)

        assert jobs.presses(Decision.CONFIRM) is Press.EXPIRED
        assert jobs.until_stored(Expired) == Expired(ASKED, PATIENCE.review_seconds)
        assert jobs.presses(Decision.CANCEL) is Press.EXPIRED
    finally:
        jobs.end()


def test_a_button_of_an_unknown_dialog_is_told_apart(jobs: RestartableJobs) -> None:
    assert jobs.presses(Decision.CONFIRM, "never-seen") is Press.GONE


FITTING = {
    UnderReview: {Decision.CONFIRM, Decision.REUSE, Decision.CANCEL},
    Queued: {Decision.STOP},
    Running: {Decision.STOP},
    Deciding: {Decision.KEEP, Decision.DISCARD},
}


@pytest.mark.parametrize("dialog", EVERY_KIND, ids=lambda dialog: type(dialog).__name__)
def test_a_button_that_does_not_belong_to_the_stage_does_nothing(shared_jobs: RestartableJobs, dialog: Dialog) -> None:
    stored = replace(dialog, asked=replace(ASKED, dialog=DialogId(f"pressed-{EVERY_KIND.index(dialog)}")))
    shared_jobs.ledger.add(Entry(stored, trigger="", response_url=""))
    others = set(Decision) - FITTING.get(type(dialog), set())

    came = {shared_jobs.presses(button, stored.asked.dialog) for button in others}

    assert came == ({Press.EXPIRED} if isinstance(dialog, Expired) else {Press.LATE})
    assert shared_jobs.stage(stored.asked.dialog) == stored


# ── (h): the queue ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_more_builds_run_at_once_than_there_are_slots(jobs: RestartableJobs) -> None:
    names = [f"d-{number}" for number in range(6)]
    jobs.work.builds.shut()
    for name in names:
        jobs.confirmed(name)
    jobs.work.builds.wait_for(2)
    jobs.work.builds.open()
    for name in names:
        jobs.screen.wait_for(Finished, name)

    assert jobs.work.most_builds == 2
    assert jobs.work.of("carry_out") == names


def test_the_place_in_the_queue_is_shown_and_moves_up(jobs: RestartableJobs) -> None:
    jobs.building("a", "b")
    for name in ("c", "d", "e"):
        jobs.confirmed(name)
    assert [jobs.screen.wait_for(Queued, name).position for name in ("c", "d", "e")] == [1, 2, 3]

    jobs.work.builds.let_pass()

    jobs.screen.wait_for(Running, "c")
    jobs.screen.wait_for(Queued, "d", where=lambda queued: queued.position == 1)
    jobs.screen.wait_for(Queued, "e", where=lambda queued: queued.position == 2)


def test_those_behind_one_that_is_stopped_move_up(jobs: RestartableJobs) -> None:
    jobs.building("a", "b")
    jobs.confirmed("c")
    jobs.confirmed("d")
    jobs.screen.wait_for(Queued, "d", where=lambda queued: queued.position == 2)

    jobs.presses(Decision.STOP, "c")

    jobs.screen.wait_for(Queued, "d", where=lambda queued: queued.position == 1)


def test_those_confirmed_at_the_same_moment_have_different_places(jobs: RestartableJobs) -> None:
    jobs.building("a", "b")
    names = [f"c-{number}" for number in range(6)]
    for name in names:
        jobs.reviewed(name)
    at_once(*(lambda name=name: jobs.presses(Decision.CONFIRM, name) for name in names))

    def places() -> list[int]:
        return sorted(jobs.screen.wait_for(Queued, name).position for name in names)

    until(lambda: places() == [1, 2, 3, 4, 5, 6], f"six places, not {places()}")


def test_a_place_that_does_not_change_is_not_shown_again(jobs: RestartableJobs) -> None:
    jobs.building("a", "b")
    jobs.confirmed("c")
    ticks = len(jobs.screen.of("a"))
    until(lambda: len(jobs.screen.of("a")) > ticks + 5, "a few ticks")

    assert len([each for each in jobs.screen.of("c") if isinstance(each, Queued)]) == 1


# ── While it runs ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_running_build_shows_how_far_it_is(jobs: RestartableJobs) -> None:
    jobs.building()

    running = jobs.screen.wait_for(Running, where=lambda running: bool(running.progress.last_line))
    steps = (Step("Base", StepState.RUNNING, started=NOW), Step("Check the result"))
    assert running == Running(ASKED, PROPOSAL, ALICE, Progress(NOW, steps, "Unpacking wget"))


def test_a_running_build_is_shown_again_while_nothing_happens(jobs: RestartableJobs) -> None:
    jobs.building()
    jobs.screen.wait_for(Running, where=lambda running: bool(running.progress.last_line))
    so_far = len(jobs.screen.of("d-1"))

    until(lambda: len(jobs.screen.of("d-1")) > so_far + 2, "the elapsed time")


def test_the_log_can_be_read_while_the_build_runs(jobs: RestartableJobs) -> None:
    jobs.work.events = [LogLine(1, "\x1b[31mUnpacking\x1b[0m wget"), LogLine(1, f"token={SECRET}")]
    jobs.building()

    assert jobs.jobs.log_of(D_1) == Attachment(
        "log", "build-d-1.log", "The whole log", "Unpacking wget\ntoken=[redacted]\n"
    )


def test_the_whole_log_is_put_into_the_thread_at_the_end(jobs: RestartableJobs) -> None:
    jobs.confirmed()

    assert jobs.screen.wait_for_file().content == "Unpacking wget\n"


def test_a_file_is_put_into_the_thread_once(jobs: RestartableJobs) -> None:
    jobs.reviewed()
    file = Attachment("dockerfile", "Dockerfile", "The Dockerfile", "FROM x\n")

    assert jobs.jobs.attach(D_1, file)
    jobs.ledger.set_attached(D_1, "dockerfile")
    assert not jobs.jobs.attach(D_1, file)
    assert jobs.screen.files == [(D_1, file)]


def test_nothing_is_put_into_the_thread_of_an_unknown_dialog(jobs: RestartableJobs) -> None:
    assert not jobs.jobs.attach(D_1, Attachment("log", "a", "b", "c"))
    assert jobs.jobs.look_up(D_1) is None
    assert jobs.jobs.log_of(D_1) is None


# ── (j) (l): how it ends ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_failed_step_ends_the_dialog_with_the_lines_that_say_why(jobs: RestartableJobs) -> None:
    jobs.work.outcome_is = BROKEN_STEP
    jobs.confirmed()

    end = jobs.until_stored(Failed)
    assert (end.message, end.hint, end.details) == (BROKEN_STEP.message, BROKEN_STEP.hint, BROKEN_STEP.details)
    assert end.proposal == PROPOSAL
    assert end.progress is not None
    assert end.progress.last_line == "Unpacking wget"
    assert jobs.screen.wait_for_file().kind == "log"


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (BuildTimedOut("It took too long.", hint="Ask for less."), "It took too long."),
        (GONE, "No Docker daemon answers."),
        (KeyError("id"), "Something went wrong inside the bot."),
        # Nobody here pressed Stop: the daemon was shut down, or somebody ended the build on its host.
        (BuildStopped("The build was stopped.", hint="Type it again."), "The build was stopped."),
    ],
    ids=["too long", "engine gone", "unforeseen", "stopped by others"],
)
def test_a_build_that_fails_says_so(jobs: RestartableJobs, outcome: Exception, message: str) -> None:
    jobs.work.outcome_is = outcome
    jobs.confirmed()

    assert jobs.until_stored(Failed).message == message


def test_whatever_a_build_left_is_removed_in_the_end(jobs: RestartableJobs) -> None:
    jobs.work.outcome_is = GONE
    jobs.work.engine_troubles = [GONE, GONE]
    jobs.confirmed()
    jobs.screen.wait_for(Failed)

    jobs.work.wait_for("clean", times=3)


def test_tidying_up_on_an_engine_that_is_away_keeps_no_build_waiting(tmp_path: Path) -> None:
    jobs = RestartableJobs(tmp_path, slots=1)
    try:
        jobs.work.settles.shut()
        jobs.confirmed("a")
        jobs.work.settles.wait_for()
        jobs.confirmed("b")

        jobs.screen.wait_for(Finished, "b")
    finally:
        jobs.end()


def test_a_log_that_cannot_be_written_does_not_end_the_build(jobs: RestartableJobs) -> None:
    (jobs.folder / "logs").write_text("in the way")
    jobs.confirmed()
    jobs.until_stored(Finished)

    assert jobs.log() == "[1 line could not be written here: File exists]\n"


# ── (i): Stop ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_running_build_is_stopped(jobs: RestartableJobs) -> None:
    jobs.building()
    jobs.screen.wait_for(Running, where=lambda running: bool(running.progress.last_line))

    assert jobs.presses(Decision.STOP, user=BOB) is Press.TAKEN

    stopped = jobs.until_stored(Stopped)
    assert stopped == Stopped(ASKED, PROPOSAL, BOB, stopped.progress)
    assert stopped.progress is not None
    assert stopped.progress.last_line == "Unpacking wget"
    assert jobs.screen.wait_for(Running).stopping_by == BOB


def test_what_was_done_is_still_shown_while_it_is_being_stopped(jobs: RestartableJobs) -> None:
    jobs.work.ends_when_told = False
    jobs.building()
    jobs.screen.wait_for(Running, where=lambda running: bool(running.progress.last_line))

    jobs.presses(Decision.STOP, user=BOB)

    jobs.screen.wait_for(Running, where=lambda running: running.stopping_by == BOB and running.progress.steps != ())


def test_a_queued_build_is_stopped_and_never_starts(jobs: RestartableJobs) -> None:
    jobs.building("a", "b")
    jobs.confirmed("c")

    assert jobs.presses(Decision.STOP, "c", BOB) is Press.TAKEN
    assert jobs.until_stored(Stopped, "c").progress is None

    jobs.confirmed("d")
    jobs.work.builds.open()
    jobs.screen.wait_for(Finished, "d")
    assert "c" not in jobs.work.of("carry_out")


def test_a_stop_right_after_create_ends_the_dialog_once(jobs: RestartableJobs) -> None:
    jobs.work.builds.shut()
    for number in range(10):
        name = f"d-{number}"
        jobs.confirmed(name)

        assert jobs.presses(Decision.STOP, name) is Press.TAKEN
        jobs.until_stored(Stopped, name)
    until(lambda: len(jobs.screen.shown) == len(list(jobs.screen.shown)), "quiet")

    assert [len(jobs.screen.ends(f"d-{number}")) for number in range(10)] == [1] * 10


def test_stop_after_the_end_is_too_late(jobs: RestartableJobs) -> None:
    jobs.confirmed()
    done = jobs.screen.wait_for(Finished)

    assert jobs.presses(Decision.STOP) is Press.LATE
    assert jobs.stage() == done


def test_of_many_who_press_stop_at_once_one_stops_it(jobs: RestartableJobs) -> None:
    jobs.work.ends_when_told = False
    jobs.building()
    users = [f"U{number}" for number in range(12)]

    came = at_once(*(lambda user=user: jobs.presses(Decision.STOP, user=user) for user in users))

    assert came.count(Press.TAKEN) == 1
    stage = jobs.stage()
    assert isinstance(stage, Running)
    assert stage.stopping_by == users[came.index(Press.TAKEN)]
    assert jobs.presses(Decision.STOP) is Press.LATE


def test_an_image_that_was_ready_before_it_could_be_stopped_is_kept(jobs: RestartableJobs) -> None:
    jobs.work.ends_when_told = False
    jobs.building()
    jobs.presses(Decision.STOP)

    jobs.work.builds.open()

    jobs.until_stored(Finished)
    assert len(jobs.screen.ends()) == 1


# ── (k) (o) (p) (q): keep or discard ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def deciding(jobs: RestartableJobs) -> RestartableJobs:
    jobs.work.outcome_is = UNDECIDED
    jobs.confirmed()
    jobs.screen.wait_for(Deciding)
    return jobs


def test_an_image_with_modules_that_do_not_import_waits_for_a_decision(deciding: RestartableJobs) -> None:
    stage = deciding.stage()

    assert isinstance(stage, Deciding)
    assert stage.undecided == ImageUndecided(PROPOSAL, UNDECIDED)
    assert stage.expires == deciding.clock() + timedelta(seconds=PATIENCE.review_seconds)
    assert deciding.screen.wait_for_file().kind == "log"


def test_nothing_is_cleaned_away_while_nobody_has_decided(deciding: RestartableJobs) -> None:
    deciding.work.outcome_is = CREATED
    deciding.confirmed("d-2")
    deciding.work.wait_for("clean", "d-2")

    assert "d-1" not in deciding.work.of("clean")


def test_an_undecided_image_is_kept(deciding: RestartableJobs) -> None:
    assert deciding.presses(Decision.KEEP, user=BOB) is Press.TAKEN

    done = deciding.until_stored(Finished)
    assert (done.by, done.end) == (BOB, ImageCreated(PROPOSAL, CREATED))
    assert deciding.screen.stages()[-3:] == ["Deciding", "Settling", "Finished"]


def test_an_undecided_image_is_discarded(deciding: RestartableJobs) -> None:
    assert deciding.presses(Decision.DISCARD, user=BOB) is Press.TAKEN

    assert deciding.until_stored(Discarded) == Discarded(ASKED, BOB, PROPOSAL)
    assert deciding.work.of("clean")[0] == "d-1"
    assert deciding.work.of("keep") == []


def test_an_image_about_which_nobody_decides_is_discarded(deciding: RestartableJobs) -> None:
    deciding.clock.passes(PATIENCE.review_seconds)

    assert deciding.until_stored(Discarded) == Discarded(ASKED, None, PROPOSAL)


def test_of_keep_and_discard_at_once_one_wins(deciding: RestartableJobs) -> None:
    came = at_once(
        *(lambda: deciding.presses(Decision.KEEP) for _ in range(4)),
        *(lambda: deciding.presses(Decision.DISCARD) for _ in range(4)),
    )

    assert came.count(Press.TAKEN) == 1
    until(lambda: isinstance(deciding.stage(), FINAL), "an end")
    assert isinstance(deciding.stage(), Finished if Press.TAKEN in came[:4] else Discarded)


@pytest.mark.parametrize(("button", "end"), [(Decision.KEEP, Finished), (Decision.DISCARD, Discarded)])
def test_a_decision_waits_for_an_engine_that_is_away(
    deciding: RestartableJobs, button: Decision, end: type[Dialog]
) -> None:
    deciding.work.engine_troubles = [GONE, GONE]
    deciding.presses(button)

    deciding.until_stored(end)
    assert deciding.screen.stages()[-2:] == ["Settling", end.__name__]


def test_an_image_that_cannot_be_kept_is_not_left_lying_about(deciding: RestartableJobs) -> None:
    deciding.work.kept_is = CREATED
    deciding.work.engine_troubles = [Problem("The image is gone.", hint="Type the command again.")]
    deciding.presses(Decision.KEEP)

    assert deciding.until_stored(Failed).message == "The image is gone."
    deciding.work.wait_for("clean", "d-1")


# ── When the state cannot be written ────────────────────────────────────────────────────────────────────────────────


def test_a_command_that_cannot_be_stored_is_not_taken(jobs: RestartableJobs) -> None:
    jobs.fill_the_disk()

    with pytest.raises(StateUnwritable, match="disk is full"):
        jobs.types()

    assert jobs.screen.shown == []
    assert jobs.work.calls == []


def test_a_click_that_cannot_be_stored_is_not_taken(jobs: RestartableJobs) -> None:
    review = jobs.reviewed()
    jobs.fill_the_disk(Queued)

    with pytest.raises(StateUnwritable, match="disk is full"):
        jobs.presses(Decision.CONFIRM)

    assert jobs.stage() == review
    jobs.free_the_disk(Queued)
    assert jobs.presses(Decision.CONFIRM) is Press.TAKEN


@pytest.mark.parametrize("stage", [UnderReview, Running, Finished, Failed])
def test_what_cannot_be_stored_is_told_and_stored_once_it_can_be(jobs: RestartableJobs, stage: type[Dialog]) -> None:
    jobs.work.outcome_is = BROKEN_STEP if stage is Failed else CREATED
    jobs.fill_the_disk(stage)
    jobs.types()
    if stage is not UnderReview:
        jobs.screen.wait_for(UnderReview)
        jobs.presses(Decision.CONFIRM)
    told = jobs.screen.wait_for_trouble()
    assert "disk is full" in told.message
    assert "free some space" in told.hint
    assert jobs.screen.ends() == []

    jobs.free_the_disk(stage)

    goes_on = Finished if stage is Running else stage
    until(lambda: isinstance(jobs.stage(), goes_on), f"{goes_on.__name__} to be stored")
    assert jobs.work.of("carry_out") == ([] if stage is UnderReview else ["d-1"])
    until(lambda: jobs.screen.of("d-1")[-1] == jobs.stage(), "the stored stage to be shown")


def test_no_end_is_shown_while_the_state_cannot_be_written(jobs: RestartableJobs) -> None:
    jobs.fill_the_disk(Finished)
    jobs.confirmed()
    jobs.screen.wait_for_trouble(times=3)

    assert jobs.screen.ends() == []
    assert isinstance(jobs.stage(), Running)


def test_a_trouble_is_not_hidden_by_the_progress_of_another_try(jobs: RestartableJobs) -> None:
    jobs.fill_the_disk(UnderReview)
    jobs.types()
    jobs.screen.wait_for_trouble(times=2)

    jobs.free_the_disk(UnderReview)
    jobs.screen.wait_for(UnderReview)
    assert [trouble_of(each) for each in jobs.screen.of("d-1")][-1] is None
    assert jobs.screen.ends() == []


@pytest.mark.parametrize("dialog", EVERY_KIND, ids=lambda dialog: type(dialog).__name__)
def test_only_a_stage_with_a_task_has_a_trouble(dialog: Dialog) -> None:
    troubled = transitions.troubled_stage(dialog, StateUnwritable("The disk is full.", hint="Free some space."))

    assert (troubled is not None) == (transitions.task_of(dialog) is not None)
    if troubled is not None:
        assert trouble_of(troubled) == StorageTrouble("The disk is full.", "Free some space.")
        assert type(troubled) is type(dialog)


def test_a_task_that_falls_over_ends_its_dialog(jobs: RestartableJobs) -> None:
    jobs.reviewed()
    jobs.screen.breaks_at = Running
    jobs.presses(Decision.CONFIRM)

    assert jobs.until_stored(Failed).message == "Something went wrong inside the bot."
    jobs.screen.breaks_at = None
    jobs.confirmed("d-2")
    jobs.screen.wait_for(Finished, "d-2")
