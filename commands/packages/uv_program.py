"""The only place that runs `uv` on the bot's host: limited in time, memory and output, without project files."""

import contextlib
import os
import resource
import shutil
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from errno import ENOENT
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from commands.engine.interface import RunOutcome
from commands.errors import Misconfigured
from commands.packages.indexes import Indexes, configured_indexes

_OUTPUT_LIMIT = 4 << 20
_NICENESS = 10
_PASSED_ON = frozenset({
    "PATH", "HOME", "NETRC", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "SSL_CERT_FILE", "SSL_CERT_DIR",
})  # fmt: skip
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})
# These would make uv use another folder than the empty one, or another interpreter.
_REFUSED = frozenset({"UV_PROJECT", "UV_WORKING_DIR", "UV_PYTHON"})
_CHOICES = ("UV_EXCLUDE_NEWER", "UV_PRERELEASE", "UV_INDEX_STRATEGY", "UV_RESOLUTION")
# uv's defaults are 30 s and 3: a dead index would exceed our timeout, and uv's own error says more.
_TIMEOUTS = {"UV_HTTP_TIMEOUT": "15", "UV_HTTP_RETRIES": "2"}


@dataclass(frozen=True, slots=True, kw_only=True)
class UvProgram:
    """`uv` with the machine's configuration (`UV_*`, uv.toml of user and system) and the bot's settings.

    `environment` is the bot's own; only the variables that uv needs are passed on. `index_url` replaces the default
    index. `ca_bundle` is the CA bundle for TLS. `python` is any interpreter, which uv requires. `memory` is a limit in
    bytes.
    """

    binary: Path
    python: Path
    cache: Path
    environment: Mapping[str, str] = field(repr=False)
    index_url: str | None = field(default=None, repr=False)
    ca_bundle: Path | None = None
    # Measured: a resolution of 140 packages takes 110 MB; an endless answer of an index took 1 GB in a second.
    memory: int = 2 << 30

    def run(self, arguments: tuple[str, ...], *, seconds: float, files: Mapping[str, str] | None = None) -> RunOutcome:
        """Run `uv` in a folder with only `files` (name → text); raises `Misconfigured` if there is no uv."""
        work = self.cache / "work"
        work.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=work, prefix="uv-") as folder:
            # An empty uv.toml stops uv's search for project settings in parent folders; it still reads those of
            # the user and the system.
            for name, text in {"uv.toml": "", **(files or {})}.items():
                Path(folder, name).write_text(text, encoding="utf-8")
            command = [str(self.binary), *arguments, "--cache-dir", str(self.cache / "uv"), "--color", "never"]
            with self._start(command, folder) as child:
                return _watch(child, seconds=seconds, memory=self.memory)

    def version(self) -> str:
        """Return the program's version."""
        outcome = self.run(("--version",), seconds=10)
        match outcome.output.split():
            case [_, number, *_] if outcome.exit_code == 0:  # "uv 0.13.9 (…)"
                return number
            case _:
                raise Misconfigured(
                    f"`{self.binary}` does not print its version.",
                    hint="Install the bot again, or set the path of a working uv.",
                )

    def choices(self) -> dict[str, str]:
        """Return the settings that affect version selection, for a `uv` in a container; they contain no address."""
        chosen = {name: value for name, value in self.environment.items() if name.startswith(_CHOICES)}
        return {"UV_HTTP_TIMEOUT": "60", **chosen}

    def indexes(self) -> Indexes:
        """Return the indexes that `uv` uses here, with their logins; raises `Misconfigured`."""
        return configured_indexes(self.environment, default=self.index_url)

    def secrets(self) -> tuple[str, ...]:
        """Return the secrets that must never be shown: the logins of the indexes."""
        return self.indexes().secrets

    def _start(self, command: list[str], folder: str) -> subprocess.Popen[bytes]:
        if shutil.which(self.binary) is None:
            # The program that starts it would only say so in its output.
            raise self._not_startable(os.strerror(ENOENT))
        try:
            # No shell; the program is trusted, and user input is only in files.
            return subprocess.Popen(
                [*self._ends_with_us(), *command],
                cwd=folder,
                env=self._host_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            raise self._not_startable(error.strerror) from error

    def _not_startable(self, reason: str | None) -> Misconfigured:
        return Misconfigured(
            f"`{self.binary}` cannot be started: {reason}.",
            hint="Install the bot again, or set the path of a working uv.",
        )

    def _ends_with_us(self) -> tuple[str, ...]:
        """Return the command that ends uv with the bot, also if that is killed; none where util-linux is missing."""
        program = shutil.which("setpriv", path=self.environment.get("PATH"))
        return (program, "--pdeathsig", "KILL") if program else ()

    def _host_environment(self) -> dict[str, str]:
        kept = {name: value for name, value in self.environment.items() if _is_passed_on(name)}
        trust = {"SSL_CERT_FILE": str(self.ca_bundle)} if self.ca_bundle else {}
        return _TIMEOUTS | kept | trust | self._default_index()

    def _default_index(self) -> dict[str, str]:
        # Not as an argument: other users of the host can read arguments, and it may contain a password.
        return {"UV_DEFAULT_INDEX": self.index_url} if self.index_url else {}


def _is_passed_on(name: str) -> bool:
    return (name.startswith("UV_") and name not in _REFUSED) or name in _PASSED_ON or name.lower() in _PROXIES


def _watch(child: subprocess.Popen[bytes], *, seconds: float, memory: int) -> RunOutcome:
    with contextlib.suppress(ProcessLookupError):  # it has already ended
        resource.prlimit(child.pid, resource.RLIMIT_DATA, (memory, memory))
        # It uses all cores; answers to people have priority.
        os.setpriority(os.PRIO_PROCESS, child.pid, _NICENESS)
    with ThreadPoolExecutor(2) as readers:
        output, errors = (readers.submit(_read_limited, stream, child) for stream in (child.stdout, child.stderr))
        try:
            exit_code = child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            return RunOutcome(exit_code=None, output=output.result(), errors=errors.result(), timed_out=True)
        # A negative code is a signal: our kill after too much output, or an abort after it ran out of memory.
        ended_itself = exit_code if exit_code >= 0 else None
        return RunOutcome(exit_code=ended_itself, output=output.result(), errors=errors.result())


def _read_limited(stream: IO[bytes] | None, child: subprocess.Popen[bytes]) -> str:
    content = stream.read(_OUTPUT_LIMIT + 1) if stream else b""
    if len(content) > _OUTPUT_LIMIT:
        child.kill()
    return content[:_OUTPUT_LIMIT].decode("utf-8", errors="replace")
