"""What of a lock is installed: the best file for a base, and never one without a checksum."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.tags import Tag

from commands.errors import Problem, ResolutionFailed
from commands.model.images import Platform, PythonRuntime
from commands.model.packages import LockedPackage, PackageFile
from commands.packages.lock_file import read_lock, with_addresses, without_login
from commands.packages.platforms import wheel_tags

PLATFORM = Platform("linux", "amd64")
GLIBC = wheel_tags(PLATFORM, PythonRuntime("3.11.2", "/usr/bin/python3", "glibc", "2.36"))
MUSL = wheel_tags(PLATFORM, PythonRuntime("3.11.2", "/usr/bin/python3", "musl", "1.2.5"))
SHA = "ab" * 32
BEGIN = 'lock-version = "1.0"\ncreated-by = "uv"\n'


def entry(name: str, *, sha256: str = SHA, url: str = "", size: int | None = None) -> str:
    sized = "" if size is None else f", size = {size}"
    return f'{{ url = "{url or f"https://index.example/{name}"}", hashes = {{ sha256 = "{sha256}" }}{sized} }}'


def lock(*wheels: str, sdist: str = "", name: str = "pkg", version: str = "1.0") -> str:
    listed = f"wheels = [{', '.join(map(entry, wheels))}]\n" if wheels else ""
    source = f"sdist = {entry(sdist)}\n" if sdist else ""
    return f'{BEGIN}[[packages]]\nname = "{name}"\nversion = "{version}"\n{source}{listed}'


def chosen(text: str, tags: Sequence[Tag] = GLIBC) -> str:
    (package,) = read_lock(text, requested={"pkg"}, tags=tags)
    return package.file.name


def assert_is_clear(problem: Problem) -> None:
    assert problem.message.isprintable()
    assert problem.hint
    assert all(line.isprintable() and len(line) <= 200 for line in problem.details)


ANY = "pkg-1.0-py3-none-any.whl"
OLD = "pkg-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
NEW = "pkg-1.0-cp311-cp311-manylinux_2_34_x86_64.whl"
TOO_NEW = "pkg-1.0-cp311-cp311-manylinux_2_39_x86_64.whl"
ABI3 = "pkg-1.0-cp38-abi3-manylinux_2_17_x86_64.whl"
MUSL_WHEEL = "pkg-1.0-cp311-cp311-musllinux_1_2_x86_64.whl"
ARM = "pkg-1.0-cp311-cp311-manylinux_2_17_aarch64.whl"
WINDOWS = "pkg-1.0-cp311-cp311-win_amd64.whl"
OTHER_PYTHON = "pkg-1.0-cp312-cp312-manylinux_2_17_x86_64.whl"
SOURCE = "pkg-1.0.tar.gz"


@pytest.mark.parametrize(
    ("wheels", "best"),
    [
        ([ANY], ANY),
        ([ANY, OLD], OLD),
        ([OLD, NEW, ANY], NEW),
        ([TOO_NEW, OLD], OLD),
        ([ABI3, ANY], ABI3),
        ([ABI3, OLD], OLD),
        ([ARM, WINDOWS, OTHER_PYTHON, MUSL_WHEEL, ANY], ANY),
        (["pkg-1.0-py2.py3-none-any.whl", WINDOWS], "pkg-1.0-py2.py3-none-any.whl"),
        (["pkg-1.0-1-py3-none-any.whl"], "pkg-1.0-1-py3-none-any.whl"),
    ],
)
def test_the_best_wheel_for_the_base_is_taken_in_any_order(wheels: list[str], best: str) -> None:
    assert chosen(lock(*wheels)) == chosen(lock(*reversed(wheels), sdist=SOURCE)) == best


@pytest.mark.parametrize(
    ("wheels", "best"), [([OLD, NEW, MUSL_WHEEL], MUSL_WHEEL), ([OLD, NEW, ANY], ANY), ([ABI3, OLD], SOURCE)]
)
def test_a_base_with_musl_gets_no_wheel_for_glibc(wheels: list[str], best: str) -> None:
    assert chosen(lock(*wheels, sdist=SOURCE), MUSL) == best


@pytest.mark.parametrize("wheels", [(), (WINDOWS,), (ARM, OTHER_PYTHON), (MUSL_WHEEL, TOO_NEW)])
def test_without_a_wheel_that_runs_there_the_source_is_taken(wheels: tuple[str, ...]) -> None:
    assert chosen(lock(*wheels, sdist=SOURCE)) == SOURCE


@pytest.mark.parametrize("wheels", [(WINDOWS,), (TOO_NEW, ARM, OTHER_PYTHON)])
def test_a_package_without_any_file_for_the_base_is_named(wheels: tuple[str, ...]) -> None:
    with pytest.raises(ResolutionFailed, match=r"no file of `pkg==1\.0` for this base") as caught:
        chosen(lock(*wheels))
    assert_is_clear(caught.value)


@pytest.mark.parametrize("wheel", ["other-1.0-py3-none-any.whl", "pkg-2.0-py3-none-any.whl", "pkg.whl", "pkg-1.0.exe"])
@pytest.mark.parametrize("beside", [(), (ANY,)])
def test_a_wheel_of_something_else_makes_the_lock_none(wheel: str, beside: tuple[str, ...]) -> None:
    with pytest.raises(ResolutionFailed, match="not a list of packages") as caught:
        chosen(lock(*beside, wheel))
    assert_is_clear(caught.value)


@pytest.mark.parametrize("sdist", ["other-1.0.tar.gz", "pkg-2.0.tar.gz", "pkg-1.0.tar.bz2", "pkg-1.0.egg", "pkg.zip"])
def test_a_source_of_something_else_makes_the_lock_none(sdist: str) -> None:
    with pytest.raises(ResolutionFailed, match="not a list of packages") as caught:
        chosen(lock(sdist=sdist))
    assert_is_clear(caught.value)


def test_a_lock_is_read_whole_and_sorted() -> None:
    text = (
        BEGIN
        + f'[[packages]]\nname = "zope-x"\nversion = "2"\nwheels = [{entry("zope_x-2-py3-none-any.whl", size=7)}]\n'
        + f'[[packages]]\nname = "a"\nversion = "1.0"\nsdist = {entry("a-1.0.zip")}\n'
    )
    assert read_lock(text, requested={"zope-x"}, tags=GLIBC) == (
        LockedPackage("a", "1.0", PackageFile("a-1.0.zip", "https://index.example/a-1.0.zip", SHA), requested=False),
        LockedPackage(
            "zope-x",
            "2",
            PackageFile("zope_x-2-py3-none-any.whl", "https://index.example/zope_x-2-py3-none-any.whl", SHA, 7),
            requested=True,
        ),
    )


@pytest.mark.parametrize("sha256", ["", "ab", "AB" * 32, "zz" * 32, SHA + "0", f"{SHA} --x"])
def test_a_file_without_a_proper_checksum_is_not_installed(sha256: str) -> None:
    text = f'{BEGIN}[[packages]]\nname = "pkg"\nversion = "1.0"\nwheels = [{entry(ANY, sha256=sha256)}]\n'
    with pytest.raises(ResolutionFailed, match=r"no SHA-256 checksum for `pkg==1\.0`") as caught:
        chosen(text)
    assert_is_clear(caught.value)


def test_another_kind_of_checksum_is_not_enough() -> None:
    wheel = f'{{ url = "https://index.example/{ANY}", hashes = {{ md5 = "00" }} }}'
    with pytest.raises(ResolutionFailed, match="no SHA-256 checksum"):
        chosen(f'{BEGIN}[[packages]]\nname = "pkg"\nversion = "1.0"\nwheels = [{wheel}]\n')


FOREIGN = '[[packages]]\nname = "pkg"\nversion = "1.0"\n'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x1b[31mnot a lock\x07",
        "pkg==1.0",
        "lock-version = 1.0",
        'lock-version = "1.0"\ncreated-by = "uv"\npackages = 3',
        'lock-version = "9.0"\ncreated-by = "uv"\npackages = []',
        # Nothing is said of what was asked for.
        f"{BEGIN}packages = []",
        f'{BEGIN}[[packages]]\nname = "other"\nversion = "1.0"\nwheels = [{entry("other-1.0-py3-none-any.whl")}]',
        # No version; a checksum is missing.
        f'{BEGIN}[[packages]]\nname = "pkg"\nwheels = [{entry(ANY)}]',
        f'{BEGIN}{FOREIGN}wheels = [{{ url = "https://index.example/{ANY}" }}]',
        # Not from an index.
        f'{BEGIN}{FOREIGN}archive = {{ url = "https://x.example/a.tgz", hashes = {{ sha256 = "{SHA}" }} }}',
        f'{BEGIN}{FOREIGN}directory = {{ path = "/etc" }}',
        f'{BEGIN}{FOREIGN}vcs = {{ type = "git", url = "https://x.example", commit-id = "1" }}',
        # A file of this host; an address that is none.
        f'{BEGIN}{FOREIGN}wheels = [{{ path = "{ANY}", hashes = {{ sha256 = "{SHA}" }} }}]',
        f"{BEGIN}{FOREIGN}wheels = [{entry(ANY, url=f'https://[/{ANY}')}]",
    ],
)
def test_what_is_no_lock_of_an_index_is_refused(text: str) -> None:
    with pytest.raises(ResolutionFailed) as caught:
        chosen(text)
    assert_is_clear(caught.value)


@given(st.text(max_size=200) | st.text("[]{}=\"'\n.packgesnmvriowhl1-", max_size=200).map(lambda text: BEGIN + text))
def test_no_text_upsets_the_reading_of_a_lock(text: str) -> None:
    try:
        read_lock(text, requested={"pkg"}, tags=GLIBC)
    except ResolutionFailed as problem:
        assert_is_clear(problem)


@given(
    st.text(st.characters(exclude_characters='"\\', exclude_categories=["Cs", "Cc"]), max_size=60),
    st.sampled_from(["{}", "../{}", "pkg-1.0-{}-none-any.whl", "pkg-1.0-py3-none-{}.whl", "{}-1.0-py3-none-any.whl"]),
)
def test_no_name_of_a_file_leads_out_of_the_folder_it_is_put_in(text: str, form: str) -> None:
    name = form.format(text)
    wheel = f'{{ name = "{name}", url = "https://index.example/x", hashes = {{ sha256 = "{SHA}" }} }}'
    try:
        (package,) = read_lock(f"{BEGIN}{FOREIGN}wheels = [{wheel}]\n", requested={"pkg"}, tags=GLIBC)
    except ResolutionFailed as problem:
        assert_is_clear(problem)
    else:
        assert "/" not in package.file.name
        assert package.file.name.endswith(".whl")
        assert package.file.name.isascii()


LOGINS: Mapping[str, str] = {
    "https://me:secret@index.example/x": "https://index.example/x",
    "https://me@index.example:8443/x": "https://index.example:8443/x",
    "https://a:b@c@index.example/x?q=1#f": "https://index.example/x?q=1#f",
    "https://index.example/me@x": "https://index.example/me@x",
}


@pytest.mark.parametrize(("url", "plain"), LOGINS.items())
def test_a_login_is_taken_out_of_an_address(url: str, plain: str) -> None:
    assert without_login(url) == plain


def test_no_login_stays_in_what_is_locked() -> None:
    wheel = entry(ANY, url=f"https://me:secret@index.example/{ANY}")
    (package,) = read_lock(f"{BEGIN}{FOREIGN}wheels = [{wheel}]\n", requested={"pkg"}, tags=GLIBC)
    assert package.file.url == f"https://index.example/{ANY}"


def test_relocating_changes_the_address_and_nothing_else() -> None:
    need = PackageFile("n-1-py3-none-any.whl", "https://there.example/n", SHA)
    before = LockedPackage("a", "1", PackageFile("a-1.tar.gz", "http://inside/1", SHA, 3), True, (need,))
    (after,) = with_addresses((before,), lambda url: url.replace("http://inside", "https://real.example"))
    assert after == LockedPackage("a", "1", PackageFile("a-1.tar.gz", "https://real.example/1", SHA, 3), True, (need,))


def test_a_file_keeps_its_size_and_when_it_was_uploaded_if_the_index_says_so() -> None:
    told = entry(ANY, size=7).replace("size", "upload-time = 2024-04-26T01:26:02Z, size")
    known = lock(ANY).replace(entry(ANY), told)

    (package,) = read_lock(known, requested={"pkg"}, tags=GLIBC)
    (silent,) = read_lock(lock(sdist=SOURCE), requested={"pkg"}, tags=GLIBC)

    assert (package.file.size, package.file.uploaded) == (7, datetime(2024, 4, 26, 1, 26, 2, tzinfo=UTC))
    assert (silent.file.size, silent.file.uploaded) == (None, None)
    assert (package.file.is_wheel, silent.file.is_wheel) == (True, False)
