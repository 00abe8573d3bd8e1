"""Builds that fail, and images that are not quite what was asked for."""

from collections.abc import Callable

from commands.errors import BuildFailed
from tests.kit.driver import EXAMPLE, RoomDriver, buttons, fact, title, words

NO_GL = "ImportError: libGL.so.1: cannot open shared object file"


def test_a_failing_step_is_named_with_its_last_lines_and_what_to_do(driver: RoomDriver) -> None:
    lines = ("Reading state information...", "E: Unable to locate package wgett")
    driver.host.failing[2] = BuildFailed(
        "Step 2 of 4, `RUN apt-get install`, ended with exit code 100.", hint="Read its log.", details=lines
    )
    dialog = driver.create()
    failed = dialog.until("failed")
    assert title(failed) == "✗ example_name was not created"
    assert "The base's distribution has no OS package `wgett`." in words(failed)
    assert "Step 2 of 4, *OS packages: wget*, failed after 0.1 s." in words(failed)
    assert "E: Unable to locate package wgett" in words(failed)
    assert "*What to do:* Check the spelling" in words(failed)
    assert buttons(failed) == {"log": "Log"}
    assert "E: Unable to locate package wgett\n" in dialog.until_file(f"build-{dialog.id}.log")
    assert dialog.until_announced().startswith("<@U0ALICE> `example_name` was not created: ")
    assert (driver.tags(), driver.nameless(), driver.stages()) == ([], 0, ["Failed"])


def test_a_failure_that_nobody_can_explain_keeps_the_daemons_words(driver: RoomDriver) -> None:
    driver.host.failing[3] = BuildFailed(
        "Step 3 of 4, `RUN uv`, ended with exit code 7.", hint="The lines below say more.", details=("odd",)
    )
    said = words(driver.create().until("failed"))
    assert "Step 3 of 4, `RUN uv`, ended with exit code 7." in said
    assert "*What to do:* The lines below say more." in said


def test_an_image_that_is_not_what_was_proposed_gets_no_name(driver: RoomDriver) -> None:
    driver.host.left_out.add("wget")
    driver.host.other_versions["mechanize"] = "0.4.9"
    dialog = driver.create()
    said = words(dialog.until("failed"))
    assert "is not what was proposed: 2 packages are missing or wrong." in said
    assert "Python package `mechanize` is installed as 0.4.9, not as 0.4.10." in said.replace("'", "`")
    assert "OS package `wget` is not installed." in said.replace("'", "`")
    assert "Step 4 of 4, *Check the result*, failed" in said
    assert (driver.tags(), driver.nameless()) == ([], 0)


def test_a_module_that_does_not_import_is_asked_about_and_kept(driver: RoomDriver) -> None:
    driver.host.import_errors["mechanize"] = NO_GL
    dialog = driver.create()
    deciding = dialog.until("deciding")
    assert title(deciding) == "Keep example_name?"
    assert f"• `mechanize`: `{NO_GL}`" in words(deciding)
    assert buttons(deciding) == {"keep": "Keep anyway", "discard": "Discard", "log": "Log", "packages": "Packages"}
    assert (driver.tags(), driver.nameless()) == ([], 1)
    dialog.click("keep", by=driver.bob, deliveries=2)
    done = dialog.until("done")
    assert title(done) == "⚠ example_name is ready, but some modules do not import"
    assert NO_GL in words(done)
    assert driver.tags() == [f"example_name:{fact(done, 'tag')}", "example_name:latest"]
    assert dialog.until_announced().endswith("is ready.")


def test_a_module_that_does_not_import_is_asked_about_and_discarded(driver: RoomDriver) -> None:
    driver.host.import_errors["mechanize"] = NO_GL
    dialog = driver.create()
    dialog.until("deciding")
    dialog.click("discard", by=driver.bob)
    discarded = dialog.until("discarded")
    assert "Discarded by <@U0BOB>. The image was removed." in words(discarded)
    assert buttons(discarded) == {}
    assert (driver.tags(), driver.nameless(), driver.stages()) == ([], 0, ["Discarded"])


def test_an_image_that_nobody_decides_about_is_discarded(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver()
    driver.host.import_errors["mechanize"] = NO_GL
    dialog = driver.alice.type(EXAMPLE)
    dialog.until("review")
    # The review keeps the time that it was given; the question that follows gets next to none.
    driver.close_bot()
    driver.settings = driver.settings.model_copy(update={"review_seconds": 0.2})
    driver.start_bot()
    dialog.click("create")
    discarded = dialog.until("discarded")
    assert "No decision was made in time, so the image was removed." in words(discarded)
    assert (driver.tags(), driver.nameless(), driver.stages()) == ([], 0, ["Discarded"])
