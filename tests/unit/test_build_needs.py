"""How a source says that it is built, read without running anything of it."""

import gzip
import io
import tarfile
import tracemalloc
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.errors import ResolutionFailed
from commands.packages.build_needs import BuildSystem, build_system
from tests.fakes.distributions import source

OLD = BuildSystem(("setuptools>=40.8.0",), "setuptools.build_meta:__legacy__", ())


def archive(folder: Path, content: bytes) -> Path:
    # Named by its hash, as in the store.
    path = folder / ("ab" * 32)
    path.write_bytes(content)
    return path


def with_pyproject(text: str | bytes) -> bytes:
    return source({"pkg-1.0/setup.py": "", "pkg-1.0/pyproject.toml": text})


def zipped(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        for name, text in files.items():
            made.writestr(name, text)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("text", "system"),
    [
        ("", OLD),
        ("[project]\nname = 'x'\n", OLD),
        ("[build-system]\nrequires = ['wheel']\n", BuildSystem(("wheel",))),
        (
            "[build-system]\nrequires = ['hatchling >= 1', 'x[y]; os_name > \"3\"']\nbuild-backend = 'hatch.b:c'\n",
            BuildSystem(("hatchling>=1", 'x[y]; os_name > "3"'), "hatch.b:c"),
        ),
        (
            "[build-system]\nrequires = []\nbuild-backend = 'own'\nbackend-path = ['.', 'lib']\n",
            BuildSystem((), "own", (".", "lib")),
        ),
    ],
)
def test_a_source_says_how_it_is_built(tmp_path: Path, text: str, system: BuildSystem) -> None:
    assert build_system(archive(tmp_path, with_pyproject(text))) == system
    assert build_system(archive(tmp_path, zipped({"pkg-1.0/pyproject.toml": text}))) == system


@pytest.mark.parametrize(
    "files",
    [
        {"pkg-1.0/setup.py": ""},
        {"pkg-1.0/sub/pyproject.toml": "[build-system]\nrequires=['deep']"},
        {"pyproject.toml": "[build-system]\nrequires=['top']"},
        {"pkg-1.0/xpyproject.toml": "[build-system]\nrequires=['x']"},
    ],
)
def test_without_a_file_in_its_place_the_old_way_counts(tmp_path: Path, files: dict[str, str]) -> None:
    assert build_system(archive(tmp_path, source(dict(files)))) == OLD
    assert build_system(archive(tmp_path, zipped(files))) == OLD


def compressed(*members: tuple[tarfile.TarInfo, int]) -> bytes:
    """Pack headers, each with so many zeros behind it."""
    packed = io.BytesIO()
    with gzip.open(packed, "wb") as stream:
        for member, size in members:
            stream.write(member.tobuf(tarfile.GNU_FORMAT))
            for _ in range(size >> 20):
                stream.write(bytes(1 << 20))
    return packed.getvalue()


def member(kind: bytes, size: int, name: str = "pkg-1.0/a") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.size = kind, size
    return made


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_header_that_unpacks_to_very_much_is_not_taken_in(tmp_path: Path, kind: bytes) -> None:
    bomb = compressed((member(kind, 64 << 20), 64 << 20), (member(tarfile.REGTYPE, 0), 0))
    tracemalloc.start()
    try:
        with pytest.raises(ResolutionFailed):
            build_system(archive(tmp_path, bomb))
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


def test_a_source_that_unpacks_to_very_much_is_not_looked_through(tmp_path: Path) -> None:
    # What is behind the header is never reached.
    with pytest.raises(ResolutionFailed) as caught:
        build_system(archive(tmp_path, compressed((member(tarfile.REGTYPE, 5 << 30), 0))))
    assert "too much" in str(caught.value.__cause__)


@pytest.mark.parametrize(("place", "value"), [(6, 99), (8, 1)], ids=["of an unknown version", "encrypted"])
def test_a_zip_that_nobody_can_read_is_refused(tmp_path: Path, place: int, value: int) -> None:
    packed = bytearray(zipped({"pkg-1.0/pyproject.toml": ""}))
    packed[packed.index(b"PK\x01\x02") + place] |= value
    with pytest.raises(ResolutionFailed):
        build_system(archive(tmp_path, bytes(packed)))


BAD = [
    b"",
    b"no archive",
    with_pyproject("[build-system"),
    with_pyproject(b"\xff\xfe"),
    with_pyproject("build-system = 3"),
    with_pyproject("[build-system]\nbuild-backend = 'x'"),
    with_pyproject("[build-system]\nrequires = 3"),
    with_pyproject("[build-system]\nrequires = ['not a ( requirement']"),
    with_pyproject("[build-system]\nrequires = ['--index-url http://evil.test']"),
    with_pyproject("[build-system]\nrequires = ['x @ https://evil.test/x.whl']"),
    with_pyproject("[build-system]\nrequires = ['x @ file:///etc/passwd']"),
    with_pyproject("[build-system]\nrequires = [['x']]"),
    with_pyproject("[build-system]\nrequires = []\nbackend-path = 3"),
    with_pyproject("[build-system]\nrequires = []\nbackend-path = 'src'"),
    with_pyproject("[build-system]\nrequires = 'abc'"),
    with_pyproject("[build-system]\nrequires = []\nbuild-backend = 3"),
]


@pytest.mark.parametrize("content", BAD, ids=range(len(BAD)))
def test_a_source_that_does_not_say_it_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ResolutionFailed, match="does not say how it is built"):
        build_system(archive(tmp_path, content))


def test_a_link_in_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as made:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
            member = tarfile.TarInfo("pkg-1.0/pyproject.toml")
            member.type, member.linkname = kind, "/etc/passwd"
            made.addfile(member)
    assert build_system(archive(tmp_path, packed.getvalue())) == OLD


def test_a_file_that_is_far_too_long_is_not_read(tmp_path: Path) -> None:
    text = "[build-system]\nrequires = ['x']\n" + "#" * (2 << 20)
    assert build_system(archive(tmp_path, with_pyproject(text))) == OLD
    assert build_system(archive(tmp_path, zipped({"pkg-1.0/pyproject.toml": text}))) == OLD


def test_an_archive_that_breaks_off_is_refused(tmp_path: Path) -> None:
    whole = source({"pkg-1.0/a": bytes(range(256)) * 400, "pkg-1.0/pyproject.toml": ""})
    with pytest.raises(ResolutionFailed):
        build_system(archive(tmp_path, whole[: len(whole) // 2]))


@given(st.binary(max_size=300), st.integers(0, 400))
def test_no_bytes_upset_it(tmp_path_factory: pytest.TempPathFactory, noise: bytes, place: int) -> None:
    folder = tmp_path_factory.getbasetemp()
    whole = with_pyproject("[build-system]\nrequires = ['x']\n")
    packed = zipped({"pkg-1.0/pyproject.toml": "[build-system]\nrequires = ['x']\n"})
    for content in (noise, whole[:place] + noise + whole[place:], packed[:place] + noise + packed[place + 1 :]):
        # Anything else that is raised fails the test.
        with suppress(ResolutionFailed):
            build_system(archive(folder, content))
