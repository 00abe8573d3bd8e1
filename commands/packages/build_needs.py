"""Finds out which files building packages from source takes, so that the build itself asks no index."""

import gzip
import json
import lzma
import struct
import tarfile
import tomllib
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
from packaging.requirements import InvalidRequirement, Requirement
from pydantic import BaseModel, ConfigDict, Field

from commands.errors import ResolutionFailed
from commands.inside import source
from commands.model.images import BaseImage
from commands.model.packages import LockedPackage, PackageFile
from commands.packages.containers import FOLDER, Containers
from commands.packages.interface import Files

log = structlog.get_logger(__name__)

# What PEP 517 and 518 say of a source without a pyproject.toml.
_OLD_REQUIRES = ("setuptools>=40.8.0",)
_OLD_BACKEND = "setuptools.build_meta:__legacy__"
_LONGEST = 1 << 20
_MOST_MEMBERS = 100_000
_MOST_BYTES = 2 << 30


@dataclass(frozen=True, slots=True)
class BuildSystem:
    """What a source says of how it is built (PEP 518)."""

    requires: tuple[str, ...] = _OLD_REQUIRES
    backend: str = _OLD_BACKEND
    backend_path: tuple[str, ...] = ()


class _BuildSystem(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    requires: list[str]
    backend: str = Field(_OLD_BACKEND, alias="build-backend")
    backend_path: list[str] = Field([], alias="backend-path")


class _Project(BaseModel):
    """A `pyproject.toml`, as far as it says how the source is built."""

    model_config = ConfigDict(frozen=True, strict=True)

    build_system: _BuildSystem = Field(_BuildSystem(requires=list(_OLD_REQUIRES)), alias="build-system")


@dataclass(frozen=True, slots=True)
class BuildNeeds:
    """Asks sources what they need. `files` fetches them; `seconds` bounds the container in which backends are asked."""

    containers: Containers
    files: Files
    seconds: float = 120.0

    def added(
        self, locked: Sequence[LockedPackage], base: BaseImage, labels: Mapping[str, str]
    ) -> tuple[LockedPackage, ...]:
        """Add to each package without a wheel the files that building takes; raises what `Containers.run` raises.

        A backend that does not answer is no problem here: its build fails, and says why.
        """
        sources = [package for package in locked if not package.file.is_wheel]
        if not sources:
            return tuple(locked)
        needed = self._asked(sources, base, labels)
        return tuple(package if package.file.is_wheel else replace(package, build_files=needed) for package in locked)

    def _asked(
        self, sources: Sequence[LockedPackage], base: BaseImage, labels: Mapping[str, str]
    ) -> tuple[PackageFile, ...]:
        paths = self.files.gather([package.file for package in sources], raise_if_stopped=lambda: None)
        archives = {f"{FOLDER}/sources/{file.name}": path for file, path in paths.items()}
        question = [_question(name, build_system(path)) for name, path in archives.items()]
        outcome, gateway = self.containers.run(
            base,
            (base.python.executable, "-I", f"{FOLDER}/needs.py", f"{FOLDER}/uv", base.python.executable, _QUESTION),
            labels=labels,
            files={
                _QUESTION: json.dumps(question).encode(),
                f"{FOLDER}/needs.py": source("needs"),
                **{name: path.read_bytes() for name, path in archives.items()},
            },
            seconds=self.seconds,
        )
        log.info("build_needs_found", files=len(gateway.served), exit_code=outcome.exit_code)
        return tuple(sorted(gateway.served, key=lambda file: file.name))


_QUESTION = f"{FOLDER}/question.json"


def build_system(archive: Path) -> BuildSystem:
    """Read the build system out of a source, without running anything of it; raises `ResolutionFailed`."""
    text = _pyproject(archive)
    if text is None:
        return BuildSystem()
    try:
        told = _Project.model_validate(tomllib.loads(text.decode())).build_system
        requires = [Requirement(one) for one in told.requires]
    except (ValueError, InvalidRequirement) as fault:  # also pydantic's ValidationError, and what TOML and UTF-8 raise
        raise _damaged(archive) from fault
    if any(requirement.url for requirement in requires):
        raise _damaged(archive)
    return BuildSystem(tuple(map(str, requires)), told.backend, tuple(told.backend_path))


def _question(archive: str, system: BuildSystem) -> dict[str, object]:
    return {
        "archive": archive,
        "requires": system.requires,
        "backend": system.backend,
        "backend_path": system.backend_path,
    }


def _pyproject(archive: Path) -> bytes | None:
    """Read `NAME-VERSION/pyproject.toml`, if it is there and of a sensible size."""
    try:
        if zipfile.is_zipfile(archive):
            return _in_zip(archive)
        return _in_tar(archive)
    except _UNREADABLE as fault:
        raise _damaged(archive) from fault


# RuntimeError: a ZIP file that is encrypted, or of a kind that nobody knows.
_UNREADABLE = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, OSError, EOFError, ValueError,
    RuntimeError,
)  # fmt: skip


class _Bounded(gzip.GzipFile):
    """A compressed tar, read in small pieces only: of some headers tarfile takes in all that they call theirs."""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= _LONGEST + tarfile.BLOCKSIZE:
            raise tarfile.ReadError("a header is too long")
        return super().read(size)


def _in_tar(archive: Path) -> bytes | None:
    with _Bounded(archive) as stream, tarfile.open(fileobj=stream, mode="r:") as packed:
        for number, member in enumerate(packed):
            if _is_pyproject(member.name) and member.isreg() and member.size <= _LONGEST:
                file = packed.extractfile(member)
                return file.read() if file else None
            # Before its content is passed over: a small archive may hold very much.
            if number > _MOST_MEMBERS or member.offset_data + member.size > _MOST_BYTES:
                raise tarfile.ReadError("there is too much in it")
    return None


def _in_zip(archive: Path) -> bytes | None:
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            if _is_pyproject(member.filename) and member.file_size <= _LONGEST:
                return packed.read(member)
    return None


def _is_pyproject(name: str) -> bool:
    return name.count("/") == 1 and name.endswith("/pyproject.toml")


def _damaged(archive: Path) -> ResolutionFailed:
    return ResolutionFailed(
        "A package without a wheel has a source that does not say how it is built.",
        hint="Ask for another version, or for a package that has wheels.",
        details=(archive.name,),
    )
