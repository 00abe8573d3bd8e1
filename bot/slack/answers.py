"""What a refusal of Slack's Web API means for the message that was to be sent."""

from enum import Enum, auto
from http import HTTPStatus

from slack_sdk.errors import SlackApiError

_DEFAULT_WAIT = 5.0
"""Seconds, where a refusal for the rate names none."""

_RATE = ("ratelimited", "rate_limited", "message_limit_exceeded")
_PASSING = ("internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org")
_UNREACHABLE = ("not_in_channel", "channel_not_found", "is_archived", "restricted_action")
_MISSING = ("message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found")
_BAD_BLOCKS = ("invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long")


class RefusalMeaning(Enum):
    """How to go on after a refusal."""

    TOO_FAST = auto()
    """Wait as long as Slack says; nothing is wrong with the message."""
    PASSING = auto()
    """Slack is in trouble: try again, however often."""
    UNREACHABLE = auto()
    """The bot may not write there."""
    MISSING = auto()
    """The message, or the one whose thread it is for, is not there any more."""
    BAD_BLOCKS = auto()
    """The blocks are not to Slack's taste."""
    REFUSED = auto()
    """Something else, which trying again will hardly mend."""


def meaning(error: SlackApiError) -> RefusalMeaning:
    """Read a refusal."""
    reason, status = str(error.response.get("error")), error.response.status_code
    if status == HTTPStatus.TOO_MANY_REQUESTS or reason in _RATE:
        return RefusalMeaning.TOO_FAST
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or reason in _PASSING:
        return RefusalMeaning.PASSING
    if reason in _UNREACHABLE:
        return RefusalMeaning.UNREACHABLE
    if reason in _MISSING:
        return RefusalMeaning.MISSING
    return RefusalMeaning.BAD_BLOCKS if reason in _BAD_BLOCKS else RefusalMeaning.REFUSED


def seconds_to_wait(error: SlackApiError) -> float:
    """Read `Retry-After`, in seconds."""
    try:
        return max(0.0, float(error.response.headers["Retry-After"]))
    except (KeyError, ValueError):
        return _DEFAULT_WAIT
