"""Notices another bot with the same tokens: Slack then counts more connections than this bot has."""

import threading
from collections.abc import Callable
from time import monotonic

import structlog

log = structlog.get_logger()

DOUBT_SECONDS = 60.0
"""How long Slack may count connections of this bot that are lost already."""
AGAIN_SECONDS = 600.0
"""How long until the next count while another bot shares the tokens."""


class ConnectionCount:
    """The connections of this bot, and the number that Slack gives in its greetings."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._own = 0
        self._foreign = 0
        self._doubted_since: float | None = None

    @property
    def foreign(self) -> int:
        """How many connections of other bots Slack has counted twice in succession; 0 if there are none."""
        return self._foreign

    def begin(self) -> None:
        """Count a connection that is about to be opened."""
        with self._lock:
            self._own += 1

    def end(self) -> None:
        """Stop counting a connection that has ended or was not opened."""
        with self._lock:
            self._own -= 1

    def compare(self, counted: int) -> float | None:
        """Compare with the number in a greeting; return the seconds until Slack should be asked again, if at all."""
        with self._lock:
            others = counted - self._own
            if others <= 0:
                self._doubted_since, self._foreign = None, 0
                return None
            now = self._clock()
            if self._doubted_since is None:
                self._doubted_since = now
            left = self._doubted_since + DOUBT_SECONDS - now
            if left > 0:
                return left
            self._be_sure(others)
            return AGAIN_SECONDS

    def _be_sure(self, others: int) -> None:
        if not self._foreign:
            log.warning("slack_tokens_shared", other_connections=others)
        self._foreign = others
