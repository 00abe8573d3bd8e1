"""Check blocks as Slack does, with its error texts and a pointer to the place; find and name their elements."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from pydantic import JsonValue, ValidationError
from pydantic_core import ErrorDetails

from bot.room.block_kit.surfaces import OF_MESSAGES, OF_MODALS, Modal
from bot.room.events import Block

# Slack documents no number for `msg_blocks_too_long`. Its developers name 12,000 characters of text and "a buffer" for
# the JSON around it; users were refused from 13,172 characters of JSON on (bolt-js, issues 2509 and 2867).
MOST_CHARACTERS = 12_000
MOST_MARKDOWN = 12_000
"""Characters of all `markdown` blocks of a message together."""
MOST_IN_CELLS = 10_000
"""Characters of all cells of a message's tables together."""

# Slack's error text for each of pydantic's error types.
_SENTENCES = {
    "string_too_long": "must be less than {over} characters [json-pointer:{where}]",
    "string_too_short": "must be more than {under} characters [json-pointer:{where}]",
    "text_too_long": "{reason} [json-pointer:{where}/text]",
    "too_long": "no more than {max_length} items allowed [json-pointer:{where}]",
    "too_short": "no fewer than {min_length} items allowed [json-pointer:{where}]",
    "missing": "missing required field: {name} [json-pointer:{parent}]",
    "extra_forbidden": "invalid additional property: {name} [json-pointer:{parent}]",
    "union_tag_invalid": "unsupported type: {tag} [json-pointer:{where}/type]",
    "union_tag_not_found": "missing required field: type [json-pointer:{where}]",
}

Surface = Literal["message", "modal"]


def block_errors(blocks: Sequence[JsonValue], *, surface: Surface = "message") -> tuple[str, ...]:
    """List the errors that Slack reports, each as `reason [json-pointer:/blocks/…]`; an empty list means accepted."""
    adapter = OF_MODALS if surface == "modal" else OF_MESSAGES
    try:
        adapter.validate_python(list(blocks))
    except ValidationError as refusal:
        return tuple(_sentence(error, list(blocks), "/blocks") for error in refusal.errors(include_url=False))
    return _repetitions(blocks)


def modal_errors(modal: JsonValue) -> tuple[str, ...]:
    """List the errors that Slack would report for a modal, each as `reason [json-pointer:/view/…]`."""
    try:
        Modal.model_validate(modal)
    except ValidationError as refusal:
        return tuple(_sentence(error, modal, "/view") for error in refusal.errors(include_url=False))
    match modal:
        case {"blocks": list(blocks)}:
            return _repetitions(blocks)
        case _:
            return ()


def are_too_long(blocks: Sequence[JsonValue]) -> bool:
    """Tell whether all blocks together exceed Slack's limit for one message."""
    return len(json.dumps(list(blocks), ensure_ascii=False, separators=(",", ":"))) > MOST_CHARACTERS


def clickables(blocks: Iterable[Block]) -> tuple[tuple[str, Block], ...]:
    """List everything that can be clicked, each with the id of its block."""
    return tuple((_string(block, "block_id"), element) for block in blocks for element in _clickables_of(block))


def options_of(menu: Block) -> list[Block]:
    """List the options of a menu or of a list of choices, those in groups included."""
    match menu:
        case {"options": list(options)}:
            return [option for option in options if isinstance(option, dict)]
        case {"option_groups": list(groups)}:
            return [option for group in groups if isinstance(group, dict) for option in options_of(group)]
        case _:
            return []


def with_ids(blocks: Iterable[Block], *, new_id: Callable[[], str]) -> tuple[Block, ...]:
    """Give every block and everything that can be clicked the id it lacks, as Slack does."""
    return tuple(_with_ids(block, new_id) for block in blocks)


def _with_ids(block: Block, new_id: Callable[[], str]) -> Block:
    named: Block = block if "block_id" in block else {**block, "block_id": new_id()}
    match block:
        case {"type": "actions", "elements": list(elements)}:
            return {**named, "elements": [_with_action_id(element, new_id) for element in elements]}
        case {"accessory": dict(accessory)}:
            return {**named, "accessory": _with_action_id(accessory, new_id)}
        case {"type": "input", "element": dict(element)}:
            return {**named, "element": _with_action_id(element, new_id)}
        case _:
            return named


def _with_action_id(element: JsonValue, new_id: Callable[[], str]) -> JsonValue:
    if not isinstance(element, dict) or element.get("type") == "image" or "action_id" in element:
        return element
    return {**element, "action_id": new_id()}


def _clickables_of(block: Mapping[str, JsonValue]) -> list[Block]:
    match block:
        case {"type": "actions", "elements": list(elements)}:
            found = elements
        case {"accessory": dict(accessory)}:
            found = [accessory]
        case {"type": "input", "element": dict(element)}:
            found = [element]
        case _:
            found = []
    return [element for element in found if isinstance(element, dict) and element.get("type") != "image"]


def _string(block: Mapping[str, JsonValue], key: str) -> str:
    value = block.get(key)
    return value if isinstance(value, str) else ""


def _repetitions(blocks: Sequence[JsonValue]) -> tuple[str, ...]:
    sound = [block for block in blocks if isinstance(block, dict)]
    return (
        *_repeated_block_ids(sound),
        *_repeated_action_ids(sound),
        *_second_tables(sound),
        *_too_much_markdown(sound),
        *_too_much_in_cells(sound),
    )


def _repeated_names(names: Iterable[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if name and times > 1]


def _repeated_block_ids(blocks: Sequence[Block]) -> list[str]:
    repeated = _repeated_names(_string(block, "block_id") for block in blocks)
    return [f"`block_id` must be unique: {name} [json-pointer:/blocks]" for name in repeated]


def _repeated_action_ids(blocks: Sequence[Block]) -> list[str]:
    return [
        f"`action_id` must be unique: {name} [json-pointer:/blocks/{index}]"
        for index, block in enumerate(blocks)
        for name in _repeated_names(_string(element, "action_id") for element in _clickables_of(block))
    ]


def _second_tables(blocks: Sequence[Block]) -> list[str]:
    tables = [index for index, block in enumerate(blocks) if block.get("type") == "table"]
    return [f"only_one_table_allowed [json-pointer:/blocks/{index}]" for index in tables[1:]]


def _too_much_markdown(blocks: Sequence[Block]) -> list[str]:
    length = sum(len(_string(block, "text")) for block in blocks if block.get("type") == "markdown")
    too_much = f"all `markdown` blocks must be less than {MOST_MARKDOWN + 1} characters [json-pointer:/blocks]"
    return [too_much] if length > MOST_MARKDOWN else []


def _too_much_in_cells(blocks: Sequence[Block]) -> list[str]:
    length = sum(_text_length(block.get("rows")) for block in blocks if block.get("type") in _TABLES)
    too_much = f"all table cells must be less than {MOST_IN_CELLS + 1} characters [json-pointer:/blocks]"
    return [too_much] if length > MOST_IN_CELLS else []


_TABLES = ("table", "data_table")


def _text_length(value: JsonValue) -> int:
    """Count the characters of all texts in nested values."""
    match value:
        case {"text": str(text)}:
            return len(text)
        case dict():
            return sum(_text_length(inner) for inner in value.values())
        case list():
            return sum(_text_length(inner) for inner in value)
        case _:
            return 0


def _sentence(error: ErrorDetails, sent: JsonValue, root: str) -> str:
    where = _pointer(error["loc"], sent, root)
    parent, _, name = where.rpartition("/")
    template = _SENTENCES.get(error["type"], "{reason} [json-pointer:{where}]")
    limits = error.get("ctx", {})
    words = {
        "where": where,
        "parent": parent,
        "name": name,
        "reason": error["msg"],
        "over": limits.get("max_length", 0) + 1,
        "under": limits.get("min_length", 0) - 1,
    }
    return template.format_map(limits | words)


def _pointer(loc: tuple[int | str, ...], sent: JsonValue, root: str) -> str:
    """Turn pydantic's location into a JSON pointer: pydantic names the chosen type on the way, a pointer does not."""
    path: list[str] = [root]
    here = sent
    may_name_type = False
    for step in loc:
        if may_name_type and isinstance(here, dict) and here.get("type") == step:
            may_name_type = False
            continue
        path.append(str(step))
        here = _child(here, step)
        may_name_type = True
    return "/".join(path)


def _child(parent: JsonValue, step: int | str) -> JsonValue:
    match parent, step:
        case dict(), str():
            return parent.get(step)
        case list(), int() if step < len(parent):
            return parent[step]
        case _:
            return None
