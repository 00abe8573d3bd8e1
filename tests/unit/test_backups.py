"""Copies of the dialogs: when, how many, and of what."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.dialogs.backups import KEPT, Backups
from bot.dialogs.databases import refuse_malformed
from bot.dialogs.ledger import Entry, Ledger, sqlite_url
from bot.dialogs.stages import Preparing
from commands.errors import StateUnwritable
from tests.kit.examples import asked_as
from tests.kit.restartable_jobs import TimeOfDay


@pytest.fixture
def clock() -> TimeOfDay:
    return TimeOfDay()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger(sqlite_url(tmp_path / "dialogs.sqlite"))) as made:
        made.add(Entry(Preparing(asked_as("d-1"), "Reading"), trigger="", response_url=""))
        yield made


@pytest.fixture
def backups(tmp_path: Path, ledger: Ledger, clock: TimeOfDay) -> Backups:
    del ledger
    return Backups(tmp_path / "dialogs.sqlite", hours=24, clock=clock)


def test_a_copy_holds_the_dialogs_of_a_bot_that_runs(backups: Backups, ledger: Ledger) -> None:
    made = backups.run_if_due()

    assert made is not None
    with closing(Ledger(sqlite_url(made))) as copy:
        assert copy.unfinished_entries() == ledger.unfinished_entries()


def test_a_copy_can_take_the_place_of_a_malformed_file(backups: Backups, ledger: Ledger, tmp_path: Path) -> None:
    made = backups.run_if_due()
    assert made is not None
    stored = ledger.unfinished_entries()
    ledger.close()
    file = tmp_path / "dialogs.sqlite"
    file.write_bytes(b"?" * 10_000)
    with pytest.raises(StateUnwritable):
        refuse_malformed(file)

    for name in ("dialogs.sqlite-wal", "dialogs.sqlite-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    made.replace(file)

    refuse_malformed(file)
    with closing(Ledger(sqlite_url(file))) as copy:
        assert copy.unfinished_entries() == stored


def test_the_next_copy_is_made_when_it_is_due(backups: Backups, clock: TimeOfDay) -> None:
    assert backups.run_if_due() is not None
    clock.passes(24 * 3600 - 1)
    assert backups.run_if_due() is None
    clock.passes(1)
    assert backups.run_if_due() is not None


def test_the_latest_copies_stay_and_nothing_else_is_removed(backups: Backups, clock: TimeOfDay, tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / "dialogs-mine.sqlite").touch()
    made = []
    for _ in range(KEPT + 2):
        made.append(backups.run_if_due())
        clock.passes(24 * 3600)

    assert sorted((tmp_path / "backups").glob("dialogs-2*")) == made[-KEPT:]
    assert (tmp_path / "backups" / "dialogs-mine.sqlite").exists()


def test_copies_can_be_turned_off(tmp_path: Path, ledger: Ledger, clock: TimeOfDay) -> None:
    del ledger
    assert Backups(tmp_path / "dialogs.sqlite", hours=0, clock=clock).run_if_due() is None
    assert not (tmp_path / "backups").exists()


def test_a_malformed_file_replaces_no_copy(backups: Backups, clock: TimeOfDay, ledger: Ledger, tmp_path: Path) -> None:
    sound = [backups.run_if_due()]
    ledger.close()
    with closing(sqlite3.connect(tmp_path / "dialogs.sqlite")) as database:
        (page_size,) = database.execute("PRAGMA page_size").fetchone()
        (root,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'warroom_dialogs'").fetchone()
    content = bytearray((tmp_path / "dialogs.sqlite").read_bytes())
    content[(root - 1) * page_size : root * page_size] = b"?" * page_size
    (tmp_path / "dialogs.sqlite").write_bytes(content)

    for _ in range(KEPT + 1):
        clock.passes(24 * 3600)
        assert backups.run_if_due() is None

    assert list((tmp_path / "backups").iterdir()) == sound


def test_a_copy_that_cannot_be_made_ends_nothing(backups: Backups, tmp_path: Path) -> None:
    (tmp_path / "backups").touch()

    assert backups.run_if_due() is None
