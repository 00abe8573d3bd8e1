"""The table from stages of a command's life to their views."""

from datetime import datetime
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
from bot.slack.views.create.deciding import deciding, discarded, settling
from bot.slack.views.ended import cancelled, expired, stopped
from bot.slack.views.images.list import listed
from bot.slack.views.kinds import of_answer, of_end, of_proposal
from bot.slack.views.parts import Message
from bot.slack.views.problem import failed
from bot.slack.views.running import running
from bot.slack.views.waiting import paused, preparing, queued


def render(dialog: Dialog, now: datetime) -> Message:
    """Show a dialog as it is at `now`."""
    match dialog:
        case Preparing():
            return preparing(dialog)
        case UnderReview():
            return of_proposal(dialog.proposal).review(dialog, now)
        case Queued():
            return queued(dialog)
        case Running():
            return running(dialog, now)
        case Paused():
            return paused(dialog)
        case Deciding():
            return deciding(dialog)
        case Settling():
            return settling(dialog)
        case Finished():
            return of_end(dialog.end).result(dialog, now)
        case Answered():
            return of_answer(dialog).message(dialog, now)
        case Failed():
            return failed(dialog)
        case Cancelled():
            return cancelled(dialog)
        case Expired():
            return expired(dialog)
        case Stopped():
            return stopped(dialog)
        case Discarded():
            return discarded(dialog)
        case Listed():
            return listed(dialog, now)
        case _:
            assert_never(dialog)
