"""Find what builds from source need, by fetching it. Runs in a throw-away container of a base.

Usage: `needs.py UV PYTHON QUESTION`, where QUESTION is a JSON file: for each source its archive, the build requirements
in its pyproject.toml, and the backend (PEP 517). `uv` fetches those, and then what the backend itself requires; the bot
records the files. Errors are printed on stderr and left to the build.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

STDERR = 2
"""The file descriptor, which stays when a `.pth` file replaces `sys.stderr`."""

# Runs in the source's folder, with the build requirements installed. The answer is a file, because the backend, and the
# `.pth` files of the requirements, may print.
HOOK = """
import importlib, json, os, sys
sys.path[0:0] = json.loads(sys.argv[2])
module, _, attribute = sys.argv[1].partition(":")
backend = importlib.import_module(module)
for name in filter(None, attribute.split(".")):
    backend = getattr(backend, name)
hook = getattr(backend, "get_requires_for_build_wheel", None)
with open(sys.argv[3], "w") as answer:
    answer.write(json.dumps(list(hook({}) if hook else [])))
os._exit(0)
"""


def main(uv: str, python: str, sources: list[dict[str, Any]]) -> None:
    """Fetch the needs of each source."""
    for source in sources:
        try:
            with TemporaryDirectory() as folder:
                look(uv, python, source, Path(folder))
        except (OSError, ValueError, subprocess.SubprocessError, tarfile.TarError, zipfile.BadZipFile) as fault:
            sys.stderr.write(f"{source['archive']}: {fault}\n")


def look(uv: str, python: str, source: dict[str, Any], folder: Path) -> None:
    """Install the declared requirements of a source, then those that its backend adds."""
    inside = install(uv, python, folder / "declared", source["requires"])
    root = unpack(Path(source["archive"]), folder / "source")
    paths = [str(root / path) for path in source["backend_path"]]
    answer = folder / "answer.json"
    run([str(inside), "-c", HOOK, source["backend"], json.dumps(paths), str(answer)], cwd=root)
    more = [str(one) for one in json.loads(answer.read_text(encoding="utf-8"))]
    if more:
        # Another environment: `uv` does not understand a Python whose packages print when it starts.
        install(uv, python, folder / "all", [*source["requires"], *more])


def install(uv: str, python: str, environment: Path, requirements: list[str]) -> Path:
    """Create an environment with requirements; return its Python."""
    run([uv, "venv", "--quiet", "--no-config", "--python", python, str(environment)])
    inside = environment / "bin" / "python"
    if requirements:
        run(
            [
                uv,
                "pip",
                "install",
                "--quiet",
                "--no-config",
                "--python",
                str(inside),
                "--",
                *requirements,
            ]
        )
    return inside


def run(command: list[str], cwd: Path | None = None) -> None:
    """Run a program, with its output on stderr; raises `CalledProcessError`."""
    # Programs and arguments from the bot, and requirements after `--`; no shell.
    subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=STDERR, check=True)


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack a source and return its only folder."""
    folder.mkdir()
    if archive.name.endswith(".zip"):
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)  # noqa: S202  # as below
    else:
        with tarfile.open(archive) as packed_tar:
            # S202: in a throw-away container, in which the package may change anything.
            packed_tar.extractall(folder)  # noqa: S202
    (root,) = folder.iterdir()
    return root


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], json.loads(Path(sys.argv[3]).read_text(encoding="utf-8")))
    sys.stderr.flush()
    os._exit(0)
