"""Which waiting message or file is sent next, and when.

Messages and files are sent by threads of their own, so each outbox has a lane for each: a file waits for its
message, an announcement for the files, and in a closed channel everything waits for one try.
"""

from collections.abc import Callable

from bot.dialogs.stages import DialogId
from bot.slack.closures import Closure, Closures
from bot.slack.outbox import Lane, Outbox, Outboxes
from bot.slack.pace import Pace

_NEVER = float("inf")


class Dispatch:
    """Chooses among the outboxes, and reserves what it chooses for the calling thread."""

    def __init__(
        self,
        boxes: Outboxes,
        closures: Closures,
        pace: Pace,
        *,
        monotonic: Callable[[], float],
        seconds_to_edit: Callable[[float], float],
    ) -> None:
        self._boxes = boxes
        self._closures = closures
        self._pace = pace
        self._monotonic = monotonic
        self._seconds_to_edit = seconds_to_edit

    def take_message(self) -> tuple[DialogId, Outbox] | None:
        """Return and reserve an outbox whose stage or announcement is due: ends first."""
        with self._boxes.changed:
            now = self._monotonic()
            ready = [each for each in self._boxes.waiting_outboxes() if self._message_wait(each[1], now) <= 0]
            chosen = min(ready, key=lambda each: each[1].rank, default=None)
            if chosen:
                self._reserve(chosen[1], chosen[1].messages, now)
            return chosen

    def take_file(self) -> tuple[DialogId, Outbox] | None:
        """Return and reserve an outbox with a file that is due."""
        with self._boxes.changed:
            now = self._monotonic()
            ready = (each for each in self._boxes.waiting_outboxes() if self._file_wait(each[1], now) <= 0)
            chosen = next(ready, None)
            if chosen:
                self._reserve(chosen[1], chosen[1].uploads, now)
            return chosen

    def release(self, box: Outbox, lane: Lane) -> None:
        """Give back what a thread has reserved."""
        with self._boxes.changed:
            closure = self._closure(box)
            if lane.is_try and closure:
                closure.give_back(self._monotonic())
            lane.is_taken = lane.is_try = False
            self._boxes.changed.notify_all()

    def seconds_to_message(self) -> float:
        """Return in how many seconds a stage or an announcement is due; infinity if none waits."""
        return self._seconds(self._message_wait)

    def seconds_to_file(self) -> float:
        """Return in how many seconds a file is due; infinity if none waits."""
        return self._seconds(self._file_wait)

    def _seconds(self, wait: Callable[[Outbox, float], float]) -> float:
        with self._boxes.changed:
            now = self._monotonic()
            return min((wait(box, now) for _, box in self._boxes.waiting_outboxes()), default=_NEVER)

    def _reserve(self, box: Outbox, lane: Lane, now: float) -> None:
        lane.is_taken = True
        closure = self._closure(box)
        if closure and closure.next_try <= now:
            closure.take_try(now)
            lane.is_try = True

    def _closure(self, box: Outbox) -> Closure | None:
        return self._closures.of(box.channel) if box.channel else None

    def _message_wait(self, box: Outbox, now: float) -> float:
        if not box.owes_message or box.messages.is_taken or box.set_aside:
            return _NEVER
        wait = max(box.messages.wait(now), self._gate(box, now))
        if box.is_progress:
            return max(wait, box.edited_at + self._pace.progress_seconds - now, self._seconds_to_edit(now))
        if box.dialog is not None:
            return wait
        return max(wait, box.edited_at + self._pace.log_seconds - now, box.files_until - now if box.files else 0.0)

    def _gate(self, box: Outbox, now: float) -> float:
        """Return how long a closed channel holds a message back; at once the person is told that it is closed."""
        closure = self._closure(box)
        if closure is None:
            return 0.0
        if box.is_progress and not closure.is_urged:
            return _NEVER
        return closure.next_try - now if closure.reason in box.told else 0.0

    def _file_wait(self, box: Outbox, now: float) -> float:
        if not box.files or box.uploads.is_taken or (box.dialog is not None and not box.is_progress):
            return _NEVER
        closure = self._closure(box)
        return max(box.uploads.wait(now), closure.next_try - now if closure else 0.0)
