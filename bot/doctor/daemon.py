"""Looks at the Docker daemon: whether it answers, whether BuildKit works on it, and how much room its disk has."""

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
"""On the empty image that a check builds and removes; its value is the check's own."""
_ENOUGH = 10 << 30
"""A base, a build cache and a few images: less fills up within a day."""
_LITTLE = 1 << 30
"""Less than what one ordinary build takes."""
_UNIX = "unix://"


def daemon_answers(engine: Engine) -> Verdict:
    """Say which daemon is driven."""
    told = engine.describe()
    return Good(f"{told.version} at {told.endpoint}, API {told.api_version}, {told.platform}")


def where_docker_answers(engine: Engine, look: Callable[[], Verdict]) -> Verdict:
    """Look at something on the daemon; where none answers, that is told once, by `daemon_answers`."""
    try:
        return look()
    except EngineUnavailable:
        try:
            engine.describe()
        except EngineUnavailable:
            return Caution("Not checked: Docker does not answer.", "Fix Docker first.")
        raise


def buildkit_works(engine: Engine, mark: str, *, seconds: float) -> Verdict:
    """Build an image of nothing and remove it; `mark` tells it from all others."""
    order = BuildOrder(build_id=mark, context=_CONTEXT, labels={LABEL: mark}, idle_seconds=seconds)
    try:
        events = list(engine.build(order))
    finally:
        engine.sweep(LABEL, mark)
    if any(isinstance(event, ImageBuilt) for event in events):
        return Good("built and removed an empty image")
    return Fault("A build ended without an image.", "Look at the daemon's log (`journalctl -u docker`).")


def disk_has_room(engine: Engine, free: Callable[[str], int | None]) -> Verdict:
    """Say how the daemon stores images and, where `free` knows it of the daemon's folder, how many bytes are left."""
    told = engine.describe()
    left = free(told.root) if told.endpoint.startswith(_UNIX) and told.root else None
    if left is None:
        return Good(f"{told.storage}; free space unknown")
    says = f"{told.storage}; {gigabytes(left)} free in {told.root}"
    todo = "Free some space: `docker system df` shows the usage, `docker builder prune` empties the build cache."
    if left < _LITTLE:
        return Fault(says, todo)
    return Caution(says, todo) if left < _ENOUGH else Good(says)


def free_bytes(folder: str) -> int | None:
    """Give the free bytes where this folder is; None where it cannot be seen."""
    try:
        return shutil.disk_usage(Path(folder)).free
    except OSError:
        return None


def gigabytes(size: int) -> str:
    """Write a size as people do."""
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
