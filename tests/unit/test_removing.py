"""Removing images: all names or none, and never one that a container uses."""

from collections.abc import Callable

import pytest

from commands.actions import carry_out
from commands.cancellation import Cancellation
from commands.command import ImageRemoved, Removal
from commands.errors import EngineUnavailable, ImageInUse, Problem, ReviewVoid
from commands.host.selection import parse_wanted
from commands.image_actions.remove import answer
from commands.model.images import ImageId
from commands.model.outcomes import Removed
from commands.model.requests import RemoveImage
from tests.fakes.engine import FakeEngine
from tests.fakes.work import ProcessKilled
from tests.kit.dependencies import dependencies_on, sources_on
from tests.kit.updates import SECOND, KillableEngine, UpdateHost, job_context

NAMES = ("a:1", "a:latest", "registry.example/b:1")
MOST_CALLS = 200


def offered(engine: FakeEngine, image: str = "a:1") -> Removal:
    """What the button on an image leads to."""
    proposal = answer(RemoveImage(parse_wanted(image)), sources_on(engine), lambda _: None)
    assert isinstance(proposal, Removal)
    return proposal


def remove(engine: FakeEngine, proposal: Removal) -> Removed:
    end = carry_out(proposal, job_context(SECOND), dependencies_on(engine), lambda _: None, Cancellation())
    assert isinstance(end, ImageRemoved)
    return end.outcome


def names_of(engine: FakeEngine, image: ImageId) -> tuple[str, ...]:
    found = engine.find_image(image)
    return found.repo_tags if found else ()


def test_an_image_goes_with_all_its_names_and_no_other() -> None:
    engine = FakeEngine()
    image, other = engine.add_image(*NAMES), engine.add_image("other:1")

    assert remove(engine, offered(engine)) == Removed(NAMES, image.id)
    assert engine.images({}) == (other,)


def test_an_image_without_a_name_goes_by_its_id() -> None:
    engine = FakeEngine()
    image = engine.add_image()

    assert remove(engine, offered(engine, image.id)) == Removed((), image.id)
    assert engine.images({}) == ()


@pytest.mark.parametrize(
    "names", [("registry.example/b:1",), (), NAMES], ids=["its own name", "no name", "several names"]
)
def test_an_image_that_registries_know_by_several_digests_goes_too(names: tuple[str, ...]) -> None:
    engine = FakeEngine()
    digests = tuple(f"{host}/b@sha256:{'d' * 64}" for host in ("registry.example", "mirror.example", "third.example"))
    image = engine.add_image(*names, repo_digests=digests)

    remove(engine, offered(engine, image.id))

    assert engine.images({}) == ()


# ── A review that is void ───────────────────────────────────────────────────────────────────────────────────────────


def another_name(engine: FakeEngine, image: ImageId) -> None:
    engine.tag(image, "new", "1")


def moved_name(engine: FakeEngine, image: ImageId) -> None:
    del image
    engine.add_image("a:latest")


def all_names_moved(engine: FakeEngine, image: ImageId) -> None:
    engine.add_image(*NAMES)
    engine.remove_image(image)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (another_name, "another name since the review: `new:1`"),
        (moved_name, "`a:latest` has changed since the review"),
        (all_names_moved, "`a:1` has changed since the review"),
    ],
)
def test_names_that_changed_since_the_review_make_it_void(
    change: Callable[[FakeEngine, ImageId], None], words: str
) -> None:
    engine = FakeEngine()
    image = engine.add_image(*NAMES)
    proposal = offered(engine)
    change(engine, image.id)
    before = engine.listing()

    with pytest.raises(ReviewVoid, match=words):
        remove(engine, proposal)

    assert engine.listing() == before


@pytest.mark.parametrize("state", ["running", "exited", "created", "paused"])
def test_a_container_that_came_since_the_review_keeps_the_image(state: str) -> None:
    engine = FakeEngine()
    image = engine.add_image(*NAMES)
    proposal = offered(engine)
    engine.add_container("web", image.id, state=state)

    with pytest.raises(ImageInUse, match=rf"`web` \({state}\)"):
        remove(engine, proposal)

    assert names_of(engine, image.id) == NAMES


def test_what_somebody_else_has_removed_meanwhile_is_gone_as_well() -> None:
    engine = FakeEngine()
    image = engine.add_image(*NAMES)
    proposal = offered(engine)
    for name in NAMES:
        engine.remove_image(name)

    assert remove(engine, proposal) == Removed(NAMES, image.id)


def test_a_name_that_another_job_works_on_keeps_the_image() -> None:
    engine = FakeEngine()
    image = engine.add_image(*NAMES)
    proposal = offered(engine)
    dependencies = dependencies_on(engine)

    with (
        dependencies.turns.at_once(("a:latest",)),
        pytest.raises(Problem, match="Another job is at work on `a:latest`"),
    ):
        carry_out(proposal, job_context(SECOND), dependencies, lambda _: None, Cancellation())

    assert names_of(engine, image.id) == NAMES


# ── When it fails ───────────────────────────────────────────────────────────────────────────────────────────────────


class ContainerStartingEngine(FakeEngine):
    """A daemon on which somebody starts a container while the image itself is taken."""

    def remove_image(self, reference: str) -> None:
        if reference.startswith("sha256:"):
            self.add_container("web", ImageId(reference))
        super().remove_image(reference)


def test_names_that_were_taken_are_put_back_where_the_image_cannot_go() -> None:
    engine = ContainerStartingEngine()
    image = engine.add_image(*NAMES, repo_digests=(f"a@sha256:{'d' * 64}",))

    with pytest.raises(ImageInUse, match="web"):
        remove(engine, offered(engine))

    found = engine.find_image(image.id)
    assert found is not None
    assert (sorted(found.repo_tags), found.repo_digests) == (sorted(NAMES), image.repo_digests)


class OnceUnreachableEngine(FakeEngine):
    """A daemon that goes away once, when the first name is gone."""

    is_stable = False

    def remove_image(self, reference: str) -> None:
        super().remove_image(reference)
        if not self.is_stable:
            self.is_stable = True
            self.break_down()


def test_a_daemon_that_goes_away_is_told_as_such_and_the_removal_can_be_finished() -> None:
    engine = OnceUnreachableEngine()
    image = engine.add_image(*NAMES)
    proposal = offered(engine)

    with pytest.raises(EngineUnavailable):
        remove(engine, proposal)
    engine.repair()

    assert names_of(engine, image.id) == NAMES[1:]
    assert remove(engine, proposal) == Removed(NAMES, image.id)
    assert engine.images({}) == ()


@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
def test_a_removal_that_is_killed_at_any_point_is_finished(*, is_done: bool) -> None:
    deaths = 0
    for at in range(1, MOST_CALLS):
        engine = KillableEngine()
        host = UpdateHost(engine)
        image = engine.add_image(*NAMES, repo_digests=(f"mirror.example/b@sha256:{'d' * 64}",))
        proposal = offered(engine)
        engine.count_from_now()
        engine.dies_at, engine.is_done = at, is_done
        try:
            remove(engine, proposal)
            break
        except ProcessKilled:
            engine.revive()
            deaths += 1
        assert remove(engine, proposal) == Removed(NAMES, image.id), at
        assert host.holder(image.id) is None, at
    assert deaths > 5
    assert deaths < MOST_CALLS - 1
