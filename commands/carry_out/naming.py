"""Moving a name to another image: the one that it leaves is kept, those kept before for too long are not."""

from collections.abc import Iterable, Iterator, Mapping

import structlog

from commands.engine.interface import Engine
from commands.errors import ImageInUse, Problem
from commands.host.history import Kept, kept_name, too_old
from commands.model.images import ImageId
from commands.model.references import DaemonName

log = structlog.get_logger()


def give(engine: Engine, image: ImageId, name: str) -> None:
    """Give an image a full name; moves the name when another image has it."""
    full = DaemonName.parse(name)
    engine.tag(image, full.repository, full.tag)


def move(engine: Engine, name: str, *, leaving: ImageId | None, to: ImageId, job: str) -> str:
    """Move a name to another image, and give the full name by which the image is kept that it leaves.

    May be done again after it was interrupted at any point.
    """
    if leaving is None or leaving == to:
        give(engine, to, name)
        return ""
    kept = kept_name(job, name)
    # First: between the two, the image has one name more than it needs, never one less.
    give(engine, leaving, kept)
    try:
        give(engine, to, name)
    except Problem:
        _take_back(engine, kept, name, leaving)
        raise
    return kept


def _take_back(engine: Engine, kept: str, name: str, image: ImageId) -> None:
    try:
        # An answer may be lost although the name has moved: then what it left has no other name than this.
        now = engine.find_image(name)
        if now is not None and now.id == image:
            engine.remove_image(kept)
    except Problem as problem:
        log.warning("kept_tag_left", name=kept, reason=problem.message)


def forget_older(engine: Engine, names: Iterable[str], *, depth: int, job: str) -> tuple[str, ...]:
    """Take the tags from images that were kept before the last `depth`, and say what could not be taken.

    Never of those that this job kept: they are what its own roll back needs.
    """
    wanted = tuple(names)
    if not wanted:
        return ()
    try:
        listing = engine.listing()
        old = [kept for name in wanted for kept in too_old(name, listing, depth) if kept.job != job]
        return tuple(_notes(engine, old))
    except Problem as problem:
        # What was to be done is done: the next update of these names forgets them.
        log.warning("older_images_not_forgotten", job=job, reason=problem.message)
        return ()


def _notes(engine: Engine, old: Iterable[Kept]) -> Iterator[str]:
    for kept in old:
        try:
            engine.remove_image(kept.name)
        except ImageInUse as problem:
            yield f"`{kept.name}` is older than what is kept, but it stays: {problem.message}"


def running_users(engine: Engine, job: str) -> Mapping[ImageId, tuple[str, ...]]:
    """Name the running containers of every image; none where the daemon does not tell."""
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
