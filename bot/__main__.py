"""The `warroom` command line."""

import gc
import json
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import click
import structlog
from rich.console import Console

from bot.characters import without_hidden
from bot.checks import CHECK_SECONDS, make_checks
from bot.doctor.report import Line, Report, fault_of
from bot.doctor.running import run as checked
from bot.doctor.table import table
from bot.logs import set_up_logs
from bot.room.client.console import LiveDialog, Silent, choose
from bot.room.client.interface import Show
from bot.room.client.room_client import RoomClient, RoomError
from bot.room.client.say import UNSHOWN, Conversation, Said, Unanswered
from bot.room.server.room import Room
from bot.room.server.store import RoomNotOpenedError
from bot.router import COMMANDS
from bot.settings import Settings, environment, load_settings
from bot.slack.listeners import Audience
from bot.slack.manifest import manifest_json
from bot.wiring import Bot, Credentials, health_page, make_bot, redactor, scratch_state
from commands.errors import Misconfigured, Problem

log = structlog.get_logger()

_LOOK_SECONDS = 1.0
"""How often it is looked whether a signal has come."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Make, update and list Docker images from a chat channel."""


@main.command()
def slack() -> None:
    """Run the bot in Slack, by Socket Mode. Needs SLACK_BOT_TOKEN and SLACK_APP_TOKEN."""
    with _told_plainly():
        settings = _settings()
        with health_page(settings) as show_health:
            bot = make_bot(settings, _slack_credentials(settings))
            show_health(bot)
            _run(bot)


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8137, show_default=True, help="0 takes any free port.")
def room(port: int) -> None:
    """Open a war room on this machine, to be used in a browser; `warroom say --room URL` joins it."""
    with _told_plainly():
        settings = _settings()
        with (
            health_page(settings) as show_health,
            Room(port, state=settings.state_dir / "room", commands=COMMANDS) as opened,
        ):
            bot = make_bot(settings, _room_credentials(opened))
            show_health(bot)
            _run(bot, f"The war room is open. Open this address in a browser:\n  {opened.page_url}")


@main.command()
@click.argument("line")
@click.option("--yes", is_flag=True, help="Confirm every review.")
@click.option(
    "--click",
    "clicks",
    multiple=True,
    metavar="ACTION[=CHOICE]",
    help="Press this button when the dialog asks or has ended, or choose in this menu; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end, and nothing else.")
@click.option("--room", "room_url", metavar="URL", help="Join the room at this address instead of opening one.")
@click.option("--user", default="U0ALICE", show_default=True, help="Who says it, by id.")
def say(*, line: str, yes: bool, clicks: tuple[str, ...], as_json: bool, room_url: str | None, user: str) -> None:
    """Type one command LINE and stay with its dialog, and with those that its buttons begin.

    Exit status 0 tells that the last of them did what was asked.
    """
    # What reads a pipe wants a row of a table in one line, unless somebody has said how long a line may be.
    show: Show = Silent() if as_json else LiveDialog(widens="COLUMNS" not in environment())
    with _told_plainly(as_json=as_json):
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


@main.command()
def manifest() -> None:
    """Print the app manifest for Slack: paste it where Slack's app set-up asks for one."""
    click.echo(manifest_json(COMMANDS))


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, and nothing else.")
def check(*, as_json: bool) -> None:
    """Look at all that the bot needs, and say what to do where something is amiss; exit status 1 if so."""
    report = _report()
    if as_json:
        click.echo(json.dumps(report.as_json()))
    else:
        Console(highlight=False).print(table(report))
    sys.exit(0 if report.ok else 1)


def _report() -> Report:
    try:
        settings = _settings(log_level="error")
    except Misconfigured as problem:
        return Report((Line("Settings", fault_of(problem)),))
    # It logs each failed attempt; the report says the same in one line.
    logging.getLogger("slack_sdk").setLevel(logging.CRITICAL)
    return checked(make_checks(settings), seconds=CHECK_SECONDS).clean(redactor(settings))


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
    settings = _settings(log_level="warning")
    with (
        scratch_state(settings) as own,
        Room(commands=COMMANDS) as opened,
    ):
        bot = make_bot(own, _room_credentials(opened))
        bot.start()
        try:
            client = RoomClient(opened.url, opened.user_token, user=user)
            return _talk(client, show, line, clicks, yes=yes, unanswered=Unanswered.LEAVE)
        finally:
            bot.close()


def _talk(
    client: RoomClient,
    show: Show,
    line: str,
    clicks: tuple[str, ...],
    *,
    yes: bool,
    unanswered: Unanswered = Unanswered.KEEP,
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


def _run(bot: Bot, started: str | None = None) -> None:
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    bot.start()
    # A full collection looks at all that was imported, too: 0.1 s in which nothing is acknowledged.
    gc.freeze()
    if started:
        click.echo(started)
    # Not one long wait: a signal that another thread is given does not wake this one.
    while not over.wait(_LOOK_SECONDS):
        pass
    bot.close()


def _settings(**overrides: Any) -> Settings:  # noqa: ANN401 - the values of settings
    settings = load_settings()
    level = overrides.get("log_level", settings.log_level)
    set_up_logs(redactor(settings), form=settings.log_format, level=level)
    return settings


def _slack_credentials(settings: Settings) -> Credentials:
    bot_token, app_token = settings.slack_bot_token, settings.slack_app_token
    if bot_token is None or app_token is None:
        missing = "SLACK_BOT_TOKEN" if bot_token is None else "SLACK_APP_TOKEN"
        raise Misconfigured(
            f"`{missing}` is not set.",
            hint="Make an app from `warroom manifest`, then set SLACK_BOT_TOKEN (xoxb-…) and SLACK_APP_TOKEN (xapp-…).",
        )
    audience = Audience(
        channels=frozenset(settings.allowed_channels),
        users=frozenset(settings.allowed_users),
        teams=frozenset(settings.allowed_teams),
    )
    return Credentials(bot_token.get_secret_value(), app_token.get_secret_value(), settings.slack_api_url, audience)


def _room_credentials(opened: Room) -> Credentials:
    audience = Audience(frozenset(channel.id for channel in opened.workspace.channels))
    return Credentials(opened.bot_token, opened.app_token, opened.api_url, audience)


@contextmanager
def _told_plainly(*, as_json: bool = False) -> Iterator[None]:
    try:
        yield
    except Problem as problem:
        _tell(problem.message, problem.hint, problem.details, as_json=as_json)
    except (RoomError, RoomNotOpenedError) as error:
        _tell(str(error), "", (), as_json=as_json)


def _tell(message: str, hint: str, details: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(Said("failed", " ".join(filter(None, (message, hint, *details)))).as_json()))
    else:
        click.echo(without_hidden("\n".join(part for part in (message, hint, *details) if part)), err=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
