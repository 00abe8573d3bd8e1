"""`warroom check`: whether everything that the bot needs is there."""

import json
import logging
import sys

import click
from rich.console import Console

from bot.checks import CHECK_SECONDS, make_checks
from bot.cli.common import settings_and_logs
from bot.doctor.report import Line, Report, fault_of
from bot.doctor.running import run as run_checks
from bot.doctor.table import table
from bot.wiring import redactor
from commands.errors import Misconfigured


def run(*, as_json: bool) -> None:
    """Print the report, and exit with status 1 if something is wrong."""
    report = _report()
    if as_json:
        click.echo(json.dumps(report.as_json()))
    else:
        Console(highlight=False).print(table(report))
    sys.exit(0 if report.ok else 1)


def _report() -> Report:
    try:
        settings = settings_and_logs(log_level="error")
    except Misconfigured as problem:
        return Report((Line("Settings", fault_of(problem)),))
    # It logs each failed attempt; the report says the same in one line.
    logging.getLogger("slack_sdk").setLevel(logging.CRITICAL)
    return run_checks(make_checks(settings), seconds=CHECK_SECONDS).clean(redactor(settings))
