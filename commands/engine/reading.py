"""Files out of images on a Docker daemon, by containers that are created and never started."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from commands.engine.archive import Gathered
from commands.engine.connection import Connection, DaemonSilent
from commands.engine.interface import FilesRead, ReadOrder
from commands.engine.throwaway import THROWAWAY, Throwaway


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads images; `clock` gives seconds that only grow."""

    connection: Connection
    throwaway: Throwaway
    clock: Callable[[], float] = time.monotonic

    def read(self, order: ReadOrder) -> FilesRead:
        """Read files out of an image, as `Engine.read_files`."""
        gathered = Gathered(order, self.clock)
        container = self.throwaway.create(order.image, _configuration(order))
        try:
            self._look_through(container, order.wanted, gathered)
            if gathered.missed and not gathered.gap:
                # Of several names of one file the archive has the content under the first, which need not be wanted.
                self._look_through(container, gathered.missed.__contains__, gathered)
            return gathered.told()
        finally:
            self.throwaway.remove(container)

    def _look_through(self, container: str, wanted: Callable[[str], bool], gathered: Gathered) -> None:
        path, idle_seconds = f"/containers/{container}/export", gathered.seconds_left
        try:
            with self.connection.download(path, doing="export a container", idle_seconds=idle_seconds) as pieces:
                gathered.look_through(pieces, wanted)
        except DaemonSilent:
            gathered.gap = gathered.too_slow


def _configuration(order: ReadOrder) -> dict[str, Any]:
    return {
        "Image": order.image,
        "Cmd": ["none"],  # It is never run, but no container can be created without one.
        "Entrypoint": [],
        "Labels": {**order.labels, THROWAWAY: ""},
        "HostConfig": {"NetworkMode": "none"},
    }
