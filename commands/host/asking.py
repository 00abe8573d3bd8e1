"""Asks many registries about many names at once, none of them twice."""

import threading
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from commands.errors import EngineUnavailable, Problem
from commands.host.selection import familiar
from commands.model.references import Reference
from commands.registry.interface import Registry, Remote

AT_ONCE = 8
"""How many questions are under way at one time, over all registries."""

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Once(Generic[Key, Value]):
    """Does a thing once for each key: whoever comes meanwhile, or later, gets the same answer or exception."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Key, Future[Value]] = {}

    def of(self, key: Key, make: Callable[[], Value]) -> Value:
        """Give what `make` gave, or gives now, for this key."""
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


class RegistryDigests:
    """The registries, each asked once about each name, however often the answer is needed."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._answers: Once[str, Remote] = Once()

    def look_up(self, reference: Reference) -> Remote:
        """See `Registry.look_up`."""
        tagged = familiar(reference if reference.tag else Reference(reference.repository, "latest"))
        return self._answers.of(tagged, lambda: self._registry.look_up(reference))


def ask_all(
    asked: RegistryDigests, references: Sequence[Reference], report: Callable[[str], None]
) -> Mapping[Reference, Remote | Problem]:
    """Ask about each name; a registry that fails is no reason not to ask the others.

    `report` is told how far it is. Raises `EngineUnavailable`: it is the daemon that knows the way to registries.
    """
    return _Round(asked, references, report).run() if references else {}


class _Round:
    """Questions that wait, those under way, and the answers. One registry never has all places while others wait."""

    def __init__(self, asked: RegistryDigests, references: Iterable[Reference], report: Callable[[str], None]) -> None:
        self._asked = asked
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
        self._report(self._told())
        askers = min(AT_ONCE, self._count)
        with ThreadPoolExecutor(askers, thread_name_prefix="warroom-ask") as pool:
            over = [pool.submit(self._work) for _ in range(askers)]
        for worker in over:
            worker.result()
        return self._answers

    def _work(self) -> None:
        try:
            while reference := self._next():
                self._answered(reference, self._ask(reference))
        except BaseException:
            # What is broken, or interrupted, is not gone on with by the other threads.
            self._is_broken = True
            raise

    def _ask(self, reference: Reference) -> Remote | Problem:
        try:
            return self._asked.look_up(reference)
        except EngineUnavailable:
            raise
        except Problem as problem:
            return problem

    def _next(self) -> Reference | None:
        """Take a question to the registry that has the fewest under way."""
        with self._lock:
            waiting = [registry for registry, references in self._waiting.items() if references]
            if self._is_broken or not waiting:
                return None
            registry = min(waiting, key=lambda waits: self._under_way[waits])
            self._under_way[registry] += 1
            return self._waiting[registry].pop(0)

    def _answered(self, reference: Reference, answer: Remote | Problem) -> None:
        with self._lock:
            self._under_way[reference.registry] -= 1
            self._answers[reference] = answer
            # Within the lock, so that the numbers that are told only grow.
            self._report(f"{self._told()}: {len(self._answers)} done")

    def _told(self) -> str:
        registries, images = len(self._waiting), self._count
        if images == 1:
            return f"Asking {next(iter(self._waiting))} about 1 image"
        whom = f"{registries} registries" if registries > 1 else next(iter(self._waiting))
        return f"Asking {whom} about {images} images"
