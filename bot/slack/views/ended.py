"""The dialogs that ended without a result: cancelled, expired or stopped."""

from bot.dialogs.progress import Progress
from bot.dialogs.stages import Asked, Cancelled, Expired, Stopped
from bot.slack.views.amounts import duration
from bot.slack.views.buttons import LOG
from bot.slack.views.kinds import subject, words_of
from bot.slack.views.parts import FIELD, Message, actions, context, message, section
from bot.slack.views.steps import steps_done
from bot.slack.views.subject import Subject
from bot.slack.views.text import Markup, escape, markup, mention


def cancelled_message(dialog: Cancelled) -> Message:
    """Return the message that the review was cancelled."""
    words = words_of(dialog.asked.request)
    said = markup(
        "Cancelled by {}. {}. To run it after all, {}.",
        mention(dialog.by),
        escape(words.nothing_done, FIELD),
        escape(words.again, FIELD),
    )
    return _message("Cancelled", dialog.asked, said)


def expired_message(dialog: Expired) -> Message:
    """Return the message that the review expired."""
    words = words_of(dialog.asked.request)
    said = markup(
        "No decision within {}. {}. For a new proposal, {}.",
        escape(duration(dialog.waited_seconds), FIELD),
        escape(words.nothing_done, FIELD),
        escape(words.again, FIELD),
    )
    return _message("Expired", dialog.asked, said)


def stopped_message(dialog: Stopped) -> Message:
    """Return the message of who stopped the job, and what is left of it."""
    about = subject(dialog.proposal)
    said = markup(
        "Stopped by {}{}. {} To start over, {}.",
        mention(dialog.by),
        _extent(dialog.progress),
        _remainder(about, dialog.progress),
        escape(words_of(dialog.asked.request).again, FIELD),
    )
    log = [] if dialog.progress is None else [LOG]
    return message(
        f"{about.job_first} was stopped",
        (section("summary", said),),
        context(dialog.asked),
        actions(dialog.asked.dialog, *log),
    )


def _message(title: str, asked: Asked, said: Markup) -> Message:
    return message(title, (section("summary", said),), context(asked))


def _remainder(about: Subject, progress: Progress | None) -> Markup:
    return escape(about.left_before_start if progress is None else about.left_by_stop, FIELD)


def _extent(progress: Progress | None) -> Markup:
    if progress is None:
        return markup(" before it started")
    if not progress.steps:
        return markup("")
    done, total = f"{steps_done(progress):,}", f"{len(progress.steps):,}"
    return markup(" after {} of {} steps", escape(done, FIELD), escape(total, FIELD))
