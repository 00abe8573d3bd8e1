"""The engine tests on a newer Docker: one of a later Debian suite, unpacked beside the machine's own.

Nothing of it is installed: the packages are fetched with an apt state of their own and unpacked into a folder.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apt
import base
import click
import daemon
import docker
import dockerd
import engine
import programs
import settings_file
from dockerd import PrivateEngine
from engine import Engine
from steps import SetupError, run_to_exit, step

_PACKAGES = ("docker.io", "containerd")
# It must touch neither the bridge nor the network rules of the engine beside it (`--bridge=none` would remove docker0);
# builds use the host's network instead.
_BRIDGE = "warroom-next"
_BRIDGE_ADDRESS = "172.31.200.1/24"
_OPTIONS = (f"--bridge={_BRIDGE}", "--iptables=false", "--ip6tables=false", "--ip-forward=false")


def main() -> int:
    """Start the newer engine, run pytest on it with this program's arguments, end the engine."""
    suite, *pytest_arguments = sys.argv[1:]
    choices = settings_file.read_choices()
    first = engine.have(choices)
    reference = base.have(choices, first)
    _check_machine()
    newer = dockerd.beside()
    newer.folder.mkdir(parents=True, exist_ok=True)
    programs_folder = _unpacked(newer.folder, suite)
    with _running(newer, programs_folder):
        _copy_base(reference, first, newer)
        return _run_pytest(newer, reference, pytest_arguments)


def _check_machine() -> None:
    if not apt.is_there() or os.geteuid() != 0:
        raise SetupError("A second engine takes root on Debian or Ubuntu: run this as root on such a machine.")
    if not programs.find("runc"):
        apt.install(["runc"])
    if not programs.find("ip"):
        apt.install(["iproute2"])


def _unpacked(folder: Path, suite: str) -> Path:
    """Fetch the suite's packages and unpack them; return the folder with everything in it."""
    archives = folder / "archives"
    archives.mkdir(exist_ok=True)
    with step(f"Docker's packages of Debian {suite}"):
        options = _apt_options(folder / "apt", suite)
        programs.run(["apt-get", *options, "update"])
        links = programs.run(["apt-get", *options, "--print-uris", "download", *_PACKAGES])
        names = [line.split(" ")[1] for line in links.splitlines() if line.startswith("'")]
        _fetch(archives, options, names)
    return _unpack(folder / "tree", [archives / name for name in names])


def _fetch(archives: Path, options: list[str], names: list[str]) -> None:
    if not all((archives / name).exists() for name in names):
        # `download` puts the files into the current folder, and only there.
        programs.run(["apt-get", *options, "download", *_PACKAGES], folder=archives)


def _unpack(tree: Path, archives: list[Path]) -> Path:
    target = tree / "+".join(archive.stem for archive in archives)
    if not target.exists():
        partial = target.with_name(f"{target.name}.partial")
        partial.mkdir(parents=True, exist_ok=True)
        for archive in archives:
            programs.run(["dpkg", "-x", archive, partial])
        partial.rename(target)
    return target


def _apt_options(state: Path, suite: str) -> list[str]:
    mirrors = [source for source in apt.sources() if source.suite == apt.codename()]
    if not mirrors:
        raise SetupError(f"This machine's apt has no source for {apt.codename()} to take the mirror from.")
    return apt.options_of_own_state(state, [mirrors[0].of_suite(suite).line])


@contextmanager
def _running(newer: PrivateEngine, tree: Path) -> Iterator[None]:
    # Its own containerd must come first; runc is the machine's.
    path = programs.search_path(tree / "usr/sbin", tree / "usr/bin")
    with _bridge():
        dockerd.start(newer, program=tree / "usr/sbin/dockerd", options=_OPTIONS, path=path)
        try:
            click.echo(f"  Docker {daemon.version(newer.address)} beside")
            yield
        finally:
            dockerd.stop(newer)


@contextmanager
def _bridge() -> Iterator[None]:
    if not Path("/sys/class/net", _BRIDGE).exists():
        programs.run(["ip", "link", "add", _BRIDGE, "type", "bridge"])
        programs.run(["ip", "address", "add", _BRIDGE_ADDRESS, "dev", _BRIDGE])
    programs.run(["ip", "link", "set", _BRIDGE, "up"])
    try:
        yield
    finally:
        programs.run(["ip", "link", "delete", _BRIDGE])


def _copy_base(reference: str, first: Engine, newer: PrivateEngine) -> None:
    with step(f"base image {reference} for it"):
        try:
            with (
                daemon.connect(first.address, idle_seconds=60) as source,
                daemon.connect(newer.address, idle_seconds=60) as target,
            ):
                _load(target, source.get_image(reference), reference)
        except daemon.DAEMON_ERRORS as error:
            raise SetupError(f"{reference} could not be copied to the newer engine: {daemon.reason(error)}") from None


def _load(target: docker.APIClient, archive: Iterator[bytes], reference: str) -> None:
    records = target.load_image(archive)
    for record in records:
        if "error" in record:
            raise SetupError(f"The newer engine did not take {reference}: {record['error']}")


def _run_pytest(newer: PrivateEngine, reference: str, arguments: list[str]) -> int:
    own = {
        "WARROOM_DOCKER_HOST": newer.address,
        "WARROOM_DEFAULT_BASE": reference,
        "WARROOM_BUILD_NETWORK": "host",
    }
    command = [sys.executable, "-m", "pytest", "-m", "engine", *arguments]
    click.echo(f"→ pytest -m engine on Docker {daemon.version(newer.address)}")
    return subprocess.run(command, env=os.environ | own, check=False).returncode


if __name__ == "__main__":
    run_to_exit(main)
