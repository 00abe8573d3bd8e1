"""The only place where set-up runs other programs and waits for them."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from steps import SetupError

# Without `su -` Debian's root has no sbin on its path, where dockerd and iptables are.
_SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_TAIL_LINES = 15


def search_path(*first: Path) -> str:
    """Return the PATH to run programs with: `first`, then the person's, then the system folders."""
    own = os.environ.get("PATH", os.defpath)
    return os.pathsep.join([*map(str, first), own, *_SYSTEM_FOLDERS])


def find(program: str) -> Path | None:
    """Return where a program is, or None."""
    found = shutil.which(program, path=search_path())
    return Path(found) if found else None


def run(
    arguments: Sequence[str | Path],
    *,
    extra_environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> str:
    """Run a program and return what it printed.

    Raises:
        SetupError: it did not end with 0; with the last lines it said.
    """
    environment = os.environ | {"PATH": search_path()} | dict(extra_environment or {})
    ended = subprocess.run(
        arguments,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if ended.returncode:
        command = " ".join(map(str, arguments))
        raise SetupError(f"`{command}` ended with {ended.returncode}:\n{tail(ended.stdout + ended.stderr)}")
    return ended.stdout


def tail(text: str) -> str:
    """Return the last lines of a program's output, indented."""
    lines = text.strip().splitlines()[-_TAIL_LINES:]
    return "\n".join(f"    {line}" for line in lines)
