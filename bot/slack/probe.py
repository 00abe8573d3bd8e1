"""Checks the tokens with Slack: their owner, their scopes, and whether Socket Mode opens."""

import re

from slack_sdk.errors import SlackApiError, SlackClientError

from bot.doctor.report import Caution, Fault, Good, Verdict
from bot.slack.connection import web_client
from bot.slack.manifest import SCOPES
from commands.text import plural

_SECONDS = 4
"""The SDK retries once if the connection fails."""
_NOT_NEEDED = "Needed only for `warroom slack`: see “In Slack” in the README."
_CHANNEL = re.compile(r"[CGD][A-Z0-9]{6,}")
_APP_SETTINGS = "the app's page in Slack"


def bot_token_works(token: str | None, api_url: str | None) -> Verdict:
    """Check whose token it is, and compare its scopes with the manifest's."""
    if token is None:
        return Caution("SLACK_BOT_TOKEN is not set.", _NOT_NEEDED)
    if token.startswith("xapp-"):
        return Fault("SLACK_BOT_TOKEN holds an app-level token.", "Swap the two: the bot's starts with `xoxb-`.")
    try:
        client = web_client(token, api_url)
        client.timeout = _SECONDS
        answer = client.auth_test()
    except SlackApiError as error:
        return _refusal("SLACK_BOT_TOKEN", error)
    except (OSError, SlackClientError) as error:
        return _unreachable(error)
    missing = sorted(set(SCOPES) - _scopes(answer.headers))
    if missing:
        return Fault(
            f"The token lacks {_scope_word(missing)} {', '.join(missing)}.",
            f"Add them under “OAuth & Permissions” of {_APP_SETTINGS}, then install the app again.",
        )
    return Good(f"{answer.get('user')} in {answer.get('team')}; scopes {', '.join(SCOPES)}")


def socket_mode_opens(token: str | None, api_url: str | None) -> Verdict:
    """Check that Slack returns the address of a Socket Mode connection, without opening one."""
    if token is None:
        return Caution("SLACK_APP_TOKEN is not set.", _NOT_NEEDED)
    if token.startswith("xoxb-"):
        return Fault("SLACK_APP_TOKEN holds a bot token.", "Swap the two: the app's starts with `xapp-`.")
    try:
        client = web_client(token, api_url)
        client.timeout = _SECONDS
        client.apps_connections_open(app_token=token)
    except SlackApiError as error:
        return _refusal("SLACK_APP_TOKEN", error)
    except (OSError, SlackClientError) as error:
        return _unreachable(error)
    return Good("opens with SLACK_APP_TOKEN")


def channels_are_named(channels: tuple[str, ...], users: tuple[str, ...], *, slack_is_set_up: bool) -> Verdict:
    """Report the channels and people that may use commands, by id, since a name can pass to another channel."""
    wrong = [channel for channel in channels if not _CHANNEL.fullmatch(channel)]
    todo = "Set `WARROOM_ALLOWED_CHANNELS` to ids such as `C0123456789`, shown at the end of a channel's “About”."
    if wrong:
        return Fault(f"No channel has the id {', '.join(f'`{one}`' for one in wrong)}.", todo)
    if not channels:
        says = "No channel is allowed: every command in Slack is refused."
        return Fault(says, todo) if slack_is_set_up else Caution(says, _NOT_NEEDED)
    who = f"{len(users)} named people" if len(users) > 1 else "one named person" if users else "everybody there"
    return Good(f"{', '.join(channels)}; {who}")


def _scopes(headers: object) -> set[str]:
    found = headers if isinstance(headers, dict) else {}
    named = next((str(value) for name, value in found.items() if name.lower() == "x-oauth-scopes"), "")
    return {scope.strip() for scope in named.split(",") if scope.strip()}


def _scope_word(scopes: list[str]) -> str:
    return plural(len(scopes), "the scope")


def _refusal(setting: str, error: SlackApiError) -> Fault:
    reason = str(error.response.get("error"))
    hints = {
        "missing_scope": f"Give the token the scope `connections:write` under “Basic Information” of {_APP_SETTINGS}.",
        "not_allowed_token_type": "SLACK_BOT_TOKEN takes the token `xoxb-…`, SLACK_APP_TOKEN the token `xapp-…`.",
        "ratelimited": "Check again in a minute.",
    }
    usual = f"Copy the token again from {_APP_SETTINGS}, and check that the app is installed and enabled."
    return Fault(f"Slack refuses {setting}: `{reason}`.", hints.get(reason, usual))


def _unreachable(error: Exception) -> Fault:
    return Fault(
        f"Slack does not answer: {error}.",
        "Check the network, the proxy settings (HTTPS_PROXY) and `WARROOM_SLACK_API_URL`.",
    )
