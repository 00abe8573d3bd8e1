"""A cache of package files on the bot's host, addressed by hash."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Event
from time import time

from commands.errors import BuildFailed
from commands.model.packages import PackageFile

_AT_ONCE = 8
_LOOK_SECONDS = 0.1
"""The interval of calls to `raise_if_stopped`."""
_LONGEST = 8 << 30
"""Maximum bytes of a file whose size the index does not report."""
_IN_USE_SECONDS = 3600
"""How long a file is kept after its last use, because a build may still read it."""
_KEPT_BYTES = 5 << 30
"""Maximum bytes of the cache; the least recently used files are removed first."""


class FileStore:
    """Files by their SHA-256, in `folder`. `download` yields the content of a URL. Thread-safe.

    Files are neither run nor unpacked here, and a file whose hash does not match is never returned.
    """

    def __init__(
        self,
        folder: Path,
        download: Callable[[str], AbstractContextManager[Iterator[bytes]]],
        *,
        kept_bytes: int = _KEPT_BYTES,
        clock: Callable[[], float] = time,
    ) -> None:
        self._folder = folder
        self._download = download
        self._kept_bytes = kept_bytes
        self._clock = clock

    def gather(
        self,
        files: Sequence[PackageFile],
        *,
        raise_if_stopped: Callable[[], None],
        report: Callable[[str], None] = lambda _: None,
    ) -> Mapping[PackageFile, Path]:
        """Return the path of each file; fetch the missing ones.

        `raise_if_stopped` is called regularly and may raise; `report` is called with each fetched file. Both run in the
        caller's thread.
        Raises `IndexUnreachable`, and `BuildFailed` if a file differs from the confirmed one.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        ended = Event()
        pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="warroom-files")
        try:
            running = {pool.submit(self._path_of, file, ended): file for file in files}
            paths = dict(_completed_paths(running, raise_if_stopped, report))
        finally:
            # Without waiting: a download from a silent server ends by its own timeout and leaves no file.
            ended.set()
            pool.shutdown(wait=False, cancel_futures=True)
        self._make_room()
        return {file: paths[file] for file in files}

    def _path_of(self, file: PackageFile, ended: Event) -> tuple[Path, bool]:
        """Return the path of a file and whether it was fetched."""
        path = self._folder / file.sha256
        if path.is_file() and _hash_of(path) == file.sha256:
            os.utime(path, (self._clock(), self._clock()))
            return path, False
        with self._incoming() as incoming:
            self._fetch(file, incoming, ended)
            # Atomic: another thread or process sees the whole file or none.
            incoming.replace(path)
        return path, True

    def _fetch(self, file: PackageFile, incoming: Path, ended: Event) -> None:
        known, length = hashlib.sha256(), 0
        with incoming.open("wb") as written, self._download(file.url) as pieces:
            for piece in pieces:
                length += len(piece)
                if ended.is_set() or length > (_LONGEST if file.size is None else file.size):
                    raise _changed_file(file)
                known.update(piece)
                written.write(piece)
        if known.hexdigest() != file.sha256:
            raise _changed_file(file)

    @contextmanager
    def _incoming(self) -> Iterator[Path]:
        with NamedTemporaryFile(dir=self._folder, prefix="incoming-", delete=False) as made:
            path = Path(made.name)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _make_room(self) -> None:
        """Remove the least recently used files, except those that a build may still use."""
        known = []
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):  # another process removed it
                known.append((path.stat().st_mtime, path.stat().st_size, path))
        excess = sum(size for _, size, _ in known) - self._kept_bytes
        for used, size, path in sorted(known):
            if excess <= 0 or used > self._clock() - _IN_USE_SECONDS:
                return
            path.unlink(missing_ok=True)
            excess -= size


def _completed_paths(
    running: Mapping[Future[tuple[Path, bool]], PackageFile],
    raise_if_stopped: Callable[[], None],
    report: Callable[[str], None],
) -> Iterator[tuple[PackageFile, Path]]:
    """Yield each path when it is ready; raises what `raise_if_stopped` or a download raises."""
    pending = set(running)
    while pending:
        raise_if_stopped()
        done, pending = wait(pending, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
        for future in done:
            path, was_fetched = future.result()
            if was_fetched:
                report(running[future].name)
            yield running[future], path


def _hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _changed_file(file: PackageFile) -> BuildFailed:
    return BuildFailed(
        f"The index delivered another file for `{file.name}` than the confirmed one, so it was not installed.",
        hint="Type the command again to see what the index offers now. If this happens again, ask who runs the index: "
        "a published file must not change.",
    )
