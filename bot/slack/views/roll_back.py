"""The views of a roll back: tags that move back to earlier images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from bot.dialogs.stages import Dialog, Finished, UnderReview
from bot.dialogs.transitions import Decision
from bot.slack.views import standing
from bot.slack.views.amounts import age
from bot.slack.views.buttons import CANCEL, Begin, Button, Decide, Menu
from bot.slack.views.findings import findings
from bot.slack.views.images.controls import chosen
from bot.slack.views.marks import earlier_line, first_lines, mark_facts, still_used_line
from bot.slack.views.parts import (
    FIELD,
    NAME,
    Block,
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
from bot.slack.views.subject import ASK_AGAIN, Fallback, Subject, one_or_several
from bot.slack.views.text import Markup, code, escape, markup, prose
from bot.slack.views.update.plans import user_names
from commands.command import Move, RollBack, TagsRolledBack
from commands.host.history import tag_of
from commands.image_actions import roll_back
from commands.model.outcomes import MoveResult
from commands.model.requests import RollBackImage
from commands.text import plural

_RESULTS: Final = 2_400
_FINDINGS: Final = 2_000
_REASON: Final = 400
_LABEL: Final = 75
_MOST_MOVES: Final = 8
_MOST_OTHERS: Final = 20
"""The most earlier images in the menu: many more than are kept per repository."""


def _to_another(dialog: Dialog, choice: str) -> RollBackImage | None:
    match dialog:
        case UnderReview(proposal=RollBack(others=others)):
            place = chosen(choice, len(others))
            return None if place is None else _to(others[place])
        case _:
            return None


def _to(other: Move) -> RollBackImage:
    return roll_back.request_for(other.name, tag_of(other.earlier_tag))


ROLL_BACK: Final = Button("roll_back", "Roll back", Decide(Decision.CONFIRM, RollBack), "primary")
# The choice replaces the proposal under review.
ROLL_BACK_TO: Final = Menu("roll_back_to", "Another earlier image…", Begin(_to_another))

CONTROLS: Final = (ROLL_BACK, ROLL_BACK_TO)
WORDS: Final = Fallback("Nothing was rolled back", "nothing was rolled back", ASK_AGAIN)


@dataclass(frozen=True, slots=True)
class RollBackView:
    """The view of a proposed roll back."""

    roll_back: RollBack

    @property
    def subject(self) -> Subject:
        """The tag, or the number of tags."""
        names = [move.name for move in self.roll_back.moves]
        return one_or_several(names, "names", doing="Rolling back", done="rolled back", noun="roll back")

    def review(self, dialog: UnderReview, now: datetime) -> Message:
        """Ask whether to roll back the tags."""
        return _review(dialog, self.roll_back, now)


@dataclass(frozen=True, slots=True)
class RolledBackView:
    """The view of a finished roll back."""

    end: TagsRolledBack

    def result(self, dialog: Finished, now: datetime) -> Message:
        """Return the message with the present image of each tag."""
        del now
        return _rolled_back_message(dialog, self.end)

    def announcement(self, dialog: Finished) -> Markup:
        """Return the result in one line."""
        del dialog
        return markup("{}.", escape(_title(self.end), 2 * NAME))

    def standing(self, dialog: Finished) -> Standing:
        """Return the result of each tag for programs; `failed` if one did not move."""
        del dialog
        results = self.end.outcome.results
        problem = next((result.problem for result in results if result.problem), None)
        known = standing.several([_move_facts(result) for result in results])
        if problem is None:
            return Standing("rolled_back", succeeded=True, known=known)
        return Standing("failed", known={**standing.problem(problem, ""), **known})


def _review(dialog: UnderReview, proposal: RollBack, now: datetime) -> Message:
    return message(
        proposal.title,
        [
            section("moves", *first_lines([_move(move, now) for move in proposal.moves], _MOST_MOVES)),
            *findings(proposal.findings, _FINDINGS),
            section(
                "notice",
                markup("Containers keep the image they were started from: none is stopped or restarted."),
                markup("The current image is kept, so you can undo this."),
            ),
        ],
        review_context(dialog),
        actions(dialog.asked.dialog, ROLL_BACK, CANCEL, *_others(proposal.others, now)),
        summary=review_summary(dialog),
    )


def _rolled_back_message(dialog: Finished, end: TagsRolledBack) -> Message:
    results = end.outcome.results
    return message(
        _title(end),
        [
            section("results", *first_lines([_result(result) for result in results]), most=_RESULTS),
            *_still_used(results),
        ],
        context(dialog.asked, confirmed_by=dialog.by),
    )


def _title(end: TagsRolledBack) -> str:
    about, results = RollBackView(end.proposal).subject, end.outcome.results
    failed = sum(bool(result.problem) for result in results)
    if not failed:
        return f"✓ {about.name} {about.were} rolled back"
    if failed == len(results):
        return f"✗ {about.not_done}"
    return f"⚠ {failed:,} of {len(results):,} names {plural(failed, 'was', 'were')} not rolled back"


def _move(move: Move, now: datetime) -> Markup:
    present = markup("missing: its image was deleted") if move.present is None else mark_facts(move.present, now)
    return markup(
        "{}\n*Now:* {}\n*Back to:* {}\n*Used by:* {}",
        code(move.name, REFERENCE),
        present,
        earlier_line(move, now),
        user_names(move.users),
    )


def _others(others: Sequence[Move], now: datetime) -> list[Menu]:
    if not others:
        return []
    choices = tuple(
        # The tag last: it distinguishes two similar choices.
        (f"{move.earlier.short} · {age(move.earlier.created, now)} · {move.earlier_tag}"[:_LABEL], str(number))
        for number, move in enumerate(others[:_MOST_OTHERS])
    )
    return [replace(ROLL_BACK_TO, choices=choices)]


def _result(result: MoveResult) -> Markup:
    name = code(result.name, REFERENCE)
    if result.problem:
        return markup("✗ {} was not moved: {}", name, prose(result.problem, _REASON))
    now = markup("is back") if result.now is None else markup("is {} again", code(result.now.short, FIELD))
    if not result.kept_as:
        return markup("✓ {} {}.", name, now)
    return markup("✓ {} {}. The previous image is kept as {}.", name, now, code(result.kept_as, REFERENCE))


def _still_used(results: Sequence[MoveResult]) -> list[Block]:
    users = list(dict.fromkeys(name for result in results for name in result.still_used_by))
    return [section("users", still_used_line(users))] if users else []


def _move_facts(result: MoveResult) -> dict[str, Any]:
    return standing.short(
        name=result.name,
        ending="failed" if result.problem else "rolled_back",
        after=result.now.short if result.now else None,
        kept_as=result.kept_as,
        reason=result.problem,
    )
