"""The buttons and menus of a message, and how to name a click in words: `action`, or `action=choice` for a menu."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from pydantic import JsonValue

from bot.room.blocks import clickables, options_of
from bot.room.client.room_client import RoomError
from bot.room.events import Block, RoomMessage

_NAMED = 5
"""Choices of a menu that an error names."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A click to make: a button, or a choice in a menu whose words contain `choice` (empty: the first)."""

    action: str
    choice: str = ""

    @classmethod
    def read(cls, text: str) -> Self:
        """Read it as it is typed."""
        action, _, choice = text.partition("=")
        return cls(action.strip(), choice.strip())


def buttons(message: RoomMessage) -> tuple[str, ...]:
    """Name the buttons of a message."""
    return tuple(str(element["action_id"]) for element in _elements(message) if element.get("type") == "button")


def actions(message: RoomMessage) -> tuple[str, ...]:
    """Name everything that can be clicked."""
    return tuple(str(element["action_id"]) for element in _elements(message))


def value_of(wish: Wish, message: RoomMessage) -> str | None:
    """Find the value that a click on a menu chooses; None for a button. Raises `RoomError` if there is none."""
    for element in _elements(message):
        if element["action_id"] == wish.action and element.get("type") != "button":
            return _chosen_value(element, wish)
    return None


def _elements(message: RoomMessage) -> Iterator[Block]:
    return (element for _, element in clickables(message.blocks) if "action_id" in element)


def _chosen_value(menu: Block, wish: Wish) -> str:
    offered = [(_words(option), str(option.get("value"))) for option in options_of(menu)]
    exact = [value for words, value in offered if words == wish.choice]
    near = [value for words, value in offered if wish.choice.casefold() in words.casefold()]
    if found := exact or near:
        return found[0]
    some = ", ".join(f"`{words}`" for words, _ in offered[:_NAMED]) or "nothing"
    raise RoomError(
        f"`{wish.action}` has no choice `{wish.choice}`; it offers {some}{', …' if len(offered) > _NAMED else ''}.",
        error="option_not_found",
    )


def _words(option: Block) -> str:
    text: JsonValue = option.get("text")
    return str(text.get("text")) if isinstance(text, dict) else ""
