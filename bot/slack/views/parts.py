"""The parts that all dialogs share: Block Kit blocks that keep Slack's limits for any input.

A dialog is a title, at most four sections, a context line and a row of buttons. With the budgets below that is less
than Slack takes in one message.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.dialogs.stages import Asked, DialogId, UnderReview
from bot.slack import limits
from bot.slack.views.amounts import moment, moment_beside
from bot.slack.views.buttons import Button, Control, Menu, Question
from bot.slack.views.text import ELLIPSIS, NOTHING, Markup, code, cost, escape, markup, mention, middle, plain

Block = dict[str, object]
"""One Block Kit block, or a part of one."""

SECTION: Final = 2_400
"""Characters of a section; Slack takes 3,000, but not in every section of a long message."""

FIELD: Final = 250
LINE: Final = 300
"""Characters of the typed command line that are shown."""

NAME: Final = 80
"""Characters of a name in a title."""

_SUMMARY: Final = 600


@dataclass(frozen=True, slots=True)
class Message:
    """A message: `text` for notifications and screen readers, `blocks` for everybody else."""

    text: str
    blocks: tuple[Block, ...]


def message(
    title: str, body: Sequence[Block], context: Block, buttons: Block | None = None, *, summary: str = ""
) -> Message:
    """Return the message of a dialog; notifications and screen readers get its title and summary."""
    header: Block = {"type": "header", "block_id": "header", "text": plain_text(title, limits.HEADER_TEXT)}
    rest = () if buttons is None else (buttons,)
    name = title.replace("`", "")
    text = f"{name} · {summary}" if summary else name
    return Message(text=escape(text, _SUMMARY), blocks=(header, *body, context, *rest))


def section(block_id: str, *lines: Markup, most: int = SECTION) -> Block:
    """Return a section of lines; a mark replaces the last lines that do not fit into `most` characters."""
    kept: list[str] = []
    spent = cost(ELLIPSIS)
    for line in lines:
        spent += cost(line) + cost("\n")
        if spent > most:
            kept.append(ELLIPSIS)
            break
        kept.append(line)
    return {"type": "section", "block_id": block_id, "text": _mrkdwn("\n".join(kept) or NOTHING)}


def fields(block_id: str, *pairs: tuple[str, Markup]) -> Block:
    """Return a section of labelled values: two columns in a wide window, one in a narrow one."""
    texts = [_mrkdwn(markup("*{}*\n{}", escape(label, NAME), value)) for label, value in pairs]
    return {"type": "section", "block_id": block_id, "fields": texts[: limits.SECTION_FIELDS]}


def context(asked: Asked, *notes: Markup, confirmed_by: str | None = None) -> Block:
    """Return the context line: the typed line, its requester and time, who confirmed it, and further notes."""
    return context_of(asked.line, asked.user, asked.at, *notes, confirmed_by=confirmed_by)


def context_of(line: str, user: str, at: datetime, *notes: Markup, confirmed_by: str | None = None) -> Block:
    """Return the context line of a typed line."""
    elements = [code(line, LINE), _people(user, at, confirmed_by), *notes]
    return {
        "type": "context",
        "block_id": "context",
        "elements": [_mrkdwn(element) for element in elements[: limits.CONTEXT_ELEMENTS]],
    }


def review_context(dialog: UnderReview) -> Block:
    """Return the context line of a review, with the time at which it expires."""
    return context(dialog.asked, markup("Expires at {}", escape(_expiry(dialog), FIELD)))


def review_summary(dialog: UnderReview) -> str:
    """Return when a review expires, for notifications."""
    return f"expires at {_expiry(dialog)}"


def _expiry(dialog: UnderReview) -> str:
    return moment_beside(dialog.expires, dialog.asked.at)


def actions(dialog: DialogId, *buttons: Control) -> Block | None:
    """Return the row of buttons and menus; None if there are none."""
    if not buttons:
        return None
    elements = [_menu(dialog, one) if isinstance(one, Menu) else _button(dialog, one) for one in buttons]
    return {"type": "actions", "block_id": "actions", "elements": elements}


def _people(user: str, at: datetime, confirmed_by: str | None) -> Markup:
    asker, when = mention(user), escape(moment(at), FIELD)
    if confirmed_by is None:
        return markup("Requested by {} · {}", asker, when)
    if confirmed_by == user:
        return markup("Requested and confirmed by {} · {}", asker, when)
    return markup("Requested by {} · {} · confirmed by {}", asker, when, mention(confirmed_by))


def _button(dialog: DialogId, button: Button) -> Block:
    made: Block = {
        "type": "button",
        "action_id": button.action,
        "text": plain_text(button.label, limits.BUTTON_TEXT),
        "value": dialog,
    }
    if button.style is not None:
        made["style"] = button.style
    if button.question is not None:
        made["confirm"] = _confirm(button.question)
    return made


def _menu(dialog: DialogId, menu: Menu) -> Block:
    options = [
        # Without `emoji: false`, unlike all other texts: in a menu of 20 rows it costs 320 characters.
        {
            "text": {"type": "plain_text", "text": middle(label, limits.OPTION_TEXT)},
            "value": f"{dialog} {choice}"[: limits.OPTION_VALUE],
        }
        for label, choice in menu.choices[: limits.OPTIONS]
    ]
    return {
        "type": "static_select",
        "action_id": menu.action,
        "placeholder": plain_text(menu.placeholder, limits.PLACEHOLDER),
        "options": options,
    }


def _confirm(question: Question) -> Block:
    return {
        "title": plain_text(question.title, limits.CONFIRM_TITLE),
        "text": plain_text(question.text, limits.CONFIRM_TEXT),
        "confirm": plain_text(question.yes, limits.CONFIRM_BUTTON),
        "deny": plain_text(question.no, limits.CONFIRM_BUTTON),
    }


def plain_text(text: str, limit: int) -> Block:
    """Return a text without mark-up."""
    # Without `emoji`, so that `:warning:` in a name stays unchanged.
    return {"type": "plain_text", "text": plain(text, limit), "emoji": False}


def _mrkdwn(text: str) -> Block:
    # Verbatim, so that Slack adds no links or mentions for `@channel`, `#general` or a host name.
    return {"type": "mrkdwn", "text": text, "verbatim": True}
