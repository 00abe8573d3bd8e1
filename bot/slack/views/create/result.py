"""The results of a creation: the image is new, or existed already."""

from datetime import datetime
from typing import Final

from bot.dialogs.stages import Finished
from bot.slack.views.amounts import duration, size
from bot.slack.views.buttons import LOG, Button
from bot.slack.views.create.controls import PACKAGES
from bot.slack.views.create.deciding import failure_lines
from bot.slack.views.parts import FIELD, NAME, Block, Message, actions, context, message, section
from bot.slack.views.specs import base_line, image_fields, is_empty, package_lines
from bot.slack.views.steps import seconds_taken, times
from bot.slack.views.text import Markup, copyable, escape, markup
from commands.command import ImageCreated, ImageReused
from commands.model.images import ImageSpec
from commands.model.outcomes import Created

_KEY_LINE: Final = 400
"""The most characters of the line to copy: the key, a name of at most 255 characters, and a tag."""


def created_message(dialog: Finished, end: ImageCreated, now: datetime) -> Message:
    """Return the message with the new image, its packages and the duration."""
    made, spec = end.outcome, end.proposal.spec
    name = spec.name[:NAME]
    return message(
        f"⚠ {name} is ready, but some modules do not import" if made.import_failures else f"✓ {name} is ready",
        [
            _key_line(made.reference, _failures_note(made)),
            image_fields(made.reference, made.image, now),
            section("added", *_content_lines(end), *_time_lines(dialog, made)),
        ],
        context(dialog.asked, confirmed_by=dialog.by),
        actions(dialog.asked.dialog, LOG, *_packages(spec)),
        summary=made.reference,
    )


def reused_message(dialog: Finished, end: ImageReused, now: datetime) -> Message:
    """Return the message with the existing image, which is reused."""
    existing, spec = end.outcome, end.proposal.spec
    return message(
        f"✓ {spec.name[:NAME]} is ready: it already existed",
        [
            _key_line(
                existing.reference, [markup("Nothing was built: this image has the same base, packages and versions.")]
            ),
            image_fields(existing.reference, existing.image, now),
            section("added", base_line(spec.base), *package_lines(spec)),
        ],
        context(dialog.asked, confirmed_by=dialog.by),
        actions(dialog.asked.dialog, *_packages(spec)),
        summary=existing.reference,
    )


def _key_line(reference: str, beneath: list[Markup]) -> Block:
    return section("dockerimage", copyable(f"dockerimage: {reference}", _KEY_LINE), *beneath)


def _failures_note(made: Created) -> list[Markup]:
    if not made.import_failures:
        return []
    return [markup("*Kept although these modules do not import:*"), *failure_lines(made.import_failures)]


def _content_lines(end: ImageCreated) -> list[Markup]:
    spec, more = end.proposal.spec, end.outcome.added_bytes
    if is_empty(spec) or more <= 0:
        return [base_line(spec.base), *package_lines(spec)]
    added = markup("*Added:* {} on top of the base", escape(size(more), FIELD))
    return [base_line(spec.base), *package_lines(spec), added]


def _time_lines(dialog: Finished, made: Created) -> list[Markup]:
    progress = dialog.progress
    if progress is None:
        return []
    # A kept image has waited for a person's decision, so only the duration of its steps counts.
    took = sum(step.seconds or 0.0 for step in progress.steps) if made.import_failures else seconds_taken(dialog)
    total = escape(duration(took), FIELD)
    if not progress.steps:
        return [markup("*Took:* {}", total)]
    return [markup("*Took:* {} · {}", total, times(progress))]


def _packages(spec: ImageSpec) -> list[Button]:
    return [] if is_empty(spec) else [PACKAGES]
