"""How a typed line is split, and what the bot is told of a click."""

import pytest

from bot.room.events import Block
from bot.room.server.payloads import click_action
from bot.room.server.people import CommandLine


@pytest.mark.parametrize(
    ("line", "command", "text"),
    [
        ("/docker_images", "/docker_images", ""),
        ("  /docker_images  ", "/docker_images", ""),
        ("/docker_image_create name=x  packages=wget ", "/docker_image_create", "name=x  packages=wget"),
        ("/docker_image_create\tname=x", "/docker_image_create", "name=x"),
        ("/docker_image_create\u00a0name=`x y`", "/docker_image_create", "name=`x y`"),
        ("   ", "", ""),
    ],
)
def test_a_line_is_split_at_the_first_white_space(line: str, command: str, text: str) -> None:
    assert CommandLine.parse(line) == CommandLine(command=command, text=text)


def test_a_click_on_a_button_carries_its_value() -> None:
    button: Block = {
        "type": "button",
        "action_id": "create",
        "value": "p1",
        "text": {"type": "plain_text", "text": "Create"},
    }
    assert click_action(button, block_id="b", value=None, action_ts="1.0") == {
        "type": "button",
        "action_id": "create",
        "block_id": "b",
        "action_ts": "1.0",
        "text": {"type": "plain_text", "text": "Create"},
        "value": "p1",
    }


def test_a_choice_from_a_menu_carries_the_option() -> None:
    option: Block = {"text": {"type": "plain_text", "text": "Export"}, "value": "export"}
    menu: Block = {"type": "overflow", "action_id": "more", "options": [option]}
    action = click_action(menu, block_id="b", value="export", action_ts="1.0")
    assert action["selected_option"] == option
