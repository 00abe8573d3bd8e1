"""The facts about a dialog for programs, as plain JSON that fits into the metadata of a message."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bot.dialogs.progress import Progress

FIELD: Final = 300
"""The most characters of one value."""
_LONGEST: Final = 1_000
_MOST_STEPS: Final = 50
_STEPS: Final = 1_800
"""The most characters for the seconds of an update: of Slack's 8,000 for metadata, the images need most."""
_IMAGES: Final = 4_000


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of a dialog: its name, whether the command succeeded, and further facts."""

    state: str
    succeeded: bool = False
    known: Mapping[str, Any] = field(default_factory=dict)


def short(**texts: str | None) -> dict[str, str]:
    """Return the texts, each cut, without the empty ones."""
    return {key: text[:FIELD] for key, text in texts.items() if text}


def several(images: list[dict[str, Any]]) -> dict[str, Any]:
    """Return as many of the first images as fit; `images_left_out` counts the others."""
    kept: list[dict[str, Any]] = []
    spent = 0
    for image in images:
        spent += len(json.dumps(image)) + 2
        if spent > _IMAGES:
            break
        kept.append(image)
    left_out = {"images_left_out": len(images) - len(kept)} if len(kept) < len(images) else {}
    return {"images": kept, **left_out}


def image(reference: str, image_id: str, repo_digests: tuple[str, ...]) -> dict[str, Any]:
    """Return the name, tag, ID and digest of an image."""
    name, _, tag = reference.rpartition(":")
    digest = next((known.partition("@")[2] for known in repo_digests if known.startswith(f"{name}@")), None)
    return {"image": name, "tag": tag, "id": image_id, "digest": digest}


def seconds(progress: Progress) -> dict[str, float]:
    """Return the duration of each ended step."""
    ended = [(step.title, step.seconds) for step in progress.steps if step.seconds is not None]
    return {title[:100]: round(took, 3) for title, took in ended[:_MOST_STEPS]}


def fitting_seconds(took: dict[str, float]) -> dict[str, float]:
    """Return as many of the last durations as fit: the last entry is the total."""
    kept, spent = {}, 0
    for title, each in reversed(took.items()):
        spent += len(json.dumps({title: each}))
        if spent > _STEPS:
            break
        kept[title] = each
    return dict(reversed(kept.items()))


def short_text(text: str) -> str:
    """Return a text cut to 1,000 characters of JSON, where one character may take twelve."""
    kept = text[:_LONGEST]
    while len(json.dumps(kept)) > _LONGEST + 2:
        kept = kept[: len(kept) * 3 // 4]
    return kept


def problem(message: str, hint: str) -> dict[str, str]:
    """Return what went wrong and what to do."""
    return {"message": short_text(message), "hint": short_text(hint)}
