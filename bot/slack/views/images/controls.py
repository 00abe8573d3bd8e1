"""The buttons and menus of the list of images and of a card."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bot.dialogs.stages import Answered, Attachment, Dialog, Listed
from bot.slack.views.buttons import Begin, Button, Filter, Menu, ShowFile, Turn
from bot.slack.views.text import visible
from commands import docker_image_update
from commands.command import Card, Row
from commands.image_actions import details, remove, roll_back
from commands.inventory.difference import as_text_inventory
from commands.model.packages import Inventory
from commands.model.requests import CreateImage, LookAtImage, RemoveImage, RollBackImage, UpdateImages

_LONGEST_NUMBER: Final = 4
"""The most digits of a choice from Slack that are read."""
_SURE: Final = 4
"""How many digits of an ID distinguish the rows of one page from those of another."""


def row_choice(number: int, row: Row) -> str:
    """Return the value of a row in a menu: its number, and the beginning of its image's ID.

    Another person may turn the page meanwhile; the number alone would then mean another row.
    """
    return f"{number}-{''.join(filter(str.isalnum, row.image.removeprefix('sha256:')[:_SURE]))}"


def chosen(choice: str, count: int) -> int | None:
    """Parse a number below `count` from Slack; return None if it is malformed."""
    is_number = choice.isascii() and choice.isdigit() and len(choice) <= _LONGEST_NUMBER
    number = int(choice) if is_number else -1
    return number if 0 <= number < count else None


def is_worth_a_file(packages: Inventory) -> bool:
    """Return whether there are packages to list."""
    return bool(packages.python or packages.os_packages)


def _details(dialog: Dialog, choice: str) -> LookAtImage | None:
    row = _row(choice, dialog.listing.rows) if isinstance(dialog, Listed) else None
    return None if row is None else details.request_for(row)


def _row(choice: str, rows: Sequence[Row]) -> Row | None:
    number, _, digits = choice.partition("-")
    place = chosen(number, len(rows))
    if place is None or not digits or not rows[place].image.removeprefix("sha256:").startswith(digits):
        return None
    return rows[place]


def _card(dialog: Dialog) -> Card | None:
    return dialog.answer if isinstance(dialog, Answered) and isinstance(dialog.answer, Card) else None


def _update(dialog: Dialog, _choice: str) -> UpdateImages | None:
    card = _card(dialog)
    return docker_image_update.request_for(card.name) if card else None


def _roll_back(dialog: Dialog, _choice: str) -> RollBackImage | None:
    card = _card(dialog)
    # Perhaps another tag of the image can be rolled back.
    return roll_back.request_for(card.earlier[0].name) if card and card.earlier else None


def _run_again(dialog: Dialog, _choice: str) -> CreateImage | None:
    card = _card(dialog)
    return card.origin.request if card and card.origin else None


def _remove(dialog: Dialog, _choice: str) -> RemoveImage | None:
    card = _card(dialog)
    return remove.request_for(card.image.id) if card else None


def _packages(dialog: Dialog) -> Attachment | None:
    card = _card(dialog)
    if card is None or not is_worth_a_file(card.packages):
        return None
    content = visible(as_text_inventory(card.packages, card.name))
    return Attachment("image_packages", "packages.txt", f"Packages of {visible(card.name)}", content)


DETAILS: Final = Menu("image_details", "Details and actions…", Begin(_details))
PREVIOUS_PAGE: Final = Button("previous_page", "Previous", Turn(lambda now: replace(now, page=max(1, now.page - 1))))
NEXT_PAGE: Final = Button("next_page", "Next", Turn(lambda now: replace(now, page=now.page + 1)))
REFRESH: Final = Button("refresh", "Refresh", Turn(lambda now: now))
FILTER: Final = Button("filter", "Filter", Filter())
UPDATE: Final = Button("image_update", "Update", Begin(_update))
ROLL_BACK: Final = Button("image_roll_back", "Roll back", Begin(_roll_back))
RUN_AGAIN: Final = Button("image_run_again", "Run again", Begin(_run_again))
PACKAGES: Final = Button("image_packages", "Packages", ShowFile(_packages))
REMOVE: Final = Button("image_remove", "Remove", Begin(_remove), "danger")

CONTROLS: Final = (
    DETAILS,
    PREVIOUS_PAGE,
    NEXT_PAGE,
    REFRESH,
    FILTER,
    UPDATE,
    ROLL_BACK,
    RUN_AGAIN,
    PACKAGES,
    REMOVE,
)
