"""The channels of a room as they are now: a person may archive one, remove the bot from it, or forbid edits."""

from dataclasses import replace

from bot.room.server.refusals import RefusedError
from bot.room.workspace import EditRule, Workspace, WorkspaceChannel


class Channels:
    """Finds channels for the bot, with Slack's refusals, and changes them for people."""

    def __init__(self, workspace: Workspace) -> None:
        self._now = {channel.id: channel for channel in workspace.channels}

    def known(self, channel_id: str) -> WorkspaceChannel:
        """Find a channel."""
        channel = self._now.get(channel_id)
        if channel is None:
            raise RefusedError("channel_not_found")
        return channel

    def to_write_in(self, channel_id: str) -> WorkspaceChannel:
        """Find a channel in which the bot may post."""
        channel = self.known(channel_id)
        if channel.is_archived:
            raise RefusedError("is_archived")
        if not channel.bot_is_member:
            raise RefusedError("not_in_channel")
        return channel

    def to_edit_in(self, channel_id: str) -> WorkspaceChannel:
        """Find a channel in which the bot may edit its messages."""
        channel = self.known(channel_id)
        if channel.is_archived:
            # Slack has another word for it than when posting.
            raise RefusedError("is_inactive")
        if channel.edits != "allowed":
            raise RefusedError(channel.edits)
        return channel

    def change(
        self,
        channel_id: str,
        *,
        is_archived: bool | None = None,
        bot_is_member: bool | None = None,
        edits: EditRule | None = None,
    ) -> WorkspaceChannel:
        """Change what is given, and return the channel as it is then."""
        then = self.known(channel_id)
        now = replace(
            then,
            is_archived=then.is_archived if is_archived is None else is_archived,
            bot_is_member=then.bot_is_member if bot_is_member is None else bot_is_member,
            edits=edits or then.edits,
        )
        self._now[channel_id] = now
        return now
