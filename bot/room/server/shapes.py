"""Values of the room in the shape in which Slack sends them."""

from dataclasses import asdict

from pydantic import JsonValue

from bot.room.events import OpenView, RoomMessage
from bot.room.server.files import StoredFile
from bot.room.workspace import Member, Team, Workspace, WorkspaceChannel

Shape = dict[str, JsonValue]


def message_shape(message: RoomMessage, workspace: Workspace) -> Shape:
    """Give a message as Slack returns it."""
    shape: Shape = {"type": "message", "user": message.author, "ts": message.ts, "text": message.text}
    shape["team"] = workspace.team_of(message.author).id
    if message.author == workspace.bot.user_id:
        shape |= {"bot_id": workspace.bot.bot_id, "app_id": workspace.bot.app_id}
    if message.blocks:
        shape["blocks"] = list(message.blocks)
    if message.thread_ts is not None:
        shape["thread_ts"] = message.thread_ts
    if message.metadata is not None:
        shape["metadata"] = asdict(message.metadata)
    if message.edited_ts is not None:
        shape["edited"] = {"user": message.author, "ts": message.edited_ts}
    return shape


def view_shape(view: OpenView, workspace: Workspace, *, state: Shape) -> Shape:
    """Give a modal as Slack returns it; `state` holds what was entered."""
    unset: Shape = {
        "private_metadata": "",
        "callback_id": "",
        "external_id": "",
        "submit": None,
        "close": None,
        "clear_on_close": False,
        "notify_on_close": False,
    }
    return {
        **unset,
        **view.content,
        "id": view.id,
        "team_id": workspace.team.id,
        "state": state,
        "hash": view.hash,
        "previous_view_id": None,
        "root_view_id": view.id,
        "app_id": workspace.bot.app_id,
        "app_installed_team_id": workspace.team.id,
        "bot_id": workspace.bot.bot_id,
    }


def channel_shape(channel: WorkspaceChannel) -> Shape:
    """Give a channel as conversations.info returns it."""
    return {
        "id": channel.id,
        "name": channel.name,
        "is_channel": True,
        "is_private": False,
        "is_archived": channel.is_archived,
        "is_member": channel.bot_is_member,
    }


def person_shape(person: Member, team: Team) -> Shape:
    """Give a person as they stand in the payload of a click."""
    return {"id": person.id, "username": person.name, "name": person.name, "team_id": team.id}


def file_shape(file: StoredFile, url: str) -> Shape:
    """Give a file as files.info returns it."""
    return {
        "id": file.id,
        "name": file.name,
        "title": file.title,
        "size": file.length,
        "url_private": f"{url}/files-pri/{file.id}",
        "url_private_download": f"{url}/files-pri/{file.id}",
    }
