"""The thread reply when a dialog ends or asks: a mention notifies the requester, an edit does not."""

from typing import assert_never

from bot.dialogs.stages import (
    Answered,
    Cancelled,
    Deciding,
    Dialog,
    Discarded,
    Expired,
    Failed,
    Finished,
    Listed,
    Paused,
    Preparing,
    Queued,
    Running,
    Settling,
    Stopped,
    UnderReview,
)
from bot.slack.views.kinds import of_answer, of_end, subject, words_of
from bot.slack.views.parts import NAME
from bot.slack.views.text import Markup, because, escape, markup, mention


def announcement(dialog: Dialog) -> str | None:
    """Return a line for the requester about the end or the question; None if there is neither."""
    said = _sentence(dialog)
    return None if said is None else " ".join(markup("{} {}", mention(dialog.asked.user), said).split())


def _sentence(dialog: Dialog) -> Markup | None:
    match dialog:
        case Preparing() | UnderReview() | Queued() | Running() | Paused() | Settling() | Listed():
            return None
        case Deciding():
            image = subject(dialog.undecided.proposal).shown
            return markup("{} is built, but some modules do not import: keep it or discard it?", image)
        case Finished():
            return of_end(dialog.end).announcement(dialog)
        case Answered():
            return of_answer(dialog).announcement(dialog)
        case Failed():
            return because(_failure(dialog), dialog.message)
        case Cancelled():
            return markup("your command was cancelled by {}.", mention(dialog.by))
        case Expired():
            return markup("your command expired without a decision.")
        case Stopped():
            return markup("{} was stopped by {}.", subject(dialog.proposal).job_shown, mention(dialog.by))
        case Discarded():
            return markup("{} was discarded.", subject(dialog.proposal).shown)
        case _:
            assert_never(dialog)


def _failure(dialog: Failed) -> Markup:
    if dialog.proposal is None:
        words = words_of(dialog.asked.request).not_done
        return escape(f"{words[:1].lower()}{words[1:]}", NAME)
    about = subject(dialog.proposal)
    if about.is_plural:
        return markup("{} failed", about.job_shown)
    return markup("{} was not {}", about.shown, escape(about.done, NAME))
