"""The review of a new image: its exact specification, and the question whether to build it."""

from datetime import datetime

from bot.dialogs.stages import UnderReview
from bot.slack.views.amounts import age, moment, size
from bot.slack.views.buttons import CANCEL, Button
from bot.slack.views.create.controls import BUILD_ANYWAY, CREATE, EDIT, REUSE, SHOW_DOCKERFILE, SHOW_PACKAGES
from bot.slack.views.findings import findings
from bot.slack.views.parts import FIELD, Block, Message, actions, message, review_context, review_summary, section
from bot.slack.views.specs import REFERENCE, base_line, is_empty, package_lines
from bot.slack.views.text import code, escape, markup
from commands.command import Creation, ExistingImage


def review(dialog: UnderReview, proposal: Creation, now: datetime) -> Message:
    """Return the message that asks whether to build the image, or to reuse the identical one."""
    title = "This image already exists" if proposal.existing else proposal.title
    return message(
        title,
        _body(proposal, now),
        review_context(dialog),
        actions(dialog.asked.dialog, *_buttons(proposal)),
        summary=review_summary(dialog),
    )


def _body(proposal: Creation, now: datetime) -> list[Block]:
    spec = proposal.spec
    image = code(spec.reference, REFERENCE)
    would = markup("*Build anyway creates:* {}", image)
    first = would if proposal.existing else markup("*Image:* {}", image)
    return [
        *([_existing_block(proposal.existing, now)] if proposal.existing else []),
        section("summary", first, base_line(spec.base), *package_lines(spec)),
        *findings(proposal.findings),
    ]


def _existing_block(existing: ExistingImage, now: datetime) -> Block:
    return section(
        "existing",
        markup(
            "*Identical image:* {} · {} · created {} ({})\nIt has the same base, packages and versions.",
            code(existing.reference, REFERENCE),
            escape(size(existing.image.size), FIELD),
            escape(moment(existing.image.created), FIELD),
            escape(age(existing.image.created, now), FIELD),
        ),
    )


def _buttons(proposal: Creation) -> list[Button]:
    build = [REUSE, BUILD_ANYWAY] if proposal.existing else [CREATE]
    packages = [] if is_empty(proposal.spec) else [SHOW_PACKAGES]
    return [*build, CANCEL, EDIT, SHOW_DOCKERFILE, *packages]
