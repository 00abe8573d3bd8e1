"""Finds the files that builds from source need, so that the build itself needs no index."""

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

# The defaults of PEP 517 and 518 for a source without a pyproject.toml.
_OLD_REQUIRES = ("setuptools>=40.8.0",)
_OLD_BACKEND = "setuptools.build_meta:__legacy__"
_LONGEST = 1 << 20
_MOST_MEMBERS = 100_000
_MOST_BYTES = 2 << 30


@dataclass(frozen=True, slots=True)
class BuildSystem:
    """A source's build requirements and backend (PEP 518)."""

    requires: tuple[str, ...] = _OLD_REQUIRES
    backend: str = _OLD_BACKEND
    backend_path: tuple[str, ...] = ()


class _BuildSystemTable(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    requires: list[str]
    backend: str = Field(_OLD_BACKEND, alias="build-backend")
    backend_path: list[str] = Field([], alias="backend-path")


class _Project(BaseModel):
    """The build part of a `pyproject.toml`."""

    model_config = ConfigDict(frozen=True, strict=True)

    build_system: _BuildSystemTable = Field(_BuildSystemTable(requires=list(_OLD_REQUIRES)), alias="build-system")


@dataclass(frozen=True, slots=True)
class BuildNeeds:
    """Determines what sources need. `files` fetches them; `seconds` is the timeout of the backends' container."""

    containers: Containers
    files: Files
    seconds: float = 120.0

    def with_build_files(
        self, locked: Sequence[LockedPackage], base: BaseImage, labels: Mapping[str, str]
    ) -> tuple[LockedPackage, ...]:
        """Add the build files to each package without a wheel; raises what `Containers.run` raises.

        A backend that fails is ignored here: the build fails later with the reason.
        """
        sources = [package for package in locked if not package.file.is_wheel]
        if not sources:
            return tuple(locked)
        needed = self._build_files(sources, base, labels)
        return tuple(package if package.file.is_wheel else replace(package, build_files=needed) for package in locked)

    def _build_files(
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
        log.info("build_needs_found", files=len(gateway.served_files), exit_code=outcome.exit_code)
        return tuple(sorted(gateway.served_files, key=lambda file: file.name))


_QUESTION = f"{FOLDER}/question.json"


def build_system(archive: Path) -> BuildSystem:
    """Read the build system of a source without running its code; raises `ResolutionFailed`."""
    text = _pyproject(archive)
    if text is None:
        return BuildSystem()
    try:
        table = _Project.model_validate(tomllib.loads(text.decode())).build_system
        requires = [Requirement(one) for one in table.requires]
    except (ValueError, InvalidRequirement) as fault:  # also pydantic's ValidationError, and what TOML and UTF-8 raise
        raise _unreadable_source(archive) from fault
    if any(requirement.url for requirement in requires):
        raise _unreadable_source(archive)
    return BuildSystem(tuple(map(str, requires)), table.backend, tuple(table.backend_path))


def _question(archive: str, system: BuildSystem) -> dict[str, object]:
    return {
        "archive": archive,
        "requires": system.requires,
        "backend": system.backend,
        "backend_path": system.backend_path,
    }


def _pyproject(archive: Path) -> bytes | None:
    """Read `NAME-VERSION/pyproject.toml`; return None if it is missing or too large."""
    try:
        if zipfile.is_zipfile(archive):
            return _in_zip(archive)
        return _in_tar(archive)
    except _UNREADABLE as fault:
        raise _unreadable_source(archive) from fault


# RuntimeError: an encrypted or unknown kind of ZIP file.
_UNREADABLE = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, OSError, EOFError, ValueError,
    RuntimeError,
)  # fmt: skip


class _Bounded(gzip.GzipFile):
    """A compressed tar with limited reads, because tarfile reads as much as some headers declare."""

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
            # Before its content is skipped: a small archive may expand to a huge size.
            if number > _MOST_MEMBERS or member.offset_data + member.size > _MOST_BYTES:
                raise tarfile.ReadError("the archive holds too much")
    return None


def _in_zip(archive: Path) -> bytes | None:
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            if _is_pyproject(member.filename) and member.file_size <= _LONGEST:
                return packed.read(member)
    return None


def _is_pyproject(name: str) -> bool:
    return name.count("/") == 1 and name.endswith("/pyproject.toml")


def _unreadable_source(archive: Path) -> ResolutionFailed:
    return ResolutionFailed(
        "A package without a wheel has a source that does not say how it is built.",
        hint="Ask for another version, or for a package that has wheels.",
        details=(archive.name,),
    )
