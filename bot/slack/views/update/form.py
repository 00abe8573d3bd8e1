"""The form of an update: one image, from the menu or typed, or all of them."""

from collections.abc import Mapping, Sequence
from typing import Final

from bot.slack.views.form import TICKED, FormContext, box_field, menu_field, menu_names, modal, text_field
from bot.slack.views.parts import Block

UPDATE_FORM: Final = "update_form"
"""The `callback_id` of the form."""
LOCAL_IMAGE: Final = "local_image"
"""The `block_id` of the menu of images on the host."""


def update_form(context: FormContext, values: Mapping[str, str], names: Sequence[str]) -> Block:
    """Return the modal, filled in with `values` by argument; `names` are the images in the menu, newest first."""
    blocks = [*_image(values.get("image", ""), names), _all_of_them(values)]
    return modal(UPDATE_FORM, context, "Update images", "Review", blocks)


def _image(chosen: str, names: Sequence[str]) -> list[Block]:
    """Return the menu of images, and the field for any other image, which takes precedence over the menu."""
    menu = menu_names([chosen, *names] if chosen and names else names)
    typed = {} if chosen in menu else {"image": chosen}
    example = "demisto/python3:3.12.13.10404775"
    if not menu:
        return [text_field("image", "Image", example, "A name or the start of an image ID.", typed)]
    hint = "A name or the start of an image ID. Overrides the choice above."
    return [
        menu_field(LOCAL_IMAGE, "Image", "On the Docker host, newest first.", menu, chosen),
        text_field("image", "Another image", example, hint, typed),
    ]


def _all_of_them(values: Mapping[str, str]) -> Block:
    hint = "Every image is checked; only changes are pulled. Leave the fields above empty."
    return box_field("all", "All images", hint, "Update all images", ticked=values.get("all") == TICKED)
