"""The registry that tests push to and pull from: Debian's docker-registry, unpacked where it is missing.

It is not installed: its package starts a registry on all addresses of the machine, and anew at each start.
"""

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
        apt.unpack(lambda: [_PACKAGE], _FOLDER)
    return 0


if __name__ == "__main__":
    run_to_exit(main)
