import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.build.context import context_for, os_packages_text, pack, requirements_text
from commands.build.dockerfile import Recipe
from commands.model.packages import LockedPackage, OsPackage
from tests.build_specs import HASHES, a_package, a_spec

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
        "python/cache",
        "python/compile.py",
        "python/requirements.txt",
        "python/uv",
    ]
    assert files["Dockerfile"] == b"FROM x\n"
    assert files["os/os-packages.txt"] == b"wget\n"


def test_each_installer_gets_the_certificates_and_only_the_python_one_the_index() -> None:
    files = files_in(context_for(a_spec(), RECIPE, ca_bundle=b"PEM", uv_config=b"[[index]]"))
    assert files["os/ca-bundle.crt"] == files["python/ca-bundle.crt"] == b"PEM"
    assert files["python/uv.toml"] == b"[[index]]"
    assert "os/uv.toml" not in files
    assert b'Acquire::https::CaInfo "/mnt/ca-bundle.crt";' in (files["os/apt.conf"] or b"")


def test_without_a_bundle_apt_trusts_what_the_base_trusts() -> None:
    assert b"CaInfo" not in (files_in(context_for(a_spec(), RECIPE))["os/apt.conf"] or b"")


def test_nothing_is_packed_for_what_is_not_installed() -> None:
    assert list(files_in(context_for(a_spec(locked=(), os_packages=()), RECIPE, ca_bundle=b"x"))) == ["Dockerfile"]


def test_a_locked_package_is_written_with_all_its_hashes() -> None:
    assert requirements_text((a_package("six", "1.17.0"), a_package("idna", "3.20"))) == (
        f"six==1.17.0 \\\n    --hash={HASHES[0]} \\\n    --hash={HASHES[1]}\n"
        f"idna==3.20 \\\n    --hash={HASHES[0]} \\\n    --hash={HASHES[1]}\n"
    )


def test_os_packages_are_written_one_a_line_with_their_exact_versions() -> None:
    packages = (OsPackage("g++"), OsPackage("wget", "1.21.3-1+deb12u1"), OsPackage("exim4", "2:4.96~rc1-15"))
    assert os_packages_text(packages) == "g++\nwget=1.21.3-1+deb12u1\nexim4=2:4.96~rc1-15\n"


@pytest.mark.parametrize(
    "package",
    [
        LockedPackage("a\nb", "1", HASHES, requested=True),
        LockedPackage("--index-url", "1", HASHES, requested=True),
        LockedPackage("Not_Normalised", "1", HASHES, requested=True),
        LockedPackage("a", "1 --hash=x", HASHES, requested=True),
        LockedPackage("a", "1\n-r /etc/passwd", HASHES, requested=True),
        LockedPackage("a", "", HASHES, requested=True),
        LockedPackage("a", "1", ("md5:00",), requested=True),
        LockedPackage("a", "1", ("sha256:" + "a" * 64 + "\n",), requested=True),
        LockedPackage("a", "1", (), requested=True),
    ],
)
def test_a_locked_package_that_would_be_another_line_raises(package: LockedPackage) -> None:
    with pytest.raises(ValueError, match=r"cannot stand in a list|has no hash"):
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
