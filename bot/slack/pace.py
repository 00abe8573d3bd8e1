"""How fast the bot may talk: Slack's rate limits, kept on our side of the line."""

from collections import deque


class Window:
    """At most `calls` in any `seconds`, as Slack counts. Times are seconds of a monotonic clock."""

    def __init__(self, calls: int, seconds: float) -> None:
        self._calls = calls
        self._seconds = seconds
        self._times: deque[float] = deque()
        self._closed_until = float("-inf")

    def wait(self, now: float, *, reserve: int = 0) -> float:
        """Return for how many seconds no call may be made; `reserve` calls of the window are left to others."""
        while self._times and self._times[0] <= now - self._seconds:
            self._times.popleft()
        wait = max(0.0, self._closed_until - now)
        allowed = self._calls - reserve
        if len(self._times) < allowed:
            return wait
        return max(wait, self._times[len(self._times) - allowed] + self._seconds - now)

    def spend(self, now: float) -> None:
        """Count a call."""
        self._times.append(now)

    def close(self, until: float) -> None:
        """Make no call before this time (Slack said `Retry-After`)."""
        self._closed_until = max(self._closed_until, until)
