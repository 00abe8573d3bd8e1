"""Reads the inventories of images and caches them by image ID, since an image never changes.

Parsing is fast: 22 distributions and 126 OS packages take 3 ms, 20,000 distributions 0.2 s, and a hostile database of
16 MiB 1 s.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping

from commands.engine.interface import Engine, FilesRead, ReadOrder
from commands.inventory.databases import Database, databases, is_database
from commands.inventory.distributions import distributions, is_metadata
from commands.inventory.gathering import MOST, Gathering
from commands.model.images import ImageId
from commands.model.packages import Inventory

MOST_CACHED = 64
"""Maximum number of cached inventories."""

_LANES = 64
_GAP_MOST = 300


class Inventories:
    """Reads each image's inventory once. Thread-safe."""

    def __init__(self, engine: Engine, *, most: int = MOST_CACHED) -> None:
        self._engine = engine
        self._most = most
        self._known: OrderedDict[ImageId, Inventory] = OrderedDict()
        self._lock = threading.Lock()
        # A caller waits while another thread reads the same image, and retries if that read failed.
        self._lanes = tuple(threading.Lock() for _ in range(_LANES))

    def of(self, image: ImageId, labels: Mapping[str, str]) -> Inventory:
        """Return an image's inventory without running its code; `labels` mark the container that reads the files.

        Raises what the engine raises; `gap` of the result reports damaged files.
        """
        with self._lanes[hash(image) % _LANES]:
            known = self._cached(image)
            if known is not None:
                return known
            read = self._engine.read_files(ReadOrder(image, labels, wanted=is_wanted))
            inventory = inventory_in(read)
            # Do not cache a partial result: the next read may be complete, when the machine is less busy.
            if not read.gap:
                self._cache(image, inventory)
            return inventory

    def _cached(self, image: ImageId) -> Inventory | None:
        with self._lock:
            known = self._known.get(image)
            if known is not None:
                self._known.move_to_end(image)
            return known

    def _cache(self, image: ImageId, inventory: Inventory) -> None:
        with self._lock:
            self._known[image] = inventory
            while len(self._known) > self._most:
                self._known.popitem(last=False)


def is_wanted(path: str) -> bool:
    """Return whether a file of an image is needed for its inventory."""
    return is_metadata(path) or is_database(path)


def inventory_in(read: FilesRead) -> Inventory:
    """Return the inventory from the files that were read."""
    python = distributions(read.files)
    found = databases(read.files)
    return Inventory(
        python=python.packages(),
        os_packages=found[0].gathering.packages() if found else None,
        manager=found[0].manager if found else "",
        gap=" ".join((*_unread_gap(read), *_gaps(python, found))),
    )


def _unread_gap(read: FilesRead) -> Iterator[str]:
    if read.gap:
        reason = read.gap.rstrip(".")
        shown = reason if len(reason) <= _GAP_MOST else f"{reason[:_GAP_MOST]}…"  # It may quote a path of the image.
        yield f"Not everything could be read: {shown}."


def _gaps(python: Gathering, found: tuple[Database, ...]) -> Iterator[str]:
    yield from _left_out(python, "Python package", "Python packages")
    for database in found[:1]:
        of = f"of the {database.manager} database"
        yield from _left_out(database.gathering, f"entry {of}", f"entries {of}")
    for database in found[1:]:
        if count := len(database.gathering):
            packages = "1 package" if count == 1 else f"{count} packages"
            yield f"There is a database of {database.manager} as well ({packages}), not shown."


def _left_out(gathering: Gathering, one: str, several: str) -> Iterator[str]:
    if gathering.left_out:
        yield f"{gathering.left_out} {one if gathering.left_out == 1 else several} could not be read."
    if gathering.is_full:
        yield f"There are more than {MOST} {several}; the others are not shown."
