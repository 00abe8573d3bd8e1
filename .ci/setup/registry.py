"""The registry that tests push to and pull from: Debian's docker-registry, unpacked where it is missing.

It is not installed: its package starts a registry on all addresses of the machine, and anew at each start.
"""

from pathlib import Path

import apt
import dockerd
import programs
from steps import SetupError, run_to_exit, step

_PACKAGE = "docker-registry"
# tests/kit/registries.py looks for the program here too.
_FOLDER = dockerd.state_folder() / "registry"
_PROGRAM = _FOLDER / "tree/usr/bin/docker-registry"


def main() -> int:
    """Have a `docker-registry`."""
    if programs.find(_PACKAGE) or _PROGRAM.exists():
        return 0
    if not apt.is_there():
        raise SetupError("The tests of registries take the program `docker-registry`: install it and run this again.")
    with step(f"Debian's {_PACKAGE}, unpacked into {_FOLDER}"):
        _unpack(_fetched())
    return 0


def _fetched() -> Path:
    """Fetch the package; fetch the package lists first only where it does not work without."""
    archives = _FOLDER / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    try:
        _download(archives)
    except SetupError:
        if not apt.may_install():
            raise SetupError(
                f"The package {_PACKAGE} cannot be fetched.\nRun as root: apt-get update, and run this again."
            ) from None
        programs.run(["apt-get", "-o", "DPkg::Lock::Timeout=120", "update"])
        _download(archives)
    return max(archives.glob(f"{_PACKAGE}_*.deb"), key=lambda archive: archive.stat().st_mtime)


def _download(archives: Path) -> None:
    # `download` puts the file into the current folder. Without a sandbox: its user may not enter a person's own folder.
    programs.run(["apt-get", "-o", "APT::Sandbox::User=root", "download", _PACKAGE], folder=archives)


def _unpack(archive: Path) -> None:
    partial = _FOLDER / "tree.partial"
    programs.run(["dpkg", "-x", archive, partial])
    partial.rename(_FOLDER / "tree")


if __name__ == "__main__":
    run_to_exit(main)
