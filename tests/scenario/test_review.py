"""What becomes of a proposal: taken, cancelled, left alone, or not needed because the image exists."""

from collections.abc import Callable

import pytest

from bot.room.client.room_client import RoomError
from tests.kit.driver import EXAMPLE, RoomDriver, buttons, fact, title, words


def test_an_identical_image_is_offered_and_used(driver: RoomDriver) -> None:
    made = driver.create()
    reference = fact(made.until("done"), "tag")
    again = driver.bob.type("/docker_image_create name=another dependencies=mechanize packages=wget")
    review = again.until("review")
    assert title(review) == "This image already exists"
    assert f"*Identical image:* `example_name:{reference}` · 151MB · created" in words(review)
    assert "*Build anyway creates:* `another:1.0.0." in words(review)
    assert list(buttons(review))[:3] == ["reuse", "build_anyway", "cancel"]
    again.click("reuse")
    reused = again.until("reused")
    assert title(reused) == "✓ another is ready: it already existed"
    assert f"dockerimage: example_name:{reference}" in words(reused)
    assert fact(reused, "tag") == reference
    assert again.until_announced() == f"<@U0BOB> `example_name:{reference}` is ready: it already existed."
    assert len(driver.host.engine.builds) == 1
    assert driver.tags() == [f"example_name:{reference}", "example_name:latest"]


def test_an_identical_image_can_be_built_anyway(driver: RoomDriver) -> None:
    first = driver.create().until("done")
    again = driver.alice.type(EXAMPLE)
    again.until("review")
    again.click("build_anyway")
    second = again.until("done")
    assert int(fact(second, "tag").rpartition(".")[2]) > int(fact(first, "tag").rpartition(".")[2])
    assert driver.tags() == [
        f"example_name:{fact(first, 'tag')}",
        f"example_name:{fact(second, 'tag')}",
        "example_name:latest",
    ]
    latest = driver.host.engine.find_image("example_name:latest")
    assert latest is not None
    assert latest.id == fact(second, "id")


def test_latest_is_not_taken_from_an_image_that_somebody_else_made(driver: RoomDriver) -> None:
    theirs = driver.host.engine.add_image("example_name:latest")
    driver.create().until("done")
    found = driver.host.engine.find_image("example_name:latest")
    assert found is not None
    assert found.id == theirs.id


def test_a_cancelled_proposal_says_by_whom_and_has_no_buttons(driver: RoomDriver) -> None:
    dialog = driver.alice.type(EXAMPLE)
    dialog.until("review")
    dialog.click("cancel", by=driver.bob)
    cancelled = dialog.until("cancelled")
    assert "Cancelled by <@U0BOB>. Nothing was built." in words(cancelled)
    assert buttons(cancelled) == {}
    assert dialog.until_announced() == "<@U0ALICE> your command was cancelled by <@U0BOB>."
    assert (driver.host.engine.builds, driver.tags(), driver.stages()) == ([], [], ["Cancelled"])


def test_a_proposal_that_nobody_answers_expires_by_itself(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(review_seconds=0.2)
    dialog = driver.alice.type(EXAMPLE)
    expired = dialog.until("expired")
    assert "No decision within 0.2 s. Nothing was built." in words(expired)
    assert buttons(expired) == {}
    assert dialog.until_announced() == "<@U0ALICE> your command expired without a decision."

    dialog.click("create", by=driver.bob, stale=True)
    driver.bob.until_whispered("This proposal has expired. Type the command again for a new one.")
    assert (driver.host.engine.builds, driver.tags(), driver.stages()) == ([], [], ["Expired"])


def test_a_confirmation_that_comes_too_late_expires_the_proposal_at_once(
    make_driver: Callable[..., RoomDriver],
) -> None:
    # Shorter than the clock's tick, so that the click is what finds the proposal too old.
    driver = make_driver(review_seconds=0.001)
    dialog = driver.alice.type(EXAMPLE)
    dialog.until("review", "expired")
    dialog.click("create", stale=True)
    dialog.until("expired")
    driver.alice.until_whispered("This proposal has expired.")
    assert driver.host.engine.builds == []


def test_a_button_that_is_gone_cannot_be_pressed(driver: RoomDriver) -> None:
    dialog = driver.create()
    dialog.until("done")
    with pytest.raises(RoomError, match="action_not_found"):
        dialog.click("create")


def test_a_dialog_of_an_earlier_state_folder_says_that_it_is_unknown(driver: RoomDriver) -> None:
    dialog = driver.alice.type(EXAMPLE)
    dialog.until("review")
    driver.close_bot()
    (driver.settings.state_dir / "dialogs.sqlite").unlink()
    driver.start_bot()
    dialog.click("create")
    driver.alice.until_whispered("This dialog is no longer available. Type the command again.")
    dialog.click("show_packages")
    driver.alice.until_whispers(2)
    assert driver.host.engine.builds == []
