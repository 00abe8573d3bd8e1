"""Slack's rate limits, kept by the bot itself. Times are of a monotonic clock."""

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Calls per minute and posts per second; a little below Slack's limits, since clocks may differ."""

    edits: int = 48
    uploads: int = 30
    whispers: int = 90
    posts: int = 4
    posts_seconds: float = 4.4
    progress_burst: int = 10
    """The burst of progress edits of all dialogs together; then one per `progress_every` seconds. That is 30 a
    minute; the remaining calls are left to other edits."""
    progress_every: float = 3.0
    progress_seconds: float = 1.0
    """The shortest time between two progress edits of one dialog."""
    first_seconds: float = 0.1
    """How long a new dialog waits for the typed line, which should come first in the channel."""
    log_seconds: float = 0.3
    """How long an announcement waits for the log, which should come first in the thread."""
    file_seconds: float = 10.0
    """How long an announcement waits for an upload that hangs or is refused."""


# Not `pyrate-limiter`: it has no way to stop all calls until the time that Slack names (`Retry-After`).
class SlidingWindow:
    """A sliding window: at most `calls` in any `seconds`, as Slack counts."""

    def __init__(self, calls: int, seconds: float) -> None:
        self._calls = calls
        self._seconds = seconds
        self._times: deque[float] = deque()
        self._closed_until = float("-inf")

    def wait(self, now: float) -> float:
        """Return for how many seconds no call may be made."""
        while self._times and self._times[0] + self._seconds <= now:
            self._times.popleft()
        wait = max(0.0, self._closed_until - now)
        if len(self._times) < self._calls:
            return wait
        return max(wait, self._times[len(self._times) - self._calls] + self._seconds - now)

    def spend(self, now: float) -> None:
        """Count a call."""
        self._times.append(now)

    def close(self, until: float) -> None:
        """Make no call before this time (Slack said `Retry-After`)."""
        self._closed_until = max(self._closed_until, until)


class LeakyBucket:
    """A leaky bucket: a burst, then one call per `every` seconds: short jobs update often, long ones do not stall."""

    def __init__(self, burst: int, every: float) -> None:
        self._every = every
        self._depth = (burst - 1) * every
        self._full_again = float("-inf")

    def wait(self, now: float) -> float:
        """Return for how many seconds no call may be made."""
        return max(0.0, self._full_again - self._depth - now)

    def spend(self, now: float) -> None:
        """Count a call."""
        self._full_again = max(self._full_again, now) + self._every
