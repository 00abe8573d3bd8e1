"""Quotas and waiting times of registries."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from commands.registry.interface import Quota

LONGEST_WAIT = 24 * 3600.0
"""Maximum seconds to wait, even if a registry asks for more."""

_AMOUNT = re.compile(r"(\d{1,9})(?:\s*;\s*w=(\d{1,9}))?")
_SECONDS = re.compile(r"\d{1,9}")


def quota_in(headers: Mapping[str, str]) -> Quota | None:
    """Parse `ratelimit-remaining` and `ratelimit-limit` (`76;w=21600`); return None without the first."""
    remaining = _AMOUNT.fullmatch(headers.get("ratelimit-remaining", "").strip())
    if remaining is None:
        return None
    limit = _AMOUNT.fullmatch(headers.get("ratelimit-limit", "").strip())
    window = remaining[2] or (limit[2] if limit else None)
    return Quota(
        remaining=int(remaining[1]),
        limit=int(limit[1]) if limit else None,
        seconds=int(window) if window else None,
    )


def seconds_to_wait(header: str | None, now: float) -> float | None:
    """Parse `Retry-After`, seconds or an HTTP date, or return None if malformed; `now` is epoch seconds."""
    if header is None:
        return None
    text = header.strip()
    seconds = float(text) if _SECONDS.fullmatch(text) else _seconds_until(text, now)
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_WAIT)


def _seconds_until(date: str, now: float) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
        # An HTTP date is in GMT, even without a zone.
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now
    except (ValueError, OverflowError):
        return None


class Waits:
    """The registries that must not be asked yet, with the end of each wait. Thread-safe."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._until: dict[str, float] = {}

    def begin(self, host: str, seconds: float | None) -> None:
        """Start a wait for a registry; None, if it names no time, starts none."""
        if seconds:
            self._until[host] = self._monotonic() + seconds

    def seconds_left(self, host: str) -> float:
        """Return the whole seconds left to wait; 0 if the registry may be asked."""
        return float(max(0, math.ceil(self._until.get(host, 0.0) - self._monotonic()))) if host in self._until else 0.0
