"""A cache of answers that threads share, limited in size and time: the only cache of this kind."""

import time
from collections.abc import Callable, Hashable, MutableMapping
from threading import Condition
from typing import Generic, TypeVar

from cachetools import LRUCache, TTLCache

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Memory(Generic[Key, Value]):
    """Keeps the `size` most recently used answers, each for `seconds`, or without a time limit.

    Keeps only answers for which `is_lasting` is true. Safe for many threads.
    """

    def __init__(
        self,
        size: int,
        seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        is_lasting: Callable[[Value], bool] = lambda _: True,
    ) -> None:
        self._known: MutableMapping[Key, Value] = (
            LRUCache(size) if seconds is None else TTLCache(size, ttl=seconds, timer=clock)
        )
        self._is_lasting = is_lasting
        self._making: set[Key] = set()
        self._changed = Condition()

    def get_or_make(self, key: Key, make: Callable[[], Value]) -> Value:
        """Return the cached answer, or make it: one thread per key at a time, while other threads with that key wait.

        An exception of `make` is not cached, and a waiting thread then makes the answer. `make` must not request the
        same key.
        """
        with self._changed:
            self._changed.wait_for(lambda: key not in self._making)
            # One lookup, not `in` first: the answer may expire between the two.
            for known in self._known_values(key):
                return known
            self._making.add(key)
        try:
            made = make()
            self._remember(key, made)
            return made
        finally:
            with self._changed:
                self._making.remove(key)
                self._changed.notify_all()

    def _known_values(self, key: Key) -> tuple[Value, ...]:
        try:
            return (self._known[key],)
        except KeyError:
            return ()

    def _remember(self, key: Key, made: Value) -> None:
        if self._is_lasting(made):
            with self._changed:
                self._known[key] = made
