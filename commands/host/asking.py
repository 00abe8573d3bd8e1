"""Queries many registries for many names concurrently, each name once."""

import threading
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from commands.errors import EngineUnavailable, Problem
from commands.host.selection import familiar
from commands.model.references import Reference
from commands.registry.interface import Registry, Remote
from commands.text import count_of

AT_ONCE = 8
"""Maximum number of concurrent requests to all registries together."""

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Once(Generic[Key, Value]):
    """Computes a value once per key: concurrent and later callers get the same value or exception."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Key, Future[Value]] = {}

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """Return the value for this key, from `make` on the first call."""
        with self._lock:
            future = self._known.get(key)
            is_first = future is None
            if future is None:
                future = self._known[key] = Future()
        if is_first:
            try:
                future.set_result(make())
            except BaseException as error:
                future.set_exception(error)
                raise
        return future.result()


class CachedRegistry:
    """A cache of registry lookups: each name is looked up once."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._answers: Once[str, Remote] = Once()

    def look_up(self, reference: Reference) -> Remote:
        """See `Registry.look_up`."""
        tagged = familiar(reference if reference.tag else Reference(reference.repository, "latest"))
        return self._answers.get(tagged, lambda: self._registry.look_up(reference))


def ask_all(
    registry: CachedRegistry, references: Sequence[Reference], report: Callable[[str], None]
) -> Mapping[Reference, Remote | Problem]:
    """Look up each name; a failure of one registry does not affect the others.

    `report` is called with the progress. Raises `EngineUnavailable`, because the daemon has the registry settings.
    """
    return _Round(registry, references, report).run() if references else {}


class _Round:
    """Pending and running requests, and the answers. One registry cannot occupy all workers while others wait."""

    def __init__(
        self, registry: CachedRegistry, references: Iterable[Reference], report: Callable[[str], None]
    ) -> None:
        self._registry = registry
        self._report = report
        self._lock = threading.Lock()
        self._waiting: dict[str, list[Reference]] = {}
        for reference in references:
            self._waiting.setdefault(reference.registry, []).append(reference)
        self._under_way = dict.fromkeys(self._waiting, 0)
        self._answers: dict[Reference, Remote | Problem] = {}
        self._is_broken = False
        self._count = sum(map(len, self._waiting.values()))

    def run(self) -> Mapping[Reference, Remote | Problem]:
        self._report(self._status())
        askers = min(AT_ONCE, self._count)
        with ThreadPoolExecutor(askers, thread_name_prefix="warroom-ask") as pool:
            over = [pool.submit(self._work) for _ in range(askers)]
        for worker in over:
            worker.result()
        return self._answers

    def _work(self) -> None:
        try:
            while reference := self._next():
                self._record(reference, self._ask(reference))
        except BaseException:
            # On an error the other threads stop too.
            self._is_broken = True
            raise

    def _ask(self, reference: Reference) -> Remote | Problem:
        try:
            return self._registry.look_up(reference)
        except EngineUnavailable:
            raise
        except Problem as problem:
            return problem

    def _next(self) -> Reference | None:
        """Take a request to the registry with the fewest running requests."""
        with self._lock:
            waiting = [registry for registry, references in self._waiting.items() if references]
            if self._is_broken or not waiting:
                return None
            registry = min(waiting, key=lambda waits: self._under_way[waits])
            self._under_way[registry] += 1
            return self._waiting[registry].pop(0)

    def _record(self, reference: Reference, answer: Remote | Problem) -> None:
        with self._lock:
            self._under_way[reference.registry] -= 1
            self._answers[reference] = answer
            # Within the lock, so that the reported numbers only increase.
            self._report(f"{self._status()}: {len(self._answers)} done")

    def _status(self) -> str:
        registries, images = len(self._waiting), self._count
        whom = count_of(registries, "registry", "registries") if registries > 1 else next(iter(self._waiting))
        return f"Asking {whom} about {count_of(images, 'image')}"
