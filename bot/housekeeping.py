"""Does regular chores in a background thread: copies what must not be lost, clears away what is old."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

log = structlog.get_logger()

_FIRST_SECONDS = 5.0
"""How long after the start: nothing should wait for it."""
_EVERY_SECONDS = 600.0
_LEAST_SECONDS = 1.0
_CLOSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to do regularly; `do` returns how many things it copied or removed."""

    name: str
    do: Callable[[], int]


def seconds_between_chores(kept_seconds: float) -> float:
    """Return the time between two rounds: things are kept for at most half as long again as `kept_seconds`."""
    return max(_LEAST_SECONDS, min(_EVERY_SECONDS, kept_seconds / 2))


class Housekeeper:
    """Does chores every `every_seconds` until it is closed; one that fails does not keep the others from being done."""

    def __init__(
        self,
        chores: Sequence[Chore],
        *,
        first_seconds: float = _FIRST_SECONDS,
        every_seconds: float = _EVERY_SECONDS,
    ) -> None:
        self._chores = chores
        self._first_seconds = first_seconds
        self._every_seconds = every_seconds
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="warroom-housekeeper", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Start no more chores, and wait a moment for the one under way."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(_CLOSE_SECONDS)

    def tidy(self) -> None:
        """Do each chore once."""
        for chore in self._chores:
            if self._closing.is_set():
                return
            try:
                done = chore.do()
            except Exception:
                # The thread's boundary: the next round tries again.
                log.exception("chore_failed", chore=chore.name)
                continue
            if done:
                log.info("chore_done", chore=chore.name, count=done)

    def _keep(self) -> None:
        seconds = self._first_seconds
        while not self._closing.wait(seconds):
            self.tidy()
            seconds = self._every_seconds
