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


def main() -> int:
    """Have PostgreSQL's programs."""
    if any(_INSTALLED.glob("*/bin/postgres")) or (_FOLDER / "tree").exists():
        return 0
    if not apt.is_there():
        raise SetupError("The tests of the database take PostgreSQL's programs: install them and run this again.")
    with step(f"Debian's PostgreSQL, unpacked into {_FOLDER}"):
        apt.unpack(_packages, _FOLDER)
    return 0


def _packages() -> list[str]:
    """List the server and the libraries that this machine lacks."""
    plan = programs.run(["apt-get", "--simulate", "--no-install-recommends", "install", "postgresql"])
    added = re.findall(r"^Inst (\S+) ", plan, re.MULTILINE)
    return [package for package in added if re.fullmatch(r"lib.*|postgresql-\d+", package)]


if __name__ == "__main__":
    run_to_exit(main)
