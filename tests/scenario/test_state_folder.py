"""The state folder and its database: in use, unusable, full. Each is told where somebody sees it."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from commands.errors import StateUnwritable
from tests.kit.driver import EXAMPLE, RoomDriver, words


@contextmanager
def full_disk(stage: RoomDriver) -> Iterator[None]:
    """Refuse every write to the table of dialogs, as SQLite does on a full disk."""
    said = "database or disk is full"
    with closing(sqlite3.connect(stage.settings.state_dir / "dialogs.sqlite")) as database:
        for act in ("INSERT", "UPDATE"):
            trigger = f"CREATE TRIGGER full_{act} BEFORE {act} ON warroom_dialogs"
            database.execute(f"{trigger} BEGIN SELECT RAISE(ABORT, '{said}'); END")
        yield
        for act in ("INSERT", "UPDATE"):
            database.execute(f"DROP TRIGGER full_{act}")


def test_a_second_bot_on_the_same_folder_is_refused(stage: RoomDriver) -> None:
    with pytest.raises(StateUnwritable) as refused:
        stage.make_bot()
    assert refused.value.message == f"Another warroom is using the state folder `{stage.settings.state_dir}`."
    assert "give this one a folder of its own" in refused.value.hint
    stage.create().until("done")


def test_a_folder_that_is_none_is_refused(set_stage: Callable[..., RoomDriver]) -> None:
    stage = set_stage(start=False)
    stage.is_left_as_it_is = True
    stage.settings.state_dir.write_text("a file")
    with pytest.raises(StateUnwritable, match="cannot be used"):
        stage.make_bot()


def test_a_database_that_is_none_is_refused_and_the_folder_left_to_others(set_stage: Callable[..., RoomDriver]) -> None:
    stage = set_stage(start=False)
    stage.settings.state_dir.mkdir()
    database = stage.settings.state_dir / "dialogs.sqlite"
    database.write_text("no database, " * 100)
    with pytest.raises(StateUnwritable, match="file is not a database"):
        stage.make_bot()
    database.unlink()
    stage.start_bot()
    stage.create().until("done")


def test_a_command_that_cannot_be_stored_is_told_to_the_person(stage: RoomDriver) -> None:
    with full_disk(stage):
        stage.alice.type(EXAMPLE)
        note = stage.alice.until_whispered("database or disk is full.")
        assert "free some space, then try again." in note
    assert stage.stages() == []
    stage.create().until("done")


def test_a_click_that_cannot_be_stored_is_told_and_can_be_made_again(stage: RoomDriver) -> None:
    dialog = stage.alice.type(EXAMPLE)
    dialog.until("review")
    with full_disk(stage):
        dialog.click("create", by=stage.bob)
        stage.bob.until_whispered("database or disk is full.")
    assert stage.host.engine.builds == []
    dialog.click("create", by=stage.bob)
    dialog.until("done")


def test_an_end_that_cannot_be_stored_is_said_and_stored_by_the_next_bot(stage: RoomDriver) -> None:
    stage.host.steps.shut()
    dialog = stage.create()
    dialog.until_says("▸ *OS packages: wget*")
    with full_disk(stage):
        stage.host.steps.open()
        assert "cannot use its state" in words(dialog.until_says("database or disk is full"))
        stage.close_bot()
    assert stage.stages() == ["Running"]
    stage.start_bot()
    dialog.until_says("dockerimage: ")
    dialog.until_announced()
    assert len(stage.tags()) == 2
    assert len(stage.host.engine.builds) == 1
