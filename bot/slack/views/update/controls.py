"""The buttons of an update."""

from dataclasses import replace
from typing import Final

from bot.dialogs.stages import Dialog, Finished
from bot.dialogs.transitions import Decision
from bot.slack.views.buttons import Begin, Button, Decide, ShowFile
from bot.slack.views.update.files import changes, images
from commands.command import ImagesUpdated, Update
from commands.model.requests import UndoUpdate


def _undo(dialog: Dialog, _choice: str) -> UndoUpdate | None:
    match dialog:
        case Finished(end=ImagesUpdated(outcome=outcome)) if outcome.can_be_undone:
            return UndoUpdate(dialog.asked.dialog)
        case _:
            return None


UPDATE: Final = Button("update", "Update", Decide(Decision.CONFIRM, Update), "primary")
IMAGES: Final = Button("images", "All images", ShowFile(images))
CHANGES: Final = Button("changes", "Changes", ShowFile(changes))
UNDO: Final = Button("undo_update", "Roll back", Begin(_undo))

CONTROLS: Final = (UPDATE, IMAGES, CHANGES, UNDO)


def confirm(count: int) -> Button:
    """Return the button that confirms an update of `count` images."""
    return UPDATE if count == 1 else replace(UPDATE, label=f"Update {count:,} images")
