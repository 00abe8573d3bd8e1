"""Locks: only one job at a time changes a name, and only a limited number pull at once; other jobs wait."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from commands.errors import Problem

_LOOK_SECONDS = 0.1
"""How often a waiting thread checks whether it should stop."""


class Busy(Problem):
    """Another job is changing the name."""


class Turns:
    """The locks of one process, safe for many threads.

    A waiting thread calls `raise_if_stopped`, whose exception ends the wait.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._taken: set[str] = set()
        self._pulling = 0

    @contextmanager
    def on(self, name: str, *, waits: Callable[[], None], raise_if_stopped: Callable[[], None]) -> Iterator[bool]:
        """Hold a name; if another job holds it, call `waits` once and wait. Yield whether it waited."""
        waited = self._take(name, waits, raise_if_stopped)
        try:
            yield waited
        finally:
            self._give_back((name,))

    @contextmanager
    def at_once(self, names: Sequence[str]) -> Iterator[None]:
        """Hold names without waiting; raise `Busy` if another job holds one of them."""
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
        """Hold one of `most` places to pull; if none is free, call `waits` once and wait."""
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
