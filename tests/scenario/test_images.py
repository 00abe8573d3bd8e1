"""`/docker_images` as people use it: the list, its pages, an image's card, and what its buttons do."""

import pytest

from bot.room.client.room_client import RoomError
from tests.kit.driver import EXAMPLE, RoomDriver, ShownDialog, buttons, fact, options, table, title, words
from tests.kit.pulled_images import PYTHON, PulledImages

LINE = "/docker_images"


@pytest.fixture
def pulled_images(driver: RoomDriver) -> PulledImages:
    return PulledImages(driver)


def listed(driver: RoomDriver, line: str = LINE) -> list[dict[str, str]]:
    return table(driver.alice.type(line).until("listed"))


# ── The list ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_image_is_listed_newest_first_with_the_columns_of_the_war_room(driver: RoomDriver) -> None:
    driver.host.engine.add_image("theirs:1", "theirs:2")
    driver.host.engine.add_image()
    rows = listed(driver)
    assert list(rows[0])[:6] == ["ID", "Repository", "Size", "Tag", "Created Time", "Created Since"]
    names = [(row["Repository"], row["Tag"]) for row in rows]
    assert names[0] == ("<none>", "<none>")
    assert set(names[1:3]) == {("theirs", "1"), ("theirs", "2")}
    assert names[3] == ("demisto/python3-deb", "latest")


def test_what_the_bot_made_is_marked(driver: RoomDriver) -> None:
    driver.create().until("done")
    driver.host.engine.add_image("theirs:1")
    marks = {row["Repository"]: row["Made here"] for row in listed(driver)}
    assert (marks["example_name"], marks["theirs"]) == ("✓", "–")


def test_arguments_are_left_out_with_a_hint_and_the_list_is_shown(driver: RoomDriver) -> None:
    dialog = driver.alice.type(f"{LINE} all please")
    message = dialog.until("listed")
    assert "takes no arguments" in words(message)
    assert table(message)


def test_the_count_and_the_bytes_on_disk_stand_above(driver: RoomDriver) -> None:
    driver.host.engine.disk = 41_200_000_000
    dialog = driver.alice.type(LINE)
    assert "1 image" in words(dialog.until_says("41.2GB"))


def test_pages_are_turned_and_narrowed(driver: RoomDriver) -> None:
    for number in range(50):
        driver.host.engine.add_image(f"many/image{number:02}:1")
    dialog = driver.alice.type(LINE)
    first = dialog.until("listed")
    # Whether it was seen while it was being prepared is a matter of speed.
    before = dialog.states
    assert (len(table(first)), "next_page" in buttons(first), "previous_page" in buttons(first)) == (20, True, False)
    dialog.click("next_page", by=driver.bob)
    second = dialog.until_says("Page 2 of 3")
    assert "previous_page" in buttons(second)
    dialog.click("next_page")
    third = dialog.until_says("Page 3 of 3")
    assert (len(table(third)), "next_page" in buttons(third)) == (11, False)

    dialog.click("filter")
    form = driver.alice.until_form()
    assert form.send(text="IMAGE07") == {}
    narrowed = dialog.until_says("Page 1 of 1")
    assert [row["Repository"] for row in table(narrowed)] == ["many/image07"]
    assert dialog.states == before


def test_images_that_are_deleted_while_people_look_are_gone_after_the_next_click(driver: RoomDriver) -> None:
    for number in range(30):
        driver.host.engine.add_image(f"many/image{number:02}:1")
    dialog = driver.alice.type(LINE)
    dialog.until("listed")
    for number in range(30):
        driver.host.engine.remove_image(f"many/image{number:02}:1")
    dialog.click("next_page")
    left = dialog.until_says("Page 1 of 1")
    assert [row["Repository"] for row in table(left)] == ["demisto/python3-deb"]


def test_a_daemon_that_is_away_is_told_and_the_list_can_be_refreshed(driver: RoomDriver) -> None:
    dialog = driver.alice.type(LINE)
    dialog.until("listed")
    driver.host.engine.break_down()
    dialog.click("refresh")
    dialog.until_says("No Docker daemon answers")
    driver.host.engine.repair()
    driver.host.engine.add_image("back:1")
    dialog.click("refresh")
    dialog.person.until(lambda: "back" in [row["Repository"] for row in table(dialog.now)], "the list")
    assert "No Docker daemon answers" not in words(dialog.now)


def test_what_runs_stands_on_top(driver: RoomDriver) -> None:
    driver.host.steps.shut()
    build = driver.create()
    build.until_says("▸ *OS packages: wget*")
    message = driver.bob.type(LINE).until("listed")
    assert EXAMPLE in words(message)
    driver.host.steps.open()
    build.until("done")


def test_odd_names_do_not_break_the_list(driver: RoomDriver) -> None:
    engine = driver.host.engine
    engine.add_image("a" * 200 + ":" + "t" * 128)
    engine.add_image(repo_digests=(f"only/digest@sha256:{'1' * 64}",))
    engine.add_image("registry.test:5000/deep/er/name:1")
    names = {row["Repository"] for row in listed(driver)}
    assert {"only/digest", "registry.test:5000/deep/er/name"} <= names


def test_a_list_works_after_the_bot_was_restarted(driver: RoomDriver) -> None:
    dialog = driver.alice.type(LINE)
    dialog.until("listed")
    driver.close_bot()
    driver.start_bot()
    driver.host.engine.add_image("later:1")
    dialog.click("refresh")
    dialog.person.until(lambda: "later" in [row["Repository"] for row in table(dialog.now)], "the list")


# ── The card, and what its buttons do ───────────────────────────────────────────────────────────────────────────────


def card_of(driver: RoomDriver, name: str) -> ShownDialog:
    """Open an image's card from the list."""
    images = driver.alice.type(LINE)
    images.until("listed")
    card = images.child("image_details", name)
    card.until("described")
    return card


def test_the_card_of_an_image_tells_who_asked_for_it_and_how(driver: RoomDriver) -> None:
    tag = fact(driver.create().until("done"), "tag")
    images = driver.alice.type(LINE)
    menu = options(images.until("listed"), "image_details")
    assert any(tag in choice for choice in menu)
    card = images.child("image_details", tag)
    message = card.until("described")
    assert title(message) == f"example_name:{tag}"
    assert "<@U0ALICE>" in words(message)
    assert "name=example_name dependencies=mechanize packages=wget" in words(message)
    assert {"image_update", "image_run_again", "image_remove"} <= set(buttons(message))
    assert "image_roll_back" not in buttons(message)
    assert card.replies == []


def test_an_image_is_asked_for_again_from_its_card(driver: RoomDriver) -> None:
    tag = fact(driver.create().until("done"), "tag")
    card = card_of(driver, tag)
    again = card.child("image_run_again", by=driver.bob)
    review = again.until("review")
    assert title(review) == "This image already exists"
    assert "<@U0BOB>" in words(review)
    again.click("cancel")
    again.until("cancelled")


def test_an_image_is_updated_from_its_card(driver: RoomDriver, pulled_images: PulledImages) -> None:
    _, new = pulled_images.outdated()
    card = card_of(driver, PYTHON)
    update = card.child("image_update")
    update.until("review")
    update.click("update")
    update.until("updated")
    assert pulled_images.holder(PYTHON) == new.id


def test_an_image_is_removed_with_all_its_names_once_that_is_confirmed(driver: RoomDriver) -> None:
    tag = fact(driver.create().until("done"), "tag")
    card = card_of(driver, tag)
    removal = card.child("image_remove")
    review = removal.until("review")
    assert f"example_name:{tag}" in words(review)
    assert "example_name:latest" in words(review)
    assert len(driver.tags()) == 2
    removal.click("remove", by=driver.bob)
    removal.until("removed")
    assert driver.tags() == []


@pytest.mark.parametrize("state", ["running", "exited"])
def test_an_image_that_a_container_uses_is_not_removed(driver: RoomDriver, state: str) -> None:
    image = driver.host.engine.add_image("theirs:1")
    driver.host.engine.add_container("web", image.id, state=state)
    card = card_of(driver, "theirs:1")
    refused = card.child("image_remove").until("refused")
    assert "web" in words(refused)
    assert driver.host.engine.find_image("theirs:1") is not None


def test_an_image_that_a_container_began_to_use_since_the_review_is_not_removed(driver: RoomDriver) -> None:
    image = driver.host.engine.add_image("theirs:1")
    card = card_of(driver, "theirs:1")
    removal = card.child("image_remove")
    removal.until("review")
    driver.host.engine.add_container("web", image.id)
    removal.click("remove")
    assert "web" in words(removal.until("failed", "refused"))
    assert driver.host.engine.find_image("theirs:1") is not None


def test_the_card_of_an_image_that_is_gone_is_refused(driver: RoomDriver) -> None:
    driver.host.engine.add_image("theirs:1")
    images = driver.alice.type(LINE)
    images.until("listed")
    driver.host.engine.remove_image("theirs:1")
    assert "theirs:1" in words(images.child("image_details", "theirs:1").until("refused"))


def test_a_choice_delivered_many_times_opens_one_card(driver: RoomDriver) -> None:
    driver.host.engine.add_image("theirs:1")
    images = driver.alice.type(LINE)
    images.until("listed")
    card = images.choose("image_details", "theirs:1", deliveries=3)
    card.person.until(lambda: card.shown, "the card")
    card.until("described")
    assert len([one for one in driver.entries().values() if one.dialog.asked.line.startswith("details")]) == 1


def test_a_menu_that_the_list_does_not_have_cannot_be_used(driver: RoomDriver) -> None:
    dialog = driver.alice.type(LINE)
    dialog.until("listed")
    with pytest.raises(RoomError):
        dialog.click("image_remove")


def test_somebody_elses_image_on_ours_has_no_request_of_its_own(driver: RoomDriver) -> None:
    made = driver.create().until("done")
    ours = driver.host.engine.find_image(f"example_name:{fact(made, 'tag')}")
    assert ours is not None
    theirs = driver.host.engine.add_image("theirs:1", labels=ours.labels)
    driver.host._inside[theirs.id] = driver.host._inside[ours.id]
    images = driver.alice.type(LINE)
    images.until("listed")
    card = images.child("image_details", "theirs:1")
    assert "image_run_again" not in buttons(card.until("described"))
