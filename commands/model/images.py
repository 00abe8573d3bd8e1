"""Images: as a daemon has them, as a base to build on, and as the specification of one to be made."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from commands.model.packages import LockedPackage, OsPackage, PackageFile, PythonRequirement
from commands.model.references import Reference

ImageId = NewType("ImageId", str)
"""An image on one daemon, `sha256:<64 hex digits>`."""

Digest = NewType("Digest", str)
"""A manifest in a registry, `sha256:<64 hex digits>`."""


class PackageManager(StrEnum):
    """The package manager of a base."""

    APT = "apt"
    APK = "apk"


@dataclass(frozen=True, slots=True)
class Platform:
    """An operating system and architecture, in Go's terms (`linux`, `amd64`, `arm64`)."""

    os: str
    architecture: str

    def __str__(self) -> str:
        """Write it as Docker does."""
        return f"{self.os}/{self.architecture}"


@dataclass(frozen=True, slots=True)
class LocalImage:
    """One image on the daemon, as it reports it. `size` in bytes; `layers` are diff IDs, lowest first.

    `on_build` are instructions that run in every build on it.
    """

    id: ImageId
    repo_tags: tuple[str, ...]
    repo_digests: tuple[str, ...]
    created: datetime
    size: int
    labels: Mapping[str, str]
    user: str
    platform: Platform
    layers: tuple[str, ...]
    on_build: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListedImage:
    """One image from the daemon's list, not inspected. `size` is in bytes, `created` to the second."""

    id: ImageId
    repo_tags: tuple[str, ...]
    repo_digests: tuple[str, ...]
    created: datetime
    size: int
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Mark:
    """One image as a table shows it: `digest` is its registry's, None for one that never was in a registry."""

    id: ImageId
    digest: Digest | None
    created: datetime
    size: int

    @property
    def short(self) -> str:
        """Twelve hexadecimal digits of the digest, or of the ID."""
        return (self.digest or self.id).removeprefix("sha256:")[:12]


@dataclass(frozen=True, slots=True)
class Layer:
    """One entry of an image's history: the instruction that made it, and the bytes it added."""

    created_by: str
    size: int


@dataclass(frozen=True, slots=True)
class Container:
    """A container, running or not. `state` is Docker's word, such as `running`, `exited` or `created`."""

    id: str
    name: str
    image: ImageId
    state: str

    @property
    def is_running(self) -> bool:
        """Whether its process exists, including a paused or restarting one."""
        return self.state in ("running", "paused", "restarting")


@dataclass(frozen=True, slots=True)
class PythonRuntime:
    """The Python of a base: full version (`3.11.2`), where it is, and the C library its wheels must fit."""

    version: str
    executable: str
    libc: str
    """`glibc` or `musl`."""
    libc_version: str
    """Such as `2.36`."""


@dataclass(frozen=True, slots=True)
class Maker:
    """Who made an image according to its labels: its name, the requester and the time; missing parts are None."""

    name: str | None
    requester: str | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class BaseImage:
    """A base, pinned: the same `image_id` stands behind it however its tag moves.

    `digest` is the registry's, None for an image that never was in one. `user` is the image's own, empty for root.
    `maker` is there where the image carries the labels of one that a bot made: it is that one, or stands on it.
    `on_build` are the instructions that run in every build on it.
    """

    reference: Reference
    image_id: ImageId
    digest: Digest | None
    python: PythonRuntime
    package_manager: PackageManager | None
    user: str
    platform: Platform
    layers: tuple[str, ...]
    maker: Maker | None = None
    on_build: tuple[str, ...] = ()

    @property
    def pinned(self) -> str:
        """The reference that a Dockerfile's FROM takes: by digest where there is one."""
        if self.digest is None:
            return str(self.reference)
        return f"{self.reference.repository}@{self.digest}"

    @property
    def short_digest(self) -> str:
        """Twelve hexadecimal digits of the digest, or of the image's ID."""
        return (self.digest or self.image_id).removeprefix("sha256:")[:12]


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """Exactly one image to be made: what a person confirms is what gets built.

    `locked` holds every Python distribution, requested and transitive, sorted by name; it is empty when no
    `requirements` are asked for. `name` is a repository, `tag` is unique and never overwritten.
    """

    name: str
    tag: str
    base: BaseImage
    requirements: tuple[PythonRequirement, ...]
    locked: tuple[LockedPackage, ...]
    os_packages: tuple[OsPackage, ...]

    @property
    def reference(self) -> str:
        """The name by which the image will be known."""
        return f"{self.name}:{self.tag}"

    @property
    def requested(self) -> tuple[LockedPackage, ...]:
        """The packages that were requested by name."""
        return tuple(package for package in self.locked if package.requested)

    @property
    def from_wheels(self) -> tuple[LockedPackage, ...]:
        """The packages that are installed from wheels."""
        return tuple(package for package in self.locked if package.file.is_wheel)

    @property
    def from_source(self) -> tuple[LockedPackage, ...]:
        """The packages that must be built, so their code runs in the build."""
        return tuple(package for package in self.locked if not package.file.is_wheel)

    @property
    def files(self) -> tuple[PackageFile, ...]:
        """Every file that the build takes from the package index, each once."""
        needed = (file for package in self.locked for file in (package.file, *package.build_files))
        return tuple(dict.fromkeys(needed))

    @property
    def transitive(self) -> tuple[LockedPackage, ...]:
        """The dependencies of the requested packages."""
        return tuple(package for package in self.locked if not package.requested)
