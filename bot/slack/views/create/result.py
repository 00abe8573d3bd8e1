"""The results: an image is ready, made now or found."""

from datetime import datetime
from typing import Final

from bot.dialogs.stages import Done, Reused
from bot.slack.views import actions
from bot.slack.views.amounts import duration, size
from bot.slack.views.deciding import failure_lines
from bot.slack.views.parts import FIELD, NAME, Block, Message, context, message, section
from bot.slack.views.parts import actions as buttons
from bot.slack.views.specs import base_line, image_fields, is_empty, package_lines
from bot.slack.views.steps import times
from bot.slack.views.text import Markup, copyable, escaped, markup
from commands.model.images import ImageSpec

_KEY_LINE: Final = 400
"""Characters of the line to copy: the key and a name of at most 255 characters and its tag."""


def done(dialog: Done, now: datetime) -> Message:
    """Show the new image, what is in it and how long it took."""
    created, name = dialog.created, dialog.proposal.spec.name[:NAME]
    return message(
        f"⚠ {name} is ready, but some modules do not import" if created.import_failures else f"✓ {name} is ready",
        [
            _key_line(created.reference, _kept_failures(dialog)),
            image_fields(created.reference, created.image, now),
            section("added", *_content_lines(dialog), *_time_lines(dialog)),
        ],
        context(dialog.asked, confirmed_by=dialog.by),
        buttons(dialog.asked.dialog, actions.LOG, *_packages(dialog.proposal.spec)),
        summary=created.reference,
    )


def reused(dialog: Reused, now: datetime) -> Message:
    """Show the image that exists already and is used as it is."""
    existing, spec = dialog.existing, dialog.proposal.spec
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
        buttons(dialog.asked.dialog, *_packages(spec)),
        summary=existing.reference,
    )


def _key_line(reference: str, beneath: list[Markup]) -> Block:
    return section("dockerimage", copyable(f"dockerimage: {reference}", _KEY_LINE), *beneath)


def _kept_failures(dialog: Done) -> list[Markup]:
    failures = dialog.created.import_failures
    if not failures:
        return []
    return [markup("*Kept although these modules do not import:*"), *failure_lines(failures)]


def _content_lines(dialog: Done) -> list[Markup]:
    spec, more = dialog.proposal.spec, dialog.created.added_bytes
    if is_empty(spec) or more <= 0:
        return [base_line(spec.base), *package_lines(spec)]
    added = markup("*Added:* {} on top of the base", escaped(size(more), FIELD))
    return [base_line(spec.base), *package_lines(spec), added]


def _time_lines(dialog: Done) -> list[Markup]:
    total = escaped(duration(_seconds(dialog)), FIELD)
    if not dialog.progress.steps:
        return [markup("*Took:* {}", total)]
    return [markup("*Took:* {} · {}", total, times(dialog.progress))]


def _seconds(dialog: Done) -> float:
    if dialog.created.import_failures:
        # It waited for somebody to keep it, which nobody wants to know: only the steps count.
        return sum(step.seconds or 0.0 for step in dialog.progress.steps)
    return (dialog.finished - dialog.progress.started).total_seconds()


def _packages(spec: ImageSpec) -> list[actions.Button]:
    return [] if is_empty(spec) else [actions.PACKAGES]
