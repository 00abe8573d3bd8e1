"""The bot ends in the middle, politely or not: the next one goes on in the same message, and each job ends once."""

from collections.abc import Callable
from threading import Thread

import pytest

from commands.recipe.labels import JOB
from tests.fakes.host import PATIENCE_SECONDS
from tests.kit.driver import EXAMPLE, RoomDriver, ShownDialog, buttons, fact, words
from tests.kit.wire import CuttableEngine, Moment

NO_GL = "ImportError: libGL.so.1: cannot open shared object file"


def ended_once(driver: RoomDriver, dialog: ShownDialog, message: str) -> None:
    """See that the job ended in the message it had, with one image and one announcement."""
    done = dialog.until("done")
    dialog.until_announced()
    assert dialog.ts == message
    assert len(driver.bot_messages()) == 1
    (image,) = driver.host.engine.images({JOB: ""})
    assert image.id == fact(done, "id")
    assert driver.tags() == [f"example_name:{fact(done, 'tag')}", "example_name:latest"]
    assert driver.stages() == ["Finished"]
    driver.close()
    # A question that waited may have been announced as well.
    assert len([reply for reply in dialog.replies if "is ready" in reply]) == 1


def test_a_build_is_paused_by_the_end_of_the_bot_and_goes_on_with_the_next(driver: RoomDriver) -> None:
    driver.host.steps.shut()
    dialog = driver.create()
    dialog.until_says("▸ *OS packages: wget*")
    message = dialog.ts
    driver.close_bot()
    paused = dialog.until("paused")
    assert "The bot is restarting. The build then continues in this message." in words(paused)
    assert buttons(paused) == {}
    assert dialog.replies == []
    assert (driver.nameless(), driver.host.engine.running_builds, driver.stages()) == (0, 0, ["Paused"])
    driver.host.steps.open()
    driver.start_bot()
    ended_once(driver, dialog, message)


def test_a_build_that_ends_in_the_grace_period_is_not_paused(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(grace_seconds=PATIENCE_SECONDS)
    driver.host.steps.shut()
    dialog = driver.create()
    driver.host.steps.wait_for()
    ending = Thread(target=driver.close_bot)
    ending.start()
    # While it ends, it takes nothing new and says so.
    refused = driver.bob.type(EXAMPLE)
    driver.bob.until(lambda: driver.bob.whispers or refused.shown, "an answer of the bot that ends")
    driver.host.steps.open()
    ending.join()
    dialog.until("done")
    assert "paused" not in dialog.states
    assert dialog.until_announced().endswith("is ready.")


def test_a_bot_that_ends_says_so_to_those_who_type(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(grace_seconds=PATIENCE_SECONDS)
    driver.host.steps.shut()
    dialog = driver.create()
    driver.host.steps.wait_for()
    ending = Thread(target=driver.close_bot)
    ending.start()
    bot = driver.bot
    assert bot is not None
    assert bot._jobs.closing.wait(PATIENCE_SECONDS)
    driver.bob.type(EXAMPLE)
    whisper = driver.bob.until_whispered("The bot is being restarted.")
    assert "Type the command again in a minute." in whisper
    driver.host.steps.open()
    ending.join()
    dialog.until("done")
    assert driver.stages() == ["Finished"]


def test_a_proposal_and_its_queue_outlive_the_bot(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(builds_at_once=1)
    driver.host.steps.shut()
    building = driver.create("/docker_image_create name=a packages=wget")
    driver.host.steps.wait_for()
    waiting = driver.create("/docker_image_create name=b packages=wget")
    waiting.until("queued")
    proposed = driver.alice.type(EXAMPLE)
    proposed.until("review")
    driver.close_bot()
    driver.start_bot()
    driver.host.steps.open()
    proposed.click("create", by=driver.bob)
    for dialog in (building, waiting, proposed):
        dialog.until("done")
        dialog.until_announced()
    assert len(driver.bot_messages()) == 3
    assert driver.host.engine.most_builds == 1


def test_a_click_while_no_bot_runs_says_so(driver: RoomDriver) -> None:
    dialog = driver.alice.type(EXAMPLE)
    dialog.until("review")
    driver.is_left_as_it_is = True
    driver.close_bot()
    dialog.click("create")
    driver.alice.until_whispered("no app is connected")


@pytest.mark.parametrize(
    "moment",
    [
        ("before", "build"),
        ("after", "build"),
        ("before", "build's end"),
        ("before", "run"),
        ("after", "run"),
        ("before", "tag"),
        ("after", "tag"),
    ],
    ids=" ".join,
)
def test_killed_while_the_image_is_made(make_driver: Callable[..., RoomDriver], moment: Moment) -> None:
    driver = make_driver(start=False)
    wire = CuttableEngine(driver.host)
    driver.start_bot(wire)
    dialog = driver.alice.type(EXAMPLE)
    dialog.until("review")
    wire.cut_at(moment)
    dialog.click("create")
    wire.wait_until_cut()
    message = dialog.ts
    driver.crash_bot(wire)
    assert driver.stages() == ["Running"]
    driver.start_bot()
    ended_once(driver, dialog, message)


def test_killed_while_it_looks_things_up(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(start=False)
    wire = CuttableEngine(driver.host)
    driver.start_bot(wire)
    driver.host.looks.shut()
    dialog = driver.alice.type(EXAMPLE)
    driver.host.looks.wait_for()
    dialog.until("preparing")
    message = dialog.ts
    driver.crash_bot(wire)
    driver.host.looks.open()
    driver.start_bot()
    dialog.until("review")
    dialog.click("create")
    ended_once(driver, dialog, message)


def test_killed_in_the_middle_of_a_step(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(start=False)
    wire = CuttableEngine(driver.host)
    driver.start_bot(wire)
    driver.host.steps.shut()
    dialog = driver.create()
    dialog.until_says("▸ *OS packages: wget*")
    message = dialog.ts
    driver.crash_bot(wire)
    driver.host.steps.open()
    driver.start_bot()
    ended_once(driver, dialog, message)
    assert "paused" not in dialog.states


def test_killed_after_the_end_was_stored_and_before_it_was_said(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(start=False)
    wire = CuttableEngine(driver.host)
    bot = driver.start_bot(wire)
    driver.host.checks.shut()
    dialog = driver.create()
    dialog.until_says("▸ *Check the result*")
    message = dialog.ts
    bot._channel.close(seconds=0)
    driver.host.checks.open()
    assert bot._jobs._supervisor.wait_until_idle(PATIENCE_SECONDS) == ()
    assert driver.stages() == ["Finished"]
    driver.crash_bot(wire)
    assert dialog.states[-1] == "running"
    driver.start_bot()
    ended_once(driver, dialog, message)


def test_killed_while_an_undecided_image_is_kept(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(start=False)
    driver.host.import_errors["mechanize"] = NO_GL
    wire = CuttableEngine(driver.host)
    driver.start_bot(wire)
    dialog = driver.create()
    dialog.until("deciding")
    message = dialog.ts
    wire.cut_at(("after", "tag"))
    dialog.click("keep")
    wire.wait_until_cut()
    driver.crash_bot(wire)
    driver.start_bot()
    ended_once(driver, dialog, message)
    assert NO_GL in words(dialog.now)


def test_killed_while_stopping(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(start=False)
    wire = CuttableEngine(driver.host)
    driver.start_bot(wire)
    driver.host.is_deaf = True
    driver.host.steps.shut()
    dialog = driver.create()
    dialog.until_says("▸ *OS packages: wget*")
    dialog.click("stop", by=driver.bob)
    dialog.until_says("Stopping, requested by <@U0BOB>.")
    driver.crash_bot(wire)
    driver.host.is_deaf = False
    driver.start_bot()
    stopped = dialog.until("stopped")
    assert "Stopped by <@U0BOB>" in words(stopped)
    dialog.until_announced()
    assert (driver.tags(), driver.stages()) == ([], ["Stopped"])
