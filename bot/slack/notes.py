"""What a person is told alone, in words of our own, where a click or a form comes to nothing."""

from typing import Final, assert_never

from bot.dialogs.transitions import Press

BROKEN: Final = "Something went wrong inside the bot. Try again; if it happens again, tell whoever runs the bot."
NOT_HERE: Final = "That is not possible any more. `/docker_images` shows what there is now."
NOTHING_YET: Final = "There is nothing to show yet."
NO_LOG: Final = "This build printed nothing, so it has no log."
STRANGE_FORM: Final = "I no longer know this form. Close it and type the command again."


def note_of(press: Press) -> str | None:
    """Say what came of a press; None where the dialog shows it."""
    match press:
        case Press.TAKEN:
            return None
        case Press.LATE:
            return "That is decided already; the dialog shows how."
        case Press.EXPIRED:
            return "This proposal has expired. Type the command again for a fresh one."
        case Press.GONE:
            return "I no longer know this dialog. Type the command again."
        case _:
            assert_never(press)
