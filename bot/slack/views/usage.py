"""The help of a command: how to use it, with examples."""

from collections.abc import Sequence
from typing import Final

from bot.slack.views.text import Markup, code, copyable, escape, markup

_LINE: Final = 1_000


def usage(name: str, description: str, arguments: str, examples: Sequence[str], *, has_form: bool) -> Markup:
    """Return the help of a command: its purpose, its arguments, and examples."""
    form = markup("\nType {} alone to open a form.", code(name, _LINE)) if has_form else Markup("")
    typed = Markup("\n".join(copyable(f"{name} {example}", _LINE) for example in examples))
    if not arguments:
        return markup("{}. It takes no arguments:\n{}", escape(description, _LINE), typed)
    takes = code(f"{name} {arguments}", _LINE)
    return markup("{}.\n{}{}\nFor example:\n{}", escape(description, _LINE), takes, form, typed)
