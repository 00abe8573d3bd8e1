"""The Docker engine that warroom uses here: one that answers already, or else a private one."""

import getpass
import os
import shlex
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import apt
import click
import daemon
import dockerd
import programs
from settings_file import Choice, Choices
from steps import SetupError, run_to_exit, step

USUAL_SOCKET = Path("/var/run/docker.sock")
# Debian's package starts the engine by itself where systemd runs.
_PACKAGE_STARTS_SECONDS = 20.0
_PACKAGES = {"dockerd": "docker.io", "iptables": "iptables"}


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that answers."""

    address: str
    is_found_without_settings: bool


def have(choices: Choices) -> Engine:
    """Return the engine to use: the one chosen, the usual one, or a private one that is started if need be.

    Raises:
        SetupError: there is none and set-up may not start one; with what to do.
    """
    if choices.docker_host:
        return _named(choices.docker_host)
    if host := os.environ.get("DOCKER_HOST"):
        return _named(Choice(host, origin="DOCKER_HOST"))
    return _usual() or _private()


def _named(choice: Choice) -> Engine:
    address, origin = choice.value, choice.origin
    with step(f"Docker engine of {origin}, {address}") as current:
        if silence := daemon.why_silent(address):
            raise SetupError(
                f"No Docker engine answers at {address}, which {origin} names:\n    {silence}\n"
                f"Start that engine, or take {origin} away to let set-up find or start one, and run this again."
            )
        current.outcome = f"answers, {daemon.version(address)}"
    return Engine(address=address, is_found_without_settings=True)


def _usual() -> Engine | None:
    address = f"unix://{USUAL_SOCKET}"
    if not USUAL_SOCKET.exists():
        return None
    with step(f"Docker engine at {USUAL_SOCKET}") as current:
        if not os.access(USUAL_SOCKET, os.R_OK | os.W_OK):
            raise SetupError(
                f"There is a Docker engine at {USUAL_SOCKET}, and you may not use it yet.\n"
                f"Run `sudo usermod -aG docker {shlex.quote(getpass.getuser())}`, log in anew, and run this again."
            )
        if daemon.why_silent(address):
            current.outcome = "does not answer"
            return None
        current.outcome = f"answers, {daemon.version(address)}"
    return Engine(address=address, is_found_without_settings=True)


def _private() -> Engine:
    own = dockerd.private()
    if own.answers():
        with step(f"private Docker engine in {own.folder}") as current:
            current.outcome = f"answers, {daemon.version(own.address)}"
        return Engine(address=own.address, is_found_without_settings=False)
    _check_may_start()
    if missing := [package for program, package in _PACKAGES.items() if not programs.find(program)]:
        apt.install(missing)
        if started := _started_by_package():
            return started
    program = programs.find("dockerd")
    if program is None:
        raise SetupError("Debian's package docker.io is installed and there is no `dockerd`. Set DOCKER_HOST instead.")
    if not _has_control_groups():
        _mount_control_groups()
    dockerd.start(own, program=program)
    return Engine(address=own.address, is_found_without_settings=False)


def _has_control_groups() -> bool:
    root = Path("/sys/fs/cgroup")
    return (root / "cgroup.controllers").exists() or (root / "devices").is_dir()


def _mount_control_groups() -> None:
    """Mount what dockerd keeps containers apart with; systemd does so, machines without it may not have it."""
    if not programs.find("cgroupfs-mount"):
        apt.install(["cgroupfs-mount"])
    with step("control groups in /sys/fs/cgroup"):
        programs.run(["cgroupfs-mount"])


def _check_may_start() -> None:
    lead = "No Docker engine answers here, and set-up may not start one: "
    again = "Then run this again. An engine that is elsewhere can be named: `export DOCKER_HOST=…`."
    if not apt.is_there():
        raise SetupError(f"{lead}this is not Debian or Ubuntu.\nInstall Docker and start it. {again}")
    if not apt.may_install():
        user = shlex.quote(getpass.getuser())
        raise SetupError(
            f"{lead}you are not root. As one who may use sudo, run\n"
            "    sudo apt-get update && sudo apt-get install --no-install-recommends docker.io iptables\n"
            f"    sudo usermod -aG docker {user}\n"
            f"and log in anew. {again}"
        )


def _started_by_package() -> Engine | None:
    if not (Path("/run/systemd/system").is_dir() or Path("/var/run/docker.pid").exists()):
        return None
    deadline = time.monotonic() + _PACKAGE_STARTS_SECONDS
    while time.monotonic() < deadline:
        if USUAL_SOCKET.exists() and (found := _usual()):
            return found
        time.sleep(0.2)
    return None


def main() -> int:
    """Carry out `engine.py stop` or `engine.py clean`."""
    beside = dockerd.beside()
    engines = [dockerd.private(), *([beside] if beside.folder.exists() else [])]
    match sys.argv[1:]:
        case ["stop"]:
            for each in engines:
                dockerd.stop(each)
        case ["clean"]:
            for each in engines:
                dockerd.clean(each)
        case _:
            click.echo("usage: engine.py stop | clean", err=True)
            return 2
    return 0


if __name__ == "__main__":
    run_to_exit(main)
