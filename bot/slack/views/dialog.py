"""The table from stages to their views."""

from datetime import datetime
from typing import assert_never

from bot.dialogs.stages import (
    WORKING,
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
from bot.slack.views.create.deciding import deciding_message, discarded_message, settling_message
from bot.slack.views.ended import cancelled_message, expired_message, stopped_message
from bot.slack.views.images.list import list_message
from bot.slack.views.kinds import of_answer, of_end, of_proposal
from bot.slack.views.parts import Message
from bot.slack.views.problem import failure_message
from bot.slack.views.running import running_message
from bot.slack.views.waiting import pause_message, preparing_message, queue_message, trouble_message


def render(dialog: Dialog, now: datetime) -> Message:
    """Return the message of a dialog at `now`."""
    if isinstance(dialog, WORKING) and dialog.trouble is not None:
        return trouble_message(dialog, dialog.trouble)
    match dialog:
        case Preparing():
            return preparing_message(dialog)
        case UnderReview():
            return of_proposal(dialog.proposal).review(dialog, now)
        case Queued():
            return queue_message(dialog)
        case Running():
            return running_message(dialog, now)
        case Paused():
            return pause_message(dialog)
        case Deciding():
            return deciding_message(dialog)
        case Settling():
            return settling_message(dialog)
        case Finished():
            return of_end(dialog.end).result(dialog, now)
        case Answered():
            return of_answer(dialog).message(dialog, now)
        case Failed():
            return failure_message(dialog)
        case Cancelled():
            return cancelled_message(dialog)
        case Expired():
            return expired_message(dialog)
        case Stopped():
            return stopped_message(dialog)
        case Discarded():
            return discarded_message(dialog)
        case Listed():
            return list_message(dialog, now)
        case _:
            assert_never(dialog)
