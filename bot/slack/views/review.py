"""The review: what would be made, exactly, and the question whether to make it."""

from datetime import datetime
from typing import Final, assert_never

from bot.dialogs import UnderReview
from bot.slack.views import actions
from bot.slack.views.amounts import age, moment, size
from bot.slack.views.parts import FIELD, Block, Message, context, message, section
from bot.slack.views.parts import actions as buttons
from bot.slack.views.specs import REFERENCE, base_line, is_empty, package_lines
from bot.slack.views.text import Markup, code, escaped, markup, prose
from commands.command import ExistingImage, Finding, Proposal, Severity

_FINDING: Final = 500


def review(dialog: UnderReview, now: datetime) -> Message:
    """Ask whether to make the proposed image, or to use the one that exists."""
    proposal, until = dialog.proposal, escaped(moment(dialog.expires), FIELD)
    title = "This image exists already" if proposal.existing else proposal.title
    return message(
        title,
        _body(proposal, now),
        context(dialog.asked, markup("Waits for a decision until {}", until)),
        buttons(dialog.asked.dialog, *_offered(proposal)),
        summary=f"waits for a decision until {moment(dialog.expires)}",
    )


def _body(proposal: Proposal, now: datetime) -> list[Block]:
    spec = proposal.spec
    image = code(spec.reference, REFERENCE)
    would = markup("*Building anyway makes:* {}", image)
    first = would if proposal.existing else markup("*Image:* {}", image)
    return [
        *([_existing(proposal.existing, now)] if proposal.existing else []),
        section("summary", first, base_line(spec.base), *package_lines(spec)),
        *([section("findings", *(_finding(finding) for finding in proposal.findings))] if proposal.findings else []),
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


def _finding(finding: Finding) -> Markup:
    said = prose(finding.message, _FINDING)
    match finding.severity:
        case Severity.NOTE:
            return markup("*Note:* {}", said)
        case Severity.WARNING:
            return markup("⚠ *Warning:* {}", said)
        case Severity.DENY:
            return markup("✗ *Not allowed:* {}", said)
        case _:
            assert_never(finding.severity)


def _offered(proposal: Proposal) -> list[actions.Button]:
    build = [actions.REUSE, actions.BUILD_ANYWAY] if proposal.existing else [actions.CREATE]
    packages = [] if is_empty(proposal.spec) else [actions.SHOW_PACKAGES]
    return [*build, actions.CANCEL, actions.EDIT, actions.SHOW_DOCKERFILE, *packages]
