"""The only compare-and-set: a dialog moves in the ledger, then on the screen, then observers are notified."""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import structlog

from bot.dialogs.ledger import Ledger, Role
from bot.dialogs.stages import Dialog, DialogId, JobLine, Queued, Running, Screen
from bot.dialogs.transitions import SOURCES, deadline_of

log = structlog.get_logger()

Observer = Callable[[Dialog], None]
"""Called with every stage that a dialog enters, after it is stored; must not raise."""


class Mover:
    """Moves dialogs. `order` is held while a stage is read, changed and shown, so stages are shown in order."""

    def __init__(
        self, ledger: Ledger, screen: Screen, now: Callable[[], datetime], observers: Sequence[Observer] = ()
    ) -> None:
        self._ledger = ledger
        self._screen = screen
        self._now = now
        self._observers = observers
        self.order = threading.RLock()

    def dialog(self, dialog: DialogId) -> Dialog | None:
        """Return the stored dialog."""
        entry = self._ledger.get(dialog)
        return entry.dialog if entry else None

    def move(self, to: Dialog, *, after: tuple[type[Any], ...] | None = None, role: Role = Role.CLAIM) -> bool:
        """Store and show a stage if the dialog is in one that leads to it, or in one of `after`."""
        moved = self._store(to, after or SOURCES[type(to)], role)
        if moved:
            for observer in self._observers:
                observer(to)
        return moved

    def change(self, dialog: DialogId, change: Callable[[Dialog], Dialog | None]) -> Dialog | None:
        """Store and show what `change` makes of the present stage, without changing its class; return it if stored.

        The same process continues to drive the dialog.
        """
        with self.order:
            now = self.dialog(dialog)
            to = None if now is None else change(now)
            return to if to is not None and self._store(to, (type(now),), Role.GUEST) else None

    def jobs_under_way(self) -> tuple[JobLine, ...]:
        """List the jobs that run or wait for a slot."""
        under_way = [entry.dialog for entry in self._ledger.in_stage(Running, Queued)]
        return tuple(
            JobLine(each.asked.line, each.asked.user, each.asked.at, isinstance(each, Running)) for each in under_way
        )

    def _store(self, to: Dialog, after: tuple[type[Any], ...], role: Role) -> bool:
        with self.order:
            now, deadline = self._now().timestamp(), deadline_of(to)
            moved = self._ledger.move(to, after=after, now=now, deadline=deadline, role=role)
            if moved:
                self._screen.show(to)
        log.info("dialog_moved" if moved else "dialog_had_moved", job=to.asked.dialog, to=type(to).__name__)
        return moved
