"""The engine's tests take turns: many at once, but one that needs the whole daemon for itself runs alone."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(*, alone: bool) -> Iterator[None]:
    """Have the daemon beside others or alone, in whichever process of this machine and user they are."""
    with _opened("next") as following, _opened("daemon") as daemon:
        # Who waits to be alone is the next in any case: nobody may overtake.
        fcntl.flock(following, fcntl.LOCK_EX)
        fcntl.flock(daemon, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(following, fcntl.LOCK_UN)
        yield


@contextmanager
def _opened(name: str) -> Iterator[int]:
    path = Path(tempfile.gettempdir()) / f"warroom-tests-{os.getuid()}-{name}"
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        yield file
    finally:
        # It is unlocked by that.
        os.close(file)
