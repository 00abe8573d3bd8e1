"""`/docker_image_update` as people use it: from the typed line over the review to the result, and back."""

from collections.abc import Callable

import pytest

from commands.errors import PullFailed, RegistryUnreachable
from tests.kit.driver import RoomDriver, buttons, fact, table, title, words
from tests.kit.pulled_images import PYTHON, PulledImages, digest_of
from tests.kit.wire import CuttableEngine, Moment

LINE = f"/docker_image_update image={PYTHON}"
SECOND, THIRD = "demisto/fetch-data:1.0", "registry.test:5000/team/tool:2"


@pytest.fixture
def pulled_images(driver: RoomDriver) -> PulledImages:
    return PulledImages(driver)


# ── One image ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_the_registry_has_anew_is_reviewed_pulled_and_named(
    driver: RoomDriver, pulled_images: PulledImages
) -> None:
    old, new = pulled_images.outdated()
    dialog = driver.alice.type(LINE)
    review = dialog.until("review")
    assert title(review) == f"Update {PYTHON}?"
    (row,) = table(review)
    assert row["Image"] == PYTHON
    assert (row["Local"], row["Registry"]) == (digest_of(old)[7:19], digest_of(new)[7:19])
    assert list(buttons(review)) == ["update", "cancel"]
    assert (driver.host.engine.pulls, pulled_images.holder(PYTHON)) == ([], old.id)

    dialog.click("update", by=driver.bob)
    result = dialog.until("updated")
    kept = f"demisto/python3:before-{dialog.id}-3.12"
    assert (pulled_images.holder(PYTHON), pulled_images.holder(kept)) == (new.id, old.id)
    assert title(result) == f"✓ {PYTHON} is updated"
    assert f"*Before*\n`{digest_of(old)[7:19]}`" in words(result)
    assert f"*Now*\n`{digest_of(new)[7:19]}`" in words(result)
    assert "undo_update" in buttons(result)
    assert dialog.until_announced().startswith("<@U0ALICE> ")


def test_what_has_not_changed_is_said_and_nothing_can_be_pressed(
    driver: RoomDriver, pulled_images: PulledImages
) -> None:
    pulled_images.pulled()
    dialog = driver.alice.type(LINE)
    answer = dialog.until("unchanged")
    assert title(answer) == f"{PYTHON} is up to date"
    assert buttons(answer) == {}
    assert driver.registries.asked == [PYTHON]
    assert driver.host.engine.pulls == []


def test_progress_is_shown_in_layers_and_bytes(driver: RoomDriver, pulled_images: PulledImages) -> None:
    pulled_images.outdated()
    pulled_images.pulls.shut()
    dialog = driver.alice.type(LINE)
    dialog.until("review")
    dialog.click("update")
    running = dialog.until_says("4/8 layers")
    assert "500kB of 1MB" in words(running)
    assert list(buttons(running)) == ["stop"]
    pulled_images.pulls.open()
    dialog.until("updated")


def test_stop_ends_it_at_once_and_leaves_the_old_image_its_name(
    driver: RoomDriver, pulled_images: PulledImages
) -> None:
    old, _ = pulled_images.outdated()
    pulled_images.pulls.shut()
    dialog = driver.alice.type(LINE)
    dialog.until("review")
    dialog.click("update")
    pulled_images.pulls.wait_for()
    dialog.click("stop", by=driver.bob)
    stopped = dialog.until("stopped")
    assert "<@U0BOB>" in words(stopped)
    assert pulled_images.holder(PYTHON) == old.id
    assert pulled_images.names == [PYTHON]


def test_a_failed_pull_is_told_with_its_reason(driver: RoomDriver, pulled_images: PulledImages) -> None:
    old, new = pulled_images.outdated()
    driver.host.engine.hub[PYTHON] = PullFailed("The image could not be pulled.", hint="Wait.", details=("429",))
    driver.host.engine.hub[new.repo_digests[0]] = driver.host.engine.hub[PYTHON]
    dialog = driver.alice.type(LINE)
    dialog.until("review")
    dialog.click("update")
    failed = dialog.until("failed")
    assert "The image could not be pulled." in words(failed)
    assert "Wait." in words(failed)
    assert pulled_images.holder(PYTHON) == old.id
    assert pulled_images.names == [PYTHON]


def test_a_daemon_that_goes_away_in_mid_pull_is_waited_for(driver: RoomDriver, pulled_images: PulledImages) -> None:
    old, _ = pulled_images.outdated()
    pulled_images.pulls.shut()
    dialog = driver.alice.type(LINE)
    dialog.until("review")
    dialog.click("update")
    pulled_images.pulls.wait_for()
    driver.host.engine.break_down()
    dialog.until_says("Waiting for Docker")
    driver.host.engine.repair()
    assert pulled_images.holder(PYTHON) == old.id
    pulled_images.pulls.open()
    dialog.until("updated")
    assert pulled_images.holder(PYTHON) != old.id


# ── The review does not count any more ──────────────────────────────────────────────────────────────────────────────


def test_a_digest_that_moved_since_the_review_voids_it_and_a_new_one_is_offered(
    driver: RoomDriver, pulled_images: PulledImages
) -> None:
    pulled_images.outdated()
    dialog = driver.alice.type(LINE)
    message = dialog.until("review").ts
    newest = pulled_images.newer()
    dialog.click("update")
    again = dialog.until_says("has changed since the review")
    assert digest_of(newest)[7:19] in [row["Registry"] for row in table(again)]
    assert (driver.host.engine.pulls, again.ts) == ([], message)

    dialog.person.until(lambda: fact(dialog.now, "state") == "review", "the new review")
    dialog.click("update")
    dialog.until("updated")
    assert pulled_images.holder(PYTHON) == newest.id


def test_an_image_deleted_since_the_review_is_refused_by_name(driver: RoomDriver, pulled_images: PulledImages) -> None:
    pulled_images.outdated()
    dialog = driver.alice.type(LINE)
    dialog.until("review")
    driver.host.engine.remove_image(PYTHON)
    dialog.click("update")
    refused = dialog.until("refused")
    assert PYTHON in words(refused)
    assert driver.host.engine.pulls == []


def test_an_image_deleted_while_others_are_left_is_left_out_of_the_new_review(
    driver: RoomDriver, pulled_images: PulledImages
) -> None:
    pulled_images.outdated()
    _, new = pulled_images.outdated(SECOND)
    dialog = driver.alice.type("/docker_image_update all=true")
    dialog.until("review")
    driver.host.engine.remove_image(PYTHON)
    dialog.click("update")
    again = dialog.until_says("has changed since the review")
    assert PYTHON not in [row["Image"] for row in table(again)]
    dialog.person.until(lambda: fact(dialog.now, "state") == "review", "the new review")
    dialog.click("update")
    dialog.until("updated")
    assert pulled_images.holder(SECOND) == new.id


# ── All images ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_all_images_are_asked_for_once_and_only_what_changed_is_pulled(
    driver: RoomDriver, pulled_images: PulledImages
) -> None:
    names = [f"demisto/image{number}:1" for number in range(8)]
    for name in names:
        pulled_images.pulled(name)
    newer = [pulled_images.newer(name) for name in names[:2]]
    dialog = driver.alice.type("/docker_image_update all=true")
    review = dialog.until("review")
    assert sorted(asked for asked in driver.registries.asked if "image" in asked) == names
    assert [row["Image"] for row in table(review)][:2] == names[:2]
    dialog.click("update")
    dialog.until("updated")
    assert [pulled_images.holder(name) for name in names[:2]] == [image.id for image in newer]
    assert len(driver.host.engine.pulls) == 2


def test_one_image_that_fails_does_not_stop_the_others(driver: RoomDriver, pulled_images: PulledImages) -> None:
    old, new = pulled_images.outdated()
    _, second = pulled_images.outdated(SECOND)
    problem = PullFailed("The registry hung up.", hint="Try again.")
    driver.host.engine.hub |= {PYTHON: problem, new.repo_digests[0]: problem}
    dialog = driver.alice.type("/docker_image_update all=true")
    dialog.until("review")
    dialog.click("update")
    failed = dialog.until("failed")
    assert "1 of 2" in title(failed)
    assert "The registry hung up." in words(failed)
    assert (pulled_images.holder(PYTHON), pulled_images.holder(SECOND)) == (old.id, second.id)


def test_a_registry_that_cannot_be_asked_is_told_beside_the_others(
    driver: RoomDriver, pulled_images: PulledImages
) -> None:
    _, new = pulled_images.outdated()
    pulled_images.pulled(THIRD)
    problem = RegistryUnreachable("The registry `registry.test:5000` is silent.", hint="Wait.")
    driver.registries.problems[THIRD] = problem
    dialog = driver.alice.type("/docker_image_update all=true")
    review = dialog.until("review")
    assert table(review)[1]["What happens"] == "⚠ not checked"
    assert "is silent" in words(review)
    dialog.click("update")
    assert "is silent" in words(dialog.until("failed"))
    assert pulled_images.holder(PYTHON) == new.id


def test_what_the_bot_made_is_built_anew_when_its_base_has_changed(
    driver: RoomDriver, pulled_images: PulledImages
) -> None:
    made = driver.create("/docker_image_create name=tool dependencies=mechanize base=demisto/python3-deb").until("done")
    first = f"tool:{fact(made, 'tag')}"
    newer = driver.host.offer("demisto/python3-deb:latest")
    driver.registries.digests["demisto/python3-deb:latest"] = digest_of(newer)
    dialog = driver.alice.type("/docker_image_update image=tool")
    review = dialog.until("review")
    assert "base" in table(review)[0]["What happens"]
    dialog.click("update")
    result = dialog.until("updated")
    second = f"tool:{fact(result, 'tag')}"
    assert second != first
    assert pulled_images.holder("tool:latest") == pulled_images.holder(second)
    assert pulled_images.holder(f"tool:before-{dialog.id}") == pulled_images.holder(first)


def test_an_image_that_was_built_here_by_somebody_else_has_nothing_to_update_from(
    driver: RoomDriver, pulled_images: PulledImages
) -> None:
    driver.host.engine.add_image("theirs:1")
    dialog = driver.alice.type("/docker_image_update image=theirs:1")
    answer = dialog.until("unchanged")
    assert buttons(answer) == {}
    assert pulled_images.holder("theirs:1") is not None


# ── The way back ────────────────────────────────────────────────────────────────────────────────────────────────────


def updated(driver: RoomDriver, *, line: str = LINE) -> None:
    dialog = driver.alice.type(line)
    dialog.until("review")
    dialog.click("update")
    dialog.until("updated")


def test_an_update_is_rolled_back_from_its_result_and_that_is_rolled_back_too(
    driver: RoomDriver, pulled_images: PulledImages
) -> None:
    old, new = pulled_images.outdated()
    driver.host.engine.add_container("web", old.id)
    dialog = driver.alice.type(LINE)
    dialog.until("review")
    dialog.click("update")
    dialog.until("updated")
    back = dialog.child("undo_update", by=driver.bob)
    review = back.until("review")
    assert PYTHON in title(review)
    assert list(buttons(review))[:2] == ["roll_back", "cancel"]
    back.click("roll_back")
    back.until("rolled_back")
    assert pulled_images.holder(PYTHON) == old.id
    assert pulled_images.names == sorted([PYTHON, f"demisto/python3:before-{back.id}-3.12"])
    assert [container.name for container in driver.host.engine.containers()] == ["web"]

    images = driver.alice.type("/docker_images")
    images.until("listed")
    card = images.child("image_details", PYTHON)
    card.until("described")
    forth = card.child("image_roll_back")
    forth.until("review")
    forth.click("roll_back")
    forth.until("rolled_back")
    assert pulled_images.holder(PYTHON) == new.id


def test_only_so_many_images_before_are_kept(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(history_depth=2)
    pulled_images = PulledImages(driver)
    pulled_images.pulled()
    for _ in range(4):
        pulled_images.newer()
        updated(driver)
    assert len([tag for tag in pulled_images.names if ":before-" in tag]) == 2


# ── Several at once, and the end of the bot ─────────────────────────────────────────────────────────────────────────


def test_two_updates_of_one_image_at_once_pull_it_once_and_both_are_told(
    driver: RoomDriver, pulled_images: PulledImages
) -> None:
    _, new = pulled_images.outdated()
    first, second = driver.alice.type(LINE), driver.bob.type(LINE)
    first.until("review")
    second.until("review")
    pulled_images.pulls.shut()
    first.click("update")
    pulled_images.pulls.wait_for()
    second.click("update")
    second.until_says("another update")
    pulled_images.pulls.open()
    ends = {fact(dialog.until("updated", "unchanged"), "state") for dialog in (first, second)}
    assert ends
    assert "Another update brought it meanwhile." in words(second.now)
    assert (pulled_images.holder(PYTHON), len(driver.host.engine.pulls)) == (new.id, 1)


@pytest.mark.parametrize(
    ("moment", "nth"),
    [(("after", "pull"), 1), (("before", "tag"), 1), (("after", "tag"), 1), (("after", "tag"), 2)],
    ids=["pulled", "before the old one is kept", "the old one is kept", "named"],
)
def test_an_update_that_was_killed_is_finished_once(
    make_driver: Callable[..., RoomDriver], moment: Moment, nth: int
) -> None:
    driver = make_driver(start=False)
    pulled_images = PulledImages(driver)
    old, new = pulled_images.outdated()
    wire = CuttableEngine(driver.host)
    driver.start_bot(wire)
    dialog = driver.alice.type(LINE)
    message = dialog.until("review").ts
    wire.cut_at(moment, nth=nth)
    dialog.click("update")
    wire.wait_until_cut()
    driver.crash_bot(wire)
    driver.start_bot()
    result = dialog.until("updated")
    assert result.ts == message
    assert pulled_images.holder(PYTHON) == new.id
    assert pulled_images.names == sorted([PYTHON, f"demisto/python3:before-{dialog.id}-3.12"])
    assert pulled_images.holder(f"demisto/python3:before-{dialog.id}-3.12") == old.id


# ── What is typed, and the form ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("image=--all", "--all"),
        ("image=../x", "../x"),
        ("image=Demisto/Python3", "/docker_image_update image=demisto/python3"),
        ("all=false", "all"),
        ("image=demisto/python3 all=true", "all"),
        ("demisto/python3", "/docker_image_update image=demisto/python3"),
        ("imgae=demisto/python3", "/docker_image_update image=demisto/python3"),
    ],
)
def test_a_wrong_line_is_answered_with_advice(shared_driver: RoomDriver, text: str, says: str) -> None:
    before = len(shared_driver.alice.whispers)
    shared_driver.alice.type(f"/docker_image_update {text}")
    assert says in shared_driver.alice.until_whispers(before + 1)


def test_an_unknown_image_is_refused_with_the_nearest(driver: RoomDriver, pulled_images: PulledImages) -> None:
    pulled_images.pulled()
    refused = driver.alice.type("/docker_image_update image=demisto/pyhton3:3.12").until("refused")
    assert PYTHON in words(refused)


def test_an_id_names_an_image_too(driver: RoomDriver, pulled_images: PulledImages) -> None:
    old, new = pulled_images.outdated()
    dialog = driver.alice.type(f"/docker_image_update image={old.id[7:19]}")
    dialog.until("review")
    dialog.click("update")
    dialog.until("updated")
    assert pulled_images.holder(PYTHON) == new.id


def test_without_arguments_a_form_offers_the_images_of_the_host(
    driver: RoomDriver, pulled_images: PulledImages
) -> None:
    _, new = pulled_images.outdated()
    driver.alice.type("/docker_image_update")
    form = driver.alice.until_form()
    assert PYTHON in form.choices("local_image")
    assert form.send(local_image=PYTHON) == {}
    dialog = driver.alice.until_another_dialog()
    dialog.until("review")
    dialog.click("update")
    dialog.until("updated")
    assert pulled_images.holder(PYTHON) == new.id
