"""The example that the product is made for, from the typed line to the finished image."""

import re
from collections.abc import Callable

from bot.room.workspace import WAR_ROOM
from bot.slack.pace import Pace
from commands.recipe.labels import read_labels
from tests.kit.driver import EXAMPLE, RoomDriver, buttons, fact, title, words


def test_the_example_goes_from_the_typed_line_to_the_finished_image(driver: RoomDriver) -> None:
    driver.host.looks.shut()
    dialog = driver.alice.type(EXAMPLE)
    preparing = dialog.until("preparing")
    assert title(preparing) == "Preparing"
    dialog.until_says("Looking at the base demisto/python3-deb …")
    driver.host.looks.open()
    review = dialog.until("review")
    assert any(message.author == "U0ALICE" and message.text == EXAMPLE for message in driver.alice.messages)
    assert title(review) == "Create example_name?"
    tag = fact_of_the_image(words(review))
    for said in (
        "*Base:* `demisto/python3-deb` · `d148bf6adcbc` · Python 3.11.2 · linux/amd64",
        "*Python packages:* `mechanize 0.4.10` + 3 dependencies",
        "*OS packages:* `wget`",
        "Requested by <@U0ALICE>",
        "Expires at",
    ):
        assert said in words(review)
    assert buttons(review) == {
        "create": "Create image",
        "cancel": "Cancel",
        "edit": "Edit",
        "show_dockerfile": "Dockerfile",
        "show_packages": "Packages",
    }
    assert driver.tags() == []

    driver.host.steps.shut()
    dialog.click("create")
    dialog.until("running")
    driver.host.steps.open()
    done = dialog.until("done")
    # With a slot free it may run before anybody could be shown that it is queued.
    assert [state for state in dialog.states if state != "queued"] == ["preparing", "review", "running", "done"]
    assert title(done) == "✓ example_name is ready"
    assert f"dockerimage: example_name:{tag}" in words(done)
    for column in ("ID", "Repository", "Size", "Tag", "Created Time", "Created Since"):
        assert f"*{column}*\n" in words(done)
    assert f"*Tag*\n`{tag}`" in words(done)
    assert "*Added:* 1MB on top of the base" in words(done)
    assert "*Took:*" in words(done)
    assert "Requested and confirmed by <@U0ALICE>" in words(done)
    assert buttons(done) == {"log": "Log", "packages": "Packages"}

    assert dialog.until_file(f"build-{dialog.id}.log") == "Reading package lists...\nDone.\n" * 2
    assert dialog.until_announced() == f"<@U0ALICE> `example_name:{tag}` is ready."
    assert driver.tags() == [f"example_name:{tag}", "example_name:latest"]
    assert driver.stages() == ["Finished"]
    assert len(driver.bot_messages()) == 1


def fact_of_the_image(said: str) -> str:
    found = re.search(r"\*Image:\* `example_name:(1\.0\.0\.\d{10})`", said)
    assert found, said
    return found[1]


def test_the_typed_line_stands_above_its_dialog(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(pace=Pace())
    dialog = driver.alice.type(EXAMPLE)
    dialog.until("review")
    typed = next(message for message in driver.alice.messages if message.text == EXAMPLE)
    assert typed.ts < dialog.ts


def test_the_image_holds_what_was_reviewed_and_says_who_asked(driver: RoomDriver) -> None:
    dialog = driver.create()
    done = dialog.until("done")
    reference = f"{fact(done, 'image')}:{fact(done, 'tag')}"
    inside = driver.host.inside(reference)
    assert {"mechanize": "0.4.10", "html5lib": "1.1"}.items() <= inside.distributions.items()
    assert inside.os_packages == {"wget": "1.0"}
    image = driver.host.engine.find_image(reference)
    made_by = read_labels(image.labels) if image else None
    assert made_by is not None
    assert (made_by.job, made_by.requester, made_by.channel) == (dialog.id, "U0ALICE", WAR_ROOM.id)
    assert (fact(done, "id"), made_by.base_name) == (image.id if image else None, "demisto/python3-deb")


def test_progress_shows_the_steps_a_bar_the_time_and_the_last_line(driver: RoomDriver) -> None:
    driver.host.steps.shut()
    dialog = driver.create()
    running = dialog.until_says("▸ *OS packages: wget*")
    assert title(running) == "Creating example_name"
    assert re.search(r"▰▱▱▱ 1/4 · \d\.\d s", words(running))
    assert "↺ Base demisto/python3-deb · cached" in words(running)
    assert "· Check the result" in words(running)
    assert words(dialog.until_says("`Done.`"))
    assert buttons(running) == {"stop": "Stop"}
    driver.host.steps.let_pass()
    assert "▸ *Python packages: 4*" in words(dialog.until_says("✓ OS packages: wget · 0.2 s"))
    driver.host.steps.open()
    dialog.until("done")


def test_the_buttons_of_the_review_put_each_file_into_the_thread_once(driver: RoomDriver) -> None:
    dialog = driver.alice.type(EXAMPLE)
    dialog.until("review")
    dialog.click("show_packages")
    packages = dialog.until_file("packages.txt")
    assert "Requested Python packages: 1\n  mechanize 0.4.10\n" in packages
    assert "Dependencies: 3\n  html5lib 1.1\n  six 1.17.0\n  webencodings 0.5.1\n" in packages
    assert "OS packages: 1\n  wget\n" in packages
    dialog.click("show_dockerfile")
    assert "FROM demisto/python3-deb@sha256:" in dialog.until_file("Dockerfile")

    dialog.click("show_packages")
    driver.alice.until_whispered("`packages.txt` is in the thread.")
    dialog.click("show_dockerfile")
    driver.alice.until_whispered("`Dockerfile` is in the thread.")
    assert sorted(dialog.files) == ["Dockerfile", "packages.txt"]
    assert fact(dialog.now, "state") == "review"


def test_the_buttons_of_the_result_show_the_files_that_are_there(driver: RoomDriver) -> None:
    dialog = driver.create()
    dialog.until("done")
    log = f"build-{dialog.id}.log"
    dialog.until_file(log)
    dialog.click("log")
    driver.alice.until_whispered(f"`{log}` is in the thread.")
    dialog.click("packages")
    assert "mechanize 0.4.10" in dialog.until_file("packages.txt")
    assert sorted(dialog.files) == [log, "packages.txt"]


def test_a_build_that_printed_nothing_says_so(driver: RoomDriver) -> None:
    driver.host.says.clear()
    dialog = driver.create()
    dialog.until("done")
    dialog.click("log")
    driver.alice.until_whispered("This build printed nothing, so it has no log.")
    assert dialog.files == {}
