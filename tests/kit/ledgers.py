"""Ledgers, and what tests put into them."""

from collections.abc import Iterator
from contextlib import contextmanager

from bot.dialogs.ledger import Entry, Ledger
from bot.dialogs.stages import Dialog, Preparing, Queued
from tests.kit.examples import BOB, PROPOSAL, asked_as


@contextmanager
def opened(url: str) -> Iterator[Ledger]:
    """Open a ledger, and close it in the end."""
    ledger = Ledger(url)
    try:
        yield ledger
    finally:
        ledger.close()


def entry(dialog: Dialog) -> Entry:
    """Make the row of a dialog, with a trigger of its own."""
    return Entry(dialog, trigger=f"t-{dialog.asked.dialog}", response_url="http://127.0.0.1/respond")


def preparing(name: str) -> Preparing:
    """Make a dialog that is being prepared."""
    return Preparing(asked_as(name), "Reading")


def queued(name: str) -> Queued:
    """Make a dialog that waits for a slot."""
    return Queued(asked_as(name), PROPOSAL, BOB, 1)


def ids(entries: tuple[Entry, ...]) -> list[str]:
    """List the ids of rows."""
    return [each.id for each in entries]
