"""The kinds of action, as dialogs show them: the only place in `bot` that lists them.

A kind is a module or folder beside this one. It shows its request, proposal, end or answer in each stage, and declares
the buttons that belong to it.
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
    """A proposal, as it is shown."""

    @property
    def subject(self) -> Subject:
        """What it is about, in words."""
        ...

    @property
    def left_by_stop(self) -> str:
        """What remains of its job that was stopped after it began: a sentence."""
        ...

    @property
    def left_before_start(self) -> str:
        """What remains of it if it was stopped before it began: a sentence."""
        ...

    def review(self, dialog: UnderReview, now: datetime) -> Message:
        """Ask whether to do it."""
        ...


class EndView(Protocol):
    """The end of a job, as it is shown."""

    def result(self, dialog: Finished, now: datetime) -> Message:
        """Say what was done."""
        ...

    def announcement(self, dialog: Finished) -> Markup:
        """Say it in one line."""
        ...

    def standing(self, dialog: Finished) -> Standing:
        """Say it to programs."""
        ...


class AnswerView(Protocol):
    """An answer that ends its dialog, as it is shown."""

    def message(self, dialog: Answered, now: datetime) -> Message:
        """Show it."""
        ...

    def announcement(self, dialog: Answered) -> Markup | None:
        """Say it in one line; None if nobody is called for it."""
        ...

    def standing(self) -> Standing:
        """Say it to programs."""
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
    """Find the words for a request that has no proposal."""
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
    """Find the view of a proposal."""
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
    """Find the view of an end."""
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
    """Find the view of an answer."""
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
    """Find the words for a proposal."""
    return of_proposal(proposal).subject
