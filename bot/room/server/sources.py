"""Where a room takes time and randomness from; tests pass their own."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass


def _new_secret() -> str:
    return secrets.token_urlsafe(18)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomSources:
    """Time and randomness.

    Attributes:
        clock: seconds that only grow, for limits and time-outs.
        now: seconds since 1970, for time stamps.
        new_secret: makes ids that nobody can guess.
        pick: gives a random index below its argument, to choose a connection.
    """

    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    new_secret: Callable[[], str] = _new_secret
    pick: Callable[[int], int] = secrets.randbelow
