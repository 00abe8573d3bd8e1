"""The way back and away: reviews of a roll back and of a removal, and what came of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bot.dialogs.stages import ImageRemoved, TagsRolledBack, UnderReview
from bot.slack.views import actions
from bot.slack.views.amounts import age, moment, size
from bot.slack.views.findings import findings
from bot.slack.views.parts import FIELD, Block, Message, context, message, section
from bot.slack.views.parts import actions as buttons
from bot.slack.views.plans import user_names
from bot.slack.views.specs import REFERENCE
from bot.slack.views.subject import subject
from bot.slack.views.text import Markup, code, escaped, markup, prose, several
from commands.command import Move, Removal, RollBack
from commands.model.images import Mark
from commands.model.outcomes import MoveResult

_RESULTS: Final = 2_400
_FINDINGS: Final = 2_000
_NAMES: Final = 900
_REASON: Final = 400
_LABEL: Final = 75
_MOST_MOVES: Final = 8
_MOST_OTHERS: Final = 20
"""Earlier images in the menu: many more than are kept of one repository."""


def review_of_roll_back(dialog: UnderReview, proposal: RollBack, now: datetime) -> Message:
    """Ask whether the names shall go back."""
    return message(
        proposal.title,
        [
            section("moves", *_counted([_move(move, now) for move in proposal.moves], _MOST_MOVES)),
            *findings(proposal.findings, _FINDINGS),
            section(
                "notice",
                markup("Containers go on with the image that they were started from: none is stopped or restarted."),
                markup("The image that a name leaves is kept, so that this can be undone."),
            ),
        ],
        _context(dialog),
        buttons(dialog.asked.dialog, actions.ROLL_BACK, actions.CANCEL, *_others(proposal.others, now)),
        summary=f"waits for a decision until {moment(dialog.expires)}",
    )


def review_of_removal(dialog: UnderReview, proposal: Removal, now: datetime) -> Message:
    """Ask whether the image shall go."""
    named = several(proposal.names, _NAMES, lambda name: code(name, REFERENCE))
    names = markup("*Names that go:* {}", named) if proposal.names else markup("It has no name.")
    return message(
        proposal.title,
        [
            section(
                "summary",
                markup("*Image:* {}", _mark(proposal.image, now)),
                names,
                markup("It cannot be had back from here. Layers that other images share stay."),
            ),
            *findings(proposal.findings, _FINDINGS),
        ],
        _context(dialog),
        buttons(dialog.asked.dialog, actions.REMOVE, actions.CANCEL),
        summary=f"waits for a decision until {moment(dialog.expires)}",
    )


def rolled_back(dialog: TagsRolledBack) -> Message:
    """Say for each name where it is now."""
    results = dialog.outcome.results
    return message(
        title_of_roll_back(dialog),
        [
            section("results", *_counted([_result(result) for result in results]), most=_RESULTS),
            *_still_used(results),
        ],
        context(dialog.asked, confirmed_by=dialog.by),
    )


def removed(dialog: ImageRemoved) -> Message:
    """Say what is gone."""
    about, gone = subject(dialog.proposal), dialog.outcome
    names = several(gone.names, _NAMES, lambda name: code(name, REFERENCE))
    named = markup(" with its names: {}", names) if gone.names else markup("; it had no name")
    short = code(gone.image_id.removeprefix("sha256:")[:12], FIELD)
    return message(
        f"✓ {about.name} was removed",
        [section("summary", markup("The image {} is gone{}.", short, named))],
        context(dialog.asked, confirmed_by=dialog.by),
    )


def earlier_line(move: Move, now: datetime) -> Markup:
    """Say which earlier image there is, and by which name it was kept."""
    return markup("{} · kept as {}", _mark(move.earlier, now), code(move.earlier_tag, REFERENCE))


def _move(move: Move, now: datetime) -> Markup:
    present = markup("the image that it had is gone") if move.present is None else _mark(move.present, now)
    return markup(
        "{}\n*Now:* {}\n*Back to:* {}\n*Used by:* {}",
        code(move.name, REFERENCE),
        present,
        earlier_line(move, now),
        user_names(move.users),
    )


def _others(others: Sequence[Move], now: datetime) -> list[actions.Menu]:
    if not others:
        return []
    choices = tuple(
        # The tag last: by it two that look alike are told apart.
        (f"{move.earlier.short} · {age(move.earlier.created, now)} · {move.earlier_tag}"[:_LABEL], str(number))
        for number, move in enumerate(others[:_MOST_OTHERS])
    )
    return [actions.Menu(actions.Action.ROLL_BACK_TO, "Another earlier image…", choices)]


def title_of_roll_back(dialog: TagsRolledBack) -> str:
    """Say in one line how it ended."""
    about, results = subject(dialog.proposal), dialog.outcome.results
    failed = sum(bool(result.problem) for result in results)
    if not failed:
        return f"✓ {about.name} {about.were} rolled back"
    if failed == len(results):
        return f"✗ {about.not_done}"
    return f"⚠ {failed:,} of {len(results):,} names {'was' if failed == 1 else 'were'} not rolled back"


def _result(result: MoveResult) -> Markup:
    name = code(result.name, REFERENCE)
    if result.problem:
        return markup("✗ {} was not moved: {}", name, prose(result.problem, _REASON))
    now = markup("is back") if result.now is None else markup("is {} again", code(result.now.short, FIELD))
    if not result.kept_as:
        return markup("✓ {} {}.", name, now)
    return markup("✓ {} {}. What it was until now is kept as {}.", name, now, code(result.kept_as, REFERENCE))


def _still_used(results: Sequence[MoveResult]) -> list[Block]:
    users = list(dict.fromkeys(name for result in results for name in result.still_used_by))
    return [section("users", still_used_line(users))] if users else []


def still_used_line(containers: Sequence[str]) -> Markup:
    """Say which containers go on with what they were started from."""
    names = several(containers, _NAMES, lambda name: code(name, FIELD))
    return markup(
        "*Still on the image before:* {}. The bot restarts no container; "
        "one that is created anew takes what the name stands for now.",
        names,
    )


def _mark(mark: Mark, now: datetime) -> Markup:
    return markup(
        "{} · created {} ({}) · {}",
        code(mark.short, FIELD),
        escaped(moment(mark.created), FIELD),
        escaped(age(mark.created, now), FIELD),
        escaped(size(mark.size), FIELD),
    )


def _counted(lines: Sequence[Markup], most: int = 10) -> list[Markup]:
    rest = len(lines) - most
    return [*lines[:most], *([markup("… and {} more", escaped(f"{rest:,}", FIELD))] if rest > 0 else [])]


def _context(dialog: UnderReview) -> Block:
    return context(dialog.asked, markup("Waits for a decision until {}", escaped(moment(dialog.expires), FIELD)))
