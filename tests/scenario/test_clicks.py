"""However often and by however many a button is pressed: one build, one image, and each who was late is told."""

from concurrent.futures import ThreadPoolExecutor

from commands.recipe.labels import JOB
from tests.kit.driver import EXAMPLE, RoomDriver, eventually, words

LATE = "Already decided. The dialog shows the decision."


def one_image(driver: RoomDriver) -> None:
    """See that one build made one image with its two names."""
    assert len(driver.host.engine.builds) == 1
    assert len(driver.host.engine.images({JOB: ""})) == 1
    assert len(driver.tags()) == 2
    assert driver.stages() == ["Finished"]


def test_a_double_click_builds_once(driver: RoomDriver) -> None:
    driver.host.steps.shut()
    dialog = driver.alice.type(EXAMPLE)
    dialog.until("review")
    dialog.click("create")
    dialog.click("create", stale=True)
    driver.alice.until_whispered(LATE)
    driver.host.steps.open()
    dialog.until("done")
    one_image(driver)


def test_a_click_that_is_delivered_twice_builds_once(driver: RoomDriver) -> None:
    dialog = driver.alice.type(EXAMPLE)
    dialog.until("review")
    dialog.click("create", deliveries=2)
    dialog.until("done")
    dialog.until_announced()
    one_image(driver)
    assert len(dialog.replies) == 1


def test_two_people_who_click_at_once_start_one_build_and_one_of_them_is_told(driver: RoomDriver) -> None:
    dialog = driver.alice.type(EXAMPLE)
    dialog.until("review")
    people = (driver.alice, driver.bob)
    with ThreadPoolExecutor(2) as hands:
        list(hands.map(lambda person: dialog.click("create", by=person, stale=True), people))
    done = dialog.until("done")
    dialog.until_announced()
    one_image(driver)
    taken_by_alice = "Requested and confirmed by <@U0ALICE>" in words(done)
    late = driver.bob if taken_by_alice else driver.alice
    late.until_whispered(LATE)
    assert sum(len(person.whispers) for person in people) == 1


def test_create_and_cancel_pressed_at_once_have_one_outcome(driver: RoomDriver) -> None:
    dialog = driver.alice.type(EXAMPLE)
    dialog.until("review")
    with ThreadPoolExecutor(2) as hands:
        hands.submit(dialog.click, "create", stale=True)
        hands.submit(dialog.click, "cancel", by=driver.bob, stale=True)
    end = dialog.until("done", "cancelled")
    dialog.until_announced()
    driver.alice.until(lambda: driver.alice.whispers or driver.bob.whispers, "a note for the one who was late")
    built = len(driver.host.engine.builds)
    assert (built, len(driver.tags())) == ((0, 0) if "Cancelled by" in words(end) else (1, 2))


def test_a_click_on_an_old_screen_changes_nothing_and_shows_the_dialog_again(driver: RoomDriver) -> None:
    dialog = driver.create()
    done = dialog.until("done")
    dialog.until_announced()
    seen = len(dialog.shown)
    dialog.click("stop", by=driver.bob, stale=True)
    assert driver.bob.until_whispers(1).startswith(LATE)
    eventually(lambda: len(dialog.shown) > seen, "the dialog is shown again")
    assert {words(message) for message in dialog.shown[seen:]} == {words(done)}
    one_image(driver)
