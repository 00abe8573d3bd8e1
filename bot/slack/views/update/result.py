"""The result of an update: the result and the changes of every image, and the roll back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, assert_never

from bot.dialogs.stages import Finished
from bot.slack.views.amounts import duration, size
from bot.slack.views.buttons import LOG, Button
from bot.slack.views.marks import still_used_line
from bot.slack.views.parts import FIELD, NAME, Block, Message, actions, context, fields, message, section
from bot.slack.views.specs import REFERENCE
from bot.slack.views.steps import seconds_taken
from bot.slack.views.tables import Column, message_that_fits, table
from bot.slack.views.text import (
    NOTHING,
    Markup,
    code,
    copyable,
    escape,
    log_block,
    markup,
    mention,
    middle,
    prose,
    several,
)
from bot.slack.views.update.changes import counts, difference_lines, size_change
from bot.slack.views.update.controls import CHANGES, UNDO
from bot.slack.views.update.files import has_changes
from bot.slack.views.update.plans import problem_lines
from commands.command import ImagesUpdated
from commands.model.outcomes import Ending, ImageResult, Updated
from commands.text import count_of, plural

_KEY_LINE: Final = 400
_PROBLEMS: Final = 2_000
_EVIDENCE: Final = 700
_EVIDENCE_LINE: Final = 300
_USERS: Final = 900
_NOTES: Final = 800
_NOTE: Final = 400
_KEPT: Final = 500
_TOLD: Final = 6
"""The most images whose package changes are shown; the button shows the file with all."""

CHANGED: Final = (Ending.UPDATED, Ending.REBUILT)
"""The endings with a new image."""

_WEIGHTS: Final = {Ending.FAILED: 0, Ending.STOPPED: 1, Ending.REBUILT: 2, Ending.UPDATED: 2, Ending.UNCHANGED: 3}


@dataclass(frozen=True, slots=True)
class _ResultWidth:
    """The limits for rows, for the width of names, and for the text about packages."""

    rows: int
    name: int
    packages: int
    differences: int


_ROOMS: Final = (
    _ResultWidth(25, 100, 700, 2_400),
    _ResultWidth(25, 60, 300, 1_800),
    _ResultWidth(25, 40, 200, 1_000),
    _ResultWidth(15, 32, 100, 600),
    _ResultWidth(6, 24, 60, 300),
)


def result(dialog: Finished, end: ImagesUpdated) -> Message:
    """Return the message with the result of every image."""
    return message_that_fits(lambda room: _result(dialog, end, room), _ROOMS)


def title_of(outcome: Updated) -> str:
    """Return the result in one line; only a full success is called one."""
    concerned = [result for result in outcome.results if result.ending is not Ending.UNCHANGED]
    changed = sum(result.ending in CHANGED for result in concerned)
    if any(result.ending is Ending.STOPPED for result in concerned):
        return f"Stopped after {changed:,} of {_images(len(concerned))}"
    if len(concerned) == 1:
        return _title_of_one(concerned[0])
    left = len(concerned) - changed
    if not concerned:
        return "✓ Nothing to change"
    if not left:
        return f"✓ {changed:,} images {_verb(concerned)}"
    if not changed:
        return f"✗ None of {_images(left)} was updated"
    return f"⚠ {left:,} of {_images(len(concerned))} {plural(left, 'was', 'were')} not updated"


def by_weight(results: Sequence[ImageResult]) -> list[ImageResult]:
    """Return the results in order: failed ones first, unchanged ones last."""
    return sorted(results, key=lambda result: _WEIGHTS[result.ending])


def _result(dialog: Finished, end: ImagesUpdated, room: _ResultWidth) -> Message:
    outcome, title = end.outcome, title_of(end.outcome)
    results = by_weight(outcome.results)
    is_only = len(results) == 1
    return message(
        title,
        [
            *_stop_notice(dialog),
            *(_key_line(results) if is_only else []),
            *(_of_one(results[0]) if is_only else _table(results, room)),
            *([] if is_only else _key_line(results)),
            *_problems(results),
            *_not_needed(end),
            *_differences(results, room),
            *_still_used(results),
            section("notes", *_notes(dialog, outcome), most=_NOTES + _KEPT),
        ],
        context(dialog.asked, confirmed_by=dialog.by),
        actions(dialog.asked.dialog, *_buttons(outcome)),
        summary=_summary(results),
    )


def _title_of_one(result: ImageResult) -> str:
    name = middle(result.name, NAME)
    match result.ending:
        case Ending.UPDATED:
            return f"✓ {name} is updated"
        case Ending.REBUILT:
            return f"✓ {name} is rebuilt"
        case Ending.FAILED:
            return f"✗ {name} was not updated"
        case Ending.UNCHANGED | Ending.STOPPED:
            return f"{name} was not changed"
        case _:
            assert_never(result.ending)


def _verb(results: Sequence[ImageResult]) -> str:
    return "rebuilt" if all(result.ending is Ending.REBUILT for result in results) else "updated"


def _images(count: int) -> str:
    return count_of(count, "image")


def _summary(results: Sequence[ImageResult]) -> str:
    said = ((sum(result.ending is ending for result in results), ending.value) for ending in Ending)
    return ", ".join(f"{count:,} {word}" for count, word in said if count)


def _stop_notice(dialog: Finished) -> list[Block]:
    if dialog.stopped_by is None:
        return []
    said = markup("Stopped by {}. Images that were already updated stay updated.", mention(dialog.stopped_by))
    return [section("stopped", said)]


def _key_line(results: Sequence[ImageResult]) -> list[Block]:
    """Return the line to copy, as after a build, if exactly one image was rebuilt."""
    rebuilt = [result.reference for result in results if result.ending is Ending.REBUILT]
    if len(rebuilt) != 1:
        return []
    return [section("dockerimage", copyable(f"dockerimage: {rebuilt[0]}", _KEY_LINE))]


def _table(results: Sequence[ImageResult], room: _ResultWidth) -> list[Block]:
    if not results:
        return []
    columns = (
        Column("Image", room.name, is_wrapped=True),
        Column("Result", 30),
        Column("Digest", 60, is_wrapped=True),
        Column("Size", 40),
        Column("Packages", 60, is_wrapped=True),
        Column("Created", 60),
    )
    rest = len(results) - room.rows
    hidden = [section("rest", escape(_rest(results[room.rows :]), FIELD))] if rest > 0 else []
    return [table("images", columns, map(_row, results[: room.rows])), *hidden]


def _of_one(result: ImageResult) -> list[Block]:
    """Return the sections of a single image, without a table: its name is in the title."""
    before, after = result.before, result.after
    if result.ending not in CHANGED or before is None or after is None:
        return _table([result], _ROOMS[0])
    return [
        fields(
            "image",
            ("Before", markup("{} of {}", code(before.short, FIELD), escape(_day(before.created), FIELD))),
            ("Now", markup("{} of {}", code(after.short, FIELD), escape(_day(after.created), FIELD))),
            ("Size", escape(size_change(before.size, after.size), FIELD)),
            ("Packages", escape(counts(result.difference), FIELD)),
        )
    ]


def _rest(results: Sequence[ImageResult]) -> str:
    return f"Not shown: {_summary(results)}."


def _row(result: ImageResult) -> tuple[str, ...]:
    before, after = result.before, result.after
    word = _word(result)
    if result.ending not in CHANGED or after is None:
        shown = before or after
        if shown is None:
            return result.name, word, NOTHING, NOTHING, NOTHING, NOTHING
        return result.name, word, shown.short, size(shown.size), NOTHING, _day(shown.created)
    packages = counts(result.difference)
    if before is None:
        return result.name, word, after.short, size(after.size), packages, _day(after.created)
    return (
        result.name,
        word,
        f"{before.short} → {after.short}",
        size_change(before.size, after.size),
        packages,
        f"{_day(before.created)} → {_day(after.created)}",
    )


def _word(result: ImageResult) -> str:
    match result.ending:
        case Ending.UPDATED | Ending.REBUILT:
            return f"✓ {result.ending.value}"
        case Ending.FAILED:
            return "✗ failed"
        case Ending.STOPPED:
            return "stopped"
        case Ending.UNCHANGED:
            return "unchanged"
        case _:
            assert_never(result.ending)


def _day(at: datetime) -> str:
    return at.astimezone(UTC).date().isoformat()


def _problems(results: Sequence[ImageResult]) -> list[Block]:
    failed = [(result.name, result.reason, result.hint) for result in results if result.ending is Ending.FAILED]
    lines = problem_lines(markup("✗"), failed)
    return [section("problems", *lines, most=_PROBLEMS), *_evidence(results)] if lines else []


def _evidence(results: Sequence[ImageResult]) -> list[Block]:
    """Return the daemon's unchanged output; the same output of several images appears once."""
    failed = (result.details for result in results if result.ending is Ending.FAILED)
    lines = list(dict.fromkeys(line for details in failed for line in details if line.strip()))
    if not lines:
        return []
    return [section("details", log_block(lines, limit=_EVIDENCE, line_limit=_EVIDENCE_LINE))]


def _not_needed(end: ImagesUpdated) -> list[Block]:
    """Return why confirmed images were not changed; the review has the reasons for the others."""
    confirmed = {candidate.name for candidate in end.proposal.changing}
    results = [result for result in end.outcome.results if result.ending is Ending.UNCHANGED and result.reason]
    lines = problem_lines(markup("✓"), [(one.name, one.reason, one.hint) for one in results if one.name in confirmed])
    return [section("not_needed", *lines, most=_PROBLEMS)] if lines else []


def _differences(results: Sequence[ImageResult], room: _ResultWidth) -> list[Block]:
    changed = [result for result in results if result.difference is not None]
    is_only, rest = len(changed) == 1, len(changed) - _TOLD
    lines = [line for one in changed[:_TOLD] for line in difference_lines(one, room.packages, is_only=is_only)]
    if rest > 0:
        lines.append(markup("… and {} more: press *Changes*.", escape(_images(rest), FIELD)))
    return [section("differences", *lines, most=room.differences)] if lines else []


def _still_used(results: Sequence[ImageResult]) -> list[Block]:
    users = list(dict.fromkeys(name for result in results for name in result.still_used_by))
    return [section("users", still_used_line(users), most=_USERS)] if users else []


def _notes(dialog: Finished, outcome: Updated) -> list[Markup]:
    kept = [result.kept_as for result in outcome.results if result.kept_as]
    names = several(kept, _KEPT, lambda name: code(name, REFERENCE))
    before = [markup("*Kept for a roll back:* {}", names)] if kept else []
    took = escape(duration(seconds_taken(dialog)), FIELD)
    return [*before, *(prose(note, _NOTE) for note in outcome.notes), markup("*Took:* {}", took)]


def _buttons(outcome: Updated) -> list[Button]:
    undo = [UNDO] if outcome.can_be_undone else []
    changes = [CHANGES] if has_changes(outcome) else []
    return [*undo, *changes, LOG]
