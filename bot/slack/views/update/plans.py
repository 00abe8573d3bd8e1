"""The words about images that may be updated: the plan and the users of each."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final, assert_never

from bot.slack.views.specs import split_reference
from bot.slack.views.text import NOTHING, Markup, code, escape, join, markup, prose, several
from commands.command import Candidate, Keep, NoSource, Plan, Pull, Rebuild, Unchecked, Users
from commands.model.images import Mark
from commands.model.references import Reference
from commands.text import and_more, count_of

_NAME: Final = 120
_REASON: Final = 400
_NAMES: Final = 300
_CHANGES: Final = 1
"""The most changes of a rebuild in a cell; the rest is counted."""
_SHOWN_USERS: Final = 3
_KINDS: Final = 8
"""The most kinds of problems that are shown."""


def by_weight(images: Sequence[Candidate]) -> list[Candidate]:
    """Return the images in order: changing, unchecked, without a source, unchanged."""
    return sorted(images, key=lambda image: _WEIGHTS[type(image.plan)])


_WEIGHTS: Final[Mapping[type[Plan], int]] = {Pull: 0, Rebuild: 0, Unchecked: 1, NoSource: 2, Keep: 3}


def remote(image: Candidate) -> str:
    """Return twelve digits of the registry's digest, if the registry was asked."""
    return NOTHING if image.remote is None else image.remote.removeprefix("sha256:")[:12]


def what_happens(image: Candidate) -> str:
    """Return in a few words what the update would do, or why it would do nothing."""
    match image.plan:
        case Pull(source=source):
            return f"pull{_from(source, image.name)}"
        case Rebuild(changes=changes):
            return f"rebuild: {_first(changes)}" if changes else "rebuild"
        case Keep(reason=reason):
            return f"unchanged: {reason}" if reason else "unchanged"
        case NoSource(reason=reason):
            return f"nothing to update from: {reason}"
        case Unchecked(reason=reason):
            return f"⚠ not checked: {reason}"
        case _:
            assert_never(image.plan)


def in_a_cell(image: Candidate) -> str:
    """Return the shorter words for a table cell: the reason is below the table."""
    return "⚠ not checked" if isinstance(image.plan, Unchecked) else what_happens(image)


def users_text(users: Users) -> str:
    """Return the users of an image in a few words, running containers first."""
    containers = [f"{name} (running)" for name in users.running] + [f"{name} (stopped)" for name in users.stopped]
    shown, rest = containers[:_SHOWN_USERS], len(containers) - _SHOWN_USERS
    parts = [*shown, *([f"{rest:,} more containers"] if rest > 0 else []), *_images(users)]
    return ", ".join(parts) or NOTHING


def user_names(users: Users) -> Markup:
    """Return the names of an image's users, as many as fit."""
    kinds = (
        (markup("running: {}", _names(users.running)), users.running),
        (markup("stopped: {}", _names(users.stopped)), users.stopped),
        (markup("images built on it: {}{}", _names(users.images), _maybe_more(users)), users.images),
    )
    said = [words for words, names in kinds if names]
    return join(" · ", said) if said else _nobody(users)


def unchecked_lines(images: Sequence[Candidate]) -> list[Markup]:
    """Return for each reason the images that could not be checked, and what to do."""
    plans = [(image.name, image.plan) for image in images]
    found = [(name, plan.reason, plan.hint) for name, plan in plans if isinstance(plan, Unchecked)]
    return problem_lines(markup("⚠ Not checked:"), found)


def problem_lines(mark: Markup, problems: Iterable[tuple[str, str, str]]) -> list[Markup]:
    """Return problems of name, reason and hint after a mark, one line for each kind."""
    together: dict[tuple[str, str], list[str]] = {}
    for name, reason, hint in problems:
        together.setdefault((reason, hint), []).append(name)
    rest = len(together) - _KINDS
    more = [markup("… and {} more reasons", escape(f"{rest:,}", _NAME))] if rest > 0 else []
    return [
        *(
            markup("{} {}: {}{}", mark, _names(names), prose(reason, _REASON), _what_to_do(hint))
            for (reason, hint), names in islice(together.items(), _KINDS)
        ),
        *more,
    ]


def mark_line(mark: Mark) -> str:
    """Return an image in a few words: twelve digits of its ID, and the day of its creation."""
    return f"{mark.short} of {mark.created.date().isoformat()}"


def _from(source: Reference, name: str) -> str:
    # One name has several spellings, but a mirror is another registry.
    own = Reference(split_reference(name)[0])
    return "" if source.registry == own.registry else f" from {source.registry}"


def _first(changes: Sequence[str]) -> str:
    return and_more(changes, _CHANGES, separator="; ")


def _images(users: Users) -> list[str]:
    count = len(users.images)
    if not count:
        return ["possibly more images"] if users.more_images else []
    least = "at least " if users.more_images else ""
    return [f"{least}{count_of(count, 'image')}"]


def _nobody(users: Users) -> Markup:
    return markup("no containers found, but not every image was checked" if users.more_images else "no containers")


def _maybe_more(users: Users) -> Markup:
    return markup(", possibly more" if users.more_images else "")


def _names(names: Sequence[str]) -> Markup:
    return several(names, _NAMES, lambda name: code(name, _NAME))


def _what_to_do(hint: str) -> Markup:
    return markup(" *What to do:* {}", prose(hint, _REASON)) if hint.strip() else markup("")
