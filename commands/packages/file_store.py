"""The files of package indexes that builds take, kept on the bot's host under their hashes."""

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
"""How often somebody is asked whether to go on."""
_LONGEST = 8 << 30
"""Bytes of a file whose length the index does not tell."""
_IN_USE_SECONDS = 3600
"""For so long a file that was given out is not removed: a build may still read it."""
_KEPT_BYTES = 5 << 30
"""What is kept for later builds; beyond it the files that were not used for the longest time go."""


class FileStore:
    """Files by their SHA-256, in `folder`. `download` gives the bytes of an address. Threads may share it.

    Nothing of a file is run or unpacked here, and a file that does not have the hash of its name is never given out.
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
        """Give the path of each file, fetched where it is not there yet.

        `raise_if_stopped` is called now and then and may raise; `report` is told of each file that was fetched. Both
        are called in the caller's thread.
        Raises `IndexUnreachable`, and `BuildFailed` for a file that is another one than was confirmed.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        ended = Event()
        pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="warroom-files")
        try:
            running = {pool.submit(self._path_of, file, ended): file for file in files}
            paths = dict(_followed(running, raise_if_stopped, report))
        finally:
            # Not waited for: a download from a server that says nothing ends by its own limit, and leaves nothing.
            ended.set()
            pool.shutdown(wait=False, cancel_futures=True)
        self._make_room()
        return {file: paths[file] for file in files}

    def _path_of(self, file: PackageFile, ended: Event) -> tuple[Path, bool]:
        """Give the path of a file, and whether it had to be fetched."""
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
                    raise _another(file)
                known.update(piece)
                written.write(piece)
        if known.hexdigest() != file.sha256:
            raise _another(file)

    @contextmanager
    def _incoming(self) -> Iterator[Path]:
        with NamedTemporaryFile(dir=self._folder, prefix="incoming-", delete=False) as made:
            path = Path(made.name)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _make_room(self) -> None:
        """Remove what was not used for the longest time; what a build may be about to use stays."""
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


def _followed(
    running: Mapping[Future[tuple[Path, bool]], PackageFile],
    raise_if_stopped: Callable[[], None],
    report: Callable[[str], None],
) -> Iterator[tuple[PackageFile, Path]]:
    """Give each path as soon as it is known; raises what `raise_if_stopped` or a download raises."""
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


def _another(file: PackageFile) -> BuildFailed:
    return BuildFailed(
        f"The index gave another file for `{file.name}` than the one that was confirmed, so it was not installed.",
        hint="Type the command again to see what the index offers now. If this happens again, ask who runs the index: "
        "a published file never changes by itself.",
    )
