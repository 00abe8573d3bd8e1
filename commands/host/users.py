"""The users of an image: containers, and images that are built on it."""

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

MOST_INSPECTED = 400
"""Maximum number of images that one call inspects; each takes the daemon a few milliseconds."""

AT_ONCE = 8
"""Maximum number of images that are inspected at the same time."""

log = structlog.get_logger()


class Lineage:
    """Finds which images are built on which. It caches the layers of each listed image, which never change.

    Thread-safe.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._layers: dict[ImageId, tuple[str, ...]] = {}

    def users(self, images: Sequence[ImageId], listing: Sequence[ListedImage] | None = None) -> Mapping[ImageId, Users]:
        """Return the users of each image; an image that no longer exists has none.

        `listing` is the daemon's current list if the caller has it; otherwise the daemon is asked.
        """
        if not images:
            return {}
        containers: defaultdict[ImageId, list[Container]] = defaultdict(list)
        for container in self._engine.containers():
            containers[container.image].append(container)
        listing = self._engine.listing() if listing is None else listing
        layers, all_seen = self._look_into(images, listing)
        above = _above(images, listing, layers)
        return {
            image: Users(
                running=_sorted_names(container for container in containers[image] if container.is_running),
                stopped=_sorted_names(container for container in containers[image] if not container.is_running),
                images=tuple(sorted(above[image])),
                more_images=not all_seen,
            )
            for image in images
        }

    def _look_into(
        self, first: Iterable[ImageId], listing: Sequence[ListedImage]
    ) -> tuple[Mapping[ImageId, tuple[str, ...]], bool]:
        """Return the layers of these images and of others up to the limit, and whether that covers all images."""
        wanted = dict.fromkeys((*first, *(image.id for image in listing)))
        with self._lock:
            layers = {image: self._layers[image] for image in wanted if image in self._layers}
        unknown = [image for image in wanted if image not in layers]
        now = unknown[:MOST_INSPECTED]
        unread: list[ImageId] = []
        if now:
            with ThreadPoolExecutor(min(AT_ONCE, len(now)), thread_name_prefix="warroom-lineage") as pool:
                list(pool.map(lambda image: self._look_at(image, layers, unread), now))
        with self._lock:
            # Without the images that are no longer listed: a host gets and loses images for years.
            self._layers = layers
        return layers, len(now) == len(unknown) and not unread

    def _look_at(self, image: ImageId, seen: dict[ImageId, tuple[str, ...]], unread: list[ImageId]) -> None:
        try:
            found = self._engine.find_image(image)
        except Problem as problem:
            # One unreadable image must not hide the other users.
            log.warning("layers_unreadable", image=image, reason=problem.message)
            unread.append(image)
            return
        if found is not None:
            seen[image] = found.layers


def _above(
    images: Sequence[ImageId], listing: Sequence[ListedImage], layers_of: Mapping[ImageId, tuple[str, ...]]
) -> Mapping[ImageId, list[str]]:
    """Return the names of the images that are built on each of these."""
    standing: dict[tuple[str, ...], list[ImageId]] = {}
    for image in dict.fromkeys(images):
        standing.setdefault(layers_of.get(image, ()), []).append(image)
    created = {each.id: each.created for each in listing}
    above: defaultdict[ImageId, list[str]] = defaultdict(list)
    for other in listing:
        layers = layers_of.get(other.id, ())
        for height in range(1, len(layers) + 1):
            for image in standing.get(layers[:height], ()):
                # Images with the same layers differ only in configuration: the later one is built on the other.
                if height < len(layers) or created.get(image, other.created) < other.created:
                    above[image].append(preferred_name(other))
    return above


def _sorted_names(containers: Iterable[Container]) -> tuple[str, ...]:
    return tuple(sorted(container.name for container in containers))
