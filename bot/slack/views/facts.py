"""The metadata on each dialog: what programs read, where people read the blocks."""

import json
from typing import Any, Final

from bot.dialogs.progress import Progress
from bot.dialogs.stages import (
    AT_REST,
    Deciding,
    Described,
    Dialog,
    Done,
    Failed,
    ImageRemoved,
    ImagesUpdated,
    Listed,
    Refused,
    Reused,
    Running,
    TagsRolledBack,
    UnderReview,
    UpToDate,
)
from bot.slack.views.actions import MEANINGS, Action
from bot.slack.views.dialog import render
from bot.slack.views.updated import CHANGED, title_of
from commands.command import Candidate, Keep, NoSource, Row, Unchecked
from commands.model.images import Mark
from commands.model.outcomes import Ending, ImageResult, MoveResult

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
    "ImagesUpdated": "updated",
    "UpToDate": "unchanged",
    "TagsRolledBack": "rolled_back",
    "ImageRemoved": "removed",
    "Listed": "listed",
    "Described": "described",
}
"""The stages of a dialog under the names that programs see; `facts` gives another name to a partial success.

An update is `failed` if an image failed, and `stopped` if it was stopped. A roll back is `failed` if a tag did not
move. An answer that nothing needs an update is `unchecked` if an image could not be checked.
"""

_SUCCESSES: Final = frozenset(
    STATES[stage.__name__]
    for stage in (Done, Reused, ImagesUpdated, UpToDate, TagsRolledBack, ImageRemoved, Listed, Described)
)
_QUESTIONS: Final = (UnderReview, Deciding)

_LONGEST = 1_000
_MOST_STEPS = 50
_STEPS = 1_800
"""Characters for the seconds of an update: Slack takes 8,000 of metadata, and the images need most of them."""
_IMAGES = 4_000
_FIELD = 300


def facts(dialog: Dialog) -> dict[str, Any]:
    """Say in plain JSON where the dialog stands.

    Every dialog has these; the rest depends on the stage:
        state: one of `STATES`, or a name for a partial success.
        ended: nothing follows by itself.
        succeeded: the command did what was asked.
        asks: the dialog waits for a person's decision.
        buttons: the action ids of the buttons and menus that it shows now, in their order, each with its meaning.

    `seconds` maps each step that ended, and `build` or `update` for all of them, to its duration. `images` lists the
    images of an update, the tags of a roll back, or the rows of a list's page. An update of a single image also has the
    keys of a new image.
    """
    known = {"dialog": dialog.asked.dialog, "state": STATES[type(dialog).__name__], **_facts_of(dialog)}
    return known | {
        "ended": isinstance(dialog, AT_REST),
        "succeeded": known["state"] in _SUCCESSES,
        "asks": isinstance(dialog, _QUESTIONS),
        "buttons": _buttons(dialog),
    }


def _buttons(dialog: Dialog) -> dict[str, str]:
    # The time changes what a dialog says, never its buttons.
    rows = [block["elements"] for block in render(dialog, dialog.asked.at).blocks if block["type"] == "actions"]
    elements = [element for row in rows if isinstance(row, list) for element in row]
    return {element["action_id"]: MEANINGS[Action(element["action_id"])].value for element in elements}


def _facts_of(dialog: Dialog) -> dict[str, Any]:  # noqa: C901, PLR0911 - one line for each kind
    match dialog:
        case Done():
            made = _image(dialog.created.reference, dialog.created.image.id, dialog.created.image.repo_digests)
            whole = (dialog.finished - dialog.progress.started).total_seconds()
            return made | {"seconds": {**_seconds(dialog.progress), "build": round(whole, 3)}}
        case Reused():
            image = dialog.existing.image
            return _image(dialog.existing.reference, image.id, image.repo_digests)
        case Refused():
            return {"message": _short_text(dialog.refusal.message), "hint": _short_text(dialog.refusal.hint)}
        case Failed():
            return {"message": _short_text(dialog.message), "hint": _short_text(dialog.hint)}
        case Running():
            return {"seconds": _seconds(dialog.progress)}
        case ImagesUpdated():
            return _of_update(dialog)
        case UpToDate():
            return _of_nothing_to_do(dialog.answer.images)
        case TagsRolledBack():
            return _of_roll_back(dialog)
        case Listed():
            # Both are empty while the disk use is being measured.
            disk = {"disk": dialog.listing.disk, "disk_note": dialog.listing.disk_note[:_FIELD]}
            return disk | _several([_row(row) for row in dialog.listing.rows])
        case ImageRemoved():
            return {"id": dialog.outcome.image_id[:_FIELD]}
        case _:
            return {}


def _of_update(dialog: ImagesUpdated) -> dict[str, Any]:
    results = dialog.outcome.results
    whole = (dialog.finished - dialog.progress.started).total_seconds()
    known = {
        **_state_of_update(dialog),
        **_several([_result(result) for result in results]),
        "seconds": _fitting_seconds({**_seconds(dialog.progress), "update": round(whole, 3)}),
    }
    match results:
        case [ImageResult(ending=ending, after=Mark() as after) as only] if ending in CHANGED:
            name, _, tag = (only.reference or only.name)[:_FIELD].rpartition(":")
            return known | {"image": name, "tag": tag, "id": after.id[:_FIELD], "digest": after.digest}
        case _:
            return known


def _state_of_update(dialog: ImagesUpdated) -> dict[str, str]:
    endings = {result.ending for result in dialog.outcome.results}
    if Ending.FAILED not in endings and Ending.STOPPED not in endings:
        return {}
    failed = [result for result in dialog.outcome.results if result.ending is Ending.FAILED]
    # A stop goes before a failure: the person who stopped it expects an incomplete update.
    state = "stopped" if dialog.stopped_by is not None or not failed else "failed"
    reason = f"{title_of(dialog)}: {failed[0].reason}" if failed else title_of(dialog)
    return {"state": state, "message": _short_text(reason), "hint": _short_text(failed[0].hint) if failed else ""}


def _of_nothing_to_do(images: tuple[Candidate, ...]) -> dict[str, Any]:
    unchecked = any(isinstance(image.plan, Unchecked) for image in images)
    state = {"state": "unchecked"} if unchecked else {}
    return {**state, **_several([_candidate(image) for image in images])}


def _of_roll_back(dialog: TagsRolledBack) -> dict[str, Any]:
    results = dialog.outcome.results
    problem = next((result.problem for result in results if result.problem), None)
    failed = {} if problem is None else {"state": "failed", "message": _short_text(problem), "hint": ""}
    return {**failed, **_several([_move(result) for result in results])}


def _result(result: ImageResult) -> dict[str, Any]:
    return _short(
        name=result.name,
        ending=result.ending.value,
        before=result.before.short if result.before else None,
        after=result.after.short if result.after else None,
        reference=result.reference,
        kept_as=result.kept_as,
        reason=result.reason,
    )


def _candidate(image: Candidate) -> dict[str, Any]:
    plan = image.plan
    reason = plan.reason if isinstance(plan, Keep | NoSource | Unchecked) else ""
    ending = "unchecked" if isinstance(plan, Unchecked) else "unchanged"
    return _short(name=image.name, ending=ending, before=image.present.short, reason=reason)


def _move(result: MoveResult) -> dict[str, Any]:
    return _short(
        name=result.name,
        ending="failed" if result.problem else "rolled_back",
        after=result.now.short if result.now else None,
        kept_as=result.kept_as,
        reason=result.problem,
    )


def _row(row: Row) -> dict[str, Any]:
    return {
        "name": row.name[:_FIELD],
        "id": row.image.removeprefix("sha256:")[:12],
        "size": row.size,
        "created": row.created.isoformat(timespec="seconds"),
        "made_here": row.made_here,
    }


def _short(**texts: str | None) -> dict[str, str]:
    return {key: text[:_FIELD] for key, text in texts.items() if text}


def _several(images: list[dict[str, Any]]) -> dict[str, Any]:
    """List the first images, as many as fit; `images_left_out` counts the others."""
    kept: list[dict[str, Any]] = []
    spent = 0
    for image in images:
        spent += len(json.dumps(image)) + 2
        if spent > _IMAGES:
            break
        kept.append(image)
    left_out = {"images_left_out": len(images) - len(kept)} if len(kept) < len(images) else {}
    return {"images": kept, **left_out}


def _fitting_seconds(seconds: dict[str, float]) -> dict[str, float]:
    kept, spent = {}, 0
    # From the end: the last entry is the total.
    for title, took in reversed(seconds.items()):
        spent += len(json.dumps({title: took}))
        if spent > _STEPS:
            break
        kept[title] = took
    return dict(reversed(kept.items()))


def _short_text(text: str) -> str:
    """Cut a text so that it takes at most `_LONGEST` characters as JSON, where one may take twelve."""
    kept = text[:_LONGEST]
    while len(json.dumps(kept)) > _LONGEST + 2:
        kept = kept[: len(kept) * 3 // 4]
    return kept


def _image(reference: str, image_id: str, repo_digests: tuple[str, ...]) -> dict[str, Any]:
    name, _, tag = reference.rpartition(":")
    digest = next((known.partition("@")[2] for known in repo_digests if known.startswith(f"{name}@")), None)
    return {"image": name, "tag": tag, "id": image_id, "digest": digest}


def _seconds(progress: Progress) -> dict[str, float]:
    ended = [(step.title, step.seconds) for step in progress.steps if step.seconds is not None]
    return {title[:100]: round(seconds, 3) for title, seconds in ended[:_MOST_STEPS]}
