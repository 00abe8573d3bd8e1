import json
from dataclasses import replace

import pytest

from bot.router import COMMANDS
from bot.slack.limits import COMMAND_NAME
from bot.slack.manifest import manifest, manifest_json


def test_the_manifest_is_what_slack_takes() -> None:
    assert manifest(COMMANDS) == {
        "_metadata": {"major_version": 2, "minor_version": 1},
        "display_information": {
            "name": "warroom",
            "description": "Makes, updates and lists Docker images from this channel: review, confirm, watch, done.",
            "background_color": "#1d3557",
        },
        "features": {
            "bot_user": {"display_name": "warroom", "always_online": True},
            "slash_commands": [
                {
                    "command": "/docker_image_create",
                    "description": "Make a Docker image: a base with Python libraries and OS packages",
                    "usage_hint": ("name=example_name dependencies=mechanize packages=wget [base=demisto/python3-deb]"),
                    "should_escape": False,
                },
                {
                    "command": "/docker_image_update",
                    "description": "Bring a Docker image, or all of them, up to date",
                    "usage_hint": "image=demisto/python3 | all=true",
                    "should_escape": False,
                },
                {
                    "command": "/docker_images",
                    "description": "List the Docker images",
                    "should_escape": False,
                },
            ],
        },
        "oauth_config": {"scopes": {"bot": ["chat:write", "commands", "files:write"]}},
        "settings": {
            "interactivity": {"is_enabled": True},
            "org_deploy_enabled": False,
            "socket_mode_enabled": True,
            "token_rotation_enabled": False,
        },
    }


def test_every_command_of_the_table_is_in_the_manifest() -> None:
    further = replace(COMMANDS[0], name="/further", description="What it does", usage="[all=true]")

    written = manifest((*COMMANDS, further))["features"]["slash_commands"]

    assert [each["command"] for each in written] == [*(command.name for command in COMMANDS), "/further"]
    assert written[-1] == {
        "command": "/further",
        "description": "What it does",
        "usage_hint": "[all=true]",
        "should_escape": False,
    }


def test_what_is_printed_is_the_manifest() -> None:
    assert json.loads(manifest_json(COMMANDS)) == manifest(COMMANDS)


def test_the_apps_own_texts_keep_slacks_lengths() -> None:
    shown = manifest(COMMANDS)["display_information"]

    assert len(shown["name"]) <= 35
    assert len(shown["description"]) <= 139


@pytest.mark.parametrize("command", manifest(COMMANDS)["features"]["slash_commands"], ids=lambda each: each["command"])
def test_a_commands_texts_keep_slacks_lengths(command: dict[str, str]) -> None:
    assert 2 <= len(command["command"]) <= COMMAND_NAME
    assert 1 <= len(command["description"]) <= 2000
    assert 1 <= len(command.get("usage_hint", "none")) <= 1000
