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
def host() -> UpdateHost:
    return UpdateHost()


def endings(updated: Updated) -> list[tuple[str, Ending]]:
    return [(result.name, result.ending) for result in updated.results]


# ── A review that is void ───────────────────────────────────────────────────────────────────────────────────────────


def gone(host: UpdateHost) -> None:
    host.engine.remove_image(OTHER)


def moved(host: UpdateHost) -> None:
    host.pulled(OTHER)


def moved_in_the_registry(host: UpdateHost) -> None:
    host.offer(OTHER)


def gone_from_the_registry(host: UpdateHost) -> None:
    del host.hub.digests[OTHER]


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
    host: UpdateHost, change: Callable[[UpdateHost], None], words: str
) -> None:
    proposal = host.outdated(NAME, OTHER)
    change(host)
    before = (host.engine.listing(), list(host.engine.pulls))

    with pytest.raises(ReviewVoid, match=f"`{OTHER}` has changed since the review: it {words}"):
        host.update(proposal)

    assert (host.engine.listing(), host.engine.pulls) == before
    assert host.emitted == []


@pytest.mark.parametrize("kind", [RegistryLimited, RegistryUnreachable, Problem])
def test_a_registry_that_cannot_be_asked_now_does_not_make_the_review_void(
    host: UpdateHost, kind: type[Problem]
) -> None:
    proposal = host.outdated(NAME)
    host.hub.problems[NAME] = kind("Not now.", hint="Wait.")

    assert host.result(proposal).ending is Ending.UPDATED


def test_what_is_not_to_change_is_not_asked_about(host: UpdateHost) -> None:
    host.pulled(NAME)
    kept = host.candidate(NAME, Keep("It is the newest."))
    host.engine.remove_image(NAME)

    assert host.result(proposed(kept)).ending is Ending.UNCHANGED
    assert host.hub.asked == []


@pytest.mark.parametrize("change", [gone, moved])
def test_a_name_that_changes_during_its_pull_is_left_as_it_is(
    host: UpdateHost, change: Callable[[UpdateHost], None]
) -> None:
    proposal = host.outdated(OTHER)
    changed: list[ImageId | None] = []

    def pull(wanted: Reference, report: Callable[[PullProgress], None], control: Control) -> LocalImage:
        change(host)
        changed.append(host.holder(OTHER))
        return host.engine.follow_hub(wanted, report, control)

    host.engine.pull_script = pull
    result = host.result(proposal)

    assert result.ending is Ending.FAILED
    assert "has changed since the review" in result.reason
    assert [host.holder(OTHER)] == changed
    assert host.holder(kept_name(FIRST, OTHER)) is None
    assert result.after is None
    assert digest_of_plan(proposal) not in str(host.engine.listing())


def digest_of_plan(proposal: Update) -> str:
    return str(proposal.images[0].remote)


def test_a_new_manifest_of_the_same_image_is_no_update(host: UpdateHost) -> None:
    old = host.pulled(NAME)
    again = replace(old, repo_digests=(f"registry.example/a@sha256:{'7' * 64}",))
    host.engine.hub[NAME] = again
    host.hub.digests[NAME] = digest_of(again)
    proposal = host.propose(NAME)

    result = host.result(proposal)

    assert (result.ending, result.reason) == (
        Ending.UNCHANGED,
        "Its registry describes it anew, but it is the same image.",
    )
    assert (host.holder(NAME), host.holder(KEPT)) == (old.id, None)
    assert host.result(proposal).ending is Ending.UNCHANGED


# ── When it fails ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", [PullFailed, DiskFull, ImageNotFound, Problem])
def test_a_pull_that_breaks_leaves_the_old_image_and_stops_no_other(host: UpdateHost, kind: type[Problem]) -> None:
    proposal = host.outdated(NAME, OTHER)
    old = host.holder(NAME)
    pinned = f"registry.example/a@{proposal.images[0].remote}"
    host.engine.hub[pinned] = kind("It broke.", hint="Do this.", details=("line 1", "line 2"))

    failed, updated = host.update(proposal).results

    assert failed == ImageResult(
        name=NAME,
        ending=Ending.FAILED,
        before=proposal.images[0].present,
        reason="It broke.",
        hint="Do this.",
        details=("line 1", "line 2"),
    )
    assert updated.ending is Ending.UPDATED
    assert (host.holder(NAME), host.holder(KEPT), host.nameless) == (old, None, [])
    told = [event for event in host.emitted if isinstance(event, LogLine)]
    assert told == [LogLine(1, "It broke."), LogLine(1, "line 1"), LogLine(1, "line 2")]


def test_a_pull_that_succeeds_with_another_image_is_a_failure(host: UpdateHost) -> None:
    proposal = host.outdated(NAME)
    old = host.holder(NAME)
    host.engine.pull_script = lambda *_: host.engine.offer("registry.example/a:surprise")

    result = host.result(proposal)

    assert (result.ending, result.reason) == (
        Ending.FAILED,
        f"`{NAME}` was pulled, but the daemon does not hold the digest that was asked for.",
    )
    assert host.holder(NAME) == old


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
    host = UpdateHost(engine)
    proposal = host.outdated(NAME)
    before = engine.listing()
    engine.is_refusing = True

    result = host.result(proposal)

    assert (result.ending, result.reason) == (Ending.FAILED, "No.")
    assert engine.listing() == before


def test_what_was_pulled_but_not_named_is_left_where_it_was_there_before() -> None:
    engine = TagRefusingEngine(NAME, Problem("No.", hint="Ask why."))
    host = UpdateHost(engine)
    proposal = host.outdated(NAME)
    pinned = Reference("registry.example/a", digest=proposal.images[0].remote)
    engine.pull(pinned, lambda _: None)
    engine.is_refusing = True

    assert host.result(proposal).ending is Ending.FAILED
    assert engine.find_image(str(pinned)) is not None


def test_a_name_that_moved_although_the_answer_was_lost_keeps_the_image_before() -> None:
    class UnclearTagEngine(FakeEngine):
        is_mumbling = False

        def tag(self, image: ImageId, repository: str, tag: str) -> None:
            super().tag(image, repository, tag)
            if self.is_mumbling and f"{repository}:{tag}" == NAME:
                raise EngineUnavailable("The connection was lost.", hint="Look at the log.")

    engine = UnclearTagEngine()
    host = UpdateHost(engine)
    proposal = host.outdated(NAME)
    old = host.holder(NAME)
    engine.is_mumbling = True

    assert host.result(proposal).ending is Ending.FAILED
    assert host.holder(KEPT) == old
    assert host.holder(NAME) not in (None, old)


def test_an_engine_that_goes_away_in_the_middle_fails_all_that_are_not_done(host: UpdateHost) -> None:
    names = [f"registry.example/{number}:1" for number in range(9)]
    proposal = host.outdated(*names)
    host.pulls.shut()

    with logs_to(StringIO()), ThreadPoolExecutor(1) as threads:
        running = threads.submit(host.update, proposal)
        host.pulls.wait_for(3)
        host.engine.break_down()
        updated = running.result(PATIENCE_SECONDS)

    assert endings(updated) == [(name, Ending.FAILED) for name in names]
    reasons = [result.reason for result in updated.results]
    assert reasons[:3] == ["No Docker daemon answers at `unix:///fake.sock`."] * 3
    assert "It was not begun: the Docker daemon was lost before." in reasons[3:]
    host.engine.repair()
    assert [host.holder(name) for name in names] == [image.present.id for image in proposal.images]
    assert host.nameless == []
    host.pulls.open()
    assert endings(host.update(proposal)) == [(name, Ending.UPDATED) for name in names]
