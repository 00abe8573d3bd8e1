"""The parts of dialogs about problems: the evidence, and what to do."""

from typing import Final

from bot.slack.views.parts import Block, section
from bot.slack.views.text import Markup, log_block, markup, prose

SENTENCES: Final = 1_000
_LOG: Final = 2_000
_LOG_LINE: Final = 400

_OTHERWISE: Final = "If it fails again, show this message to the bot's operator."


def evidence(details: tuple[str, ...]) -> list[Block]:
    """Return the section with a program's unchanged output."""
    if not any(line.strip() for line in details):
        return []
    return [section("details", log_block(details, limit=_LOG, line_limit=_LOG_LINE))]


def what_to_do(hint: str, again: str) -> Markup:
    """Return the hint; without one, how to repeat the request."""
    otherwise = f"{again[:1].upper()}{again[1:]}. {_OTHERWISE}"
    return markup("*What to do:* {}", prose(hint.strip() or otherwise, SENTENCES))


def summary(message: str, hint: str) -> str:
    """Return both in one line, for notifications."""
    return f"{message.rstrip('.')}. {hint}"
