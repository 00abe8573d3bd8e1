"""The form of a new image: what a command without arguments opens, and what Edit opens filled in."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from pydantic import TypeAdapter, ValidationError

from bot.dialogs import DialogId
from bot.slack import limits
from bot.slack.views.parts import Block, plain_text

CREATE_FORM: Final = "create_form"
"""The `callback_id` of the form."""
VALUE: Final = "value"
"""The `action_id` of every input; its `block_id` is the argument's name."""
LOCAL_BASE: Final = "local_base"
"""The `block_id` of the menu of bases that are on the host."""


@dataclass(frozen=True, slots=True)
class FormContext:
    """What comes back with the form: the channel it was opened in, and the dialog whose review it edits, if any."""

    channel: str
    edits: DialogId | None = None

    def written(self) -> str:
        """Write it as Slack keeps it: `private_metadata`."""
        return json.dumps(asdict(self))

    @staticmethod
    def read(text: str) -> "FormContext | None":
        """Read it back; None where it is not ours."""
        try:
            return _CONTEXT.validate_json(text)
        except ValidationError:
            return None


_CONTEXT = TypeAdapter(FormContext)


def create_form(context: FormContext, values: Mapping[str, str], bases: Sequence[str]) -> Block:
    """Make the modal; `values` by argument fill it in, `bases` are the local candidates, the default one first."""
    chosen = values.get("base", "")
    menu = [base for base in bases if len(base) <= limits.OPTION_TEXT][: limits.OPTIONS]
    typed = chosen if chosen not in menu else ""
    blocks = [
        _text("name", "Name", "my/tool", "Lower case. The bot chooses the tag.", values.get("name", "")),
        _text(
            "dependencies",
            "Python packages",
            "requests>=2.31, ldap3",
            "As in a requirements file, separated by commas. The index is asked for exact versions.",
            values.get("dependencies", ""),
            optional=True,
        ),
        _text(
            "packages",
            "OS packages",
            "wget, libxml2",
            "Of the base's distribution, separated by commas.",
            values.get("packages", ""),
            optional=True,
        ),
        *([_menu(menu, chosen)] if menu else []),
        _text(
            "base",
            "Another base" if menu else "Base",
            "demisto/python3-deb:3.12.13.11694875",
            "An image to build on. It is pulled if it is not here.",
            typed,
            optional=True,
        ),
    ]
    return {
        "type": "modal",
        "callback_id": CREATE_FORM,
        "private_metadata": context.written(),
        "title": plain_text("Edit the image" if context.edits else "New image", limits.MODAL_TITLE),
        "submit": plain_text("Review", limits.MODAL_TITLE),
        "close": plain_text("Close", limits.MODAL_TITLE),
        "blocks": blocks,
    }


def _text(name: str, label: str, example: str, hint: str, value: str, *, optional: bool = False) -> Block:
    element: Block = {
        "type": "plain_text_input",
        "action_id": VALUE,
        "max_length": limits.INPUT_TEXT,
        "placeholder": plain_text(example, limits.PLACEHOLDER),
    }
    if value:
        element["initial_value"] = value[: limits.INPUT_TEXT]
    return {
        "type": "input",
        "block_id": name,
        "optional": optional,
        "label": plain_text(label, limits.INPUT_LABEL),
        "hint": plain_text(hint, limits.INPUT_LABEL),
        "element": element,
    }


def _menu(bases: Sequence[str], chosen: str) -> Block:
    options = [{"text": plain_text(base, limits.OPTION_TEXT), "value": base} for base in bases]
    initial = next((option for option in options if option["value"] == chosen), None)
    element: Block = {"type": "static_select", "action_id": VALUE, "options": options}
    return {
        "type": "input",
        "block_id": LOCAL_BASE,
        "optional": True,
        "label": plain_text("Base", limits.INPUT_LABEL),
        "hint": plain_text(f"An image that is here already. Without one it is {bases[0]}.", limits.INPUT_LABEL),
        "element": element if initial is None else {**element, "initial_option": initial},
    }
