"""The bot's file methods: files.* (Slack's upload in three steps)."""

from pydantic import JsonValue

from bot.room.events import Draft
from bot.room.server import arguments as sent
from bot.room.server.channels import Channels
from bot.room.server.chat import Chat, Reply
from bot.room.server.conversation import RoomMessages
from bot.room.server.files import MOST_BYTES, RoomFiles, StoredFile
from bot.room.server.refusals import RefusedError
from bot.room.server.shapes import file_shape
from bot.room.workspace import Workspace


class Sharing:
    """Announces uploads, completes them and puts the files into channels and threads."""

    def __init__(
        self,
        *,
        workspace: Workspace,
        channels: Channels,
        conversation: RoomMessages,
        chat: Chat,
        files: RoomFiles,
        url: str,
    ) -> None:
        self._workspace = workspace
        self._channels = channels
        self._conversation = conversation
        self._chat = chat
        self._files = files
        self._url = url

    def announce(self, values: Reply) -> Reply:
        """files.getUploadURLExternal."""
        asked = sent.AnnounceUpload.read(values)
        if asked.length > MOST_BYTES:
            raise RefusedError("file_upload_size_restricted")
        file_id, ticket = self._files.announce(name=asked.filename, length=asked.length)
        return {"file_id": file_id, "upload_url": f"{self._url}/upload/{ticket}"}

    def complete(self, values: Reply) -> Reply:
        """files.completeUploadExternal: without a channel the file stays the bot's own."""
        asked = sent.CompleteUpload.read(values)
        places = self._places(asked)
        done = [self._complete_file(file) for file in asked.files]
        for channel, thread_ts in places:
            self._conversation.post(
                Draft(
                    channel=channel,
                    author=self._workspace.bot.user_id,
                    text=asked.initial_comment or "",
                    thread_ts=thread_ts,
                    files=tuple(file.shared for file in done),
                )
            )
        shapes: list[JsonValue] = [file_shape(file, self._url) for file in done]
        return {"files": shapes}

    def info(self, values: Reply) -> Reply:
        """files.info."""
        file = self._files.find(sent.FileName.read(values).file)
        if file is None:
            raise RefusedError("file_not_found")
        return {"file": file_shape(file, self._url)}

    def _places(self, asked: sent.CompleteUpload) -> list[tuple[str, str | None]]:
        names = [asked.channel_id, *(asked.channels or "").split(",")]
        channels = [self._channels.to_write_in(name) for name in names if name]
        return [(channel.id, self._chat.thread(channel.id, asked.thread_ts)) for channel in channels]

    def _complete_file(self, file: sent.UploadedFile) -> StoredFile:
        done = self._files.complete(file.id, title=file.title)
        if done is None:
            raise RefusedError("file_not_found")
        return done
