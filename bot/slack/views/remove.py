"""The views of the removal of an image."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.dialogs.stages import Finished, UnderReview
from bot.dialogs.transitions import Decision
from bot.slack.views import standing
from bot.slack.views.buttons import CANCEL, Button, Decide
from bot.slack.views.findings import findings
from bot.slack.views.marks import mark_facts
from bot.slack.views.parts import (
    FIELD,
    NAME,
    Message,
    actions,
    context,
    message,
    review_context,
    review_summary,
    section,
)
from bot.slack.views.specs import REFERENCE
from bot.slack.views.standing import Standing
from bot.slack.views.subject import ASK_AGAIN, Fallback, Subject
from bot.slack.views.text import Markup, code, escape, markup, middle, several
from commands.command import ImageRemoved, Removal

_FINDINGS: Final = 2_000
_NAMES: Final = 900

# No question: the review is the question.
REMOVE: Final = Button("remove", "Remove", Decide(Decision.CONFIRM, Removal), "danger")

CONTROLS: Final = (REMOVE,)
WORDS: Final = Fallback("Nothing was removed", "nothing was removed", ASK_AGAIN)


@dataclass(frozen=True, slots=True)
class RemovalView:
    """The view of a proposed removal."""

    removal: Removal

    @property
    def subject(self) -> Subject:
        """The image by one of its tags, or by its short ID."""
        name = self.removal.names[0] if self.removal.names else self.removal.image.short
        return Subject(middle(name, NAME), "Removing", "removed", "removal")

    def review(self, dialog: UnderReview, now: datetime) -> Message:
        """Ask whether to remove the image."""
        return _review(dialog, self.removal, now)


@dataclass(frozen=True, slots=True)
class RemovedView:
    """The view of a removed image."""

    end: ImageRemoved

    def result(self, dialog: Finished, now: datetime) -> Message:
        """Return the message about what was removed."""
        del now
        return _removed_message(dialog, self.end)

    def announcement(self, dialog: Finished) -> Markup:
        """Return a line that the image was removed."""
        del dialog
        return markup("{} was removed.", RemovalView(self.end.proposal).subject.shown)

    def standing(self, dialog: Finished) -> Standing:
        """Return the ID of the image for programs."""
        del dialog
        return Standing("removed", succeeded=True, known={"id": self.end.outcome.image_id[: standing.FIELD]})


def _review(dialog: UnderReview, proposal: Removal, now: datetime) -> Message:
    named = several(proposal.names, _NAMES, lambda name: code(name, REFERENCE))
    names = markup("*Names:* {}", named) if proposal.names else markup("*Names:* none")
    return message(
        proposal.title,
        [
            section(
                "summary",
                markup("*Image:* {}", mark_facts(proposal.image, now)),
                names,
                markup(
                    "This deletes {} and cannot be undone. Layers shared with other images are kept.",
                    _tags(proposal.names),
                ),
            ),
            *findings(proposal.findings, _FINDINGS),
        ],
        review_context(dialog),
        actions(dialog.asked.dialog, REMOVE, CANCEL),
        summary=review_summary(dialog),
    )


def _tags(names: Sequence[str]) -> Markup:
    match len(names):
        case 0:
            return markup("the image")
        case 1:
            return markup("the tag and its image")
        case 2:
            return markup("both tags")
        case count:
            return markup("all {} tags", escape(f"{count:,}", FIELD))


def _removed_message(dialog: Finished, end: ImageRemoved) -> Message:
    about, gone = RemovalView(end.proposal).subject, end.outcome
    names = several(gone.names, _NAMES, lambda name: code(name, REFERENCE))
    named = markup(" with its names: {}", names) if gone.names else markup("; it had no name")
    short = code(gone.image_id.removeprefix("sha256:")[:12], FIELD)
    return message(
        f"✓ {about.name} was removed",
        [section("summary", markup("Image {} was deleted{}.", short, named))],
        context(dialog.asked, confirmed_by=dialog.by),
    )
