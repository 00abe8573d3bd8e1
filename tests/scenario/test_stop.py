"""Stop, at every moment of a job: it ends soon, says by whom, and leaves nothing on the host."""

from collections.abc import Callable

from tests.kit.driver import EXAMPLE, RoomDriver, ShownDialog, buttons, fact, title, words


def stopped(stage: RoomDriver, dialog: ShownDialog, by: str) -> str:
    """See that the job was stopped and nothing is left; give what the dialog says."""
    message = dialog.until("stopped")
    assert title(message) == "example_name was stopped"
    assert f"Stopped by <@{by}>" in words(message)
    assert "No image was created." in words(message)
    assert dialog.until_announced() == f"<@U0ALICE> `example_name` was stopped by <@{by}>."
    assert (stage.tags(), stage.nameless(), stage.host.engine.throwaways) == ([], 0, 0)
    assert stage.stages().count("Stopped") == 1
    return words(message)


def test_stopped_while_it_waits_for_a_slot(set_stage: Callable[..., RoomDriver]) -> None:
    stage = set_stage(builds_at_once=1)
    stage.host.steps.shut()
    first = stage.create("/docker_image_create name=first dependencies=six")
    stage.host.steps.wait_for()
    dialog = stage.create()
    dialog.until("queued")
    dialog.click("stop", by=stage.bob)
    message = dialog.until("stopped")
    assert "Stopped by <@U0BOB> before it started." in words(message)
    assert buttons(message) == {}
    stage.host.steps.open()
    first.until("done")
    dialog.until_announced()
    assert [order.build_id for order in stage.host.engine.builds] == [f"warroom-{first.id}"]
    assert stage.stages() == ["Done", "Stopped"]


def test_stopped_at_once_after_create(stage: RoomDriver) -> None:
    # Whatever the moment is that the click meets: queued, not yet known to the daemon, or building.
    stage.host.steps.shut()
    dialog = stage.alice.type(EXAMPLE)
    dialog.until("review")
    dialog.click("create")
    dialog.until("queued", "running")
    dialog.click("stop", stale=True)
    stopped(stage, dialog, "U0ALICE")


def test_stopped_while_it_builds(stage: RoomDriver) -> None:
    stage.host.steps.shut()
    dialog = stage.create()
    dialog.until_says("▸ *OS packages: wget*")
    dialog.click("stop", by=stage.bob)
    assert "Stopped by <@U0BOB> after 1 of 4 steps." in stopped(stage, dialog, "U0BOB")
    assert stage.host.engine.cancelled
    assert stage.host.engine.running_builds == 0
    assert buttons(dialog.now) == {"log": "Log"}
    assert "Reading package lists..." in dialog.until_file(f"build-{dialog.id}.log")


def test_stopped_while_the_result_is_checked(stage: RoomDriver) -> None:
    stage.host.checks.shut()
    dialog = stage.create()
    stage.host.checks.wait_for()
    dialog.until_says("▸ *Check the result*")
    dialog.click("stop")
    assert "after 3 of 4 steps" in stopped(stage, dialog, "U0ALICE")


def test_a_stop_that_takes_a_while_is_seen_and_a_second_one_is_told_that_it_is_late(stage: RoomDriver) -> None:
    stage.host.is_deaf = True
    stage.host.steps.shut()
    dialog = stage.create()
    dialog.until_says("▸ *OS packages: wget*")
    dialog.click("stop", deliveries=2)
    stopping = dialog.until_says("Stopping, requested by <@U0ALICE>.")
    assert title(stopping) == "Stopping example_name"
    assert buttons(stopping) == {}
    dialog.click("stop", by=stage.bob, stale=True)
    stage.bob.until_whispered("Already decided")
    stage.host.is_deaf = False
    stopped(stage, dialog, "U0ALICE")


def test_stopped_after_the_end_changes_nothing(stage: RoomDriver) -> None:
    stage.host.steps.shut()
    dialog = stage.create()
    dialog.until_says("▸ *OS packages: wget*")
    stage.host.steps.open()
    done = dialog.until("done")
    dialog.click("stop", by=stage.bob, stale=True)
    stage.bob.until_whispered("Already decided. The dialog shows the decision.")
    assert fact(dialog.now, "state") == "done"
    assert stage.tags() == [f"example_name:{fact(done, 'tag')}", "example_name:latest"]
