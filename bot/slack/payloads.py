"""Slack's payloads, parsed on arrival: only the used fields, each with a limit."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bot.dialogs.stages import DialogId

SlackId = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,32}$")]
Url = Annotated[str, Field(max_length=2000)]


class _Payload(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


Team = SlackId | None
"""The person's workspace, or organisation on Enterprise Grid; None if Slack does not send it."""


class SlashCommand(_Payload):
    """`/command text`, typed in a channel."""

    command: Annotated[str, Field(pattern=r"^/[a-z0-9_-]{1,31}$")]
    text: Annotated[str, Field(max_length=40_000)] = ""
    user_id: SlackId
    team_id: Team = None
    channel_id: SlackId
    trigger_id: Annotated[str, Field(max_length=300)]
    response_url: Url

    @property
    def line(self) -> str:
        """The whole line as typed."""
        return f"{self.command} {self.text}".rstrip()


class _ChannelPayload(_Payload):
    id: SlackId


class _Person(_ChannelPayload):
    # Not `team.id` of the payload: in a shared channel that is the message's workspace.
    team_id: Team = None


class _Option(_Payload):
    value: Annotated[str, Field(max_length=2000)]


class ActionPayload(_Payload):
    """A pressed button, whose `value` is the dialog's id, or a menu with its choice.

    The value of a menu is the dialog's id, a space, and the choice.
    """

    action_id: Annotated[str, Field(max_length=255)]
    value: Annotated[str, Field(max_length=2000)] = ""
    selected_option: _Option | None = None

    @property
    def dialog(self) -> DialogId:
        """The id of its dialog."""
        chosen = self.selected_option
        return DialogId(self.value if chosen is None else chosen.value.partition(" ")[0])

    @property
    def choice(self) -> str:
        """The choice; empty for a button."""
        return "" if self.selected_option is None else self.selected_option.value.partition(" ")[2]


class Click(_Payload):
    """A press of one button, or a choice in one menu."""

    user: _Person
    channel: _ChannelPayload
    actions: Annotated[tuple[ActionPayload, ...], Field(min_length=1)]
    response_url: Url = ""
    trigger_id: Annotated[str, Field(max_length=300)] = ""

    @property
    def action(self) -> ActionPayload:
        """The clicked button or menu: Slack sends one at a time."""
        return self.actions[0]


class _Input(_Payload):
    value: Annotated[str, Field(max_length=3000)] | None = None
    selected_option: _Option | None = None
    selected_options: Annotated[tuple[_Option, ...], Field(max_length=100)] | None = None

    @property
    def entered(self) -> str:
        """The entered value; several ticked boxes are separated by commas."""
        if self.selected_options is not None:
            return ",".join(option.value for option in self.selected_options)
        return (self.selected_option.value if self.selected_option else self.value or "").strip()


class _FormState(_Payload):
    values: Mapping[str, Mapping[str, _Input]]


class _View(_Payload):
    private_metadata: Annotated[str, Field(max_length=3000)] = ""
    state: _FormState


class FormSent(_Payload):
    """A sent form; the trigger identifies the dialog."""

    user: _Person
    trigger_id: Annotated[str, Field(max_length=300)] = ""
    view: _View

    @property
    def values(self) -> dict[str, str]:
        """The entered values by `block_id`; every block has one input."""
        return {block: one.entered for block, inputs in self.view.state.values.items() for one in inputs.values()}
