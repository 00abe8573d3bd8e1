"""Slack's rate limits: how many calls fit in which time, and how long to wait for the next."""

import math
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

MINUTE = 60.0
# A caller who waited exactly as long as asked must pass, whatever floating point rounds.
ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """How often a method may be called; the defaults are what Slack documents (posts, and tiers 3 and 4)."""

    posts_per_second: float = 1.0  # chat.postMessage, per channel
    post_burst: int = 5
    edits_per_minute: int = 50  # chat.update, whole workspace
    deletions_per_minute: int = 50  # chat.delete
    ephemerals_per_minute: int = 100  # chat.postEphemeral
    look_ups_per_minute: int = 50  # conversations.info
    files_per_minute: int = 100  # each method of files.*
    views_per_minute: int = 100  # each method of views.*

    @classmethod
    def boundless(cls) -> Self:
        """Make limits that nobody reaches, for tests of other behaviour."""
        many = 1_000_000
        return cls(
            posts_per_second=many,
            post_burst=many,
            edits_per_minute=many,
            deletions_per_minute=many,
            ephemerals_per_minute=many,
            look_ups_per_minute=many,
            files_per_minute=many,
            views_per_minute=many,
        )


class RateMeter:
    """Counts calls and says how many seconds a caller has to wait: 0 means go ahead, and the call is counted."""

    def __init__(self, limits: RateLimits, *, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._calls: defaultdict[str, deque[float]] = defaultdict(deque)
        self._empty_at: dict[str, float] = {}

    def wait_for(self, method: str, channel: str = "") -> int:
        """Count a call of the method, or give the whole seconds of `Retry-After`."""
        if method == "chat.postMessage":
            return self._wait_for_post(channel)
        per_minute = self._per_minute(method)
        return 0 if per_minute is None else self._wait_in_window(method, per_minute)

    def _per_minute(self, method: str) -> int | None:
        limits = {
            "chat.update": self._limits.edits_per_minute,
            "chat.delete": self._limits.deletions_per_minute,
            "chat.postEphemeral": self._limits.ephemerals_per_minute,
            "conversations.info": self._limits.look_ups_per_minute,
            "files": self._limits.files_per_minute,
            "views": self._limits.views_per_minute,
        }
        return limits.get(method, limits.get(method.partition(".")[0]))

    def _wait_for_post(self, channel: str) -> int:
        """Leaky bucket per channel: `post_burst` posts fit in, one drains every `1 / posts_per_second` seconds."""
        now = self._clock()
        pause = 1 / self._limits.posts_per_second
        empty_at = max(self._empty_at.get(channel, now), now)
        wait = empty_at + pause - now - self._limits.post_burst * pause
        if wait > ROUNDING:
            return math.ceil(wait)
        self._empty_at[channel] = empty_at + pause
        return 0

    def _wait_in_window(self, method: str, per_minute: int) -> int:
        now = self._clock()
        calls = self._calls[method]
        while calls and calls[0] <= now - MINUTE:
            calls.popleft()
        if len(calls) >= per_minute:
            return max(1, math.ceil(calls[0] + MINUTE - now))
        calls.append(now)
        return 0
