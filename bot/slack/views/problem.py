"""Dialogs about what did not work: what happened, the evidence, what to do."""

from typing import Final

from bot.dialogs.stages import Failed, Refused
from bot.slack.views import actions
from bot.slack.views.amounts import duration
from bot.slack.views.parts import FIELD, Block, Message, context, message, section
from bot.slack.views.parts import actions as buttons
from bot.slack.views.steps import failed_step
from bot.slack.views.subject import of_line, subject
from bot.slack.views.text import Markup, copyable, escaped, log_block, markup, prose

_SENTENCES: Final = 1_000
_LOG: Final = 2_000
_LOG_LINE: Final = 400
_ONE_LINE: Final = 2_000

_OTHERWISE: Final = "If it fails again, show this message to the bot's operator."


def refused(dialog: Refused) -> Message:
    """Say why nothing is offered; a corrected line can be copied."""
    refusal = dialog.refusal
    return message(
        f"✗ {refusal.title}",
        [
            # The hint last: it may introduce the line to paste that follows.
            section(
                "problem",
                prose(refusal.message, _SENTENCES),
                _what_to_do(refusal.hint, of_line(dialog.asked.line).again),
            ),
            *_offer(refusal.details),
        ],
        context(dialog.asked),
        summary=_summary(refusal.message, refusal.hint),
    )


def failed(dialog: Failed) -> Message:
    """Say what failed, where, and what to do."""
    return message(
        f"✗ {_not_done(dialog)}",
        [
            section("problem", prose(dialog.message, _SENTENCES), *_where(dialog)),
            *_evidence(dialog.details),
            section("hint", _what_to_do(dialog.hint, of_line(dialog.asked.line).again)),
        ],
        context(dialog.asked),
        buttons(dialog.asked.dialog, *([] if dialog.progress is None else [actions.LOG])),
        summary=_summary(dialog.message, dialog.hint),
    )


def _summary(message: str, hint: str) -> str:
    return f"{message.rstrip('.')}. {hint}"


def _not_done(dialog: Failed) -> str:
    if dialog.proposal is None:
        return of_line(dialog.asked.line).not_done
    about = subject(dialog.proposal)
    # Of several images some may be done: each tells of itself in the log.
    return f"{about.job_first} failed" if about.is_plural else about.not_done


def _where(dialog: Failed) -> list[Markup]:
    found = failed_step(dialog.progress)
    if found is None or dialog.progress is None:
        return []
    number, step = found
    return [
        markup(
            "Step {} of {}, *{}*, failed after {}.",
            escaped(f"{number:,}", FIELD),
            escaped(f"{len(dialog.progress.steps):,}", FIELD),
            escaped(step.title, FIELD),
            escaped(duration(step.seconds or 0.0), FIELD),
        )
    ]


def _offer(details: tuple[str, ...]) -> list[Block]:
    """Show a single line whole, since it is a corrected command to paste."""
    match details:
        case [line] if line.strip():
            return [section("details", copyable(line, _ONE_LINE))]
        case _:
            return _evidence(details)


def _evidence(details: tuple[str, ...]) -> list[Block]:
    if not any(line.strip() for line in details):
        return []
    return [section("details", log_block(details, limit=_LOG, line_limit=_LOG_LINE))]


def _what_to_do(hint: str, again: str) -> Markup:
    otherwise = f"{again[:1].upper()}{again[1:]}. {_OTHERWISE}"
    return markup("*What to do:* {}", prose(hint.strip() or otherwise, _SENTENCES))
