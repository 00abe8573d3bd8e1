"""Moves tags between images: keeps the image that a tag leaves, and forgets kept images that are too old."""

from collections.abc import Iterable, Iterator, Mapping

import structlog

from commands.engine.interface import Engine
from commands.errors import ImageInUse, Problem
from commands.host.history import Kept, kept_name, too_old
from commands.model.images import ImageId
from commands.model.references import DaemonName

log = structlog.get_logger()


def give(engine: Engine, image: ImageId, name: str) -> None:
    """Tag an image with a full name; the tag moves if another image has it."""
    full = DaemonName.parse(name)
    engine.tag(image, full.repository, full.tag)


def move(engine: Engine, name: str, *, leaving: ImageId | None, to: ImageId, job: str) -> str:
    """Move a tag to another image; return the full kept tag of the image that it leaves.

    May be called again after an interruption at any point.
    """
    if leaving is None or leaving == to:
        give(engine, to, name)
        return ""
    kept = kept_name(job, name)
    # Tag first: in between, the image has one tag too many, never one too few.
    give(engine, leaving, kept)
    try:
        give(engine, to, name)
    except Problem:
        _take_back(engine, kept, name, leaving)
        raise
    return kept


def _take_back(engine: Engine, kept: str, name: str, image: ImageId) -> None:
    try:
        # The tag may have moved although the answer was lost: then the kept tag is the old image's only one.
        now = engine.find_image(name)
        if now is not None and now.id == image:
            engine.remove_image(kept)
    except Problem as problem:
        log.warning("kept_tag_left", name=kept, reason=problem.message)


def forget_older(engine: Engine, names: Iterable[str], *, depth: int, job: str) -> tuple[str, ...]:
    """Remove the kept tags beyond the last `depth` of each name; return notes on those that could not be removed.

    Never remove those of this job: its own roll back needs them.
    """
    wanted = tuple(names)
    if not wanted:
        return ()
    try:
        listing = engine.listing()
        old = [kept for name in wanted for kept in too_old(name, listing, depth) if kept.job != job]
        return tuple(_notes(engine, old))
    except Problem as problem:
        # The job itself is done: the next update of these names removes the tags.
        log.warning("older_images_not_forgotten", job=job, reason=problem.message)
        return ()


def _notes(engine: Engine, old: Iterable[Kept]) -> Iterator[str]:
    for kept in old:
        try:
            engine.remove_image(kept.name)
        except ImageInUse as problem:
            yield f"`{kept.name}` is older than what is kept, but it stays: {problem.message}"


def running_users(engine: Engine, job: str) -> Mapping[ImageId, tuple[str, ...]]:
    """Return the names of every image's running containers; none if the daemon does not answer."""
    try:
        containers = engine.containers()
    except Problem as problem:
        log.warning("users_unknown", job=job, reason=problem.message)
        return {}
    found: dict[ImageId, tuple[str, ...]] = {}
    for container in containers:
        if container.is_running:
            found[container.image] = (*found.get(container.image, ()), container.name)
    return found
