"""Several commands at once: the queue, and commands that get into each other's way."""

from collections.abc import Callable

from tests.kit.driver import EXAMPLE, RoomDriver, fact, words


def test_those_who_wait_see_their_place_and_how_it_moves(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(builds_at_once=2)
    driver.host.steps.shut()
    lines = [f"/docker_image_create name=image{number} packages=wget" for number in range(5)]
    dialogs = []
    for place, line in enumerate(lines):
        dialogs.append(driver.create(line))
        dialogs[-1].until("running" if place < 2 else "queued")
    driver.host.steps.wait_for(2)
    assert "*next in line*" in words(dialogs[2].until_says("In the queue"))
    dialogs[3].until_says("*2nd in line*")
    dialogs[4].until_says("*3rd in line*")
    assert driver.host.engine.running_builds == 2

    driver.host.steps.let_pass()
    dialogs[2].until("running")
    dialogs[3].until_says("*next in line*")
    dialogs[4].until_says("*2nd in line*")
    driver.host.steps.open()
    for dialog in dialogs:
        dialog.until("done")
    assert driver.host.engine.most_builds == 2
    assert driver.stages() == ["Finished"] * 5
    assert len(driver.tags()) == 10


def test_a_stopped_one_moves_the_others_up(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(builds_at_once=1)
    driver.host.steps.shut()
    first = driver.create("/docker_image_create name=a packages=wget")
    first.until("running")
    second = driver.create("/docker_image_create name=b packages=wget")
    second.until("queued")
    third = driver.create("/docker_image_create name=c packages=wget")
    third.until_says("*2nd in line*")
    second.click("stop")
    second.until("stopped")
    third.until_says("*next in line*")
    driver.host.steps.open()
    first.until("done")
    third.until("done")


def test_the_same_command_twice_at_once_gives_two_images_with_different_tags(driver: RoomDriver) -> None:
    first, second = driver.alice.type(EXAMPLE), driver.bob.type(EXAMPLE)
    for dialog in (first, second):
        dialog.until("review")
    driver.host.steps.shut()
    first.click("create")
    second.click("create")
    driver.host.steps.wait_for(2)
    driver.host.steps.open()
    tags = {fact(dialog.until("done"), "tag") for dialog in (first, second)}
    assert len(tags) == 2
    assert driver.tags() == [*(f"example_name:{tag}" for tag in sorted(tags)), "example_name:latest"]


def test_two_commands_for_one_name_both_end_with_their_own_content(driver: RoomDriver) -> None:
    mechanize = driver.alice.type("/docker_image_create name=shared dependencies=mechanize")
    django = driver.bob.type("/docker_image_create name=shared dependencies=django")
    for dialog in (mechanize, django):
        dialog.until("review")
        dialog.click("create")
    ends = {name: dialog.until("done") for name, dialog in (("mechanize", mechanize), ("django", django))}
    assert fact(ends["mechanize"], "tag") != fact(ends["django"], "tag")
    for name, end in ends.items():
        assert name in driver.host.inside(f"shared:{fact(end, 'tag')}").distributions


def test_a_tag_that_somebody_took_meanwhile_is_never_overwritten(driver: RoomDriver) -> None:
    dialog = driver.alice.type("/docker_image_create name=shared dependencies=six")
    dialog.until("review")
    with driver.ledger() as ledger:
        (entry,) = ledger.unfinished_entries()
    proposed = words(dialog.now).partition("*Image:* `")[2].partition("`")[0]
    theirs = driver.host.engine.add_image(proposed)
    assert entry.id == dialog.id
    dialog.click("create")
    done = dialog.until("done")
    assert f"shared:{fact(done, 'tag')}" != proposed
    kept = driver.host.engine.find_image(proposed)
    assert kept is not None
    assert kept.id == theirs.id
