"""The complete plain-text files behind buttons, for content that does not fit into a dialog."""

from collections.abc import Sequence

from bot.slack.views.text import visible


def text_file(parts: Sequence[Sequence[str]]) -> str:
    """Return paragraphs of lines as text, without invisible characters."""
    return "\n\n".join(visible("\n".join(lines)) for lines in parts) + "\n"
