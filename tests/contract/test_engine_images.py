"""What every engine tells of its images, and does with them: lists, files, pulls by digest, images in use."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from commands.engine.interface import FilesRead, ReadOrder, Swept
from commands.errors import ImageInUse, ImageNotFound
from commands.model.events import LogLine
from commands.model.images import Container, ImageId, ListedImage
from commands.model.references import Reference
from tests.kit.engine_space import LABEL, EngineSpace, packed

UNKNOWN = ImageId(f"sha256:{'0' * 64}")
FILES = {
    "etc/one": b"1\n",
    "usr/lib/deep/two": "zwölf\n".encode(),
    f"usr/{'long' * 20}/{'name' * 20}/three": b"3" * 2000,
    "unwanted": bytes(5000),
}


def listed(space: EngineSpace, image: ImageId) -> ListedImage | None:
    return next((one for one in space.engine.listing() if one.id == image), None)


# --- lists


def test_the_list_says_of_an_image_what_a_look_into_it_says(space: EngineSpace) -> None:
    image_id = space.built(f"RUN echo {space.mark}")
    space.engine.tag(image_id, f"warroom-test/{space.mark}", "t" * 128)
    space.engine.tag(image_id, f"warroom-test/{space.mark}", "1")

    one, image = listed(space, image_id), space.engine.find_image(image_id)

    assert one
    assert image
    assert set(one.repo_tags) == set(image.repo_tags)
    assert replace(one, repo_tags=image.repo_tags) == ListedImage(
        image_id, image.repo_tags, (), image.created.replace(microsecond=0), image.size, image.labels
    )


@pytest.mark.whole_daemon
def test_the_list_is_newest_first_in_the_same_order_each_time_and_has_what_has_no_name(space: EngineSpace) -> None:
    nameless = {space.built(f"RUN echo {space.mark}-{number}") for number in range(3)}

    listing = space.engine.listing()

    assert nameless <= {one.id for one in listing if not one.repo_tags}
    assert [one.created for one in listing] == sorted((one.created for one in listing), reverse=True)
    assert space.engine.listing() == listing


def test_a_pulled_image_is_listed_with_its_digest(space: EngineSpace) -> None:
    assert space.offer
    pulled = space.engine.pull(space.offer(f"warroom-test/{space.mark}"), lambda _: None)

    one = listed(space, pulled.id)

    assert one
    assert (one.repo_tags, one.repo_digests) == (pulled.repo_tags, pulled.repo_digests)
    space.engine.remove_image(pulled.repo_tags[0])
    assert listed(space, pulled.id) is None


def test_a_container_is_listed_with_its_image_also_when_the_name_has_moved_on(space: EngineSpace) -> None:
    assert space.contain
    older, newer = (space.built(f"RUN echo {space.mark}-{number}") for number in range(2))
    space.engine.tag(older, f"warroom-test/{space.mark}", "1")

    with space.contain(f"c-{space.mark}", older):
        space.engine.tag(newer, f"warroom-test/{space.mark}", "1")
        found = [one for one in space.engine.containers() if one.name == f"c-{space.mark}"]

    assert found == [Container(found[0].id, f"c-{space.mark}", older, "created")]
    assert not found[0].is_running
    assert f"c-{space.mark}" not in {one.name for one in space.engine.containers()}


def test_a_throw_away_container_is_not_listed_while_it_is_there(space: EngineSpace) -> None:
    assert space.contain
    image = space.engine.import_image(packed({"a": b"1"}), f"warroom-test/{space.mark}", "1", space.labels)
    seen: set[tuple[str, ...]] = set()

    def look(_: str) -> bool:
        seen.add(tuple(one.name for one in space.engine.containers() if one.image == image))
        return False

    with space.contain(f"c-{space.mark}", image):
        space.engine.read_files(ReadOrder(image, space.labels, look))

    assert seen == {(f"c-{space.mark}",)}


def test_the_history_of_an_image_goes_on_where_that_of_its_base_ends(space: EngineSpace) -> None:
    base = space.engine.history(space.base_id)

    history = space.engine.history(space.built(f"RUN echo {space.mark}", "WORKDIR /srv"))

    assert history[: len(base)] == base
    assert [space.mark in layer.created_by for layer in history[len(base) :]] == [True, False]
    assert "WORKDIR /srv" in history[-1].created_by


def test_the_history_of_an_image_that_is_gone_is_told_as_such(space: EngineSpace) -> None:
    with pytest.raises(ImageNotFound):
        space.engine.history(UNKNOWN)


@pytest.mark.whole_daemon
def test_the_images_take_the_place_of_the_largest_at_least(space: EngineSpace) -> None:
    assert space.engine.disk_use(seconds=120) >= max(one.size for one in space.engine.listing())


def test_an_engine_knows_its_hub_and_who_goes_without_tls(space: EngineSpace) -> None:
    rules = space.engine.registry_rules()

    assert rules.hub
    assert "127.0.0.0/8" in rules.insecure


def test_a_registry_that_nobody_logged_in_to_has_no_login(space: EngineSpace) -> None:
    assert space.engine.login("no-such-registry.test:5000") is None


# --- files


def order(space: EngineSpace, image: ImageId, *, wanted: Callable[[str], bool] | None = None) -> ReadOrder:
    return ReadOrder(image, space.labels, wanted or (lambda path: path in FILES and path != "unwanted"))


@pytest.fixture
def filed(space: EngineSpace) -> ImageId:
    """An image of some files; it has no command, like every import."""
    return space.engine.import_image(packed(FILES), f"warroom-test/{space.mark}", "files", space.labels)


def test_wanted_files_are_read_out_of_an_image_that_has_not_even_a_command(space: EngineSpace, filed: ImageId) -> None:
    read = space.engine.read_files(order(space, filed))

    assert read == FilesRead({path: content for path, content in FILES.items() if path != "unwanted"})


@pytest.mark.parametrize(
    ("limits", "kept", "gap"),
    [
        ({"file_limit": 1000}, 2, "left out for being too long"),
        ({"files_limit": 2}, 2, "there are more than 2 such files"),
        ({"bytes_limit": 600}, 0, "the image holds more than 600 bytes"),
        ({"seconds": 1e-6}, 0, "it took longer than 1e-06 s"),
    ],
)
def test_a_limit_that_is_met_is_told_and_what_was_read_is_kept(
    space: EngineSpace, filed: ImageId, limits: dict[str, Any], kept: int, gap: str
) -> None:
    read = space.engine.read_files(replace(order(space, filed), **limits))

    assert len(read.files) <= kept
    assert gap in read.gap
    assert all(FILES[path] == content for path, content in read.files.items())


def test_reading_leaves_no_container(space: EngineSpace, filed: ImageId) -> None:
    space.engine.read_files(order(space, filed))
    space.engine.read_files(replace(order(space, filed), bytes_limit=600))

    assert space.engine.sweep(LABEL, space.mark) == Swept(containers=0, images=0)


def test_nothing_is_read_out_of_an_image_that_is_gone(space: EngineSpace) -> None:
    with pytest.raises(ImageNotFound):
        space.engine.read_files(order(space, UNKNOWN))


# --- pulls


def test_an_image_pulled_by_its_digest_has_no_name_and_is_found_by_the_digest(space: EngineSpace) -> None:
    assert space.offer
    reference = space.offer(f"warroom-test/{space.mark}")
    before = space.engine.pull(reference, lambda _: None)
    space.engine.remove_image(str(reference))
    space.offer(f"warroom-test/{space.mark}")
    digest = before.repo_digests[0].partition("@")[2]

    pulled = space.engine.pull(Reference(reference.repository, digest=digest), lambda _: None)

    assert (pulled.id, pulled.repo_tags, pulled.repo_digests) == (before.id, (), before.repo_digests)
    assert space.engine.find_image(before.repo_digests[0]) == pulled
    space.engine.remove_image(before.repo_digests[0])
    assert space.engine.find_image(before.id) is None


def test_a_digest_counts_more_than_the_tag_beside_it_and_the_tag_stays_where_it_is(space: EngineSpace) -> None:
    assert space.offer
    reference = space.offer(f"warroom-test/{space.mark}")
    older = space.engine.pull(reference, lambda _: None)
    space.engine.tag(older.id, reference.repository, "kept")
    space.offer(f"warroom-test/{space.mark}")
    newer = space.engine.pull(reference, lambda _: None)

    again = space.engine.pull(replace(reference, digest=older.repo_digests[0].partition("@")[2]), lambda _: None)

    named = space.engine.find_image(str(reference))
    assert named
    assert (again.id, named.id) == (older.id, newer.id)
    for name in (f"{reference.repository}:kept", str(reference)):
        space.engine.remove_image(name)


def test_a_digest_that_the_registry_does_not_have_is_told_as_such(space: EngineSpace) -> None:
    assert space.offer
    reference = space.offer(f"warroom-test/{space.mark}")

    with pytest.raises(ImageNotFound, match="sha256:0000"):
        space.engine.pull(Reference(reference.repository, digest=UNKNOWN), lambda _: None)


def test_cancelling_a_pull_that_is_unknown_or_over_is_no_error(space: EngineSpace) -> None:
    assert space.offer
    reference = space.offer(f"warroom-test/{space.mark}")
    space.engine.pull(reference, lambda _: None, pull_id=space.mark)

    space.engine.cancel_pull(space.mark)
    space.engine.cancel_pull("never-heard-of")

    assert space.engine.pull(reference, lambda _: None, pull_id=space.mark).repo_tags == (str(reference),)
    space.engine.remove_image(str(reference))


# --- images in use, builds without a cache


def test_an_image_that_a_container_uses_is_not_removed_and_the_container_is_named(space: EngineSpace) -> None:
    assert space.contain
    image_id = space.built(f"RUN echo {space.mark}")
    name = f"warroom-test/{space.mark}"
    space.engine.tag(image_id, name, "1")
    space.engine.tag(image_id, name, "2")

    with space.contain(f"c-{space.mark}", image_id):
        space.engine.remove_image(f"{name}:1")
        for reference in (f"{name}:2", image_id):
            with pytest.raises(ImageInUse, match=f"the container `c-{space.mark}` uses it"):
                space.engine.remove_image(reference)
    held = space.engine.find_image(image_id)
    assert held
    assert held.repo_tags == (f"{name}:2",)


def test_a_build_without_the_cache_runs_what_was_run_before(space: EngineSpace) -> None:
    space.built(f"RUN echo {space.mark}")

    events = list(space.engine.build(replace(space.order(f"RUN echo {space.mark}"), no_cache=True)))

    assert LogLine(2, space.mark) in events
