"""The dialog of a failed job: what happened, where, the evidence, what to do."""

from bot.dialogs.stages import Failed
from bot.slack.views.amounts import duration
from bot.slack.views.buttons import LOG
from bot.slack.views.evidence import SENTENCES, evidence, summary, what_to_do
from bot.slack.views.kinds import subject, words_of
from bot.slack.views.parts import FIELD, Message, actions, context, message, section
from bot.slack.views.steps import failed_step
from bot.slack.views.text import Markup, escape, markup, prose


def failure_message(dialog: Failed) -> Message:
    """Return the message about what failed, where, and what to do."""
    return message(
        f"✗ {_not_done(dialog)}",
        [
            section("problem", prose(dialog.message, SENTENCES), *_where(dialog)),
            *evidence(dialog.details),
            section("hint", what_to_do(dialog.hint, words_of(dialog.asked.request).again)),
        ],
        context(dialog.asked),
        actions(dialog.asked.dialog, *([] if dialog.progress is None else [LOG])),
        summary=summary(dialog.message, dialog.hint),
    )


def _not_done(dialog: Failed) -> str:
    if dialog.proposal is None:
        return words_of(dialog.asked.request).not_done
    about = subject(dialog.proposal)
    # Of several images some may be done: the log has the result of each.
    return f"{about.job_first} failed" if about.is_plural else about.not_done


def _where(dialog: Failed) -> list[Markup]:
    found = failed_step(dialog.progress)
    if found is None or dialog.progress is None:
        return []
    number, step = found
    return [
        markup(
            "Step {} of {}, *{}*, failed after {}.",
            escape(f"{number:,}", FIELD),
            escape(f"{len(dialog.progress.steps):,}", FIELD),
            escape(step.title, FIELD),
            escape(duration(step.seconds or 0.0), FIELD),
        )
    ]
