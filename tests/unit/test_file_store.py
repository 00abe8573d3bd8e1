"""What `tests/contract/test_files.py` does not see of the store: its folder, and downloads that go wrong."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from time import time

import pytest

from commands.errors import BuildFailed, BuildStopped, IndexUnreachable
from commands.model.packages import PackageFile
from commands.packages.file_store import FileStore
from tests.fakes.files import a_wheel, content_of
from tests.kit.program import becomes

WHEEL = a_wheel("six")
HOUR = 3600
PATIENCE = 30.0


@contextmanager
def download(url: str) -> Iterator[Iterator[bytes]]:
    yield iter([content_of(url)])


def nothing() -> None:
    """Go on."""


def sized(name: str, size: int) -> PackageFile:
    url = f"https://index.example/{name}"
    return PackageFile(name, url, sha256(b"x" * size + name.encode()).hexdigest(), None)


@contextmanager
def sized_download(url: str) -> Iterator[Iterator[bytes]]:
    name = url.rpartition("/")[2]
    yield iter([b"x" * 100, name.encode()])


def test_a_file_lies_under_its_hash_and_nothing_else_is_left(tmp_path: Path) -> None:
    paths = FileStore(tmp_path / "files", download).gather((WHEEL,), raise_if_stopped=nothing)

    assert paths == {WHEEL: tmp_path / "files" / WHEEL.sha256}
    assert list((tmp_path / "files").iterdir()) == [tmp_path / "files" / WHEEL.sha256]


def test_a_file_that_is_too_long_is_not_read_to_its_end(tmp_path: Path) -> None:
    read = []

    @contextmanager
    def endless(_: str) -> Iterator[Iterator[bytes]]:
        def pieces() -> Iterator[bytes]:
            while True:
                read.append(1)
                yield b"x" * 10

        yield pieces()

    with pytest.raises(BuildFailed, match="than the confirmed one"):
        FileStore(tmp_path, endless).gather((replace(WHEEL, size=55),), raise_if_stopped=nothing)

    assert len(read) == 6
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", content_of(WHEEL.url)[:-1], content_of(WHEEL.url) + b"x", b"forged"])
def test_nothing_of_a_wrong_file_is_kept(tmp_path: Path, content: bytes) -> None:
    @contextmanager
    def wrong(_: str) -> Iterator[Iterator[bytes]]:
        yield iter([content])

    with pytest.raises(BuildFailed):
        FileStore(tmp_path, wrong).gather((replace(WHEEL, size=None),), raise_if_stopped=nothing)

    assert list(tmp_path.iterdir()) == []


def test_a_download_that_breaks_off_leaves_nothing_and_can_be_repeated(tmp_path: Path) -> None:
    broken = [True]

    @contextmanager
    def breaking(url: str) -> Iterator[Iterator[bytes]]:
        def pieces() -> Iterator[bytes]:
            yield content_of(url)[:5]
            if broken:
                broken.pop()
                raise IndexUnreachable("The package index broke off.", hint="Try again.")
            yield content_of(url)[5:]

        yield pieces()

    store = FileStore(tmp_path, breaking)
    with pytest.raises(IndexUnreachable):
        store.gather((WHEEL,), raise_if_stopped=nothing)
    assert list(tmp_path.iterdir()) == []

    assert store.gather((WHEEL,), raise_if_stopped=nothing)[WHEEL].read_bytes() == content_of(WHEEL.url)


def test_one_that_fails_ends_the_others(tmp_path: Path) -> None:
    slow, bad = a_wheel("slow"), a_wheel("bad")
    begun = threading.Event()

    @contextmanager
    def some(url: str) -> Iterator[Iterator[bytes]]:
        def pieces() -> Iterator[bytes]:
            begun.set()
            while True:
                yield b""

        if url == bad.url:
            assert begun.wait(PATIENCE)
            raise IndexUnreachable("The package index broke off.", hint="Try again.")
        yield pieces()

    with pytest.raises(IndexUnreachable, match="broke off"):
        FileStore(tmp_path, some).gather((slow, bad), raise_if_stopped=nothing)


def test_a_stop_ends_a_download_that_goes_on(tmp_path: Path) -> None:
    asked = []

    @contextmanager
    def endless(_: str) -> Iterator[Iterator[bytes]]:
        def pieces() -> Iterator[bytes]:
            while True:
                asked.append(1)
                yield b""

        yield pieces()

    def stop_later() -> None:
        if len(asked) > 3:
            raise BuildStopped("The build was stopped.", hint="Start it again.")

    with pytest.raises(BuildStopped):
        FileStore(tmp_path, endless).gather((WHEEL,), raise_if_stopped=stop_later)
    assert becomes(lambda: list(tmp_path.iterdir()) == [])


def test_a_stop_does_not_wait_for_a_server_that_says_nothing(tmp_path: Path) -> None:
    begun, spoken = threading.Event(), threading.Event()

    @contextmanager
    def silent(_: str) -> Iterator[Iterator[bytes]]:
        begun.set()
        assert spoken.wait(PATIENCE)
        yield iter((b"late",))

    def stop() -> None:
        if begun.is_set():
            raise BuildStopped("The build was stopped.", hint="Start it again.")

    with pytest.raises(BuildStopped):
        FileStore(tmp_path, silent).gather((WHEEL,), raise_if_stopped=stop)
    assert not spoken.is_set()

    spoken.set()
    assert becomes(lambda: list(tmp_path.iterdir()) == [])


def test_what_was_fetched_is_told_in_the_callers_thread(tmp_path: Path) -> None:
    threads = list[int]()
    wheels = tuple(a_wheel(f"package{number}") for number in range(20))
    store = FileStore(tmp_path, download)
    store.gather(wheels, raise_if_stopped=nothing, report=lambda _: threads.append(threading.get_ident()))
    assert threads == [threading.get_ident()] * 20


def test_leftovers_of_a_process_that_was_killed_disturb_nobody_and_go_in_time(tmp_path: Path) -> None:
    left = tmp_path / "incoming-left"
    left.write_bytes(b"x" * 100)
    os.utime(left, (time() - 2 * HOUR,) * 2)

    FileStore(tmp_path, download, kept_bytes=100).gather((WHEEL,), raise_if_stopped=nothing)

    assert [path.name for path in tmp_path.iterdir()] == [WHEEL.sha256]


def test_what_was_not_used_for_the_longest_time_makes_room(tmp_path: Path) -> None:
    files = [sized(f"{number}", 100) for number in range(5)]
    now = [time() - 10 * HOUR]
    # Each has 101 bytes; three of them are kept.
    store = FileStore(tmp_path, sized_download, kept_bytes=303, clock=lambda: now[0])
    for file in files[:4]:
        (path,) = store.gather((file,), raise_if_stopped=nothing).values()
        now[0] += HOUR
        os.utime(path, (now[0], now[0]))
    store.gather(files[:1], raise_if_stopped=nothing)  # used again: not the oldest any more
    now[0] = time() + 2 * HOUR

    store.gather(files[4:], raise_if_stopped=nothing)

    assert {path.name for path in tmp_path.iterdir()} >= {files[4].sha256, files[0].sha256}
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 303


def test_what_a_build_may_still_read_is_not_removed(tmp_path: Path) -> None:
    files = tuple(sized(f"{number}", 100) for number in range(5))

    paths = FileStore(tmp_path, sized_download, kept_bytes=10).gather(files, raise_if_stopped=nothing)

    assert all(path.is_file() for path in paths.values())
