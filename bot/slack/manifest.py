"""The app manifest for Slack, made from the table of commands."""

import json
from typing import Any

from bot.router import Command

SCOPES = ("chat:write", "commands", "files:write")
"""The OAuth scopes of the bot: to write, to receive commands, to put files into threads."""


def manifest(commands: tuple[Command, ...]) -> dict[str, Any]:
    """Return the app manifest in version 2 of Slack's schema."""
    return {
        "_metadata": {"major_version": 2, "minor_version": 1},
        "display_information": {
            "name": "warroom",
            "description": "Makes, updates and lists Docker images from this channel: review, confirm, watch, done.",
            "background_color": "#1d3557",
        },
        "features": {
            "bot_user": {"display_name": "warroom", "always_online": True},
            "slash_commands": [_slash_command(command) for command in commands],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "interactivity": {"is_enabled": True},
            "org_deploy_enabled": False,
            "socket_mode_enabled": True,
            "token_rotation_enabled": False,
        },
    }


def manifest_json(commands: tuple[Command, ...]) -> str:
    """Return the manifest as JSON to paste."""
    return json.dumps(manifest(commands), indent=2)


def _slash_command(command: Command) -> dict[str, Any]:
    written: dict[str, Any] = {
        "command": command.name,
        "description": command.description,
        # Slack would turn `discord.py` into a link and `&` into an entity.
        "should_escape": False,
    }
    # A hint is optional, but must not be empty.
    return {**written, "usage_hint": command.usage} if command.usage else written
