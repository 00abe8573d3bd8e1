"""What happens with time: deadlines, queue positions, elapsed seconds, and stop requests stored by other processes."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import structlog

from bot.dialogs.interface import Timeouts
from bot.dialogs.ledger import Ledger
from bot.dialogs.moving import Mover
from bot.dialogs.runs import Runs
from bot.dialogs.stages import Deciding, Dialog, DialogId, Expired, Queued, Running, Screen, UnderReview
from bot.dialogs.starting import Starter
from bot.dialogs.transitions import settling_stage

log = structlog.get_logger()

_UNSEEN_SECONDS = 60.0
"""A review that is overdue for longer expired while the bot was away."""


class Ticker:
    """A background thread that checks every `tick_seconds` until `closing` is set or another process takes over."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        mover: Mover,
        runs: Runs,
        starter: Starter,
        screen: Screen,
        timeouts: Timeouts,
        now: Callable[[], datetime],
        closing: threading.Event,
        on_replaced: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._mover = mover
        self._runs = runs
        self._starter = starter
        self._screen = screen
        self._timeouts = timeouts
        self._now = now
        self._closing = closing
        self._on_replaced = on_replaced
        self._positions: dict[DialogId, int] = {}
        self._thread = threading.Thread(target=self._tick, name="warroom-ticker", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait at most `seconds` until the thread ends, after `closing` is set."""
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _tick(self) -> None:
        while not self._closing.wait(self._timeouts.tick_seconds):
            try:
                if self._ledger.is_replaced():
                    self._on_replaced()
                    return
                self._end_overdue()
                self._show_positions()
                self._cancel_stopped()
            except Exception:
                log.exception("tick_failed")
            self._runs.show()

    def _end_overdue(self) -> None:
        now = self._now()
        for entry in self._ledger.overdue_entries(now.timestamp()):
            match entry.dialog:
                case UnderReview() as dialog:
                    unseen = (now - dialog.expires).total_seconds() > _UNSEEN_SECONDS
                    self._mover.move(Expired(dialog.asked, self._timeouts.review_seconds, unseen))
                case Deciding() as dialog:
                    self._take(settling_stage(dialog, keep=False, user=None))
                case _:
                    pass

    def _take(self, to: Dialog) -> None:
        if self._mover.move(to):
            self._starter.start_soon(to)

    def _show_positions(self) -> None:
        queue = self._ledger.queue(Queued)
        for position, job in enumerate(queue, start=1):
            if self._positions.get(job) != position:
                self._show_position(job, position)
        self._positions = {job: position for position, job in enumerate(queue, start=1)}

    def _show_position(self, job: DialogId, position: int) -> None:
        with self._mover.order:
            dialog = self._mover.dialog(job)
            if isinstance(dialog, Queued) and self._positions.get(job, dialog.position) != position:
                self._screen.show(replace(dialog, position=position))

    def _cancel_stopped(self) -> None:
        # Stop may have been pressed in another process on the same database, which stored it in the ledger.
        for job in self._runs.jobs:
            dialog = self._mover.dialog(job)
            if isinstance(dialog, Running) and dialog.stopping_by:
                self._runs.stop(job, dialog.stopping_by)
