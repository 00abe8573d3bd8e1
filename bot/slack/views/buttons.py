"""What can be clicked on a dialog: buttons and menus, each with what it does. Kinds of action declare their own.

A button's value is always the opaque id of its dialog, never data; a menu's adds the number of the choice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, assert_never

from bot.dialogs.stages import Attachment, Dialog
from bot.dialogs.transitions import Decision
from commands.actions import Proposal, Request
from commands.model.requests import Query


class Meaning(StrEnum):
    """What a click does, for programs that know no action ids."""

    YES = "yes"
    """Confirms a review."""
    LEAVE = "leave"
    """Ends the dialog: cancel, stop, discard."""
    KEEP = "keep"
    """Keeps an image that failed the check."""
    FILE = "file"
    """Puts a file in the thread and changes nothing else."""
    BEGIN = "begin"
    """Begins another dialog."""
    TURN = "turn"
    """Changes what a list shows."""
    FORM = "form"
    """Opens a form."""


@dataclass(frozen=True, slots=True)
class Decide:
    """Moves the dialog. `of` is the kind of proposal that the button belongs to; None if it belongs to all."""

    decision: Decision
    of: type[Proposal] | None = None


@dataclass(frozen=True, slots=True)
class ShowFile:
    """Puts a file into the thread: `file` makes it, or returns None where the dialog has none."""

    file: Callable[[Dialog], Attachment | None]


@dataclass(frozen=True, slots=True)
class ShowLog:
    """Puts the log of the job into the thread."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Begins another dialog: `request` says what it asks for, given the choice in a menu; None where it is gone.

    On a review the new dialog takes the review's place. `request` raises `ArgumentError` for what cannot be asked for.
    """

    request: Callable[[Dialog, str], Request | None]


@dataclass(frozen=True, slots=True)
class Turn:
    """Shows another part of a list: `query` makes it of the part that is shown."""

    query: Callable[[Query], Query]


@dataclass(frozen=True, slots=True)
class Edit:
    """Opens the form of the proposal, filled in."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Opens the form that narrows the list."""


Does = Decide | ShowFile | ShowLog | Begin | Turn | Edit | Filter
"""What a click does."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a pop-up asks before a click counts."""

    title: str
    text: str
    yes: str
    no: str


@dataclass(frozen=True, slots=True)
class Button:
    """One button: its `action_id` and its label; `question` makes Slack ask before it sends the click."""

    action: str
    label: str
    does: Does
    style: Literal["primary", "danger"] | None = None
    question: Question | None = None


@dataclass(frozen=True, slots=True)
class Menu:
    """A menu: its `action_id`, and each label with the choice that it stands for."""

    action: str
    placeholder: str
    does: Does
    choices: tuple[tuple[str, str], ...] = ()


Control = Button | Menu
"""Anything that can be clicked."""

# On dialogs of every kind. No question before Stop: what runs wild must end at the first click.
STOP: Final = Button("stop", "Stop", Decide(Decision.STOP), "danger")
CANCEL: Final = Button("cancel", "Cancel", Decide(Decision.CANCEL))
LOG: Final = Button("log", "Log", ShowLog())
ON_EVERY_KIND: Final = (STOP, CANCEL, LOG)


def meaning(control: Control) -> Meaning:  # noqa: PLR0911 - one line for each meaning
    """Say to a program what a click does. Of several that confirm one review, the first is the one to take."""
    match control.does:
        case Decide(Decision.CONFIRM | Decision.REUSE):
            return Meaning.YES
        case Decide(Decision.KEEP):
            return Meaning.KEEP
        case Decide():
            return Meaning.LEAVE
        case ShowFile() | ShowLog():
            return Meaning.FILE
        case Begin():
            return Meaning.BEGIN
        case Turn():
            return Meaning.TURN
        case Edit() | Filter():
            return Meaning.FORM
        case _:
            assert_never(control.does)
