"""Dialogs of commands that ended without a result: cancelled, expired, stopped or discarded."""

from bot.dialogs.progress import Progress
from bot.dialogs.stages import Asked, Cancelled, Discarded, Expired, Stopped
from bot.slack.views import actions
from bot.slack.views.amounts import duration
from bot.slack.views.parts import FIELD, NAME, Message, context, message, section
from bot.slack.views.parts import actions as buttons
from bot.slack.views.steps import steps_done
from bot.slack.views.subject import of_line, subject
from bot.slack.views.text import Markup, escaped, markup, mention
from commands.command import Creation


def cancelled(dialog: Cancelled) -> Message:
    """Say that the review was cancelled."""
    words = of_line(dialog.asked.line)
    said = markup(
        "Cancelled by {}. {}. To run it after all, {}.",
        mention(dialog.by),
        escaped(words.nothing_done, FIELD),
        escaped(words.again, FIELD),
    )
    return _message("Cancelled", dialog.asked, said)


def expired(dialog: Expired) -> Message:
    """Say that nobody decided."""
    words = of_line(dialog.asked.line)
    said = markup(
        "No decision within {}. {}. For a new proposal, {}.",
        escaped(duration(dialog.waited_seconds), FIELD),
        escaped(words.nothing_done, FIELD),
        escaped(words.again, FIELD),
    )
    return _message("Expired", dialog.asked, said)


def stopped(dialog: Stopped) -> Message:
    """Say who stopped the job and what is left of it."""
    about = subject(dialog.proposal)
    said = markup(
        "Stopped by {}{}. {} To start over, {}.",
        mention(dialog.by),
        _extent(dialog.progress),
        _remainder(dialog),
        escaped(of_line(dialog.asked.line).again, FIELD),
    )
    log = [] if dialog.progress is None else [actions.LOG]
    return message(
        f"{about.job_first} was stopped",
        (section("summary", said),),
        context(dialog.asked),
        buttons(dialog.asked.dialog, *log),
    )


def discarded(dialog: Discarded) -> Message:
    """Say that the undecided image is gone."""
    if dialog.by is None:
        why = markup("No decision was made in time, so the image was removed.")
    else:
        why = markup("Discarded by {}. The image was removed.", mention(dialog.by))
    said = markup("{} To try other versions, change `dependencies` and type the command again.", why)
    return _message(f"{dialog.proposal.spec.name[:NAME]} was discarded", dialog.asked, said)


def _message(title: str, asked: Asked, said: Markup) -> Message:
    return message(title, (section("summary", said),), context(asked))


def _remainder(dialog: Stopped) -> Markup:
    if isinstance(dialog.proposal, Creation):
        return markup("No image was created.")
    if dialog.progress is None:
        return markup("Nothing was changed.")
    return markup("Completed steps are kept; see the log.")


def _extent(progress: Progress | None) -> Markup:
    if progress is None:
        return markup(" before it started")
    if not progress.steps:
        return markup("")
    done, total = f"{steps_done(progress):,}", f"{len(progress.steps):,}"
    return markup(" after {} of {} steps", escaped(done, FIELD), escaped(total, FIELD))
