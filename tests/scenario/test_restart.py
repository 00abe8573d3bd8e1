"""The bot ends in the middle, politely or not: the next one goes on in the same message, and each job ends once."""

from collections.abc import Callable
from threading import Thread

import pytest

from commands.recipe.labels import JOB
from tests.fakes.host import PATIENCE_SECONDS
from tests.kit.driver import EXAMPLE, RoomDriver, ShownDialog, buttons, fact, words
from tests.kit.wire import CuttableEngine, Moment

NO_GL = "ImportError: libGL.so.1: cannot open shared object file"


def ended_once(stage: RoomDriver, dialog: ShownDialog, message: str) -> None:
    """See that the job ended in the message it had, with one image and one announcement."""
    done = dialog.until("done")
    dialog.until_announced()
    assert dialog.ts == message
    assert len(stage.bot_messages()) == 1
    (image,) = stage.host.engine.images({JOB: ""})
    assert image.id == fact(done, "id")
    assert stage.tags() == [f"example_name:{fact(done, 'tag')}", "example_name:latest"]
    assert stage.stages() == ["Done"]
    stage.close()
    # A question that waited may have been announced as well.
    assert len([reply for reply in dialog.replies if "is ready" in reply]) == 1


def test_a_build_is_paused_by_the_end_of_the_bot_and_goes_on_with_the_next(stage: RoomDriver) -> None:
    stage.host.steps.shut()
    dialog = stage.create()
    dialog.until_says("▸ *OS packages: wget*")
    message = dialog.ts
    stage.close_bot()
    paused = dialog.until("paused")
    assert "The bot is restarting. The build then continues in this message." in words(paused)
    assert buttons(paused) == {}
    assert dialog.replies == []
    assert (stage.nameless(), stage.host.engine.running_builds, stage.stages()) == (0, 0, ["Paused"])
    stage.host.steps.open()
    stage.start_bot()
    ended_once(stage, dialog, message)


def test_a_build_that_ends_in_the_grace_period_is_not_paused(set_stage: Callable[..., RoomDriver]) -> None:
    stage = set_stage(grace_seconds=PATIENCE_SECONDS)
    stage.host.steps.shut()
    dialog = stage.create()
    stage.host.steps.wait_for()
    ending = Thread(target=stage.close_bot)
    ending.start()
    # While it ends, it takes nothing new and says so.
    refused = stage.bob.type(EXAMPLE)
    stage.bob.until(lambda: stage.bob.whispers or refused.shown, "an answer of the bot that ends")
    stage.host.steps.open()
    ending.join()
    dialog.until("done")
    assert "paused" not in dialog.states
    assert dialog.until_announced().endswith("is ready.")


def test_a_bot_that_ends_says_so_to_those_who_type(set_stage: Callable[..., RoomDriver]) -> None:
    stage = set_stage(grace_seconds=PATIENCE_SECONDS)
    stage.host.steps.shut()
    dialog = stage.create()
    stage.host.steps.wait_for()
    ending = Thread(target=stage.close_bot)
    ending.start()
    bot = stage.bot
    assert bot is not None
    assert bot._jobs.closing.wait(PATIENCE_SECONDS)
    stage.bob.type(EXAMPLE)
    whisper = stage.bob.until_whispered("The bot is being restarted.")
    assert "Type the command again in a minute." in whisper
    stage.host.steps.open()
    ending.join()
    dialog.until("done")
    assert stage.stages() == ["Done"]


def test_a_proposal_and_its_queue_outlive_the_bot(set_stage: Callable[..., RoomDriver]) -> None:
    stage = set_stage(builds_at_once=1)
    stage.host.steps.shut()
    building = stage.create("/docker_image_create name=a packages=wget")
    stage.host.steps.wait_for()
    waiting = stage.create("/docker_image_create name=b packages=wget")
    waiting.until("queued")
    proposed = stage.alice.type(EXAMPLE)
    proposed.until("review")
    stage.close_bot()
    stage.start_bot()
    stage.host.steps.open()
    proposed.click("create", by=stage.bob)
    for dialog in (building, waiting, proposed):
        dialog.until("done")
        dialog.until_announced()
    assert len(stage.bot_messages()) == 3
    assert stage.host.engine.most_builds == 1


def test_a_click_while_no_bot_runs_says_so(stage: RoomDriver) -> None:
    dialog = stage.alice.type(EXAMPLE)
    dialog.until("review")
    stage.is_left_as_it_is = True
    stage.close_bot()
    dialog.click("create")
    stage.alice.until_whispered("no app is connected")


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
def test_killed_while_the_image_is_made(set_stage: Callable[..., RoomDriver], moment: Moment) -> None:
    stage = set_stage(start=False)
    wire = CuttableEngine(stage.host)
    stage.start_bot(wire)
    dialog = stage.alice.type(EXAMPLE)
    dialog.until("review")
    wire.cut_at(moment)
    dialog.click("create")
    wire.wait_until_cut()
    message = dialog.ts
    stage.crash_bot(wire)
    assert stage.stages() == ["Running"]
    stage.start_bot()
    ended_once(stage, dialog, message)


def test_killed_while_it_looks_things_up(set_stage: Callable[..., RoomDriver]) -> None:
    stage = set_stage(start=False)
    wire = CuttableEngine(stage.host)
    stage.start_bot(wire)
    stage.host.looks.shut()
    dialog = stage.alice.type(EXAMPLE)
    stage.host.looks.wait_for()
    dialog.until("preparing")
    message = dialog.ts
    stage.crash_bot(wire)
    stage.host.looks.open()
    stage.start_bot()
    dialog.until("review")
    dialog.click("create")
    ended_once(stage, dialog, message)


def test_killed_in_the_middle_of_a_step(set_stage: Callable[..., RoomDriver]) -> None:
    stage = set_stage(start=False)
    wire = CuttableEngine(stage.host)
    stage.start_bot(wire)
    stage.host.steps.shut()
    dialog = stage.create()
    dialog.until_says("▸ *OS packages: wget*")
    message = dialog.ts
    stage.crash_bot(wire)
    stage.host.steps.open()
    stage.start_bot()
    ended_once(stage, dialog, message)
    assert "paused" not in dialog.states


def test_killed_after_the_end_was_stored_and_before_it_was_said(set_stage: Callable[..., RoomDriver]) -> None:
    stage = set_stage(start=False)
    wire = CuttableEngine(stage.host)
    bot = stage.start_bot(wire)
    stage.host.checks.shut()
    dialog = stage.create()
    dialog.until_says("▸ *Check the result*")
    message = dialog.ts
    bot._channel.close(seconds=0)
    stage.host.checks.open()
    assert bot._jobs._supervisor.wait_until_idle(PATIENCE_SECONDS) == ()
    assert stage.stages() == ["Done"]
    stage.crash_bot(wire)
    assert dialog.states[-1] == "running"
    stage.start_bot()
    ended_once(stage, dialog, message)


def test_killed_while_an_undecided_image_is_kept(set_stage: Callable[..., RoomDriver]) -> None:
    stage = set_stage(start=False)
    stage.host.import_errors["mechanize"] = NO_GL
    wire = CuttableEngine(stage.host)
    stage.start_bot(wire)
    dialog = stage.create()
    dialog.until("deciding")
    message = dialog.ts
    wire.cut_at(("after", "tag"))
    dialog.click("keep")
    wire.wait_until_cut()
    stage.crash_bot(wire)
    stage.start_bot()
    ended_once(stage, dialog, message)
    assert NO_GL in words(dialog.now)


def test_killed_while_stopping(set_stage: Callable[..., RoomDriver]) -> None:
    stage = set_stage(start=False)
    wire = CuttableEngine(stage.host)
    stage.start_bot(wire)
    stage.host.is_deaf = True
    stage.host.steps.shut()
    dialog = stage.create()
    dialog.until_says("▸ *OS packages: wget*")
    dialog.click("stop", by=stage.bob)
    dialog.until_says("Stopping, requested by <@U0BOB>.")
    stage.crash_bot(wire)
    stage.host.is_deaf = False
    stage.start_bot()
    stopped = dialog.until("stopped")
    assert "Stopped by <@U0BOB>" in words(stopped)
    dialog.until_announced()
    assert (stage.tags(), stage.stages()) == ([], ["Stopped"])
