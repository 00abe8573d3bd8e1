"""Print what is installed in an image and what imports, as JSON lines. Runs in a throw-away container of the image.

Usage: `check.py WORD QUESTION`, where QUESTION is JSON. The facts are printed before the imports, so that the import
of a package cannot change them.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import json
import keyword
import os
import platform
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import Distribution, distributions
from typing import Any

AT_ONCE = 2
MODULES_MOST = 20
ANSWER_BYTES = 4000

NO_MODULES = {"test", "tests", "testing", "doc", "docs", "example", "examples", "benchmark", "benchmarks"}
NO_MODULES |= {"setup", "conftest", "scripts", "samples"}

# Only an explicit answer counts: a module that ends the process with any exit code has not been imported.
IMPORT = """
import importlib, os, sys
try:
    importlib.import_module(sys.argv[1])
except BaseException as error:
    answer = type(error).__name__ + ": " + str(error)
else:
    answer = "imported"
os.write(int(sys.argv[2]), answer.encode("utf-8", "replace")[:4000])
os._exit(0)
"""


def normalise(name: str) -> str:
    """Return a distribution's normalised name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> dict[str, Distribution]:
    """Return every distribution by its name; of several with one name, the one that Python imports."""
    found: dict[str, Distribution] = {}
    for distribution in distributions():
        name = distribution.metadata["Name"]
        if name:
            found.setdefault(normalise(name), distribution)
    return found


def requirements(found: dict[str, Distribution], locked: set[str]) -> dict[str, list[str]]:
    """Return the requirements of locked distributions, and those of others that concern locked ones."""
    needs: dict[str, list[str]] = {}
    for name, distribution in found.items():
        lines = [line for line in distribution.requires or [] if name in locked or concerns(line, locked)]
        if lines:
            needs[name] = lines
    return needs


def concerns(line: str, locked: set[str]) -> bool:
    """Return whether a requirement is for a locked distribution."""
    name = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", line)
    return name is not None and normalise(name.group(1)) in locked


def markers() -> dict[str, str]:
    """Return the values of environment markers (PEP 508)."""
    return {
        "implementation_name": sys.implementation.name,
        "implementation_version": platform.python_version(),
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": "{}.{}".format(*sys.version_info[:2]),
        "sys_platform": sys.platform,
    }


def debian_packages(wanted: Iterable[str]) -> dict[str, str]:
    """Return the versions of installed Debian packages; empty for a name that another package provides."""
    listed = output_of(["dpkg-query", "-W", "-f=${db:Status-Status}\t${Package}\t${Version}\t${Provides}\n"])
    rows = [line.split("\t") for line in listed.splitlines() if line.startswith("installed\t")]
    provided = {name.split("(")[0].split(":")[0].strip() for row in rows for name in row[3].split(",")}
    present = dict.fromkeys(provided, "")
    present.update({row[1]: row[2] for row in rows})
    return {name: present[name] for name in wanted if name in present}


def alpine_packages(wanted: Iterable[str]) -> dict[str, str]:
    """Return the versions of installed Alpine packages; empty for a name that another package provides."""
    present: dict[str, str] = {}
    for name in wanted:
        lines = output_of(["apk", "info", "-e", "-v", name]).split()
        if lines:
            own = re.fullmatch(re.escape(name) + "-([0-9][^-]*-r[0-9]+)", lines[0])
            present[name] = own.group(1) if own else ""
    return present


def output_of(command: list[str]) -> str:
    """Return the output of an OS program; empty if it fails or does not exist."""
    try:
        # A fixed program, and names that the grammar of packages let through; no shell.
        called = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
        )
    except OSError:
        return ""
    return called.stdout.decode("utf-8", "replace") if called.returncode == 0 else ""


def os_packages(installer: str | None, wanted: list[str]) -> dict[str, str]:
    """Return the wanted OS packages that are installed, with their versions."""
    if installer == "apt":
        return debian_packages(wanted)
    return alpine_packages(wanted) if installer == "apk" else {}


def modules_in(distribution: Distribution) -> list[str]:
    """Return the top modules of a distribution; none if it contains only programs, types or data."""
    namespaces = set((distribution.read_text("namespace_packages.txt") or "").split())
    paths = [str(path) for path in distribution.files or []]
    if not paths:
        return sorted((distribution.read_text("top_level.txt") or "").split())[:MODULES_MOST]
    return modules_of(paths, namespaces)


def modules_of(paths: Iterable[str], namespaces: Iterable[str] = ()) -> list[str]:
    """Return the outermost importable modules of installed files: packages, modules, parts of namespaces."""
    split = [parts for parts in (path.split("/") for path in paths) if is_importable(parts)]
    shared = set(namespaces)
    packages = {tuple(parts[:-1]) for parts in split if stem(parts) == "__init__"}
    packages -= {package for package in packages if ".".join(package) in shared}
    roots = {outermost(parts, packages) for parts in split} - shared - {""}
    wanted = {root for root in roots if not NO_MODULES & set(root.split("."))}
    public = {root for root in wanted if not any(part.startswith("_") for part in root.split("."))}
    return sorted(public or wanted, key=lambda root: (root.count("."), root))[:MODULES_MOST]


def is_importable(parts: list[str]) -> bool:
    """Return whether an installed file is a module that this Python can import."""
    names = [*parts[:-1], stem(parts)]
    suffix = parts[-1][len(stem(parts)) :]
    return suffix in importlib.machinery.all_suffixes() and all(
        name.isidentifier() and not keyword.iskeyword(name) and name != "__pycache__" for name in names
    )


def stem(parts: list[str]) -> str:
    """Return a file's name without suffixes."""
    return parts[-1].split(".")[0]


def outermost(parts: list[str], packages: set[tuple[str, ...]]) -> str:
    """Return the outermost package of a module, or the module itself."""
    for depth in range(1, len(parts)):
        if tuple(parts[:depth]) in packages:
            return ".".join(parts[:depth])
    return ".".join(parts[:-1] if stem(parts) == "__init__" else [*parts[:-1], stem(parts)])


def fault_of(module: str, seconds: float) -> str:
    """Import a module in a separate process; return the error, or an empty text."""
    reading, writing = os.pipe()
    try:
        # This Python, and a module's name as an argument; no shell.
        process = subprocess.Popen(
            [sys.executable, "-c", IMPORT, module, str(writing)],
            pass_fds=(writing,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",  # the image's working directory may contain files with names of modules
            start_new_session=True,
        )
        os.close(writing)
        ready, _, _ = select.select([reading], [], [], seconds)
        answer = os.read(reading, ANSWER_BYTES).decode("utf-8", "replace") if ready else None
        return fault(answer, end_and_wait(process, hurry=answer is None), seconds)
    finally:
        os.close(reading)


def end_and_wait(process: subprocess.Popen[bytes], hurry: bool) -> int:
    """End a process and its children and return its status; wait a second first unless in a hurry."""
    if not hurry:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=1)
    with contextlib.suppress(OSError):  # it ended in between
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def fault(answer: str | None, status: int, seconds: float) -> str:
    """Return the error of an import in words; empty on success."""
    if answer == "imported":
        return ""
    if answer:
        return answer
    if answer is None:
        return f"it was not done after {seconds:.0f} s"
    if status < 0:
        return f"it ended Python by signal {-status} ({signal.strsignal(-status)})"
    return f"it ended Python with exit code {status}"


def write(text: str) -> None:
    """Write to the stdout that the process started with; `sys.stdout` may be replaced or have another encoding."""
    with open(1, "wb", closefd=False) as stdout:
        stdout.write(text.encode())


class Telling:
    """Prints answers and enforces the time limit."""

    def __init__(self, word: str, seconds: float, import_seconds: float) -> None:
        self.word = word
        self.until = time.monotonic() + seconds
        self.import_seconds = import_seconds

    def tell(self, **answer: object) -> None:
        """Print one answer on a separate line."""
        write(f"\n{self.word} {json.dumps(answer)}\n")

    def try_import(self, job: tuple[str, str]) -> dict[str, str | None]:
        """Import one module of one distribution within the remaining time."""
        distribution, module = job
        left = self.until - time.monotonic()
        if left <= 0:
            return {"distribution": distribution, "module": module, "error": None}
        error = fault_of(module, min(left, self.import_seconds))
        return {"distribution": distribution, "module": module, "error": error}


def main(word: str, question: Mapping[str, Any]) -> None:
    """Print the facts, then each import, then the end."""
    telling = Telling(word, question["seconds"], question["import_seconds"])
    found = installed()
    locked = set(question["locked"])
    telling.tell(
        kind="facts",
        installed={name: distribution.version for name, distribution in found.items()},
        requires=requirements(found, locked),
        markers=markers(),
        os_packages=os_packages(question["installer"], question["os_packages"]),
    )
    jobs = [(name, module) for name in question["requested"] if name in found for module in modules_in(found[name])]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for answer in pool.map(telling.try_import, jobs):
            telling.tell(kind="import", **answer)
    telling.tell(kind="end")


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
    os._exit(0)
