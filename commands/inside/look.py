"""Tell what a base image brings, as JSON. Runs in a throw-away container of it, as `look.py WORD`."""

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
    """Find the C library of this Python: its kind and version."""
    try:
        kind, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (ValueError, OSError):
        kind, version = "", ""  # musl knows no such name
    if kind == "glibc":
        return kind, version
    for loader in sorted(Path("/lib").glob("ld-musl-*.so.1")):
        found = re.search(r"Version ([0-9.]+)", loader_says(str(loader)))
        if found:
            return "musl", found.group(1)
    return "", ""


def loader_says(loader: str) -> str:
    """Ask musl's loader for its version: it tells it when called without a program."""
    # S603: the loader by its path; it does nothing but tell its version.
    called = subprocess.run([loader], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return called.stderr.decode("utf-8", "replace")


def installers() -> list[str]:
    """Find the installers of OS packages."""
    return [name for name in ("apt-get", "apk") if shutil.which(name)]


def look() -> dict[str, object]:
    """Look at everything."""
    kind, version = libc()
    return {
        "python": "{}.{}.{}".format(*sys.version_info[:3]),
        "implementation": platform.python_implementation(),
        "executable": sys.executable,
        "libc": kind,
        "libc_version": version,
        "installers": installers(),
    }


if __name__ == "__main__":
    sys.stdout.write(f"\n{sys.argv[1]} {json.dumps(look())}\n")
