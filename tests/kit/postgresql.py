"""Debian's PostgreSQL on loopback, as a test's own: stopped, crashed, frozen and started again."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

USER = "warroom"
PASSWORD = "correct-horse-7"
CONNECTIONS = 60
"""How many connections the server allows."""
START_SECONDS = 300.0

_READY = "database system is ready to accept connections"
_NOBODY = 65534
"""PostgreSQL refuses to run as root, so root starts it as this user."""
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": CONNECTIONS,
    "fsync": "off",
    "shared_buffers": "16MB",
}


class PostgreSQLServer:
    """A server with a data folder of its own; it keeps its port when it is started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._programs = _programs(folder)
        self._databases = count(1)
        self._port = _free_port()
        self._process: subprocess.Popen[str] | None = None
        self.notes: list[str] = []
        """The lines of its log."""
        self._initialise()

    # ── The server ──────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        options = [f"--{name}={value}" for name, value in {**_OPTIONS, "port": self._port}.items()]
        self._process = self._popen("postgres", "-D", str(self._folder / "data"), *options)
        ready = threading.Event()
        threading.Thread(target=self._read, args=(self._process, ready), daemon=True).start()
        assert ready.wait(START_SECONDS), "\n".join(self.notes)
        assert self.is_up, "\n".join(self.notes)

    @property
    def is_up(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Stop it as an operator does: open connections are ended."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """End it without a goodbye: it recovers at its next start."""
        self._end(signal.SIGQUIT)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let none of its processes do anything: connections stay open, and nothing is answered."""
        assert self._process is not None
        # The postmaster first, so that no process is added meanwhile.
        os.kill(self._process.pid, signal.SIGSTOP)
        processes = [self._process.pid, *_children(self._process.pid)]
        _signal_all(processes, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal_all(processes, signal.SIGCONT)

    # ── Its databases ───────────────────────────────────────────────────────────────────────────────────────────

    def new_database(self) -> str:
        """Create an empty database; gives its URL."""
        name = f"test_{next(self._databases)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        return self.url(name)

    def url(self, database: str, *, scheme: str = "postgresql", password: str = PASSWORD) -> str:
        """Return the URL of a database, which need not exist."""
        return f"{scheme}://{USER}:{password}@127.0.0.1:{self._port}/{database}"

    def execute(self, statement: str, url: str = "") -> list[tuple[object, ...]]:
        """Run a statement; gives its rows."""
        with psycopg.connect(url or self.url("postgres"), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def connections(self, url: str) -> int:
        """Count the connections to a database."""
        name = url.rpartition("/")[2]
        ((found,),) = self.execute(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608
        assert isinstance(found, int)
        return found

    def end_connections(self, url: str) -> None:
        """End all connections to a database, as an operator or a fail-over may."""
        name = url.rpartition("/")[2]
        self.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608

    # ── Inside ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _initialise(self) -> None:
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (self._folder, secret):
                os.chown(path, _NOBODY, _NOBODY)
        arguments = ("-D", str(self._folder / "data"), "-U", USER, "-A", "scram-sha-256", f"--pwfile={secret}")
        made = self._popen("initdb", *arguments, "--no-sync", "--encoding=UTF8", "--locale=C")
        _, said = made.communicate(timeout=START_SECONDS)
        assert made.returncode == 0, said

    def _popen(self, program: str, *arguments: str) -> subprocess.Popen[str]:
        is_root = os.geteuid() == 0
        return subprocess.Popen(
            [str(self._programs / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", **_libraries(self._programs)},
            cwd=self._folder,
            user=_NOBODY if is_root else None,
            group=_NOBODY if is_root else None,
            extra_groups=[] if is_root else None,
        )

    def _read(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        assert process.stderr
        with process.stderr as lines:
            for line in lines:
                self.notes.append(line.rstrip("\n"))
                if _READY in line:
                    ready.set()
        ready.set()

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=START_SECONDS)


@contextmanager
def running_postgresql() -> Iterator[PostgreSQLServer]:
    """Run a server, which is gone in the end."""
    with tempfile.TemporaryDirectory(prefix="warroom-postgresql-") as folder:
        server = PostgreSQLServer(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.crash()


def _programs(folder: Path) -> Path:
    """Find the folder of the machine's own programs, or of those that set-up unpacked (.ci/setup/postgresql.py)."""
    if found := _newest(Path("/usr/lib/postgresql")):
        return found
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    unpacked = Path(state, "warroom/postgresql/tree")
    assert unpacked.exists(), "The tests of PostgreSQL need Debian's: python .ci/setup/postgresql.py"
    # The user that runs it may not enter root's own folder.
    found = _newest(Path(shutil.copytree(unpacked, folder / "tree", symlinks=True)) / "usr/lib/postgresql")
    assert found, unpacked
    return found


def _newest(versions: Path) -> Path | None:
    found = [path.parent for path in versions.glob("*/bin/postgres")]
    return max(found, key=lambda path: int(path.parent.name), default=None)


def _libraries(programs: Path) -> dict[str, str]:
    """Name the folders of the libraries that were unpacked beside the programs."""
    libraries = programs.parents[2]
    multiarch = [str(path) for path in libraries.glob("*-linux-gnu*")]
    return {"LD_LIBRARY_PATH": os.pathsep.join(multiarch)} if "tree" in programs.parts else {}


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _children(parent: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue
        if re.search(rf"^PPid:\s+{parent}$", text, re.MULTILINE):
            found.append(int(status.parent.name))
    return found


def _signal_all(processes: list[int], number: signal.Signals) -> None:
    for process in processes:
        # One of them may have ended.
        if Path(f"/proc/{process}").exists():
            os.kill(process, number)
