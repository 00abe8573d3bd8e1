"""The findings in a review, by severity."""

from collections.abc import Sequence
from typing import Final, assert_never

from bot.slack.views.parts import SECTION, Block, section
from bot.slack.views.text import Markup, markup, prose
from commands.command import Finding, Severity

_FINDING: Final = 500


def findings(noticed: Sequence[Finding], most: int = SECTION) -> list[Block]:
    """Return the section of findings; empty if there are none."""
    return [section("findings", *map(_finding, noticed), most=most)] if noticed else []


def _finding(finding: Finding) -> Markup:
    said = prose(finding.message, _FINDING)
    match finding.severity:
        case Severity.NOTE:
            return markup("*Note:* {}", said)
        case Severity.WARNING:
            return markup("⚠ *Warning:* {}", said)
        case _:
            assert_never(finding.severity)
