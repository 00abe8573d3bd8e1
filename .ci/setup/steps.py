"""The lines that set-up prints: what it does, how it ended, how long it took."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click


class SetupError(Exception):
    """Set-up cannot go on; the text says what happened and what to do."""


@dataclass(slots=True)
class Step:
    """One line of set-up, from its start to its outcome."""

    outcome: str = "done"


@contextmanager
def step(title: str) -> Iterator[Step]:
    """Print `→ title … outcome (3 s)` around the work; instant work prints no seconds."""
    click.echo(f"→ {title} … ", nl=False)
    started = time.monotonic()
    current = Step()
    try:
        yield current
    except BaseException:
        click.echo(f"failed ({_seconds_since(started)} s)")
        raise
    seconds = _seconds_since(started)
    click.echo(f"{current.outcome} ({seconds} s)" if seconds else current.outcome)


def run_to_exit(main: Callable[[], int]) -> None:
    """Run `main` as the whole program: its number is the exit status, a `SetupError` is told and is 1."""
    try:
        status = main()
    except SetupError as error:
        click.echo(str(error), err=True)
        status = 1
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


def _seconds_since(started: float) -> int:
    return round(time.monotonic() - started)
