"""What is installed in an image, by files as they really are and by rubbish."""

import re
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from commands.engine.interface import FilesRead, ReadOrder
from commands.errors import EngineUnavailable, Problem
from commands.inventory.gathering import MOST, VERSIONS_MOST
from commands.inventory.reading import Inventories, inventory_in, is_wanted
from commands.model.images import ImageId
from commands.model.packages import Inventory
from tests.fakes.engine import FakeEngine
from tests.fakes.host import PATIENCE_SECONDS

SITE = "usr/local/lib/python3.12/site-packages"
DIST = "usr/lib/python3/dist-packages"
STATUS = "var/lib/dpkg/status"
IMAGE = ImageId(f"sha256:{'a' * 64}")
LABELS = {"job": "j1"}


class FilesEngine(FakeEngine):
    """A daemon whose images are files, or a problem. `orders` are the readings that were asked for."""

    def __init__(self, *answers: FilesRead | Problem) -> None:
        super().__init__()
        self.answers = list(answers)
        self.orders: list[ReadOrder] = []

    def read_files(self, order: ReadOrder) -> FilesRead:
        self.orders.append(order)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Problem):
            raise answer
        return FilesRead({path: kept for path, kept in answer.files.items() if order.wanted(path)}, answer.gap)


def read(files: Mapping[str, bytes], gap: str = "") -> Inventory:
    return Inventories(FilesEngine(FilesRead(files, gap))).of(IMAGE, LABELS)


def python(metadata: bytes, folder: str = "Some_Thing-9.9.dist-info") -> Mapping[str, str]:
    return read({f"{SITE}/{folder}/METADATA": metadata}).python


def dpkg(*stanzas: str) -> Inventory:
    return read({STATUS: "\n\n".join(stanzas).encode()})


def stanza(name: str, version: str, status: str = "install ok installed", architecture: str = "amd64") -> str:
    return f"Package: {name}\nStatus: {status}\nArchitecture: {architecture}\nVersion: {version}"


# --- Python


def test_an_inventory_is_read_in_one_go_with_the_labels_of_the_job() -> None:
    files_engine = FilesEngine(FilesRead({}))

    Inventories(files_engine).of(IMAGE, LABELS)

    assert [(order.image, order.labels) for order in files_engine.orders] == [(IMAGE, LABELS)]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (f"{SITE}/requests-2.31.0.dist-info/METADATA", b"Metadata-Version: 2.1\nName: requests\nVersion: 2.31.0\n"),
        (f"{DIST}/requests-2.31.0.egg-info", b"Metadata-Version: 1.0\nName: requests\nVersion: 2.31.0\n"),
        (f"{DIST}/requests.egg-info/PKG-INFO", b"Name: requests\nVersion: 2.31.0\n"),
        (f"{SITE}/requests-2.31.0.dist-info/INSTALLER", b"pip\n"),
        (f"{DIST}/requests-2.31.0-py3.11.egg-info", b""),
        (f"{DIST}/requests-2.31.0-py3.11-linux-x86_64.egg-info/PKG-INFO", b"\xff\xfe\x00"),
        ("site-packages/requests-2.31.0.dist-info/METADATA", b""),
        ("opt/tool/venv/lib/python3.9/site-packages/requests-2.31.0.dist-info/METADATA", b""),
    ],
)
def test_a_distribution_is_found_in_every_form_and_prefix(path: str, content: bytes) -> None:
    assert read({path: content}) == Inventory({"requests": "2.31.0"}, None)


@pytest.mark.parametrize(
    "path",
    [
        f"{SITE}/pip/_vendor/requests-2.31.0.dist-info/METADATA",
        f"{SITE}/setuptools/_vendor/wheel-0.43.dist-info/INSTALLER",
        f"{SITE}/~equests-2.31.0.dist-info/METADATA",
        f"{SITE}/requests-2.31.0.dist-info/RECORD",
        f"{SITE}/requests-2.31.0.dist-info/sub/METADATA",
        f"{SITE}/requests-2.31.0.dist-info",
        f"{SITE}/requests/METADATA",
        f"{SITE}/.dist-info/METADATA",
        "src/requests.egg-info/PKG-INFO",
        "not-site-packages/requests-2.31.0.dist-info/METADATA",
        "METADATA",
        "",
    ],
)
def test_copies_inside_packages_and_other_files_are_not_wanted(path: str) -> None:
    assert not is_wanted(path)


@pytest.mark.parametrize(
    ("metadata", "found"),
    [
        (b"Name: A\nVersion: 1\n", {"a": "1"}),
        (b"Name: Zope.Interface_X\r\nVersion: 1.0\r\n\r\nName: no\r\n", {"zope-interface-x": "1.0"}),
        (b"Name: a\rVersion: 1\r", {"a": "1"}),
        (b"\xef\xbb\xbfName: a\nVersion: 1\n", {"a": "1"}),
        (b"NAME : a\nversion:1\n", {"a": "1"}),
        (b"Name:\n  a\nVersion:\n\t1\n", {"a": "1"}),
        (b"Summary: x\n Name: no\nName: a\nVersion: 1\n", {"a": "1"}),
        (b"Name: a\nName: b\nVersion: 1\nVersion: 2\n", {"a": "1"}),
        (b"Name: a\nVersion: 1!2.0rc1+local.7\n", {"a": "1!2.0rc1+local.7"}),
        (b"rubbish\nName: a\nVersion: 1\n", {"a": "1"}),
        (b"Name: a\nVersion: 1\nDescription: " + b"x" * 10_000_000, {"a": "1"}),
        # What is not there, or no name or version, is told by the folder.
        (b"Name: a\n", {"a": "9.9"}),
        (b"Version: 1\n", {"some-thing": "1"}),
        (b"", {"some-thing": "9.9"}),
        (b"\n\nName: a\nVersion: 1\n", {"some-thing": "9.9"}),
        (b"\x00\xff\xfe" * 1000, {"some-thing": "9.9"}),
        (b"Name: " + b"a" * 10_000_000, {"some-thing": "9.9"}),
        (b"Name: a b\nVersion: 1 or 2\n", {"some-thing": "9.9"}),
        (b"Name: \x1b[31mred\nVersion: 1\x07\n", {"some-thing": "9.9"}),
        (b"Name: <b>a</b>\nVersion: `1`\n", {"some-thing": "9.9"}),
        (b"Name: -a-\nVersion: \xc3\xa9\n", {"some-thing": "9.9"}),
        (b"Name: ../a\nVersion: ../1\n", {"some-thing": "9.9"}),
    ],
)
def test_name_and_version_are_read_from_odd_metadata(metadata: bytes, found: Mapping[str, str]) -> None:
    assert python(metadata) == found


@pytest.mark.parametrize(
    ("stem", "found"),
    [
        ("ruamel.yaml-0.17.21", {"ruamel-yaml": "0.17.21"}),
        ("with-dash-1.0-py3.8", {"with-dash": "1.0"}),
        ("py-1-2", {"py-1": "2"}),
        ("a-1.0.post1", {"a": "1.0.post1"}),
        ("no_version", {}),
        ("-1.0", {}),
        ("\x1b-1.0", {}),
        ("a\n-1.0", {}),
        ("1-" * 2000, {}),
    ],
)
def test_a_folder_tells_name_and_version_or_the_package_is_left_out(stem: str, found: Mapping[str, str]) -> None:
    gap = "" if found else "1 Python package could not be read."

    assert read({f"{SITE}/{stem}.dist-info/METADATA": b""}) == Inventory(found, None, gap=gap)


def test_metadata_counts_more_than_the_installer_in_whatever_order() -> None:
    metadata, installer = f"{SITE}/a-1.dist-info/METADATA", f"{SITE}/a-1.dist-info/INSTALLER"
    content = {metadata: b"Name: a\nVersion: 2\n", installer: b"pip\n"}

    assert read(content).python == {"a": "2"}
    assert read({path: content[path] for path in (installer, metadata)}).python == {"a": "2"}


def test_several_versions_of_a_name_are_told_once_each_in_their_order() -> None:
    folders = [(SITE, "1.10"), (DIST, "1.9"), ("opt/site-packages", "1.9"), ("srv/site-packages", "odd")]
    files = {f"{place}/a.dist-info/METADATA": f"Name: A\nVersion: {version}\n".encode() for place, version in folders}

    assert read(files).python == {"a": "1.9, 1.10, odd"}


def test_endless_versions_of_one_name_do_not_make_an_endless_text() -> None:
    files = {
        f"venv{number}/site-packages/a.dist-info/METADATA": b"Name: a\nVersion: %d\n" % number for number in range(100)
    }

    found = read(files)

    assert found.python["a"] == ", ".join(map(str, range(VERSIONS_MOST)))
    assert found.gap == "80 Python packages could not be read."


# --- dpkg and apk


def test_only_what_is_installed_of_the_dpkg_database_counts() -> None:
    assert dpkg(
        stanza("bash", "5.2.15-2+b2"),
        stanza("held", "1.0", "hold ok installed"),
        stanza("half", "1.0", "install ok half-installed"),
        stanza("unpacked", "1.0", "install ok unpacked"),
        stanza("settings", "1.0", "deinstall ok config-files"),
        stanza("gone", "1.0", "purge ok not-installed"),
        "Package: no-status\nVersion: 1.0",
    ) == Inventory({}, {"bash": "5.2.15-2+b2", "held": "1.0"}, "dpkg")


@pytest.mark.parametrize("version", ["1:2.3-4", "0~rc1-1", "2.36-9+deb12u13", "20230311+deb12u1", "5.36.0-7+b1~bpo.1"])
def test_versions_of_debian_are_told_as_they_are(version: str) -> None:
    assert dpkg(stanza("a1", version)).os_packages == {"a1": version}


def test_packages_of_another_architecture_say_so() -> None:
    found = dpkg(
        stanza("libc6", "2.36", architecture="i386"),
        stanza("libx", "1", architecture="i386"),
        stanza("dpkg", "1.21"),
        stanza("libc6", "2.36"),
        stanza("tzdata", "2024a", architecture="all"),
    )

    assert found.os_packages == {
        "dpkg": "1.21",
        "libc6": "2.36",
        "libc6:i386": "2.36",
        "libx:i386": "1",
        "tzdata": "2024a",
    }


def test_without_dpkg_itself_the_commonest_architecture_is_the_main_one() -> None:
    found = dpkg(stanza("a1", "1", architecture="arm64"), stanza("b1", "1", architecture="arm64"), stanza("c1", "1"))

    assert found.os_packages == {"a1": "1", "b1": "1", "c1:amd64": "1"}


def test_a_distroless_image_has_a_file_for_each_package() -> None:
    files = {
        f"{STATUS}.d/base": b"Package: base-files\nVersion: 12.4+deb12u5\nArchitecture: amd64\nDescription: x\n y\n",
        f"{STATUS}.d/libc6": b"Package: libc6\nVersion: 2.36-9\nArchitecture: amd64\n",
        f"{STATUS}.d/libc6.md5sums": b"0123  usr/lib/libc.so\n",
    }

    assert read(files) == Inventory({}, {"base-files": "12.4+deb12u5", "libc6": "2.36-9"}, "dpkg")


@pytest.mark.parametrize("path", ["lib/apk/db/installed", "usr/lib/apk/db/installed"])
def test_the_database_of_apk_is_read(path: str) -> None:
    content = (
        "C:Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=\nP:musl\nV:1.2.5-r0\nA:x86_64\nS:407278\nT:the musl c library\n"
        "  which goes on\nD:so:libc.musl-x86_64.so.1\np:so:libc.musl-x86_64.so.1=1\nF:lib\nR:ld-musl-x86_64.so.1\n"
        "a:0:0:755\nZ:Q1oADHcE\n\n"
        "C:Q1x\nP:.python-rundeps\nV:20240101.120000\nA:noarch\n\n"
        "C:Q1y\nP:libstdc++\nV:13.2.1_git20240309-r1\n\n"
    )

    assert read({path: content.encode()}) == Inventory(
        {}, {".python-rundeps": "20240101.120000", "libstdc++": "13.2.1_git20240309-r1", "musl": "1.2.5-r0"}, "apk"
    )


def test_an_image_without_a_database_has_none_and_an_empty_one_is_one() -> None:
    assert read({}) == Inventory({}, None)
    assert read({STATUS: b""}) == Inventory({}, {}, "dpkg")
    assert read({"lib/apk/db/installed": b"\n\n"}) == Inventory({}, {}, "apk")


def test_of_two_databases_the_fuller_one_counts() -> None:
    apk = {"lib/apk/db/installed": b"P:a\nV:1\n\nP:b\nV:1\n"}

    assert read({**apk, STATUS: b""}) == Inventory({}, {"a": "1", "b": "1"}, "apk")
    assert read({**apk, STATUS: stanza("a1", "1").encode()}) == Inventory(
        {}, {"a": "1", "b": "1"}, "apk", "There is a database of dpkg as well (1 package), not shown."
    )


@pytest.mark.parametrize(
    ("content", "found", "left_out"),
    [
        (stanza("a1", "1").replace("\n", "\r\n").encode() + b"\r\n\r\n" + stanza("b1", "2").encode(), ["a1", "b1"], 0),
        (b"\n\n\n" + stanza("a1", "1").encode() + b"\n\n\n\n" + stanza("b1", "2").encode() + b"\n\n", ["a1", "b1"], 0),
        (stanza("a1", "1").encode() + b"\nDescription: \xff\xfe\n caf\xe9\n .\n Package: no", ["a1"], 0),
        (stanza("a1", "1").encode() + b"\nPackage: b1\nVersion: 2", ["a1"], 0),
        (stanza("a\xe9", "1").encode("latin-1") + b"\n\n" + stanza("b1", "2").encode(), ["b1"], 1),
        (stanza("a1", "").encode(), [], 1),
        (stanza("", "1").encode() + b"\n\n" + stanza("\x1b[1m", "1").encode(), [], 2),
        (stanza("a1", "1 | rm").encode(), [], 1),
        (stanza("a1", "1", architecture="`id`").encode() + b"\n\n" + stanza("dpkg", "1").encode(), ["dpkg"], 1),
        (stanza("a" * 10_000_000, "1").encode(), [], 1),
        (b"x" * 10_000_000, [], 1),
        (b"\n" * 10_000_000, [], 0),
        (b" " * 10_000_000, [], 0),
        (b"\0" * 1000, [], 1),
        (b"\x1f\x8b\x08 not a database", [], 1),
    ],
)
def test_a_damaged_database_hides_no_more_than_its_damaged_parts(
    content: bytes, found: list[str], left_out: int
) -> None:
    inventory = read({STATUS: content})

    counted = {0: "", 1: "1 entry of", 2: "2 entries of"}[left_out]
    assert list(inventory.os_packages or {}) == found
    assert inventory.gap == (f"{counted} the dpkg database could not be read." if counted else "")


def test_more_packages_than_are_gathered_are_told_of() -> None:
    found = dpkg(*(stanza(f"p{number}", "1") for number in range(MOST + 5)))

    assert len(found.os_packages or {}) == MOST
    assert found.gap == "There are more than 20000 entries of the dpkg database; the others are not shown."


def test_what_the_engine_could_not_read_is_told_with_what_is_left_out() -> None:
    assert read({f"{SITE}/x.dist-info/METADATA": b""}, "it took longer than 60 s").gap == (
        "Not everything could be read: it took longer than 60 s. 1 Python package could not be read."
    )
    assert len(read({}, f"{'x' * 1000} is too long").gap) < 400


PATHS = st.sampled_from(
    [
        STATUS,
        f"{STATUS}.d/one",
        "lib/apk/db/installed",
        f"{SITE}/a-1.dist-info/METADATA",
        f"{SITE}/b.egg-info",
        f"{DIST}/c-2-py3.egg-info/PKG-INFO",
    ]
)
WORDS = st.sampled_from(
    [
        b"Package:",
        b"P:",
        b"V:",
        b"Name:",
        b"Version:",
        b"Status: install ok installed",
        b"\n",
        b"\n\n",
        b" ",
        b"1",
        b"\r",
    ]
)


@given(st.dictionaries(PATHS, st.lists(WORDS | st.binary(max_size=20)).map(b"".join)))
@example({STATUS: b"Package: \x1b\nVersion: 1\nStatus: install ok installed"})
def test_rubbish_never_raises_and_never_gets_into_names_or_versions(files: dict[str, bytes]) -> None:
    found = inventory_in(FilesRead(files))

    plain = re.compile(r"[A-Za-z0-9+._:-]+")
    every = {**found.python, **(found.os_packages or {})}
    assert all(plain.fullmatch(name) for name in every)
    assert all(re.fullmatch(r"[A-Za-z0-9.+!~:_, -]+", version) for version in every.values())
    assert not re.search(r"[\x00-\x1f]", found.gap)


def test_of_five_hundred_distributions_and_packages_none_is_lost_and_no_description_is_read() -> None:
    description = b"\n\n" + b"Name: all-work\nVersion: 2\n" * 1000
    files = {
        f"{SITE}/p{number}-1.dist-info/METADATA": b"Name: p%d\nVersion: 1\n" % number + description
        for number in range(500)
    }

    found = read({**files, STATUS: "\n\n".join(stanza(f"p{number}", "1") for number in range(500)).encode()})

    assert found.python == found.os_packages == {f"p{number}": "1" for number in range(500)}


# --- remembered


def files(version: str) -> FilesRead:
    return FilesRead({f"{SITE}/a.dist-info/METADATA": f"Name: a\nVersion: {version}\n".encode()})


def image(number: int) -> ImageId:
    return ImageId(f"sha256:{number:064x}")


def test_an_image_is_read_once() -> None:
    files_engine = FilesEngine(files("1"))
    inventories = Inventories(files_engine)

    assert [inventories.of(image(1), LABELS) for _ in range(3)] == [Inventory({"a": "1"}, None)] * 3
    assert len(files_engine.orders) == 1


def test_what_was_read_in_part_is_read_again() -> None:
    files_engine = FilesEngine(FilesRead({}, "it took too long"), files("1"))
    inventories = Inventories(files_engine)

    assert inventories.of(image(1), LABELS) == Inventory(
        {}, None, gap="Not everything could be read: it took too long."
    )
    assert inventories.of(image(1), LABELS) == Inventory({"a": "1"}, None)


def test_a_problem_of_the_engine_is_raised_and_not_remembered() -> None:
    files_engine = FilesEngine(EngineUnavailable("The daemon is gone.", hint="Start it."), files("1"))
    inventories = Inventories(files_engine)

    with pytest.raises(EngineUnavailable, match=r"The daemon is gone\."):
        inventories.of(image(1), LABELS)
    assert inventories.of(image(1), LABELS) == Inventory({"a": "1"}, None)


def test_the_image_that_was_asked_for_longest_ago_is_forgotten() -> None:
    files_engine = FilesEngine(files("1"))
    inventories = Inventories(files_engine, most=2)

    for number in (1, 2, 1, 3, 1, 2):
        inventories.of(image(number), LABELS)

    assert [order.image for order in files_engine.orders] == [image(1), image(2), image(3), image(2)]


class SlowFilesEngine(FilesEngine):
    """Answers the first reading only when it is told to."""

    def __init__(self, *answers: FilesRead | Problem) -> None:
        super().__init__(*answers)
        self.started = threading.Event()
        self.may_end = threading.Event()

    def read_files(self, order: ReadOrder) -> FilesRead:
        self.started.set()
        assert self.may_end.wait(PATIENCE_SECONDS)
        return super().read_files(order)


@pytest.mark.parametrize(("first", "readings"), [(files("1"), 1), (EngineUnavailable("Stopped.", hint="Start it."), 2)])
def test_who_asks_meanwhile_waits_and_reads_it_himself_where_that_failed(
    first: FilesRead | Problem, readings: int
) -> None:
    engine = SlowFilesEngine(first, files("1"))
    inventories = Inventories(engine)

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(inventories.of, image(1), LABELS) for _ in range(4)]
        assert engine.started.wait(PATIENCE_SECONDS)
        engine.may_end.set()
        answers = [one.exception() or one.result() for one in asked]

    assert answers.count(Inventory({"a": "1"}, None)) == 5 - readings
    assert len(engine.orders) == readings
