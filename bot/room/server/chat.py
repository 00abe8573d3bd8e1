"""What the bot does with messages: the methods chat.* and conversations.info, and answers to people."""

from collections.abc import Callable

from pydantic import JsonValue

from bot.room.blocks import with_ids
from bot.room.events import Block, Draft, RoomMessage
from bot.room.server import arguments as sent
from bot.room.server.channels import Channels
from bot.room.server.conversation import RoomMessages
from bot.room.server.refusals import RefusedError
from bot.room.server.response_urls import ReplyTarget
from bot.room.server.shapes import channel_shape, message_shape
from bot.room.workspace import Workspace

Reply = dict[str, JsonValue]


class Chat:
    """Writes, edits and deletes messages in the bot's name, with Slack's refusals."""

    def __init__(
        self,
        *,
        workspace: Workspace,
        channels: Channels,
        conversation: RoomMessages,
        new_id: Callable[[], str],
        url: str,
    ) -> None:
        self._workspace = workspace
        self._channels = channels
        self._conversation = conversation
        self._new_id = new_id
        self._url = url

    def post(self, values: Reply) -> Reply:
        """chat.postMessage."""
        asked = sent.PostMessage.read(values)
        channel = self._channels.to_write_in(asked.channel)
        text, blocks = self._content(asked, most_text=sent.MOST_TEXT_IN_A_POST)
        message = self._conversation.post(
            Draft(
                channel=channel.id,
                author=self._workspace.bot.user_id,
                text=text,
                blocks=blocks,
                thread_ts=self.thread(channel.id, asked.thread_ts),
                metadata=asked.metadata,
            )
        )
        return {"channel": channel.id, "ts": message.ts, "message": message_shape(message, self._workspace)}

    def update(self, values: Reply) -> Reply:
        """chat.update: a text without blocks removes the message's blocks, as in Slack."""
        asked = sent.UpdateMessage.read(values)
        channel = self._channels.to_edit_in(asked.channel)
        message = self._own_message(channel.id, asked.ts, refusal="cant_update_message")
        edited = self._edit(message, asked)
        return {
            "channel": edited.channel,
            "ts": edited.ts,
            "text": edited.text,
            "message": message_shape(edited, self._workspace),
        }

    def delete(self, values: Reply) -> Reply:
        """chat.delete."""
        asked = sent.MessageName.read(values)
        message = self._own_message(asked.channel, asked.ts, refusal="cant_delete_message")
        self._conversation.delete(message)
        return {"channel": message.channel, "ts": message.ts}

    def post_ephemeral(self, values: Reply) -> Reply:
        """chat.postEphemeral."""
        asked = sent.PostEphemeral.read(values)
        channel = self._channels.to_write_in(asked.channel)
        if self._workspace.person(asked.user) is None or not channel.has(asked.user):
            raise RefusedError("user_not_in_channel")
        text, blocks = self._content(asked, most_text=sent.MOST_TEXT_IN_A_POST)
        message = self._conversation.post(
            Draft(
                channel=channel.id,
                author=self._workspace.bot.user_id,
                text=text,
                blocks=blocks,
                thread_ts=self.thread(channel.id, asked.thread_ts),
                only_for=asked.user,
            )
        )
        return {"message_ts": message.ts}

    def permalink(self, values: Reply) -> Reply:
        """chat.getPermalink."""
        asked = sent.GetPermalink.read(values)
        self._channels.known(asked.channel)
        if self._conversation.find(asked.channel, asked.message_ts) is None:
            raise RefusedError("message_not_found")
        place = f"{asked.channel}/p{asked.message_ts.replace('.', '')}"
        return {"channel": asked.channel, "permalink": f"{self._url}/archives/{place}"}

    def channel_info(self, values: Reply) -> Reply:
        """conversations.info."""
        return {"channel": channel_shape(self._channels.known(sent.ChannelName.read(values).channel))}

    def answer(self, answer: sent.CommandAnswer, target: ReplyTarget) -> None:
        """Carry out what the bot answered in an acknowledgement or to a response URL."""
        original = self._original(target)
        if original is not None and answer.delete_original:
            self._conversation.delete(original)
        elif original is not None and answer.replace_original:
            self._edit(original, answer)
        elif answer.says_something:
            self._post_answer(answer, target)
        elif not answer.delete_original:
            raise RefusedError("no_text")

    def thread(self, channel: str, thread_ts: str | None) -> str | None:
        """Find the thread to write in; a reply stands for its thread."""
        if not thread_ts:
            return None
        parent = self._conversation.find(channel, thread_ts)
        if parent is None or parent.only_for is not None:
            raise RefusedError("thread_not_found")
        return parent.thread_ts or parent.ts

    def _post_answer(self, answer: sent.CommandAnswer, target: ReplyTarget) -> None:
        text, blocks = self._content(answer, most_text=sent.MOST_TEXT_IN_A_POST)
        self._conversation.post(
            Draft(
                channel=target.channel,
                author=self._workspace.bot.user_id,
                text=text,
                blocks=blocks,
                thread_ts=self.thread(target.channel, answer.thread_ts or target.thread_ts),
                metadata=answer.metadata,
                only_for=None if answer.response_type == "in_channel" else target.user,
                answers=target.trigger_id,
            )
        )

    def _original(self, target: ReplyTarget) -> RoomMessage | None:
        return None if target.original_ts is None else self._conversation.find(target.channel, target.original_ts)

    def _own_message(self, channel_id: str, ts: str, *, refusal: str) -> RoomMessage:
        channel = self._channels.known(channel_id)
        message = self._conversation.find(channel.id, ts)
        # An ephemeral message is on one person's screen only: the Web API does not find it.
        if message is None or message.only_for is not None:
            raise RefusedError("message_not_found")
        if message.author != self._workspace.bot.user_id:
            raise RefusedError(refusal)
        return message

    def _edit(self, message: RoomMessage, content: sent.Content) -> RoomMessage:
        text, blocks = self._content(content, most_text=sent.MOST_TEXT_IN_AN_EDIT)
        return self._conversation.edit(message, text=text, blocks=blocks, metadata=content.metadata or message.metadata)

    def _content(self, content: sent.Content, *, most_text: int) -> tuple[str, tuple[Block, ...]]:
        blocks = content.sound_blocks() or ()
        text = content.text or ""
        if not text and not blocks:
            raise RefusedError("no_text")
        if len(text) > most_text:
            raise RefusedError("msg_too_long")
        return text, with_ids(blocks, new_id=self._new_id)
