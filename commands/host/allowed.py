"""Which registries may be asked: the only place that decides it, before daemon or bot contacts one.

A name alone proves nothing: anyone can give an image the name `evil.example/x`. A digest of a registry is proof that
somebody with the daemon pulled or pushed there, unless the bot made the image: some daemons note a digest for what they
build.
"""

import re
import time
from collections.abc import Callable, Iterable, Sequence
from threading import Lock

from commands.errors import RegistryNotAllowed
from commands.model.images import ListedImage
from commands.model.references import HUB, Reference
from commands.recipe.labels import JOB
from commands.registry.interface import Lookup, Remote
from commands.registry.sites import is_inside
from commands.text import quoted

SECONDS = 60.0
"""How long it is remembered which registries the images of the host come from."""

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?")


def registry_named(text: str) -> str:
    """Read `host[:port]`, as a setting names a registry; raises `ValueError`."""
    host = text.strip().lower()
    # Docker takes a single word without a port for a part of the hub.
    registry = Reference(f"{host}/a").registry
    if not _HOST.fullmatch(host) or host not in (registry, f"index.{HUB}"):
        raise ValueError(f"`{text.strip()}` is not `host[:port]` as it stands in the name of an image")
    return registry


class AllowedRegistries:
    """Those that are `named`, and no others; where none is, those that the host has to do with already.

    These are Docker's hub, the registry of the default base unless it is inside the network, and those by whose digests
    the host knows images. `mirror` is the host that answers for the hub. Used by many threads at once.
    """

    def __init__(
        self,
        listing: Callable[[], Sequence[ListedImage]],
        default_base: Reference,
        *,
        named: Iterable[str] = (),
        mirror: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._listing = listing
        self._named = frozenset(named)
        self._usual = _usual(default_base, mirror)
        self._mirror = mirror
        self._monotonic = monotonic
        self._lock = Lock()
        self._seen: tuple[float, frozenset[str]] = (float("-inf"), frozenset())

    def require(self, reference: Reference) -> None:
        """Raise `RegistryNotAllowed` unless the registry of a name may be asked."""
        registry = reference.registry.lower()
        if self._named:
            allowed = registry in self._named or registry == self._mirror
        else:
            allowed = registry in self._usual or self._has_images_of(registry)
        if not allowed:
            raise _not_allowed(registry, reference)

    def _has_images_of(self, registry: str) -> bool:
        with self._lock:
            until, known = self._seen
            now = self._monotonic()
            # What is not known may have come since.
            if now >= until or registry not in known:
                known = _registries_of(self._listing())
                self._seen = (now + SECONDS, known)
            return registry in known


class GuardedRegistry:
    """A `Registry` that asks none but the allowed ones."""

    def __init__(self, inner: Lookup, allowed: AllowedRegistries, *, close: Callable[[], None]) -> None:
        self._inner = inner
        self._allowed = allowed
        self._close = close

    def close(self) -> None:
        """Close the connections that are kept open; it can be used again afterwards."""
        self._close()

    def require(self, reference: Reference) -> None:
        """Raise `RegistryNotAllowed` unless the registry of a name may be asked."""
        self._allowed.require(reference)

    def look_up(self, reference: Reference) -> Remote:
        """Ask for the digest that a name stands for, as `Registry.look_up`."""
        self._allowed.require(reference)
        return self._inner.look_up(reference)


def _usual(default_base: Reference, mirror: str | None) -> frozenset[str]:
    own = default_base.registry.lower()
    return frozenset((HUB, *(() if is_inside(own) else (own,)), *((mirror,) if mirror else ())))


def _registries_of(listing: Sequence[ListedImage]) -> frozenset[str]:
    pulled = (image for image in listing if JOB not in image.labels)
    return frozenset(
        Reference(digest.partition("@")[0]).registry.lower() for image in pulled for digest in image.repo_digests
    )


def _not_allowed(registry: str, reference: Reference) -> RegistryNotAllowed:
    return RegistryNotAllowed(
        f"The registry {quoted(registry)} may not be asked for {quoted(str(reference))}.",
        hint="The operator can name it in the setting `registries` (`WARROOM_REGISTRIES`). "
        "An image that is on the Docker host already can be a base without it.",
    )
