"""Print what a base image contains, as JSON. Runs in a throw-away container of the base, as `look.py WORD`."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path


def libc() -> tuple[str, str]:
    """Return the kind and version of this Python's C library."""
    try:
        kind, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (ValueError, OSError):
        kind, version = "", ""  # musl does not have this name
    if kind == "glibc":
        return kind, version
    for loader in sorted(Path("/lib").glob("ld-musl-*.so.1")):
        found = re.search(r"Version ([0-9.]+)", loader_says(str(loader)))
        if found:
            return "musl", found.group(1)
    return "", ""


def loader_says(loader: str) -> str:
    """Return the output of musl's loader, which prints its version when it is called without a program."""
    # The loader by its path; it only prints its version.
    called = subprocess.run([loader], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return called.stderr.decode("utf-8", "replace")


def installers() -> list[str]:
    """Return the installers of OS packages."""
    return [name for name in ("apt-get", "apk") if shutil.which(name)]


def look() -> dict[str, object]:
    """Return all facts."""
    kind, version = libc()
    return {
        "python": "{}.{}.{}".format(*sys.version_info[:3]),
        "implementation": platform.python_implementation(),
        "executable": sys.executable,
        "libc": kind,
        "libc_version": version,
        "installers": installers(),
    }


def write(text: str) -> None:
    """Write to the stdout that the process started with; `sys.stdout` may be replaced or have another encoding."""
    with open(1, "wb", closefd=False) as stdout:
        stdout.write(text.encode())


if __name__ == "__main__":
    write(f"\n{sys.argv[1]} {json.dumps(look())}\n")
    os._exit(0)
