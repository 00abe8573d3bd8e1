"""The names of earlier images: what they tell of the job and of the name that moved."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.host.history import (
    LONGEST_TAG,
    Kept,
    is_kept,
    kept_by,
    kept_for,
    kept_name,
    kept_tag,
    repository_of,
    tag_of,
    too_old,
)
from commands.model.images import ListedImage
from tests.fakes.engine import FakeEngine

FIRST, SECOND, THIRD = (f"0199a1b2c3d{number:08x}" for number in (1, 2, 3))
LONG = "v" * LONGEST_TAG

jobs = st.text("0123456789abcdef", min_size=19, max_size=19)
tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", fullmatch=True)


def listed(*images: Sequence[str]) -> tuple[ListedImage, ...]:
    """Images with these names, as a daemon lists them."""
    engine = FakeEngine()
    for names in images:
        engine.add_image(*names)
    return engine.listing()


def names_of(kept: Sequence[Kept]) -> list[str]:
    return [each.name for each in kept]


# ── One name ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("tag", "kept"),
    [
        ("latest", f"before-{FIRST}"),
        ("3.12", f"before-{FIRST}-3.12"),
        ("LATEST", f"before-{FIRST}-LATEST"),
        ("v" * 101, f"before-{FIRST}-{'v' * 101}"),
    ],
)
def test_an_earlier_image_is_kept_under_a_tag_that_names_the_job_and_the_tag(tag: str, kept: str) -> None:
    assert kept_tag(FIRST, tag) == kept


def test_the_tag_of_a_job_that_moves_a_name_in_a_registry_stands_in_the_same_repository() -> None:
    assert kept_name(FIRST, "registry.example:5000/a/b:latest") == f"registry.example:5000/a/b:before-{FIRST}"


@pytest.mark.parametrize("job", ["", "d-1", FIRST[1:], f"{FIRST}0", FIRST.upper(), "g" * 19])
def test_what_is_no_id_of_a_job_keeps_nothing(job: str) -> None:
    with pytest.raises(ValueError, match="not the id of a job"):
        kept_tag(job, "latest")


@given(jobs, tags)
def test_every_tag_has_a_kept_one_that_docker_takes(job: str, tag: str) -> None:
    kept = kept_tag(job, tag)

    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", kept)
    assert is_kept(kept)


@given(jobs, tags, tags)
def test_two_tags_that_one_job_moves_never_have_one_kept_tag(job: str, one: str, other: str) -> None:
    assert (kept_tag(job, one) == kept_tag(job, other)) == (one == other)


@pytest.mark.parametrize(
    "tag",
    [
        "latest",
        "before",
        "before-",
        "before-noon",
        f"before-{FIRST[1:]}",
        f"before-{FIRST}0",
        f"before-{FIRST}-",
        f"before-{FIRST}--{'0' * 63}",
        f"before-{FIRST}-ü",
        f"before-{FIRST}\n",
        f"x-before-{FIRST}",
        LONG,
    ],
)
def test_tags_that_others_chose_are_not_taken_for_kept_ones(tag: str) -> None:
    assert not is_kept(tag)


# ── All names of a host ─────────────────────────────────────────────────────────────────────────────────────────────


@given(jobs, tags)
def test_the_name_that_a_job_moved_is_read_out_of_the_kept_tag(job: str, tag: str) -> None:
    name = f"registry.example:5000/a:{tag}"
    listing = listed([name], [kept_name(job, name)])

    (kept,) = kept_for(name, listing)
    assert (kept.name, kept.job, kept.image.repo_tags) == (kept_name(job, name), job, (kept.name,))
    assert kept_by(job, listing) == ((name, kept),)


@given(st.lists(jobs, unique=True, max_size=6), tags, st.integers(-1, 7))
def test_the_ids_of_the_jobs_tell_the_order_whatever_the_images_are(order: list[str], tag: str, depth: int) -> None:
    name = f"a:{tag}"
    listing = listed(*([kept_name(job, name)] for job in order))

    assert names_of(kept_for(name, listing)) == [kept_name(job, name) for job in sorted(order, reverse=True)]
    beyond = sorted(order)[: max(0, len(order) - max(depth, 0))]
    assert names_of(too_old(name, listing, depth)) == [kept_name(job, name) for job in beyond]


def test_each_name_has_a_history_of_its_own() -> None:
    listing = listed(
        ["a:latest", "a:3"],
        [f"a:before-{FIRST}", f"a:before-{FIRST}-3"],
        [f"a:before-{SECOND}-3"],
        [f"b/a:before-{THIRD}"],
        [],
    )

    assert names_of(kept_for("a:latest", listing)) == [f"a:before-{FIRST}"]
    assert names_of(kept_for("a:3", listing)) == [f"a:before-{SECOND}-3", f"a:before-{FIRST}-3"]
    assert [name for name, _ in kept_by(FIRST, listing)] == ["a:3", "a:latest"]
    assert (kept_for("a:4", listing), kept_by("f" * 19, listing)) == ((), ())


def test_a_long_tag_is_found_again_while_it_is_there() -> None:
    kept = kept_name(FIRST, f"a:{LONG}")

    assert len(tag_of(kept)) <= LONGEST_TAG
    assert [name for name, _ in kept_by(FIRST, listed([kept], [f"a:{LONG}"]))] == [f"a:{LONG}"]
    assert kept_by(FIRST, listed([kept], ["a:other"])) == ()
    assert names_of(kept_for(f"a:{LONG}", listed([kept]))) == [kept]


def test_a_tag_that_looks_kept_but_that_no_job_gives_is_no_way_back() -> None:
    listing = listed(["a:latest"], [f"a:before-{FIRST}-latest"])

    assert (kept_for("a:latest", listing), kept_by(FIRST, listing)) == ((), ())


def test_an_earlier_image_whose_own_tag_is_moved_is_kept_too() -> None:
    name = f"a:before-{FIRST}-3"
    listing = listed([kept_name(SECOND, name)])

    assert names_of(kept_for(name, listing)) == [f"a:before-{SECOND}-before-{FIRST}-3"]
    assert [moved for moved, _ in kept_by(SECOND, listing)] == [name]


@pytest.mark.parametrize(
    ("name", "repository", "tag"),
    [("a:1", "a", "1"), ("h:5000/a:1", "h:5000/a", "1"), ("0123456789ab", "0123456789ab", "")],
)
def test_a_name_is_split_at_its_tag(name: str, repository: str, tag: str) -> None:
    assert (repository_of(name), tag_of(name)) == (repository, tag)
