"""The review of an update, and the answer that nothing is to be done: tables of images and their plans."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.dialogs.stages import Answered, UnderReview
from bot.slack.views.buttons import CANCEL
from bot.slack.views.findings import findings
from bot.slack.views.parts import (
    FIELD,
    Block,
    Message,
    actions,
    context,
    message,
    review_context,
    review_summary,
    section,
)
from bot.slack.views.tables import Column, message_that_fits, table
from bot.slack.views.text import Markup, escape, markup
from bot.slack.views.update.controls import IMAGES, confirm
from bot.slack.views.update.plans import by_weight, in_a_cell, remote, unchecked_lines, users_text
from commands.command import Candidate, Keep, NoSource, NothingToDo, Rebuild, Unchecked, Update
from commands.text import count_of, plural

_MOST: Final = 1_200
"""The most characters of the findings, and of the images that could not be checked."""


@dataclass(frozen=True, slots=True)
class _ReviewWidth:
    """The limits for rows and for the widths of names and words."""

    rows: int
    name: int
    words: int


_ROOMS: Final = (
    _ReviewWidth(25, 100, 160),
    _ReviewWidth(25, 60, 100),
    _ReviewWidth(25, 44, 60),
    _ReviewWidth(20, 40, 50),
    _ReviewWidth(12, 32, 40),
    _ReviewWidth(6, 24, 30),
)


def review(dialog: UnderReview, proposal: Update) -> Message:
    """Return the message that asks whether to update, with every change."""
    return message_that_fits(lambda room: _review(dialog, proposal, room), _ROOMS)


def nothing_to_do(dialog: Answered, answer: NothingToDo) -> Message:
    """Return the message that nothing is to be done, with the reason for each image."""
    return message_that_fits(lambda room: _nothing_to_do(dialog, answer, room), _ROOMS)


def _review(dialog: UnderReview, proposal: Update, room: _ReviewWidth) -> Message:
    weighty = [image for image in by_weight(proposal.images) if image.is_changed or isinstance(image.plan, Unchecked)]
    shown = weighty[: room.rows]
    images = [IMAGES] if len(shown) < len(proposal.images) else []
    return message(
        proposal.title,
        [
            _table(shown, room),
            *_section("rest", _rest(proposal.images, shown)),
            *_section("unchecked", unchecked_lines(proposal.images)),
            *findings(proposal.findings, _MOST),
            section("notice", *_notices(proposal)),
        ],
        review_context(dialog),
        actions(dialog.asked.dialog, confirm(len(proposal.changing)), CANCEL, *images),
        summary=review_summary(dialog),
    )


def _nothing_to_do(dialog: Answered, answer: NothingToDo, room: _ReviewWidth) -> Message:
    shown = by_weight(answer.images)[: room.rows]
    images = [IMAGES] if len(shown) < len(answer.images) else []
    said = nothing_to_do_text(answer.images)
    return message(
        answer.title,
        [
            section("summary", escape(said, FIELD)),
            *([_table(shown, room)] if shown else []),
            *_section("rest", _rest(answer.images, shown)),
            *_section("unchecked", unchecked_lines(answer.images)),
            *findings(answer.findings, _MOST),
        ],
        context(dialog.asked),
        actions(dialog.asked.dialog, *images),
        summary=said,
    )


def _table(images: Sequence[Candidate], room: _ReviewWidth) -> Block:
    columns = (
        Column("Image", room.name, is_wrapped=True),
        Column("Local", 20),
        Column("Registry", 20),
        Column("What happens", room.words, is_wrapped=True),
        Column("Used by", room.words, is_wrapped=True),
    )
    rows = (
        (image.name, image.present.short, remote(image), in_a_cell(image), users_text(image.users)) for image in images
    )
    return table("images", columns, rows)


def nothing_to_do_text(images: Sequence[Candidate]) -> str:
    """Return a sentence about why nothing was to be done."""
    count, unchecked = len(images), _count(images, Unchecked)
    if not images:
        return "Nothing to do: no images on this Docker host."
    if unchecked == count:
        return "Nothing was changed: no image could be checked."
    if unchecked:
        return f"Nothing to do for the checked images; {unchecked:,} of {count:,} could not be checked."
    if _count(images, NoSource) == count:
        return "Nothing to do: no image has an update source."
    return "Nothing to do: everything is up to date."


def _rest(images: Sequence[Candidate], shown: Sequence[Candidate]) -> list[Markup]:
    """Return the counts of images that the table does not show, by kind."""
    hidden = by_weight(images)[len(shown) :]
    counts = (
        (sum(image.is_changed for image in hidden), "more would change", "more would change"),
        (_count(hidden, Unchecked), "more could not be checked", "more could not be checked"),
        (_count(hidden, NoSource), "image has nothing to update from", "images have nothing to update from"),
        (_count(hidden, Keep), "image is unchanged", "images are unchanged"),
    )
    said = [count_of(count, one, many) for count, one, many in counts if count]
    return [escape(f"{' · '.join(said)}.", FIELD)] if said else []


def _count(images: Sequence[Candidate], kind: type[Unchecked | NoSource | Keep]) -> int:
    return sum(isinstance(image.plan, kind) for image in images)


def _notices(proposal: Update) -> list[Markup]:
    kept = plural(len(proposal.changing), "The current image is", "Current images are")
    lines = [
        markup("Containers keep the image they were started from: none is stopped or restarted."),
        markup("{} kept as `before-…`, so you can roll back.", escape(kept, FIELD)),
    ]
    if any(isinstance(image.plan, Rebuild) for image in proposal.changing):
        lines.append(markup("Rebuilt images get a new tag; `latest` moves too if the bot owns it."))
    return lines


def _section(block_id: str, lines: Sequence[Markup]) -> list[Block]:
    return [section(block_id, *lines, most=_MOST)] if lines else []
