"""Several processes on one database: who drives a dialog, who was replaced, and what an older version has left."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.dialogs.job_logs import JobLogFiles
from bot.dialogs.jobs import Jobs
from bot.dialogs.ledger import Entry, Ledger, Role, sqlite_url
from bot.dialogs.stages import Paused, Preparing, Queued, Running, Stopped
from bot.dialogs.transitions import Decision, Press
from commands.errors import ShuttingDown
from tests.fakes.host import PATIENCE_SECONDS
from tests.fakes.screen import FakeScreen
from tests.fakes.work import FakeWork
from tests.kit.app import NoRunner
from tests.kit.examples import BOB, PROGRESS, PROPOSAL, asked_as
from tests.kit.restartable_jobs import PATIENCE, RestartableJobs, TimeOfDay

SCHEMA_BEFORE = """
CREATE TABLE warroom_dialogs (
    serial INTEGER NOT NULL PRIMARY KEY, id TEXT NOT NULL UNIQUE, stage TEXT NOT NULL, value TEXT NOT NULL,
    changes INTEGER NOT NULL, since FLOAT NOT NULL, deadline FLOAT, "trigger" TEXT NOT NULL,
    response_url TEXT NOT NULL, message TEXT, shown INTEGER NOT NULL, announced BOOLEAN NOT NULL, attached TEXT NOT NULL
);
CREATE INDEX ix_warroom_dialogs_stage ON warroom_dialogs (stage);
CREATE INDEX ix_warroom_dialogs_deadline ON warroom_dialogs (deadline);
INSERT INTO warroom_dialogs VALUES
    (1, 'd-old', 'Running', '{"asked": {"dialog": "d-old", "line": "/docker_image_create name=a"}}', 3, 1.0, NULL, 't',
     'http://127.0.0.1/r', '1.0', 3, 0, ''),
    (2, 'd-ended', 'Vanished', '{}', 3, 1.0, NULL, 't', 'http://127.0.0.1/r', '2.0', 3, 1, 'log');
"""
"""The tables of version 1, with a job under way and an end of a kind that is not known here."""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path / "dialogs.sqlite")


def running() -> Running:
    return Running(asked_as("d-1"), PROPOSAL, BOB, PROGRESS)


def with_a_job(url: str, owner: str) -> Ledger:
    ledger = Ledger(url, owner=owner)
    ledger.take_over()
    ledger.add(Entry(Queued(asked_as("d-1"), PROPOSAL, BOB, 1), trigger="", response_url=""))
    assert ledger.move(running(), after=(Queued,), now=1.0)
    return ledger


@pytest.mark.parametrize("role", Role)
def test_a_process_that_was_replaced_moves_nothing(url: str, role: Role) -> None:
    with closing(with_a_job(url, "one")) as old, closing(Ledger(url, owner="one")) as new:
        new.take_over()

        assert not old.move(Paused(asked_as("d-1"), PROPOSAL, BOB), after=(Running,), now=2.0, role=role)
        assert not old.move(running(), after=(Running,), now=2.0, role=role)
        assert new.move(running(), after=(Running,), now=2.0, role=role)


def test_a_process_that_was_replaced_notes_nothing_of_what_slack_shows(url: str) -> None:
    with closing(with_a_job(url, "one")) as old, closing(Ledger(url, owner="one")) as new:
        before = new.get(asked_as("d-1").dialog)
        new.take_over()
        old.set_message(asked_as("d-1").dialog, "9.9")
        old.set_shown(asked_as("d-1").dialog, 99)
        old.set_announced(asked_as("d-1").dialog)

        assert not old.set_attached(asked_as("d-1").dialog, "log")
        assert new.get(asked_as("d-1").dialog) == before


def test_a_start_leaves_ended_dialogs_as_they_are(tmp_path: Path, url: str) -> None:
    with closing(Ledger(url)) as ledger:
        ledger.take_over()
        ledger.add(Entry(Stopped(asked_as("d-1"), PROPOSAL, BOB, PROGRESS), trigger="", response_url=""))
        ledger.take_over()

    with closing(sqlite3.connect(tmp_path / "dialogs.sqlite")) as database:
        assert database.execute("SELECT epoch FROM warroom_dialogs").fetchall() == [(1,)]


def test_a_process_that_was_replaced_takes_no_command(url: str) -> None:
    with closing(with_a_job(url, "one")) as old, closing(Ledger(url, owner="one")) as new:
        new.take_over()

        with pytest.raises(ShuttingDown):
            old.add(Entry(Preparing(asked_as("d-2"), "Reading"), trigger="", response_url=""))
        assert len(new.unfinished_entries()) == 1


def test_a_process_that_was_replaced_stops_its_work_and_says_that_it_is_to_end(jobs: RestartableJobs) -> None:
    jobs.building()
    with closing(Ledger(jobs.ledger_url)) as successor:
        assert not successor.is_replaced()
        successor.take_over()
        assert jobs.jobs.replaced.wait(PATIENCE_SECONDS)
        assert jobs.jobs.closing.is_set()
        jobs.work.builds.open()
        assert jobs.jobs.close() == ()

        (left,) = successor.unfinished_entries()
        assert isinstance(left.dialog, Running)


def test_a_start_takes_over_what_is_its_own_only(url: str) -> None:
    with closing(with_a_job(url, "one")) as one, closing(Ledger(url, owner="two")) as two:
        two.take_over()

        assert two.unfinished_entries() == ()
        assert [entry.id for entry in one.unfinished_entries()] == ["d-1"]
        assert one.move(running(), after=(Running,), now=2.0, role=Role.OWNER)


def test_a_task_of_another_owner_ends_no_dialog(url: str) -> None:
    with closing(with_a_job(url, "one")), closing(Ledger(url, owner="two")) as two:
        stopped = Stopped(asked_as("d-1"), PROPOSAL, BOB, PROGRESS)

        assert not two.move(stopped, after=(Running,), now=2.0, role=Role.OWNER)


def test_a_guest_leaves_the_dialog_to_its_owner(url: str) -> None:
    with closing(with_a_job(url, "one")) as one, closing(Ledger(url, owner="two")) as two:
        assert two.move(running(), after=(Running,), now=2.0, role=Role.GUEST)
        assert one.move(Paused(asked_as("d-1"), PROPOSAL, BOB), after=(Running,), now=3.0, role=Role.OWNER)


def test_stop_in_one_process_ends_a_job_that_runs_in_another(jobs: RestartableJobs, tmp_path: Path) -> None:
    jobs.building()
    with closing(Ledger(jobs.ledger_url, owner="another")) as ledger:
        another = Jobs(
            ledger=ledger,
            screen=FakeScreen(),
            work=FakeWork(),
            job_log=JobLogFiles(tmp_path / "logs", str),
            timeouts=PATIENCE,
            clock=TimeOfDay(),
            runner=lambda tasks: NoRunner(database_url="", slots=1, tasks=tasks),
        )

        assert another.press(asked_as("d-1").dialog, Decision.STOP, BOB) is Press.TAKEN
        stopped = jobs.until_stored(Stopped)

    assert stopped.by == BOB


def test_a_state_of_the_version_before_opens_and_keeps_its_rows(tmp_path: Path, url: str) -> None:
    with closing(sqlite3.connect(tmp_path / "dialogs.sqlite")) as database:
        database.executescript(SCHEMA_BEFORE)

    for _ in range(2):
        with closing(Ledger(url)) as ledger:
            ledger.take_over()
            assert ledger.unfinished_entries() == ()
            assert ledger.unreadable_ids() == ("d-old",)
            assert ledger.get(asked_as("d-ended").dialog) is None

    with closing(sqlite3.connect(tmp_path / "dialogs.sqlite")) as database:
        rows = database.execute(
            'SELECT id, message, attached, owner, "trigger" FROM warroom_dialogs ORDER BY serial'
        ).fetchall()
        # Both came from one delivery: both stay, and the trigger is that of the first.
        assert rows == [("d-old", "1.0", "", "warroom", "t"), ("d-ended", "2.0", "log", "warroom", "")]


def test_a_state_of_the_version_before_takes_each_trigger_once(tmp_path: Path, url: str) -> None:
    with closing(sqlite3.connect(tmp_path / "dialogs.sqlite")) as database:
        database.executescript(SCHEMA_BEFORE)

    with closing(Ledger(url)) as ledger:
        assert not ledger.add(Entry(Preparing(asked_as("d-2"), "Reading"), trigger="t", response_url=""))


@pytest.mark.parametrize("done", ["", "ALTER TABLE warroom_dialogs ADD COLUMN owner TEXT NOT NULL DEFAULT ''"])
def test_a_migration_that_was_interrupted_is_completed(tmp_path: Path, url: str, done: str) -> None:
    # SQLite's driver commits each change of a table by itself.
    with closing(sqlite3.connect(tmp_path / "dialogs.sqlite")) as database:
        database.executescript(SCHEMA_BEFORE)
        database.execute("CREATE TABLE warroom_owners (owner TEXT NOT NULL PRIMARY KEY, epoch INTEGER NOT NULL)")
        database.execute(done)

    with closing(Ledger(url)) as ledger:
        ledger.take_over()

        assert ledger.unreadable_ids() == ("d-old",)


def test_a_state_of_a_later_version_keeps_its_number(tmp_path: Path, url: str) -> None:
    Ledger(url).close()
    with closing(sqlite3.connect(tmp_path / "dialogs.sqlite")) as database, database:
        database.execute("UPDATE warroom_schema SET version = 99")

    Ledger(url).close()

    with closing(sqlite3.connect(tmp_path / "dialogs.sqlite")) as database:
        assert database.execute("SELECT version FROM warroom_schema").fetchall() == [(99,)]


def test_what_an_older_version_left_on_the_daemon_is_removed(tmp_path: Path) -> None:
    jobs = RestartableJobs(tmp_path)
    jobs.close()
    for statement in filter(str.strip, SCHEMA_BEFORE.split(";\n")[3:]):
        columns = (
            'serial, id, stage, value, changes, since, deadline, "trigger", response_url, message, shown, announced, '
            "attached"
        )
        rows = statement.replace("NULL, 't',", "NULL, '',")
        jobs.execute(rows.replace("INTO warroom_dialogs", f"INTO warroom_dialogs ({columns})"))

    jobs.open()
    try:
        jobs.work.wait_for("clean", "d-old")
        assert jobs.presses(Decision.STOP, "d-old") is Press.GONE
    finally:
        jobs.end()
