"""The way back and away: reviews of a roll back and of a removal, and what came of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bot.dialogs.stages import ImageRemoved, TagsRolledBack, UnderReview
from bot.slack.views import actions
from bot.slack.views.amounts import age, moment, size
from bot.slack.views.findings import findings
from bot.slack.views.parts import FIELD, Block, Message, context, message, review_context, review_summary, section
from bot.slack.views.parts import actions as buttons
from bot.slack.views.plans import user_names
from bot.slack.views.specs import REFERENCE
from bot.slack.views.subject import subject
from bot.slack.views.text import Markup, code, escaped, markup, prose, several
from commands.command import Move, Removal, RollBack
from commands.model.images import Mark
from commands.model.outcomes import MoveResult
from commands.text import plural

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
            section("moves", *_first_lines([_move(move, now) for move in proposal.moves], _MOST_MOVES)),
            *findings(proposal.findings, _FINDINGS),
            section(
                "notice",
                markup("Containers keep the image they were started from: none is stopped or restarted."),
                markup("The current image is kept, so you can undo this."),
            ),
        ],
        review_context(dialog),
        buttons(dialog.asked.dialog, actions.ROLL_BACK, actions.CANCEL, *_others(proposal.others, now)),
        summary=review_summary(dialog),
    )


def review_of_removal(dialog: UnderReview, proposal: Removal, now: datetime) -> Message:
    """Ask whether the image shall go."""
    named = several(proposal.names, _NAMES, lambda name: code(name, REFERENCE))
    names = markup("*Names:* {}", named) if proposal.names else markup("*Names:* none")
    return message(
        proposal.title,
        [
            section(
                "summary",
                markup("*Image:* {}", _mark(proposal.image, now)),
                names,
                markup(
                    "This deletes {} and cannot be undone. Layers shared with other images are kept.",
                    _tags(proposal.names),
                ),
            ),
            *findings(proposal.findings, _FINDINGS),
        ],
        review_context(dialog),
        buttons(dialog.asked.dialog, actions.REMOVE, actions.CANCEL),
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
            return markup("all {} tags", escaped(f"{count:,}", FIELD))


def rolled_back(dialog: TagsRolledBack) -> Message:
    """Say for each name where it is now."""
    results = dialog.outcome.results
    return message(
        title_of_roll_back(dialog),
        [
            section("results", *_first_lines([_result(result) for result in results]), most=_RESULTS),
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
        [section("summary", markup("Image {} was deleted{}.", short, named))],
        context(dialog.asked, confirmed_by=dialog.by),
    )


def earlier_line(move: Move, now: datetime) -> Markup:
    """Say which earlier image there is, and by which name it was kept."""
    return markup("{} · kept as {}", _mark(move.earlier, now), code(move.earlier_tag, REFERENCE))


def _move(move: Move, now: datetime) -> Markup:
    present = markup("missing: its image was deleted") if move.present is None else _mark(move.present, now)
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
    return f"⚠ {failed:,} of {len(results):,} names {plural(failed, 'was', 'were')} not rolled back"


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


def still_used_line(containers: Sequence[str]) -> Markup:
    """Say which containers still use the old image."""
    names = several(containers, _NAMES, lambda name: code(name, FIELD))
    them = markup("it") if len(containers) == 1 else markup("them")
    return markup("*Still on the old image:* {}. Recreate {} to use the new one.", names, them)


def _mark(mark: Mark, now: datetime) -> Markup:
    return markup(
        "{} · created {} ({}) · {}",
        code(mark.short, FIELD),
        escaped(moment(mark.created), FIELD),
        escaped(age(mark.created, now), FIELD),
        escaped(size(mark.size), FIELD),
    )


def _first_lines(lines: Sequence[Markup], most: int = 10) -> list[Markup]:
    rest = len(lines) - most
    return [*lines[:most], *([markup("… and {} more", escaped(f"{rest:,}", FIELD))] if rest > 0 else [])]
