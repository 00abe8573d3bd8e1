"""The table from stages of a command's life to their views."""

from datetime import datetime
from typing import assert_never

from bot.dialogs.stages import (
    Cancelled,
    Deciding,
    Described,
    Dialog,
    Discarded,
    Done,
    Expired,
    Failed,
    ImageRemoved,
    ImagesUpdated,
    Listed,
    Paused,
    Preparing,
    Queued,
    Refused,
    Reused,
    Running,
    Settling,
    Stopped,
    TagsRolledBack,
    UnderReview,
    UpToDate,
)
from bot.slack.views.card import described
from bot.slack.views.deciding import deciding
from bot.slack.views.ended import cancelled, discarded, expired, stopped
from bot.slack.views.listing import listed
from bot.slack.views.moves import removed, rolled_back
from bot.slack.views.parts import Message
from bot.slack.views.problem import failed, refused
from bot.slack.views.result import done, reused
from bot.slack.views.review import review
from bot.slack.views.running import running
from bot.slack.views.update_review import up_to_date
from bot.slack.views.updated import images_updated
from bot.slack.views.waiting import paused, preparing, queued, settling


def render(dialog: Dialog, now: datetime) -> Message:  # noqa: C901, PLR0911, PLR0912 - one line for each kind
    """Show a dialog as it is at `now`."""
    match dialog:
        case Preparing():
            return preparing(dialog)
        case UnderReview():
            return review(dialog, now)
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
        case Done():
            return done(dialog, now)
        case Reused():
            return reused(dialog, now)
        case Refused():
            return refused(dialog)
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
        case ImagesUpdated():
            return images_updated(dialog)
        case UpToDate():
            return up_to_date(dialog)
        case TagsRolledBack():
            return rolled_back(dialog)
        case ImageRemoved():
            return removed(dialog)
        case Listed():
            return listed(dialog, now)
        case Described():
            return described(dialog, now)
        case _:
            assert_never(dialog)
