"""What every `Files` does: the fake in memory, and the store on this host's disk."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from commands.errors import BuildFailed, BuildStopped, IndexUnreachable
from commands.model.packages import PackageFile
from commands.packages.file_store import FileStore
from commands.packages.interface import Files
from tests.fakes.files import FakeFiles, a_source, a_wheel, content_of

Make = Callable[..., Files]
"""Makes one of an index with these contents, by addresses; `None` for one that cannot be reached."""
FILES = (a_wheel("six"), a_wheel("mechanize", "0.4.10"), a_source("docopt"))


def unreachable(url: str) -> AbstractContextManager[Iterator[bytes]]:
    raise IndexUnreachable(f"The package index refused {url}.", hint="Try again.")


@pytest.fixture(params=["fake", "store"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    def fake(contents: Mapping[str, bytes] | None = {}) -> Files:  # never changed
        return FakeFiles(contents or {}, reachable=contents is not None)

    def store(contents: Mapping[str, bytes] | None = {}) -> Files:  # never changed
        @contextmanager
        def download(url: str) -> Iterator[Iterator[bytes]]:
            yield iter([(contents or {}).get(url, content_of(url))])

        return FileStore(tmp_path / "files", unreachable if contents is None else download)

    return fake if request.param == "fake" else store


def nothing() -> None:
    """Go on."""


def test_each_file_is_given_with_exactly_its_content(make: Make) -> None:
    files = make()
    paths = files.gather(FILES, raise_if_stopped=nothing)

    assert list(paths) == list(FILES)
    assert [sha256(path.read_bytes()).hexdigest() for path in paths.values()] == [file.sha256 for file in FILES]


def test_nothing_asked_for_is_nothing_fetched(make: Make) -> None:
    assert make(None).gather((), raise_if_stopped=nothing) == {}


def test_what_was_fetched_is_told_once_and_kept(make: Make) -> None:
    files, told = make(), list[str]()

    first = files.gather(FILES[:2], raise_if_stopped=nothing, report=told.append)
    second = files.gather(FILES, raise_if_stopped=nothing, report=told.append)

    assert sorted(told) == sorted(file.name for file in FILES)
    assert [second[file] for file in FILES[:2]] == list(first.values())


def test_another_file_than_the_one_that_was_confirmed_is_not_given(make: Make) -> None:
    forged = replace(FILES[0], size=None)

    with pytest.raises(BuildFailed, match=r"another file for `six-1\.0-py3-none-any\.whl`"):
        make({forged.url: b"forged"}).gather((*FILES[1:], forged), raise_if_stopped=nothing)


def test_the_same_content_under_another_name_is_not_fetched_again(make: Make) -> None:
    files, told = make(), list[str]()
    files.gather(FILES[:1], raise_if_stopped=nothing)

    renamed = replace(FILES[0], name="other.whl")
    (path,) = files.gather((renamed,), raise_if_stopped=nothing, report=told.append).values()

    assert (path.read_bytes(), told) == (content_of(FILES[0].url), [])


def test_what_is_kept_and_was_changed_there_is_fetched_again(make: Make) -> None:
    files = make()
    (path,) = files.gather(FILES[:1], raise_if_stopped=nothing).values()
    path.write_bytes(b"tampered")

    (again,) = files.gather(FILES[:1], raise_if_stopped=nothing).values()

    assert again.read_bytes() == content_of(FILES[0].url)


def test_an_index_that_cannot_be_reached_is_told(make: Make) -> None:
    with pytest.raises(IndexUnreachable):
        make(None).gather(FILES, raise_if_stopped=nothing)


def test_whoever_no_longer_wants_them_ends_it(make: Make) -> None:
    stopped = BuildStopped("The build was stopped.", hint="Start it again.")

    def stop() -> None:
        raise stopped

    with pytest.raises(BuildStopped) as caught:
        make().gather(FILES, raise_if_stopped=stop)

    assert caught.value is stopped


def test_many_threads_may_want_the_same_files(make: Make) -> None:
    files = make()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: files.gather(FILES, raise_if_stopped=nothing), range(16)))

    assert all(answer == answers[0] for answer in answers)
    assert [path.read_bytes() for path in answers[0].values()] == [content_of(file.url) for file in FILES]


def test_a_file_may_be_wanted_twice(make: Make) -> None:
    wanted: tuple[PackageFile, ...] = (FILES[0], FILES[0])

    assert list(make().gather(wanted, raise_if_stopped=nothing)) == [FILES[0]]
