"""Secrets masked in nested values: the only place that walks one, before anything is rendered, stored or logged."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar

from pydantic import BaseModel

Value = TypeVar("Value")


def redacted(
    value: Value, redact: Callable[[str], str], *, keys: bool = True, rest: Callable[[Any], Any] | None = None
) -> Value:
    """Return a value of equal shape with every string in it redacted.

    It walks mappings, lists, tuples, dataclasses and models; other values, such as bytes, stay. The keys of mappings
    stay too unless `keys`. With `rest`, a value that is neither a string nor a mapping, list or tuple becomes what
    `rest` returns for it.
    """

    def walked(each: Any) -> Any:  # noqa: ANN401 - any piece of a value
        match each:
            case str() if not isinstance(each, Enum):
                return redact(each)
            case Mapping():
                return {walked(key) if keys else key: walked(inner) for key, inner in each.items()}
            case list() | tuple():
                return _like(each, map(walked, each))
            case _ if rest is not None:
                return rest(each)
            case _:
                return _with_members(each, walked)

    result: Value = walked(value)
    return result


def _like(value: Any, members: "map[Any]") -> Any:  # noqa: ANN401 - a list or tuple of any kind
    # A named tuple takes its members one by one.
    return type(value)(*members) if hasattr(value, "_fields") else type(value)(members)


def _with_members(value: Any, change: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - any piece of a value
    match value:
        case BaseModel():
            return value.model_copy(update={name: change(inner) for name, inner in value})
        case _ if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{each.name: change(getattr(value, each.name)) for each in fields(value)})
        case _:
            return value
