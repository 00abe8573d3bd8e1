"""The buttons and menus of dialogs, each with its effect. Kinds of action declare their own.

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
    """The effect of a click, for programs that do not know the action ids."""

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
    """Moves the dialog. `of` is the button's kind of proposal; None if the button belongs to all kinds."""

    decision: Decision
    of: type[Proposal] | None = None


@dataclass(frozen=True, slots=True)
class ShowFile:
    """Puts a file into the thread: `file` makes it, or returns None if the dialog has none."""

    file: Callable[[Dialog], Attachment | None]


@dataclass(frozen=True, slots=True)
class ShowLog:
    """Puts the log of the job into the thread."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Begins another dialog: `request` makes its request from the choice in a menu; None if the choice is gone.

    On a review the new dialog replaces the review. `request` raises `ArgumentError` for an invalid request.
    """

    request: Callable[[Dialog, str], Request | None]


@dataclass(frozen=True, slots=True)
class Turn:
    """Shows another part of a list: `query` makes the new query from the present one."""

    query: Callable[[Query], Query]


@dataclass(frozen=True, slots=True)
class Edit:
    """Opens the form of the proposal, filled in."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Opens the form that filters the list."""


Does = Decide | ShowFile | ShowLog | Begin | Turn | Edit | Filter
"""The effect of a click."""


@dataclass(frozen=True, slots=True)
class Question:
    """The question of a pop-up before a click counts."""

    title: str
    text: str
    yes: str
    no: str


@dataclass(frozen=True, slots=True)
class Button:
    """One button: its `action_id` and its label; Slack asks the `question`, if any, before it sends the click."""

    action: str
    label: str
    does: Does
    style: Literal["primary", "danger"] | None = None
    question: Question | None = None


@dataclass(frozen=True, slots=True)
class Menu:
    """A menu: its `action_id`, and each label with its choice."""

    action: str
    placeholder: str
    does: Does
    choices: tuple[tuple[str, str], ...] = ()


Control = Button | Menu
"""A button or a menu."""

# On dialogs of every kind. No question before Stop: a runaway job must end at the first click.
STOP: Final = Button("stop", "Stop", Decide(Decision.STOP), "danger")
CANCEL: Final = Button("cancel", "Cancel", Decide(Decision.CANCEL))
LOG: Final = Button("log", "Log", ShowLog())
ON_EVERY_KIND: Final = (STOP, CANCEL, LOG)


def meaning(control: Control) -> Meaning:  # noqa: PLR0911 - one line for each meaning
    """Return the effect of a click for programs. Of several buttons that confirm one review, use the first."""
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
