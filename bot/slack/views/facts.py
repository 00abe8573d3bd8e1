"""The state of a dialog as plain JSON: the metadata of its message, for programs that do not read the blocks."""

from typing import Any, Final, assert_never

from bot.dialogs.stages import (
    AT_REST,
    Answered,
    Cancelled,
    Deciding,
    Dialog,
    Discarded,
    Expired,
    Failed,
    Finished,
    Listed,
    Paused,
    Preparing,
    Queued,
    Running,
    Settling,
    Stopped,
    UnderReview,
)
from bot.slack.views import standing
from bot.slack.views.buttons import meaning
from bot.slack.views.dialog import render
from bot.slack.views.images.kind import standing_of_list
from bot.slack.views.kinds import BY_ACTION, of_answer, of_end
from bot.slack.views.parts import Message
from bot.slack.views.standing import Standing

_QUESTIONS: Final = (UnderReview, Deciding)


def state_of(dialog: Dialog) -> str:
    """Return the name of the state: of the stage, or of the end."""
    return _standing(dialog).state


def facts(dialog: Dialog, message: Message | None = None) -> dict[str, Any]:
    """Return the state of a dialog as plain JSON; `message` is its message if that was rendered already.

    Every dialog has these; the rest depends on the stage:
        state: the name of the stage, or of the end.
        ended: the dialog does not change without a person.
        succeeded: the command did what it was asked to do.
        asks: the dialog waits for a person's decision.
        buttons: the action ids of the buttons and menus, in the order shown, each with its effect.

    `seconds` maps each ended step to its duration, and `build` or `update` to the total. `images` lists the
    images of an update, the tags of a roll back, or the rows of a list's page. An update of a single image also has the
    keys of a new image.
    """
    now = _standing(dialog)
    return {
        "dialog": dialog.asked.dialog,
        "state": now.state,
        **now.known,
        "ended": isinstance(dialog, AT_REST),
        "succeeded": now.succeeded,
        "asks": isinstance(dialog, _QUESTIONS),
        "buttons": _buttons(message or render(dialog, dialog.asked.at)),
    }


def _buttons(message: Message) -> dict[str, str]:
    # The time changes the text of a dialog, never its buttons.
    rows = [block["elements"] for block in message.blocks if block["type"] == "actions"]
    elements = [element for row in rows if isinstance(row, list) for element in row]
    return {element["action_id"]: meaning(BY_ACTION[element["action_id"]]).value for element in elements}


def _standing(dialog: Dialog) -> Standing:
    match dialog:
        case Preparing():
            return Standing("preparing")
        case UnderReview():
            return Standing("review")
        case Queued():
            return Standing("queued")
        case Running():
            return Standing("running", known={"seconds": standing.seconds(dialog.progress)})
        case Paused():
            return Standing("paused")
        case Deciding():
            return Standing("deciding")
        case Settling():
            return Standing("settling")
        case Finished():
            return of_end(dialog.end).standing(dialog)
        case Answered():
            return of_answer(dialog).standing()
        case Listed():
            return standing_of_list(dialog)
        case Failed():
            return Standing("failed", known=standing.problem(dialog.message, dialog.hint))
        case Cancelled():
            return Standing("cancelled")
        case Expired():
            return Standing("expired")
        case Stopped():
            return Standing("stopped")
        case Discarded():
            return Standing("discarded")
        case _:
            assert_never(dialog)
