"""What becomes of a proposal: taken, cancelled, left alone, or not needed because the image exists."""

from collections.abc import Callable

import pytest

from bot.room.client.room_client import RoomError
from tests.kit.driver import EXAMPLE, RoomDriver, buttons, fact, title, words


def test_an_identical_image_is_offered_and_used(stage: RoomDriver) -> None:
    made = stage.create()
    reference = fact(made.until("done"), "tag")
    again = stage.bob.type("/docker_image_create name=another dependencies=mechanize packages=wget")
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
    assert len(stage.host.engine.builds) == 1
    assert stage.tags() == [f"example_name:{reference}", "example_name:latest"]


def test_an_identical_image_can_be_built_anyway(stage: RoomDriver) -> None:
    first = stage.create().until("done")
    again = stage.alice.type(EXAMPLE)
    again.until("review")
    again.click("build_anyway")
    second = again.until("done")
    assert int(fact(second, "tag").rpartition(".")[2]) > int(fact(first, "tag").rpartition(".")[2])
    assert stage.tags() == [
        f"example_name:{fact(first, 'tag')}",
        f"example_name:{fact(second, 'tag')}",
        "example_name:latest",
    ]
    latest = stage.host.engine.find_image("example_name:latest")
    assert latest is not None
    assert latest.id == fact(second, "id")


def test_latest_is_not_taken_from_an_image_that_somebody_else_made(stage: RoomDriver) -> None:
    theirs = stage.host.engine.add_image("example_name:latest")
    stage.create().until("done")
    found = stage.host.engine.find_image("example_name:latest")
    assert found is not None
    assert found.id == theirs.id


def test_a_cancelled_proposal_says_by_whom_and_has_no_buttons(stage: RoomDriver) -> None:
    dialog = stage.alice.type(EXAMPLE)
    dialog.until("review")
    dialog.click("cancel", by=stage.bob)
    cancelled = dialog.until("cancelled")
    assert "Cancelled by <@U0BOB>. Nothing was built." in words(cancelled)
    assert buttons(cancelled) == {}
    assert dialog.until_announced() == "<@U0ALICE> your command was cancelled by <@U0BOB>."
    assert (stage.host.engine.builds, stage.tags(), stage.stages()) == ([], [], ["Cancelled"])


def test_a_proposal_that_nobody_answers_expires_by_itself(set_stage: Callable[..., RoomDriver]) -> None:
    stage = set_stage(review_seconds=0.2)
    dialog = stage.alice.type(EXAMPLE)
    expired = dialog.until("expired")
    assert "No decision within 0.2 s. Nothing was built." in words(expired)
    assert buttons(expired) == {}
    assert dialog.until_announced() == "<@U0ALICE> your command expired without a decision."

    dialog.click("create", by=stage.bob, stale=True)
    stage.bob.until_whispered("This proposal has expired. Type the command again for a new one.")
    assert (stage.host.engine.builds, stage.tags(), stage.stages()) == ([], [], ["Expired"])


def test_a_confirmation_that_comes_too_late_expires_the_proposal_at_once(set_stage: Callable[..., RoomDriver]) -> None:
    # Shorter than the clock's tick, so that the click is what finds the proposal too old.
    stage = set_stage(review_seconds=0.001)
    dialog = stage.alice.type(EXAMPLE)
    dialog.until("review", "expired")
    dialog.click("create", stale=True)
    dialog.until("expired")
    stage.alice.until_whispered("This proposal has expired.")
    assert stage.host.engine.builds == []


def test_a_button_that_is_gone_cannot_be_pressed(stage: RoomDriver) -> None:
    dialog = stage.create()
    dialog.until("done")
    with pytest.raises(RoomError, match="action_not_found"):
        dialog.click("create")


def test_a_dialog_of_an_earlier_state_folder_says_that_it_is_unknown(stage: RoomDriver) -> None:
    dialog = stage.alice.type(EXAMPLE)
    dialog.until("review")
    stage.close_bot()
    (stage.settings.state_dir / "dialogs.sqlite").unlink()
    stage.start_bot()
    dialog.click("create")
    stage.alice.until_whispered("This dialog is no longer available. Type the command again.")
    dialog.click("show_packages")
    stage.alice.until_whispers(2)
    assert stage.host.engine.builds == []
