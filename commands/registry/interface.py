"""What the commands ask of registries. `http_registry` is the real one; tests hold a fake to the same contract."""

from dataclasses import dataclass
from typing import Protocol

from commands.model.images import Digest
from commands.model.references import Reference


@dataclass(frozen=True, slots=True)
class Quota:
    """How many pulls a registry still allows: `remaining` of `limit` in a window of `seconds`, where it says so."""

    remaining: int
    limit: int | None = None
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Remote:
    """What a name stands for in its registry.

    `source` is where it can be pulled by its digest: the name's own repository, or that of the configured mirror.
    """

    digest: Digest
    source: Reference
    quota: Quota | None = None


class Lookup(Protocol):
    """All registries, each with its own address, certificates and login. Used by many threads at once."""

    def look_up(self, reference: Reference) -> Remote:
        """Ask by one HEAD for the digest that a name with a tag stands for (`latest` where it has none).

        Raises `ImageNotFound`, `LoginRefused`, `RegistryLimited` (also without asking, while a registry's `Retry-After`
        lasts) or `RegistryUnreachable`.
        """
        ...


class Registry(Lookup, Protocol):
    """The registries that may be asked: `look_up` raises `RegistryNotAllowed` for any other, without asking it."""

    def require(self, reference: Reference) -> None:
        """Raise `RegistryNotAllowed` unless the registry of a name may be asked; to be called before each pull."""
        ...
