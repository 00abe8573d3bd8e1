"""Secrets masked in values, before anything is rendered: a view may shorten or escape what was whole until then."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar

Value = TypeVar("Value")


def masked(value: Value, redact: Callable[[str], str]) -> Value:
    """Return the same value with every string in it redacted: in dataclasses, mappings (keys too) and sequences."""
    result: Value = _mask(value, redact)
    return result


def _mask(value: Any, redact: Callable[[str], str]) -> Any:  # noqa: ANN401 - any piece of a dialog, or of JSON
    match value:
        case Enum():
            return value
        case str():
            return redact(value)
        case Mapping():
            return {_mask(key, redact): _mask(inner, redact) for key, inner in value.items()}
        case list() | tuple():
            return type(value)(_mask(inner, redact) for inner in value)
        case _ if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{each.name: _mask(getattr(value, each.name), redact) for each in fields(value)})
        case _:
            return value
