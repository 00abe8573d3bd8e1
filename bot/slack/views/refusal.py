"""A refusal, as dialogs show it: why nothing is offered, and what to ask for instead."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.dialogs.stages import Answered
from bot.slack.views import standing
from bot.slack.views.evidence import SENTENCES, evidence, summary, what_to_do
from bot.slack.views.parts import NAME, Block, Message, context, message, section
from bot.slack.views.standing import Standing
from bot.slack.views.subject import Fallback
from bot.slack.views.text import Markup, because, copyable, escaped, prose
from commands.command import Refusal

_ONE_LINE: Final = 2_000


@dataclass(frozen=True, slots=True)
class RefusalView:
    """A refusal of a request, and the words for that request."""

    refusal: Refusal
    words: Fallback

    def message(self, dialog: Answered, now: datetime) -> Message:
        """Say why nothing is offered."""
        del now
        return refusal_message(self.refusal, context(dialog.asked), self.words.again)

    def announcement(self, dialog: Answered) -> Markup:
        """Say why in one line."""
        del dialog
        # What was refused was not even built.
        return because(escaped(self.words.nothing.replace("built", "created"), NAME), self.refusal.message)

    def standing(self) -> Standing:
        """Say why, and what to do."""
        return Standing("refused", known=standing.problem(self.refusal.message, self.refusal.hint))


def refusal_message(refusal: Refusal, small_print: Block, again: str = "type the command again") -> Message:
    """Say why nothing is offered; a corrected line can be copied. `again` says how to ask once more."""
    return message(
        f"✗ {refusal.title}",
        [
            # The hint last: it may introduce the line to paste that follows.
            section("problem", prose(refusal.message, SENTENCES), what_to_do(refusal.hint, again)),
            *_offer(refusal.details),
        ],
        small_print,
        summary=summary(refusal.message, refusal.hint),
    )


def _offer(details: tuple[str, ...]) -> list[Block]:
    """Show a single line whole, since it is a corrected command to paste."""
    match details:
        case [line] if line.strip():
            return [section("details", copyable(line, _ONE_LINE))]
        case _:
            return evidence(details)
