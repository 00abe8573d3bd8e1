from datetime import UTC, datetime, timedelta
from functools import reduce

import pytest

from bot.progress import Progress, Step, StepState, after
from commands.model.events import Event, ImageBuilt, LogLine, StepDone, StepFailed, StepsPlanned, StepStarted
from commands.model.images import ImageId

START = datetime(2026, 11, 23, 19, 50, tzinfo=UTC)
PLANNED = StepsPlanned(("Base", "OS packages", "Check"))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def fold(*events: Event) -> Progress:
    """Fold events that come a second apart, the first after one second."""
    timed = list(enumerate(events, start=1))
    return reduce(lambda progress, item: after(progress, item[1], at(item[0])), timed, Progress(START))


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
