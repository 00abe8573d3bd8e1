"""The payloads of Socket Mode: what Slack sends to the bot when somebody types a command or clicks."""

from pydantic import JsonValue

from bot.room.blocks import options_of
from bot.room.events import Block, OpenView, RoomMessage
from bot.room.server.occasions import Occasion
from bot.room.server.shapes import Shape, channel_shape, message_shape, person_shape, view_shape
from bot.room.workspace import Workspace

# Slack's old verification token is in every payload; nothing may rely on it.
VERIFICATION_TOKEN = "unused-since-signed-requests"  # noqa: S105 - not a secret: a constant that protocol wants


def command_payload(occasion: Occasion, workspace: Workspace, *, command: str, text: str) -> Shape:
    """Build the payload of a slash command."""
    team = workspace.team_of(occasion.person.id)
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": team.id,
        "team_domain": team.domain,
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


def click_payload(occasion: Occasion, workspace: Workspace, *, message: RoomMessage, action: Shape) -> Shape:
    """Build the payload of a click on an element of a message."""
    payload = _interaction("block_actions", occasion, workspace) | {
        "container": _container(message),
        "channel": {"id": occasion.channel.id, "name": channel_shape(occasion.channel)["name"]},
        "state": {"values": {}},
        "response_url": occasion.response_url,
        "actions": [action],
    }
    # Slack does not keep ephemeral messages, so it cannot send them back.
    if message.only_for is None:
        payload["message"] = message_shape(message, workspace)
    return payload


def view_click_payload(
    occasion: Occasion, workspace: Workspace, *, view: OpenView, state: Shape, action: Shape
) -> Shape:
    """Build the payload of a click on an element of a modal."""
    return _interaction("block_actions", occasion, workspace) | {
        "container": {"type": "view", "view_id": view.id},
        "view": view_shape(view, workspace, state=state),
        "actions": [action],
    }


def submission_payload(occasion: Occasion, workspace: Workspace, *, view: OpenView, state: Shape) -> Shape:
    """Build the payload of a submitted form."""
    shape = view_shape(view, workspace, state=state)
    return _interaction("view_submission", occasion, workspace) | {"view": shape, "response_urls": []}


def closing_payload(occasion: Occasion, workspace: Workspace, *, view: OpenView) -> Shape:
    """Build the payload for a modal that the person closed."""
    shape = view_shape(view, workspace, state={"values": {}})
    payload = _interaction("view_closed", occasion, workspace) | {"view": shape, "is_cleared": False}
    del payload["trigger_id"]
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
    return next((option for option in options_of(menu) if option.get("value") == value), None)


def _interaction(kind: str, occasion: Occasion, workspace: Workspace) -> Shape:
    own, theirs = workspace.team, workspace.team_of(occasion.person.id)
    # As Slack has it in a shared channel: a click belongs to the workspace of the message, a form to the person's.
    team = own if kind == "block_actions" else theirs
    return {
        "type": kind,
        "token": VERIFICATION_TOKEN,
        "team": {"id": team.id, "domain": team.domain},
        "user": person_shape(occasion.person, theirs),
        "api_app_id": workspace.bot.app_id,
        "trigger_id": occasion.trigger_id,
        "enterprise": None,
        "is_enterprise_install": False,
    }


def _container(message: RoomMessage) -> Shape:
    container: Shape = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": message.channel,
        "is_ephemeral": message.only_for is not None,
    }
    if message.thread_ts is not None:
        container["thread_ts"] = message.thread_ts
    return container
