"""The Docker daemon is away, goes away, is full, is silent or too slow: a clear message, and nothing left behind."""

from collections.abc import Callable

from commands.errors import DiskFull
from commands.recipe.labels import JOB
from tests.kit.driver import EXAMPLE, RoomDriver, buttons, eventually, words
from tests.kit.limits import ended_after


def test_away_when_the_command_is_typed(driver: RoomDriver) -> None:
    driver.host.engine.break_down()
    dialog = driver.alice.type(EXAMPLE)
    failed = dialog.until("failed")
    assert "No Docker daemon answers at `unix:///fake.sock`." in words(failed)
    assert "*What to do:* Start it." in words(failed)
    assert buttons(failed) == {}
    dialog.until_announced()
    driver.host.engine.repair()
    driver.create().until("done")


def test_away_when_the_image_is_to_be_made(driver: RoomDriver) -> None:
    dialog = driver.alice.type(EXAMPLE)
    dialog.until("review")
    driver.host.engine.break_down()
    dialog.click("create")
    waiting = dialog.until_says("Waiting for Docker")
    assert "No Docker daemon answers at `unix:///fake.sock`." in words(waiting)
    assert "stop" in buttons(waiting)
    driver.host.engine.repair()
    dialog.until("done")
    assert driver.stages() == ["Finished"]


def test_gone_in_the_middle_and_started_over_once_it_is_back(driver: RoomDriver) -> None:
    driver.host.steps.shut()
    dialog = driver.create()
    dialog.until_says("▸ *OS packages: wget*")
    # What a daemon that dies may keep of the job.
    driver.host.engine.add_image(labels={JOB: dialog.id})
    driver.host.engine.break_down()
    dialog.until_says("Waiting for Docker")
    driver.host.engine.repair()
    driver.host.steps.open()
    dialog.until("done")
    assert driver.nameless() == 0
    log = dialog.until_file(f"build-{dialog.id}.log")
    assert "[the Docker daemon was away: the job starts over]" in log


def test_gone_for_too_long_and_tidied_up_once_it_is_back(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(engine_wait_seconds=0.01)
    driver.host.steps.shut()
    dialog = driver.create()
    dialog.until_says("▸ *OS packages: wget*")
    driver.host.engine.add_image(labels={JOB: dialog.id})
    driver.host.engine.break_down()
    failed = dialog.until("failed")
    assert "No Docker daemon answers" in words(failed)
    assert "Step 2 of 4, *OS packages: wget*, failed" in words(failed)
    assert dialog.until_announced().startswith("<@U0ALICE> `example_name` was not created: ")
    assert "Reading package lists..." in dialog.until_file(f"build-{dialog.id}.log")

    # A bot that starts again does at once what the present one tries every few seconds.
    driver.close_bot()
    driver.host.engine.repair()
    assert driver.nameless() == 1
    driver.start_bot()
    eventually(lambda: driver.nameless() == 0, "nothing is left")


def test_gone_while_an_undecided_image_waits(driver: RoomDriver) -> None:
    driver.host.import_errors["mechanize"] = "ImportError: libGL.so.1"
    dialog = driver.create()
    dialog.until("deciding")
    driver.host.engine.break_down()
    dialog.click("discard")
    assert "The image is being removed." in words(dialog.until("settling"))
    driver.close_bot()
    driver.host.engine.repair()
    assert driver.nameless() == 1
    driver.start_bot()
    dialog.until("discarded")
    assert driver.nameless() == 0


def test_a_full_disk_is_named_with_what_frees_space(driver: RoomDriver) -> None:
    driver.host.failing[3] = DiskFull(
        "The Docker daemon has no space left on its disk.",
        hint="Free some (`docker builder prune` empties the build cache), then try again.",
        details=("write /var/lib/docker/tmp/x: no space left on device",),
    )
    failed = driver.create().until("failed")
    assert "The Docker daemon has no space left on its disk." in words(failed)
    assert "*What to do:* Free some (`docker builder prune`" in words(failed)
    assert "no space left on device" in words(failed)


def test_a_build_that_says_nothing_is_ended(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(idle_seconds=0.2)
    driver.host.steps.shut()
    dialog = driver.create()
    said = words(dialog.until("failed"))
    assert "The build printed nothing for 0.2 s and was ended." in said
    assert "Step 2 of 4, *OS packages: wget*, failed" in said
    assert (driver.tags(), driver.host.engine.running_builds) == ([], 0)


def test_a_build_that_takes_too_long_is_ended(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(start=False)
    driver.host.steps.shut()

    def build(seconds: float) -> str:
        driver.settings = driver.settings.model_copy(update={"build_seconds": seconds})
        driver.start_bot()
        said = words(driver.create().until("failed"))
        driver.close_bot()
        assert f"The build took longer than {seconds:g} s and was ended." in said
        return said

    said = ended_after(0.3, build, lambda _: driver.host.engine.cancelled)
    assert "`WARROOM_BUILD_SECONDS`" in said
    assert (driver.tags(), driver.host.engine.running_builds) == ([], 0)
