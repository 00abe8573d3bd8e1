"""The thread reply at the end of a dialog, or when it asks: edits notify nobody, a mention does."""

from typing import Final, assert_never

from bot.dialogs import (
    Cancelled,
    Deciding,
    Dialog,
    Discarded,
    Done,
    Expired,
    Failed,
    Paused,
    Preparing,
    Queued,
    Refused,
    Reused,
    Running,
    Settling,
    Stopped,
    UnderReview,
)
from bot.slack.views.parts import NAME
from bot.slack.views.specs import REFERENCE
from bot.slack.views.text import Markup, code, markup, mention, prose
from commands.command import Proposal

_REASON: Final = 400


def announcement(dialog: Dialog) -> str | None:
    """Tell the requester in one line how it ended or what is asked; None while there is neither."""
    said = _said(dialog)
    return None if said is None else " ".join(markup("{} {}", mention(dialog.asked.user), said).split())


def _said(dialog: Dialog) -> Markup | None:  # noqa: C901, PLR0911 - one line for each kind
    match dialog:
        case Preparing() | UnderReview() | Queued() | Running() | Paused() | Settling():
            return None
        case Deciding():
            return markup("{} is built, but not all of it imports: keep it or discard it?", _name(dialog.proposal))
        case Done():
            return markup("{} is ready.", code(dialog.created.reference, REFERENCE))
        case Reused():
            return markup("{} is ready: it existed already.", code(dialog.existing.reference, REFERENCE))
        case Refused():
            return markup("nothing was created: {}", prose(dialog.refusal.message, _REASON))
        case Failed():
            return markup("{} was not created: {}", _name(dialog.proposal), prose(dialog.message, _REASON))
        case Cancelled():
            return markup("your command was cancelled by {}.", mention(dialog.by))
        case Expired():
            return markup("your command expired: nobody decided in time.")
        case Stopped():
            return markup("{} was stopped by {}.", _name(dialog.proposal), mention(dialog.by))
        case Discarded():
            return markup("{} was discarded.", _name(dialog.proposal))
        case _:
            assert_never(dialog)


def _name(proposal: Proposal | None) -> Markup:
    return markup("the image") if proposal is None else code(proposal.spec.name, NAME)
