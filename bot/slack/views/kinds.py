"""The views of the kinds of action: the only place in `bot` that lists them.

A kind is a module or folder beside this one. It shows its request, proposal, end or answer in each stage, and declares
its buttons.
"""

from datetime import datetime
from typing import Final, Protocol, assert_never

from bot.dialogs.stages import Answered, Finished, UnderReview
from bot.slack.views import create, images, refusal, remove, roll_back, update
from bot.slack.views.buttons import ON_EVERY_KIND, Control
from bot.slack.views.parts import Message
from bot.slack.views.standing import Standing
from bot.slack.views.subject import Fallback, Subject
from bot.slack.views.text import Markup
from commands.actions import End, Proposal, Request
from commands.command import (
    Card,
    Creation,
    ImageCreated,
    ImageRemoved,
    ImageReused,
    ImagesUpdated,
    NothingToDo,
    Refusal,
    Removal,
    RollBack,
    TagsRolledBack,
    Update,
)
from commands.model.requests import (
    CreateImage,
    ListImages,
    LookAtImage,
    RemoveImage,
    RollBackImage,
    UndoUpdate,
    UpdateImages,
)


class ProposalView(Protocol):
    """The view of a proposal."""

    @property
    def subject(self) -> Subject:
        """The subject of the proposal, in words."""
        ...

    def review(self, dialog: UnderReview, now: datetime) -> Message:
        """Return the review, which asks for a decision."""
        ...


class EndView(Protocol):
    """The view of a job's end."""

    def result(self, dialog: Finished, now: datetime) -> Message:
        """Return the message about what was done."""
        ...

    def announcement(self, dialog: Finished) -> Markup:
        """Return the result in one line."""
        ...

    def standing(self, dialog: Finished) -> Standing:
        """Return the facts for programs."""
        ...


class AnswerView(Protocol):
    """The view of an answer that ends its dialog."""

    def message(self, dialog: Answered, now: datetime) -> Message:
        """Return the message of the answer."""
        ...

    def announcement(self, dialog: Answered) -> Markup | None:
        """Return the answer in one line; None if nobody is notified of it."""
        ...

    def standing(self) -> Standing:
        """Return the facts for programs."""
        ...


CONTROLS: Final[tuple[Control, ...]] = (
    *ON_EVERY_KIND,
    *create.CONTROLS,
    *update.CONTROLS,
    *images.CONTROLS,
    *roll_back.CONTROLS,
    *remove.CONTROLS,
)
"""Every button and menu of all dialogs."""

BY_ACTION: Final = {control.action: control for control in CONTROLS}
"""The buttons and menus by their `action_id`."""


def words_of(request: Request) -> Fallback:
    """Return the words for a request without a proposal."""
    match request:
        case CreateImage():
            return create.WORDS
        case UpdateImages():
            return update.WORDS
        case ListImages():
            return images.LIST_WORDS
        case LookAtImage():
            return images.CARD_WORDS
        case RollBackImage() | UndoUpdate():
            return roll_back.WORDS
        case RemoveImage():
            return remove.WORDS
        case _:
            assert_never(request)


def of_proposal(proposal: Proposal) -> ProposalView:
    """Return the view of a proposal."""
    match proposal:
        case Creation():
            return create.CreationView(proposal)
        case Update():
            return update.UpdateView(proposal)
        case RollBack():
            return roll_back.RollBackView(proposal)
        case Removal():
            return remove.RemovalView(proposal)
        case _:
            assert_never(proposal)


def of_end(end: End) -> EndView:
    """Return the view of an end."""
    match end:
        case ImageCreated():
            return create.CreatedView(end)
        case ImageReused():
            return create.ReusedView(end)
        case ImagesUpdated():
            return update.UpdatedView(end)
        case TagsRolledBack():
            return roll_back.RolledBackView(end)
        case ImageRemoved():
            return remove.RemovedView(end)
        case _:
            assert_never(end)


def of_answer(dialog: Answered) -> AnswerView:
    """Return the view of an answer."""
    answer = dialog.answer
    match answer:
        case NothingToDo():
            return update.NothingToDoView(answer)
        case Card():
            return images.CardView(answer)
        case Refusal():
            return refusal.RefusalView(answer, words_of(dialog.asked.request))
        case _:
            assert_never(answer)


def subject(proposal: Proposal) -> Subject:
    """Return the words for a proposal."""
    return of_proposal(proposal).subject
