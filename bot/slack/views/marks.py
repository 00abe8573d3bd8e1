"""The words of dialogs about the present and earlier images of a name."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bot.slack.views.amounts import age, moment, size
from bot.slack.views.parts import FIELD
from bot.slack.views.specs import REFERENCE
from bot.slack.views.text import Markup, code, escape, markup, several
from commands.command import Move
from commands.model.images import Mark

_NAMES: Final = 900


def mark_facts(mark: Mark, now: datetime) -> Markup:
    """Return the short ID, age and size of an image."""
    return markup(
        "{} · created {} ({}) · {}",
        code(mark.short, FIELD),
        escape(moment(mark.created), FIELD),
        escape(age(mark.created, now), FIELD),
        escape(size(mark.size), FIELD),
    )


def earlier_line(move: Move, now: datetime) -> Markup:
    """Return a line about the earlier image and its kept tag."""
    return markup("{} · kept as {}", mark_facts(move.earlier, now), code(move.earlier_tag, REFERENCE))


def still_used_line(containers: Sequence[str]) -> Markup:
    """Return a line about the containers that still use the old image."""
    names = several(containers, _NAMES, lambda name: code(name, FIELD))
    them = markup("it") if len(containers) == 1 else markup("them")
    return markup("*Still on the old image:* {}. Recreate {} to use the new one.", names, them)


def first_lines(lines: Sequence[Markup], most: int = 10) -> list[Markup]:
    """Return the first lines, and a count of the others."""
    rest = len(lines) - most
    return [*lines[:most], *([markup("… and {} more", escape(f"{rest:,}", FIELD))] if rest > 0 else [])]
