from datetime import UTC, datetime

from bot.dialogs.progress import Progress, Step, StepState
from bot.slack.views.steps import failed_step, step_lines, steps_done

NOW = datetime(2026, 11, 23, 19, 50, tzinfo=UTC)
STOPPED = Step("OS packages", StepState.STOPPED, NOW, 4.0)
FAILED = Step("tool: RUN make", StepState.FAILED, NOW, 3.0, stage="tool", number=2)


def test_a_step_that_another_one_interrupted_is_neither_done_nor_failed() -> None:
    progress = Progress(NOW, (STOPPED, FAILED))

    assert step_lines(progress, NOW) == ["– OS packages · stopped after 4.0 s", "✗ *tool: RUN make* · 3.0 s"]
    assert steps_done(progress) == 0
    assert failed_step(progress) == (2, FAILED)


def test_of_many_steps_those_that_were_stopped_are_counted() -> None:
    running = Step("Check", StepState.RUNNING, NOW)

    assert step_lines(Progress(NOW, (*[STOPPED] * 20, *[running] * 12)), NOW)[0] == "– 20 more stopped"
