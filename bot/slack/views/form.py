"""The parts that all forms share."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Final

from pydantic import Field, TypeAdapter, ValidationError

from bot.dialogs.stages import DialogId
from bot.slack import limits
from bot.slack.views.parts import Block, plain_text
from bot.slack.views.text import visible

VALUE: Final = "value"
"""The `action_id` of every input; its `block_id` is the argument's name."""
TICKED: Final = "true"
"""The value of a ticked box."""


@dataclass(frozen=True, slots=True)
class FormContext:
    """The metadata of a form: the channel in which it was opened, and the dialog that it changes, if any.

    `response_url` is that of the command that opened the form: a sent form has none.
    """

    channel: Annotated[str, Field(pattern=r"^[A-Z0-9]{2,32}$")]
    edits: Annotated[DialogId, Field(min_length=1, max_length=255)] | None = None
    response_url: Annotated[str, Field(max_length=2_000)] = ""

    def to_metadata(self) -> str:
        """Return the context as Slack's `private_metadata`."""
        return json.dumps(asdict(self))

    @staticmethod
    def read(text: str) -> "FormContext | None":
        """Parse `private_metadata`; return None if it is not the bot's."""
        try:
            return _CONTEXT.validate_json(text)
        except ValidationError:
            return None


_CONTEXT = TypeAdapter(FormContext)


def modal(callback: str, context: FormContext, title: str, submit: str, blocks: Sequence[Block]) -> Block:
    """Return a form of these blocks, with a button named `submit`."""
    return {
        "type": "modal",
        "callback_id": callback,
        "private_metadata": context.to_metadata(),
        "title": plain_text(title, limits.MODAL_TITLE),
        "submit": plain_text(submit, limits.MODAL_TITLE),
        "close": plain_text("Close", limits.MODAL_TITLE),
        "blocks": list(blocks),
    }


def menu_names(names: Sequence[str]) -> list[str]:
    """Return the names that fit into a menu: each once, none too long, and no more than Slack's limit."""
    fitting = (name for name in dict.fromkeys(names) if name.isprintable() and 0 < len(name) <= limits.OPTION_VALUE)
    return list(fitting)[: limits.OPTIONS]


def text_field(
    name: str,
    label: str,
    example: str,
    hint: str,
    values: Mapping[str, str],
    *,
    optional: bool = True,
    longest: int = limits.INPUT_TEXT,
) -> Block:
    """Return a text field, filled with its value, if any."""
    element: Block = {
        "type": "plain_text_input",
        "action_id": VALUE,
        "max_length": longest,
        "placeholder": plain_text(example, limits.PLACEHOLDER),
    }
    if value := visible(values.get(name, "")):
        element["initial_value"] = value[:longest]
    return _input(name, label, hint, element, optional=optional)


def menu_field(name: str, label: str, hint: str, names: Sequence[str], chosen: str = "") -> Block:
    """Return a menu of names."""
    options = [option(each, each) for each in names]
    element: Block = {"type": "static_select", "action_id": VALUE, "options": options}
    if chosen in names:
        element["initial_option"] = option(chosen, chosen)
    return _input(name, label, hint, element, optional=True)


def box_field(name: str, label: str, hint: str, words: str, *, ticked: bool = False) -> Block:
    """Return a tick box with the value `true`."""
    options = [option(words, TICKED)]
    element: Block = {"type": "checkboxes", "action_id": VALUE, "options": options}
    if ticked:
        element["initial_options"] = options
    return _input(name, label, hint, element, optional=True)


def option(text: str, value: str) -> Block:
    """Return one choice of a menu."""
    return {"text": plain_text(text, limits.OPTION_TEXT), "value": value}


def _input(block_id: str, label: str, hint: str, element: Block, *, optional: bool) -> Block:
    return {
        "type": "input",
        "block_id": block_id,
        "optional": optional,
        "label": plain_text(label, limits.INPUT_LABEL),
        "hint": plain_text(hint, limits.INPUT_LABEL),
        "element": element,
    }
