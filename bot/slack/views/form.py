"""The form of a new image: what a command without arguments opens, and what Edit opens filled in."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Final

from pydantic import Field, TypeAdapter, ValidationError

from bot.dialogs import DialogId
from bot.slack import limits
from bot.slack.views.parts import Block, plain_text
from bot.slack.views.text import visible

CREATE_FORM: Final = "create_form"
"""The `callback_id` of the form."""
VALUE: Final = "value"
"""The `action_id` of every input; its `block_id` is the argument's name."""
LOCAL_BASE: Final = "local_base"
"""The `block_id` of the menu of bases that are on the host."""


@dataclass(frozen=True, slots=True)
class FormContext:
    """What comes back with the form: the channel it was opened in, and the dialog whose review it edits, if any.

    `response_url` is that of the command that opened it: a form that is sent brings none of its own.
    """

    channel: Annotated[str, Field(pattern=r"^[A-Z0-9]{2,32}$")]
    edits: Annotated[DialogId, Field(min_length=1, max_length=255)] | None = None
    response_url: Annotated[str, Field(max_length=2_000)] = ""

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
    return {
        "type": "modal",
        "callback_id": CREATE_FORM,
        "private_metadata": context.written(),
        "title": plain_text("Edit the image" if context.edits else "New image", limits.MODAL_TITLE),
        "submit": plain_text("Review", limits.MODAL_TITLE),
        "close": plain_text("Close", limits.MODAL_TITLE),
        "blocks": [*_names_and_packages(values), *_base(values.get("base", ""), bases)],
    }


def _names_and_packages(values: Mapping[str, str]) -> list[Block]:
    return [
        _text("name", "Name", "my/tool", "Lower case. The bot chooses the tag.", values, optional=False),
        _text(
            "dependencies",
            "Python packages",
            "requests>=2.31, ldap3",
            "As in a requirements file, separated by commas. The index is asked for exact versions.",
            values,
        ),
        _text("packages", "OS packages", "wget, libxml2", "Of the base's distribution, separated by commas.", values),
    ]


def _base(chosen: str, bases: Sequence[str]) -> list[Block]:
    """Make the menu of bases, and the field for one that is not in it, which wins over the menu."""
    offered = _offered(chosen, bases)
    typed = {} if chosen in offered else {"base": chosen}
    example = "demisto/python3-deb:3.12.13.11694875"
    if not offered:
        hint = "Leave it empty for the usual one. Another one is pulled if it is not on the Docker host."
        return [_text("base", "Base", example, hint, typed)]
    hint = "Taken instead of the one above. It is pulled if it is not on the Docker host."
    return [_menu(offered, chosen, usual=bases[0]), _text("base", "Another base", example, hint, typed)]


def _offered(chosen: str, bases: Sequence[str]) -> list[str]:
    # What was chosen is always among them: else it would stand in the field below, and win over a choice made here.
    wanted = dict.fromkeys([*bases[:1], chosen, *bases[1:]] if bases else [])
    fitting = (base for base in wanted if base.isprintable() and 0 < len(base) <= limits.OPTION_VALUE)
    return list(fitting)[: limits.OPTIONS]


def _text(name: str, label: str, example: str, hint: str, values: Mapping[str, str], *, optional: bool = True) -> Block:
    element: Block = {
        "type": "plain_text_input",
        "action_id": VALUE,
        "max_length": limits.INPUT_TEXT,
        "placeholder": plain_text(example, limits.PLACEHOLDER),
    }
    if value := visible(values.get(name, "")):
        element["initial_value"] = value[: limits.INPUT_TEXT]
    return _input(name, label, hint, element, optional=optional)


def _menu(offered: Sequence[str], chosen: str, *, usual: str) -> Block:
    options = [{"text": plain_text(base, limits.OPTION_TEXT), "value": base} for base in offered]
    initial = next((option for option in options if option["value"] == chosen), None)
    element: Block = {"type": "static_select", "action_id": VALUE, "options": options}
    if initial is not None:
        element["initial_option"] = initial
    hint = f"An image on the Docker host. Without a choice it is {usual}."
    return _input(LOCAL_BASE, "Base", hint, element, optional=True)


def _input(block_id: str, label: str, hint: str, element: Block, *, optional: bool) -> Block:
    return {
        "type": "input",
        "block_id": block_id,
        "optional": optional,
        "label": plain_text(label, limits.INPUT_LABEL),
        "hint": plain_text(hint, limits.INPUT_LABEL),
        "element": element,
    }
