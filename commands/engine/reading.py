"""Reads files from images on a Docker daemon, through containers that are never started."""

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
    """Reads images; `clock` returns monotonic seconds."""

    connection: Connection
    throwaway: Throwaway
    clock: Callable[[], float] = time.monotonic

    def read(self, order: ReadOrder) -> FilesRead:
        """Read files from an image, as in `Engine.read_files`."""
        gathered = Gathered(order, self.clock)
        container = self.throwaway.create(order.image, _configuration(order))
        try:
            self._look_through(container, order.wanted, gathered)
            if gathered.unread_targets and not gathered.gap:
                # A hard-linked file has its content under its first name, which need not be a wanted one.
                self._look_through(container, gathered.unread_targets.__contains__, gathered)
            return gathered.result()
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
        "Cmd": ["none"],  # Never run, but required to create a container.
        "Entrypoint": [],
        "Labels": {**order.labels, THROWAWAY: ""},
        "HostConfig": {"NetworkMode": "none"},
    }
