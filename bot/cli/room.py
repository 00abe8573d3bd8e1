"""`warroom room`: the bot in a war room in the browser."""

from bot.access.rules import Access
from bot.cli.common import problems_in_words, run_until_signal, settings_and_logs
from bot.room.server.room import Room
from bot.router import COMMANDS
from bot.wiring import Credentials, health_page, make_bot


def run(port: int) -> None:
    """Open a room and run the bot in it until a signal ends it."""
    with problems_in_words():
        settings = settings_and_logs()
        with (
            health_page(settings) as show_health,
            Room(port, state=settings.state_dir / "room", commands=COMMANDS) as opened,
        ):
            bot = make_bot(settings, credentials_of(opened))
            show_health(bot)
            run_until_signal(bot, f"The war room is open. Open this address in a browser:\n  {opened.page_url}")


def credentials_of(opened: Room) -> Credentials:
    """Return the credentials of a bot in a room, where everybody may use it."""
    access = Access(frozenset(channel.id for channel in opened.workspace.channels))
    return Credentials(opened.bot_token, opened.app_token, opened.api_url, access)
