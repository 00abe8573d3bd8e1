"""The interface of a package index. `uv_resolver` implements it; a fake passes the same contract tests."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from commands.model.images import BaseImage
from commands.model.packages import LockedPackage, PackageFile, PythonRequirement


class Resolver(Protocol):
    """Resolves requirements to exact versions."""

    def resolve(
        self, requirements: tuple[PythonRequirement, ...], base: BaseImage, *, labels: Mapping[str, str]
    ) -> tuple[LockedPackage, ...]:
        """Return every distribution that `requirements` need on `base`, sorted by name, each with its file.

        No code of a package runs on this host; a package that must be built for its metadata is built in a throw-away
        container of the base, which has `labels` and no index login.

        Raises `PackageNotFound`, `ResolutionFailed` with the reason in plain words, `IndexUnreachable`,
        `UnusableBase` if there are no wheels for such a base, and what `Engine.run` raises.
        """
        ...


class Files(Protocol):
    """Fetches files of the package index. Thread-safe."""

    def gather(
        self, files: Sequence[PackageFile], *, raise_if_stopped: Callable[[], None], report: Callable[[str], None] = ...
    ) -> Mapping[PackageFile, Path]:
        """Return the path of each file on this host, with verified hashes.

        `raise_if_stopped` is called regularly and may raise; `report` is called with the name of each fetched file.
        Raises `IndexUnreachable`, and `BuildFailed` if a file differs from the confirmed one.
        """
        ...
