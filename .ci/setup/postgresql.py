"""The PostgreSQL that tests run: Debian's, unpacked where it is missing.

It is not installed: its package starts a server, and again with each start of the machine.
"""

import re
from pathlib import Path

import apt
import dockerd
import programs
from steps import SetupError, run_to_exit, step

_INSTALLED = Path("/usr/lib/postgresql")
# tests/kit/postgresql.py looks for the programs here too.
_FOLDER = dockerd.state_folder() / "postgresql"
_TREE = _FOLDER / "tree"


def main() -> int:
    """Have PostgreSQL's programs."""
    if any(_INSTALLED.glob("*/bin/postgres")) or _TREE.exists():
        return 0
    if not apt.is_there():
        raise SetupError("The tests of the database take PostgreSQL's programs: install them and run this again.")
    with step(f"Debian's PostgreSQL, unpacked into {_FOLDER}"):
        _unpack(_fetched())
    return 0


def _fetched() -> list[Path]:
    """Fetch the packages; fetch the package lists first only where it does not work without."""
    archives = _FOLDER / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    try:
        _download(archives)
    except SetupError:
        if not apt.may_install():
            raise SetupError(
                "The packages of PostgreSQL cannot be fetched.\nRun as root: apt-get update, and run this again."
            ) from None
        programs.run(["apt-get", "-o", "DPkg::Lock::Timeout=120", "update"])
        _download(archives)
    return sorted(archives.glob("*.deb"))


def _download(archives: Path) -> None:
    # Without a sandbox: its user may not enter a person's own folder.
    programs.run(["apt-get", "-o", "APT::Sandbox::User=root", "download", *_packages()], folder=archives)


def _packages() -> list[str]:
    """List the server and the libraries that this machine lacks."""
    plan = programs.run(["apt-get", "--simulate", "--no-install-recommends", "install", "postgresql"])
    added = re.findall(r"^Inst (\S+) ", plan, re.MULTILINE)
    return [package for package in added if re.fullmatch(r"lib.*|postgresql-\d+", package)]


def _unpack(archives: list[Path]) -> None:
    partial = _FOLDER / "tree.partial"
    for archive in archives:
        programs.run(["dpkg", "-x", archive, partial])
    partial.rename(_TREE)


if __name__ == "__main__":
    run_to_exit(main)
