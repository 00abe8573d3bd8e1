"""Debian's `docker-registry` on loopback, as a test's own: open, with a password, or with TLS."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker

from commands.model.images import Digest
from commands.model.references import Reference
from tests.kit.certificates import Certificates

USER = "tester"
PASSWORD = "swordfish-7"
_HASHED = "$2y$05$0vxKkPeUZscF7YeQChrmQ./UnbkVGHojxk28OEbwljAYfprqxUWNO"
"""`PASSWORD` by `htpasswd -nbB -C 5`: the registry takes bcrypt alone."""

START_SECONDS = 300.0

_CONFIG = """version: 0.1
log: {{level: info}}
storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:0", secret: test{tls}}}
"""
_LISTENING = re.compile(r"listening on (127\.0\.0\.1:[0-9]+)")
_ACCESS = re.compile(r'^[0-9.]+ - .*? "(?P<method>[A-Z]+) (?P<path>\S+) HTTP/[0-9.]+" (?P<status>[0-9]{3}) ')


class RunningRegistry:
    """A registry that runs. `notes` are the lines of its own log, `log` one line for each HTTP request."""

    def __init__(self, process: subprocess.Popen[str], access: Path, login: dict[str, str] | None) -> None:
        self.address = ""
        self.notes: list[str] = []
        self._process = process
        self._access = access
        self._login = login
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def log(self) -> tuple[str, ...]:
        """The lines of its access log so far.

        It writes the line of a short answer before it sends that: who has an answer finds its line.
        """
        return tuple(self._access.read_text(errors="replace").splitlines())

    @property
    def requests(self) -> tuple[tuple[str, str, int], ...]:
        """Method, path and status of each request so far."""
        found = map(_ACCESS.match, self.log)
        return tuple((one["method"], one["path"], int(one["status"])) for one in found if one)

    def count(self, method: str, part: str = "/manifests/") -> int:
        """Say how many requests of this method, with this in their path, it has answered."""
        return sum(asked == method and part in path for asked, path, _ in self.requests)

    def push(self, client: docker.APIClient, local_name: str, repository: str, tag: str) -> tuple[Reference, Digest]:
        """Push an image of the daemon; gives its name here and the digest that the daemon noted."""
        name = f"{self.address}/{repository}"
        client.tag(local_name, name, tag)
        try:
            answer = client.push(name, tag, auth_config=self._login)
            records = [json.loads(line) for line in answer.splitlines()]
        finally:
            client.remove_image(f"{name}:{tag}", noprune=True)
        # The SDK raises nothing for an error in the stream.
        assert not [record for record in records if "error" in record], records
        return Reference(name, tag=tag), next(
            Digest(record["aux"]["Digest"]) for record in records if "Digest" in record.get("aux", {})
        )

    def wait_until_it_listens(self) -> None:
        """Wait for its address; raises `AssertionError` with what it said instead."""
        assert self._listening.wait(START_SECONDS), "\n".join(self.notes)
        assert self.address, "\n".join(self.notes)

    def end(self) -> None:
        """End it and wait until it is gone."""
        self._process.terminate()
        self._process.wait(timeout=START_SECONDS)
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stderr
        with self._process.stderr as lines:
            for line in lines:
                self.notes.append(line.rstrip("\n"))
                if found := _LISTENING.search(line):
                    self.address = found[1]
                    self._listening.set()
        self._listening.set()


@contextmanager
def open_registry() -> Iterator[RunningRegistry]:
    """Run one that lets everybody in."""
    with tempfile.TemporaryDirectory() as folder, _running(Path(folder), "") as registry:
        yield registry


@contextmanager
def guarded_registry(user: str = USER, password: str = PASSWORD) -> Iterator[RunningRegistry]:
    """Run one that wants a name and `PASSWORD`, the only one whose hash is at hand."""
    assert password == PASSWORD
    with tempfile.TemporaryDirectory() as folder:
        entries = Path(folder, "htpasswd")
        entries.write_text(f"{user}:{_HASHED}\n")
        auth = f'auth: {{htpasswd: {{realm: "tests, of warroom", path: {entries}}}}}\n'
        with _running(Path(folder), auth, login={"username": user, "password": password}) as registry:
            yield registry


@contextmanager
def tls_registry(certificates: Certificates) -> Iterator[RunningRegistry]:
    """Run one with TLS, which lets everybody in."""
    tls = f", tls: {{certificate: {certificates.certificate}, key: {certificates.key}}}"
    with tempfile.TemporaryDirectory() as folder, _running(Path(folder), "", tls=tls) as registry:
        yield registry


@contextmanager
def _running(
    folder: Path, auth: str, *, tls: str = "", login: dict[str, str] | None = None
) -> Iterator[RunningRegistry]:
    config = folder / "config.yml"
    config.write_text(_CONFIG.format(folder=folder, tls=tls) + auth)
    access = folder / "access.log"
    with (
        access.open("wb") as requests,
        subprocess.Popen(
            [_program(), "serve", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=requests,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            # Variables `REGISTRY_…` would change its settings.
            env={"PATH": "/usr/bin:/bin"},
        ) as process,
    ):
        registry = RunningRegistry(process, access, login)
        try:
            registry.wait_until_it_listens()
            yield registry
        finally:
            registry.end()


def _program() -> str:
    """Find the machine's own, or the one that set-up unpacked (.ci/setup/registry.py)."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    unpacked = Path(state, "warroom/registry/tree/usr/bin")
    found = shutil.which("docker-registry", path=os.pathsep.join((os.environ.get("PATH", os.defpath), str(unpacked))))
    assert found, "The tests of registries need Debian's docker-registry: python .ci/setup/registry.py"
    return found
