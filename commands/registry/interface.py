"""The interface of registries. `http_registry` implements it; a fake passes the same contract tests."""

from dataclasses import dataclass
from typing import Protocol

from commands.model.images import Digest
from commands.model.references import Reference


@dataclass(frozen=True, slots=True)
class Quota:
    """The pulls that a registry still allows: `remaining` of `limit` in a window of `seconds`, if known."""

    remaining: int
    limit: int | None = None
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Remote:
    """The image that a name refers to in its registry.

    `source` is the reference to pull, by digest: in the name's own repository, or in that of the configured mirror.
    """

    digest: Digest
    source: Reference
    quota: Quota | None = None


class Lookup(Protocol):
    """All registries, each with its own address, certificates and login. Thread-safe."""

    def look_up(self, reference: Reference) -> Remote:
        """Return the digest of a name's tag (`latest` by default), by one HEAD request.

        Raises `ImageNotFound`, `LoginRefused`, `RegistryLimited` (without a request while a `Retry-After` lasts) or
        `RegistryUnreachable`.
        """
        ...


class Registry(Lookup, Protocol):
    """The allowed registries: `look_up` raises `RegistryNotAllowed` for any other, without a request."""

    def require(self, reference: Reference) -> None:
        """Raise `RegistryNotAllowed` unless the registry of a name may be asked; call it before each pull."""
        ...
