from datetime import UTC, datetime, timedelta

import pytest

from commands.host.selection import Ambiguous, Found, Unknown, familiar, find, parse_wanted, preferred_name
from commands.model.images import ImageId, ListedImage
from commands.model.references import Malformed, Reference
from commands.model.requests import ShortId, Wanted

DIGEST = "sha256:" + "4f" * 32
JOB = "0123456789abcdef012"


def image(number: int, *names: str, digests: tuple[str, ...] = (), digits: str = "") -> ListedImage:
    """An image whose ID begins with `digits`, the younger the higher its number."""
    return ListedImage(
        ImageId(f"sha256:{digits}{number:0{64 - len(digits)}x}"),
        names,
        digests,
        datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number),
        1_000,
        {},
    )


# ── What people type ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("python", Reference("python")),
        ("registry:5000/a/b:c", Reference("registry:5000/a/b", "c")),
        (f"python@{DIGEST}", Reference("python", digest=DIGEST)),
        ("9c1e6b20d7f3", ShortId("9c1e6b20d7f3")),
        ("sha256:9c1e", ShortId("9c1e")),
        (DIGEST, ShortId("4f" * 32)),
        ("4f" * 32, ShortId("4f" * 32)),
        ("deadbeef", ShortId("deadbeef")),
        ("dead/beef", Reference("dead/beef")),
        ("abc", Reference("abc")),
        ("4f" * 33, Reference("4f" * 33)),
        ("cafe:1", Reference("cafe", "1")),
    ],
)
def test_a_name_or_the_beginning_of_an_id_is_read(text: str, wanted: Wanted) -> None:
    assert parse_wanted(text) == wanted


@pytest.mark.parametrize(
    ("text", "correction"),
    [
        ("", None),
        ("--all", None),
        ("-x", None),
        ("../x", None),
        ("a/../b", None),
        ("Demisto/Python3", "demisto/python3"),
        ("DEADBEEF", "deadbeef"),
        ("sha256:DEADBEEF", "sha256:deadbeef"),
        ("http://registry.example/a", "registry.example/a"),
        ("x:", "x"),
        ("a b", "a-b"),
        ("a" * 300, None),
        ("`id`", None),
        ("$(id)", None),
        ("a;b", None),
        ("a|b", None),
        ("a\\b", None),
        ("python@sha256:4f", "python"),
        (f"python:{'t' * 129}", "python"),
        ("<none>:<none>", None),
        ("scratch", None),
    ],
)
def test_what_is_neither_is_refused_with_what_was_meant(text: str, correction: str | None) -> None:
    with pytest.raises(Malformed) as refused:
        parse_wanted(text)

    assert refused.value.correction == correction
    assert refused.value.advice


# ── Names ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "typed", ["python:3", "docker.io/library/python:3", "index.docker.io/python:3", "docker.io/python:3"]
)
def test_a_name_is_found_however_it_is_written(typed: str) -> None:
    python = image(1, "python:3", "mine:1")

    assert find(Reference.parse(typed), [image(2, "python:4"), python]) == Found(python, "python:3")


@pytest.mark.parametrize(
    ("typed", "listed"),
    [
        ("docker.io/library/python", "python"),
        ("docker.io/demisto/python3:1", "demisto/python3:1"),
        ("docker.io/library/a/b", "library/a/b"),
        ("docker.io/library/a:1", "a:1"),
        ("library/a", "a"),
        ("library/a/b", "library/a/b"),
        ("index.docker.io/library/a", "a"),
        ("index.docker.io/library/a/b", "library/a/b"),
        ("docker.io:5000/library/a", "docker.io:5000/library/a"),
        ("localhost/library/a", "localhost/library/a"),
        ("localhost:5000/a:1", "localhost:5000/a:1"),
        ("registry:5000/library/python", "registry:5000/library/python"),
        (f"docker.io/python@{DIGEST}", "python"),
    ],
)
def test_a_name_is_written_as_the_daemon_lists_it(typed: str, listed: str) -> None:
    assert familiar(Reference.parse(typed)) == listed


def test_without_a_tag_latest_is_meant() -> None:
    latest = image(1, "a:latest")

    assert find(Reference("a"), [image(2, "a:2"), latest]) == Found(latest, "a:latest")


def test_without_a_tag_the_only_one_is_meant() -> None:
    only = image(1, "a:7", "other:1")

    assert find(Reference("a"), [image(2, "b:latest"), only]) == Found(only, "a:7")


def test_without_a_tag_one_of_several_is_ambiguous() -> None:
    listing = [image(3, "a:9"), image(2, "b:1"), image(1, "a:8", "a:7")]

    assert find(Reference("a"), listing) == Ambiguous(("a:9", "a:8", "a:7"))


def test_what_is_kept_to_roll_back_to_is_not_what_is_meant() -> None:
    present = image(2, "a:7")
    kept = image(1, f"a:before-{JOB}-7")

    assert find(Reference("a"), [present, kept]) == Found(present, "a:7")
    assert find(Reference("a", f"before-{JOB}-7"), [present, kept]) == Found(kept, f"a:before-{JOB}-7")
    assert find(Reference("a"), [kept]) == Found(kept, f"a:before-{JOB}-7")


def test_a_repository_is_found_by_its_digest() -> None:
    python = image(1, "python:3", digests=(f"python@{DIGEST}",))

    assert find(Reference("python", digest=DIGEST), [python]) == Found(python, f"python@{DIGEST}")
    assert find(Reference("ruby", digest=DIGEST), [python]) == Unknown(())


# ── IDs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_image_is_found_by_the_beginning_of_its_id() -> None:
    wanted, other = image(1, "a:1", digits="9c1e6b"), image(2, "b:1", digits="9c1f")

    assert find(ShortId("9c1e"), [other, wanted]) == Found(wanted, "a:1")
    assert find(ShortId(wanted.id.removeprefix("sha256:")), [other, wanted]) == Found(wanted, "a:1")


def test_several_ids_that_begin_the_same_are_ambiguous() -> None:
    one, two = image(1, "a:1", digits="9c1e6b"), image(2, digits="9c1e6c")

    assert find(ShortId("9c1e"), [two, one]) == Ambiguous(("9c1e6c000000", "9c1e6b000000"))


def test_the_candidates_of_a_long_id_can_be_told_apart() -> None:
    one, two = image(1, digits="9c1e6b20d7f3aa"), image(2, digits="9c1e6b20d7f3bb")

    assert find(ShortId("9c1e6b20d7f3"), [two, one]) == Ambiguous(("9c1e6b20d7f3b", "9c1e6b20d7f3a"))


@pytest.mark.parametrize("digits", ["cafe", "deadbeef"])
def test_what_may_be_a_name_or_an_id_is_a_name_first(digits: str) -> None:
    by_id, by_name = image(1, "x:1", digits=digits), image(2, f"{digits}:latest", digits="01")

    assert find(ShortId(digits), [by_id, by_name]) == Found(by_name, f"{digits}:latest")
    assert find(ShortId(digits), [by_id]) == Found(by_id, "x:1")
    assert find(ShortId(digits), [image(3, "x:1", digits="01")]) == Unknown(())


@pytest.mark.parametrize(
    ("listed", "name"),
    [
        (image(1, digits="9c1e6b20d7f3"), "9c1e6b20d7f3"),
        (image(1, "a:1", "b:1"), "a:1"),
        (image(1, "a:1", "b:1", digests=(f"b@{DIGEST}",)), "b:1"),
        (image(1, f"a:before-{JOB}", "b:1"), "b:1"),
        (image(1, f"a:before-{JOB}"), f"a:before-{JOB}"),
    ],
)
def test_an_image_is_told_of_by_the_name_that_a_registry_knows(listed: ListedImage, name: str) -> None:
    assert preferred_name(listed) == name


# ── What is not there ───────────────────────────────────────────────────────────────────────────────────────────────

LISTING = [
    image(9, "demisto/python3:3.12.13", "demisto/python3:latest"),
    image(8, "demisto/python3-deb:3.12"),
    image(7, "registry.example/team/crawler:2", "registry.example/team/crawler:1"),
    image(6, "ubuntu:24.04"),
    image(5, "ubuntu:22.04"),
    image(4, f"ubuntu:before-{JOB}"),
    image(3),
    image(2, "Odd/NAME:1", f"odd:{'t' * 128}"),
]


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [
        ("demisto/pyton3", ("demisto/python3:latest", "demisto/python3-deb:3.12")),
        ("python3", ("demisto/python3:latest",)),
        ("crawler", ("registry.example/team/crawler:2",)),
        ("other.example/crawler:1", ("registry.example/team/crawler:1",)),
        ("ubunut", ("ubuntu:24.04",)),
        ("ubuntu:22.4", ("ubuntu:22.04", "ubuntu:24.04")),
        ("crowler", ("registry.example/team/crawler:2",)),
        ("something-else", ()),
    ],
)
def test_the_nearest_names_are_offered(typed: str, nearest: tuple[str, ...]) -> None:
    assert find(parse_wanted(typed), LISTING) == Unknown(nearest)


def test_no_more_than_a_few_are_offered() -> None:
    listing = [image(number, f"python{number}:1") for number in range(20)]

    selection = find(Reference("python"), listing)

    assert isinstance(selection, Unknown)
    assert len(selection.nearest) == 5


def test_an_empty_host_has_nothing_to_offer() -> None:
    assert find(Reference("a"), []) == Unknown(())
    assert find(ShortId("9c1e"), []) == Unknown(())
