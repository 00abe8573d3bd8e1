"""What people do in the room: they type commands and click, and are told when the bot does not answer."""

from dataclasses import dataclass, replace
from typing import Self

from pydantic import ValidationError

from bot.room.blocks import clickables
from bot.room.events import Block, Draft, Failure, RoomMessage
from bot.room.server.arguments import CommandAnswer
from bot.room.server.chat import Chat
from bot.room.server.conversation import RoomMessages
from bot.room.server.occasions import Occasion, Occasions
from bot.room.server.payloads import chosen_option, click_action, click_payload, command_payload
from bot.room.server.refusals import RefusedError
from bot.room.server.response_urls import ReplyTarget
from bot.room.server.socket_mode import Ack, Delivery, SocketMode
from bot.room.server.sources import RoomSources
from bot.room.workspace import SLACKBOT, Member, Workspace, WorkspaceChannel


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """A line that somebody typed, split into the command and the rest."""

    command: str
    text: str

    @classmethod
    def parse(cls, line: str) -> Self:
        """Split at the first white space, as Slack does; the rest stays as it was typed."""
        command, *rest = line.strip().split(maxsplit=1) or [""]
        return cls(command=command, text=rest[0] if rest else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementClick:
    """What somebody clicked: an element of a message, and for a menu the chosen value."""

    ts: str
    action_id: str
    block_id: str | None = None
    value: str | None = None
    stale: bool = False
    deliveries: int = 1


class People:
    """Carries what people do to the bot, and the bot's answer back into the conversation."""

    def __init__(
        self,
        *,
        workspace: Workspace,
        conversation: RoomMessages,
        chat: Chat,
        socket_mode: SocketMode,
        occasions: Occasions,
        commands: frozenset[str],
        sources: RoomSources,
    ) -> None:
        self._workspace = workspace
        self._conversation = conversation
        self._chat = chat
        self._socket_mode = socket_mode
        self._occasions = occasions
        self._commands = commands
        self._now = sources.now

    async def type(self, person: Member, channel: WorkspaceChannel, line: CommandLine) -> str:
        """Send a typed command to the bot; give its trigger id."""
        occasion = self._occasions.new(person, channel, ReplyTarget(channel=channel.id, user=person.id))
        if line.command not in self._commands:
            self._fail(occasion, "unknown_command", _unknown_command(line.command))
            return occasion.trigger_id
        # The line stands above what the bot says to it, though the room learns only from the acknowledgement whether
        # it is shown.
        ts = self._conversation.new_ts()
        delivery = Delivery(
            type="slash_commands",
            payload=command_payload(occasion, self._workspace, command=line.command, text=line.text),
            accepts_answer=True,
            on_ack=lambda ack: self._command_acked(occasion, line, ts, ack),
            on_timeout=lambda: self._fail(occasion, "operation_timeout", _failure_text(line, "operation_timeout")),
        )
        if not await self._socket_mode.deliver(delivery):
            self._fail(occasion, "dispatch_failed", _failure_text(line, "dispatch_failed"))
        return occasion.trigger_id

    async def click(self, person: Member, channel: WorkspaceChannel, click: ElementClick) -> str:
        """Send a click to the bot; give its trigger id."""
        message = self._visible_message(person, channel, click.ts)
        block_id, element = self._clicked_element(message, click)
        target = ReplyTarget(channel=channel.id, user=person.id, original_ts=message.ts, thread_ts=message.thread_ts)
        occasion = self._occasions.new(person, channel, target)
        action = click_action(element, block_id=block_id, value=click.value, action_ts=f"{self._now():.6f}")
        delivery = Delivery(
            type="interactive",
            payload=click_payload(occasion, self._workspace, message=message, action=action),
            accepts_answer=False,
            on_ack=lambda ack: self._record_ack(occasion, ack),
            on_timeout=lambda: self._fail(occasion, "operation_timeout", _dead_click("operation_timeout")),
        )
        for attempt in range(click.deliveries):
            if not await self._socket_mode.deliver(replace(delivery, attempt=attempt)):
                self._fail(occasion, "dispatch_failed", _dead_click("dispatch_failed"))
                break
        return occasion.trigger_id

    def _visible_message(self, person: Member, channel: WorkspaceChannel, ts: str) -> RoomMessage:
        message = self._conversation.find(channel.id, ts)
        if message is None or message.only_for not in {None, person.id}:
            raise RefusedError("message_not_found", [f"No message {ts} in {channel.id} that {person.id} can see."])
        return message

    def _clicked_element(self, message: RoomMessage, click: ElementClick) -> tuple[str, Block]:
        shown = clickables(message.blocks)
        if click.stale:
            shown += clickables(self._conversation.blocks_before(message))
        for block_id, element in shown:
            if element["action_id"] == click.action_id and click.block_id in {None, block_id}:
                return block_id, _checked_element(element, click)
        there = ", ".join(f"`{element['action_id']}`" for _, element in shown) or "nothing"
        raise RefusedError("action_not_found", [f"The message has no `{click.action_id}`; it offers {there}."])

    def _record_ack(self, occasion: Occasion, ack: Ack) -> None:
        self._conversation.record_ack(
            channel=occasion.channel.id,
            user=occasion.person.id,
            trigger_id=occasion.trigger_id,
            envelope_id=ack.envelope_id,
            milliseconds=ack.milliseconds,
        )

    def _command_acked(self, occasion: Occasion, line: CommandLine, ts: str, ack: Ack) -> None:
        self._record_ack(occasion, ack)
        if not ack.payload:
            return
        try:
            self._show_answer(occasion, line, ts, CommandAnswer.model_validate(ack.payload))
        except (ValidationError, RefusedError):
            reason: Failure = "invalid_command_response"
            self._fail(occasion, reason, _failure_text(line, reason))

    def _show_answer(self, occasion: Occasion, line: CommandLine, ts: str, answer: CommandAnswer) -> None:
        if answer.response_type == "in_channel":
            typed = f"{line.command} {line.text}".rstrip()
            draft = Draft(channel=occasion.channel.id, author=occasion.person.id, text=typed)
            self._conversation.post(draft, ts=ts)
        if answer.says_something:
            target = ReplyTarget(channel=occasion.channel.id, user=occasion.person.id, trigger_id=occasion.trigger_id)
            self._chat.answer(answer, target)

    def _fail(self, occasion: Occasion, reason: Failure, words: str) -> None:
        self._conversation.record_failure(
            channel=occasion.channel.id, user=occasion.person.id, trigger_id=occasion.trigger_id, reason=reason
        )
        self._conversation.post(
            Draft(channel=occasion.channel.id, author=SLACKBOT, text=words, only_for=occasion.person.id)
        )


def _checked_element(element: Block, click: ElementClick) -> Block:
    """Refuse a choice that the menu does not offer."""
    if element["type"] != "button" and chosen_option(element, click.value) is None:
        raise RefusedError("option_not_found", [f"`{click.action_id}` has no option `{click.value}`."])
    return element


def _unknown_command(command: str) -> str:
    return (
        f"`{command}` is not a valid command. In Slack, all messages that start with the “/” character are "
        "interpreted as slash commands."
    )


def _failure_text(line: CommandLine, reason: Failure) -> str:
    explanation = {
        "operation_timeout": "the app did not respond in time",
        "dispatch_failed": "no app is connected",
    }.get(reason, "the app's response could not be shown")
    return f"{line.command} failed with the error “{reason}”: {explanation}. Try again in a moment."


def _dead_click(reason: Failure) -> str:
    explanation = "no app is connected" if reason == "dispatch_failed" else "the app did not respond in time"
    return f"That click failed with the error “{reason}”: {explanation}. Try again in a moment."
