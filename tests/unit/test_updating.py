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
from commands.engine.interface import FilesRead, PullProgress, ReadOrder
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
def host() -> UpdateHost:
    return UpdateHost()


def endings(updated: Updated) -> list[tuple[str, Ending]]:
    return [(result.name, result.ending) for result in updated.results]


def assert_then_open(waits: threading.Event, host: UpdateHost) -> None:
    """Let the pulls pass once somebody waits; also where nobody does, so that the test fails instead of hanging."""
    came = waits.wait(PATIENCE_SECONDS)
    host.pulls.open()
    assert came


def without_times(events: list[Event]) -> list[Event]:
    return [replace(event, seconds=0.0) if isinstance(event, StepDone | StepFailed) else event for event in events]


# ── When all goes well ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_name_moves_to_what_was_confirmed_and_the_image_before_is_kept(host: UpdateHost) -> None:
    old, new = host.pulled(NAME), host.offer(NAME)

    result = host.result(host.propose(NAME))

    assert result == ImageResult(
        name=NAME,
        ending=Ending.UPDATED,
        before=Mark(old.id, digest_of(old), old.created, old.size),
        after=Mark(new.id, digest_of(new), new.created, new.size),
        reference=NAME,
        kept_as=KEPT,
        difference=Difference(500_000, PackageChanges(), None, NO_PACKAGES),
    )
    assert (host.holder(NAME), host.holder(KEPT)) == (new.id, old.id)
    assert host.engine.pulls[-1] == Reference("registry.example/a", digest=digest_of(new))


def test_everything_is_told_in_its_order(host: UpdateHost) -> None:
    host.update(host.outdated(NAME))

    assert without_times(host.emitted) == [
        StepsPlanned((NAME, COMPARE_STEP)),
        StepStarted(1),
        PullAdvanced(1, 0, 1, 0, 1_500_000, all_sized=True),
        PullAdvanced(1, 1, 1, 1_500_000, 1_500_000, all_sized=True),
        StepDone(1, 0.0),
        StepStarted(2),
        StepNoted(2, "reading 2 images"),
        StepDone(2, 0.0),
    ]


def test_every_image_of_the_review_has_a_result_in_its_order(host: UpdateHost) -> None:
    changing = host.outdated(NAME, OTHER)
    host.pulled("registry.example/kept:1")
    kept = host.candidate("registry.example/kept:1", Keep("It is the newest."))
    odd = replace(kept, name="own:1", plan=NoSource("It was built here."))
    unknown = replace(kept, name="registry.example/x:1", plan=Unchecked("The registry is away.", "Try later."))

    updated = host.update(proposed(kept, changing.images[0], odd, unknown, changing.images[1]))

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
    assert host.emitted[0] == StepsPlanned((NAME, OTHER, COMPARE_STEP))


def test_what_an_update_brought_is_read_out_of_both_images(host: UpdateHost) -> None:
    old, new = host.pulled(NAME), host.offer(NAME)
    host.engine.files[old.id] = _installed("1.0")
    host.engine.files[new.id] = _installed("1.1")

    result = host.result(host.propose(NAME))

    assert result.difference is not None
    assert result.difference.python == PackageChanges(changed=(Change("mechanize", "1.0", "1.1"),))
    assert [dict(order.labels) for order in host.engine.reads] == [{JOB: FIRST}] * 2


def _installed(version: str) -> dict[str, bytes]:
    return {f"usr/lib/python3/dist-packages/mechanize-{version}.dist-info/METADATA": _metadata(version)}


def _metadata(version: str) -> bytes:
    return f"Metadata-Version: 2.1\nName: mechanize\nVersion: {version}\n\n".encode()


def test_packages_that_cannot_be_read_are_a_gap_and_no_failure() -> None:
    class UnreadableEngine(FakeEngine):
        def read_files(self, order: ReadOrder) -> FilesRead:
            del order
            raise Problem("The container could not be created.", hint="Look at the log.")

    host = UpdateHost(UnreadableEngine())

    result = host.result(host.outdated(NAME))

    gap = "The packages were not compared: The container could not be created."
    assert result.difference == Difference(500_000, PackageChanges(), None, (gap,))
    assert result.ending is Ending.UPDATED


def test_containers_that_run_on_with_the_image_before_are_named(host: UpdateHost) -> None:
    proposal = host.outdated(NAME)
    old = proposal.images[0].present.id
    host.engine.add_container("web", old)
    host.engine.add_container("done", old, state="exited")
    host.engine.add_container("other", host.pulled(OTHER).id)

    assert host.result(proposal).still_used_by == ("web",)
    assert len(host.engine.containers()) == 3


def test_an_image_that_a_mirror_brought_gets_the_name_that_was_reviewed(host: UpdateHost) -> None:
    host.pulled(NAME)
    new = host.engine.offer("mirror.example/a:latest")
    host.hub.digests[NAME] = digest_of(new)
    pull = Pull(Reference("mirror.example/a"), digest_of(new))

    result = host.result(proposed(host.candidate(NAME, pull)))

    assert result.ending is Ending.UPDATED
    assert host.holder(NAME) == new.id


def test_no_more_are_pulled_at_once_than_is_set(host: UpdateHost) -> None:
    proposal = host.outdated(*(f"registry.example/{number}:1" for number in range(8)))
    host.pulls.shut()

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(host.update, proposal)
        host.pulls.wait_for(3)
        host.pulls.open()
        assert {ending for _, ending in endings(running.result(PATIENCE_SECONDS))} == {Ending.UPDATED}
    assert host.engine.most_pulls == 3


def test_the_limit_of_pulls_holds_for_all_jobs_together(host: UpdateHost) -> None:
    ours, theirs = host.outdated(NAME), host.outdated(OTHER)
    host.dependencies = replace(host.dependencies, pulls_at_once=1)
    host.pulls.shut()

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(host.update, ours, FIRST)
        host.pulls.wait_for()
        waits = host.somebody_waits()
        second = threads.submit(host.update, theirs, SECOND)
        assert_then_open(waits, host)
        done = [*endings(first.result(PATIENCE_SECONDS)), *endings(second.result(PATIENCE_SECONDS))]
    assert done == [(NAME, Ending.UPDATED), (OTHER, Ending.UPDATED)]
    assert host.engine.most_pulls == 1
    assert StepNoted(1, "Waiting: other pulls are under way") in host.emitted


def test_nothing_runs_on_when_an_update_is_over(host: UpdateHost) -> None:
    host.update(host.outdated(NAME))

    assert (host.engine.running_pulls, host.engine.throwaways, host.engine.cancelled) == (0, 0, [])


def test_what_is_logged_of_a_pull_tells_the_job(host: UpdateHost) -> None:
    job, seen = ContextVar("job", default=""), list[str]()
    proposal = host.outdated(NAME)

    def pull(wanted: Reference, report: Callable[[PullProgress], None], control: Control) -> LocalImage:
        seen.append(job.get())
        return host.engine.follow_hub(wanted, report, control)

    host.engine.pull_script = pull
    token = job.set(FIRST)
    host.update(proposal)
    job.reset(token)

    assert seen == [FIRST]


# ── Two updates of one image ────────────────────────────────────────────────────────────────────────────────────────


def test_a_second_update_of_an_image_waits_and_finds_it_brought_by_the_first(host: UpdateHost) -> None:
    proposal = host.outdated(NAME)
    host.pulls.shut()

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(host.result, proposal, FIRST)
        host.pulls.wait_for()
        waits = host.somebody_waits()
        second = threads.submit(host.result, proposal, SECOND)
        assert_then_open(waits, host)
        brought, found = first.result(PATIENCE_SECONDS), second.result(PATIENCE_SECONDS)

    assert (brought.ending, brought.kept_as) == (Ending.UPDATED, KEPT)
    assert (found.ending, found.reason) == (Ending.UNCHANGED, "Another update brought it meanwhile.")
    assert StepNoted(1, "Waiting: another update of it is under way") in host.emitted
    assert len(host.engine.pulls) == 2  # The old image came by a pull too.
    assert host.holder(kept_name(SECOND, NAME)) is None


def test_two_names_of_one_image_are_updated_both(host: UpdateHost) -> None:
    old = host.pulled(NAME)
    host.engine.tag(old.id, "registry.example/a", "3")
    new = host.offer(NAME)
    host.hub.digests["registry.example/a:3"] = digest_of(new)
    proposal = host.propose(NAME, "registry.example/a:3")
    host.pulls.shut()
    waits = host.somebody_waits()

    # Were both pulled at once, none would have to wait.
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(host.update, proposal)
        assert_then_open(waits, host)
        updated = running.result(PATIENCE_SECONDS)

    assert {ending for _, ending in endings(updated)} == {Ending.UPDATED}
    kept = {host.holder(KEPT), host.holder(f"{KEPT}-3")}
    assert (host.holder(NAME), host.holder("registry.example/a:3"), kept) == (new.id, new.id, {old.id})


# ── How far back the history goes ───────────────────────────────────────────────────────────────────────────────────


def test_more_than_the_depth_are_not_kept_and_the_oldest_go_first(host: UpdateHost) -> None:
    host.dependencies = replace(host.dependencies, history_depth=2)
    images = [host.pulled(NAME).id]
    for job in (BEFORE, FIRST, SECOND, THIRD):
        images.append(host.offer(NAME).id)
        host.update(host.propose(NAME), job)

    assert host.holder(NAME) == images[4]
    kept = [host.holder(kept_name(job, NAME)) for job in (BEFORE, FIRST, SECOND, THIRD)]
    assert kept == [None, None, images[2], images[3]]
    assert len(host.engine.images({})) == 4  # With the base of the host.


def test_what_this_very_update_keeps_is_never_forgotten_by_it(host: UpdateHost) -> None:
    host.dependencies = replace(host.dependencies, history_depth=0)

    assert host.result(host.outdated(NAME)).kept_as == KEPT
    assert host.holder(KEPT) is not None


def test_an_older_image_that_a_container_needs_stays_and_is_told(host: UpdateHost) -> None:
    host.dependencies = replace(host.dependencies, history_depth=1)
    host.update(host.outdated(NAME), BEFORE)
    oldest = kept_name(BEFORE, NAME)
    image = host.holder(oldest)
    assert image is not None
    host.engine.add_container("web", image)
    host.offer(NAME)

    updated = host.update(host.propose(NAME))

    (note,) = updated.notes
    assert oldest in note
    assert "web" in note
    assert endings(updated) == [(NAME, Ending.UPDATED)]
    assert host.holder(oldest) is not None


def test_the_parts_of_a_job_have_pulls_with_different_ids() -> None:
    ids = {replace(JobContext(FIRST, "U0ALICE", "C0WARROOM"), part=part).pull_id for part in (1, 2)}
    assert ids == {f"warroom-{FIRST}-1-pull", f"warroom-{FIRST}-2-pull"}
