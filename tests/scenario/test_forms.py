"""Forms: for a command without arguments, and to edit what is under review; what they make goes the usual way."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.access.rules import Access
from bot.room.workspace import BOB
from tests.fakes.host import DEFAULT_BASE
from tests.kit.driver import EVERYWHERE, EXAMPLE, OpenForm, RoomDriver, buttons, title, words

COMMAND = "/docker_image_create"
FILLED = {"name": "example_name", "dependencies": "mechanize", "packages": "wget"}


def open_form(driver: RoomDriver) -> OpenForm:
    """Type the command alone."""
    driver.alice.type(COMMAND)
    return driver.alice.until_form()


def test_a_form_asks_tells_what_is_wrong_and_leads_to_the_image(driver: RoomDriver) -> None:
    driver.host.add_base("localbase")
    form = open_form(driver)

    assert (form.title, form.filled) == ("New image", {})
    assert form.choices("local_base") == [DEFAULT_BASE, "localbase:latest"]

    errors = form.send(name="Example_Name", dependencies="mechanize=0.4.9", packages="wget")
    assert set(errors) == {"name", "dependencies"}
    assert errors["name"] == "`Example_Name` is not an image name. Docker takes lower case only."
    assert "compares with a single `=`" in errors["dependencies"]
    assert driver.stages() == []

    assert form.send(**FILLED) == {}
    dialog = driver.alice.until_another_dialog()
    review = dialog.until("review")
    assert title(review) == "Create example_name?"
    assert f"`{COMMAND} name=example_name dependencies=mechanize packages=wget`" in words(review)
    assert "Requested by <@U0ALICE>" in words(review)

    dialog.click("create")
    dialog.until("done")
    dialog.until_announced()
    assert len(driver.tags()) == 2
    assert driver.alice.whispers == []


def test_a_form_builds_on_the_base_that_is_picked(driver: RoomDriver) -> None:
    driver.host.add_base("localbase")

    assert open_form(driver).send(name="a", local_base="localbase:latest") == {}

    assert "*Base:* `localbase:latest`" in words(driver.alice.until_another_dialog().until("review"))


def test_only_who_typed_sees_the_form_and_the_room_sees_nothing(driver: RoomDriver) -> None:
    open_form(driver)

    assert driver.bob.forms == []
    assert driver.bob.messages == driver.alice.messages == []


@pytest.mark.parametrize("line", [EXAMPLE, f"{COMMAND} name=a", f"{COMMAND} help"])
def test_nobody_who_typed_something_sees_a_form(driver: RoomDriver, line: str) -> None:
    driver.alice.type(line)

    driver.alice.until(lambda: driver.alice.messages, "an answer")
    driver.close_bot()
    assert driver.alice.forms == []


def test_help_is_whispered_with_examples(driver: RoomDriver) -> None:
    driver.alice.type(f"{COMMAND} help")

    help_text = driver.alice.until_whispered("For example:")
    assert f"`{COMMAND} name=example_name dependencies=mechanize packages=wget [base=" in help_text
    assert driver.bob.messages == []


def test_a_daemon_that_is_away_leaves_a_form_without_a_menu(driver: RoomDriver) -> None:
    driver.host.engine.break_down()
    form = open_form(driver)
    driver.host.engine.repair()

    assert form.send(**FILLED) == {}
    driver.alice.until_another_dialog().until("review")


def test_who_may_not_gets_no_form(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(access=Access(EVERYWHERE.channels, frozenset({BOB.id})))

    driver.alice.type(COMMAND)

    driver.alice.until_whispered("WARROOM_ALLOWED_USERS")
    driver.close_bot()
    assert driver.alice.forms == []


# ── Edit ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_edit_opens_the_form_filled_in_and_its_review_takes_the_place_of_the_old_one(driver: RoomDriver) -> None:
    old = driver.alice.type(EXAMPLE)
    assert "edit" in buttons(old.until("review"))

    old.click("edit", by=driver.bob)
    form = driver.bob.until_form()
    assert form.title == "Edit the image"
    assert form.filled == {**FILLED, "local_base": DEFAULT_BASE}
    assert form.send(packages="wget, curl") == {}

    cancelled = old.until("cancelled")
    assert "Cancelled by <@U0BOB>" in words(cancelled)
    new = driver.alice.until_another_dialog(old)
    review = new.until("review")
    assert "*OS packages:* `wget`, `curl`" in words(review)
    assert "Requested by <@U0BOB>" in words(review)
    assert driver.stages() == ["Cancelled", "UnderReview"]
    assert driver.alice.forms == []


def test_a_form_that_is_closed_changes_nothing(driver: RoomDriver) -> None:
    dialog = driver.alice.type(EXAMPLE)
    dialog.until("review")
    dialog.click("edit")

    driver.alice.client.close_form(driver.alice.until_form().view.id)
    dialog.click("create")

    dialog.until("done")
    dialog.until_announced()


def test_edit_after_somebody_decided_is_told(driver: RoomDriver) -> None:
    dialog = driver.alice.type(EXAMPLE)
    dialog.until("review")
    dialog.click("cancel", by=driver.bob)
    dialog.until("cancelled")

    dialog.click("edit", stale=True)

    driver.alice.until_whispered("Already decided. The dialog shows the decision.")
    assert driver.alice.forms == []


def test_a_form_that_is_sent_after_somebody_decided_is_told_and_makes_nothing(driver: RoomDriver) -> None:
    dialog = driver.alice.type(EXAMPLE)
    dialog.until("review")
    dialog.click("edit")
    form = driver.alice.until_form()
    dialog.click("create", by=driver.bob)
    dialog.until("done")

    errors = form.send(packages="curl")

    assert errors == {"name": "Already decided. The dialog shows the decision. Close this form: it changes nothing."}
    dialog.until_announced()
    assert driver.stages() == ["Finished"]


def test_create_and_a_form_at_once_have_one_outcome(driver: RoomDriver) -> None:
    dialog = driver.alice.type(EXAMPLE)
    dialog.until("review")
    dialog.click("edit")
    form = driver.alice.until_form()

    with ThreadPoolExecutor(2) as hands:
        created = hands.submit(dialog.click, "create", by=driver.bob, stale=True)
        errors = hands.submit(form.send, packages="curl").result()
        created.result()

    end = dialog.until("done", "cancelled")
    dialog.until_announced()
    if errors:
        assert title(end) == "✓ example_name is ready"
        assert driver.stages() == ["Finished"]
    else:
        driver.alice.until_another_dialog(dialog).until("review")
        assert driver.stages() == ["Cancelled", "UnderReview"]
        assert driver.tags() == []


def test_two_forms_on_one_review_make_one_new_review(driver: RoomDriver) -> None:
    dialog = driver.alice.type(EXAMPLE)
    dialog.until("review")
    forms = []
    for person in (driver.alice, driver.bob):
        dialog.click("edit", by=person)
        forms.append(person.until_form())

    with ThreadPoolExecutor(2) as hands:
        errors = list(hands.map(lambda form: form.send(packages="curl"), forms))

    assert sorted(map(len, errors)) == [0, 1]
    dialog.until("cancelled")
    driver.alice.until_another_dialog(dialog).until("review")
    assert driver.stages() == ["Cancelled", "UnderReview"]
