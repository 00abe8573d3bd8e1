"""The payloads of Socket Mode: what Slack sends to the bot when somebody types a command or clicks."""

from dataclasses import dataclass

from pydantic import JsonValue

from bot.room.events import Block, Message
from bot.room.shapes import Shape, channel_shape, message_shape, person_shape
from bot.room.workspace import Channel, Person, Workspace

# Slack's old verification token stands in every payload; nothing may rely on it.
VERIFICATION_TOKEN = "unused-since-signed-requests"  # noqa: S105 - not a secret: a constant that protocol wants


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Who did something, where, and by which names the bot may react to it."""

    person: Person
    channel: Channel
    trigger_id: str
    response_url: str


def command_payload(occasion: Occasion, workspace: Workspace, *, command: str, text: str) -> Shape:
    """Build the payload of a slash command."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": workspace.team.id,
        "team_domain": workspace.team.domain,
        "channel_id": occasion.channel.id,
        "channel_name": occasion.channel.name,
        "user_id": occasion.person.id,
        "user_name": occasion.person.name,
        "command": command,
        "text": text,
        "api_app_id": workspace.bot.app_id,
        "is_enterprise_install": "false",
        "response_url": occasion.response_url,
        "trigger_id": occasion.trigger_id,
    }


def click_payload(occasion: Occasion, workspace: Workspace, *, message: Message, action: Shape) -> Shape:
    """Build the payload of a click on an element of a message."""
    payload: Shape = {
        "type": "block_actions",
        "token": VERIFICATION_TOKEN,
        "user": person_shape(occasion.person, workspace.team),
        "api_app_id": workspace.bot.app_id,
        "container": _container(message),
        "trigger_id": occasion.trigger_id,
        "team": {"id": workspace.team.id, "domain": workspace.team.domain},
        "enterprise": None,
        "is_enterprise_install": False,
        "channel": {"id": occasion.channel.id, "name": channel_shape(occasion.channel)["name"]},
        "state": {"values": {}},
        "response_url": occasion.response_url,
        "actions": [action],
    }
    # Slack does not keep ephemeral messages, so it cannot send them back.
    if message.only_for is None:
        payload["message"] = message_shape(message, workspace)
    return payload


def click_action(element: Block, *, block_id: str, value: str | None, action_ts: str) -> Shape:
    """Build the entry that says which element was clicked and, for a menu, what was chosen."""
    action: Shape = {
        "type": element["type"],
        "action_id": element["action_id"],
        "block_id": block_id,
        "action_ts": action_ts,
    }
    if element["type"] == "button":
        shown = {key: element[key] for key in ("text", "value", "style", "confirm") if key in element}
        return action | shown
    return action | {"selected_option": chosen_option(element, value)}


def chosen_option(menu: Block, value: str | None) -> JsonValue:
    """Find the option of a menu that has this value; None if there is none."""
    options = [option for option in _options(menu) if isinstance(option, dict)]
    return next((option for option in options if option.get("value") == value), None)


def _options(menu: Block) -> list[JsonValue]:
    match menu:
        case {"options": list(options)}:
            return options
        case {"option_groups": list(groups)}:
            return [option for group in groups if isinstance(group, dict) for option in _options(group)]
        case _:
            return []


def _container(message: Message) -> Shape:
    container: Shape = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": message.channel,
        "is_ephemeral": message.only_for is not None,
    }
    if message.thread_ts is not None:
        container["thread_ts"] = message.thread_ts
    return container
