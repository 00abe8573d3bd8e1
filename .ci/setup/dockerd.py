"""A Docker engine of our own: a `dockerd` in the background with its own folder, started and ended by set-up."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import daemon
import programs
from steps import SetupError, step

_READY_SECONDS = 60.0
_END_SECONDS = 30.0
_POLL_SECONDS = 0.05
# A socket's path has at most 107 characters in Linux; this is the longest one below the folder.
_LONGEST_SOCKET = "exec/containerd/containerd.sock.ttrpc"
_SOCKET_LIMIT = 107


@dataclass(frozen=True, slots=True)
class PrivateEngine:
    """Where an engine of our own keeps everything it has."""

    folder: Path

    @property
    def address(self) -> str:
        """The engine's address, as in DOCKER_HOST."""
        return f"unix://{self.folder / 'docker.sock'}"

    @property
    def pid_file(self) -> Path:
        """The file with the number of the engine's process."""
        return self.folder / "pid"

    @property
    def log(self) -> Path:
        """The file with what the engine says."""
        return self.folder / "log"

    @property
    def data(self) -> Path:
        """The folder with its images and containers."""
        return self.folder / "data"

    def answers(self) -> bool:
        """Tell whether the engine is up."""
        return (self.folder / "docker.sock").is_socket() and daemon.why_silent(self.address) is None


def state_folder() -> Path:
    """Return the folder in which this person's private engines live."""
    own = os.environ.get("XDG_STATE_HOME")
    return (Path(own) if own else Path.home() / ".local" / "state") / "warroom"


def private() -> PrivateEngine:
    """Return the engine that set-up starts where no other one answers."""
    return PrivateEngine(state_folder() / "engine")


def beside() -> PrivateEngine:
    """Return the newer engine that `make test-next-engine` runs beside."""
    return PrivateEngine(state_folder() / "next-engine")


def start(engine: PrivateEngine, *, program: Path, options: Sequence[str] = (), path: str = "") -> None:
    """Start the engine in the background, if it does not run, and wait until it answers.

    Raises:
        SetupError: it ended or did not answer in time; with the last lines of its log.
    """
    _check_socket_length(engine)
    engine.folder.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(engine), step(f"private Docker engine in {engine.folder}") as current:
        if engine.answers():
            current.outcome = "runs already"
            return
        _end_process(engine)
        _wait_until_ready(engine, _launch(engine, program, options, path or programs.search_path()))


def stop(engine: PrivateEngine) -> None:
    """End the engine, if it runs, and wait until it is gone.

    Raises:
        SetupError: it does not end.
    """
    with step(f"ending the private engine in {engine.folder}") as current:
        if not _end_process(engine):
            current.outcome = "it does not run"


def clean(engine: PrivateEngine) -> None:
    """End the engine and remove all it has: images, containers, caches, log."""
    stop(engine)
    with step(f"removing {engine.folder}") as current:
        if not engine.folder.exists():
            current.outcome = "nothing there"
            return
        _unmount_below(engine.folder)
        shutil.rmtree(engine.folder)


def _check_socket_length(engine: PrivateEngine) -> None:
    if len(os.fsencode(engine.folder / _LONGEST_SOCKET)) > _SOCKET_LIMIT:
        raise SetupError(
            f"The folder {engine.folder} has too long a name for the engine's sockets.\n"
            "Set XDG_STATE_HOME to a folder with a shorter name, for example /var/lib, and run this again."
        )


@contextmanager
def _one_at_a_time(engine: PrivateEngine) -> Iterator[None]:
    """Keep a second set-up waiting, which would start a second process on the same folder."""
    with (engine.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _launch(engine: PrivateEngine, program: Path, options: Sequence[str], path: str) -> subprocess.Popen[bytes]:
    # Its own settings: those of a system engine (/etc/docker/daemon.json) may contradict the options below.
    settings = engine.folder / "daemon.json"
    settings.write_text(json.dumps({}))
    own = {
        "config-file": settings,
        "data-root": engine.data,
        "exec-root": engine.folder / "exec",
        "pidfile": engine.pid_file,
        "host": engine.address,
    }
    arguments = [str(program), *(f"--{name}={value}" for name, value in own.items()), *options]
    with engine.log.open("wb") as log:
        return subprocess.Popen(
            arguments,
            # Nothing of ours stays open in it, else whoever waits for the end of our output waits for ever.
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
            env=os.environ | {"PATH": path},
        )


def _wait_until_ready(engine: PrivateEngine, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while process.poll() is None:
        if engine.answers():
            return
        if time.monotonic() > deadline:
            process.terminate()
            raise SetupError(_not_started(engine, f"did not answer within {_READY_SECONDS:.0f} seconds"))
        time.sleep(_POLL_SECONDS)
    raise SetupError(_not_started(engine, f"ended with {process.returncode}"))


def _not_started(engine: PrivateEngine, what: str) -> str:
    last = programs.tail(engine.log.read_text(errors="replace"))
    return (
        f"The private Docker engine {what}. The end of its log, {engine.log}:\n{last}\n"
        "Fix the reported problem and run this again, or start an engine yourself and set DOCKER_HOST to it."
    )


def _end_process(engine: PrivateEngine) -> bool:
    """End the engine's process and wait for it; return False when there is none."""
    pid = _running_pid(engine)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _END_SECONDS
    while _running_pid(engine) is not None:
        if time.monotonic() > deadline:
            raise SetupError(f"The engine, process {pid}, does not end. Its log is {engine.log}.")
        time.sleep(_POLL_SECONDS)
    return True


def _running_pid(engine: PrivateEngine) -> int | None:
    """Return the process of this very engine; a number in a left-over file may be another program's by now."""
    try:
        pid = int(engine.pid_file.read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if os.fsencode(f"--data-root={engine.data}") in command.split(b"\0") else None


def _unmount_below(folder: Path) -> None:
    """Unmount what an engine that was killed has left mounted, the innermost first."""
    table = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    points = [Path(line.split(" ")[1].replace("\\040", " ")) for line in table.splitlines()]
    for point in reversed([point for point in points if point.is_relative_to(folder)]):
        programs.run(["umount", point])
