"""A Docker daemon of a test's own, that may be stopped, killed, frozen and filled up. It takes root and `dockerd`."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from commands.engine.docker_daemon import DockerDaemon
from commands.errors import EngineUnavailable
from tests.kit.engine_space import packed

START_SECONDS = 300.0


class PrivateEngine:
    """A daemon without a network; `small` bytes of disk, where given, are all it has."""

    def __init__(self, folder: Path, *, small: int | None = None) -> None:
        self.folder = folder
        self.small = small
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return f"unix://{self.folder}/docker.sock"

    def start(self) -> None:
        """Start it and wait until it answers."""
        # In a network of its own: with `--bridge none` a daemon removes the bridge of another one on the same host.
        # With mounts of its own: they are gone with its last process, however that ended.
        command = ["unshare", "--net", "--mount", "--", "dockerd", "-H", self.host, "--bridge", "none"]
        command += ["--iptables=false"]
        places = {"--data-root": "data", "--exec-root": "exec", "--pidfile": "pid"}
        for option, name in places.items():
            command += [option, str(self.folder / name)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, "HOME": str(self.folder)}
            )
        self._wait_until_it_answers()

    def _wait_until_it_answers(self) -> None:
        assert self.process
        engine, pause = DockerDaemon(self.host, lookup_seconds=2), threading.Event()
        for _ in range(round(START_SECONDS / 0.1)):
            try:
                # A connection that is refused leaves the socket of Docker's SDK open, which a later test would notice.
                if self._listens():
                    engine.describe()
                    engine.close()
                    return
            except EngineUnavailable:
                pass
            assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
            pause.wait(0.1)
        raise AssertionError((self.folder / "log").read_text()[-2000:])

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as tried:
            return tried.connect_ex(self.host.removeprefix("unix://")) == 0

    def send(self, number: signal.Signals) -> None:
        """Send the daemon a signal."""
        assert self.process
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the daemon and wait until it is gone."""
        if self.process is not None:
            self.send(number)
            self.process.wait(timeout=START_SECONDS)
            self.process = None
        if number == signal.SIGKILL:
            # As after a power cut: what stood under /run is gone, and with it the old containerd's process number.
            shutil.rmtree(self.folder / "exec", ignore_errors=True)


@contextmanager
def private_engine(*, small: int | None = None) -> Iterator[PrivateEngine]:
    """Run a daemon in a folder that is cleared away; `small` bytes of disk, where given, are all it has."""
    if os.geteuid() != 0:
        pytest.skip("a daemon of its own takes root")
    assert shutil.which("dockerd"), "no `dockerd` on the PATH: install Docker's engine (Debian: docker.io)"
    # A socket's path may have 107 characters, pytest's own folders are too deep.
    folder = Path(tempfile.mkdtemp(prefix="warroom-engine-"))
    engine = PrivateEngine(folder, small=small)
    try:
        if small:
            _mount(folder, small)
        engine.start()
        yield engine
    finally:
        engine.end()
        if small:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
        shutil.rmtree(folder)


def _mount(folder: Path, size: int) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)


def tiny_root(*programs: str) -> bytes:
    """Pack some programs of this machine with the libraries they need: an image of a few MB, without any network."""
    files: dict[str, bytes] = {}
    for program in programs:
        path = shutil.which(program)
        assert path, f"this machine has no `{program}`"
        files[f"bin/{program}"] = Path(path).read_bytes()
        libraries = subprocess.run(["ldd", path], check=True, capture_output=True, text=True).stdout.split()
        files |= {name.lstrip("/"): Path(name).read_bytes() for name in libraries if name.startswith("/")}
    return packed(files)
