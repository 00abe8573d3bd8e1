"""What a message of the bot says to programs: where its dialog stands, and what its buttons mean.

The only place in the client for the keys of the metadata.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from bot.room.client.choices import actions
from bot.room.events import RoomMessage

Meaning = Literal["yes", "leave", "keep", "file", "begin", "turn", "form"]
"""What a click does; the bot declares which button does it."""


@dataclass(frozen=True, slots=True)
class DialogFacts:
    """The metadata of a message; one without metadata has the defaults.

    Attributes:
        state: the name of the dialog's stage.
        trigger: the trigger id of the command or click that began the dialog.
        ended: nothing follows by itself.
        succeeded: the command did what was asked.
        asks: the dialog waits for a person's decision.
        meanings: the buttons and menus that the message shows, in their order.
        payload: all of the metadata, for scripts.
        left_out: the facts for which the metadata had no room.
    """

    state: str = ""
    trigger: str | None = None
    ended: bool = False
    succeeded: bool = False
    asks: bool = False
    meanings: Mapping[str, str] = field(default_factory=dict)
    payload: Mapping[str, Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    @classmethod
    def of(cls, message: RoomMessage) -> Self:
        """Read the metadata of a message."""
        payload = message.metadata.event_payload if message.metadata else {}
        trigger, buttons, left_out = payload.get("trigger"), payload.get("buttons"), payload.get("facts_left_out")
        shown = actions(message)
        return cls(
            state=str(payload.get("state", "")),
            trigger=trigger if isinstance(trigger, str) else None,
            ended=payload.get("ended") is True,
            succeeded=payload.get("succeeded") is True,
            asks=payload.get("asks") is True,
            # Where Slack refuses the blocks, the bot shows text alone: then there is nothing to click.
            meanings={action: str(meaning) for action, meaning in buttons.items() if action in shown}
            if isinstance(buttons, dict)
            else {},
            payload=payload,
            left_out=tuple(str(name) for name in left_out) if isinstance(left_out, list) else (),
        )

    @property
    def is_counted(self) -> bool:
        """Whether the dialog is complete: a list is shown before its disk use is known."""
        is_known = self.payload.get("disk") is not None or bool(self.payload.get("disk_note"))
        return is_known or not self.payload.keys() & {"disk", "disk_note"}

    @property
    def message(self) -> str:
        """The reason of a failure or a refusal, if the dialog has one."""
        return str(self.payload.get("message") or "")

    def first(self, meaning: Meaning) -> str | None:
        """Find the first button with this meaning."""
        return next((action for action, found in self.meanings.items() if found == meaning), None)

    def means(self, action: str, meaning: Meaning) -> bool:
        """Tell whether the dialog shows this button and it has this meaning."""
        return self.meanings.get(action) == meaning
