"""The card of an image: all its facts, and the buttons for its actions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from bot.dialogs.stages import Answered
from bot.slack.views.amounts import age, moment, size
from bot.slack.views.buttons import Button
from bot.slack.views.images.controls import PACKAGES, REMOVE, ROLL_BACK, RUN_AGAIN, UPDATE, is_worth_a_file
from bot.slack.views.marks import earlier_line
from bot.slack.views.parts import LINE, NAME, Block, Message, actions, context, fields, message, section
from bot.slack.views.specs import REFERENCE
from bot.slack.views.text import (
    NOTHING,
    Markup,
    channel_link,
    code,
    copyable,
    escape,
    join,
    markup,
    mention,
    prose,
    several,
)
from bot.slack.views.update.plans import user_names
from commands.command import Card, Origin
from commands.model.images import Layer
from commands.model.packages import Inventory

_NAMES: Final = 900
_USERS: Final = 900
_LABELS: Final = 900
_LABEL: Final = 120
_LINE: Final = 1_000
_ORIGIN: Final = 1_600
_LAYERS: Final = 1_000
_LARGEST: Final = 3
_INSTRUCTION: Final = 160
_PACKAGES: Final = 500
_PACKAGE: Final = 80
_EARLIER: Final = 1_000
_MOST_EARLIER: Final = 3
_FIELD: Final = 90
_FEW: Final = 60
_SHORT_ID: Final = 12


def card_message(dialog: Answered, card: Card, now: datetime) -> Message:
    """Return the message with the card."""
    return message(
        card.name[: 2 * NAME],
        [
            _fields(card, now),
            section("names", _names(card), markup("*Used by:* {}", user_names(card.users)), most=_NAMES + _USERS),
            *_origin(card.origin, now),
            section("packages", *_packages(card.packages, is_made_here=card.origin is not None)),
            *_layers(card.layers),
            *_earlier(card, now),
            *_labels(card.labels),
        ],
        context(dialog.asked),
        actions(dialog.asked.dialog, *_buttons(card)),
        summary=f"{size(card.mark.size)}, created {age(card.mark.created, now)}",
    )


def _fields(card: Card, now: datetime) -> Block:
    image, mark = card.image, card.mark
    digest = NOTHING if mark.digest is None else mark.digest.removeprefix("sha256:")[:_SHORT_ID]
    return fields(
        "image",
        ("ID", code(image.id.removeprefix("sha256:")[:_SHORT_ID], _FEW)),
        ("Registry digest", code(digest, _FEW)),
        ("Size", escape(size(image.size), _FEW)),
        ("Created", escape(f"{moment(image.created)} ({age(image.created, now)})", _FEW)),
        ("Platform", escape(str(image.platform), _FIELD)),
        ("User", code(image.user or "root", _FIELD)),
    )


def _names(card: Card) -> Markup:
    names = card.image.repo_tags or card.image.repo_digests
    if not names:
        return markup("*Names:* none")
    return markup("*Names:* {}", several(names, _NAMES, lambda name: code(name, REFERENCE)))


def _origin(origin: Origin | None, now: datetime) -> list[Block]:
    if origin is None:
        return []
    facts = [
        markup("made here"),
        *([markup("requested by {}", mention(origin.requester))] if origin.requester else []),
        *([markup("in {}", channel_link(origin.channel))] if origin.channel else []),
        *([escape(f"{moment(origin.at)} ({age(origin.at, now)})", _FIELD)] if origin.at else []),
    ]
    base = [markup("*Base:* {}", code(origin.base, REFERENCE))] if origin.base else []
    line = [markup("*Command:*\n{}", copyable(origin.line, _LINE))] if origin.line else []
    return [section("origin", markup("*Origin:* {}", join(" · ", facts)), *base, *line, most=_ORIGIN)]


def _packages(inventory: Inventory, *, is_made_here: bool) -> list[Markup]:
    os_count = None if inventory.os_packages is None else len(inventory.os_packages)
    kinds = [f"{len(inventory.python):,} Python"]
    if os_count is not None:
        kinds.append(f"{os_count:,} OS ({inventory.manager})" if inventory.manager else f"{os_count:,} OS")
    said = [markup("*Packages:* {}", escape(" · ".join(kinds), _FIELD))]
    if is_made_here and inventory.python:
        said.append(several(sorted(inventory.python.items()), _PACKAGES, _package))
    if inventory.gap.strip():
        said.append(prose(inventory.gap, LINE))
    return said


def _package(package: tuple[str, str]) -> Markup:
    return code(" ".join(package), _PACKAGE)


def _layers(layers: Sequence[Layer]) -> list[Block]:
    if not layers:
        return []
    largest = sorted(layers, key=lambda layer: -layer.size)[:_LARGEST]
    lines = [
        markup("• {} {}", escape(size(layer.size), _FEW), code(layer.created_by, _INSTRUCTION))
        for layer in largest
        if layer.size > 0
    ]
    count = escape(f"{len(layers):,}", _FEW)
    title = markup("*Layers:* {}, largest:", count) if lines else markup("*Layers:* {}", count)
    return [section("layers", title, *lines, most=_LAYERS)]


def _earlier(card: Card, now: datetime) -> list[Block]:
    if not card.earlier:
        return []
    rest = len(card.earlier) - _MOST_EARLIER
    more = [markup("… and {} more", escape(f"{rest:,}", _FEW))] if rest > 0 else []
    lines = [markup("• {}", earlier_line(move, now)) for move in card.earlier[:_MOST_EARLIER]]
    return [section("earlier", markup("*Earlier images:*"), *lines, *more, most=_EARLIER)]


def _labels(labels: Mapping[str, str]) -> list[Block]:
    if not labels:
        return []
    named = several(sorted(labels.items()), _LABELS, lambda label: code("=".join(label), _LABEL))
    return [section("labels", markup("*Labels:* {}", named), most=_LABELS + _FIELD)]


def _buttons(card: Card) -> list[Button]:
    return [
        UPDATE,
        *([ROLL_BACK] if card.earlier else []),
        *([RUN_AGAIN] if card.origin is not None and card.origin.request else []),
        *([PACKAGES] if is_worth_a_file(card.packages) else []),
        REMOVE,
    ]
