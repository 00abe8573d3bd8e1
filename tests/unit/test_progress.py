from datetime import UTC, datetime, timedelta
from functools import reduce

import pytest

from bot.dialogs.progress import Progress, Step, StepState, Transfer, progress_after
from commands.model.events import (
    Event,
    ImageBuilt,
    LogLine,
    PullAdvanced,
    StepDone,
    StepFailed,
    StepNoted,
    StepsPlanned,
    StepStarted,
)
from commands.model.images import ImageId

START = datetime(2026, 11, 23, 19, 50, tzinfo=UTC)
PLANNED = StepsPlanned(("Base", "OS packages", "Check"))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def fold(*events: Event) -> Progress:
    """Fold events that come a second apart, the first after one second."""
    timed = list(enumerate(events, start=1))
    return reduce(lambda progress, item: progress_after(progress, item[1], at(item[0])), timed, Progress(START))


def test_a_plan_lists_its_steps_as_waiting() -> None:
    assert fold(PLANNED) == Progress(START, (Step("Base"), Step("OS packages"), Step("Check")))


def test_the_first_step_is_number_one() -> None:
    progress = fold(PLANNED, StepStarted(1))

    assert progress.steps[0] == Step("Base", StepState.RUNNING, started=at(2))
    assert [step.state for step in progress.steps[1:]] == [StepState.WAITING, StepState.WAITING]


def test_a_job_is_followed_from_plan_to_failure() -> None:
    progress = fold(
        PLANNED,
        StepDone(1, 0.0, cached=True),
        StepStarted(2),
        LogLine(2, "Unpacking wget"),
        StepDone(2, 4.5),
        ImageBuilt(ImageId("sha256:" + "a" * 64)),
        StepStarted(3),
        StepFailed(3, 1.25),
    )

    assert progress == Progress(
        START,
        (
            Step("Base", StepState.CACHED, started=None, seconds=0.0),
            Step("OS packages", StepState.DONE, started=at(3), seconds=4.5),
            Step("Check", StepState.FAILED, started=at(7), seconds=1.25),
        ),
        "Unpacking wget",
    )


def test_a_step_that_starts_again_has_no_end_any_more() -> None:
    progress = fold(PLANNED, StepStarted(1), StepFailed(1, 9.0), StepStarted(1))

    assert progress.steps[0] == Step("Base", StepState.RUNNING, started=at(4))


def test_a_new_plan_replaces_the_old_one() -> None:
    assert fold(PLANNED, StepStarted(1), StepsPlanned(("Again",))).steps == (Step("Again"),)


@pytest.mark.parametrize(
    "event", [StepStarted(0), StepStarted(4), StepStarted(-1), StepDone(4, 1.0), StepFailed(9, 1.0)]
)
def test_a_step_that_was_not_planned_is_ignored(event: Event) -> None:
    assert fold(PLANNED, event) == fold(PLANNED)


def test_a_log_line_is_kept_as_it_came() -> None:
    assert fold(LogLine(7, "\x1b[31m red \r")).last_line == "\x1b[31m red \r"


@pytest.mark.parametrize("blank", ["", "  \t", "\r"])
def test_a_blank_line_does_not_hide_the_last_one(blank: str) -> None:
    assert fold(LogLine(1, "Unpacking"), LogLine(1, blank)).last_line == "Unpacking"


# ── Stages ──────────────────────────────────────────────────────────────────────────────────────────────────────────

TOOL_BASE = StepStarted(1, stage="tool", title="FROM x")
TOOL_RUN = StepStarted(2, stage="tool", title="RUN make")


def titles_and_states(progress: Progress) -> list[tuple[str, StepState]]:
    return [(step.title, step.state) for step in progress.steps]


def test_a_step_of_another_stage_is_shown_before_those_that_wait() -> None:
    progress = fold(PLANNED, StepStarted(1), TOOL_BASE, StepDone(1, 1.0, stage="tool"), TOOL_RUN)

    assert titles_and_states(progress) == [
        ("Base", StepState.RUNNING),
        ("tool: FROM x", StepState.DONE),
        ("tool: RUN make", StepState.RUNNING),
        ("OS packages", StepState.WAITING),
        ("Check", StepState.WAITING),
    ]


def test_steps_of_two_stages_with_one_number_are_two_steps() -> None:
    progress = fold(
        PLANNED, TOOL_RUN, StepStarted(2), StepFailed(2, 3.0, stage="tool"), StepFailed(2, 4.0, interrupted=True)
    )

    assert titles_and_states(progress) == [
        ("tool: RUN make", StepState.FAILED),
        ("Base", StepState.WAITING),
        ("OS packages", StepState.STOPPED),
        ("Check", StepState.WAITING),
    ]


def test_a_step_of_another_stage_that_never_started_is_ignored() -> None:
    assert fold(PLANNED, StepDone(1, 1.0, stage="tool")) == fold(PLANNED)


# ── Notes and downloads ─────────────────────────────────────────────────────────────────────────────────────────────


def pulled(*advances: tuple[float, int], whole: int = 100, all_sized: bool = True) -> Transfer:
    """Fold a download that has had so many bytes after so many seconds."""
    progress = progress_after(Progress(START), PLANNED, at(0))
    for seconds, count in advances:
        event = PullAdvanced(1, layers_done=1, layers=3, bytes_done=count, bytes=whole, all_sized=all_sized)
        progress = progress_after(progress, event, at(seconds))
    transfer = progress.steps[0].transfer
    assert transfer is not None
    return transfer


def test_a_note_tells_what_a_step_does_until_it_changes_its_state() -> None:
    noted = fold(PLANNED, StepStarted(1), StepNoted(1, "Verifying"))

    assert noted.steps[0] == Step("Base", StepState.RUNNING, started=at(2), note="Verifying")
    assert progress_after(noted, StepDone(1, 2.0), at(4)).steps[0].note == ""


def test_the_first_record_of_a_download_has_no_rate() -> None:
    assert pulled((1, 10)) == Transfer(1, 3, 10, 100, all_sized=True, measured=at(1), measured_bytes=10, advanced=at(1))
    assert pulled((1, 10)).seconds_left(at(1)) is None


def test_a_rate_is_bytes_a_second_and_tells_how_long_the_rest_takes() -> None:
    transfer = pulled((1, 10), (3, 30))

    assert (transfer.rate, transfer.seconds_left(at(3))) == (10.0, 7.0)


def test_a_rate_is_smoothed_so_that_it_does_not_jump() -> None:
    assert pulled((1, 0), (2, 10), (3, 30)).rate == pytest.approx(0.3 * 20 + 0.7 * 10)


def test_records_that_come_quickly_are_measured_together() -> None:
    early = pulled((1, 10), (1.2, 30))

    assert (early.bytes_done, early.rate, early.measured) == (30, None, at(1))
    assert pulled((1, 10), (1.2, 30), (2, 40)).rate == 30.0


def test_while_a_layer_has_no_size_nobody_knows_how_long_it_takes() -> None:
    assert pulled((1, 10), (3, 30), all_sized=False).seconds_left(at(3)) is None


def test_a_download_that_stands_still_has_no_end() -> None:
    still = pulled((1, 10), (2, 10))

    assert (still.rate, still.seconds_left(at(2))) == (0.0, None)


def test_a_layer_that_begins_again_makes_no_negative_rate() -> None:
    assert pulled((1, 50), (2, 20)).rate == 0.0


def test_a_rate_sinks_while_nothing_arrives_and_is_gone_when_the_download_stalls() -> None:
    transfer = pulled((1, 10), (3, 30))

    assert [transfer.rate_at(at(3 + idle)) for idle in (0, 3, 6, 9, 10)] == [
        10.0,
        10.0,
        5.0,
        pytest.approx(10 / 3),
        None,
    ]
    assert [transfer.seconds_left(at(3 + idle)) for idle in (3, 6, 10)] == [7.0, 14.0, None]
    assert [transfer.stalled_seconds(at(3 + idle)) for idle in (0, 9, 10, 12.5)] == [None, None, 10.0, 12.5]


def test_a_record_that_brings_no_bytes_does_not_end_a_stall() -> None:
    transfer = pulled((1, 10), (3, 30), (9, 30), (15, 30))

    assert (transfer.stalled_seconds(at(15)), transfer.rate_at(at(15))) == (12.0, None)


def test_a_download_that_goes_on_after_a_stall_has_a_rate_again() -> None:
    transfer = pulled((1, 10), (3, 30), (33, 60))

    assert transfer.stalled_seconds(at(33)) is None
    assert transfer.rate_at(at(33)) == pytest.approx(0.3 * 1 + 0.7 * 10)


def test_a_download_of_which_the_first_bytes_were_the_last_stalls_too() -> None:
    assert pulled((1, 10)).stalled_seconds(at(13)) == 12.0


def test_a_complete_download_does_not_stall_while_it_is_unpacked() -> None:
    transfer = pulled((1, 10), (3, 100))

    assert (transfer.stalled_seconds(at(600)), transfer.rate_at(at(4))) == (None, None)


def test_a_clock_that_is_set_back_makes_no_stall_and_no_higher_rate() -> None:
    transfer = pulled((1, 10), (3, 30))

    assert (transfer.stalled_seconds(at(-600)), transfer.rate_at(at(-600))) == (None, 10.0)


def test_more_bytes_than_announced_leave_nothing() -> None:
    assert pulled((1, 50), (2, 150)).seconds_left(at(2)) == 0


def test_a_download_is_still_told_of_when_its_step_has_ended() -> None:
    progress = fold(PLANNED, StepStarted(1), PullAdvanced(1, 3, 3, 9, 9, all_sized=True), StepDone(1, 2.0))

    assert progress.steps[0].transfer == Transfer(
        3, 3, 9, 9, all_sized=True, measured=at(3), measured_bytes=9, advanced=at(3)
    )
