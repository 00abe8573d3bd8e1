"""The metadata of a dialog's message: its facts, within what Slack documents for `event_payload`.

Slack allows strings, numbers and booleans, objects of these, and lists; it advises against null: a fact without a value
is left out.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from bot.slack import limits

EVENT_TYPE: Final = "warroom_dialog"
"""The event type of each dialog's metadata: its `facts`, and `trigger`, the id of its command's trigger."""
LEFT_OUT: Final = "facts_left_out"
"""The key that lists the facts for which there was no room."""
_NEEDED: Final = ("dialog", "state", "ended", "succeeded", "asks", "buttons", "trigger", "message")
"""The facts by which programs follow a dialog."""


def metadata(facts: Mapping[str, Any], trigger: str) -> dict[str, Any]:
    """Return a message's metadata; the largest facts are left out, and named, if all do not fit."""
    kept = without_null({**facts, "trigger": trigger})
    left_out: list[str] = []
    while length({**kept, LEFT_OUT: left_out}) > limits.METADATA_CHARACTERS:
        optional = [name for name in kept if name not in _NEEDED]
        if not optional:
            break
        largest = max(optional, key=lambda name: length(kept[name]))
        left_out.append(largest)
        del kept[largest]
    return {"event_type": EVENT_TYPE, "event_payload": {**kept, **({LEFT_OUT: left_out} if left_out else {})}}


def without_null(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return JSON without the keys and items that have no value."""
    if isinstance(value, dict):
        return {name: without_null(each) for name, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [without_null(each) for each in value if each is not None]
    return value


def length(value: Any) -> int:  # noqa: ANN401 - any JSON
    """Return the length of JSON in ASCII, where one character may take twelve."""
    return len(json.dumps(value))
