"""Slack's method blocks.validate: it checks blocks, a message or a view, and shows nobody anything."""

import re
from collections.abc import Sequence
from typing import Final

from pydantic import JsonValue

from bot.room.blocks import are_too_long, block_errors, modal_errors
from bot.room.server import arguments as sent
from bot.room.server.chat import Reply
from bot.room.server.refusals import RefusedError

_ERROR: Final = re.compile(r"(?P<message>.*) \[json-pointer:(?P<pointer>[^]]*)\]", re.DOTALL)


def validate(values: Reply) -> Reply:
    """blocks.validate."""
    given = sent.ValidateBlocks.read(values).model_dump(exclude_none=True)
    if len(given) != 1:
        raise RefusedError("invalid_arguments", ["must provide exactly one of `blocks`, `view`, or `message`"])
    [(kind, payload)] = given.items()
    errors = [_error(error, _ROOTS[kind]) for error in _CHECKS[kind](payload)]
    if errors:
        raise RefusedError(f"invalid_{kind}", errors=errors)
    return {}


def _errors_of_blocks(blocks: JsonValue) -> Sequence[str]:
    if not isinstance(blocks, list):
        return ["must be an array [json-pointer:/blocks]"]
    too_long = ["msg_blocks_too_long [json-pointer:/blocks]"] if are_too_long(blocks) else []
    return [*block_errors(blocks), *too_long]


def _errors_of_message(message: JsonValue) -> Sequence[str]:
    match message:
        case {"blocks": blocks}:
            return _errors_of_blocks(blocks)
        case dict():
            return []
        case _:
            return ["must be an object [json-pointer:]"]


_CHECKS: Final = {"blocks": _errors_of_blocks, "message": _errors_of_message, "view": modal_errors}
_ROOTS: Final = {"blocks": "/blocks", "message": "", "view": "/view"}
"""The part of the checker's pointers that Slack's lack: they begin at what was sent."""


def _error(words: str, root: str) -> dict[str, JsonValue]:
    found = _ERROR.fullmatch(words)
    message, pointer = (found["message"], found["pointer"]) if found else (words, "")
    return {"code": "failed_constraint", "message": message, "pointer": pointer.removeprefix(root)}
