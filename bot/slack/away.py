"""Errors of the Slack SDK when the bot connects: a passing fault, or tokens that Slack refuses."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException

from slack_sdk.errors import SlackApiError, SlackClientError

from bot.slack.answers import RefusalMeaning, meaning, seconds_to_wait
from commands.errors import Misconfigured

_TOKEN_ERRORS = (
    "invalid_auth",
    "not_authed",
    "account_inactive",
    "token_revoked",
    "token_expired",
    "not_allowed_token_type",
    "missing_scope",
)
_LONGEST_REASON = 200


class SlackAway(Exception):
    """Slack does not answer now; `seconds` is the least time to wait before the next attempt."""

    def __init__(self, reason: str, seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.seconds = seconds


@contextmanager
def asking_slack() -> Iterator[None]:
    """Raise `Misconfigured` if Slack refuses the token, and `SlackAway` for every other error of a call."""
    try:
        yield
    except SlackApiError as error:
        reason = _reason(error)
        if reason in _TOKEN_ERRORS:
            raise _refused(reason) from error
        is_limited = meaning(error) is RefusalMeaning.TOO_FAST
        raise SlackAway(reason, seconds_to_wait(error) if is_limited else 0.0) from error
    except (OSError, HTTPException, SlackClientError) as error:
        raise SlackAway(str(error)[:_LONGEST_REASON] or type(error).__name__) from error


def _reason(error: SlackApiError) -> str:
    status = error.response.status_code
    # A gateway answers with a page, of which the SDK makes a long sentence.
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"HTTP {status}"
    return str(error.response.get("error"))[:_LONGEST_REASON]


def _refused(reason: str) -> Misconfigured:
    return Misconfigured(
        f"Slack refused the connection: `{reason}`.",
        hint="Check SLACK_BOT_TOKEN (`xoxb-…`) and SLACK_APP_TOKEN (`xapp-…`, scope connections:write).",
    )
