"""The one way to end work that is under way, from another thread."""

import threading
from enum import StrEnum


class CancelReason(StrEnum):
    """Why work is to end."""

    STOPPED = "stopped"
    """A person pressed Stop."""
    TOO_LONG = "too long"
    """It took longer than allowed in all."""
    SHUTDOWN = "shutdown"
    """The bot is ending; the work will be done again by the next process."""


class Cancellation:
    """A request to end; the first reason given stays."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reason: CancelReason | None = None

    @property
    def reason(self) -> CancelReason | None:
        """Why, or None while nobody has asked."""
        return self._reason

    def request(self, reason: CancelReason) -> None:
        """Ask the work to end."""
        with self._lock:
            self._reason = self._reason or reason
