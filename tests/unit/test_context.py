import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.model.packages import LockedPackage, OsPackage
from commands.recipe.context import context_for, files_for, os_packages_text, pack, requirements_text
from commands.recipe.dockerfile import Recipe
from tests.fakes.files import a_source, a_wheel
from tests.kit.build_specs import a_package, a_source_package, a_spec

RECIPE = Recipe("FROM x\n", ("Base x",))


def files_in(context: bytes) -> dict[str, bytes | None]:
    with tarfile.open(fileobj=io.BytesIO(context)) as archive:
        return {
            member.name: None if (file := archive.extractfile(member)) is None else file.read() for member in archive
        }


def test_the_context_holds_the_lists_of_packages_and_nothing_else() -> None:
    files = files_in(context_for(a_spec(), RECIPE))
    assert sorted(files) == [
        "Dockerfile",
        "os",
        "os/apt.conf",
        "os/cache",
        "os/lists",
        "os/os-packages.txt",
        "python",
        "python/compile.py",
        "python/files",
        "python/folders.py",
        "python/sources.txt",
        "python/uv",
        "python/wheels.txt",
    ]
    assert files["Dockerfile"] == b"FROM x\n"
    assert files["os/os-packages.txt"] == b"wget\n"


def test_each_installer_gets_the_certificates() -> None:
    files = files_in(context_for(a_spec(), RECIPE, ca_bundle=b"PEM"))
    assert files["os/ca-bundle.crt"] == files["python/ca-bundle.crt"] == b"PEM"
    assert b'Acquire::https::CaInfo "/mnt/ca-bundle.crt";' in (files["os/apt.conf"] or b"")


def test_without_a_bundle_apt_trusts_what_the_base_trusts() -> None:
    assert b"CaInfo" not in (files_in(context_for(a_spec(), RECIPE))["os/apt.conf"] or b"")


def test_nothing_is_packed_for_what_is_not_installed() -> None:
    assert list(files_in(context_for(a_spec(locked=(), os_packages=()), RECIPE, ca_bundle=b"x"))) == ["Dockerfile"]


def test_no_address_of_an_index_gets_into_the_context() -> None:
    packed = context_for(a_spec(locked=(*a_spec().locked, a_source_package("docopt"))), RECIPE, ca_bundle=b"PEM")
    assert all(file.url.encode() not in packed for file in (a_wheel("mechanize", "0.4.10"), a_source("docopt")))
    assert not [name for name in files_in(packed) if name.endswith(".toml")]


def test_a_locked_package_is_written_with_the_hash_of_its_file() -> None:
    six, idna = a_package("six", "1.17.0"), a_package("idna", "3.20")
    assert requirements_text((six, idna)) == (
        f"six==1.17.0 --hash=sha256:{six.file.sha256}\nidna==3.20 --hash=sha256:{idna.file.sha256}\n"
    )


def test_wheels_and_sources_are_listed_apart() -> None:
    wheel, archive = a_package("six"), a_source_package("docopt")
    files = files_in(context_for(a_spec(locked=(archive, wheel)), RECIPE))
    assert files["python/wheels.txt"] == requirements_text((wheel,)).encode()
    assert files["python/sources.txt"] == requirements_text((archive,)).encode()


def test_every_file_is_sent_under_the_name_by_which_the_installer_knows_it() -> None:
    wheel, archive = a_wheel("six"), a_source("docopt")
    assert files_for({wheel: Path("/kept/1"), archive: Path("/kept/2")}) == {
        "python/files/six-1.0-py3-none-any.whl": Path("/kept/1"),
        "python/files/docopt-1.0.tar.gz": Path("/kept/2"),
    }


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x.whl", "a/b.whl", "a\nb.whl", "/x.whl", "-r.whl", ".x.whl", "a b.whl", "a" * 256]
)
def test_a_file_whose_name_would_be_another_place_raises(name: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in a list"):
        files_for({replace(a_wheel("six"), name=name): Path("/kept/1")})


def test_os_packages_are_written_one_a_line_with_their_exact_versions() -> None:
    packages = (OsPackage("g++"), OsPackage("wget", "1.21.3-1+deb12u1"), OsPackage("exim4", "2:4.96~rc1-15"))
    assert os_packages_text(packages) == "g++\nwget=1.21.3-1+deb12u1\nexim4=2:4.96~rc1-15\n"


def with_hash(sha256: str) -> LockedPackage:
    return replace(a_package("a"), file=replace(a_wheel("a"), sha256=sha256))


@pytest.mark.parametrize(
    "package",
    [
        a_package("a\nb"),
        a_package("--index-url"),
        a_package("Not_Normalised"),
        a_package("a", "1 --hash=x"),
        a_package("a", "1\n-r /etc/passwd"),
        a_package("a", ""),
        with_hash("00"),
        with_hash("a" * 64 + "\n"),
        with_hash("a" * 63 + "G"),
        with_hash(""),
    ],
)
def test_a_locked_package_that_would_be_another_line_raises(package: LockedPackage) -> None:
    with pytest.raises(ValueError, match="cannot stand in a list"):
        requirements_text((package,))


@pytest.mark.parametrize(
    "package",
    [
        OsPackage("a b"),
        OsPackage("a\nb"),
        OsPackage("-oDPkg::Pre-Invoke=evil"),
        OsPackage("a'b"),
        OsPackage('a"b'),
        OsPackage("a\\b"),
        OsPackage("wget-"),
        OsPackage("wget:i386"),
        OsPackage("./x.deb"),
        OsPackage("wget", "1.*"),
        OsPackage("wget", "1-"),
        OsPackage("wget", ""),
        OsPackage("wget", "1 --allow-downgrades"),
        OsPackage(""),
    ],
)
def test_an_os_package_that_would_be_another_order_raises(package: OsPackage) -> None:
    with pytest.raises(ValueError, match="cannot stand in a list"):
        os_packages_text((package,))


PATHS = st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8}){0,3}\.txt", fullmatch=True)


@given(st.dictionaries(PATHS, st.binary(max_size=2000), max_size=8))
def test_the_same_files_give_the_same_bytes_in_any_order_and_come_out_again(files: dict[str, bytes]) -> None:
    packed = pack(files)
    assert packed == pack(dict(reversed(files.items())))
    assert {name: content for name, content in files_in(packed).items() if content is not None} == files


def test_the_tar_tells_nothing_of_this_host_and_buildkit_knows_it_for_one() -> None:
    packed = pack({"Dockerfile": b"FROM x", "a/" + "b" * 90 + "/" + "c" * 90: b"", "folder/": b""})
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        members = archive.getmembers()
    assert {(member.uid, member.gid, member.uname, member.mtime) for member in members} == {(0, 0, "", 0)}
    assert {member.mode for member in members if member.isdir()} == {0o755}
    assert {member.mode for member in members if member.isfile()} == {0o644}
    # A PAX header would come first, with its own type; BuildKit would take the whole for a Dockerfile.
    assert packed[156:157] in (tarfile.REGTYPE, tarfile.DIRTYPE)
    assert packed[257:262] == b"ustar"
