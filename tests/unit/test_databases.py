"""Addresses of databases, and what errors of SQLite mean; tests/contract has those of PostgreSQL."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bot.dialogs.databases import StateAccess, connect_arguments, normal_url, refuse_malformed
from bot.dialogs.ledger import Ledger, sqlite_url
from commands.errors import Misconfigured, StateUnwritable


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_each_usual_scheme_of_postgresql_is_accepted(scheme: str) -> None:
    url = normal_url(f"{scheme}://me:s%40fe@db.test:5433/warroom?sslmode=require")

    assert url == "postgresql+psycopg://me:s%40fe@db.test:5433/warroom?sslmode=require"


@pytest.mark.parametrize(
    "url", ["mysql://me:secret@db.test/x", "db.test", "postgresql://me:secret@db.test", "a://:x:y"]
)
def test_an_address_of_something_else_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(Misconfigured) as raised:
        normal_url(url)

    assert "secret" not in raised.value.message + raised.value.hint
    assert "postgresql://user:password@host/database" in raised.value.hint


def test_time_outs_in_the_address_take_precedence() -> None:
    assert connect_arguments("postgresql://db.test/x")["connect_timeout"] == 2
    assert "connect_timeout" not in connect_arguments("postgresql://db.test/x?connect_timeout=9")
    assert connect_arguments("sqlite:///x") == {}


# ── A malformed file ────────────────────────────────────────────────────────────────────────────────────────────────


def torn(file: Path) -> None:
    """Overwrite a page in the middle of a database, as a broken disk may."""
    Ledger(sqlite_url(file)).close()
    with closing(sqlite3.connect(file)) as database:
        (page_size,) = database.execute("PRAGMA page_size").fetchone()
        (root,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'warroom_dialogs'").fetchone()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(file.read_bytes())
    content[(root - 1) * page_size : root * page_size] = b"?" * page_size
    file.write_bytes(content)


def letter(file: Path) -> None:
    """Write a file that was never a database."""
    file.write_text("a letter, not a database\n" * 100)


def half(file: Path) -> None:
    """Cut a database in the middle, as an interrupted copy does."""
    Ledger(sqlite_url(file)).close()
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


@pytest.mark.parametrize("spoil", [torn, letter, half])
def test_a_malformed_file_is_refused_with_what_to_do_and_left_as_it_is(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    file = tmp_path / "dialogs.sqlite"
    spoil(file)
    before = file.read_bytes()

    with pytest.raises(StateUnwritable) as raised:
        refuse_malformed(file)

    assert raised.value.message.startswith(f"The database `{file}` is malformed: ")
    assert f"move `{file}` away" in raised.value.hint
    assert str(tmp_path / "backups") in raised.value.hint
    assert file.read_bytes() == before


def test_a_sound_file_and_a_missing_one_are_not_refused(tmp_path: Path) -> None:
    file = tmp_path / "dialogs.sqlite"
    refuse_malformed(file)
    assert not file.exists()

    Ledger(sqlite_url(file)).close()
    refuse_malformed(file)


# ── Words ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def full(database: sqlite3.Connection) -> None:
    """Let the database grow no more, as on a full disk."""
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count = {pages}")
    database.execute("CREATE TABLE more AS SELECT randomblob(100000) AS content")


def read_only(database: sqlite3.Connection) -> None:
    """Write to a database that was opened for reading."""
    database.execute("PRAGMA query_only = on")
    database.execute("CREATE TABLE more (content)")


def locked(database: sqlite3.Connection) -> None:
    """Write while another connection does."""
    (_, _, file) = database.execute("PRAGMA database_list").fetchone()
    with closing(sqlite3.connect(file, timeout=0)) as other:
        other.execute("BEGIN IMMEDIATE")
        database.execute("PRAGMA busy_timeout = 0")
        database.execute("CREATE TABLE more (content)")


WORDS: dict[Callable[[sqlite3.Connection], None], tuple[str, str]] = {
    full: ("full", "Free some space"),
    read_only: ("readonly", "WARROOM_STATE_DIR"),
    locked: ("locked", "Another program keeps"),
}


@pytest.mark.parametrize("act", WORDS, ids=lambda act: act.__name__)
def test_each_trouble_with_a_file_has_words_for_it(tmp_path: Path, act: Callable[[sqlite3.Connection], None]) -> None:
    file = tmp_path / "dialogs.sqlite"
    Ledger(sqlite_url(file)).close()
    said, advice = WORDS[act]

    with closing(sqlite3.connect(file)) as database, pytest.raises(StateUnwritable) as raised, StateAccess(str(file)):
        act(database)

    assert said in raised.value.message
    assert advice in raised.value.hint
    assert str(file) in raised.value.hint
