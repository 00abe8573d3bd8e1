"""The `warroom` command line. It imports nothing but click: `--help` must not wait for libraries."""

# ruff: noqa: PLC0415 - each sub-command imports what it needs when it runs

import gc
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

_END_SECONDS = 2.0
"""How long the end of the process may wait for threads."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Make, update and list Docker images from a chat channel."""


@main.command()
def slack() -> None:
    """Run the bot in Slack, by Socket Mode. Needs SLACK_BOT_TOKEN and SLACK_APP_TOKEN."""
    with uncollected():
        from bot.cli import slack as command

    command.run()


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8137, show_default=True, help="0 takes any free port.")
def room(port: int) -> None:
    """Open a war room on this machine, to be used in a browser; `warroom say --room URL` joins it."""
    with uncollected():
        from bot.cli import room as command

    command.run(port)


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
    """Run one slash command LINE and follow it to the end, and the dialogs that its buttons begin.

    Exit status 0 tells that the last of them did what was asked.
    """
    with uncollected():
        from bot.cli import say as command

    command.run(line=line, yes=yes, clicks=clicks, as_json=as_json, room_url=room_url, user=user)


@main.command()
def manifest() -> None:
    """Print the app manifest for Slack: paste it where Slack's app set-up asks for one."""
    from bot.router import COMMANDS
    from bot.slack.manifest import manifest_json

    click.echo(manifest_json(COMMANDS))


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, and nothing else.")
def check(*, as_json: bool) -> None:
    """Check the setup and suggest fixes; exit status 1 if something is wrong."""
    with uncollected():
        from bot.cli import check as command

    command.run(as_json=as_json)


@contextmanager
def uncollected() -> Iterator[None]:
    """Exempt everything that is imported meanwhile from garbage collection, also from the last one at exit.

    Modules stay until the end; looking through them took 0.5 s of each `warroom say`.
    """
    # The freeze below exempts garbage as well: none is left before it.
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def run() -> None:
    """Run the command line, and let no thread that hangs keep the process alive."""
    try:
        main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
        # A daemon thread, which still runs while the interpreter waits for the other threads.
        end = threading.Timer(_END_SECONDS, os._exit, (status,))
        end.daemon = True
        end.start()
        raise


if __name__ == "__main__":
    run()
