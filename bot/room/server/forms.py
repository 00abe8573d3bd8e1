"""Forms: the entries of a modal, checked as Slack's client does, and in the shape that the bot gets."""

from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue

from bot.room.blocks import options_of
from bot.room.events import Block
from bot.room.server.refusals import RefusedError
from bot.room.server.shapes import Shape

Entry = str | tuple[str, ...] | None
"""A text, the value of a choice, the values of several; None for an empty field."""

Entries = Mapping[str, Mapping[str, Entry]]
"""The entries of a form, by block id and action id."""


def form_errors(view: Block, entries: Entries) -> dict[str, str]:
    """Say by block id what is missing, too short or too long: such a form is not sent to the bot."""
    return {
        str(block["block_id"]): complaint
        for block, element in inputs(view)
        if (complaint := _complaint(block, element, _entry(block, element, entries)))
    }


def form_state(view: Block, entries: Entries) -> Shape:
    """Give `view.state`: by block id and action id, each in the shape of its element."""
    values: dict[str, JsonValue] = {}
    for block, element in inputs(view):
        state = _state(element, _entry(block, element, entries))
        values[str(block["block_id"])] = {str(element["action_id"]): state}
    return {"values": values}


def inputs(view: Block) -> Iterator[tuple[Block, Block]]:
    """List the input blocks of a modal, each with its element."""
    blocks = view.get("blocks")
    for block in blocks if isinstance(blocks, list) else ():
        if isinstance(block, dict) and block["type"] == "input":
            element = block["element"]
            if isinstance(element, dict):
                yield block, element


def _entry(block: Block, element: Block, entries: Entries) -> Entry:
    return entries.get(str(block["block_id"]), {}).get(str(element["action_id"])) or None


def _complaint(block: Block, element: Block, entry: Entry) -> str | None:
    if entry is None:
        return None if block.get("optional") else "Please complete this required field."
    if element["type"] != "plain_text_input":
        return None
    return _length_complaint(len(entry), element.get("min_length"), element.get("max_length"))


def _length_complaint(length: int, least: JsonValue, most: JsonValue) -> str | None:
    if isinstance(least, int) and length < least:
        return f"Please enter at least {least:,} characters."
    if isinstance(most, int) and length > most:
        return f"Please enter at most {most:,} characters; these are {length:,}."
    return None


def _state(element: Block, entry: Entry) -> Shape:
    kind = element["type"]
    match kind:
        case "plain_text_input":
            return {"type": kind, "value": entry if isinstance(entry, str) else None}
        case "checkboxes":
            ticked = (entry,) if isinstance(entry, str) else entry or ()
            return {"type": kind, "selected_options": _options(element, ticked)}
        case _:
            chosen = _options(element, (entry,) if isinstance(entry, str) else ())
            return {"type": kind, "selected_option": chosen[0] if chosen else None}


def _options(element: Block, values: Sequence[str]) -> list[JsonValue]:
    offered = {str(option["value"]): option for option in options_of(element)}
    if strange := [value for value in values if value not in offered]:
        raise RefusedError("option_not_found", [f"`{element['action_id']}` has no option `{strange[0]}`."])
    # In the order in which they are offered, as in Slack.
    return [option for value, option in offered.items() if value in values]
