"""The only place that starts `uv` on the bot's host: bounded in time, memory and output, without project files."""

import contextlib
import os
import resource
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from commands.engine.interface import RunOutcome
from commands.errors import Misconfigured
from commands.packages.indexes import Indexes, configured_indexes

_OUTPUT_LIMIT = 4 << 20
_NICENESS = 10
_KEPT = frozenset({
    "PATH", "HOME", "NETRC", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "SSL_CERT_FILE", "SSL_CERT_DIR",
})  # fmt: skip
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})
# These would make uv work elsewhere than in our empty folder, or with another interpreter.
_REFUSED = frozenset({"UV_PROJECT", "UV_WORKING_DIR", "UV_PYTHON"})
_CHOICES = ("UV_EXCLUDE_NEWER", "UV_PRERELEASE", "UV_INDEX_STRATEGY", "UV_RESOLUTION")
# uv's own are 30 s and 3: a dead index would outlast our time limit, and its own account is better than ours.
_PATIENCE = {"UV_HTTP_TIMEOUT": "15", "UV_HTTP_RETRIES": "2"}


@dataclass(frozen=True, slots=True, kw_only=True)
class UvProgram:
    """`uv` with the machine's own configuration (`UV_*`, uv.toml of user and system) and what our settings add.

    `environment` is the bot's own, of which only what uv needs is passed on. `index_url`, where given, takes the
    default index's place. `ca_bundle`, where given, is what TLS trusts. `python` is any interpreter: uv insists on one.
    `memory` is a limit in bytes.
    """

    binary: Path
    python: Path
    cache: Path
    environment: Mapping[str, str] = field(repr=False)
    index_url: str | None = field(default=None, repr=False)
    ca_bundle: Path | None = None
    # Measured: a resolution of 140 packages takes 110 MB; an index that answers without end took 1 GB in a second.
    memory: int = 2 << 30

    def run(self, arguments: tuple[str, ...], *, seconds: float, files: Mapping[str, str] | None = None) -> RunOutcome:
        """Run `uv` in an empty folder that holds only `files` (name → text); raises `Misconfigured` without a uv."""
        work = self.cache / "work"
        work.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=work, prefix="uv-") as folder:
            # An empty uv.toml ends uv's search for project settings in the folders above; those of the user and
            # the system are still read.
            for name, text in {"uv.toml": "", **(files or {})}.items():
                Path(folder, name).write_text(text, encoding="utf-8")
            command = [str(self.binary), *arguments, "--cache-dir", str(self.cache / "uv"), "--color", "never"]
            with self._started(command, folder) as child:
                return _watch(child, seconds=seconds, memory=self.memory)

    def version(self) -> str:
        """Ask the program for its version."""
        outcome = self.run(("--version",), seconds=10)
        words = outcome.output.split()
        if outcome.exit_code != 0 or len(words) < 2:  # noqa: PLR2004 - "uv 0.13.9 (…)"
            raise Misconfigured(
                f"`{self.binary}` does not say its version.",
                hint="Install the bot again, or point its setting at a working uv.",
            )
        return words[1]

    def choices(self) -> dict[str, str]:
        """Name the settings that decide what is chosen, for a `uv` that runs elsewhere; no address is among them."""
        chosen = {name: value for name, value in self.environment.items() if name.startswith(_CHOICES)}
        return {"UV_HTTP_TIMEOUT": "60", **chosen}

    def indexes(self) -> Indexes:
        """Find the indexes that `uv` asks here, with their logins; raises `Misconfigured`."""
        return configured_indexes(self.environment, default=self.index_url)

    def secrets(self) -> tuple[str, ...]:
        """Name what must never be shown: the logins of the indexes."""
        return self.indexes().secrets

    def _started(self, command: list[str], folder: str) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                command,
                cwd=folder,
                env=self._host_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            raise Misconfigured(
                f"`{self.binary}` cannot be started: {error.strerror}.",
                hint="Install the bot again, or point its setting at a working uv.",
            ) from error

    def _host_environment(self) -> dict[str, str]:
        kept = {name: value for name, value in self.environment.items() if _is_passed_on(name)}
        trust = {"SSL_CERT_FILE": str(self.ca_bundle)} if self.ca_bundle else {}
        return _PATIENCE | kept | trust | self._default_index()

    def _default_index(self) -> dict[str, str]:
        # Not as an argument: other users of the host can read arguments, and it may hold a password.
        return {"UV_DEFAULT_INDEX": self.index_url} if self.index_url else {}


def _is_passed_on(name: str) -> bool:
    return (name.startswith("UV_") and name not in _REFUSED) or name in _KEPT or name.lower() in _PROXIES


def _watch(child: subprocess.Popen[bytes], *, seconds: float, memory: int) -> RunOutcome:
    with contextlib.suppress(ProcessLookupError):  # it is over already
        resource.prlimit(child.pid, resource.RLIMIT_DATA, (memory, memory))
        # It takes every core there is; whoever types or clicks meanwhile is to be answered first.
        os.setpriority(os.PRIO_PROCESS, child.pid, _NICENESS)
    with ThreadPoolExecutor(2) as readers:
        output, errors = (readers.submit(_read, stream, child) for stream in (child.stdout, child.stderr))
        try:
            exit_code = child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            return RunOutcome(exit_code=None, output=output.result(), errors=errors.result(), timed_out=True)
        # A negative code is a signal: ours after too much output, or its own abort when the memory was used up.
        ended_itself = exit_code if exit_code >= 0 else None
        return RunOutcome(exit_code=ended_itself, output=output.result(), errors=errors.result())


def _read(stream: IO[bytes] | None, child: subprocess.Popen[bytes]) -> str:
    content = stream.read(_OUTPUT_LIMIT + 1) if stream else b""
    if len(content) > _OUTPUT_LIMIT:
        child.kill()
    return content[:_OUTPUT_LIMIT].decode("utf-8", errors="replace")
