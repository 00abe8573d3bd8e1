"""Maps bases to uv's `--python-platform` and to the tags of compatible wheels."""

import re
from collections.abc import Iterable, Iterator

from packaging.tags import Tag, compatible_tags, cpython_tags

from commands.errors import UnusableBase
from commands.model.images import Platform, PythonRuntime

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
# As in uv 0.13 (`uv pip compile --help`). Wheels for an older glibc run on a newer one, not the other way round.
_GLIBC = ((2, 17), (2, 28), (2, 31), (2, 32), (2, 33), (2, 34), (2, 35), (2, 36), (2, 37), (2, 38), (2, 39), (2, 40))
_OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
"""By the minor version of glibc 2 (PEP 600)."""
# uv's musl targets are musllinux_1_2: https://peps.python.org/pep-0656/
_MUSL = (1, 2)


def machine(platform: Platform) -> str:
    """Return a machine's name in wheel tags; raises `UnusableBase` if hardly any wheels exist for it."""
    found = _MACHINES.get(platform.architecture) if platform.os == "linux" else None
    if found is None:
        raise UnusableBase(
            f"Python packages cannot be resolved for {platform}.",
            hint=f"Use a base for {' or '.join(f'linux/{name}' for name in sorted(_MACHINES))}.",
        )
    return found


def python_platform(platform: Platform, python: PythonRuntime) -> str:
    """Return uv's platform for this base; raises `UnusableBase` if its C library is too old for any wheel."""
    libc = _numbers(python.libc_version)
    if python.libc == "musl" and libc >= _MUSL:
        return f"{machine(platform)}-unknown-linux-musl"
    fitting = [known for known in _GLIBC if python.libc == "glibc" and known <= libc]
    if not fitting:
        raise UnusableBase(
            f"No ready-made Python packages run on {python.libc} {python.libc_version}, which this base has.",
            hint=f"Use a newer base: glibc {_version_text(_GLIBC[0])} or musl {_version_text(_MUSL)} at least.",
        )
    major, minor = fitting[-1]
    return f"{machine(platform)}-manylinux_{major}_{minor}"


def wheel_tags(platform: Platform, python: PythonRuntime) -> tuple[Tag, ...]:
    """List the tags of wheels that run on this base, best first; raises `UnusableBase` for other machines."""
    version = _numbers(python.version)
    interpreter = f"cp{version[0]}{version[1]}"
    platforms = [*_platform_tags(_numbers(python.libc_version), python.libc, machine(platform))]
    return (
        *cpython_tags(version, [interpreter], platforms),
        *compatible_tags(version, interpreter, platforms),
    )


class Fitting:
    """Filters files that may run on a base, by name only; created from `wheel_tags`.

    It is cheap, because an index lists ten thousand files of one project. It may accept a wheel that does not run.
    """

    def __init__(self, tags: Iterable[Tag]) -> None:
        known = tuple(tags)
        self._parts = tuple(
            frozenset(part) for part in zip(*((tag.interpreter, tag.abi, tag.platform) for tag in known), strict=True)
        )

    def __call__(self, name: str) -> bool:
        """Return whether a file of this name is usable: a compatible wheel or a source."""
        if not name.endswith(".whl"):
            return True
        parts = name.removesuffix(".whl").split("-")[-len(self._parts) :]
        return len(parts) == len(self._parts) and all(
            wanted.intersection(part.split(".")) for wanted, part in zip(self._parts, parts, strict=True)
        )


def _platform_tags(libc: tuple[int, int], kind: str, machine: str) -> Iterator[str]:
    """Yield the platforms of PEP 600 and PEP 656 that a C library supports, newest first, with their legacy names."""
    word = "manylinux" if kind == "glibc" else "musllinux"
    for minor in range(libc[1], -1, -1):
        yield f"{word}_{libc[0]}_{minor}_{machine}"
        if kind == "glibc" and (old := _OLD_NAMES.get(minor)):
            yield f"{old}_{machine}"
    yield f"linux_{machine}"


def _numbers(version: str) -> tuple[int, int]:
    found = re.match(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?", version)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def _version_text(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
