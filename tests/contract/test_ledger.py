"""The ledger's suite, on both databases."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from bot.dialogs.ledger import Ledger, sqlite_url
from bot.dialogs.stages import (
    AT_REST,
    Cancelled,
    Dialog,
    DialogId,
    Failed,
    Preparing,
    Queued,
    Running,
    UnderReview,
    is_shown_only,
)
from commands.errors import StateUnwritable
from tests.fakes.host import PATIENCE_SECONDS
from tests.kit.examples import ASKED, BOB, EVERY_KIND, LATER, PROGRESS, PROPOSAL, asked_as
from tests.kit.ledgers import entry, ids, opened, preparing, queued

T = TypeVar("T")
ROW = 1.0
"""A moment, where none matters."""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "state" / "dialogs.sqlite")
    database: str = request.getfixturevalue("postgresql").new_database()
    return database


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with opened(url) as made:
        yield made


def at_once(act: Callable[[int], T], times: int) -> list[T]:
    """Call it from so many threads at the same moment."""
    ready = threading.Barrier(times)

    def call(number: int) -> T:
        ready.wait(PATIENCE_SECONDS)
        return act(number)

    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(call, range(times)))


# ── Adding and finding ──────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_added_is_found_as_it_was(ledger: Ledger) -> None:
    added = entry(preparing("d-1"))
    ledger.add(added)

    assert ledger.get(DialogId("d-1")) == added


def test_a_dialog_that_was_never_added_is_not_found(ledger: Ledger) -> None:
    assert ledger.get(DialogId("d-1")) is None


def test_a_dialog_is_added_once(ledger: Ledger) -> None:
    ledger.add(entry(preparing("d-1")))

    with pytest.raises(StateUnwritable):
        ledger.add(replace(entry(preparing("d-1")), trigger="another"))


def test_each_trigger_makes_one_dialog(ledger: Ledger) -> None:
    assert not ledger.has_trigger("t-d-1")
    assert ledger.add(entry(preparing("d-1")))
    assert not ledger.add(replace(entry(preparing("d-2")), trigger="t-d-1"))

    assert ledger.has_trigger("t-d-1")
    assert ids(ledger.unfinished_entries()) == ["d-1"]


def test_of_many_with_the_same_trigger_at_once_one_is_added(ledger: Ledger) -> None:
    added = at_once(lambda number: ledger.add(replace(entry(preparing(f"d-{number}")), trigger="t")), 8)

    assert sorted(added) == [False] * 7 + [True]


def test_dialogs_without_a_trigger_are_all_added(ledger: Ledger) -> None:
    for name in ("d-1", "d-2"):
        assert ledger.add(replace(entry(preparing(name)), trigger=""))

    assert not ledger.has_trigger("")


def test_many_are_added_at_once(ledger: Ledger) -> None:
    at_once(lambda number: ledger.add(entry(preparing(f"d-{number}"))), 16)

    assert sorted(ids(ledger.in_stage(Preparing))) == sorted(f"d-{number}" for number in range(16))


def test_dialogs_are_listed_in_the_order_in_which_they_were_asked(ledger: Ledger) -> None:
    for name in ("z", "a", "m"):
        ledger.add(entry(preparing(name)))

    assert ids(ledger.in_stage(Preparing)) == ["z", "a", "m"]


def test_text_that_no_file_can_hold_is_stored_with_a_mark_in_its_place(ledger: Ledger) -> None:
    # Half of a character can stand in an exception's text: a file name that is no Unicode, for example.
    ledger.add(entry(preparing("d-1")))

    assert ledger.move(Failed(ASKED, "no \ud800 name", "Try again."), after=[Preparing], now=ROW)

    after = ledger.get(ASKED.dialog)
    assert after is not None
    assert after.dialog == Failed(ASKED, "no ? name", "Try again.")


# ── Moving ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_move_from_another_stage_is_not_made(ledger: Ledger) -> None:
    ledger.add(entry(preparing("d-1")))

    assert not ledger.move(queued("d-1"), after=[UnderReview], now=ROW)
    assert ledger.get(DialogId("d-1")) == entry(preparing("d-1"))


def test_an_unknown_dialog_is_not_moved(ledger: Ledger) -> None:
    assert not ledger.move(queued("d-1"), after=[UnderReview, Preparing], now=ROW)


def test_a_move_is_counted(ledger: Ledger) -> None:
    ledger.add(entry(preparing("d-1")))
    ledger.move(queued("d-1"), after=[Preparing], now=ROW)

    assert ledger.get(DialogId("d-1")) == replace(entry(queued("d-1")), changes=2)


def test_of_many_who_move_at_once_one_wins(ledger: Ledger) -> None:
    ledger.add(entry(UnderReview(ASKED, PROPOSAL, LATER)))
    users = [f"U{number}" for number in range(24)]

    won = at_once(lambda number: ledger.move(Cancelled(ASKED, users[number]), after=[UnderReview], now=ROW), len(users))

    after = ledger.get(ASKED.dialog)
    assert sum(won) == 1
    assert after is not None
    assert after.dialog == Cancelled(ASKED, users[won.index(True)])
    assert after.changes == 2


# ── Time ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_dialogs_at_rest_are_found_among_others(ledger: Ledger) -> None:
    for name in ("d-1", "d-2", "d-3"):
        ledger.add(entry(preparing(name)))
    ledger.move(Cancelled(asked_as("d-2"), BOB), after=[Preparing], now=ROW)

    assert ledger.ids_at_rest([DialogId("d-1"), DialogId("d-2"), DialogId("d-9")]) == ("d-2",)


def test_a_dialog_is_overdue_from_its_deadline_on(ledger: Ledger) -> None:
    ledger.add(entry(preparing("d-1")))
    ledger.move(UnderReview(ASKED, PROPOSAL, LATER), after=[Preparing], now=ROW, deadline=100.0)

    assert ids(ledger.overdue_entries(99.9)) == []
    assert ids(ledger.overdue_entries(100.0)) == ["d-1"]


def test_what_moved_on_has_no_deadline_any_more(ledger: Ledger) -> None:
    ledger.add(entry(preparing("d-1")))
    ledger.move(UnderReview(ASKED, PROPOSAL, LATER), after=[Preparing], now=ROW, deadline=100.0)
    ledger.move(queued("d-1"), after=[UnderReview], now=ROW)

    assert ledger.overdue_entries(1e12) == ()


def test_the_queue_is_in_the_order_in_which_they_were_confirmed(ledger: Ledger) -> None:
    for name in ("first", "second", "third"):
        ledger.add(entry(UnderReview(asked_as(name), PROPOSAL, LATER)))
    for moment, name in enumerate(("third", "first", "second")):
        ledger.move(queued(name), after=[UnderReview], now=float(moment))

    assert ledger.queue(Queued) == ("third", "first", "second")


def test_those_confirmed_at_the_same_moment_queue_in_the_order_in_which_they_were_asked(ledger: Ledger) -> None:
    for name in ("z", "b", "a", "y"):
        ledger.add(entry(UnderReview(asked_as(name), PROPOSAL, LATER)))
    for name in ("a", "y", "z", "b"):
        ledger.move(queued(name), after=[UnderReview], now=ROW)

    assert ledger.queue(Queued) == ("z", "b", "a", "y")


# ── What is left to do ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dialog", EVERY_KIND, ids=lambda dialog: type(dialog).__name__)
def test_what_is_not_at_rest_is_unfinished(ledger: Ledger, dialog: Dialog) -> None:
    ledger.add(entry(dialog))

    assert ids(ledger.unfinished_entries()) == ([] if isinstance(dialog, AT_REST) else ["d-1"])


def test_a_stage_is_unshown_until_slack_has_it(ledger: Ledger) -> None:
    ledger.add(entry(preparing("d-1")))
    assert ids(ledger.unshown_entries()) == ["d-1"]

    ledger.set_shown(DialogId("d-1"), 1)
    assert ids(ledger.unshown_entries()) == []

    ledger.move(queued("d-1"), after=[Preparing], now=ROW)
    assert ids(ledger.unshown_entries()) == ["d-1"]


def test_an_end_is_unshown_until_it_was_announced(ledger: Ledger) -> None:
    ledger.add(entry(Cancelled(ASKED, BOB)))
    ledger.set_shown(ASKED.dialog, 1)
    assert ids(ledger.unshown_entries()) == ["d-1"]

    ledger.set_announced(ASKED.dialog)
    assert ids(ledger.unshown_entries()) == []


@pytest.mark.parametrize(
    "dialog", [each for each in EVERY_KIND if is_shown_only(each)], ids=lambda dialog: type(dialog).__name__
)
def test_what_is_only_to_be_read_is_announced_to_nobody(ledger: Ledger, dialog: Dialog) -> None:
    ledger.add(entry(dialog))
    ledger.set_shown(dialog.asked.dialog, 1)

    assert ids(ledger.unshown_entries()) == []


def test_the_message_of_a_dialog_is_kept_and_forgotten(ledger: Ledger) -> None:
    ledger.add(entry(preparing("d-1")))

    ledger.set_message(DialogId("d-1"), "1.1")
    assert ledger.get(DialogId("d-1")) == replace(entry(preparing("d-1")), message="1.1")

    ledger.set_message(DialogId("d-1"), None)
    assert ledger.get(DialogId("d-1")) == entry(preparing("d-1"))


def test_notes_about_messages_change_no_stage(ledger: Ledger) -> None:
    ledger.add(entry(preparing("d-1")))
    ledger.set_message(DialogId("d-1"), "1.1")
    ledger.move(queued("d-1"), after=[Preparing], now=ROW)

    assert ledger.get(DialogId("d-1")) == replace(entry(queued("d-1")), changes=2, message="1.1")


# ── Files ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_kind_of_file_is_claimed_once(ledger: Ledger) -> None:
    ledger.add(entry(preparing("d-1")))

    assert [ledger.set_attached(DialogId("d-1"), kind) for kind in ("log", "packages", "log")] == [True, True, False]
    after = ledger.get(DialogId("d-1"))
    assert after is not None
    assert after.attached == {"log", "packages"}


def test_nobody_claims_the_file_of_an_unknown_dialog(ledger: Ledger) -> None:
    assert not ledger.set_attached(DialogId("d-1"), "log")


def test_of_many_who_claim_the_same_file_one_wins(ledger: Ledger) -> None:
    ledger.add(entry(preparing("d-1")))

    assert sum(at_once(lambda _: ledger.set_attached(DialogId("d-1"), "log"), 12)) == 1


def test_those_who_claim_different_files_at_once_all_win(ledger: Ledger) -> None:
    ledger.add(entry(preparing("d-1")))

    assert all(at_once(lambda number: ledger.set_attached(DialogId("d-1"), f"kind-{number}"), 12))


# ── Processes ───────────────────────────────────────────────────────────────────────────────────────────────────────

READER = """
import sys
from bot.dialogs.ledger import Ledger
ledger = Ledger(sys.argv[1])
print(*(f"{entry.id} {type(entry.dialog).__name__} {entry.changes}" for entry in ledger.unfinished_entries()))
"""


def test_another_process_reads_what_this_one_wrote(ledger: Ledger, url: str) -> None:
    ledger.add(entry(preparing("d-1")))
    ledger.move(Running(ASKED, PROPOSAL, BOB, PROGRESS), after=[Preparing], now=ROW)

    read = subprocess.run(
        [sys.executable, "-c", READER, url], capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS
    )

    assert read.stdout.split() == ["d-1", "Running", "2"]


def test_a_ledger_goes_on_where_the_last_one_stopped(url: str) -> None:
    with opened(url) as first:
        first.add(entry(preparing("d-1")))
    with opened(url) as second:
        second.add(entry(preparing("d-2")))

        assert ids(second.unfinished_entries()) == ["d-1", "d-2"]
