"""The thread of something that a fake runs, which another thread may end."""

import threading
from collections.abc import Callable

from commands.errors import BuildStopped, EngineUnavailable, Problem, PullStopped


class Control:
    """One running build, container or pull, seen by its script: `wait` is the only way to let time pass."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._reason: Callable[[], Problem] = build_stopped

    def end(self, reason: Callable[[], Problem]) -> None:
        """End it from outside."""
        if not self._ended.is_set():
            self._reason = reason
            self._ended.set()

    def wait(self, seconds: float | None = None) -> None:
        """Wait so long, or for ever; raises the reason when it is ended from outside."""
        if self._ended.wait(seconds):
            raise self._reason()

    def check(self) -> None:
        """Raise the reason if it was ended from outside."""
        self.wait(0)


def build_stopped() -> Problem:
    """Tell that somebody stopped a build."""
    return BuildStopped("The build was stopped.", hint="Start it again when it is needed.")


def pull_stopped() -> Problem:
    """Tell that somebody stopped a pull."""
    return PullStopped("The pull was stopped.", hint="Start it again when it is needed.")


def unavailable() -> Problem:
    """Tell that the daemon is gone."""
    return EngineUnavailable("No Docker daemon answers at `unix:///fake.sock`.", hint="Start it.")
