"""Lines that are no command: told to the person alone, with a line to paste; nothing else happens."""

import pytest

from tests.kit.driver import RoomDriver

REFUSED = [
    ("dependencies=mechanize", "`name` is missing", "name=mechanize dependencies=mechanize"),
    ("name=Example_Name dependencies=mechanize", "Docker takes lower case only", "name=example_name"),
    ("name=a dependancies=mechanize", "dependancies", "name=a dependencies=mechanize"),
    ("name=a dependencies=git+https://example.com/x.git", "is a URL", ""),
    ("name=a dependencies=-r,requirements.txt", "is an option", ""),
    ("name=a dependencies=mechanize=0.4.9", "compares with a single `=`", "name=a dependencies=mechanize==0.4.9"),
    ("name=a packages=wget;reboot", "holds a semicolon", "name=a packages=wget,reboot"),
    ("name=a packages=$(reboot)", "is not an OS package", ""),
    ("name=a base=https://hub.example/x:1", "is a URL, not an image name", "name=a base=hub.example/x:1"),
    ("name=a:1 dependencies=mechanize", "Leave off the tag `:1`", "name=a dependencies=mechanize"),
    ("name=а dependencies=mechanize", "U+0430 (cyrillic small letter a)", "name=a dependencies=mechanize"),
    (f"name=a dependencies={'x' * 2000}", "characters", ""),
]


def test_a_line_that_is_no_command_is_refused_in_private_with_a_line_to_paste(driver: RoomDriver) -> None:
    for number, (arguments, said, corrected) in enumerate(REFUSED, start=1):
        driver.alice.type(f"/docker_image_create {arguments}".strip())
        whisper = driver.alice.until_whispers(number)
        assert "Check the command" in whisper
        assert said in whisper
        assert "*What to do:*" in whisper
        if corrected:
            assert f"```\n/docker_image_create {corrected}" in whisper
    assert driver.alice.messages == [message for message in driver.alice.messages if message.only_for == "U0ALICE"]
    assert driver.bob.messages == []
    assert driver.stages() == []
    assert driver.host.engine.runs == []


@pytest.mark.parametrize("offered", [line for line, _, corrected in REFUSED if corrected][:4])
def test_the_offered_line_can_be_pasted(shared_driver: RoomDriver, offered: str) -> None:
    alice, before = shared_driver.alice, len(shared_driver.alice.whispers)
    alice.type(f"/docker_image_create {offered}")
    pasted = alice.until_whispers(before + 1).split("```")[1].strip()
    alice.type(pasted).until("review")
