"""The state folder and its database: in use, unusable, full. Each is told where somebody sees it."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from commands.errors import StateUnwritable
from tests.kit.driver import EXAMPLE, RoomDriver, words


@contextmanager
def full_disk(driver: RoomDriver) -> Iterator[None]:
    """Refuse every write to the tables of dialogs and owners, as SQLite does on a full disk."""
    said = "database or disk is full"
    with closing(sqlite3.connect(driver.settings.state_dir / "dialogs.sqlite")) as database:
        writes = [(act, table) for act in ("INSERT", "UPDATE") for table in ("dialogs", "owners")]
        for act, table in writes:
            trigger = f"CREATE TRIGGER full_{act}_{table} BEFORE {act} ON warroom_{table}"
            database.execute(f"{trigger} BEGIN SELECT RAISE(ABORT, '{said}'); END")
        yield
        for act, table in writes:
            database.execute(f"DROP TRIGGER full_{act}_{table}")


def test_a_second_bot_on_the_same_folder_is_refused(driver: RoomDriver) -> None:
    with pytest.raises(StateUnwritable) as refused:
        driver.make_bot()
    assert refused.value.message == f"Another warroom is using the state folder `{driver.settings.state_dir}`."
    assert "give this one a folder of its own" in refused.value.hint
    driver.create().until("done")


def test_a_folder_that_is_none_is_refused(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(start=False)
    driver.is_left_as_it_is = True
    driver.settings.state_dir.write_text("a file")
    with pytest.raises(StateUnwritable, match="cannot be used"):
        driver.make_bot()


def test_a_database_that_is_none_is_refused_and_the_folder_left_to_others(
    make_driver: Callable[..., RoomDriver],
) -> None:
    driver = make_driver(start=False)
    driver.settings.state_dir.mkdir()
    database = driver.settings.state_dir / "dialogs.sqlite"
    database.write_text("no database, " * 100)
    with pytest.raises(StateUnwritable, match="file is not a database"):
        driver.make_bot()
    database.unlink()
    driver.start_bot()
    driver.create().until("done")


def test_a_command_that_cannot_be_stored_is_told_to_the_person(driver: RoomDriver) -> None:
    with full_disk(driver):
        driver.alice.type(EXAMPLE)
        note = driver.alice.until_whispered("database or disk is full.")
        assert "free some space, then try again." in note
    assert driver.stages() == []
    driver.create().until("done")


def test_a_click_that_cannot_be_stored_is_told_and_can_be_made_again(driver: RoomDriver) -> None:
    dialog = driver.alice.type(EXAMPLE)
    dialog.until("review")
    with full_disk(driver):
        dialog.click("create", by=driver.bob)
        driver.bob.until_whispered("database or disk is full.")
    assert driver.host.engine.builds == []
    dialog.click("create", by=driver.bob)
    dialog.until("done")


def test_an_end_that_cannot_be_stored_is_said_and_stored_by_the_next_bot(driver: RoomDriver) -> None:
    driver.host.steps.shut()
    dialog = driver.create()
    dialog.until_says("▸ *OS packages: wget*")
    with full_disk(driver):
        driver.host.steps.open()
        assert "cannot use its state" in words(dialog.until_says("database or disk is full"))
        driver.close_bot()
    assert driver.stages() == ["Running"]
    driver.start_bot()
    dialog.until_says("dockerimage: ")
    dialog.until_announced()
    assert len(driver.tags()) == 2
    assert len(driver.host.engine.builds) == 1
