"""The notes that only one person sees if a click or a form has no effect."""

from typing import Final, assert_never

from bot.dialogs.transitions import Press

BROKEN: Final = "Something went wrong inside the bot. Try again. If it happens again, tell the bot's operator."
NOT_HERE: Final = "This is no longer possible. `/docker_images` lists the current images."
NOTHING_YET: Final = "Nothing to show yet."
NO_LOG: Final = "This build printed nothing, so it has no log."
UNKNOWN_BUTTON: Final = "I no longer know this button. Type the command again for a new dialog."
UNKNOWN_FORM: Final = "I no longer know this form. Close it and type the command again."
STRANGE_FORM: Final = "This form has expired. Close it and type the command again."


def note_of(press: Press) -> str | None:
    """Return the note about a press; None if the dialog shows its result."""
    match press:
        case Press.TAKEN:
            return None
        case Press.LATE:
            return "Already decided. The dialog shows the decision."
        case Press.EXPIRED:
            return "This proposal has expired. Type the command again for a new one."
        case Press.GONE:
            return "This dialog is no longer available. Type the command again."
        case _:
            assert_never(press)
