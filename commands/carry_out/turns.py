"""One job at a time works on a name, and only so many pull at once; others wait for their turn."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from commands.errors import Problem

_LOOK_SECONDS = 0.1
"""How often somebody who waits asks whether he still should."""


class Busy(Problem):
    """Another job is at work on a name right now."""


class Turns:
    """The turns of one process. Used by many threads at once.

    `raise_if_stopped` is asked while one waits, and ends the waiting by what it raises.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._taken: set[str] = set()
        self._pulling = 0

    @contextmanager
    def on(self, name: str, *, waits: Callable[[], None], raise_if_stopped: Callable[[], None]) -> Iterator[bool]:
        """Work on a name; `waits` is told once if another does. Yields whether another did."""
        waited = self._take(name, waits, raise_if_stopped)
        try:
            yield waited
        finally:
            self._give_back((name,))

    @contextmanager
    def at_once(self, names: Sequence[str]) -> Iterator[None]:
        """Work on names without waiting; raises `Busy` where another job works on one of them."""
        with self._changed:
            if busy := sorted(self._taken & set(names)):
                raise Busy(f"Another job is at work on `{busy[0]}` right now.", hint="Try again when it is over.")
            self._taken |= set(names)
        try:
            yield
        finally:
            self._give_back(names)

    @contextmanager
    def to_pull(self, most: int, *, waits: Callable[[], None], raise_if_stopped: Callable[[], None]) -> Iterator[None]:
        """Pull, as one of so many at once; `waits` is told once if there are that many."""
        with self._changed:
            self._wait_until(lambda: self._pulling < most, waits, raise_if_stopped)
            self._pulling += 1
        try:
            yield
        finally:
            with self._changed:
                self._pulling -= 1
                self._changed.notify_all()

    def _take(self, name: str, waits: Callable[[], None], raise_if_stopped: Callable[[], None]) -> bool:
        with self._changed:
            waited = self._wait_until(lambda: name not in self._taken, waits, raise_if_stopped)
            self._taken.add(name)
            return waited

    def _give_back(self, names: Sequence[str]) -> None:
        with self._changed:
            self._taken -= set(names)
            self._changed.notify_all()

    def _wait_until(
        self, free: Callable[[], bool], waits: Callable[[], None], raise_if_stopped: Callable[[], None]
    ) -> bool:
        if free():
            return False
        waits()
        while not free():
            raise_if_stopped()
            self._changed.wait(_LOOK_SECONDS)
        return True
