"""`/docker_image_update` as people use it: from the typed line over the review to the result, and back."""

from collections.abc import Callable

import pytest

from commands.errors import PullFailed, RegistryUnreachable
from tests.kit.driver import RoomDriver, buttons, fact, table, title, words
from tests.kit.pulled_images import PYTHON, PulledImages, digest_of
from tests.kit.wire import CuttableEngine

LINE = f"/docker_image_update image={PYTHON}"
SECOND, THIRD = "demisto/fetch-data:1.0", "registry.test:5000/team/tool:2"


@pytest.fixture
def shelf(stage: RoomDriver) -> PulledImages:
    return PulledImages(stage)


# ── One image ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_the_registry_has_anew_is_reviewed_pulled_and_named(stage: RoomDriver, shelf: PulledImages) -> None:
    old, new = shelf.outdated()
    dialog = stage.alice.type(LINE)
    review = dialog.until("review")
    assert title(review) == f"Update {PYTHON}?"
    (row,) = table(review)
    assert row["Image"] == PYTHON
    assert (row["Local"], row["Registry"]) == (digest_of(old)[7:19], digest_of(new)[7:19])
    assert list(buttons(review)) == ["update", "cancel"]
    assert (stage.host.engine.pulls, shelf.holder(PYTHON)) == ([], old.id)

    dialog.click("update", by=stage.bob)
    result = dialog.until("updated")
    kept = f"demisto/python3:before-{dialog.id}-3.12"
    assert (shelf.holder(PYTHON), shelf.holder(kept)) == (new.id, old.id)
    assert title(result) == f"✓ {PYTHON} is updated"
    assert f"*Before*\n`{digest_of(old)[7:19]}`" in words(result)
    assert f"*Now*\n`{digest_of(new)[7:19]}`" in words(result)
    assert "undo_update" in buttons(result)
    assert dialog.until_announced().startswith("<@U0ALICE> ")


def test_what_has_not_changed_is_said_and_nothing_can_be_pressed(stage: RoomDriver, shelf: PulledImages) -> None:
    shelf.pulled()
    dialog = stage.alice.type(LINE)
    answer = dialog.until("unchanged")
    assert title(answer) == f"{PYTHON} is up to date"
    assert buttons(answer) == {}
    assert stage.registries.asked == [PYTHON]
    assert stage.host.engine.pulls == []


def test_progress_is_shown_in_layers_and_bytes(stage: RoomDriver, shelf: PulledImages) -> None:
    shelf.outdated()
    shelf.pulls.shut()
    dialog = stage.alice.type(LINE)
    dialog.until("review")
    dialog.click("update")
    running = dialog.until_says("4/8 layers")
    assert "500kB of 1MB" in words(running)
    assert list(buttons(running)) == ["stop"]
    shelf.pulls.open()
    dialog.until("updated")


def test_stop_ends_it_at_once_and_leaves_the_old_image_its_name(stage: RoomDriver, shelf: PulledImages) -> None:
    old, _ = shelf.outdated()
    shelf.pulls.shut()
    dialog = stage.alice.type(LINE)
    dialog.until("review")
    dialog.click("update")
    shelf.pulls.wait_for()
    dialog.click("stop", by=stage.bob)
    stopped = dialog.until("stopped")
    assert "<@U0BOB>" in words(stopped)
    assert shelf.holder(PYTHON) == old.id
    assert shelf.names == [PYTHON]


def test_a_failed_pull_is_told_with_its_reason(stage: RoomDriver, shelf: PulledImages) -> None:
    old, new = shelf.outdated()
    stage.host.engine.hub[PYTHON] = PullFailed("The image could not be pulled.", hint="Wait.", details=("429",))
    stage.host.engine.hub[new.repo_digests[0]] = stage.host.engine.hub[PYTHON]
    dialog = stage.alice.type(LINE)
    dialog.until("review")
    dialog.click("update")
    failed = dialog.until("failed")
    assert "The image could not be pulled." in words(failed)
    assert "Wait." in words(failed)
    assert shelf.holder(PYTHON) == old.id
    assert shelf.names == [PYTHON]


def test_a_daemon_that_goes_away_in_mid_pull_is_told(stage: RoomDriver, shelf: PulledImages) -> None:
    old, _ = shelf.outdated()
    shelf.pulls.shut()
    dialog = stage.alice.type(LINE)
    dialog.until("review")
    dialog.click("update")
    shelf.pulls.wait_for()
    stage.host.engine.break_down()
    failed = dialog.until("failed")
    assert "No Docker daemon answers" in words(failed)
    stage.host.engine.repair()
    assert shelf.holder(PYTHON) == old.id


# ── The review does not count any more ──────────────────────────────────────────────────────────────────────────────


def test_a_digest_that_moved_since_the_review_voids_it_and_a_new_one_is_offered(
    stage: RoomDriver, shelf: PulledImages
) -> None:
    shelf.outdated()
    dialog = stage.alice.type(LINE)
    message = dialog.until("review").ts
    newest = shelf.newer()
    dialog.click("update")
    again = dialog.until_says("has changed since the review")
    assert digest_of(newest)[7:19] in [row["Registry"] for row in table(again)]
    assert (stage.host.engine.pulls, again.ts) == ([], message)

    dialog.person.until(lambda: fact(dialog.now, "state") == "review", "the new review")
    dialog.click("update")
    dialog.until("updated")
    assert shelf.holder(PYTHON) == newest.id


def test_an_image_deleted_since_the_review_is_refused_by_name(stage: RoomDriver, shelf: PulledImages) -> None:
    shelf.outdated()
    dialog = stage.alice.type(LINE)
    dialog.until("review")
    stage.host.engine.remove_image(PYTHON)
    dialog.click("update")
    refused = dialog.until("refused")
    assert PYTHON in words(refused)
    assert stage.host.engine.pulls == []


def test_an_image_deleted_while_others_are_left_is_left_out_of_the_new_review(
    stage: RoomDriver, shelf: PulledImages
) -> None:
    shelf.outdated()
    _, new = shelf.outdated(SECOND)
    dialog = stage.alice.type("/docker_image_update all=true")
    dialog.until("review")
    stage.host.engine.remove_image(PYTHON)
    dialog.click("update")
    again = dialog.until_says("has changed since the review")
    assert PYTHON not in [row["Image"] for row in table(again)]
    dialog.person.until(lambda: fact(dialog.now, "state") == "review", "the new review")
    dialog.click("update")
    dialog.until("updated")
    assert shelf.holder(SECOND) == new.id


# ── All images ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_all_images_are_asked_for_once_and_only_what_changed_is_pulled(stage: RoomDriver, shelf: PulledImages) -> None:
    names = [f"demisto/image{number}:1" for number in range(8)]
    for name in names:
        shelf.pulled(name)
    newer = [shelf.newer(name) for name in names[:2]]
    dialog = stage.alice.type("/docker_image_update all=true")
    review = dialog.until("review")
    assert sorted(asked for asked in stage.registries.asked if "image" in asked) == names
    assert [row["Image"] for row in table(review)][:2] == names[:2]
    dialog.click("update")
    dialog.until("updated")
    assert [shelf.holder(name) for name in names[:2]] == [image.id for image in newer]
    assert len(stage.host.engine.pulls) == 2


def test_one_image_that_fails_does_not_stop_the_others(stage: RoomDriver, shelf: PulledImages) -> None:
    old, new = shelf.outdated()
    _, second = shelf.outdated(SECOND)
    problem = PullFailed("The registry hung up.", hint="Try again.")
    stage.host.engine.hub |= {PYTHON: problem, new.repo_digests[0]: problem}
    dialog = stage.alice.type("/docker_image_update all=true")
    dialog.until("review")
    dialog.click("update")
    failed = dialog.until("failed")
    assert "1 of 2" in title(failed)
    assert "The registry hung up." in words(failed)
    assert (shelf.holder(PYTHON), shelf.holder(SECOND)) == (old.id, second.id)


def test_a_registry_that_cannot_be_asked_is_told_beside_the_others(stage: RoomDriver, shelf: PulledImages) -> None:
    _, new = shelf.outdated()
    shelf.pulled(THIRD)
    problem = RegistryUnreachable("The registry `registry.test:5000` is silent.", hint="Wait.")
    stage.registries.problems[THIRD] = problem
    dialog = stage.alice.type("/docker_image_update all=true")
    review = dialog.until("review")
    assert table(review)[1]["What happens"] == "⚠ not checked"
    assert "is silent" in words(review)
    dialog.click("update")
    assert "is silent" in words(dialog.until("failed"))
    assert shelf.holder(PYTHON) == new.id


def test_what_the_bot_made_is_built_anew_when_its_base_has_changed(stage: RoomDriver, shelf: PulledImages) -> None:
    made = stage.create("/docker_image_create name=tool dependencies=mechanize base=demisto/python3-deb").until("done")
    first = f"tool:{fact(made, 'tag')}"
    newer = stage.host.offer("demisto/python3-deb:latest")
    stage.registries.digests["demisto/python3-deb:latest"] = digest_of(newer)
    dialog = stage.alice.type("/docker_image_update image=tool")
    review = dialog.until("review")
    assert "base" in table(review)[0]["What happens"]
    dialog.click("update")
    result = dialog.until("updated")
    second = f"tool:{fact(result, 'tag')}"
    assert second != first
    assert shelf.holder("tool:latest") == shelf.holder(second)
    assert shelf.holder(f"tool:before-{dialog.id}") == shelf.holder(first)


def test_an_image_that_was_built_here_by_somebody_else_has_nothing_to_update_from(
    stage: RoomDriver, shelf: PulledImages
) -> None:
    stage.host.engine.add_image("theirs:1")
    dialog = stage.alice.type("/docker_image_update image=theirs:1")
    answer = dialog.until("unchanged")
    assert buttons(answer) == {}
    assert shelf.holder("theirs:1") is not None


# ── The way back ────────────────────────────────────────────────────────────────────────────────────────────────────


def updated(stage: RoomDriver, *, line: str = LINE) -> None:
    dialog = stage.alice.type(line)
    dialog.until("review")
    dialog.click("update")
    dialog.until("updated")


def test_an_update_is_rolled_back_from_its_result_and_that_is_rolled_back_too(
    stage: RoomDriver, shelf: PulledImages
) -> None:
    old, new = shelf.outdated()
    stage.host.engine.add_container("web", old.id)
    dialog = stage.alice.type(LINE)
    dialog.until("review")
    dialog.click("update")
    dialog.until("updated")
    back = dialog.child("undo_update", by=stage.bob)
    review = back.until("review")
    assert PYTHON in title(review)
    assert list(buttons(review))[:2] == ["roll_back", "cancel"]
    back.click("roll_back")
    back.until("rolled_back")
    assert shelf.holder(PYTHON) == old.id
    assert shelf.names == sorted([PYTHON, f"demisto/python3:before-{back.id}-3.12"])
    assert [container.name for container in stage.host.engine.containers()] == ["web"]

    images = stage.alice.type("/docker_images")
    images.until("listed")
    card = images.child("image_details", PYTHON)
    card.until("described")
    forth = card.child("image_roll_back")
    forth.until("review")
    forth.click("roll_back")
    forth.until("rolled_back")
    assert shelf.holder(PYTHON) == new.id


def test_only_so_many_images_before_are_kept(set_stage: Callable[..., RoomDriver]) -> None:
    stage = set_stage(history_depth=2)
    shelf = PulledImages(stage)
    shelf.pulled()
    for _ in range(4):
        shelf.newer()
        updated(stage)
    assert len([tag for tag in shelf.names if ":before-" in tag]) == 2


# ── Several at once, and the end of the bot ─────────────────────────────────────────────────────────────────────────


def test_two_updates_of_one_image_at_once_pull_it_once_and_both_are_told(
    stage: RoomDriver, shelf: PulledImages
) -> None:
    _, new = shelf.outdated()
    first, second = stage.alice.type(LINE), stage.bob.type(LINE)
    first.until("review")
    second.until("review")
    shelf.pulls.shut()
    first.click("update")
    shelf.pulls.wait_for()
    second.click("update")
    second.until_says("another update")
    shelf.pulls.open()
    ends = {fact(dialog.until("updated", "unchanged"), "state") for dialog in (first, second)}
    assert ends
    assert "Another update brought it meanwhile." in words(second.now)
    assert (shelf.holder(PYTHON), len(stage.host.engine.pulls)) == (new.id, 1)


@pytest.mark.parametrize(
    ("moment", "nth"),
    [(("after", "pull"), 1), (("before", "tag"), 1), (("after", "tag"), 1), (("after", "tag"), 2)],
    ids=["pulled", "before the old one is kept", "the old one is kept", "named"],
)
def test_an_update_that_was_killed_is_finished_once(
    set_stage: Callable[..., RoomDriver], moment: tuple[str, str], nth: int
) -> None:
    stage = set_stage(start=False)
    shelf = PulledImages(stage)
    old, new = shelf.outdated()
    wire = CuttableEngine(stage.host)
    stage.start_bot(wire)
    dialog = stage.alice.type(LINE)
    message = dialog.until("review").ts
    wire.cut_at(moment, nth=nth)  # type: ignore[arg-type]  # the table's rows are moments
    dialog.click("update")
    wire.wait_until_cut()
    stage.crash_bot(wire)
    stage.start_bot()
    result = dialog.until("updated")
    assert result.ts == message
    assert shelf.holder(PYTHON) == new.id
    assert shelf.names == sorted([PYTHON, f"demisto/python3:before-{dialog.id}-3.12"])
    assert shelf.holder(f"demisto/python3:before-{dialog.id}-3.12") == old.id


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
def test_a_wrong_line_is_answered_with_advice(shared_stage: RoomDriver, text: str, says: str) -> None:
    before = len(shared_stage.alice.whispers)
    shared_stage.alice.type(f"/docker_image_update {text}")
    assert says in shared_stage.alice.until_whispers(before + 1)


def test_an_unknown_image_is_refused_with_the_nearest(stage: RoomDriver, shelf: PulledImages) -> None:
    shelf.pulled()
    refused = stage.alice.type("/docker_image_update image=demisto/pyhton3:3.12").until("refused")
    assert PYTHON in words(refused)


def test_an_id_names_an_image_too(stage: RoomDriver, shelf: PulledImages) -> None:
    old, new = shelf.outdated()
    dialog = stage.alice.type(f"/docker_image_update image={old.id[7:19]}")
    dialog.until("review")
    dialog.click("update")
    dialog.until("updated")
    assert shelf.holder(PYTHON) == new.id


def test_without_arguments_a_form_offers_the_images_of_the_host(stage: RoomDriver, shelf: PulledImages) -> None:
    _, new = shelf.outdated()
    stage.alice.type("/docker_image_update")
    form = stage.alice.until_form()
    assert PYTHON in form.choices("local_image")
    assert form.send(local_image=PYTHON) == {}
    dialog = stage.alice.until_another_dialog()
    dialog.until("review")
    dialog.click("update")
    dialog.until("updated")
    assert shelf.holder(PYTHON) == new.id
