"""Debian's packages: installing them, and reading which mirrors this machine uses."""

import os
import platform
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import programs
from steps import SetupError, step

# The archives a base image may be made from. Other lists on the machine are its owner's business.
# Each with the file of keys that is both on the machine and in what is made from it.
_KEYS = {
    "Debian": Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    "Ubuntu": Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg"),
}
_FIELDS = ("REPO_URI", "RELEASE", "COMPONENT", "ORIGIN")


@dataclass(frozen=True, slots=True)
class Source:
    """One component of one suite on the mirror that this machine uses."""

    mirror: str
    suite: str
    component: str
    origin: str

    @property
    def line(self) -> str:
        """The source as a line of a sources list."""
        return f"deb {self._place}"

    @property
    def line_of_sources(self) -> str:
        """The same for source packages."""
        return f"deb-src {self._place}"

    @property
    def _place(self) -> str:
        keys = _KEYS[self.origin]
        # Without that file apt still has the keys that the machine trusts for every source.
        option = f"[signed-by={keys}] " if keys.is_file() else ""
        return f"{option}{self.mirror} {self.suite} {self.component}"

    def of_suite(self, suite: str) -> Self:
        """Return the same component of another suite on the same mirror."""
        return replace(self, suite=suite)


def is_there() -> bool:
    """Tell whether this machine has Debian's packages."""
    return programs.find("apt-get") is not None


def may_install() -> bool:
    """Tell whether set-up may install packages here."""
    return is_there() and os.geteuid() == 0


def codename() -> str:
    """Return the code name of this machine's release, for example `bookworm`.

    Raises:
        SetupError: the machine does not tell.
    """
    try:
        return platform.freedesktop_os_release()["VERSION_CODENAME"]
    except (OSError, KeyError):
        raise SetupError("This machine's /etc/os-release names no release of Debian or Ubuntu.") from None


def install(packages: Sequence[str]) -> None:
    """Install packages; fetch the package lists first only where it does not work without.

    Raises:
        SetupError: apt could not; with its last lines.
    """
    with step(f"Debian's packages {', '.join(packages)}"):
        try:
            _install(packages)
        except SetupError:
            _run("update")
            _install(packages)


def unpack(packages: Callable[[], Sequence[str]], folder: Path) -> None:
    """Unpack packages into `folder`/tree without installing them; fetch the package lists only where it fails without.

    Raises:
        SetupError: apt could not fetch them; with its last lines.
    """
    shutil.rmtree(folder, ignore_errors=True)
    archives, partial = folder / "archives", folder / "tree.partial"
    archives.mkdir(parents=True)
    try:
        _download(packages(), archives)
    except SetupError:
        if not may_install():
            raise SetupError(
                "Packages of Debian cannot be fetched.\nRun as root: apt-get update, and run this again."
            ) from None
        _run("update")
        _download(packages(), archives)
    for archive in sorted(archives.glob("*.deb")):
        programs.run(["dpkg", "-x", archive, partial])
    partial.rename(folder / "tree")


def sources() -> tuple[Source, ...]:
    """Return the distribution's own sources of this machine, in its order."""
    found = _read_sources()
    if not found and may_install():
        _run("update")
        found = _read_sources()
    return found


def options_of_own_state(state: Path, lines: Sequence[str]) -> list[str]:
    """Return apt's options for a state, a cache and sources of its own: the machine's are left as they are."""
    for name in ("lists/partial", "cache/archives/partial", "parts"):
        (state / name).mkdir(parents=True, exist_ok=True)
    own_sources = state / "sources.list"
    own_sources.write_text("".join(f"{line}\n" for line in lines))
    places = {
        "Dir::State::lists": state / "lists",
        "Dir::Cache": state / "cache",
        "Dir::Etc::sourcelist": own_sources,
        "Dir::Etc::sourceparts": state / "parts",
        "Dir::Etc::preferencesparts": state / "parts",
        "Dir::Etc::preferences": state / "preferences",
        # Its drop privileges to a user who may not enter a person's own folder.
        "APT::Sandbox::User": "root",
    }
    return [part for name, place in places.items() for part in ("-o", f"{name}={place}")]


def _install(packages: Sequence[str]) -> None:
    _run("install", "--yes", "--no-install-recommends", *packages)


def _download(packages: Sequence[str], folder: Path) -> None:
    # `download` puts files into the current folder. Without a sandbox: its user may not enter a person's own folder.
    programs.run(["apt-get", "-o", "APT::Sandbox::User=root", "download", *packages], folder=folder)


def _run(*arguments: str) -> str:
    # Another apt may be at work on a machine that has just started: wait for its lock.
    command = ["apt-get", "-o", "DPkg::Lock::Timeout=120", *arguments]
    return programs.run(command, extra_environment={"DEBIAN_FRONTEND": "noninteractive"})


def _read_sources() -> tuple[Source, ...]:
    layout = "\t".join(f"$({field})" for field in _FIELDS)
    listing = programs.run(["apt-get", "indextargets", "--format", layout, "Created-By: Packages"])
    rows = [line.split("\t") for line in listing.splitlines()]
    every = (Source(*row) for row in rows if len(row) == len(_FIELDS))
    # One row per architecture: the same source may come twice.
    return tuple(dict.fromkeys(source for source in every if source.origin in _KEYS))
