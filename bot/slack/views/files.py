"""Files behind the buttons that show more than fits into a dialog: whole, however long; all of them plain text."""

from collections.abc import Sequence

from bot.slack.views.text import visible


def text_file(parts: Sequence[Sequence[str]]) -> str:
    """Write paragraphs of lines, without invisible characters."""
    return "\n\n".join(visible("\n".join(lines)) for lines in parts) + "\n"
