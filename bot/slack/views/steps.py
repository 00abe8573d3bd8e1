"""What dialogs say about the steps of a job: bar, list, times."""

from datetime import datetime
from typing import Final, assert_never

from bot.progress import Progress, Step, StepState
from bot.slack.views.amounts import duration
from bot.slack.views.text import Markup, escaped, markup, several

_TITLE: Final = 100
_CELLS: Final = 10
_SHOWN_BEFORE: Final = 4
_SHOWN: Final = 12
_TIMES: Final = 900
_FEW: Final = 60

_ENDED_WELL: Final = (StepState.DONE, StepState.CACHED)


def bar(progress: Progress) -> Markup:
    """Draw how many steps are done: `▰▰▰▱▱▱ 3/6`."""
    total, done = len(progress.steps), steps_done(progress)
    cells = min(total, _CELLS)
    full = done * cells // total if total else 0
    return escaped(f"{'▰' * full}{'▱' * (cells - full)} {done}/{total}", 2 * _TITLE)


def steps_done(progress: Progress) -> int:
    """Count the steps that ended well."""
    return sum(step.state in _ENDED_WELL for step in progress.steps)


def step_lines(progress: Progress, now: datetime) -> list[Markup]:
    """List the steps, one a line; of a long list those around the one that runs."""
    first = _first_shown(progress.steps)
    shown = progress.steps[first : first + _SHOWN]
    rest = len(progress.steps) - first - len(shown)
    before = [markup("✓ {} steps before", escaped(f"{first:,}", _FEW))] if first else []
    behind = [markup("· {} steps to come", escaped(f"{rest:,}", _FEW))] if rest else []
    return [*before, *(_line(step, now) for step in shown), *behind]


def failed_step(progress: Progress | None) -> tuple[int, Step] | None:
    """Find the step that failed, with its number."""
    steps = progress.steps if progress else ()
    return next(((place, step) for place, step in enumerate(steps, 1) if step.state is StepState.FAILED), None)


def times(progress: Progress) -> Markup:
    """Say how long each step took, in one line."""
    taken = [step for step in progress.steps if step.seconds is not None or step.state is StepState.CACHED]
    return several(taken, _TIMES, lambda step: markup("{} ({})", escaped(step.title, _TITLE), _time(step)))


def _first_shown(steps: tuple[Step, ...]) -> int:
    if len(steps) <= _SHOWN:
        return 0
    current = next((place for place, step in enumerate(steps) if step.state not in _ENDED_WELL), len(steps))
    return max(0, min(current - _SHOWN_BEFORE, len(steps) - _SHOWN))


def _line(step: Step, now: datetime) -> Markup:
    title = escaped(step.title, _TITLE)
    match step.state:
        case StepState.WAITING:
            return markup("· {}", title)
        case StepState.RUNNING:
            seconds = 0.0 if step.started is None else (now - step.started).total_seconds()
            return markup("▸ *{}* · {}", title, escaped(duration(seconds), _FEW))
        case StepState.DONE:
            return markup("✓ {} · {}", title, _time(step))
        case StepState.CACHED:
            return markup("↺ {} · {}", title, _time(step))
        case StepState.FAILED:
            return markup("✗ *{}* · {}", title, _time(step))
        case _:
            assert_never(step.state)


def _time(step: Step) -> Markup:
    if step.state is StepState.CACHED:
        return markup("cached")
    return escaped(duration(step.seconds or 0.0), _FEW)
