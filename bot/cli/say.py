"""`warroom say`: one line typed into a room, and its dialog in the terminal."""

import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import click

from bot.cli.common import close_in_time, problems_in_words, settings_and_logs
from bot.cli.room import credentials_of
from bot.room.client.console import LiveDialog, Silent, choose
from bot.room.client.interface import Show
from bot.room.client.room_client import RoomClient
from bot.room.client.say import UNSHOWN, Conversation, Said, WithoutClick
from bot.room.server.room import Room
from bot.router import COMMANDS
from bot.settings import environment
from bot.state import scratch_state
from bot.wiring import make_bot, make_engine
from commands.errors import Misconfigured
from commands.text import without_hidden


def run(*, line: str, yes: bool, clicks: tuple[str, ...], as_json: bool, room_url: str | None, user: str) -> None:
    """Type the line, follow its dialog to the end, and exit with a status that says whether it succeeded."""
    # A program that reads a pipe needs each row of a table on one line, unless the width is set.
    show: Show = Silent() if as_json else LiveDialog(widens="COLUMNS" not in environment())
    with problems_in_words(as_json=as_json):
        if room_url:
            said = _talk(_guest(room_url, user), show, line, clicks, yes=yes)
        else:
            said = _talk_alone(show, line, clicks, yes=yes, user=user)
    if as_json:
        click.echo(json.dumps(said.as_json()))
    elif said.state == "waiting":
        click.echo("It waits for a button: press one with --yes or --click ACTION.", err=True)
    elif said.state in UNSHOWN:
        click.echo(without_hidden(said.message), err=True)
    if said.left and not as_json:
        click.echo(f"Not pressed, since it was not there: {', '.join(said.left)}", err=True)
    sys.exit(0 if said.succeeded else 1)


def _guest(address: str, user: str) -> RoomClient:
    url, _, token = address.partition("#")
    try:
        parts = urlsplit(url)
        is_sound = parts.scheme == "http" and parts.hostname is not None and parts.port is not None
    except ValueError:
        is_sound = False
    if not is_sound:
        raise Misconfigured(
            f"`{url}` is not the address of a room.", hint="Copy it whole from what `warroom room` printed."
        )
    return RoomClient(url, token, user=user)


def _talk_alone(show: Show, line: str, clicks: tuple[str, ...], *, yes: bool, user: str) -> Said:
    settings = settings_and_logs(log_level="warning")
    with (
        closing(make_engine(settings)) as engine,
        scratch_state(settings, engine) as own,
        Room(commands=COMMANDS) as opened,
    ):
        bot = make_bot(own, credentials_of(opened))
        bot.start()
        try:
            client = RoomClient(opened.url, opened.user_token, user=user)
            return _talk(client, show, line, clicks, yes=yes, unanswered=WithoutClick.LEAVE)
        finally:
            close_in_time(bot, status=1)


def _talk(
    client: RoomClient,
    show: Show,
    line: str,
    clicks: tuple[str, ...],
    *,
    yes: bool,
    unanswered: WithoutClick = WithoutClick.KEEP,
) -> Said:
    by_hand = choose if sys.stdin.isatty() and isinstance(show, LiveDialog) else None
    usages = {command.name: command.usage for command in COMMANDS}
    conversation = Conversation(client, show, clicks=clicks, yes=yes, ask=by_hand, unanswered=unanswered, usages=usages)
    with _interrupt_leaves(conversation), show:
        return conversation.say(line)


@contextmanager
def _interrupt_leaves(conversation: Conversation) -> Iterator[None]:
    """Let Ctrl-C press the button that ends the dialog; a second one ends the program."""

    def leave(_signal: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, before)
        threading.Thread(target=conversation.leave, daemon=True).start()

    before = signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
