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
    Attachment,
    Cancelled,
    Deciding,
    Dialog,
    DialogId,
    Discarded,
    Done,
    Expired,
    Failed,
    Preparing,
    Queued,
    Refused,
    Reused,
    Running,
    Stopped,
    UnderReview,
)
from bot.dialogs.transitions import Button, Press
from commands.cancellation import Cancellation
from commands.carry_out import JobContext
from commands.command import Proposal
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
from commands.model.outcomes import Outcome
from tests.fakes.host import PATIENCE_SECONDS
from tests.fakes.work import FakeWork
from tests.kit.examples import (
    ALICE,
    ASKED,
    BOB,
    CREATED,
    EVERY_KIND,
    EXISTING,
    FAILURES,
    IMAGE,
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


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[RestartableJobs]:
    made = RestartableJobs(tmp_path)
    yield made
    made.end()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestartableJobs]:
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
def test_a_move_is_made_where_the_table_has_an_arrow_and_nowhere_else(shelf: RestartableJobs, source: Dialog) -> None:
    for number, target in enumerate(EVERY_KIND):
        if type(target) is Preparing:
            continue
        asked = replace(ASKED, dialog=DialogId(f"{type(source).__name__}-{number}"))
        shelf.ledger.add(Entry(replace(source, asked=asked), trigger="", response_url=""))

        moved = shelf.jobs._mover.move(replace(target, asked=asked))

        assert moved == ((type(source).__name__, type(target).__name__) in drawn())
        assert type(shelf.stage(asked.dialog)) is (type(target) if moved else type(source))


# ── (a) (b) (c): from the line to the review ────────────────────────────────────────────────────────────────────────


def test_a_command_is_shown_at_once_and_then_proposed(bench: RestartableJobs) -> None:
    review = bench.reviewed()

    assert review == UnderReview(ASKED, PROPOSAL, bench.clock() + timedelta(seconds=PATIENCE.review_seconds))
    assert bench.screen.of("d-1")[:2] == [
        Preparing(ASKED, "Reading the command"),
        Preparing(ASKED, "Looking at the base"),
    ]
    assert bench.stage() == review


def test_a_command_is_stored_before_anything_is_looked_up(bench: RestartableJobs) -> None:
    bench.work.answers.shut()
    bench.types()

    assert bench.stage() == Preparing(ASKED, "Reading the command")
    stored = bench.ledger.get(D_1)
    assert stored is not None
    assert (stored.trigger, stored.response_url) == ("t-d-1", "http://127.0.0.1/respond")


def test_what_cannot_be_made_is_refused(bench: RestartableJobs) -> None:
    bench.work.answer_is = REFUSAL
    bench.types()

    assert bench.until_stored(Refused) == Refused(ASKED, REFUSAL)


def test_facts_that_are_not_to_be_had_end_the_dialog_with_advice(bench: RestartableJobs) -> None:
    bench.work.answer_is = IndexUnreachable("The index does not answer.", hint="Try again.", details=("timed out",))
    bench.types()

    assert bench.until_stored(Failed) == Failed(ASKED, "The index does not answer.", "Try again.", ("timed out",))


@pytest.mark.parametrize(
    "error", [ValueError("a hole in the bucket"), OSError("no \udcff name")], ids=["text", "bytes"]
)
def test_an_unforeseen_exception_ends_the_dialog_with_advice_too(bench: RestartableJobs, error: Exception) -> None:
    bench.work.answer_is = error
    bench.types()

    end = bench.until_stored(Failed)
    assert end.message == "Something went wrong inside the bot."
    assert "d-1" in end.hint
    assert type(error).__name__ in end.details[0]


def test_facts_are_gathered_for_a_few_commands_at_once(bench: RestartableJobs) -> None:
    bench.work.answers.shut()
    for number in range(5):
        bench.types(f"d-{number}")
    bench.work.answers.wait_for(2)

    assert len(bench.work.of("answer")) == 2

    bench.work.answers.open()
    for number in range(5):
        bench.screen.wait_for(UnderReview, f"d-{number}")


# ── (d) (e) (f) (g): from the review on ─────────────────────────────────────────────────────────────────────────────


def test_a_confirmed_proposal_is_built_for_those_who_asked(bench: RestartableJobs) -> None:
    bench.confirmed(user=BOB)

    done = bench.until_stored(Done)
    assert done == Done(ASKED, PROPOSAL, BOB, CREATED, done.progress, NOW)
    assert bench.screen.stages() == ["Preparing", "UnderReview", "Queued", "Running", "Done"]
    assert bench.work.of("carry_out") == ["d-1"]


def test_what_is_built_is_what_was_reviewed_and_whose_it_is(tmp_path: Path) -> None:
    seen: list[tuple[Proposal, JobContext]] = []

    class RecordingWork(FakeWork):
        def carry_out(
            self, proposal: Proposal, job_context: JobContext, emit: Callable[[Event], None], cancellation: Cancellation
        ) -> Outcome:
            seen.append((proposal, job_context))
            return super().carry_out(proposal, job_context, emit, cancellation)

    bench = RestartableJobs(tmp_path, work=RecordingWork())
    try:
        bench.confirmed(user=BOB)
        bench.screen.wait_for(Done)
    finally:
        bench.end()

    assert seen == [(PROPOSAL, JobContext(job="d-1", requester=ALICE, channel="C0WARROOM"))]


@pytest.mark.parametrize("button", [Button.CREATE, Button.BUILD_ANYWAY])
def test_an_image_that_exists_already_can_be_built_all_the_same(bench: RestartableJobs, button: Button) -> None:
    bench.work.answer_is = OFFERED
    bench.reviewed()

    assert bench.presses(button) is Press.TAKEN
    bench.screen.wait_for(Done)


def test_an_image_that_exists_already_can_be_taken(bench: RestartableJobs) -> None:
    bench.work.answer_is = OFFERED
    bench.reviewed()

    assert bench.presses(Button.REUSE, user=BOB) is Press.TAKEN
    assert bench.until_stored(Reused) == Reused(ASKED, OFFERED, BOB, EXISTING)
    assert bench.work.of("carry_out") == []


def test_nothing_is_taken_where_nothing_exists(bench: RestartableJobs) -> None:
    review = bench.reviewed()

    assert bench.presses(Button.REUSE) is Press.LATE
    assert bench.stage() == review


def test_a_proposal_can_be_cancelled(bench: RestartableJobs) -> None:
    bench.reviewed()

    assert bench.presses(Button.CANCEL, user=BOB) is Press.TAKEN
    assert bench.until_stored(Cancelled) == Cancelled(ASKED, BOB)


def test_many_clicks_by_two_people_at_once_start_one_build(bench: RestartableJobs) -> None:
    bench.reviewed()
    clicks = [lambda user=user: bench.presses(Button.CREATE, user=user) for user in (ALICE, BOB) * 8]

    came = at_once(*clicks)

    bench.screen.wait_for(Done)
    assert came.count(Press.TAKEN) == 1
    assert came.count(Press.LATE) == 15
    assert bench.work.of("carry_out") == ["d-1"]
    assert bench.presses(Button.CREATE) is Press.LATE


def test_of_create_and_cancel_at_once_one_wins(bench: RestartableJobs) -> None:
    bench.reviewed()

    came = at_once(
        *(lambda: bench.presses(Button.CREATE) for _ in range(4)),
        *(lambda: bench.presses(Button.CANCEL) for _ in range(4)),
    )

    assert came.count(Press.TAKEN) == 1
    until(lambda: isinstance(bench.stage(), FINAL), "an end")
    assert isinstance(bench.stage(), Done if Press.TAKEN in came[:4] else Cancelled)
    assert len(bench.screen.ends()) == 1


def test_a_proposal_that_nobody_confirms_expires(bench: RestartableJobs) -> None:
    bench.reviewed()
    bench.clock.passes(PATIENCE.review_seconds - 1)
    assert isinstance(bench.stage(), UnderReview)

    bench.clock.passes(1)

    assert bench.until_stored(Expired) == Expired(ASKED, PATIENCE.review_seconds)
    assert bench.presses(Button.CREATE) is Press.EXPIRED


def test_a_click_after_the_time_is_too_late_although_nobody_noticed_yet(tmp_path: Path) -> None:
    bench = RestartableJobs(tmp_path, timeouts=replace(PATIENCE, tick_seconds=3600))
    try:
        bench.reviewed()
        bench.clock.passes(PATIENCE.review_seconds)

        assert bench.presses(Button.CREATE) is Press.EXPIRED
        assert bench.until_stored(Expired) == Expired(ASKED, PATIENCE.review_seconds)
        assert bench.presses(Button.CANCEL) is Press.EXPIRED
    finally:
        bench.end()


def test_a_button_of_an_unknown_dialog_is_told_apart(bench: RestartableJobs) -> None:
    assert bench.presses(Button.CREATE, "never-seen") is Press.GONE


FITTING = {
    UnderReview: {Button.CREATE, Button.BUILD_ANYWAY, Button.REUSE, Button.CANCEL},
    Queued: {Button.STOP},
    Running: {Button.STOP},
    Deciding: {Button.KEEP, Button.DISCARD},
}


@pytest.mark.parametrize("dialog", EVERY_KIND, ids=lambda dialog: type(dialog).__name__)
def test_a_button_that_does_not_belong_to_the_stage_does_nothing(shelf: RestartableJobs, dialog: Dialog) -> None:
    stored = replace(dialog, asked=replace(ASKED, dialog=DialogId(f"pressed-{type(dialog).__name__}")))
    shelf.ledger.add(Entry(stored, trigger="", response_url=""))
    others = set(Button) - FITTING.get(type(dialog), set())

    came = {shelf.presses(button, stored.asked.dialog) for button in others}

    assert came == ({Press.EXPIRED} if isinstance(dialog, Expired) else {Press.LATE})
    assert shelf.stage(stored.asked.dialog) == stored


# ── (h): the queue ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_more_builds_run_at_once_than_there_are_slots(bench: RestartableJobs) -> None:
    names = [f"d-{number}" for number in range(6)]
    bench.work.builds.shut()
    for name in names:
        bench.confirmed(name)
    bench.work.builds.wait_for(2)
    bench.work.builds.open()
    for name in names:
        bench.screen.wait_for(Done, name)

    assert bench.work.most_builds == 2
    assert bench.work.of("carry_out") == names


def test_the_place_in_the_queue_is_shown_and_moves_up(bench: RestartableJobs) -> None:
    bench.building("a", "b")
    for name in ("c", "d", "e"):
        bench.confirmed(name)
    assert [bench.screen.wait_for(Queued, name).position for name in ("c", "d", "e")] == [1, 2, 3]

    bench.work.builds.let_pass()

    bench.screen.wait_for(Running, "c")
    bench.screen.wait_for(Queued, "d", where=lambda queued: queued.position == 1)
    bench.screen.wait_for(Queued, "e", where=lambda queued: queued.position == 2)


def test_those_behind_one_that_is_stopped_move_up(bench: RestartableJobs) -> None:
    bench.building("a", "b")
    bench.confirmed("c")
    bench.confirmed("d")
    bench.screen.wait_for(Queued, "d", where=lambda queued: queued.position == 2)

    bench.presses(Button.STOP, "c")

    bench.screen.wait_for(Queued, "d", where=lambda queued: queued.position == 1)


def test_those_confirmed_at_the_same_moment_have_different_places(bench: RestartableJobs) -> None:
    bench.building("a", "b")
    names = [f"c-{number}" for number in range(6)]
    for name in names:
        bench.reviewed(name)
    at_once(*(lambda name=name: bench.presses(Button.CREATE, name) for name in names))

    def places() -> list[int]:
        return sorted(bench.screen.wait_for(Queued, name).position for name in names)

    until(lambda: places() == [1, 2, 3, 4, 5, 6], f"six places, not {places()}")


def test_a_place_that_does_not_change_is_not_shown_again(bench: RestartableJobs) -> None:
    bench.building("a", "b")
    bench.confirmed("c")
    ticks = len(bench.screen.of("a"))
    until(lambda: len(bench.screen.of("a")) > ticks + 5, "a few ticks")

    assert len([each for each in bench.screen.of("c") if isinstance(each, Queued)]) == 1


# ── While it runs ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_running_build_shows_how_far_it_is(bench: RestartableJobs) -> None:
    bench.building()

    running = bench.screen.wait_for(Running, where=lambda running: bool(running.progress.last_line))
    steps = (Step("Base", StepState.RUNNING, started=NOW), Step("Check the result"))
    assert running == Running(ASKED, PROPOSAL, ALICE, Progress(NOW, steps, "Unpacking wget"))


def test_a_running_build_is_shown_again_while_nothing_happens(bench: RestartableJobs) -> None:
    bench.building()
    bench.screen.wait_for(Running, where=lambda running: bool(running.progress.last_line))
    so_far = len(bench.screen.of("d-1"))

    until(lambda: len(bench.screen.of("d-1")) > so_far + 2, "the elapsed time")


def test_the_log_can_be_read_while_the_build_runs(bench: RestartableJobs) -> None:
    bench.work.events = [LogLine(1, "\x1b[31mUnpacking\x1b[0m wget"), LogLine(1, f"token={SECRET}")]
    bench.building()

    assert bench.jobs.log_of(D_1) == Attachment(
        "log", "build-d-1.log", "The whole log", "Unpacking wget\ntoken=[redacted]\n"
    )


def test_the_whole_log_is_put_into_the_thread_at_the_end(bench: RestartableJobs) -> None:
    bench.confirmed()

    assert bench.screen.wait_for_file().content == "Unpacking wget\n"


def test_a_file_is_put_into_the_thread_once(bench: RestartableJobs) -> None:
    bench.reviewed()
    file = Attachment("dockerfile", "Dockerfile", "The Dockerfile", "FROM x\n")

    assert bench.jobs.attach(D_1, file)
    bench.ledger.set_attached(D_1, "dockerfile")
    assert not bench.jobs.attach(D_1, file)
    assert bench.screen.files == [(D_1, file)]


def test_nothing_is_put_into_the_thread_of_an_unknown_dialog(bench: RestartableJobs) -> None:
    assert not bench.jobs.attach(D_1, Attachment("log", "a", "b", "c"))
    assert bench.jobs.look_up(D_1) is None
    assert bench.jobs.log_of(D_1) is None


# ── (j) (l): how it ends ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_failed_step_ends_the_dialog_with_the_lines_that_say_why(bench: RestartableJobs) -> None:
    bench.work.outcome_is = BROKEN_STEP
    bench.confirmed()

    end = bench.until_stored(Failed)
    assert (end.message, end.hint, end.details) == (BROKEN_STEP.message, BROKEN_STEP.hint, BROKEN_STEP.details)
    assert end.proposal == PROPOSAL
    assert end.progress is not None
    assert end.progress.last_line == "Unpacking wget"
    assert bench.screen.wait_for_file().kind == "log"


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
def test_a_build_that_fails_says_so(bench: RestartableJobs, outcome: Exception, message: str) -> None:
    bench.work.outcome_is = outcome
    bench.confirmed()

    assert bench.until_stored(Failed).message == message


def test_whatever_a_build_left_is_removed_in_the_end(bench: RestartableJobs) -> None:
    bench.work.outcome_is = GONE
    bench.work.engine_troubles = [GONE, GONE]
    bench.confirmed()
    bench.screen.wait_for(Failed)

    bench.work.wait_for("clean", times=3)


def test_tidying_up_on_an_engine_that_is_away_keeps_no_build_waiting(tmp_path: Path) -> None:
    bench = RestartableJobs(tmp_path, slots=1)
    try:
        bench.work.settles.shut()
        bench.confirmed("a")
        bench.work.settles.wait_for()
        bench.confirmed("b")

        bench.screen.wait_for(Done, "b")
    finally:
        bench.end()


def test_a_log_that_cannot_be_written_ends_the_build_with_advice(bench: RestartableJobs) -> None:
    (bench.folder / "logs").write_text("in the way")
    bench.confirmed()

    assert "logs" in bench.until_stored(Failed).hint


# ── (i): Stop ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_running_build_is_stopped(bench: RestartableJobs) -> None:
    bench.building()
    bench.screen.wait_for(Running, where=lambda running: bool(running.progress.last_line))

    assert bench.presses(Button.STOP, user=BOB) is Press.TAKEN

    stopped = bench.until_stored(Stopped)
    assert stopped == Stopped(ASKED, PROPOSAL, BOB, stopped.progress)
    assert stopped.progress is not None
    assert stopped.progress.last_line == "Unpacking wget"
    assert bench.screen.wait_for(Running).stopping_by == BOB


def test_what_was_done_is_still_shown_while_it_is_being_stopped(bench: RestartableJobs) -> None:
    bench.work.ends_when_told = False
    bench.building()
    bench.screen.wait_for(Running, where=lambda running: bool(running.progress.last_line))

    bench.presses(Button.STOP, user=BOB)

    bench.screen.wait_for(Running, where=lambda running: running.stopping_by == BOB and running.progress.steps != ())


def test_a_queued_build_is_stopped_and_never_starts(bench: RestartableJobs) -> None:
    bench.building("a", "b")
    bench.confirmed("c")

    assert bench.presses(Button.STOP, "c", BOB) is Press.TAKEN
    assert bench.until_stored(Stopped, "c").progress is None

    bench.confirmed("d")
    bench.work.builds.open()
    bench.screen.wait_for(Done, "d")
    assert "c" not in bench.work.of("carry_out")


def test_a_stop_right_after_create_ends_the_dialog_once(bench: RestartableJobs) -> None:
    bench.work.builds.shut()
    for number in range(10):
        name = f"d-{number}"
        bench.confirmed(name)

        assert bench.presses(Button.STOP, name) is Press.TAKEN
        bench.until_stored(Stopped, name)
    until(lambda: len(bench.screen.shown) == len(list(bench.screen.shown)), "quiet")

    assert [len(bench.screen.ends(f"d-{number}")) for number in range(10)] == [1] * 10


def test_stop_after_the_end_is_too_late(bench: RestartableJobs) -> None:
    bench.confirmed()
    done = bench.screen.wait_for(Done)

    assert bench.presses(Button.STOP) is Press.LATE
    assert bench.stage() == done


def test_of_many_who_press_stop_at_once_one_stops_it(bench: RestartableJobs) -> None:
    bench.work.ends_when_told = False
    bench.building()
    users = [f"U{number}" for number in range(12)]

    came = at_once(*(lambda user=user: bench.presses(Button.STOP, user=user) for user in users))

    assert came.count(Press.TAKEN) == 1
    stage = bench.stage()
    assert isinstance(stage, Running)
    assert stage.stopping_by == users[came.index(Press.TAKEN)]
    assert bench.presses(Button.STOP) is Press.LATE


def test_an_image_that_was_ready_before_it_could_be_stopped_is_kept(bench: RestartableJobs) -> None:
    bench.work.ends_when_told = False
    bench.building()
    bench.presses(Button.STOP)

    bench.work.builds.open()

    bench.until_stored(Done)
    assert len(bench.screen.ends()) == 1


# ── (k) (o) (p) (q): keep or discard ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def deciding(bench: RestartableJobs) -> RestartableJobs:
    bench.work.outcome_is = UNDECIDED
    bench.confirmed()
    bench.screen.wait_for(Deciding)
    return bench


def test_an_image_with_modules_that_do_not_import_waits_for_a_decision(deciding: RestartableJobs) -> None:
    stage = deciding.stage()

    assert isinstance(stage, Deciding)
    assert (stage.image_id, stage.failures) == (IMAGE.id, FAILURES)
    assert stage.expires == deciding.clock() + timedelta(seconds=PATIENCE.review_seconds)
    assert deciding.screen.wait_for_file().kind == "log"


def test_nothing_is_cleaned_away_while_nobody_has_decided(deciding: RestartableJobs) -> None:
    deciding.work.outcome_is = CREATED
    deciding.confirmed("d-2")
    deciding.work.wait_for("clean", "d-2")

    assert "d-1" not in deciding.work.of("clean")


def test_an_undecided_image_is_kept(deciding: RestartableJobs) -> None:
    assert deciding.presses(Button.KEEP, user=BOB) is Press.TAKEN

    done = deciding.until_stored(Done)
    assert (done.by, done.created) == (BOB, CREATED)
    assert deciding.screen.stages()[-3:] == ["Deciding", "Settling", "Done"]


def test_an_undecided_image_is_discarded(deciding: RestartableJobs) -> None:
    assert deciding.presses(Button.DISCARD, user=BOB) is Press.TAKEN

    assert deciding.until_stored(Discarded) == Discarded(ASKED, PROPOSAL, BOB)
    assert deciding.work.of("clean")[0] == "d-1"
    assert deciding.work.of("keep") == []


def test_an_image_about_which_nobody_decides_is_discarded(deciding: RestartableJobs) -> None:
    deciding.clock.passes(PATIENCE.review_seconds)

    assert deciding.until_stored(Discarded) == Discarded(ASKED, PROPOSAL, None)


def test_of_keep_and_discard_at_once_one_wins(deciding: RestartableJobs) -> None:
    came = at_once(
        *(lambda: deciding.presses(Button.KEEP) for _ in range(4)),
        *(lambda: deciding.presses(Button.DISCARD) for _ in range(4)),
    )

    assert came.count(Press.TAKEN) == 1
    until(lambda: isinstance(deciding.stage(), FINAL), "an end")
    assert isinstance(deciding.stage(), Done if Press.TAKEN in came[:4] else Discarded)


@pytest.mark.parametrize(("button", "end"), [(Button.KEEP, Done), (Button.DISCARD, Discarded)])
def test_a_decision_waits_for_an_engine_that_is_away(
    deciding: RestartableJobs, button: Button, end: type[Dialog]
) -> None:
    deciding.work.engine_troubles = [GONE, GONE]
    deciding.presses(button)

    deciding.until_stored(end)
    assert deciding.screen.stages()[-2:] == ["Settling", end.__name__]


def test_an_image_that_cannot_be_kept_is_not_left_lying_about(deciding: RestartableJobs) -> None:
    deciding.work.kept_is = CREATED
    deciding.work.engine_troubles = [Problem("The image is gone.", hint="Type the command again.")]
    deciding.presses(Button.KEEP)

    assert deciding.until_stored(Failed).message == "The image is gone."
    deciding.work.wait_for("clean", "d-1")


# ── When the state cannot be written ────────────────────────────────────────────────────────────────────────────────


def test_a_command_that_cannot_be_stored_is_not_taken(bench: RestartableJobs) -> None:
    bench.fill_the_disk()

    with pytest.raises(StateUnwritable, match="disk is full"):
        bench.types()

    assert bench.screen.shown == []
    assert bench.work.calls == []


def test_a_click_that_cannot_be_stored_is_not_taken(bench: RestartableJobs) -> None:
    review = bench.reviewed()
    bench.fill_the_disk(Queued)

    with pytest.raises(StateUnwritable, match="disk is full"):
        bench.presses(Button.CREATE)

    assert bench.stage() == review
    bench.free_the_disk(Queued)
    assert bench.presses(Button.CREATE) is Press.TAKEN


@pytest.mark.parametrize("stage", [UnderReview, Running, Done, Failed])
def test_what_cannot_be_stored_is_told_and_stored_once_it_can_be(bench: RestartableJobs, stage: type[Dialog]) -> None:
    bench.work.outcome_is = BROKEN_STEP if stage is Failed else CREATED
    bench.fill_the_disk(stage)
    bench.types()
    if stage is not UnderReview:
        bench.screen.wait_for(UnderReview)
        bench.presses(Button.CREATE)
    told = bench.screen.wait_for(Failed, where=lambda failed: "disk is full" in failed.message)
    assert "free some space" in told.hint

    bench.free_the_disk(stage)

    goes_on = Done if stage is Running else stage
    until(lambda: isinstance(bench.stage(), goes_on), f"{goes_on.__name__} to be stored")
    assert bench.work.of("carry_out") == ([] if stage is UnderReview else ["d-1"])


def test_a_state_that_cannot_be_written_is_told_once(bench: RestartableJobs) -> None:
    bench.fill_the_disk(Done)
    bench.confirmed()
    bench.screen.wait_for(Failed)
    retries = threading.Event()
    retries.wait(10 * PATIENCE.retry_seconds)

    assert len(bench.screen.ends()) == 1
    assert isinstance(bench.screen.of("d-1")[-1], Failed)


def test_a_task_that_falls_over_ends_its_dialog(bench: RestartableJobs) -> None:
    bench.reviewed()
    bench.screen.breaks_at = Running
    bench.presses(Button.CREATE)

    assert bench.until_stored(Failed).message == "Something went wrong inside the bot."
    bench.screen.breaks_at = None
    bench.confirmed("d-2")
    bench.screen.wait_for(Done, "d-2")
