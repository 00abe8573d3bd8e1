"""Packages as requested and as resolved."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,254}")
"""The allowed names of files from a package index, because a name becomes a path."""


@dataclass(frozen=True, slots=True)
class PythonRequirement:
    """A requested Python distribution: PEP 508 without URL and marker.

    `name` is as typed; `extras` are sorted; `specifier` is PEP 440 text such as `>=1,<2`, or empty.
    """

    name: str
    extras: tuple[str, ...] = ()
    specifier: str = ""

    def __str__(self) -> str:
        """Return it as a line of a requirements file."""
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        return f"{self.name}{extras}{self.specifier}"


@dataclass(frozen=True, slots=True)
class PackageFile:
    """One file of a package index. `url` has no login, `sha256` is 64 hex digits.

    `size` (bytes) and `uploaded` are None if the index does not say.
    """

    name: str
    url: str
    sha256: str
    size: int | None = None
    uploaded: datetime | None = None

    @property
    def is_wheel(self) -> bool:
        """Whether it can be installed directly; any other file must be built first."""
        return self.name.endswith(".whl")


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """One resolved distribution: `name` is normalised (PEP 503), `file` is the one to install.

    `build_files` are for a source-only package: its build requirements with their dependencies.
    """

    name: str
    version: str
    file: PackageFile
    requested: bool
    build_files: tuple[PackageFile, ...] = ()

    def __str__(self) -> str:
        """Return it as `name==version`."""
        return f"{self.name}=={self.version}"


@dataclass(frozen=True, slots=True)
class OsPackage:
    """An OS package by its Debian or Alpine name, with an exact version or none."""

    name: str
    version: str | None = None

    def __str__(self) -> str:
        """Return it in the format of apt-get and apk."""
        return self.name if self.version is None else f"{self.name}={self.version}"


@dataclass(frozen=True, slots=True)
class Inventory:
    """The installed packages of an image, from its files.

    `python` maps normalised names (PEP 503) to versions, joined by `, ` if there are several; `os_packages` maps names
    to versions and is None if the image has no database of dpkg or apk. `manager` is `dpkg`, `apk` or empty. `gap` says
    in plain words what could not be read; it is empty if everything was read.
    """

    python: Mapping[str, str]
    os_packages: Mapping[str, str] | None
    manager: str = ""
    gap: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A package that is in both images, in different versions."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class PackageChanges:
    """The differences in packages of one kind; packages as `name version`, sorted by name."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[Change, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any difference."""
        return bool(self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference between an older and a newer image. `size` is in bytes, negative if the newer one is smaller.

    `os_packages` is None if either image has no package database; `gaps` say what could not be compared, and why.
    """

    size: int
    python: PackageChanges
    os_packages: PackageChanges | None
    gaps: tuple[str, ...] = ()
