"""What the commands ask of a package index. `uv_resolver` is the real one; tests hold a fake to the same contract."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from commands.model.images import BaseImage
from commands.model.packages import LockedPackage, PackageFile, PythonRequirement


class Resolver(Protocol):
    """Turns what somebody asked for into exact versions."""

    def resolve(
        self, requirements: tuple[PythonRequirement, ...], base: BaseImage, *, labels: Mapping[str, str]
    ) -> tuple[LockedPackage, ...]:
        """Find every distribution that `requirements` need on `base`, sorted by name, each with the file for it.

        No code of a package runs on this host; where one has to be built to be understood, that happens in a
        throw-away container of the base, which carries `labels` and has no login of any index.

        Raises `PackageNotFound`, `ResolutionFailed` with the reason in plain words, `IndexUnreachable`,
        `UnusableBase` where no wheels are made for such a base, and what `Engine.run` raises.
        """
        ...


class Files(Protocol):
    """Fetches what the package index has. Threads may share it."""

    def gather(
        self, files: Sequence[PackageFile], *, raise_if_stopped: Callable[[], None], report: Callable[[str], None] = ...
    ) -> Mapping[PackageFile, Path]:
        """Give the path of each file on this host, with exactly the content of its hash.

        `raise_if_stopped` is called now and then and may raise; `report` is told the name of each fetched file.
        Raises `IndexUnreachable`, and `BuildFailed` for a file that is another one than was confirmed.
        """
        ...
