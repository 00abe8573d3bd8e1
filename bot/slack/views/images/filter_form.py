"""The form that filters the list of images."""

from typing import Final

from bot.slack.views.form import FormContext, box_field, modal, text_field
from bot.slack.views.parts import Block
from commands.model.requests import Query

FILTER_FORM: Final = "filter_form"
"""The `callback_id` of the form."""
TEXT: Final = "text"
MADE_HERE: Final = "made_here"
LONGEST_TEXT: Final = 100
"""The most characters of a search text: the longest name that a person would type."""


def filter_form(context: FormContext, query: Query) -> Block:
    """Return the modal, filled in with the present query of the list."""
    typed = {TEXT: query.text}
    fields = [
        text_field(TEXT, "Name or ID contains", "python3", "Leave empty for all images.", typed, longest=LONGEST_TEXT),
        box_field(MADE_HERE, "Origin", "Hides pulled images.", "Made here only", ticked=query.made_here),
    ]
    return modal(FILTER_FORM, context, "Filter the images", "Show", fields)
