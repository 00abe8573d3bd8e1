"""Stop, at every moment of a job: it ends soon, says by whom, and leaves nothing on the host."""

from collections.abc import Callable

from tests.kit.driver import EXAMPLE, RoomDriver, ShownDialog, buttons, fact, title, words


def stopped(driver: RoomDriver, dialog: ShownDialog, by: str) -> str:
    """See that the job was stopped and nothing is left; give what the dialog says."""
    message = dialog.until("stopped")
    assert title(message) == "example_name was stopped"
    assert f"Stopped by <@{by}>" in words(message)
    assert "No image was created." in words(message)
    assert dialog.until_announced() == f"<@U0ALICE> `example_name` was stopped by <@{by}>."
    assert (driver.tags(), driver.nameless(), driver.host.engine.throwaways) == ([], 0, 0)
    assert driver.stages().count("Stopped") == 1
    return words(message)


def test_stopped_while_it_waits_for_a_slot(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(builds_at_once=1)
    driver.host.steps.shut()
    first = driver.create("/docker_image_create name=first dependencies=six")
    driver.host.steps.wait_for()
    dialog = driver.create()
    dialog.until("queued")
    dialog.click("stop", by=driver.bob)
    message = dialog.until("stopped")
    assert "Stopped by <@U0BOB> before it started." in words(message)
    assert buttons(message) == {}
    driver.host.steps.open()
    first.until("done")
    dialog.until_announced()
    assert [order.build_id for order in driver.host.engine.builds] == [f"warroom-{first.id}"]
    assert driver.stages() == ["Finished", "Stopped"]


def test_stopped_at_once_after_create(driver: RoomDriver) -> None:
    # Whatever the moment is that the click meets: queued, not yet known to the daemon, or building.
    driver.host.steps.shut()
    dialog = driver.alice.type(EXAMPLE)
    dialog.until("review")
    dialog.click("create")
    dialog.until("queued", "running")
    dialog.click("stop", stale=True)
    stopped(driver, dialog, "U0ALICE")


def test_stopped_while_it_builds(driver: RoomDriver) -> None:
    driver.host.steps.shut()
    dialog = driver.create()
    dialog.until_says("▸ *OS packages: wget*")
    dialog.click("stop", by=driver.bob)
    assert "Stopped by <@U0BOB> after 1 of 4 steps." in stopped(driver, dialog, "U0BOB")
    assert driver.host.engine.cancelled
    assert driver.host.engine.running_builds == 0
    assert buttons(dialog.now) == {"log": "Log"}
    assert "Reading package lists..." in dialog.until_file(f"build-{dialog.id}.log")


def test_stopped_while_the_result_is_checked(driver: RoomDriver) -> None:
    driver.host.checks.shut()
    dialog = driver.create()
    driver.host.checks.wait_for()
    dialog.until_says("▸ *Check the result*")
    dialog.click("stop")
    assert "after 3 of 4 steps" in stopped(driver, dialog, "U0ALICE")


def test_a_stop_that_takes_a_while_is_seen_and_a_second_one_is_told_that_it_is_late(driver: RoomDriver) -> None:
    driver.host.is_deaf = True
    driver.host.steps.shut()
    dialog = driver.create()
    dialog.until_says("▸ *OS packages: wget*")
    dialog.click("stop", deliveries=2)
    stopping = dialog.until_says("Stopping, requested by <@U0ALICE>.")
    assert title(stopping) == "Stopping example_name"
    assert buttons(stopping) == {}
    dialog.click("stop", by=driver.bob, stale=True)
    driver.bob.until_whispered("Already decided")
    driver.host.is_deaf = False
    stopped(driver, dialog, "U0ALICE")


def test_stopped_after_the_end_changes_nothing(driver: RoomDriver) -> None:
    driver.host.steps.shut()
    dialog = driver.create()
    dialog.until_says("▸ *OS packages: wget*")
    driver.host.steps.open()
    done = dialog.until("done")
    dialog.click("stop", by=driver.bob, stale=True)
    driver.bob.until_whispered("Already decided. The dialog shows the decision.")
    assert fact(dialog.now, "state") == "done"
    assert driver.tags() == [f"example_name:{fact(done, 'tag')}", "example_name:latest"]
