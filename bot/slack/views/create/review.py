"""The reviews: what would be done, exactly, and the question whether to do it."""

from datetime import datetime
from typing import assert_never

from bot.dialogs.stages import UnderReview
from bot.slack.views import actions
from bot.slack.views.amounts import age, moment, size
from bot.slack.views.findings import findings
from bot.slack.views.moves import review_of_removal, review_of_roll_back
from bot.slack.views.parts import FIELD, Block, Message, message, review_context, review_summary, section
from bot.slack.views.parts import actions as buttons
from bot.slack.views.specs import REFERENCE, base_line, is_empty, package_lines
from bot.slack.views.text import code, escaped, markup
from bot.slack.views.update_review import review_of_update
from commands.command import Creation, ExistingImage, Removal, RollBack, Update


def review(dialog: UnderReview, now: datetime) -> Message:
    """Ask whether to do what is proposed."""
    match dialog.proposal:
        case Creation() as proposal:
            return _review_of_creation(dialog, proposal, now)
        case Update() as proposal:
            return review_of_update(dialog, proposal)
        case RollBack() as proposal:
            return review_of_roll_back(dialog, proposal, now)
        case Removal() as proposal:
            return review_of_removal(dialog, proposal, now)
        case _:
            assert_never(dialog.proposal)


def _review_of_creation(dialog: UnderReview, proposal: Creation, now: datetime) -> Message:
    title = "This image already exists" if proposal.existing else proposal.title
    return message(
        title,
        _body(proposal, now),
        review_context(dialog),
        buttons(dialog.asked.dialog, *_buttons(proposal)),
        summary=review_summary(dialog),
    )


def _body(proposal: Creation, now: datetime) -> list[Block]:
    spec = proposal.spec
    image = code(spec.reference, REFERENCE)
    would = markup("*Build anyway creates:* {}", image)
    first = would if proposal.existing else markup("*Image:* {}", image)
    return [
        *([_existing(proposal.existing, now)] if proposal.existing else []),
        section("summary", first, base_line(spec.base), *package_lines(spec)),
        *findings(proposal.findings),
    ]


def _existing(existing: ExistingImage, now: datetime) -> Block:
    return section(
        "existing",
        markup(
            "*Identical image:* {} · {} · created {} ({})\nIt has the same base, packages and versions.",
            code(existing.reference, REFERENCE),
            escaped(size(existing.image.size), FIELD),
            escaped(moment(existing.image.created), FIELD),
            escaped(age(existing.image.created, now), FIELD),
        ),
    )


def _buttons(proposal: Creation) -> list[actions.Button]:
    build = [actions.REUSE, actions.BUILD_ANYWAY] if proposal.existing else [actions.CREATE]
    packages = [] if is_empty(proposal.spec) else [actions.SHOW_PACKAGES]
    return [*build, actions.CANCEL, actions.EDIT, actions.SHOW_DOCKERFILE, *packages]
