"""The parts that sub-commands share: settings, the loop of a running bot, plain words for problems."""

import gc
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import click
import structlog

from bot.lifetime import Bot
from bot.logs import set_up_logs
from bot.room.client.room_client import RoomError
from bot.room.client.say import Said
from bot.room.server.store import RoomNotOpenedError
from bot.settings import Settings, load_settings
from bot.wiring import redactor
from commands.errors import Problem
from commands.text import without_hidden

log = structlog.get_logger()

_LOOK_SECONDS = 1.0
"""How often the loop checks for a signal."""


def run_until_signal(bot: Bot, started: str | None = None) -> None:
    """Run a bot until SIGTERM or SIGINT; `started` is printed once it is ready. Raise the bot's failure."""
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    bot.start()
    # A full collection also scans all imported modules: 0.1 s in which nothing is acknowledged.
    gc.freeze()
    if started:
        click.echo(started)
    # Not one long wait: a signal that is delivered to another thread does not wake this one.
    while not over.wait(_LOOK_SECONDS) and bot.failure is None:
        pass
    failure = bot.failure
    close_in_time(bot, status=int(failure is not None))
    if failure is not None:
        raise failure


def close_in_time(bot: Bot, *, status: int = 0) -> None:
    """Close a bot; if a daemon, a database or Slack hangs, end the process.

    A process that has to be ended by force exits with `status`: its jobs are stored, and the next process continues.
    """
    force = threading.Timer(bot.closes_within, _end_by_force, (status,))
    force.daemon = True
    force.start()
    left = bot.close()
    force.cancel()
    if left:
        _end_by_force(status)


def _end_by_force(status: int) -> None:
    living = sorted(thread.name for thread in threading.enumerate() if not thread.daemon)
    log.warning("ended_by_force", threads=living)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def settings_and_logs(*, log_level: Literal["warning", "error"] | None = None) -> Settings:
    """Return the settings, and set up the log at their level or at `log_level`."""
    settings = load_settings()
    set_up_logs(redactor(settings), form=settings.log_format, level=log_level or settings.log_level)
    return settings


@contextmanager
def problems_in_words(*, as_json: bool = False) -> Iterator[None]:
    """Print a problem in words, or as JSON, and exit with status 1."""
    try:
        yield
    except Problem as problem:
        _fail(problem.message, problem.hint, problem.details, as_json=as_json)
    except (RoomError, RoomNotOpenedError) as error:
        _fail(str(error), "", (), as_json=as_json)


def _fail(message: str, hint: str, details: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(Said("failed", " ".join(filter(None, (message, hint, *details)))).as_json()))
    else:
        click.echo(without_hidden("\n".join(part for part in (message, hint, *details) if part)), err=True)
    sys.exit(1)
