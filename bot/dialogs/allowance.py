"""How many commands may be under way: of one person, and in all."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from bot.dialogs.stages import AT_REST, Asked, Dialog, DialogId
from commands.errors import TooMany


@dataclass(frozen=True, slots=True)
class Limits:
    """The most commands under way. Those that are quick to answer count apart, so that they need not wait."""

    of_one_person: int = 20
    in_all: int = 100


class Allowance:
    """Counts the commands that have not ended. Safe for many threads; an observer of every move."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._open: dict[DialogId, Asked] = {}

    def begin(self, dialogs: Iterable[Dialog]) -> None:
        """Count the dialogs that the last process left."""
        with self._lock:
            self._open = {each.asked.dialog: each.asked for each in dialogs}

    def take(self, asked: Asked) -> None:
        """Count a new command; raise `TooMany` if no more may be under way."""
        with self._lock:
            others = [each for each in self._open.values() if each.request.is_quick == asked.request.is_quick]
            own = sum(each.user == asked.user for each in others)
            if own >= self._limits.of_one_person:
                raise TooMany(
                    f"You have {own} commands under way, the most for one person.",
                    hint="Confirm, cancel or stop one of them, or wait until one ends. Then type this again.",
                )
            if len(others) >= self._limits.in_all:
                raise TooMany(
                    f"{len(others)} commands are under way, the most at once.",
                    hint="Wait until some have ended, then type this again.",
                )
            self._open[asked.dialog] = asked

    @property
    def counted(self) -> tuple[DialogId, ...]:
        """The commands that are counted."""
        with self._lock:
            return tuple(self._open)

    def give_back(self, dialog: DialogId) -> None:
        """Count a command no more."""
        with self._lock:
            self._open.pop(dialog, None)

    def observe(self, dialog: Dialog) -> None:
        """Count a dialog that has come to rest no more."""
        if isinstance(dialog, AT_REST):
            self.give_back(dialog.asked.dialog)
