"""Files out of a tar in pieces: as `tarfile` would find them, and whatever is done to the archive without an error."""

import io
import tarfile
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.engine.archive import Gathered
from commands.engine.interface import FilesRead, ReadOrder
from commands.model.images import ImageId

ALL = ReadOrder(ImageId("sha256:1"), {}, lambda _: True)
DEEP = "/".join(["folder"] * 40)
NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=300).filter(
    lambda name: name.strip("/") == name and not name.startswith("./")
)


def packed(*entries: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    packet = io.BytesIO()
    with tarfile.open(fileobj=packet, mode="w", format=form) as tar:
        for entry, content in entries:
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packet.getvalue()


def file(name: str, content: bytes = b"") -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), content


def special(name: str, kind: bytes, link: str = "") -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, link
    return entry, b""


def in_pieces(archive: bytes, size: int) -> Iterator[bytes]:
    return (archive[start : start + size] for start in range(0, len(archive), size))


def read(archive: bytes, order: ReadOrder = ALL, *, piece: int = 1000) -> FilesRead:
    gathered = Gathered(order, lambda: 0.0)
    gathered.look_through(in_pieces(archive, piece), order.wanted)
    return gathered.result()


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("piece", [1, 511, 512, 10_000])
def test_files_are_found_in_every_format_however_the_archive_is_cut(form: int, piece: int) -> None:
    expected = {"a": b"1", "empty": b"", f"{DEEP[:150]}/b": bytes(range(256)) * 5, "zwölf": b"12"}
    entries = [special("folder", tarfile.DIRTYPE), *(file(*one) for one in expected.items())]

    assert read(packed(*entries, form=form), piece=piece) == FilesRead(expected)


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@given(st.dictionaries(NAMES, st.binary(max_size=2000), max_size=5), st.integers(100, 3000))
@settings(max_examples=60)
def test_every_name_and_content_comes_out_as_it_went_in(form: int, files: dict[str, bytes], piece: int) -> None:
    assert read(packed(*(file(*one) for one in files.items()), form=form), piece=piece) == FilesRead(files)


@pytest.mark.parametrize("written", ["./etc/x", "/etc/x", "././etc/x", "//etc/x"])
def test_paths_come_without_what_stands_in_front(written: str) -> None:
    assert read(packed(file(written, b"1"))).files == {"etc/x": b"1"}


def test_a_path_that_leads_upwards_is_a_name_like_any_other() -> None:
    assert read(packed(file("../../etc/x", b"1"))).files == {"../../etc/x": b"1"}


def test_what_is_no_file_is_left_out_and_what_is_not_wanted_too() -> None:
    kinds = [tarfile.SYMTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE]
    archive = packed(*(special(f"s{number}", kind, "a") for number, kind in enumerate(kinds)), file("a", b"1"))

    assert read(archive) == FilesRead({"a": b"1"})
    assert read(archive, ReadOrder(ALL.image, {}, lambda path: path == "s0")) == FilesRead({})


def test_a_further_name_of_a_file_has_its_content() -> None:
    archive = packed(file("cache/1", b"1"), special("b", tarfile.LNKTYPE, "cache/1"))

    assert read(archive).files == {"cache/1": b"1", "b": b"1"}


def test_a_file_under_a_name_that_is_not_wanted_is_missed_and_told_with_a_further_look() -> None:
    archive = packed(file("cache/1", b"1"), special("b", tarfile.LNKTYPE, "cache/1"))
    order = ReadOrder(ALL.image, {}, lambda path: path == "b")
    gathered = Gathered(order, lambda: 0.0)

    gathered.look_through([archive], order.wanted)
    assert gathered.unread_targets == {"cache/1"}
    gathered.look_through([archive], gathered.unread_targets.__contains__)

    assert (gathered.unread_targets, gathered.result()) == (frozenset(), FilesRead({"b": b"1"}))


def test_a_file_that_a_further_look_finds_too_long_is_told() -> None:
    archive = packed(file("cache/1", b"12"), special("b", tarfile.LNKTYPE, "cache/1"))
    gathered = Gathered(ReadOrder(ALL.image, {}, lambda path: path == "b", file_limit=1), lambda: 0.0)

    gathered.look_through([archive], lambda path: path == "b")
    gathered.look_through([archive], gathered.unread_targets.__contains__)

    assert gathered.result() == FilesRead({}, "'cache/1' left out for being too long")


def test_a_further_name_of_a_file_that_is_nowhere_is_told() -> None:
    assert read(packed(special("b", tarfile.LNKTYPE, "a"))) == FilesRead({}, "'a' left out for being absent")


@pytest.mark.parametrize(
    ("order", "kept", "gap"),
    [
        (ReadOrder(ALL.image, {}, ALL.wanted, file_limit=1), ["a"], "'b' and 1 others left out for being too long"),
        (ReadOrder(ALL.image, {}, ALL.wanted, files_limit=2), ["a", "b"], "there are more than 2 such files"),
        (ReadOrder(ALL.image, {}, ALL.wanted, bytes_limit=2048), ["a", "b"], "the image holds more than 2,048 bytes"),
        (ReadOrder(ALL.image, {}, ALL.wanted, kept_limit=5), ["a", "b"], "such files have more than 5 bytes together"),
    ],
)
def test_a_limit_is_told_and_what_came_before_it_is_kept(order: ReadOrder, kept: list[str], gap: str) -> None:
    archive = packed(file("a", b"1"), file("b", b"22"), file("c", b"333"))

    found = read(archive, order, piece=512)

    assert (sorted(found.files), found.gap) == (kept, gap)


def test_the_time_ends_it_between_two_pieces() -> None:
    moments = iter([0.0, 1.0, 2.0, 61.0])
    gathered = Gathered(ALL, lambda: next(moments))

    gathered.look_through(in_pieces(packed(file("a", b"1"), file("b", b"2")), 512), ALL.wanted)

    assert gathered.result() == FilesRead({"a": b"1"}, "it took longer than 60 s")


def test_the_limit_of_all_that_is_kept_is_one_for_both_looks() -> None:
    archive = packed(file("a", b"1"), special("b", tarfile.LNKTYPE, "a"), file("c", b"333"))
    gathered = Gathered(ReadOrder(ALL.image, {}, "bc".__contains__, kept_limit=3), lambda: 0.0)

    gathered.look_through([archive], "bc".__contains__)
    gathered.look_through([archive], gathered.unread_targets.__contains__)

    assert gathered.result() == FilesRead({"c": b"333"}, "such files have more than 3 bytes together")


def test_further_names_count_as_files() -> None:
    archive = packed(file("a", b"1"), *(special(f"b{number}", tarfile.LNKTYPE, "a") for number in range(5)))

    found = read(archive, ReadOrder(ALL.image, {}, ALL.wanted, files_limit=3))

    assert found == FilesRead({"a": b"1", "b0": b"1", "b1": b"1"}, "there are more than 3 such files")


@pytest.mark.parametrize(
    ("path", "shown"), [("n" * 200, "n" * 80), ("a\nb\u202e\x1b", "a?b??"), ("zwölf <b>", "zwölf <b>")]
)
def test_a_path_in_a_gap_is_short_and_printable(path: str, shown: str) -> None:
    found = read(packed(file(path, b"12")), ReadOrder(ALL.image, {}, ALL.wanted, file_limit=1))

    assert found.gap == f"'{shown}' left out for being too long"


def test_of_what_was_passed_over_nothing_is_remembered() -> None:
    entries = 20_000
    archive = packed(*(file(f"{number}", b"") for number in range(entries)))
    gathered = Gathered(ALL, lambda: 0.0)
    tracemalloc.start()
    try:
        gathered.look_through(in_pieces(archive, 1 << 16), lambda _: False)
        assert tracemalloc.get_traced_memory()[1] < 2 << 20  # 16 MB if each was
    finally:
        tracemalloc.stop()


def with_bytes(archive: bytes, place: int, new: bytes) -> bytes:
    return archive[:place] + new + archive[place + len(new) :]


def signed(header: bytes) -> bytes:
    """Give a header the checksum that it should have."""
    number = sum(with_bytes(header, 148, b" " * 8))
    return with_bytes(header, 148, b"%06o\0 " % number)


GOOD = packed(file("a", b"1"))
TWO = packed(file("a", b"1"), file("b", b"2"))
DAMAGED = "the archive that the daemon made from it is damaged"


def extra(kind: bytes, body: bytes, *, size: int | None = None) -> bytes:
    """Make an entry that says more of the next one."""
    header = with_bytes(with_bytes(GOOD[:512], 156, kind), 124, b"%011o\0" % (len(body) if size is None else size))
    return signed(header) + body + bytes(-len(body) % 512)


@pytest.mark.parametrize(
    ("archive", "kept"),
    [
        (b"", []),
        (b"<html>", []),
        (b"no tar at all" * 100, []),
        (TWO[:1024], ["a"]),
        (TWO[:1300], ["a"]),
        (TWO[:1536], ["a"]),
        (TWO[:2000], ["a", "b"]),
        (TWO[:2048], ["a", "b"]),
        (with_bytes(TWO, 1024, b"x"), ["a"]),
        (with_bytes(packed(file("a", b"1"), file("b")), 1024, b"x"), ["a"]),
        (with_bytes(TWO, 1024 + 148, b"99999999"), ["a"]),
        (signed(with_bytes(GOOD[:512], 124, b"\xff" * 12)) + GOOD[512:], ["a"]),
        (signed(with_bytes(GOOD[:512], 124, b"\xff" * 10 + b"\x00" * 2)) + GOOD[512:], ["a"]),
        (signed(with_bytes(GOOD[:512], 124, b"\x80" + b"\x7f" * 11)) + GOOD[512:], []),
        (extra(b"L", b"", size=0o77777777777), []),
        (extra(b"L", b"n" * 60_000) + GOOD, []),
        (extra(b"L", b"n") * 2000 + GOOD, []),
        (extra(b"L", b"n"), []),
        (extra(b"L", b"n") + bytes(1024), []),
        (packed(*[special("n" * 200, tarfile.SYMTYPE)] * 500)[:-11_000], []),
        (extra(b"x", b"0 path=a\n") + GOOD, []),
        (extra(b"x", b"22 GNU.sparse.map=a,b\n") + GOOD, []),
        (extra(b"x", b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n") + GOOD, []),
        (extra(b"x", "21 hdrcharset=\udcff\n".encode(errors="surrogateescape")) + GOOD, []),
    ],
)
def test_a_damaged_archive_ends_with_a_gap(archive: bytes, kept: list[str]) -> None:
    found = read(archive)

    assert (sorted(found.files), found.gap.partition(";")[0]) == (kept, DAMAGED)


@pytest.mark.parametrize("record", ["x path=b", "5 b", "99 path=b\n", "9 size=x\n", "12 size=-1\n\n", "²"])
def test_attributes_that_are_none_harm_no_other_file(record: str) -> None:
    found = read(packed(file("c", b"3"))[:1024] + extra(b"x", record.encode()) + GOOD)

    assert found.files["c"] == b"3"


def test_a_file_with_holes_is_read_whole() -> None:
    block = b"%011o\0" * 2 % (512, 3)  # three bytes at 512
    header = with_bytes(with_bytes(with_bytes(GOOD[:512], 156, b"S"), 386, block), 483, b"%011o\0" % 600)
    archive = signed(with_bytes(header, 124, b"%011o\0" % 3)) + b"end".ljust(512, b"\0") + packed(file("b", b"2"))

    assert read(archive) == FilesRead({"a": bytes(512) + b"end" + bytes(85), "b": b"2"})


def test_a_name_that_is_no_text_is_kept_as_well_as_it_can_be() -> None:
    entry = tarfile.TarInfo("n\udcff")

    assert read(packed((entry, b"1"), form=tarfile.GNU_FORMAT)).files == {"n\ufffd": b"1"}


@given(st.data())
@settings(max_examples=300)
def test_whatever_is_done_to_an_archive_nothing_is_raised(data: st.DataObject) -> None:
    archive = packed(file(DEEP, b"1" * 700), special("b", tarfile.LNKTYPE, DEEP), file("zwölf", b"2"), file("c", b"3"))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(archive) - 1))
        archive = with_bytes(archive, place, data.draw(st.binary(min_size=1, max_size=600)))
        if data.draw(st.booleans()):  # Else hardly anything would come past the checksum.
            start = place // 512 * 512
            archive = with_bytes(archive, start, signed(archive[start : start + 512].ljust(512, b"\0")))

    found = read(archive, ReadOrder(ALL.image, {}, ALL.wanted, bytes_limit=1 << 20))

    assert found.gap or all(isinstance(content, bytes) for content in found.files.values())
