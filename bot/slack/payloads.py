"""What Slack sends, parsed at the door: only the fields that are used, each bounded."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

SlackId = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,32}$")]
Url = Annotated[str, Field(max_length=2000)]


class _Payload(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SlashCommand(_Payload):
    """`/command text`, typed by somebody in a channel."""

    command: Annotated[str, Field(pattern=r"^/[a-z0-9_-]{1,31}$")]
    text: Annotated[str, Field(max_length=40_000)] = ""
    user_id: SlackId
    channel_id: SlackId
    trigger_id: Annotated[str, Field(max_length=300)]
    response_url: Url

    @property
    def line(self) -> str:
        """The whole line as typed."""
        return f"{self.command} {self.text}".rstrip()


class _Named(_Payload):
    id: SlackId


class Action(_Payload):
    """The button that was pressed; `value` is the dialog's id."""

    action_id: Annotated[str, Field(max_length=255)]
    value: Annotated[str, Field(max_length=2000)] = ""


class Click(_Payload):
    """A press of one button."""

    user: _Named
    channel: _Named
    actions: Annotated[tuple[Action, ...], Field(min_length=1)]
    response_url: Url = ""
    trigger_id: Annotated[str, Field(max_length=300)] = ""


class _Option(_Payload):
    value: Annotated[str, Field(max_length=2000)]


class _Input(_Payload):
    value: Annotated[str, Field(max_length=3000)] | None = None
    selected_option: _Option | None = None


class _State(_Payload):
    values: Mapping[str, Mapping[str, _Input]]


class _View(_Payload):
    private_metadata: Annotated[str, Field(max_length=3000)] = ""
    state: _State


class FormSent(_Payload):
    """A form that somebody sent; its own trigger is what the dialog is found by."""

    user: _Named
    trigger_id: Annotated[str, Field(max_length=300)] = ""
    view: _View

    @property
    def values(self) -> dict[str, str]:
        """What was put in, by `block_id`; every block has one input."""
        return {
            block: (one.selected_option.value if one.selected_option else one.value or "").strip()
            for block, inputs in self.view.state.values.items()
            for one in inputs.values()
        }
