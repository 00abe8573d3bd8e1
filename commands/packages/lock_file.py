"""Parses the `pylock.toml` (PEP 751) that `uv` writes: which file of each package is installed. Pure."""

import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit, urlunsplit

from packaging.pylock import Package, PackageSdist, PackageWheel, Pylock, PylockValidationError
from packaging.tags import Tag
from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

from commands.errors import ResolutionFailed
from commands.model.packages import FILE_NAME, LockedPackage, PackageFile
from commands.text import printable

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SOURCES = (".tar.gz", ".zip")
"""The formats of source archives, in PEP 625 and before."""


def read_lock(text: str, *, requested: set[str], tags: Sequence[Tag]) -> tuple[LockedPackage, ...]:
    """Parse the locked packages, sorted by name, each with the best file for `tags`; raises `ResolutionFailed`.

    `requested` are normalised names. A package without a wheel gets its source.
    """
    try:
        packages = Pylock.from_dict(tomllib.loads(text)).packages
    except (tomllib.TOMLDecodeError, PylockValidationError) as fault:
        raise unreadable(str(fault)) from fault
    ranks = {tag: rank for rank, tag in enumerate(tags)}
    try:
        locked = [_locked_package(package, requested, ranks) for package in packages]
    except ValueError as fault:
        # A malformed URL such as `https://[`.
        raise unreadable(str(fault)) from fault
    if missing := requested - {package.name for package in locked}:
        raise unreadable(f"no entry for {', '.join(sorted(missing))}")
    return tuple(sorted(locked, key=lambda package: (package.name, package.version)))


def unreadable(line: str) -> ResolutionFailed:
    """Return the problem that the text is not a lock; `line` says why."""
    return ResolutionFailed(
        "The resolver's answer is not a list of packages.",
        hint="The operator should check the installed version of uv.",
        details=(printable(line, instead=" ")[:200],),
    )


def without_login(url: str) -> str:
    """Return a URL without user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _locked_package(package: Package, requested: set[str], ranks: dict[Tag, int]) -> LockedPackage:
    if package.version is None or package.vcs or package.directory or package.archive:
        raise unreadable(f"{package.name} does not come from an index")
    file = _best(package, ranks)
    if file is None:
        raise ResolutionFailed(
            f"The package index has no file of `{package.name}=={package.version}` for this base.",
            hint="Ask for another version of it, or use another base.",
        )
    return LockedPackage(str(package.name), str(package.version), file, requested=package.name in requested)


def _best(package: Package, ranks: dict[Tag, int]) -> PackageFile | None:
    wheels = [(rank, wheel) for wheel in package.wheels or () if (rank := _rank(package, wheel, ranks)) is not None]
    if wheels:
        return _file(package, min(wheels, key=lambda ranked: ranked[0])[1])
    if package.sdist is not None and _is_source(package, _name_of(package.sdist)):
        return _file(package, package.sdist)
    return None


def _rank(package: Package, wheel: PackageWheel, ranks: dict[Tag, int]) -> int | None:
    """Return a wheel's rank, lower is better; None if it is not compatible or belongs to another package."""
    try:
        name, version, _, tags = parse_wheel_filename(_name_of(wheel))
    except InvalidWheelFilename:
        return None
    if (name, version) != (package.name, package.version):
        return None
    return min((ranks[tag] for tag in tags if tag in ranks), default=None)


def _is_source(package: Package, name: str) -> bool:
    if not name.endswith(_SOURCES):
        return False
    try:
        return parse_sdist_filename(name) == (package.name, package.version)
    except InvalidSdistFilename:
        return False


def _name_of(file: PackageWheel | PackageSdist) -> str:
    return file.name or unquote(PurePosixPath(urlsplit(file.url or "").path).name)


def _file(package: Package, file: PackageWheel | PackageSdist) -> PackageFile:
    name, sha256 = _name_of(file), file.hashes.get("sha256", "")
    if not _SHA256.fullmatch(sha256):
        raise ResolutionFailed(
            f"The package index gives no SHA-256 checksum for `{package.name}=={package.version}`.",
            hint="Ask for another version: nothing is installed without a checksum.",
        )
    if not file.url or not FILE_NAME.fullmatch(name):
        raise unreadable(f"{package.name} has a file that cannot be fetched: {name}")
    return PackageFile(name, without_login(file.url), sha256, file.size, file.upload_time)


def with_addresses(packages: Iterable[LockedPackage], address: Callable[[str], str]) -> tuple[LockedPackage, ...]:
    """Return the packages with each file's URL replaced by `address`."""
    return tuple(replace(package, file=replace(package.file, url=address(package.file.url))) for package in packages)
