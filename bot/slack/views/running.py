"""The dialog of a running job."""

from datetime import datetime
from typing import Final

from bot.dialogs.progress import Progress, StepState
from bot.dialogs.stages import Running
from bot.slack.views.amounts import duration
from bot.slack.views.buttons import STOP
from bot.slack.views.evidence import SENTENCES
from bot.slack.views.kinds import subject
from bot.slack.views.parts import FIELD, NAME, Block, Message, actions, context, message, section
from bot.slack.views.steps import bar, step_lines, steps_done
from bot.slack.views.text import code, escape, markup, mention, prose, visible

_LAST_LINE: Final = 200


def running_message(dialog: Running, now: datetime) -> Message:
    """Return the message with the running steps, the elapsed time, and the button to stop."""
    stopping, about = dialog.stopping_by is not None, subject(dialog.proposal)
    return message(
        f"Stopping {about.job}" if stopping else about.under_way,
        [*_stop_notice(dialog.stopping_by), *_body(dialog, now)],
        context(dialog.asked, confirmed_by=dialog.by),
        None if stopping else actions(dialog.asked.dialog, STOP),
        summary="waiting for Docker" if dialog.waits else _summary(dialog.progress),
    )


def _summary(progress: Progress) -> str:
    if not progress.steps:
        return "starting"
    done = f"{steps_done(progress):,} of {len(progress.steps):,} steps done"
    now = next((step.title for step in progress.steps if step.state is StepState.RUNNING), None)
    return done if now is None else f"{done} · {now[:NAME]}"


def _stop_notice(by: str | None) -> list[Block]:
    return [] if by is None else [section("stopping", markup("Stopping, requested by {}.", mention(by)))]


def _body(dialog: Running, now: datetime) -> list[Block]:
    progress = dialog.progress
    elapsed = escape(duration((now - progress.started).total_seconds()), FIELD)
    if dialog.waits:
        return [
            section("progress", markup("Waiting for Docker · {}", elapsed)),
            section(
                "waits", prose(dialog.waits, SENTENCES), markup("The job goes on by itself once the daemon is back.")
            ),
        ]
    if not progress.steps:
        return [section("progress", markup("Starting · {}", elapsed))]
    body = [section("progress", markup("{} · {}", bar(progress), elapsed), *step_lines(progress, now))]
    if visible(progress.last_line).strip():
        body.append(section("last_line", code(progress.last_line, _LAST_LINE)))
    return body
