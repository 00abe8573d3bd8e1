"""The metadata on each dialog: what programs read, where people read the blocks."""

from typing import Any

from bot.dialogs import Dialog, Done, Failed, Refused, Reused, Running
from bot.progress import Progress

STATES = {
    "Preparing": "preparing",
    "UnderReview": "review",
    "Queued": "queued",
    "Running": "running",
    "Paused": "paused",
    "Deciding": "deciding",
    "Settling": "settling",
    "Done": "done",
    "Reused": "reused",
    "Refused": "refused",
    "Failed": "failed",
    "Cancelled": "cancelled",
    "Expired": "expired",
    "Stopped": "stopped",
    "Discarded": "discarded",
}
"""The stages of a dialog under the names that programs see."""

_LONGEST = 1_000
_MOST_STEPS = 50


def facts(dialog: Dialog) -> dict[str, Any]:
    """Say in plain JSON where the dialog stands: `state` always, the rest where it is known.

    `seconds` maps each step that ended, and `build` for all of them, to how long it took.
    """
    known: dict[str, Any] = {"dialog": dialog.asked.dialog, "state": STATES[type(dialog).__name__]}
    match dialog:
        case Done():
            made = _image(dialog.created.reference, dialog.created.image.id, dialog.created.image.repo_digests)
            whole = (dialog.finished - dialog.progress.started).total_seconds()
            return known | made | {"seconds": {**_seconds(dialog.progress), "build": round(whole, 3)}}
        case Reused():
            image = dialog.existing.image
            return known | _image(dialog.existing.reference, image.id, image.repo_digests)
        case Refused():
            return known | {"message": dialog.refusal.message[:_LONGEST], "hint": dialog.refusal.hint[:_LONGEST]}
        case Failed():
            return known | {"message": dialog.message[:_LONGEST], "hint": dialog.hint[:_LONGEST]}
        case Running():
            return known | {"seconds": _seconds(dialog.progress)}
        case _:
            return known


def _image(reference: str, image_id: str, repo_digests: tuple[str, ...]) -> dict[str, Any]:
    name, _, tag = reference.rpartition(":")
    digest = next((known.partition("@")[2] for known in repo_digests if known.startswith(f"{name}@")), None)
    return {"image": name, "tag": tag, "id": image_id, "digest": digest}


def _seconds(progress: Progress) -> dict[str, float]:
    ended = [(step.title, step.seconds) for step in progress.steps if step.seconds is not None]
    return {title[:100]: round(seconds, 3) for title, seconds in ended[:_MOST_STEPS]}
