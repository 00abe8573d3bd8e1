"""The views of a card, and the facts of the list for programs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bot.dialogs.stages import Answered, Listed
from bot.slack.views import standing
from bot.slack.views.images.card import card_message
from bot.slack.views.parts import Message
from bot.slack.views.standing import Standing
from bot.slack.views.subject import ASK_AGAIN, Fallback
from commands.command import Card, Row

LIST_WORDS: Final = Fallback("The images were not listed", "nothing was listed")
CARD_WORDS: Final = Fallback("The image was not shown", "nothing was shown", ASK_AGAIN)


@dataclass(frozen=True, slots=True)
class CardView:
    """The view of a card."""

    card: Card

    def message(self, dialog: Answered, now: datetime) -> Message:
        """Return the message with the card."""
        return card_message(dialog, self.card, now)

    def announcement(self, dialog: Answered) -> None:
        """Return None: a card notifies nobody."""
        del dialog

    def standing(self) -> Standing:
        """Return for programs that the card was shown."""
        return Standing("described", succeeded=True)


def standing_of_list(dialog: Listed) -> Standing:
    """Return the rows of the page for programs; `disk` and its note are empty while the disk use is being measured."""
    disk = {"disk": dialog.listing.disk, "disk_note": dialog.listing.disk_note[: standing.FIELD]}
    rows = standing.several([_row(row) for row in dialog.listing.rows])
    return Standing("listed", succeeded=True, known={**disk, **rows})


def _row(row: Row) -> dict[str, Any]:
    return {
        "name": row.name[: standing.FIELD],
        "id": row.image.removeprefix("sha256:")[:12],
        "size": row.size,
        "created": row.created.isoformat(timespec="seconds"),
        "made_here": row.made_here,
    }
