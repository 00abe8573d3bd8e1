"""What is old is cleared away: dialogs, records of tasks, logs, files of the cache, remains of killed processes."""

import os
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from time import time

import pytest
import sqlalchemy as sa

from bot.dialogs.job_logs import JobLogFiles
from bot.dialogs.ledger import sqlite_url
from bot.dialogs.stages import Cancelled, DialogId, Finished, UnderReview
from bot.dialogs.transitions import Decision, Press
from bot.housekeeping import Chore, Housekeeper, seconds_between_chores
from commands.packages.leftovers import clear_cache
from commands.packages.uv_program import UvProgram
from tests.fakes.host import PATIENCE_SECONDS
from tests.kit.program import becomes
from tests.kit.restartable_jobs import RestartableJobs, until

DAY = 24 * 3600.0


# ── When ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_chore_that_fails_does_not_keep_the_others_from_being_done() -> None:
    done = list[str]()

    def fail() -> int:
        raise RuntimeError("the disk is gone")

    def count() -> int:
        done.append("second")
        return 3

    Housekeeper((Chore("first", fail), Chore("second", count))).tidy()

    assert done == ["second"]


def test_chores_are_done_soon_after_the_start_and_again_until_it_is_closed() -> None:
    rounds = threading.Semaphore(0)

    def note() -> int:
        rounds.release()
        return 0

    housekeeper = Housekeeper((Chore("note", note),), first_seconds=0.01, every_seconds=0.01)
    housekeeper.start()
    assert all(rounds.acquire(timeout=PATIENCE_SECONDS) for _ in range(3))
    housekeeper.close()

    assert not [thread for thread in threading.enumerate() if thread.name == "warroom-housekeeper"]


@pytest.mark.parametrize(
    ("kept_seconds", "seconds"), [(30 * DAY, 600.0), (DAY, 600.0), (432.0, 216.0), (1.0, 1.0), (0.01, 1.0)]
)
def test_what_is_kept_for_minutes_is_cleared_away_within_minutes(kept_seconds: float, seconds: float) -> None:
    assert seconds_between_chores(kept_seconds) == seconds


# ── Dialogs and the records of their tasks ──────────────────────────────────────────────────────────────────────────


def records(jobs: RestartableJobs, status: str = "%") -> int:
    engine = sa.create_engine(sqlite_url(jobs.folder / "jobs.sqlite"))
    with engine.connect() as connection:
        found = connection.execute(
            sa.text("SELECT count(*) FROM workflow_status WHERE status LIKE :status"), {"status": status}
        ).scalar_one()
    engine.dispose()
    return int(found)


def test_dialogs_that_ended_long_ago_are_forgotten_with_the_records_of_their_tasks(jobs: RestartableJobs) -> None:
    jobs.confirmed("d-old")
    jobs.until_stored(Finished, "d-old")
    jobs.work.wait_for("clean", "d-old")
    until(lambda: records(jobs, "SUCCESS") == 3, "the records of its three tasks")
    jobs.reviewed("d-cancelled")
    jobs.presses(Decision.CANCEL, "d-cancelled")
    jobs.until_stored(Cancelled, "d-cancelled")
    jobs.clock.passes(31 * DAY)
    jobs.types("d-new")
    jobs.screen.wait_for(UnderReview, "d-new")

    forgotten = jobs.jobs.forget(jobs.clock.now - timedelta(days=30))

    assert forgotten == 2
    assert jobs.presses(Decision.STOP, "d-old") is Press.GONE
    assert isinstance(jobs.stage("d-new"), UnderReview)


def test_records_of_tasks_that_ended_after_the_time_stay(jobs: RestartableJobs) -> None:
    jobs.confirmed()
    jobs.until_stored(Finished)
    until(lambda: records(jobs, "SUCCESS") == 3, "the records of its three tasks")

    jobs.jobs.forget(jobs.clock.now - timedelta(days=30))
    assert records(jobs) == 3
    # The job engine has a clock of its own, which does not stand still in this test.
    jobs.runner.forget(jobs.clock.now.fromtimestamp(time() + DAY, tz=jobs.clock.now.tzinfo))
    assert records(jobs) == 0


def test_what_has_not_ended_is_never_forgotten(jobs: RestartableJobs) -> None:
    jobs.building()
    jobs.clock.passes(400 * DAY)

    assert jobs.jobs.forget(jobs.clock.now) == 0
    jobs.work.builds.open()
    jobs.until_stored(Finished)


def test_an_unfinished_dialog_that_nobody_can_read_is_forgotten_when_it_is_old(jobs: RestartableJobs) -> None:
    jobs.reviewed()
    jobs.execute("UPDATE warroom_dialogs SET value = '{}'")

    assert jobs.jobs.forget(jobs.clock.now) == 0
    assert jobs.jobs.forget(jobs.clock.now + timedelta(seconds=1)) == 1


def test_many_dialogs_are_forgotten_in_several_transactions(jobs: RestartableJobs) -> None:
    for number in range(5):
        jobs.reviewed(f"d-{number}")
        jobs.presses(Decision.CANCEL, f"d-{number}")

    assert jobs.ledger.forget(jobs.clock.now.timestamp() + 1, most=2) == 5


# ── Logs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def logged(folder: Path, name: str, *, age: float, size: int = 10) -> Path:
    path = folder / f"{name}.log"
    path.write_bytes(b"x" * size)
    os.utime(path, (time() - age, time() - age))
    return path


def test_old_logs_are_removed_except_of_jobs_that_run(tmp_path: Path) -> None:
    old, running, new = (logged(tmp_path, name, age=age) for name, age in (("a", 90), ("b", 90), ("c", 1)))

    removed = JobLogFiles(tmp_path, str).forget(time() - 60, most_bytes=1_000, keep=frozenset({DialogId("b")}))

    assert (removed, old.exists(), running.exists(), new.exists()) == (1, False, True, True)


def test_of_too_many_bytes_of_logs_the_oldest_go_first(tmp_path: Path) -> None:
    paths = [logged(tmp_path, f"d-{age}", age=age, size=100) for age in (50, 40, 30, 20, 10)]

    removed = JobLogFiles(tmp_path, str).forget(0, most_bytes=250, keep=frozenset())

    assert (removed, [path.exists() for path in paths]) == (3, [False, False, False, True, True])


def test_a_folder_of_logs_that_is_not_there_yet_needs_no_clearing(tmp_path: Path) -> None:
    assert JobLogFiles(tmp_path / "none", str).forget(time(), most_bytes=1, keep=frozenset()) == 0


# ── The cache ───────────────────────────────────────────────────────────────────────────────────────────────────────


def uv_program(cache: Path, binary: Path) -> UvProgram:
    return UvProgram(binary=binary, python=Path(sys.executable), cache=cache, environment=os.environ)


def placed(path: Path, *, age: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    for each in (path, path.parent):
        os.utime(each, (time() - age, time() - age))
    return path


def test_what_killed_processes_left_in_the_cache_is_removed_and_what_is_used_stays(tmp_path: Path) -> None:
    abandoned = [
        placed(tmp_path / "work" / "uv-abc" / "requirements.txt", age=2 * 3600),
        placed(tmp_path / "tools" / "fetch-abc" / "bin", age=2 * 3600),
        placed(tmp_path / "files" / "incoming-abc", age=2 * 3600),
        placed(tmp_path / "files" / "0123", age=40 * DAY),
        placed(tmp_path / "tools" / "uv-0.1-x86_64", age=40 * DAY),
    ]
    used = [
        placed(tmp_path / "work" / "uv-def" / "requirements.txt", age=60),
        placed(tmp_path / "files" / "incoming-def", age=60),
        placed(tmp_path / "files" / "4567", age=20 * DAY),
        placed(tmp_path / "tools" / "uv-0.2-x86_64", age=20 * DAY),
        placed(tmp_path / "uv" / "simple-v28" / "answer", age=300 * DAY),
    ]

    removed = clear_cache(uv_program(tmp_path, Path("/none")), now=time(), keep_seconds=30 * DAY)

    assert removed == 5
    assert [path for path in abandoned if path.exists()] == []
    assert [path for path in used if not path.exists()] == []


def test_a_cache_of_uv_that_grew_is_emptied(tmp_path: Path) -> None:
    binary = tmp_path / "uv.sh"
    binary.write_text('#!/bin/sh\nprintf "%s\\n" "$*" > "$0.called"\n')
    binary.chmod(0o755)
    placed(tmp_path / "cache" / "uv" / "simple-v28" / "answer", age=1)

    program = uv_program(tmp_path / "cache", binary)
    assert clear_cache(program, now=time(), keep_seconds=DAY, uv_bytes=0) == 1
    assert Path(f"{binary}.called").read_text().startswith("cache clean ")


# ── Programs of a bot that is killed ────────────────────────────────────────────────────────────────────────────────

_RUN_UV = """
import os, sys
from pathlib import Path
from commands.packages.uv_program import UvProgram
binary, cache = map(Path, sys.argv[1:])
program = UvProgram(binary=binary, python=Path(sys.executable), cache=cache, environment=os.environ)
program.run((), seconds=600)
"""


def test_a_bot_that_is_killed_leaves_no_uv_running(tmp_path: Path) -> None:
    binary, told = tmp_path / "uv.sh", tmp_path / "pid"
    binary.write_text(f"#!/bin/sh\necho $$ > {told}.new && mv {told}.new {told}\nexec sleep 600\n")
    binary.chmod(0o755)

    with subprocess.Popen([sys.executable, "-c", _RUN_UV, str(binary), str(tmp_path / "cache")]) as bot:
        assert becomes(told.exists)
        bot.kill()

    assert becomes(lambda: not Path(f"/proc/{told.read_text().strip()}").exists())
