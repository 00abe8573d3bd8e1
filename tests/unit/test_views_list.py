"""The list of images as people read it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.dialogs.stages import DialogId, JobLine, Listed
from bot.slack.views import Message, announcement, render
from bot.slack.views.tables import has_table, length, without_tables
from commands.command import Listing, Row
from commands.docker_images import ROWS as PAGE
from commands.model.images import ImageId
from commands.model.requests import Query
from tests.kit.examples import ALICE, ASKED, BOB, JOB_LINE, LINE, LISTING, NOW, ROWS, SPEC, UPDATE_LINE
from tests.kit.reading import menus, offered, rows, texts

REAL_ID = DialogId("0198e2a7f3c1a2b3c4d")
LIST = replace(ASKED, line="/docker_images")


def shown(listing: Listing = LISTING, *jobs: JobLine, trouble: str = "") -> Message:
    return render(Listed(LIST, listing, jobs, trouble), NOW)


def lines(message: Message) -> list[str]:
    return texts(message).splitlines()


def test_a_page_has_the_columns_of_docker_images() -> None:
    assert rows(shown()) == [
        ["ID", "Repository", "Size", "Tag", "Created Time", "Created Since", "Made here"],
        ["9c1e6b20d7f3", "example_name", "241MB", SPEC.tag, "2026-11-23 19:49", "3 seconds ago", "✓"],
        ["4f5a0a6c4f5a", "demisto/python3", "120MB", "latest", "2026-10-14 19:50", "5 weeks ago", "–"],
        ["9c1e6b20d7f3", "<none>", "5.64kB", "<none>", "2024-09-14 19:50", "2 years ago", "–"],
    ]


def test_around_the_table_it_says_how_much_there_is_and_where_one_is() -> None:
    assert lines(shown()) == [
        "Available Docker Images",
        "8 images · 7 names · 41.2GB on disk (shared layers counted once)",
        "Page 2 of 3 · rows 4 to 6 of 9, newest first · times in UTC",
        "`/docker_images`",
        "Requested by <@U0ALICE> · 2026-11-23 19:50 UTC",
        "Previous",
        "Next",
        "Filter",
        "Refresh",
    ]


def test_each_row_can_be_chosen_by_its_number() -> None:
    assert menus(shown()) == {
        "image_details": [
            ("d-1 0-9c1e", "example_name:1.0.0.1763925000 (9c1e6b20d7f3)"),
            ("d-1 1-4f5a", "demisto/python3:latest (4f5a0a6c4f5a)"),
            ("d-1 2-9c1e", "<none> (9c1e6b20d7f3)"),
        ]
    }


@pytest.mark.parametrize(
    ("page", "buttons"),
    [
        (1, ["next_page", "filter", "refresh"]),
        (2, ["previous_page", "next_page", "filter", "refresh"]),
        (3, ["previous_page", "filter", "refresh"]),
    ],
)
def test_only_pages_that_there_are_can_be_turned_to(page: int, buttons: list[str]) -> None:
    assert list(offered(shown(replace(LISTING, query=Query(page))))) == buttons


@pytest.mark.parametrize(("page", "place"), [(1, "rows 1 to 3 of 8"), (2, "rows 4 to 6 of 8"), (3, "rows 7 to 8 of 8")])
def test_the_place_in_the_list_is_counted_on_the_last_page_too(page: int, place: str) -> None:
    shown_rows = ROWS if page < 3 else ROWS[:2]

    assert place in texts(shown(replace(LISTING, query=Query(page), rows=shown_rows, matching=8)))


def test_jobs_stand_on_top_with_who_asked_and_when() -> None:
    waiting = JobLine(UPDATE_LINE, ALICE, NOW - timedelta(seconds=20), is_running=False)

    assert lines(shown(LISTING, JOB_LINE, waiting))[1:4] == [
        "*In progress:*",
        f"▸ `{LINE}` · <@{BOB}> · 3 minutes ago",
        f"· queued: `{UPDATE_LINE}` · <@{ALICE}> · 20 seconds ago",
    ]


def test_of_many_jobs_the_first_five_are_named() -> None:
    message = shown(LISTING, *[JOB_LINE] * 7)

    assert texts(message).count("▸ ") == 5
    assert "… and 2 more" in texts(message)


@pytest.mark.parametrize(
    ("disk", "note", "words"),
    [
        (41_200_000_000, "", "41.2GB on disk (shared layers counted once)"),
        (0, "", "0B on disk (shared layers counted once)"),
        (None, "", "measuring disk use …"),
        (None, "The daemon did not answer in 60 s.", "disk use unknown: The daemon did not answer in 60 s."),
    ],
)
def test_the_disk_use_is_said_as_soon_as_it_is_known(disk: int | None, note: str, words: str) -> None:
    assert lines(shown(replace(LISTING, disk=disk, disk_note=note)))[1] == f"8 images · 7 names · {words}"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (Query(1, "python"), "*Filter:* name or ID contains `python` · 9 rows"),
        (Query(1, "", made_here=True), "*Filter:* made here · 9 rows"),
        (Query(1, "a`b", made_here=True), "*Filter:* name or ID contains `a'b`, made here · 9 rows"),
    ],
)
def test_a_filter_is_said_in_words(query: Query, words: str) -> None:
    assert lines(shown(replace(LISTING, query=query)))[2] == words


def test_trouble_and_hints_are_said_above_the_table() -> None:
    hint = "`/docker_images` takes no arguments: `foo` was ignored."

    assert lines(shown(replace(LISTING, hint=hint), trouble="The daemon does not answer. Start it."))[2:4] == [
        "⚠ The daemon does not answer. Start it.",
        hint,
    ]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (Query(), "No images on this Docker host. Create one with `/docker_image_create`."),
        (Query(1, "pythonn"), "No matches. Press *Filter* to change or clear the filter."),
        (Query(1, "", made_here=True), "No matches. Press *Filter* to change or clear the filter."),
    ],
)
def test_an_empty_list_says_what_to_do(query: Query, words: str) -> None:
    message = shown(replace(LISTING, query=query, rows=(), matching=0, pages=1))

    assert words in lines(message)
    assert not has_table(message)
    assert (menus(message), list(offered(message))) == ({}, ["filter", "refresh"])


def test_a_single_image_is_one_image() -> None:
    one = replace(LISTING, query=Query(1, "x"), rows=ROWS[:1], pages=1, matching=1, images=1, names=1)

    assert "1 image · 1 name · " in texts(shown(one))
    assert " · 1 row\n" in texts(shown(one))
    assert shown(one).text == "Available Docker Images · 1 image, page 1 of 1"


def page_of(repository: str, tag: str) -> Listing:
    """A full page; all images of such a name."""
    images = tuple(
        Row(ImageId(f"sha256:{number:064x}"), repository, tag, 10**9, NOW - timedelta(days=90), made_here=True)
        for number in range(PAGE)
    )
    return replace(LISTING, rows=images)


def test_a_full_page_of_ordinary_names_is_shown_whole_with_its_menu() -> None:
    message = render(
        Listed(replace(LIST, dialog=REAL_ID), page_of("demisto/python3-deb", "3.12.13.11694875"), (JOB_LINE,)), NOW
    )

    assert length(message.blocks) < 12_000
    assert {(row[1], row[3]) for row in rows(message)[1:]} == {("demisto/python3-deb", "3.12.13.11694875")}
    assert len(menus(message)["image_details"]) == PAGE


@pytest.mark.parametrize(
    ("repository", "tag"), [("a" * 255, "b" * 128), ("registry.example:5000/" + "a" * 200, "latest"), ("🎉" * 99, "🎉")]
)
def test_names_that_are_too_long_lose_their_middle_and_all_rows_are_there(repository: str, tag: str) -> None:
    message = render(Listed(replace(LIST, dialog=REAL_ID), page_of(repository, tag), (JOB_LINE,) * 9), NOW)

    assert len(rows(message)) == PAGE + 1
    assert all("…" in row[1] for row in rows(message)[1:])
    assert length(message.blocks) < 12_000
    assert length(without_tables(message).blocks) < 12_000


def test_a_list_calls_nobody() -> None:
    assert announcement(Listed(LIST, LISTING)) is None
