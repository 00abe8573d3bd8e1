"""Finds out which files building packages from source takes, so that the build itself asks no index."""

import json
import tarfile
import tomllib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
from packaging.requirements import InvalidRequirement, Requirement

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


@dataclass(frozen=True, slots=True)
class BuildSystem:
    """What a source says of how it is built (PEP 518)."""

    requires: tuple[str, ...] = _OLD_REQUIRES
    backend: str = _OLD_BACKEND
    backend_path: tuple[str, ...] = ()


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
        paths = self.files.gather([package.file for package in sources], go_on=lambda: None)
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
        table = tomllib.loads(text.decode()).get("build-system")
        if table is None:
            return BuildSystem()
        requires = tuple(str(Requirement(str(one))) for one in table["requires"])
        if any(Requirement(one).url for one in requires):
            raise _damaged(archive)
        path = tuple(str(one) for one in table.get("backend-path", ()))
        return BuildSystem(requires, str(table.get("build-backend", _OLD_BACKEND)), path)
    except (ValueError, KeyError, TypeError, AttributeError, InvalidRequirement) as fault:
        raise _damaged(archive) from fault


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
        with tarfile.open(archive) as packed:
            for number, member in enumerate(packed):
                if _is_pyproject(member.name) and member.isreg() and member.size <= _LONGEST:
                    file = packed.extractfile(member)
                    return file.read() if file else None
                if number > _MOST_MEMBERS:
                    raise _damaged(archive)
    except (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError, ValueError) as fault:
        raise _damaged(archive) from fault
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
