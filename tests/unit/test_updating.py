"""Updates by pulling: what moves, what is kept, and what is told."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import replace

import pytest

from commands.carry_out import JobContext
from commands.carry_out.updating import COMPARE_STEP
from commands.command import Keep, NoSource, Pull, Unchecked
from commands.engine.interface import PullProgress
from commands.errors import (
    Problem,
)
from commands.host.history import kept_name
from commands.model.events import (
    Event,
    PullAdvanced,
    StepDone,
    StepFailed,
    StepNoted,
    StepsPlanned,
    StepStarted,
)
from commands.model.images import LocalImage, Mark
from commands.model.outcomes import Ending, ImageResult, Updated
from commands.model.packages import Change, Difference, PackageChanges
from commands.model.references import Reference
from commands.recipe.labels import JOB
from tests.fakes.control import Control
from tests.fakes.engine import FakeEngine
from tests.fakes.host import PATIENCE_SECONDS
from tests.kit.updates import BEFORE, FIRST, SECOND, THIRD, UpdateHost, digest_of, proposed

NAME = "registry.example/a:latest"
OTHER = "registry.example/b:3.12"
KEPT = f"registry.example/a:before-{FIRST}"
NO_PACKAGES = ("Neither image has a package database (dpkg or apk), so OS packages cannot be compared.",)


@pytest.fixture
def scene() -> UpdateHost:
    return UpdateHost()


def endings(updated: Updated) -> list[tuple[str, Ending]]:
    return [(result.name, result.ending) for result in updated.results]


def assert_then_open(waits: threading.Event, scene: UpdateHost) -> None:
    """Let the pulls pass once somebody waits; also where nobody does, so that the test fails instead of hanging."""
    came = waits.wait(PATIENCE_SECONDS)
    scene.pulls.open()
    assert came


def without_times(events: list[Event]) -> list[Event]:
    return [replace(event, seconds=0.0) if isinstance(event, StepDone | StepFailed) else event for event in events]


# ── When all goes well ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_name_moves_to_what_was_confirmed_and_the_image_before_is_kept(scene: UpdateHost) -> None:
    old, new = scene.pulled(NAME), scene.offer(NAME)

    result = scene.result(scene.propose(NAME))

    assert result == ImageResult(
        name=NAME,
        ending=Ending.UPDATED,
        before=Mark(old.id, digest_of(old), old.created, old.size),
        after=Mark(new.id, digest_of(new), new.created, new.size),
        reference=NAME,
        kept_as=KEPT,
        difference=Difference(500_000, PackageChanges(), None, NO_PACKAGES),
    )
    assert (scene.holder(NAME), scene.holder(KEPT)) == (new.id, old.id)
    assert scene.engine.pulls[-1] == Reference("registry.example/a", digest=digest_of(new))


def test_everything_is_told_in_its_order(scene: UpdateHost) -> None:
    scene.update(scene.outdated(NAME))

    assert without_times(scene.emitted) == [
        StepsPlanned((NAME, COMPARE_STEP)),
        StepStarted(1),
        PullAdvanced(1, 0, 1, 0, 1_500_000, all_sized=True),
        PullAdvanced(1, 1, 1, 1_500_000, 1_500_000, all_sized=True),
        StepDone(1, 0.0),
        StepStarted(2),
        StepNoted(2, "reading 2 images"),
        StepDone(2, 0.0),
    ]


def test_every_image_of_the_review_has_a_result_in_its_order(scene: UpdateHost) -> None:
    changing = scene.outdated(NAME, OTHER)
    scene.pulled("registry.example/kept:1")
    kept = scene.candidate("registry.example/kept:1", Keep("It is the newest."))
    odd = replace(kept, name="own:1", plan=NoSource("It was built here."))
    unknown = replace(kept, name="registry.example/x:1", plan=Unchecked("The registry is away.", "Try later."))

    updated = scene.update(proposed(kept, changing.images[0], odd, unknown, changing.images[1]))

    assert endings(updated) == [
        ("registry.example/kept:1", Ending.UNCHANGED),
        (NAME, Ending.UPDATED),
        ("own:1", Ending.UNCHANGED),
        ("registry.example/x:1", Ending.FAILED),
        (OTHER, Ending.UPDATED),
    ]
    assert [result.reason for result in updated.results] == [
        "It is the newest.",
        "",
        "It was built here.",
        "The registry is away.",
        "",
    ]
    assert updated.results[3].hint == "Try later."
    assert scene.emitted[0] == StepsPlanned((NAME, OTHER, COMPARE_STEP))


def test_what_an_update_brought_is_read_out_of_both_images(scene: UpdateHost) -> None:
    old, new = scene.pulled(NAME), scene.offer(NAME)
    scene.engine.files[old.id] = _installed("1.0")
    scene.engine.files[new.id] = _installed("1.1")

    result = scene.result(scene.propose(NAME))

    assert result.difference is not None
    assert result.difference.python == PackageChanges(changed=(Change("mechanize", "1.0", "1.1"),))
    assert [dict(order.labels) for order in scene.engine.reads] == [{JOB: FIRST}] * 2


def _installed(version: str) -> dict[str, bytes]:
    return {f"usr/lib/python3/dist-packages/mechanize-{version}.dist-info/METADATA": _metadata(version)}


def _metadata(version: str) -> bytes:
    return f"Metadata-Version: 2.1\nName: mechanize\nVersion: {version}\n\n".encode()


def test_packages_that_cannot_be_read_are_a_gap_and_no_failure() -> None:
    class UnreadableEngine(FakeEngine):
        def read_files(self, order: object) -> object:  # type: ignore[override]
            del order
            raise Problem("The container could not be created.", hint="Look at the log.")

    scene = UpdateHost(UnreadableEngine())

    result = scene.result(scene.outdated(NAME))

    gap = "The packages were not compared: The container could not be created."
    assert result.difference == Difference(500_000, PackageChanges(), None, (gap,))
    assert result.ending is Ending.UPDATED


def test_containers_that_run_on_with_the_image_before_are_named(scene: UpdateHost) -> None:
    proposal = scene.outdated(NAME)
    old = proposal.images[0].present.id
    scene.engine.add_container("web", old)
    scene.engine.add_container("done", old, state="exited")
    scene.engine.add_container("other", scene.pulled(OTHER).id)

    assert scene.result(proposal).still_used_by == ("web",)
    assert len(scene.engine.containers()) == 3


def test_an_image_that_a_mirror_brought_gets_the_name_that_was_reviewed(scene: UpdateHost) -> None:
    scene.pulled(NAME)
    new = scene.engine.offer("mirror.example/a:latest")
    scene.hub.digests[NAME] = digest_of(new)
    pull = Pull(Reference("mirror.example/a"), digest_of(new))

    result = scene.result(proposed(scene.candidate(NAME, pull)))

    assert result.ending is Ending.UPDATED
    assert scene.holder(NAME) == new.id


def test_no_more_are_pulled_at_once_than_is_set(scene: UpdateHost) -> None:
    proposal = scene.outdated(*(f"registry.example/{number}:1" for number in range(8)))
    scene.pulls.shut()

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(scene.update, proposal)
        scene.pulls.wait_for(3)
        scene.pulls.open()
        assert {ending for _, ending in endings(running.result(PATIENCE_SECONDS))} == {Ending.UPDATED}
    assert scene.engine.most_pulls == 3


def test_the_limit_of_pulls_holds_for_all_jobs_together(scene: UpdateHost) -> None:
    ours, theirs = scene.outdated(NAME), scene.outdated(OTHER)
    scene.dependencies = replace(scene.dependencies, pulls_at_once=1)
    scene.pulls.shut()

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(scene.update, ours, FIRST)
        scene.pulls.wait_for()
        waits = scene.somebody_waits()
        second = threads.submit(scene.update, theirs, SECOND)
        assert_then_open(waits, scene)
        done = [*endings(first.result(PATIENCE_SECONDS)), *endings(second.result(PATIENCE_SECONDS))]
    assert done == [(NAME, Ending.UPDATED), (OTHER, Ending.UPDATED)]
    assert scene.engine.most_pulls == 1
    assert StepNoted(1, "Waiting: other pulls are under way") in scene.emitted


def test_nothing_runs_on_when_an_update_is_over(scene: UpdateHost) -> None:
    scene.update(scene.outdated(NAME))

    assert (scene.engine.running_pulls, scene.engine.throwaways, scene.engine.cancelled) == (0, 0, [])


def test_what_is_logged_of_a_pull_tells_the_job(scene: UpdateHost) -> None:
    job, seen = ContextVar("job", default=""), list[str]()
    proposal = scene.outdated(NAME)

    def pull(wanted: Reference, report: Callable[[PullProgress], None], control: Control) -> LocalImage:
        seen.append(job.get())
        return scene.engine.follow_hub(wanted, report, control)

    scene.engine.pull_script = pull
    token = job.set(FIRST)
    scene.update(proposal)
    job.reset(token)

    assert seen == [FIRST]


# ── Two updates of one image ────────────────────────────────────────────────────────────────────────────────────────


def test_a_second_update_of_an_image_waits_and_finds_it_brought_by_the_first(scene: UpdateHost) -> None:
    proposal = scene.outdated(NAME)
    scene.pulls.shut()

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(scene.result, proposal, FIRST)
        scene.pulls.wait_for()
        waits = scene.somebody_waits()
        second = threads.submit(scene.result, proposal, SECOND)
        assert_then_open(waits, scene)
        brought, found = first.result(PATIENCE_SECONDS), second.result(PATIENCE_SECONDS)

    assert (brought.ending, brought.kept_as) == (Ending.UPDATED, KEPT)
    assert (found.ending, found.reason) == (Ending.UNCHANGED, "Another update brought it meanwhile.")
    assert StepNoted(1, "Waiting: another update of it is under way") in scene.emitted
    assert len(scene.engine.pulls) == 2  # The old image came by a pull too.
    assert scene.holder(kept_name(SECOND, NAME)) is None


def test_two_names_of_one_image_are_updated_both(scene: UpdateHost) -> None:
    old = scene.pulled(NAME)
    scene.engine.tag(old.id, "registry.example/a", "3")
    new = scene.offer(NAME)
    scene.hub.digests["registry.example/a:3"] = digest_of(new)
    proposal = scene.propose(NAME, "registry.example/a:3")
    scene.pulls.shut()
    waits = scene.somebody_waits()

    # Were both pulled at once, none would have to wait.
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(scene.update, proposal)
        assert_then_open(waits, scene)
        updated = running.result(PATIENCE_SECONDS)

    assert {ending for _, ending in endings(updated)} == {Ending.UPDATED}
    kept = {scene.holder(KEPT), scene.holder(f"{KEPT}-3")}
    assert (scene.holder(NAME), scene.holder("registry.example/a:3"), kept) == (new.id, new.id, {old.id})


# ── How far back the history goes ───────────────────────────────────────────────────────────────────────────────────


def test_more_than_the_depth_are_not_kept_and_the_oldest_go_first(scene: UpdateHost) -> None:
    scene.dependencies = replace(scene.dependencies, history_depth=2)
    images = [scene.pulled(NAME).id]
    for job in (BEFORE, FIRST, SECOND, THIRD):
        images.append(scene.offer(NAME).id)
        scene.update(scene.propose(NAME), job)

    assert scene.holder(NAME) == images[4]
    kept = [scene.holder(kept_name(job, NAME)) for job in (BEFORE, FIRST, SECOND, THIRD)]
    assert kept == [None, None, images[2], images[3]]
    assert len(scene.engine.images({})) == 4  # With the base of the host.


def test_what_this_very_update_keeps_is_never_forgotten_by_it(scene: UpdateHost) -> None:
    scene.dependencies = replace(scene.dependencies, history_depth=0)

    assert scene.result(scene.outdated(NAME)).kept_as == KEPT
    assert scene.holder(KEPT) is not None


def test_an_older_image_that_a_container_needs_stays_and_is_told(scene: UpdateHost) -> None:
    scene.dependencies = replace(scene.dependencies, history_depth=1)
    scene.update(scene.outdated(NAME), BEFORE)
    oldest = kept_name(BEFORE, NAME)
    scene.engine.add_container("web", scene.engine.find_image(oldest).id)  # type: ignore[union-attr]
    scene.offer(NAME)

    updated = scene.update(scene.propose(NAME))

    (note,) = updated.notes
    assert oldest in note
    assert "web" in note
    assert endings(updated) == [(NAME, Ending.UPDATED)]
    assert scene.holder(oldest) is not None


def test_the_parts_of_a_job_have_pulls_with_different_ids() -> None:
    ids = {replace(JobContext(FIRST, "U0ALICE", "C0WARROOM"), part=part).pull_id for part in (1, 2)}
    assert ids == {f"warroom-{FIRST}-1-pull", f"warroom-{FIRST}-2-pull"}
