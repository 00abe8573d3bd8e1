"""Reads what is installed in an image, and remembers it: an image ID always stands for the same files.

What follows the reading itself is quick: 22 distributions and 126 OS packages take 3 ms, 20,000 distributions 0.2 s,
and a database of 16 MiB that is made to be slow 1 s.
"""

from collections.abc import Iterator, Mapping

from commands.engine.interface import Engine, FilesRead, ReadOrder
from commands.inventory.databases import Database, databases, is_database
from commands.inventory.distributions import distributions, is_metadata
from commands.inventory.gathering import MOST, Gathering
from commands.memory import Memory
from commands.model.images import ImageId
from commands.model.packages import Inventory
from commands.text import counted

REMEMBERED = 64
"""Of how many images the packages are remembered."""

_GAP_MOST = 300


class Inventories:
    """Reads inventories, each image's once. Used by many threads at once."""

    def __init__(self, engine: Engine, *, most: int = REMEMBERED) -> None:
        self._engine = engine
        # What was read in part may be read in full the next time, when the machine has less to do.
        self._known = Memory[ImageId, Inventory](most, is_lasting=lambda inventory: not inventory.gap)

    def of(self, image: ImageId, labels: Mapping[str, str]) -> Inventory:
        """Read what is installed in an image, without running anything of it; `labels` are for what that leaves behind.

        Raises what the engine raises; a damaged file in the image is told in `gap`.
        """
        return self._known.get_or_make(image, lambda: self._read(image, labels))

    def _read(self, image: ImageId, labels: Mapping[str, str]) -> Inventory:
        return inventory_in(self._engine.read_files(ReadOrder(image, labels, wanted=is_wanted)))


def is_wanted(path: str) -> bool:
    """Say whether a file of an image tells what is installed."""
    return is_metadata(path) or is_database(path)


def inventory_in(read: FilesRead) -> Inventory:
    """Find what is installed by the files that were read."""
    python = distributions(read.files)
    found = databases(read.files)
    return Inventory(
        python=python.packages(),
        os_packages=found[0].gathering.packages() if found else None,
        manager=found[0].manager if found else "",
        gap=" ".join((*_unread(read), *_gaps(python, found))),
    )


def _unread(read: FilesRead) -> Iterator[str]:
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
            yield f"There is a database of {database.manager} as well ({counted(count, 'package')}), not shown."


def _left_out(gathering: Gathering, one: str, several: str) -> Iterator[str]:
    if gathering.left_out:
        yield f"{counted(gathering.left_out, one, several)} could not be read."
    if gathering.is_full:
        yield f"There are more than {MOST} {several}; the others are not shown."
