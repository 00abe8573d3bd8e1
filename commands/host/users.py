"""Who uses an image: containers, and images that are built on it."""

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from commands.command import Users
from commands.engine.interface import Engine
from commands.errors import Problem
from commands.host.selection import preferred_name
from commands.model.images import Container, ImageId, ListedImage

MOST_LOOKED_AT = 400
"""How many images one question looks into; each takes the daemon a few milliseconds."""

AT_ONCE = 8
"""How many images are looked into at one time."""

log = structlog.get_logger()


class Lineage:
    """Knows which images stand on which; what it has seen of an image it remembers, since layers never change.

    Used by many threads at once.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._layers: dict[ImageId, tuple[str, ...]] = {}

    def users(self, images: Sequence[ImageId], listing: Sequence[ListedImage] | None = None) -> Mapping[ImageId, Users]:
        """Say for each of these images who uses it; an image that is gone has no users.

        `listing` is what the caller has just had from the daemon; without it the daemon is asked.
        """
        if not images:
            return {}
        containers: defaultdict[ImageId, list[Container]] = defaultdict(list)
        for container in self._engine.containers():
            containers[container.image].append(container)
        listing = self._engine.listing() if listing is None else listing
        all_seen = self._look_into(images, listing)
        above = self._above(images, listing)
        return {
            image: Users(
                running=_named(container for container in containers[image] if container.is_running),
                stopped=_named(container for container in containers[image] if not container.is_running),
                images=tuple(sorted(above[image])),
                more_images=not all_seen,
            )
            for image in images
        }

    def _look_into(self, first: Iterable[ImageId], listing: Sequence[ListedImage]) -> bool:
        """Learn the layers of these images and of as many others as may be; tell whether those were all."""
        wanted = dict.fromkeys((*first, *(image.id for image in listing)))
        with self._lock:
            unknown = [image for image in wanted if image not in self._layers]
        now = unknown[:MOST_LOOKED_AT]
        seen: dict[ImageId, tuple[str, ...]] = {}
        unread: list[ImageId] = []
        if now:
            with ThreadPoolExecutor(min(AT_ONCE, len(now)), thread_name_prefix="warroom-lineage") as pool:
                list(pool.map(lambda image: self._look_at(image, seen, unread), now))
        with self._lock:
            self._layers.update(seen)
        return len(now) == len(unknown) and not unread

    def _look_at(self, image: ImageId, seen: dict[ImageId, tuple[str, ...]], unread: list[ImageId]) -> None:
        try:
            found = self._engine.find_image(image)
        except Problem as problem:
            # One odd image must not hide who else there is.
            log.warning("layers_unreadable", image=image, reason=problem.message)
            unread.append(image)
            return
        if found is not None:
            seen[image] = found.layers

    def _above(self, images: Sequence[ImageId], listing: Sequence[ListedImage]) -> Mapping[ImageId, list[str]]:
        """Name the images that stand on each of these."""
        standing: dict[tuple[str, ...], list[ImageId]] = {}
        for image in dict.fromkeys(images):
            standing.setdefault(self._layers.get(image, ()), []).append(image)
        created = {each.id: each.created for each in listing}
        above: defaultdict[ImageId, list[str]] = defaultdict(list)
        for other in listing:
            layers = self._layers.get(other.id, ())
            for height in range(1, len(layers) + 1):
                for image in standing.get(layers[:height], ()):
                    # With the same layers only the settings differ: the one made later stands on the other.
                    if height < len(layers) or created.get(image, other.created) < other.created:
                        above[image].append(preferred_name(other))
        return above


def _named(containers: Iterable[Container]) -> tuple[str, ...]:
    return tuple(sorted(container.name for container in containers))
