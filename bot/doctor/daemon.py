"""Checks the Docker daemon: whether it answers, whether BuildKit works, and how much disk space is free."""

import shutil
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from bot.doctor.report import Caution, Fault, Good, Verdict
from commands.engine.interface import BuildOrder, Engine
from commands.errors import EngineUnavailable
from commands.model.events import ImageBuilt

LABEL = "warroom.check"
"""Marks the empty image that a check builds and removes; its value is unique to the check."""
_ENOUGH = 10 << 30
"""Room for a base, a build cache and a few images; less fills up within a day."""
_LITTLE = 1 << 30
"""Less than one ordinary build needs."""
_UNIX = "unix://"


def daemon_answers(engine: Engine) -> Verdict:
    """Report the daemon's version and address."""
    description = engine.describe()
    return Good(
        f"{description.version} at {description.endpoint}, API {description.api_version}, {description.platform}"
    )


def where_docker_answers(engine: Engine, look: Callable[[], Verdict]) -> Verdict:
    """Run a check on the daemon; if it does not answer, only `daemon_answers` reports that as a fault."""
    try:
        return look()
    except EngineUnavailable:
        try:
            engine.describe()
        except EngineUnavailable:
            return Caution("Not checked: Docker does not answer.", "Fix Docker first.")
        raise


def buildkit_works(engine: Engine, mark: str, *, seconds: float) -> Verdict:
    """Build an empty image and remove it; `mark` identifies it."""
    order = BuildOrder(build_id=mark, context=_CONTEXT, labels={LABEL: mark}, idle_seconds=seconds)
    try:
        events = list(engine.build(order))
    finally:
        engine.sweep(LABEL, mark)
    if any(isinstance(event, ImageBuilt) for event in events):
        return Good("built and removed an empty image")
    return Fault("A build ended without an image.", "Look at the daemon's log (`journalctl -u docker`).")


def disk_has_room(engine: Engine, free: Callable[[str], int | None]) -> Verdict:
    """Report the daemon's storage driver and, if `free` can read the daemon's folder, its free bytes."""
    description = engine.describe()
    left = free(description.root) if description.endpoint.startswith(_UNIX) and description.root else None
    if left is None:
        return Good(f"{description.storage}; free space unknown")
    says = f"{description.storage}; {gigabytes(left)} free in {description.root}"
    todo = "Free some space: `docker system df` shows the usage, `docker builder prune` empties the build cache."
    if left < _LITTLE:
        return Fault(says, todo)
    return Caution(says, todo) if left < _ENOUGH else Good(says)


def free_bytes(folder: str) -> int | None:
    """Return the free bytes on a folder's file system, or None if the folder is not readable."""
    try:
        return shutil.disk_usage(Path(folder)).free
    except OSError:
        return None


def gigabytes(size: int) -> str:
    """Format a size in GB."""
    return f"{size / (1 << 30):.1f} GB"


def _context() -> bytes:
    dockerfile = b"FROM scratch\nENV WARROOM=check\n"
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(dockerfile)
        archive.addfile(entry, BytesIO(dockerfile))
    return packed.getvalue()


_CONTEXT = _context()
