"""Packages, as asked for and as resolved."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,254}")
"""What a file of a package index may be called: it becomes a path."""


@dataclass(frozen=True, slots=True)
class PythonRequirement:
    """A Python distribution as somebody asked for it: PEP 508 without URL and marker.

    `name` is as typed; `extras` are sorted; `specifier` is PEP 440 text such as `>=1,<2`, or empty.
    """

    name: str
    extras: tuple[str, ...] = ()
    specifier: str = ""

    def __str__(self) -> str:
        """Write it as a line of a requirements file."""
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        return f"{self.name}{extras}{self.specifier}"


@dataclass(frozen=True, slots=True)
class PackageFile:
    """One file of a package index. `url` holds no login, `sha256` is 64 hex digits, `size` counts bytes if known."""

    name: str
    url: str
    sha256: str
    size: int | None = None

    @property
    def is_wheel(self) -> bool:
        """Whether it is installed as it is; any other file has to be built first."""
        return self.name.endswith(".whl")


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """One distribution of the resolved set: `name` normalised (PEP 503), `file` the one that is installed.

    `build_files` are what building a source-only package takes: its build requirements, with all that they need.
    """

    name: str
    version: str
    file: PackageFile
    requested: bool
    build_files: tuple[PackageFile, ...] = ()

    def __str__(self) -> str:
        """Write it as `name==version`."""
        return f"{self.name}=={self.version}"


@dataclass(frozen=True, slots=True)
class OsPackage:
    """An OS package by its Debian or Alpine name, with an exact version or none."""

    name: str
    version: str | None = None

    def __str__(self) -> str:
        """Write it as apt-get and apk take it."""
        return self.name if self.version is None else f"{self.name}={self.version}"


@dataclass(frozen=True, slots=True)
class Inventory:
    """What is installed in an image, read out of its files.

    `python` maps normalised names (PEP 503) to versions, several ones joined by `, `; `os_packages` maps names to
    versions and is None where the image has no database of dpkg or apk. `manager` is `dpkg`, `apk` or empty. `gap` says
    in plain words what could not be read; it is empty where everything was.
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
    """How the packages of one kind differ; packages as `name version`, sorted by name."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[Change, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any difference."""
        return bool(self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True)
class Difference:
    """What a newer image has that the older one has not. `size` in bytes, negative where it is smaller.

    `os_packages` is None where one of the two has no package database; `gaps` say what could not be compared, and why.
    """

    size: int
    python: PackageChanges
    os_packages: PackageChanges | None
    gaps: tuple[str, ...] = ()
