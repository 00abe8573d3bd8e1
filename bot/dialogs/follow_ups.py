"""What follows from a button on a dialog: another command, whose line the bot writes itself. Pure."""

from collections.abc import Sequence
from enum import StrEnum
from typing import assert_never

from bot.dialogs.stages import Described, Dialog, ImagesUpdated, Listed, UnderReview
from commands import docker_image_update
from commands.command import Card, RollBack, Row
from commands.host.history import tag_of
from commands.image_actions import details, remove, roll_back

_LONGEST_NUMBER = 4
"""Digits of a choice; what Slack sends is read at most so far."""


class FollowUp(StrEnum):
    """The buttons and menus that begin another dialog; the values are the action ids in Slack."""

    DETAILS = "image_details"
    """A menu below the list: the choice is the number of a row, a dash, and the first digits of its image's ID."""
    UPDATE = "image_update"
    ROLL_BACK = "image_roll_back"
    RUN_AGAIN = "image_run_again"
    REMOVE = "image_remove"
    UNDO = "undo_update"
    ROLL_BACK_TO = "roll_back_to"
    """A menu on the review of a roll back: the choice is the number of another earlier image."""


def line_after(follow_up: FollowUp, dialog: Dialog, choice: str = "") -> str | None:
    """Write the line that a button or menu on this dialog asks for; None where it has no such button."""
    match dialog:
        case Listed() if follow_up is FollowUp.DETAILS:
            row = _row(choice, dialog.listing.rows)
            return None if row is None else details.line_for(row)
        case Described():
            return _of_image(follow_up, dialog.card)
        case ImagesUpdated() if follow_up is FollowUp.UNDO and dialog.outcome.can_be_undone:
            return roll_back.line_of_job(dialog.asked.dialog)
        case UnderReview(proposal=RollBack() as proposal) if follow_up is FollowUp.ROLL_BACK_TO:
            place = _chosen(choice, len(proposal.others))
            if place is None:
                return None
            other = proposal.others[place]
            return roll_back.line_to(other.name, tag_of(other.earlier_tag))
        case _:
            return None


def _of_image(follow_up: FollowUp, card: Card) -> str | None:
    match follow_up:
        case FollowUp.UPDATE:
            return docker_image_update.line_for(card.name)
        case FollowUp.ROLL_BACK:
            # It may be another name of the image that can go back.
            return roll_back.line_for(card.earlier[0].name) if card.earlier else None
        case FollowUp.RUN_AGAIN:
            return card.origin.line if card.origin else None
        case FollowUp.REMOVE:
            return remove.line_for(card.image.id)
        case FollowUp.DETAILS | FollowUp.UNDO | FollowUp.ROLL_BACK_TO:
            return None
        case _:
            assert_never(follow_up)


def _row(choice: str, rows: Sequence[Row]) -> Row | None:
    """Find the row that was chosen; somebody else may have turned the page since."""
    number, _, digits = choice.partition("-")
    place = _chosen(number, len(rows))
    if place is None or not digits or not rows[place].image.removeprefix("sha256:").startswith(digits):
        return None
    return rows[place]


def _chosen(choice: str, count: int) -> int | None:
    """Read a number that came back from Slack."""
    is_number = choice.isascii() and choice.isdigit() and len(choice) <= _LONGEST_NUMBER
    number = int(choice) if is_number else -1
    return number if 0 <= number < count else None
