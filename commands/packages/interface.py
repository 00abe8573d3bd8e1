"""What the commands ask of a package index. `uv_resolver` is the real one; tests hold a fake to the same contract."""

from collections.abc import Mapping
from typing import Protocol

from commands.model.images import BaseImage
from commands.model.packages import LockedPackage, PythonRequirement


class Resolver(Protocol):
    """Turns what somebody asked for into exact versions."""

    def resolve(
        self, requirements: tuple[PythonRequirement, ...], base: BaseImage, *, labels: Mapping[str, str]
    ) -> tuple[LockedPackage, ...]:
        """Find every distribution that `requirements` need on `base`, sorted by name, each with all its hashes.

        No code of a package runs on this host; where one has to be built to be understood, that happens in a
        throw-away container of the base, which carries `labels`.

        Raises `PackageNotFound`, `ResolutionFailed` with the reason in plain words, `IndexUnreachable`,
        `UnusableBase` where no wheels are made for such a base, and what `Engine.run` raises.
        """
        ...
