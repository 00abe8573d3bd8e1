"""The view of a refusal: why nothing is offered, and what to ask for instead."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.dialogs.stages import Answered
from bot.slack.views import standing
from bot.slack.views.evidence import SENTENCES, evidence, summary, what_to_do
from bot.slack.views.parts import NAME, Block, Message, context, message, section
from bot.slack.views.standing import Standing
from bot.slack.views.subject import Fallback
from bot.slack.views.text import Markup, because, copyable, escape, prose
from commands.command import Refusal

_ONE_LINE: Final = 2_000


@dataclass(frozen=True, slots=True)
class RefusalView:
    """The view of a refusal, with the words for its request."""

    refusal: Refusal
    words: Fallback

    def message(self, dialog: Answered, now: datetime) -> Message:
        """Return the message of why nothing is offered."""
        del now
        return refusal_message(self.refusal, context(dialog.asked), self.words.again)

    def announcement(self, dialog: Answered) -> Markup:
        """Return the reason in one line."""
        del dialog
        return because(escape(self.words.refused or self.words.nothing, NAME), self.refusal.message)

    def standing(self) -> Standing:
        """Return the reason, and what to do, for programs."""
        return Standing("refused", known=standing.problem(self.refusal.message, self.refusal.hint))


def refusal_message(refusal: Refusal, small_print: Block, again: str = "type the command again") -> Message:
    """Return the message of why nothing is offered, with a corrected line to copy. `again` says how to ask again."""
    return message(
        f"✗ {refusal.title}",
        [
            # The hint last: it may introduce the line to paste below it.
            section("problem", prose(refusal.message, SENTENCES), what_to_do(refusal.hint, again)),
            *_offer(refusal.details),
        ],
        small_print,
        summary=summary(refusal.message, refusal.hint),
    )


def _offer(details: tuple[str, ...]) -> list[Block]:
    """Return a single line uncut, since it is a corrected command to paste."""
    match details:
        case [line] if line.strip():
            return [section("details", copyable(line, _ONE_LINE))]
        case _:
            return evidence(details)
