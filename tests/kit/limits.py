"""Time limits for tests of things that must get so far, and then are ended by their limit."""

from collections.abc import Callable, Iterator
from typing import TypeVar

Ended = TypeVar("Ended")

_MOST_SECONDS = 120.0
"""Only what is broken needs more."""


def limits(first: float) -> Iterator[float]:
    """Give time limits, each twice the one before: how long the way there takes is the machine's business."""
    seconds = first
    while seconds <= _MOST_SECONDS:
        yield seconds
        seconds *= 2


def ended_after(first: float, run: Callable[[float], Ended], got_so_far: Callable[[Ended], object]) -> Ended:
    """Run something with longer and longer limits until it got so far before it was ended."""
    for seconds in limits(first):
        ended = run(seconds)
        if got_so_far(ended):
            return ended
    raise AssertionError("it never got so far before its limit ended it")
