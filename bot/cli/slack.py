"""`warroom slack`: the bot in Slack."""

from bot.access.rules import Access
from bot.cli.common import problems_in_words, run_until_signal, settings_and_logs
from bot.settings import Settings
from bot.wiring import Credentials, health_page, make_bot
from commands.errors import Misconfigured


def run() -> None:
    """Run the bot until a signal ends it."""
    with problems_in_words():
        settings = settings_and_logs()
        with health_page(settings) as show_health:
            bot = make_bot(settings, _credentials(settings))
            show_health(bot)
            run_until_signal(bot)


def _credentials(settings: Settings) -> Credentials:
    bot_token, app_token = settings.slack_bot_token, settings.slack_app_token
    if bot_token is None or app_token is None:
        missing = "SLACK_BOT_TOKEN" if bot_token is None else "SLACK_APP_TOKEN"
        raise Misconfigured(
            f"`{missing}` is not set.",
            hint="Make an app from `warroom manifest`, then set SLACK_BOT_TOKEN (xoxb-…) and SLACK_APP_TOKEN (xapp-…).",
        )
    access = Access(
        channels=frozenset(settings.allowed_channels),
        users=frozenset(settings.allowed_users),
        teams=frozenset(settings.allowed_teams),
    )
    return Credentials(bot_token.get_secret_value(), app_token.get_secret_value(), settings.slack_api_url, access)
