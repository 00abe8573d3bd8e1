"""`/docker_images`: which rows a page has, in which order, and what is counted."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.command import Listing, Row
from commands.docker_images import ROWS, answer, page_of, parse, turn
from commands.errors import EngineUnavailable
from commands.host.history import kept_name
from commands.model.images import ImageId, ListedImage
from commands.model.requests import ListImages, Query
from commands.recipe.labels import JOB, REF_NAME
from tests.fakes.engine import FakeEngine
from tests.kit.dependencies import sources_on
from tests.kit.examples import NOW

JOB_ID = "0199a1b2c3d4e5f6071"
KEPT = kept_name(JOB_ID, "a:latest")
MADE = {JOB: "d-1", REF_NAME: "example_name:1.0.0.7"}


def image(
    number: int,
    *names: str,
    digests: tuple[str, ...] = (),
    labels: Mapping[str, str] | None = None,
    created: datetime | None = None,
) -> ListedImage:
    """An image whose ID begins with its number; the higher, the older, unless a time is given."""
    return ListedImage(
        id=ImageId(f"sha256:{number:04x}{'0' * 60}"),
        repo_tags=names,
        repo_digests=digests,
        created=created or NOW - timedelta(minutes=number),
        size=1_000_000,
        labels=labels or {},
    )


def names(listing: Listing) -> list[tuple[str | None, str | None]]:
    """The names of a page's rows."""
    return [(row.repository, row.tag) for row in listing.rows]


def found(text: str, *images: ListedImage) -> list[str]:
    """What a filter leaves, as it can be asked for."""
    return [row.name for row in page_of(images, Query(text=text)).rows]


# ── What is typed ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", ["", "  ", "help", "--help", "?"])
def test_without_arguments_there_is_no_hint(text: str) -> None:
    assert parse(text) == ListImages()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("all=true", "`all=true`"),
        ("python  ", "`python`"),
        ("`rm -rf`", "`'rm -rf'`"),
        ("a\nb\u202e", "`a\\nb\\u202e`"),
        ("<http://x.y|x.y>", "`<http://x.y|x.y>`"),
        ("x" * 5_000, f"`{'x' * 59}…`"),
    ],
)
def test_whatever_is_given_is_answered_with_a_hint(text: str, shown: str) -> None:
    hint = f"`/docker_images` takes no arguments: {shown} was ignored. Filter… narrows the list."

    assert parse(text) == ListImages(Query(), hint)


@given(st.text())
def test_no_text_is_an_error(text: str) -> None:
    assert parse(text).query == Query()


# ── Rows ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_empty_daemon_has_one_page_without_rows() -> None:
    assert page_of((), Query(page=3), "a hint") == Listing(
        Query(page=1), rows=(), pages=1, matching=0, images=0, names=0, hint="a hint"
    )


def test_a_row_tells_what_the_daemon_tells() -> None:
    only = image(1, "example_name:1.0.0.7", labels=MADE)

    assert page_of([only], Query()).rows == (
        Row(only.id, "example_name", "1.0.0.7", only.size, only.created, made_here=True),
    )


def test_the_newest_image_is_first_and_names_of_one_image_stand_together() -> None:
    images = [
        image(3, "old:latest"),
        image(1, "new:latest", "new:1.0.0.7"),
        image(2, "b:2", "a:latest", KEPT, "a:1", "b:latest"),
    ]

    assert [row.name for row in page_of(images, Query()).rows] == [
        "new:1.0.0.7",
        "new:latest",
        "a:1",
        "a:latest",
        "b:2",
        "b:latest",
        KEPT,
        "old:latest",
    ]


def test_images_of_other_tools_and_the_bots_own_tools_are_shown() -> None:
    tool = "warroom.invalid/uv:0.9-amd64"
    images = [image(1, tool), image(2, "compose_web:latest"), image(3, KEPT)]

    assert [row.name for row in page_of(images, Query()).rows] == [
        "warroom.invalid/uv:0.9-amd64",
        "compose_web:latest",
        KEPT,
    ]


LONG_TAG = "x" * 128


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (image(1), [(None, None)]),
        (image(1, f"a/b:{LONG_TAG}"), [("a/b", LONG_TAG)]),
        (image(1, "registry:5000/a/b:1"), [("registry:5000/a/b", "1")]),
        (image(1, "registry:5000/a/b"), [("registry:5000/a/b", None)]),
        (image(1, "no-tag"), [("no-tag", None)]),
        (image(1, "a:<none>"), [("a", None)]),
        (image(1, "<none>:<none>"), [(None, None)]),
        (image(1, "схема:\u202eгод`<!channel>"), [("схема", "\u202eгод`<!channel>")]),
        (image(1, ":"), [(":", None)]),
        (image(1, digests=("a@sha256:1",)), [("a", None)]),
        (image(1, digests=("a@sha256:1", "a@sha256:2", "reg:5/b@sha256:1")), [("a", None), ("reg:5/b", None)]),
        (image(1, "a:1", digests=("a@sha256:1",)), [("a", "1")]),
        (image(1, "a:1", digests=("b@sha256:1",)), [("a", "1"), ("b", None)]),
        (image(1, digests=("odd",)), [(None, None)]),
    ],
)
def test_every_image_has_the_rows_that_docker_images_prints(
    given: ListedImage, shown: list[tuple[str | None, str | None]]
) -> None:
    assert names(page_of([given], Query())) == shown


@pytest.mark.parametrize(("repository", "tag"), [(None, None), ("a", None)])
def test_what_has_no_tag_is_asked_for_by_its_short_id(repository: str | None, tag: str | None) -> None:
    (row,) = page_of([image(0xAB)], Query()).rows

    assert replace(row, repository=repository, tag=tag).name == "00ab00000000"


# ── Order ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.permutations(range(60)))
def test_images_of_one_time_keep_their_order_however_the_daemon_lists_them(order: list[int]) -> None:
    images = [image(number, *([f"a:{number}"] if number % 3 else []), created=NOW) for number in range(60)]
    shuffled = [images[place] for place in order]

    for page in (1, 2, 3):
        assert page_of(shuffled, Query(page=page)) == page_of(images, Query(page=page))


def test_images_of_one_time_are_ordered_by_name() -> None:
    images = [image(3, "a:1", created=NOW), image(1, "c:1", created=NOW), image(2, "b:1", created=NOW)]

    assert [row.name for row in page_of(images, Query()).rows] == ["a:1", "b:1", "c:1"]


# ── Pages ───────────────────────────────────────────────────────────────────────────────────────────────────────────

FORTY = tuple(image(number, f"a:{number}") for number in range(40))


@pytest.mark.parametrize(
    ("wanted", "shown", "first", "rows"),
    [
        (1, 1, "a:0", ROWS),
        (2, 2, "a:20", 20),
        (3, 2, "a:20", 20),
        (10**9, 2, "a:20", 20),
        (0, 1, "a:0", ROWS),
        (-5, 1, "a:0", ROWS),
    ],
)
def test_a_page_that_is_not_there_becomes_one_that_is(wanted: int, shown: int, first: str, rows: int) -> None:
    listing = page_of(FORTY, Query(page=wanted))

    assert (listing.query.page, listing.rows[0].name, len(listing.rows)) == (shown, first, rows)
    assert (listing.pages, listing.matching, listing.images, listing.names) == (2, 40, 40, 40)


def test_a_page_that_is_full_to_the_last_row_is_followed_by_none() -> None:
    assert page_of(FORTY[:ROWS], Query()).pages == 1


@given(st.integers(0, 80), st.integers(-3, 9))
def test_all_pages_together_have_every_row_once(count: int, page: int) -> None:
    images = tuple(image(number, f"a:{number}") for number in range(count))
    pages = page_of(images, Query(page=page)).pages

    rows = [row.name for number in range(1, pages + 1) for row in page_of(images, Query(page=number)).rows]

    assert rows == [f"a:{number}" for number in range(count)]


# ── Filters ─────────────────────────────────────────────────────────────────────────────────────────────────────────

PYTHON = image(0xBEEF, "demisto/python3:3.12.13", "demisto/python3:latest")
REGISTRY = image(2, "registry:5000/Team/tool:RC-1")
NAMELESS = image(3)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("", ["registry:5000/Team/tool:RC-1", "000300000000", "demisto/python3:3.12.13", "demisto/python3:latest"]),
        ("python", ["demisto/python3:3.12.13", "demisto/python3:latest"]),
        ("PYTHON 3.12", ["demisto/python3:3.12.13"]),
        ("python3:lat", ["demisto/python3:latest"]),
        ("team rc-", ["registry:5000/Team/tool:RC-1"]),
        ("beef", ["demisto/python3:3.12.13", "demisto/python3:latest"]),
        ("BEEF latest", ["demisto/python3:latest"]),
        (PYTHON.id, ["demisto/python3:3.12.13", "demisto/python3:latest"]),
        ("<none>", ["000300000000"]),
        ("python tool", []),
        (".*", []),
    ],
)
def test_a_filter_leaves_the_names_in_which_all_its_words_are(text: str, left: list[str]) -> None:
    assert found(text, PYTHON, REGISTRY, NAMELESS) == left


def test_the_part_of_an_id_that_nobody_sees_is_not_searched() -> None:
    tail = replace(NAMELESS, id=ImageId(f"sha256:{'0' * 60}cafe"))

    assert found("cafe", tail) == []
    assert found(tail.id.removeprefix("sha256:"), tail) == ["000000000000"]


def test_a_filter_counts_what_it_finds_and_all_there_is() -> None:
    listing = page_of([PYTHON, REGISTRY, NAMELESS], Query(page=7, text="latest"))

    assert listing.query == Query(page=1, text="latest")
    assert (listing.matching, listing.pages, listing.images, listing.names) == (1, 1, 3, 3)


# ── Which are the bot's ─────────────────────────────────────────────────────────────────────────────────────────────

OTHER = image(9, "example_name:1.0.0.7", labels=MADE)


@pytest.mark.parametrize(
    ("given", "others", "made_here"),
    [
        (image(1, "example_name:1.0.0.7", labels=MADE), (), True),
        (image(1, "example_name:1.0.0.7", "elsewhere:1", labels=MADE), (), True),
        (image(1, "example_name:latest", labels=MADE), (), True),
        (image(1, kept_name(JOB_ID, "example_name:latest"), labels=MADE), (), True),
        (image(1, "built/on_it:1", labels=MADE), (), False),
        (image(1, "example_name:built-on-it", labels=MADE), (OTHER,), False),
        (image(1, labels=MADE), (), False),
        (image(1, "example_name:1.0.0.7", labels={REF_NAME: "example_name:1.0.0.7"}), (), False),
        (image(1, "example_name:1.0.0.7", labels={JOB: "d-1"}), (), False),
        (image(1, "example_name:1.0.0.7"), (), False),
    ],
)
def test_an_image_is_the_bots_by_its_labels_and_its_name(
    given: ListedImage, others: tuple[ListedImage, ...], made_here: bool
) -> None:
    rows = [row for row in page_of([given, *others], Query()).rows if row.image == given.id]

    assert {row.made_here for row in rows} == {made_here}
    kept = [row for row in page_of([given, *others], Query(made_here=True)).rows if row.image == given.id]
    assert kept == (rows if made_here else [])


# ── The command and its buttons ─────────────────────────────────────────────────────────────────────────────────────


def test_the_command_shows_the_first_page_and_a_hint_in_one_question() -> None:
    engine = FakeEngine()
    engine.add_image("tool:1")
    said: list[str] = []

    listing = answer(parse("tool"), sources_on(engine), said.append)

    assert listing == page_of(engine.listing(), Query(), parse("tool").hint)
    assert [row.name for row in listing.rows] == ["tool:1"]
    assert said == ["Listing the images"]


def test_a_button_shows_what_is_there_by_then() -> None:
    engine = FakeEngine()
    for number in range(30):
        engine.add_image(f"tool:{number}")
    second = turn(Query(page=2), sources_on(engine))
    for row in second.rows:
        engine.remove_image(row.name)

    listing = turn(second.query, sources_on(engine))

    assert (second.query.page, len(second.rows)) == (2, 10)
    assert (listing.query.page, listing.pages, listing.images, listing.hint) == (1, 1, 20, "")


def test_a_daemon_that_does_not_answer_is_a_problem() -> None:
    engine = FakeEngine()
    engine.break_down()

    with pytest.raises(EngineUnavailable):
        turn(Query(), sources_on(engine))


# ── Many ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("query", "matching", "rows"),
    [(Query(), 7_000, ROWS), (Query(page=350), 7_000, ROWS), (Query(text="image42 latest"), 44, ROWS)],
)
def test_of_five_thousand_images_one_page_is_made(query: Query, matching: int, rows: int) -> None:
    images = [
        image(number, *(f"team/image{number}:{tag}" for tag in ("1", "latest")[: 1 + (number % 5 < 2)]), labels=MADE)
        for number in range(5_000)
    ]

    page = page_of(images, query)

    assert (page.images, page.names, page.matching, len(page.rows)) == (5_000, 7_000, matching, rows)
