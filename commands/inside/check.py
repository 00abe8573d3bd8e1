"""Tell what is installed in an image and what of it imports, as JSON lines. Runs in a throw-away container of it.

As `check.py WORD QUESTION`, where QUESTION is JSON. The facts are told before anything is imported: what a
package does when it is imported cannot change them.
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

# Positive evidence or none: a module that ends the process, with whatever exit code, has not been imported.
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


def normalised(name: str) -> str:
    """Write a distribution's name in the one form that compares (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> dict[str, Distribution]:
    """Find every distribution by its name; where there are two of a name, the one that Python imports."""
    found: dict[str, Distribution] = {}
    for distribution in distributions():
        name = distribution.metadata["Name"]
        if name:
            found.setdefault(normalised(name), distribution)
    return found


def requirements(found: dict[str, Distribution], locked: set[str]) -> dict[str, list[str]]:
    """List what locked distributions need, and of the others' needs those that concern locked ones."""
    needs: dict[str, list[str]] = {}
    for name, distribution in found.items():
        lines = [line for line in distribution.requires or [] if name in locked or concerns(line, locked)]
        if lines:
            needs[name] = lines
    return needs


def concerns(line: str, locked: set[str]) -> bool:
    """Say whether a requirement asks for a locked distribution."""
    name = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", line)
    return name is not None and normalised(name.group(1)) in locked


def markers() -> dict[str, str]:
    """Say what environment markers are compared with (PEP 508)."""
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
    """Find the versions of installed Debian packages; empty for a name that another package provides."""
    listed = output_of(["dpkg-query", "-W", "-f=${db:Status-Status}\t${Package}\t${Version}\t${Provides}\n"])
    rows = [line.split("\t") for line in listed.splitlines() if line.startswith("installed\t")]
    provided = {name.split("(")[0].split(":")[0].strip() for row in rows for name in row[3].split(",")}
    present = dict.fromkeys(provided, "")
    present.update({row[1]: row[2] for row in rows})
    return {name: present[name] for name in wanted if name in present}


def alpine_packages(wanted: Iterable[str]) -> dict[str, str]:
    """Find the versions of installed Alpine packages; empty for a name that another package provides."""
    present: dict[str, str] = {}
    for name in wanted:
        lines = output_of(["apk", "info", "-e", "-v", name]).split()
        if lines:
            own = re.fullmatch(re.escape(name) + "-([0-9][^-]*-r[0-9]+)", lines[0])
            present[name] = own.group(1) if own else ""
    return present


def output_of(command: list[str]) -> str:
    """Run a program of the OS; nothing where it fails or is not there."""
    try:
        # S603: a fixed program, and names that the grammar of packages let through; no shell.
        called = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
        )
    except OSError:
        return ""
    return called.stdout.decode("utf-8", "replace") if called.returncode == 0 else ""


def os_packages(installer: str | None, wanted: list[str]) -> dict[str, str]:
    """Find which of the wanted OS packages are installed."""
    if installer == "apt":
        return debian_packages(wanted)
    return alpine_packages(wanted) if installer == "apk" else {}


def modules_in(distribution: Distribution) -> list[str]:
    """Find the modules that a distribution is there for; none where it brings only programs, types or files."""
    namespaces = set((distribution.read_text("namespace_packages.txt") or "").split())
    paths = [str(path) for path in distribution.files or []]
    if not paths:
        return sorted((distribution.read_text("top_level.txt") or "").split())[:MODULES_MOST]
    return modules_of(paths, namespaces)


def modules_of(paths: Iterable[str], namespaces: Iterable[str] = ()) -> list[str]:
    """Find the outermost importable modules among installed files: packages, lone modules, parts of namespaces."""
    split = [parts for parts in (path.split("/") for path in paths) if is_importable(parts)]
    shared = set(namespaces)
    packages = {tuple(parts[:-1]) for parts in split if stem(parts) == "__init__"}
    packages -= {package for package in packages if ".".join(package) in shared}
    roots = {outermost(parts, packages) for parts in split} - shared - {""}
    wanted = {root for root in roots if not NO_MODULES & set(root.split("."))}
    public = {root for root in wanted if not any(part.startswith("_") for part in root.split("."))}
    return sorted(public or wanted, key=lambda root: (root.count("."), root))[:MODULES_MOST]


def is_importable(parts: list[str]) -> bool:
    """Say whether an installed file is a module that this Python can import."""
    names = [*parts[:-1], stem(parts)]
    suffix = parts[-1][len(stem(parts)) :]
    return suffix in importlib.machinery.all_suffixes() and all(
        name.isidentifier() and not keyword.iskeyword(name) and name != "__pycache__" for name in names
    )


def stem(parts: list[str]) -> str:
    """Take the name of a file without any suffix."""
    return parts[-1].split(".")[0]


def outermost(parts: list[str], packages: set[tuple[str, ...]]) -> str:
    """Name the outermost package that a module is in, or the module itself."""
    for depth in range(1, len(parts)):
        if tuple(parts[:depth]) in packages:
            return ".".join(parts[:depth])
    return ".".join(parts[:-1] if stem(parts) == "__init__" else [*parts[:-1], stem(parts)])


def fault_of(module: str, seconds: float) -> str:
    """Import a module in a process of its own: what went wrong, or nothing."""
    reading, writing = os.pipe()
    try:
        # S603: this Python, and a module's name as an argument; no shell.
        process = subprocess.Popen(
            [sys.executable, "-c", IMPORT, module, str(writing)],
            pass_fds=(writing,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",  # an image's folder for work may hold files that are called like modules
            start_new_session=True,
        )
        os.close(writing)
        ready, _, _ = select.select([reading], [], [], seconds)
        answer = os.read(reading, ANSWER_BYTES).decode("utf-8", "replace") if ready else None
        return fault(answer, ended(process, hurry=answer is None), seconds)
    finally:
        os.close(reading)


def ended(process: subprocess.Popen[bytes], hurry: bool) -> int:
    """Wait for a process that has answered, or closed its pipe; end it and its children."""
    if not hurry:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=1)
    with contextlib.suppress(OSError):  # it ended in between
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def fault(answer: str | None, status: int, seconds: float) -> str:
    """Put into words how an import went; empty where it went well."""
    if answer == "imported":
        return ""
    if answer:
        return answer
    if answer is None:
        return f"it was not done after {seconds:.0f} s"
    if status < 0:
        return f"it ended Python by signal {-status} ({signal.strsignal(-status)})"
    return f"it ended Python with exit code {status}"


class Telling:
    """Tells answers, and keeps the time."""

    def __init__(self, word: str, seconds: float, import_seconds: float) -> None:
        self.word = word
        self.until = time.monotonic() + seconds
        self.import_seconds = import_seconds

    def tell(self, **answer: object) -> None:
        """Tell one answer, in a line of its own whatever was printed before."""
        sys.stdout.write(f"\n{self.word} {json.dumps(answer)}\n")
        sys.stdout.flush()

    def try_import(self, job: tuple[str, str]) -> dict[str, str | None]:
        """Import one module of one distribution, in the time that is left."""
        distribution, module = job
        left = self.until - time.monotonic()
        if left <= 0:
            return {"distribution": distribution, "module": module, "error": None}
        error = fault_of(module, min(left, self.import_seconds))
        return {"distribution": distribution, "module": module, "error": error}


def main(word: str, question: Mapping[str, Any]) -> None:
    """Tell the facts, then each import, then that it was all."""
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
