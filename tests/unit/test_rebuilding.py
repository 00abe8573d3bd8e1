"""Updates by making anew: what is built, what keeps its name, and what a person is told where it cannot be kept."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from commands.cancellation import CancelReason
from commands.carry_out.updating import COMPARE_STEP
from commands.command import Rebuild
from commands.errors import BuildFailed
from commands.host.history import kept_name
from commands.model.events import (
    ImageBuilt,
    LogLine,
    StepDone,
    StepFailed,
    StepNoted,
    StepsPlanned,
    StepStarted,
)
from commands.model.outcomes import Ending
from commands.recipe.labels import JOB
from tests.fakes.host import PATIENCE_SECONDS
from tests.kit.updates import FIRST, SECOND, UpdateHost, proposed

LINE = "name=example_name dependencies=mechanize packages=wget"
LATEST = "example_name:latest"
KEPT = f"example_name:before-{FIRST}"
PULLED = "registry.example/a:1"


@pytest.fixture
def scene() -> UpdateHost:
    return UpdateHost()


def test_an_image_of_ours_is_made_anew_under_a_tag_of_its_own_and_the_old_one_stays(scene: UpdateHost) -> None:
    old = scene.made(LINE)
    candidate = scene.remade(LATEST, LINE)

    result = scene.result(proposed(candidate))

    new = scene.engine.find_image(result.reference)
    assert new is not None
    assert (result.ending, result.before, result.kept_as) == (Ending.REBUILT, candidate.present, KEPT)
    assert result.after is not None
    assert (result.after.id, result.after.digest) == (new.id, None)
    assert new.repo_tags == (result.reference, LATEST)
    assert new.labels[JOB] == FIRST
    assert result.difference is not None
    kept = scene.engine.find_image(KEPT)
    assert kept is not None
    assert (kept.id, kept.repo_tags) == (old.image.id, (old.reference, KEPT))


def test_every_step_of_it_runs_again(scene: UpdateHost) -> None:
    scene.made(LINE)

    scene.update(proposed(scene.remade(LATEST, LINE)))

    assert [(order.build_id, order.no_cache) for order in scene.engine.builds] == [
        (scene.engine.builds[0].build_id, False),
        (f"warroom-{FIRST}-1", True),
    ]


def test_its_steps_are_told_as_what_one_step_of_the_update_is_doing(scene: UpdateHost) -> None:
    scene.made(LINE)
    candidate = scene.remade(LATEST, LINE)
    scene.host.says = ["Unpacking wget"]

    scene.update(proposed(candidate))

    notes = [event for event in scene.emitted if isinstance(event, StepNoted) and event.step == 1]
    assert scene.emitted[:2] == [StepsPlanned((LATEST, COMPARE_STEP)), StepStarted(1)]
    assert [note.note.partition(":")[0] for note in notes] == [f"Step {number} of 4" for number in (1, 2, 3, 4)]
    assert notes[-1].note == "Step 4 of 4: Check the result"
    assert LogLine(1, "Unpacking wget") in scene.emitted
    assert not [event for event in scene.emitted if isinstance(event, ImageBuilt)]
    assert [event.step for event in scene.emitted if isinstance(event, StepDone)] == [1, 2]


def test_latest_of_somebody_else_does_not_move_and_nothing_is_kept(scene: UpdateHost) -> None:
    made = scene.made(LINE)
    candidate = scene.remade(made.reference, LINE)
    theirs = scene.engine.add_image(LATEST)

    result = scene.result(proposed(candidate))

    assert (result.ending, result.kept_as) == (Ending.REBUILT, "")
    assert scene.holder(LATEST) == theirs.id
    assert scene.holder(made.reference) == made.image.id


def test_pulls_and_rebuilds_go_on_beside_each_other(scene: UpdateHost) -> None:
    scene.made(LINE)
    pulled = scene.outdated(PULLED)
    proposal = proposed(scene.remade(LATEST, LINE), *pulled.images)
    scene.pulls.shut()
    scene.host.steps.shut()

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(scene.update, proposal)
        scene.pulls.wait_for()
        scene.host.steps.wait_for()
        scene.pulls.open()
        scene.host.steps.open()
        updated = running.result(PATIENCE_SECONDS)

    assert [result.ending for result in updated.results] == [Ending.REBUILT, Ending.UPDATED]


def test_several_are_made_one_after_the_other_with_a_build_of_their_own_each(scene: UpdateHost) -> None:
    lines = {"one:latest": "name=one dependencies=mechanize", "two:latest": "name=two packages=wget"}
    for line in lines.values():
        scene.made(line)
    proposal = proposed(*(scene.remade(name, line) for name, line in lines.items()))

    updated = scene.update(proposal)

    assert [result.ending for result in updated.results] == [Ending.REBUILT, Ending.REBUILT]
    assert [result.kept_as for result in updated.results] == [kept_name(FIRST, name) for name in lines]
    assert [order.build_id for order in scene.engine.builds[-2:]] == [f"warroom-{FIRST}-{part}" for part in (1, 2)]
    assert scene.engine.most_builds == 1


def test_two_images_of_one_name_are_both_made_and_latest_goes_back_to_what_was_there_first(scene: UpdateHost) -> None:
    other = "name=example_name packages=curl"
    first, second = scene.made(LINE), scene.made(other, SECOND)
    one, two = scene.remade(first.reference, LINE), scene.remade(second.reference, other)
    two = replace(two, plan=_retagged(two.plan, "1.0.0.1999999999"))

    updated = scene.update(proposed(one, two))

    assert [result.ending for result in updated.results] == [Ending.REBUILT, Ending.REBUILT]
    assert len({result.reference for result in updated.results}) == 2
    assert scene.holder(KEPT) == second.image.id
    assert updated.results[1].after is not None
    assert scene.holder(LATEST) == updated.results[1].after.id


def _retagged(plan: object, tag: str) -> Rebuild:
    """As the proposals of one process have it: no tag is given out twice."""
    assert isinstance(plan, Rebuild)
    spec = replace(plan.creation.spec, tag=tag)
    return replace(plan, creation=replace(plan.creation, spec=spec))


def test_a_build_that_fails_leaves_the_old_image_and_stops_no_other(scene: UpdateHost) -> None:
    made = scene.made(LINE)
    pulled = scene.outdated(PULLED)
    proposal = proposed(scene.remade(LATEST, LINE), *pulled.images)
    scene.host.failing[2] = BuildFailed("The step failed.", hint="See below.", details=("It does not work.",))

    failed, updated = scene.update(proposal).results

    assert (failed.ending, failed.reason, failed.hint) == (Ending.FAILED, "The step failed.", "See below.")
    assert failed.details == ("It does not work.",)
    assert updated.ending is Ending.UPDATED
    assert (scene.holder(LATEST), scene.holder(KEPT), scene.nameless) == (made.image.id, None, [])


def test_modules_that_do_not_import_are_told_with_the_line_to_decide_by_hand(scene: UpdateHost) -> None:
    made = scene.made(LINE)
    candidate = scene.remade(LATEST, LINE)
    scene.host.import_errors = {"mechanize": "ImportError: no html5lib"}

    result = scene.result(proposed(candidate))

    assert (result.ending, result.reason) == (
        Ending.FAILED,
        "All is installed, but `mechanize` cannot be imported.",
    )
    assert "`/docker_image_create name=example_name dependencies=mechanize packages=wget" in result.hint
    assert result.details == ("mechanize: ImportError: no html5lib",)
    assert (scene.holder(LATEST), scene.nameless) == (made.image.id, [])
    assert any(isinstance(event, StepFailed) and event.step == 1 for event in scene.emitted)


def test_one_build_that_takes_too_long_fails_and_ends_no_other(scene: UpdateHost) -> None:
    scene.made("name=one packages=wget")
    pulled = scene.outdated(PULLED)
    proposal = proposed(scene.remade("one:latest", "name=one packages=wget"), *pulled.images)
    scene.dependencies = replace(scene.dependencies, build_seconds=0.06)
    scene.host.steps.shut()

    slow, updated = scene.update(proposal).results

    assert slow.ending is Ending.FAILED
    assert "longer than 0.06 s" in slow.reason
    assert updated.ending is Ending.UPDATED
    assert scene.cancellation.reason is None


def test_a_second_job_waits_and_does_not_make_what_the_first_has_made(scene: UpdateHost) -> None:
    scene.made(LINE)
    proposal = proposed(scene.remade(LATEST, LINE))
    builds = len(scene.engine.builds)
    scene.host.steps.shut()

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(scene.result, proposal, FIRST)
        scene.host.steps.wait_for()
        waits = scene.somebody_waits()
        second = threads.submit(scene.result, proposal, SECOND)
        came = waits.wait(PATIENCE_SECONDS)
        scene.host.steps.open()
        made, found = first.result(PATIENCE_SECONDS), second.result(PATIENCE_SECONDS)

    assert came
    assert (made.ending, found.ending) == (Ending.REBUILT, Ending.UNCHANGED)
    assert found.reason == "Another update brought it meanwhile."
    assert len(scene.engine.builds) == builds + 1


def test_an_older_latest_is_forgotten_when_too_many_are_kept(scene: UpdateHost) -> None:
    scene.made(LINE)
    scene.dependencies = replace(scene.dependencies, history_depth=1)
    scene.update(proposed(scene.remade(LATEST, LINE)), FIRST)
    second = scene.result(proposed(scene.remade(LATEST, LINE)), SECOND)

    assert second.kept_as == kept_name(SECOND, LATEST)
    assert scene.holder(KEPT) is None


def test_a_build_that_is_stopped_is_ended_on_the_daemon_and_leaves_nothing(scene: UpdateHost) -> None:
    made = scene.made(LINE)
    proposal = proposed(scene.remade(LATEST, LINE))
    scene.host.steps.shut()

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(scene.result, proposal)
        scene.host.steps.wait_for()
        scene.cancellation.request(CancelReason.STOPPED)
        result = running.result(PATIENCE_SECONDS)

    assert (result.ending, result.reason) == (Ending.STOPPED, "It was stopped before it was brought up to date.")
    assert f"warroom-{FIRST}-1" in scene.engine.cancelled
    assert (scene.holder(LATEST), scene.holder(KEPT), scene.nameless) == (made.image.id, None, [])
