"""The allowed registries: the only place that decides which registry the daemon or the bot may contact.

A name alone proves nothing: anyone can name an image `evil.example/x`. A registry digest proves that somebody with
access to the daemon pulled from or pushed to that registry, unless the bot made the image: some daemons record a digest
for images that they build.
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
from commands.text import quote

SECONDS = 60.0
"""How long the registries of the host's images are cached."""

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?")


def registry_named(text: str) -> str:
    """Parse `host[:port]` from a setting; raises `ValueError` if it is not a registry."""
    host = text.strip().lower()
    # Docker treats a single word without a port as a path on Docker Hub.
    registry = Reference(f"{host}/a").registry
    if not _HOST.fullmatch(host) or host not in (registry, f"index.{HUB}"):
        raise ValueError(f"`{text.strip()}` is not `host[:port]` as it stands in the name of an image")
    return registry


class AllowedRegistries:
    """The `named` registries only; if none is named, the registries that the host already uses.

    Those are Docker Hub, the registry of the default base unless it is in the internal network, and the registries
    whose digests the host's images have. `mirror` is the host that answers for Docker Hub. Thread-safe.
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
            # An unknown registry may be a new one.
            if now >= until or registry not in known:
                known = _registries_of(self._listing())
                self._seen = (now + SECONDS, known)
            return registry in known


class GuardedRegistry:
    """A `Registry` that contacts only allowed registries."""

    def __init__(self, inner: Lookup, allowed: AllowedRegistries, *, close: Callable[[], None]) -> None:
        self._inner = inner
        self._allowed = allowed
        self._close = close

    def close(self) -> None:
        """Close the pooled connections; the object remains usable."""
        self._close()

    def require(self, reference: Reference) -> None:
        """Raise `RegistryNotAllowed` unless the registry of a name may be asked."""
        self._allowed.require(reference)

    def look_up(self, reference: Reference) -> Remote:
        """Return the digest that a name refers to, as in `Registry.look_up`."""
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
        f"The registry {quote(registry)} may not be asked for {quote(str(reference))}.",
        hint="The operator can name it in the setting `registries` (`WARROOM_REGISTRIES`). "
        "An image that is on the Docker host already can be a base without it.",
    )
