"""The meaning of an error of Slack's Web API for the message to send."""

from enum import Enum, auto
from http import HTTPStatus

from slack_sdk.errors import SlackApiError

_DEFAULT_WAIT = 5.0
"""The seconds to wait if a rate-limit error does not name them."""

_RATE = ("ratelimited", "rate_limited", "message_limit_exceeded")
_PASSING = ("internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org")
_UNREACHABLE = ("not_in_channel", "channel_not_found", "is_archived", "restricted_action")
_MISSING = ("message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found")
_BAD_BLOCKS = ("invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long")


class RefusalMeaning(Enum):
    """How to continue after an error."""

    TOO_FAST = auto()
    """Rate limited: wait as long as Slack says, then send the message again."""
    PASSING = auto()
    """A temporary error in Slack: retry without limit."""
    UNREACHABLE = auto()
    """The bot may not write there."""
    MISSING = auto()
    """The message, or the parent message of its thread, no longer exists."""
    BAD_BLOCKS = auto()
    """Slack does not accept the blocks."""
    REFUSED = auto()
    """Another error, which a retry is unlikely to fix."""


def meaning(error: SlackApiError) -> RefusalMeaning:
    """Return the meaning of an error."""
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
    """Return `Retry-After` in seconds, or the default."""
    try:
        return max(0.0, float(error.response.headers["Retry-After"]))
    except (KeyError, ValueError):
        return _DEFAULT_WAIT
