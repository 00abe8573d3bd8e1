"""Text from people, daemons and packages that tries to be more than text: dialogs stay valid, and nobody is pinged.

That every dialog is valid is seen by the driver itself when a test ends: the room is as strict as Slack.
"""

import re

import pytest

from commands.errors import BuildFailed, PullFailed
from tests.kit.driver import EXAMPLE, RoomDriver, RoomUser, words

HOSTILE = (
    "<!channel> <!here> <@U0BOB> <#C0WARROOM> <https://evil.invalid|docs> @channel "
    "`tick` ```fence``` *bold* _it_ ~no~ <script>alert(1)</script> & &amp; &lt;!everyone&gt; "
    "\u202egnp.exe\u202c \u200b\ufeff \x1b[31mred\x1b[0m \x1b]8;;https://evil.invalid\x07link\x1b]8;;\x07 \r\n\t \x00"
)
OURS = {"<@U0ALICE>"}


def pings(person: RoomUser) -> set[str]:
    """Find everything on the screen that Slack would turn into a mention or a link, but for our mentions."""
    said = "\n".join(f"{message.text}\n{words(message)}" for message in person.messages if message.author != "U0ALICE")
    return set(re.findall(r"<[^>\s][^>]*>", said)) - OURS


def shows_nothing_invisible(person: RoomUser) -> bool:
    """See that no character on the screen reorders or hides others."""
    said = "\n".join(words(message) for message in person.messages if message.author != "U0ALICE")
    return not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]", said)


@pytest.mark.parametrize(
    "arguments",
    [
        f"name={HOSTILE}",
        f"name=a dependencies={HOSTILE}",
        f"name=a packages={HOSTILE}",
        f"name=a base={HOSTILE}",
        HOSTILE,
        f"{HOSTILE}=a",
        "name=a dependencies=" + ",".join(f"p{number}" for number in range(380)),
        "name=a dependencies=" + "`<&>" * 475,
        "name=" + "a" * 1900,
        "name=a\u202e dependencies=mechanize",
    ],
    ids=["name", "dependencies", "packages", "base", "no argument", "key", "many", "marks", "long", "bidi"],
)
def test_a_hostile_line_is_refused_in_a_valid_message(shared_driver: RoomDriver, arguments: str) -> None:
    alice, before = shared_driver.alice, len(shared_driver.alice.whispers)
    alice.type(f"/docker_image_create {arguments.splitlines()[0]}")
    assert "*What to do:*" in alice.until_whispers(before + 1)
    assert pings(alice) == set()
    assert shows_nothing_invisible(alice)
    assert shared_driver.bob.messages == []


def test_a_line_of_many_packages_gives_a_valid_dialog(driver: RoomDriver) -> None:
    many = ",".join(f"lib{number}" for number in range(120))
    dialog = driver.alice.type(f"/docker_image_create name=a packages={many}")
    assert " and " in words(dialog.until("review"))
    dialog.click("create")
    dialog.until("done")


def test_back_ticks_and_quotes_around_values_are_taken_off(driver: RoomDriver) -> None:
    dialog = driver.alice.type("/docker_image_create name=`a` dependencies=“mechanize” packages='wget'")
    assert "*OS packages:* `wget`" in words(dialog.until("review"))
    dialog.click("cancel")
    dialog.until("cancelled")


def test_what_a_build_prints_stays_text(driver: RoomDriver) -> None:
    driver.host.says[:] = [HOSTILE, HOSTILE * 20]
    driver.host.steps.shut()
    dialog = driver.create()
    dialog.until_says("▸ *OS packages: wget*")
    dialog.until_says("&lt;!channel&gt;")
    driver.host.failing[3] = BuildFailed(f"Step 3 {HOSTILE}", hint=HOSTILE, details=(HOSTILE,) * 30)
    driver.host.steps.open()
    failed = dialog.until("failed")
    assert "&lt;script&gt;" in words(failed)
    dialog.until_announced()
    assert pings(driver.alice) == set()
    assert shows_nothing_invisible(driver.alice)
    assert "\x1b" not in dialog.until_file(f"build-{dialog.id}.log")


def test_what_a_package_says_when_it_is_imported_stays_text(driver: RoomDriver) -> None:
    driver.host.import_errors["mechanize"] = HOSTILE * 10
    dialog = driver.create(EXAMPLE)
    dialog.until("deciding")
    dialog.click("keep")
    dialog.until("done")
    dialog.until_announced()
    assert pings(driver.alice) == set()
    assert shows_nothing_invisible(driver.alice)


def test_what_a_registry_says_stays_text(driver: RoomDriver) -> None:
    driver.host.engine.hub["team/base:1"] = PullFailed(HOSTILE, hint=HOSTILE, details=(HOSTILE * 30,))
    dialog = driver.alice.type("/docker_image_create name=a base=team/base:1")
    dialog.until("failed")
    dialog.until_announced()
    assert pings(driver.alice) == set()
    assert shows_nothing_invisible(driver.alice)
