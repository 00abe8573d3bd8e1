"""Updates by pulling when the facts have changed, or when something fails: what is told, and what is left."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import StringIO

import pytest

from commands.command import Keep, Update
from commands.engine.interface import PullProgress
from commands.errors import (
    DiskFull,
    EngineUnavailable,
    ImageNotFound,
    Problem,
    PullFailed,
    RegistryLimited,
    RegistryUnreachable,
    ReviewVoid,
)
from commands.host.history import kept_name
from commands.model.events import LogLine
from commands.model.images import ImageId, LocalImage
from commands.model.outcomes import Ending, ImageResult, Updated
from commands.model.references import Reference
from tests.fakes.control import Control
from tests.fakes.engine import FakeEngine
from tests.fakes.host import PATIENCE_SECONDS
from tests.fakes.logs import logs_to
from tests.kit.updates import FIRST, UpdateHost, digest_of, proposed

NAME = "registry.example/a:latest"
OTHER = "registry.example/b:3.12"
KEPT = f"registry.example/a:before-{FIRST}"


@pytest.fixture
def scene() -> UpdateHost:
    return UpdateHost()


def endings(updated: Updated) -> list[tuple[str, Ending]]:
    return [(result.name, result.ending) for result in updated.results]


# ── A review that is void ───────────────────────────────────────────────────────────────────────────────────────────


def gone(scene: UpdateHost) -> None:
    scene.engine.remove_image(OTHER)


def moved(scene: UpdateHost) -> None:
    scene.pulled(OTHER)


def moved_in_the_registry(scene: UpdateHost) -> None:
    scene.offer(OTHER)


def gone_from_the_registry(scene: UpdateHost) -> None:
    del scene.hub.digests[OTHER]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (gone, "is gone"),
        (moved, "is another image now"),
        (moved_in_the_registry, "is another image in its registry now"),
        (gone_from_the_registry, "is not in its registry any more"),
    ],
)
def test_facts_that_changed_since_the_review_make_it_void(
    scene: UpdateHost, change: Callable[[UpdateHost], None], words: str
) -> None:
    proposal = scene.outdated(NAME, OTHER)
    change(scene)
    before = (scene.engine.listing(), list(scene.engine.pulls))

    with pytest.raises(ReviewVoid, match=f"`{OTHER}` has changed since the review: it {words}"):
        scene.update(proposal)

    assert (scene.engine.listing(), scene.engine.pulls) == before
    assert scene.emitted == []


@pytest.mark.parametrize("kind", [RegistryLimited, RegistryUnreachable, Problem])
def test_a_registry_that_cannot_be_asked_now_does_not_make_the_review_void(
    scene: UpdateHost, kind: type[Problem]
) -> None:
    proposal = scene.outdated(NAME)
    scene.hub.problems[NAME] = kind("Not now.", hint="Wait.")

    assert scene.result(proposal).ending is Ending.UPDATED


def test_what_is_not_to_change_is_not_asked_about(scene: UpdateHost) -> None:
    scene.pulled(NAME)
    kept = scene.candidate(NAME, Keep("It is the newest."))
    scene.engine.remove_image(NAME)

    assert scene.result(proposed(kept)).ending is Ending.UNCHANGED
    assert scene.hub.asked == []


@pytest.mark.parametrize("change", [gone, moved])
def test_a_name_that_changes_during_its_pull_is_left_as_it_is(
    scene: UpdateHost, change: Callable[[UpdateHost], None]
) -> None:
    proposal = scene.outdated(OTHER)
    changed: list[ImageId | None] = []

    def pull(wanted: Reference, report: Callable[[PullProgress], None], control: Control) -> LocalImage:
        change(scene)
        changed.append(scene.holder(OTHER))
        return scene.engine.follow_hub(wanted, report, control)

    scene.engine.pull_script = pull
    result = scene.result(proposal)

    assert result.ending is Ending.FAILED
    assert "has changed since the review" in result.reason
    assert [scene.holder(OTHER)] == changed
    assert scene.holder(kept_name(FIRST, OTHER)) is None
    assert result.after is None
    assert digest_of_plan(proposal) not in str(scene.engine.listing())


def digest_of_plan(proposal: Update) -> str:
    return str(proposal.images[0].remote)


def test_a_new_manifest_of_the_same_image_is_no_update(scene: UpdateHost) -> None:
    old = scene.pulled(NAME)
    again = replace(old, repo_digests=(f"registry.example/a@sha256:{'7' * 64}",))
    scene.engine.hub[NAME] = again
    scene.hub.digests[NAME] = digest_of(again)
    proposal = scene.propose(NAME)

    result = scene.result(proposal)

    assert (result.ending, result.reason) == (
        Ending.UNCHANGED,
        "Its registry describes it anew, but it is the same image.",
    )
    assert (scene.holder(NAME), scene.holder(KEPT)) == (old.id, None)
    assert scene.result(proposal).ending is Ending.UNCHANGED


# ── When it fails ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", [PullFailed, DiskFull, ImageNotFound, Problem])
def test_a_pull_that_breaks_leaves_the_old_image_and_stops_no_other(scene: UpdateHost, kind: type[Problem]) -> None:
    proposal = scene.outdated(NAME, OTHER)
    old = scene.holder(NAME)
    pinned = f"registry.example/a@{proposal.images[0].remote}"
    scene.engine.hub[pinned] = kind("It broke.", hint="Do this.", details=("line 1", "line 2"))

    failed, updated = scene.update(proposal).results

    assert failed == ImageResult(
        name=NAME,
        ending=Ending.FAILED,
        before=proposal.images[0].present,
        reason="It broke.",
        hint="Do this.",
        details=("line 1", "line 2"),
    )
    assert updated.ending is Ending.UPDATED
    assert (scene.holder(NAME), scene.holder(KEPT), scene.nameless) == (old, None, [])
    told = [event for event in scene.emitted if isinstance(event, LogLine)]
    assert told == [LogLine(1, "It broke."), LogLine(1, "line 1"), LogLine(1, "line 2")]


def test_a_pull_that_succeeds_with_another_image_is_a_failure(scene: UpdateHost) -> None:
    proposal = scene.outdated(NAME)
    old = scene.holder(NAME)
    scene.engine.pull_script = lambda *_: scene.engine.offer("registry.example/a:surprise")

    result = scene.result(proposal)

    assert (result.ending, result.reason) == (
        Ending.FAILED,
        f"`{NAME}` was pulled, but the daemon does not hold the digest that was asked for.",
    )
    assert scene.holder(NAME) == old


class TagRefusingEngine(FakeEngine):
    """A daemon that refuses one name, so many times; `refused` is then done before."""

    def __init__(self, name: str, problem: Problem) -> None:
        super().__init__()
        self.name = name
        self.problem = problem
        self.is_refusing = False

    def tag(self, image: ImageId, repository: str, tag: str) -> None:
        if self.is_refusing and f"{repository}:{tag}" == self.name:
            raise self.problem
        super().tag(image, repository, tag)


@pytest.mark.parametrize("name", [KEPT, NAME])
def test_a_name_that_the_daemon_refuses_leaves_all_as_it_was(name: str) -> None:
    engine = TagRefusingEngine(name, Problem("No.", hint="Ask why."))
    scene = UpdateHost(engine)
    proposal = scene.outdated(NAME)
    before = engine.listing()
    engine.is_refusing = True

    result = scene.result(proposal)

    assert (result.ending, result.reason) == (Ending.FAILED, "No.")
    assert engine.listing() == before


def test_what_was_pulled_but_not_named_is_left_where_it_was_there_before() -> None:
    engine = TagRefusingEngine(NAME, Problem("No.", hint="Ask why."))
    scene = UpdateHost(engine)
    proposal = scene.outdated(NAME)
    pinned = Reference("registry.example/a", digest=proposal.images[0].remote)
    engine.pull(pinned, lambda _: None)
    engine.is_refusing = True

    assert scene.result(proposal).ending is Ending.FAILED
    assert engine.find_image(str(pinned)) is not None


def test_a_name_that_moved_although_the_answer_was_lost_keeps_the_image_before() -> None:
    class UnclearTagEngine(FakeEngine):
        is_mumbling = False

        def tag(self, image: ImageId, repository: str, tag: str) -> None:
            super().tag(image, repository, tag)
            if self.is_mumbling and f"{repository}:{tag}" == NAME:
                raise EngineUnavailable("The connection was lost.", hint="Look at the log.")

    engine = UnclearTagEngine()
    scene = UpdateHost(engine)
    proposal = scene.outdated(NAME)
    old = scene.holder(NAME)
    engine.is_mumbling = True

    assert scene.result(proposal).ending is Ending.FAILED
    assert scene.holder(KEPT) == old
    assert scene.holder(NAME) not in (None, old)


def test_an_engine_that_goes_away_in_the_middle_fails_all_that_are_not_done(scene: UpdateHost) -> None:
    names = [f"registry.example/{number}:1" for number in range(9)]
    proposal = scene.outdated(*names)
    scene.pulls.shut()

    with logs_to(StringIO()), ThreadPoolExecutor(1) as threads:
        running = threads.submit(scene.update, proposal)
        scene.pulls.wait_for(3)
        scene.engine.break_down()
        updated = running.result(PATIENCE_SECONDS)

    assert endings(updated) == [(name, Ending.FAILED) for name in names]
    reasons = [result.reason for result in updated.results]
    assert reasons[:3] == ["No Docker daemon answers at `unix:///fake.sock`."] * 3
    assert "It was not begun: the Docker daemon was lost before." in reasons[3:]
    scene.engine.repair()
    assert [scene.holder(name) for name in names] == [image.present.id for image in proposal.images]
    assert scene.nameless == []
