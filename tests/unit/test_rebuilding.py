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
def host() -> UpdateHost:
    return UpdateHost()


def test_an_image_of_ours_is_made_anew_under_a_tag_of_its_own_and_the_old_one_stays(host: UpdateHost) -> None:
    old = host.made(LINE)
    candidate = host.remade(LATEST, LINE)

    result = host.result(proposed(candidate))

    new = host.engine.find_image(result.reference)
    assert new is not None
    assert (result.ending, result.before, result.kept_as) == (Ending.REBUILT, candidate.present, KEPT)
    assert result.after is not None
    assert (result.after.id, result.after.digest) == (new.id, None)
    assert new.repo_tags == (result.reference, LATEST)
    assert new.labels[JOB] == FIRST
    assert result.difference is not None
    kept = host.engine.find_image(KEPT)
    assert kept is not None
    assert (kept.id, kept.repo_tags) == (old.image.id, (old.reference, KEPT))


def test_every_step_of_it_runs_again(host: UpdateHost) -> None:
    host.made(LINE)

    host.update(proposed(host.remade(LATEST, LINE)))

    assert [(order.build_id, order.no_cache) for order in host.engine.builds] == [
        (host.engine.builds[0].build_id, False),
        (f"warroom-{FIRST}-1", True),
    ]


def test_its_steps_are_told_as_what_one_step_of_the_update_is_doing(host: UpdateHost) -> None:
    host.made(LINE)
    candidate = host.remade(LATEST, LINE)
    host.host.says = ["Unpacking wget"]

    host.update(proposed(candidate))

    notes = [event for event in host.emitted if isinstance(event, StepNoted) and event.step == 1]
    assert host.emitted[:2] == [StepsPlanned((LATEST, COMPARE_STEP)), StepStarted(1)]
    assert [note.note.partition(":")[0] for note in notes] == [f"Step {number} of 4" for number in (1, 2, 3, 4)]
    assert notes[-1].note == "Step 4 of 4: Check the result"
    assert LogLine(1, "Unpacking wget") in host.emitted
    assert not [event for event in host.emitted if isinstance(event, ImageBuilt)]
    assert [event.step for event in host.emitted if isinstance(event, StepDone)] == [1, 2]


def test_latest_of_somebody_else_does_not_move_and_nothing_is_kept(host: UpdateHost) -> None:
    made = host.made(LINE)
    candidate = host.remade(made.reference, LINE)
    theirs = host.engine.add_image(LATEST)

    result = host.result(proposed(candidate))

    assert (result.ending, result.kept_as) == (Ending.REBUILT, "")
    assert host.holder(LATEST) == theirs.id
    assert host.holder(made.reference) == made.image.id


def test_pulls_and_rebuilds_go_on_beside_each_other(host: UpdateHost) -> None:
    host.made(LINE)
    pulled = host.outdated(PULLED)
    proposal = proposed(host.remade(LATEST, LINE), *pulled.images)
    host.pulls.shut()
    host.host.steps.shut()

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(host.update, proposal)
        host.pulls.wait_for()
        host.host.steps.wait_for()
        host.pulls.open()
        host.host.steps.open()
        updated = running.result(PATIENCE_SECONDS)

    assert [result.ending for result in updated.results] == [Ending.REBUILT, Ending.UPDATED]


def test_several_are_made_one_after_the_other_with_a_build_of_their_own_each(host: UpdateHost) -> None:
    lines = {"one:latest": "name=one dependencies=mechanize", "two:latest": "name=two packages=wget"}
    for line in lines.values():
        host.made(line)
    proposal = proposed(*(host.remade(name, line) for name, line in lines.items()))

    updated = host.update(proposal)

    assert [result.ending for result in updated.results] == [Ending.REBUILT, Ending.REBUILT]
    assert [result.kept_as for result in updated.results] == [kept_name(FIRST, name) for name in lines]
    assert [order.build_id for order in host.engine.builds[-2:]] == [f"warroom-{FIRST}-{part}" for part in (1, 2)]
    assert host.engine.most_builds == 1


def test_two_images_of_one_name_are_both_made_and_latest_goes_back_to_what_was_there_first(host: UpdateHost) -> None:
    other = "name=example_name packages=curl"
    first, second = host.made(LINE), host.made(other, SECOND)
    one, two = host.remade(first.reference, LINE), host.remade(second.reference, other)
    two = replace(two, plan=_retagged(two.plan, "1.0.0.1999999999"))

    updated = host.update(proposed(one, two))

    assert [result.ending for result in updated.results] == [Ending.REBUILT, Ending.REBUILT]
    assert len({result.reference for result in updated.results}) == 2
    assert host.holder(KEPT) == second.image.id
    assert updated.results[1].after is not None
    assert host.holder(LATEST) == updated.results[1].after.id


def _retagged(plan: object, tag: str) -> Rebuild:
    """As the proposals of one process have it: no tag is given out twice."""
    assert isinstance(plan, Rebuild)
    spec = replace(plan.creation.spec, tag=tag)
    return replace(plan, creation=replace(plan.creation, spec=spec))


def test_a_build_that_fails_leaves_the_old_image_and_stops_no_other(host: UpdateHost) -> None:
    made = host.made(LINE)
    pulled = host.outdated(PULLED)
    proposal = proposed(host.remade(LATEST, LINE), *pulled.images)
    host.host.failing[2] = BuildFailed("The step failed.", hint="See below.", details=("It does not work.",))

    failed, updated = host.update(proposal).results

    assert (failed.ending, failed.reason, failed.hint) == (Ending.FAILED, "The step failed.", "See below.")
    assert failed.details == ("It does not work.",)
    assert updated.ending is Ending.UPDATED
    assert (host.holder(LATEST), host.holder(KEPT), host.nameless) == (made.image.id, None, [])


def test_modules_that_do_not_import_are_told_with_the_line_to_decide_by_hand(host: UpdateHost) -> None:
    made = host.made(LINE)
    candidate = host.remade(LATEST, LINE)
    host.host.import_errors = {"mechanize": "ImportError: no html5lib"}

    result = host.result(proposed(candidate))

    assert (result.ending, result.reason) == (
        Ending.FAILED,
        "All is installed, but `mechanize` cannot be imported.",
    )
    assert "`/docker_image_create name=example_name dependencies=mechanize packages=wget" in result.hint
    assert result.details == ("mechanize: ImportError: no html5lib",)
    assert (host.holder(LATEST), host.nameless) == (made.image.id, [])
    assert any(isinstance(event, StepFailed) and event.step == 1 for event in host.emitted)


def test_one_build_that_takes_too_long_fails_and_ends_no_other(host: UpdateHost) -> None:
    host.made("name=one packages=wget")
    pulled = host.outdated(PULLED)
    proposal = proposed(host.remade("one:latest", "name=one packages=wget"), *pulled.images)
    host.dependencies = replace(host.dependencies, build_seconds=0.06)
    host.host.steps.shut()

    slow, updated = host.update(proposal).results

    assert slow.ending is Ending.FAILED
    assert "longer than 0.06 s" in slow.reason
    assert updated.ending is Ending.UPDATED
    assert host.cancellation.reason is None


def test_a_second_job_waits_and_does_not_make_what_the_first_has_made(host: UpdateHost) -> None:
    host.made(LINE)
    proposal = proposed(host.remade(LATEST, LINE))
    builds = len(host.engine.builds)
    host.host.steps.shut()

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(host.result, proposal, FIRST)
        host.host.steps.wait_for()
        waits = host.somebody_waits()
        second = threads.submit(host.result, proposal, SECOND)
        came = waits.wait(PATIENCE_SECONDS)
        host.host.steps.open()
        made, found = first.result(PATIENCE_SECONDS), second.result(PATIENCE_SECONDS)

    assert came
    assert (made.ending, found.ending) == (Ending.REBUILT, Ending.UNCHANGED)
    assert found.reason == "Another update brought it meanwhile."
    assert len(host.engine.builds) == builds + 1


def test_an_older_latest_is_forgotten_when_too_many_are_kept(host: UpdateHost) -> None:
    host.made(LINE)
    host.dependencies = replace(host.dependencies, history_depth=1)
    host.update(proposed(host.remade(LATEST, LINE)), FIRST)
    second = host.result(proposed(host.remade(LATEST, LINE)), SECOND)

    assert second.kept_as == kept_name(SECOND, LATEST)
    assert host.holder(KEPT) is None


def test_a_build_that_is_stopped_is_ended_on_the_daemon_and_leaves_nothing(host: UpdateHost) -> None:
    made = host.made(LINE)
    proposal = proposed(host.remade(LATEST, LINE))
    host.host.steps.shut()

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(host.result, proposal)
        host.host.steps.wait_for()
        host.cancellation.request(CancelReason.STOPPED)
        result = running.result(PATIENCE_SECONDS)

    assert (result.ending, result.reason) == (Ending.STOPPED, "It was stopped before it was brought up to date.")
    assert f"warroom-{FIRST}-1" in host.engine.cancelled
    assert (host.holder(LATEST), host.holder(KEPT), host.nameless) == (made.image.id, None, [])
