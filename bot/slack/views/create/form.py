"""The form of a new image, which Edit opens filled in."""

from collections.abc import Mapping, Sequence
from typing import Final

from bot.slack.views.form import FormContext, menu_field, menu_names, modal, text_field
from bot.slack.views.parts import Block

CREATE_FORM: Final = "create_form"
"""The `callback_id` of the form."""
LOCAL_BASE: Final = "local_base"
"""The `block_id` of the menu of bases on the host."""


def create_form(context: FormContext, values: Mapping[str, str], bases: Sequence[str]) -> Block:
    """Return the modal, filled in with `values` by argument; `bases` are the local ones, the default first."""
    title = "Edit the image" if context.edits else "New image"
    blocks = [*_names_and_packages(values), *_base(values.get("base", ""), bases)]
    return modal(CREATE_FORM, context, title, "Review", blocks)


def _names_and_packages(values: Mapping[str, str]) -> list[Block]:
    return [
        text_field("name", "Name", "my/tool", "Lower case. The bot assigns the tag.", values, optional=False),
        text_field(
            "dependencies",
            "Python packages",
            "requests>=2.31, ldap3",
            "Like requirements.txt, comma-separated. Exact versions are resolved for you.",
            values,
        ),
        text_field(
            "packages", "OS packages", "wget, libxml2", "From the base's distribution, comma-separated.", values
        ),
    ]


def _base(chosen: str, bases: Sequence[str]) -> list[Block]:
    """Return the menu of bases, and the field for any other base, which takes precedence over the menu."""
    # The present base is always a choice: in the field below it would take precedence over a new choice in the menu.
    menu = menu_names([*bases[:1], chosen, *bases[1:]] if bases else [])
    typed = {} if chosen in menu else {"base": chosen}
    example = "demisto/python3-deb:3.12.13.11694875"
    if not menu:
        hint = "Leave empty for the default. Pulled if not on the Docker host."
        return [text_field("base", "Base", example, hint, typed)]
    usual = f"Images on the Docker host. Default: {bases[0]}."
    hint = "Overrides the choice above. Pulled if not on the Docker host."
    return [
        menu_field(LOCAL_BASE, "Base", usual, menu, chosen),
        text_field("base", "Another base", example, hint, typed),
    ]
