"""Packages, as asked for and as resolved."""

from dataclasses import dataclass


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
class LockedPackage:
    """One distribution of the resolved set: `name` normalised (PEP 503), `hashes` as `sha256:<64 hex digits>`."""

    name: str
    version: str
    hashes: tuple[str, ...]
    requested: bool

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
