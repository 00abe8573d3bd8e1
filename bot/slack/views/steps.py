"""The steps of a job in dialogs: bar, list, times."""

import math
from datetime import datetime
from typing import Final, LiteralString, assert_never

from bot.dialogs.progress import Progress, Step, StepState, Transfer
from bot.dialogs.stages import Finished
from bot.slack.views.amounts import duration, size
from bot.slack.views.text import Markup, escape, join, markup, several

_TITLE: Final = 100
_CELLS: Final = 10
_SHOWN: Final = 12
_BEFORE: Final = 2
"""The factor for the distance of a step before the running one, so that later steps are preferred."""
_TIMES: Final = 900
_FEW: Final = 60

_ENDED_WELL: Final = (StepState.DONE, StepState.CACHED)


def bar(progress: Progress) -> Markup:
    """Return the progress bar: `▰▰▰▱▱▱ 3/6`."""
    total, done = len(progress.steps), steps_done(progress)
    cells = min(total, _CELLS)
    full = done * cells // total if total else 0
    return escape(f"{'▰' * full}{'▱' * (cells - full)} {done}/{total}", 2 * _TITLE)


def steps_done(progress: Progress) -> int:
    """Return how many steps succeeded."""
    return sum(step.state in _ENDED_WELL for step in progress.steps)


def step_lines(progress: Progress, now: datetime) -> list[Markup]:
    """Return the steps, one per line; of a long list the running ones, their neighbours, and a count of the rest."""
    places = _shown_places(progress.steps)
    shown = [progress.steps[place] for place in places]
    rest = [progress.steps[place] for place in sorted(set(range(len(progress.steps))) - set(places))]
    behind = sum(step.state is StepState.WAITING for step in rest)
    failed = sum(step.state is StepState.FAILED for step in rest)
    under_way = sum(step.state is StepState.RUNNING for step in rest)
    stopped = sum(step.state is StepState.STOPPED for step in rest)
    before = len(rest) - behind - failed - stopped - under_way
    return [
        *_count("✓ {} more done", before),
        *_count("✗ {} more failed", failed),
        *_count("– {} more stopped", stopped),
        *(_line(step, now) for step in shown),
        *_count("▸ {} more in progress", under_way),
        *_count("· {} more to come", behind),
    ]


def failed_step(progress: Progress | None) -> tuple[int, Step] | None:
    """Return the failed step with its number; None if none failed."""
    steps = progress.steps if progress else ()
    return next(((place, step) for place, step in enumerate(steps, 1) if step.state is StepState.FAILED), None)


def times(progress: Progress) -> Markup:
    """Return the duration of each step, in one line."""
    taken = [step for step in progress.steps if step.seconds is not None or step.state is StepState.CACHED]
    return several(taken, _TIMES, lambda step: markup("{} ({})", escape(step.title, _TITLE), _time(step)))


def _count(template: LiteralString, count: int) -> list[Markup]:
    return [markup(template, escape(f"{count:,}", _FEW))] if count else []


def _shown_places(steps: tuple[Step, ...]) -> list[int]:
    """Return the places of the steps to show: the nearest to a running one, later ones rather than earlier ones."""
    running = [place for place, step in enumerate(steps) if step.state is StepState.RUNNING][:_SHOWN]
    waiting = next((place for place, step in enumerate(steps) if step.state is StepState.WAITING), len(steps))
    centres = running or [waiting]

    def distance(place: int) -> int:
        return min(place - centre if place >= centre else _BEFORE * (centre - place) for centre in centres)

    return sorted(sorted(range(len(steps)), key=distance)[:_SHOWN])


def _line(step: Step, now: datetime) -> Markup:
    title = escape(step.title, _TITLE)
    match step.state:
        case StepState.WAITING:
            return join(" · ", [markup("· {}", title), *_note(step)])
        case StepState.RUNNING:
            return markup("▸ *{}* · {}", title, _under_way(step, now))
        case StepState.DONE:
            return markup("✓ {} · {}", title, _time(step))
        case StepState.CACHED:
            return markup("↺ {} · {}", title, _time(step))
        case StepState.FAILED:
            return markup("✗ *{}* · {}", title, _time(step))
        case StepState.STOPPED:
            return markup("– {} · stopped after {}", title, _time(step))
        case _:
            assert_never(step.state)


def _under_way(step: Step, now: datetime) -> Markup:
    seconds = 0.0 if step.started is None else (now - step.started).total_seconds()
    how_far = duration(seconds) if step.transfer is None else transfer_text(step.transfer, now)
    return join(" · ", [escape(how_far, _TITLE), *_note(step)])


def _note(step: Step) -> list[Markup]:
    return [escape(step.note, _TITLE)] if step.note.strip() else []


def transfer_text(transfer: Transfer, now: datetime) -> str:
    """Return how far a download is: `5/9 layers · 34MB of 120MB · 4.2MB/s · about 20 s left`, or `stalled for 12 s`."""
    layers = f"{transfer.layers_done:,}/{transfer.layers:,} layers"
    whole = f" of {size(transfer.bytes)}" if transfer.all_sized else ""
    present, left, stalled = transfer.rate_at(now), transfer.seconds_left(now), transfer.stalled_seconds(now)
    rate = [f"{size(round(present))}/s"] if present and math.isfinite(present) else []
    return " · ".join(
        [
            layers,
            f"{size(transfer.bytes_done)}{whole}",
            *rate,
            # No time is left once all bytes are there: the last layer is then being unpacked.
            *([f"about {duration(max(1.0, round(left)))} left"] if left and math.isfinite(left) else []),
            *([] if stalled is None else [f"stalled for {duration(stalled)}"]),
        ]
    )


def _time(step: Step) -> Markup:
    if step.state is StepState.CACHED:
        return markup("cached")
    return escape(duration(step.seconds or 0.0), _FEW)


def seconds_taken(dialog: Finished) -> float:
    """Return the duration of the whole job; 0 if nothing had to run."""
    return 0.0 if dialog.progress is None else (dialog.at - dialog.progress.started).total_seconds()
