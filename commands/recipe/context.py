"""Packs the build context: the Dockerfile and the files for its mounts, without any other file of the host."""

import io
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from commands.inside import source
from commands.model.images import ImageSpec
from commands.model.packages import FILE_NAME, LockedPackage, OsPackage, PackageFile
from commands.recipe.dockerfile import Recipe

PYTHON_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
PYTHON_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")
HASH = re.compile(r"sha256:[0-9a-f]{64}")
# Neither ends in `-`: apt-get would remove such a package instead of installing it. (A `+` means: install it.)
OS_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9+._-]*[A-Za-z0-9+._])?")
OS_VERSION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.+~:_-]*[A-Za-z0-9.~])?")

# apt reads this file last, so it overrides the base's /etc/apt. Its paths are mount points.
_APT_CONF = """\
// Lists and downloads stay in cache mounts.
Dir::State::lists "/mnt/lists";
Dir::Cache "/mnt/cache";
APT::Keep-Downloaded-Packages "true";
// No logs in the image.
Dir::Log::Terminal "";
Dir::Log::History "";
Dir::Log::Planner "";
// A list that cannot be fetched is an error, not a reason to install from an old one.
APT::Update::Error-Mode "any";
Acquire::Retries "2";
Acquire::Languages "none";
// A name is a name, not a pattern.
APT::Cmd::Pattern-Only "true";
// Nothing asks a question, and no progress bars in the log.
quiet "1";
DPkg::Use-Pty "0";
// The layer is written to disk as a whole: syncing each file only costs time.
DPkg::Options { "--force-unsafe-io"; "--force-confdef"; "--force-confold"; };
"""
_APT_TRUST = 'Acquire::https::CaInfo "/mnt/ca-bundle.crt";\n'


def context_for(spec: ImageSpec, recipe: Recipe, *, ca_bundle: bytes | None = None) -> bytes:
    """Pack everything that `recipe` needs except the packages; `ca_bundle` as for `write_dockerfile`.

    The packages (`files_for`) are added when the context is sent.

    Raises:
        ValueError: A package's name, version or hash does not match its grammar.
    """
    files: dict[str, bytes] = {"Dockerfile": recipe.text.encode()}
    if spec.os_packages:
        files |= _os_files(spec.os_packages, ca_bundle)
    if spec.locked:
        files |= _python_files(spec, ca_bundle)
    return pack(files)


def files_for(paths: Mapping[PackageFile, Path]) -> dict[str, Path]:
    """Map each package file's path in the context to its path on this host; raises ValueError for a malformed name."""
    return {f"python/files/{_check(FILE_NAME, file.name)}": path for file, path in paths.items()}


def pack(files: Mapping[str, bytes]) -> bytes:
    """Pack relative paths and contents as a reproducible tar. A path that ends in `/` is a folder."""
    buffer = io.BytesIO()
    # USTAR: BuildKit mistakes a tar that starts with a PAX header for a Dockerfile.
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(_folders(files)):
            archive.addfile(_member(name, tarfile.DIRTYPE, 0o755, 0))
        for name in sorted(path for path in files if not path.endswith("/")):
            content = files[name]
            archive.addfile(_member(name, tarfile.REGTYPE, 0o644, len(content)), io.BytesIO(content))
    return buffer.getvalue()


def requirements_text(locked: tuple[LockedPackage, ...]) -> str:
    """Render a requirements file with hashes; raises ValueError if a package is malformed."""
    return "".join(_requirement(package) for package in locked)


def os_packages_text(packages: tuple[OsPackage, ...]) -> str:
    """Render the list for apt-get or apk, one per line; raises ValueError if a package is malformed."""
    for package in packages:
        _check(OS_NAME, package.name)
        if package.version is not None:
            _check(OS_VERSION, package.version)
    return "".join(f"{package}\n" for package in packages)


def _os_files(packages: tuple[OsPackage, ...], ca_bundle: bytes | None) -> dict[str, bytes]:
    trust = {} if ca_bundle is None else {"os/ca-bundle.crt": ca_bundle}
    settings = _APT_CONF + (_APT_TRUST if trust else "")
    return {
        "os/os-packages.txt": os_packages_text(packages).encode(),
        "os/apt.conf": settings.encode(),
        # Mount points.
        "os/lists/": b"",
        "os/cache/": b"",
        **trust,
    }


def _python_files(spec: ImageSpec, ca_bundle: bytes | None) -> dict[str, bytes]:
    trust = {} if ca_bundle is None else {"python/ca-bundle.crt": ca_bundle}
    return {
        "python/wheels.txt": requirements_text(spec.from_wheels).encode(),
        "python/sources.txt": requirements_text(spec.from_source).encode(),
        "python/folders.py": source("folders"),
        "python/compile.py": source("compile"),
        # Mount points, and the folder of the packages.
        "python/uv/": b"",
        "python/files/": b"",
        **trust,
    }


def _requirement(package: LockedPackage) -> str:
    _check(PYTHON_NAME, package.name)
    _check(PYTHON_VERSION, package.version)
    return f"{package} --hash={_check(HASH, f'sha256:{package.file.sha256}')}\n"


def _check(grammar: re.Pattern[str], value: str) -> str:
    if not grammar.fullmatch(value):
        raise ValueError(f"{value!r} cannot stand in a list of packages")
    return value


def _folders(files: Mapping[str, bytes]) -> set[str]:
    named = {path.rstrip("/") for path in files if path.endswith("/")}
    parents = {str(parent) for path in files for parent in PurePosixPath(path).parents}
    return (named | parents) - {"."}


def _member(name: str, kind: bytes, mode: int, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.size = kind, mode, size
    return member
