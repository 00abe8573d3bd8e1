"""Forms: for a command without arguments, and to edit what is under review; what they make goes the usual way."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.room.workspace import BOB
from bot.slack.listeners import Audience
from tests.fakes.host import DEFAULT_BASE
from tests.kit.driver import EVERYWHERE, EXAMPLE, OpenForm, RoomDriver, buttons, title, words

COMMAND = "/docker_image_create"
FILLED = {"name": "example_name", "dependencies": "mechanize", "packages": "wget"}


def open_form(stage: RoomDriver) -> OpenForm:
    """Type the command alone."""
    stage.alice.type(COMMAND)
    return stage.alice.until_form()


def test_a_form_asks_tells_what_is_wrong_and_leads_to_the_image(stage: RoomDriver) -> None:
    stage.host.add_base("localbase")
    form = open_form(stage)

    assert (form.title, form.filled) == ("New image", {})
    assert form.choices("local_base") == [DEFAULT_BASE, "localbase:latest"]

    errors = form.send(name="Example_Name", dependencies="mechanize=0.4.9", packages="wget")
    assert set(errors) == {"name", "dependencies"}
    assert errors["name"] == "`Example_Name` is not an image name. Docker takes lower case only."
    assert "compares with a single `=`" in errors["dependencies"]
    assert stage.stages() == []

    assert form.send(**FILLED) == {}
    dialog = stage.alice.until_another_dialog()
    review = dialog.until("review")
    assert title(review) == "Create example_name?"
    assert f"`{COMMAND} name=example_name dependencies=mechanize packages=wget`" in words(review)
    assert "Requested by <@U0ALICE>" in words(review)

    dialog.click("create")
    dialog.until("done")
    dialog.until_announced()
    assert len(stage.tags()) == 2
    assert stage.alice.whispers == []


def test_a_form_builds_on_the_base_that_is_picked(stage: RoomDriver) -> None:
    stage.host.add_base("localbase")

    assert open_form(stage).send(name="a", local_base="localbase:latest") == {}

    assert "*Base:* `localbase:latest`" in words(stage.alice.until_another_dialog().until("review"))


def test_only_who_typed_sees_the_form_and_the_room_sees_nothing(stage: RoomDriver) -> None:
    open_form(stage)

    assert stage.bob.forms == []
    assert stage.bob.messages == stage.alice.messages == []


@pytest.mark.parametrize("line", [EXAMPLE, f"{COMMAND} name=a", f"{COMMAND} help"])
def test_nobody_who_typed_something_sees_a_form(stage: RoomDriver, line: str) -> None:
    stage.alice.type(line)

    stage.alice.until(lambda: stage.alice.messages, "an answer")
    stage.close_bot()
    assert stage.alice.forms == []


def test_help_is_whispered_with_examples(stage: RoomDriver) -> None:
    stage.alice.type(f"{COMMAND} help")

    help_text = stage.alice.until_whispered("For example:")
    assert f"`{COMMAND} name=example_name dependencies=mechanize packages=wget [base=" in help_text
    assert stage.bob.messages == []


def test_a_daemon_that_is_away_leaves_a_form_without_a_menu(stage: RoomDriver) -> None:
    stage.host.engine.break_down()
    form = open_form(stage)
    stage.host.engine.repair()

    assert form.send(**FILLED) == {}
    stage.alice.until_another_dialog().until("review")


def test_who_may_not_gets_no_form(set_stage: Callable[..., RoomDriver]) -> None:
    stage = set_stage(audience=Audience(EVERYWHERE.channels, frozenset({BOB.id})))

    stage.alice.type(COMMAND)

    stage.alice.until_whispered("WARROOM_ALLOWED_USERS")
    stage.close_bot()
    assert stage.alice.forms == []


# ── Edit ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_edit_opens_the_form_filled_in_and_its_review_takes_the_place_of_the_old_one(stage: RoomDriver) -> None:
    old = stage.alice.type(EXAMPLE)
    assert "edit" in buttons(old.until("review"))

    old.click("edit", by=stage.bob)
    form = stage.bob.until_form()
    assert form.title == "Edit the image"
    assert form.filled == {**FILLED, "local_base": DEFAULT_BASE}
    assert form.send(packages="wget, curl") == {}

    cancelled = old.until("cancelled")
    assert "Cancelled by <@U0BOB>" in words(cancelled)
    new = stage.alice.until_another_dialog(old)
    review = new.until("review")
    assert "*OS packages:* `wget`, `curl`" in words(review)
    assert "Requested by <@U0BOB>" in words(review)
    assert stage.stages() == ["Cancelled", "UnderReview"]
    assert stage.alice.forms == []


def test_a_form_that_is_closed_changes_nothing(stage: RoomDriver) -> None:
    dialog = stage.alice.type(EXAMPLE)
    dialog.until("review")
    dialog.click("edit")

    stage.alice.client.close_form(stage.alice.until_form().view.id)
    dialog.click("create")

    dialog.until("done")
    dialog.until_announced()


def test_edit_after_somebody_decided_is_told(stage: RoomDriver) -> None:
    dialog = stage.alice.type(EXAMPLE)
    dialog.until("review")
    dialog.click("cancel", by=stage.bob)
    dialog.until("cancelled")

    dialog.click("edit", stale=True)

    stage.alice.until_whispered("Already decided. The dialog shows the decision.")
    assert stage.alice.forms == []


def test_a_form_that_is_sent_after_somebody_decided_is_told_and_makes_nothing(stage: RoomDriver) -> None:
    dialog = stage.alice.type(EXAMPLE)
    dialog.until("review")
    dialog.click("edit")
    form = stage.alice.until_form()
    dialog.click("create", by=stage.bob)
    dialog.until("done")

    errors = form.send(packages="curl")

    assert errors == {"name": "Already decided. The dialog shows the decision. Close this form: it changes nothing."}
    dialog.until_announced()
    assert stage.stages() == ["Done"]


def test_create_and_a_form_at_once_have_one_outcome(stage: RoomDriver) -> None:
    dialog = stage.alice.type(EXAMPLE)
    dialog.until("review")
    dialog.click("edit")
    form = stage.alice.until_form()

    with ThreadPoolExecutor(2) as hands:
        created = hands.submit(dialog.click, "create", by=stage.bob, stale=True)
        errors = hands.submit(form.send, packages="curl").result()
        created.result()

    end = dialog.until("done", "cancelled")
    dialog.until_announced()
    if errors:
        assert title(end) == "✓ example_name is ready"
        assert stage.stages() == ["Done"]
    else:
        stage.alice.until_another_dialog(dialog).until("review")
        assert stage.stages() == ["Cancelled", "UnderReview"]
        assert stage.tags() == []


def test_two_forms_on_one_review_make_one_new_review(stage: RoomDriver) -> None:
    dialog = stage.alice.type(EXAMPLE)
    dialog.until("review")
    forms = []
    for person in (stage.alice, stage.bob):
        dialog.click("edit", by=person)
        forms.append(person.until_form())

    with ThreadPoolExecutor(2) as hands:
        errors = list(hands.map(lambda form: form.send(packages="curl"), forms))

    assert sorted(map(len, errors)) == [0, 1]
    dialog.until("cancelled")
    stage.alice.until_another_dialog(dialog).until("review")
    assert stage.stages() == ["Cancelled", "UnderReview"]
