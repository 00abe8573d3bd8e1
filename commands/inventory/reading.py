"""Reads the inventories of images and caches them by image ID, since an image never changes.

Parsing is fast: 22 distributions and 126 OS packages take 3 ms, 20,000 distributions 0.2 s, and a hostile database of
16 MiB 1 s.
"""

from collections.abc import Iterator, Mapping

from commands.engine.interface import Engine, FilesRead, ReadOrder
from commands.inventory.databases import Database, databases, is_database
from commands.inventory.distributions import distributions, is_metadata
from commands.inventory.gathering import MOST, Gathering
from commands.memory import Memory
from commands.model.images import ImageId
from commands.model.packages import Inventory
from commands.text import count_of

MOST_CACHED = 64
"""Maximum number of cached inventories."""

_GAP_MOST = 300


class Inventories:
    """Reads each image's inventory once. Thread-safe."""

    def __init__(self, engine: Engine, *, most: int = MOST_CACHED) -> None:
        self._engine = engine
        # Do not cache a partial result: the next read may be complete, when the machine is less busy.
        self._known = Memory[ImageId, Inventory](most, is_lasting=lambda inventory: not inventory.gap)

    def of(self, image: ImageId, labels: Mapping[str, str]) -> Inventory:
        """Return an image's inventory without running its code; `labels` mark the container that reads the files.

        Raises what the engine raises; `gap` of the result reports damaged files.
        """
        return self._known.get_or_make(image, lambda: self._read(image, labels))

    def _read(self, image: ImageId, labels: Mapping[str, str]) -> Inventory:
        return inventory_in(self._engine.read_files(ReadOrder(image, labels, wanted=is_wanted)))


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
            yield f"There is a database of {database.manager} as well ({count_of(count, 'package')}), not shown."


def _left_out(gathering: Gathering, one: str, several: str) -> Iterator[str]:
    if gathering.left_out:
        yield f"{count_of(gathering.left_out, one, several)} could not be read."
    if gathering.is_full:
        yield f"There are more than {MOST} {several}; the others are not shown."
