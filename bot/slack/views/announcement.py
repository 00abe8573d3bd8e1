"""The thread reply at the end of a dialog, or when it asks: edits notify nobody, a mention does."""

from typing import Final, assert_never

from bot.dialogs.stages import (
    Asked,
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
from bot.slack.views.moves import title_of_roll_back
from bot.slack.views.parts import NAME
from bot.slack.views.specs import REFERENCE
from bot.slack.views.subject import of_line, subject
from bot.slack.views.text import Markup, code, escaped, markup, mention, prose
from bot.slack.views.update_review import said_of
from bot.slack.views.updated import title_of
from commands.command import Proposal

_REASON: Final = 400


def announcement(dialog: Dialog) -> str | None:
    """Tell the requester in one line how it ended or what is asked; None while there is neither."""
    said = _sentence(dialog)
    return None if said is None else " ".join(markup("{} {}", mention(dialog.asked.user), said).split())


def _sentence(dialog: Dialog) -> Markup | None:  # noqa: C901, PLR0911, PLR0912 - one line for each kind
    match dialog:
        case Preparing() | UnderReview() | Queued() | Running() | Paused() | Settling() | Listed() | Described():
            return None
        case Deciding():
            return markup(
                "{} is built, but some modules do not import: keep it or discard it?", subject(dialog.proposal).shown
            )
        case Done():
            return markup("{} is ready.", code(dialog.created.reference, REFERENCE))
        case Reused():
            return markup("{} is ready: it already existed.", code(dialog.existing.reference, REFERENCE))
        case Refused():
            return _because(escaped(_nothing(dialog.asked), NAME), dialog.refusal.message)
        case Failed():
            return _because(_failure(dialog), dialog.message)
        case Cancelled():
            return markup("your command was cancelled by {}.", mention(dialog.by))
        case Expired():
            return markup("your command expired without a decision.")
        case Stopped():
            return markup("{} was stopped by {}.", _job(dialog.proposal), mention(dialog.by))
        case Discarded():
            return markup("{} was discarded.", subject(dialog.proposal).shown)
        case ImagesUpdated():
            return markup("{}.", escaped(title_of(dialog), 2 * NAME))
        case UpToDate():
            return markup("{}", escaped(said_of(dialog.answer.images), 2 * NAME))
        case TagsRolledBack():
            return markup("{}.", escaped(title_of_roll_back(dialog), 2 * NAME))
        case ImageRemoved():
            return markup("{} was removed.", subject(dialog.proposal).shown)
        case _:
            assert_never(dialog)


def _because(what: Markup, reason: str) -> Markup:
    return markup("{}: {}", what, prose(reason, _REASON))


def _failure(dialog: Failed) -> Markup:
    if dialog.proposal is None:
        words = of_line(dialog.asked.line).not_done
        return escaped(f"{words[:1].lower()}{words[1:]}", NAME)
    about = subject(dialog.proposal)
    if about.is_plural:
        return markup("{} failed", _job(dialog.proposal))
    return markup("{} was not {}", about.shown, escaped(about.done, NAME))


def _nothing(asked: Asked) -> str:
    # What was refused was not even built.
    return of_line(asked.line).nothing.replace("built", "created")


def _job(proposal: Proposal) -> Markup:
    about = subject(proposal)
    return markup("the {} of {}", escaped(about.noun, NAME), about.shown) if about.noun else about.shown
