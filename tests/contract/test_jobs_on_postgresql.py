"""Jobs on a real PostgreSQL that is stopped, crashes, and comes back."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest

from bot.dialogs.databases import MOST_CONNECTIONS
from bot.dialogs.runner import Runner
from bot.dialogs.stages import Finished, Queued, Running
from tests.fakes.host import PATIENCE_SECONDS
from tests.fakes.logs import logs_to
from tests.kit.postgresql import PostgreSQLServer
from tests.kit.restartable_jobs import RestartableJobs, until


@pytest.fixture
def jobs(server: PostgreSQLServer, tmp_path: Path) -> Iterator[RestartableJobs]:
    made = RestartableJobs(tmp_path, database=server.new_database())
    yield made
    if not server.is_up:
        server.start()
    made.end()


ENDS: dict[str, Callable[[PostgreSQLServer], None]] = {
    "stopped": PostgreSQLServer.stop,
    "crashed": PostgreSQLServer.crash,
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_build_that_ends_while_the_database_is_away_ends_once_it_is_back(
    jobs: RestartableJobs, server: PostgreSQLServer, end: Callable[[PostgreSQLServer], None]
) -> None:
    jobs.building()
    end(server)
    jobs.work.builds.open()
    until(lambda: "state_not_written" in jobs.logged.getvalue(), "the end was not tried")

    server.start()

    jobs.until_stored(Finished)
    jobs.work.wait_for("clean", "d-1")
    assert [call for call in jobs.work.calls if call[0] == "carry_out"] == [("carry_out", "d-1")]


def test_a_confirmed_build_whose_start_meets_no_database_starts_once_it_is_back(
    jobs: RestartableJobs, server: PostgreSQLServer
) -> None:
    jobs.building("d-1", "d-2")
    jobs.confirmed("d-3")
    jobs.until_stored(Queued, "d-3")
    server.crash()
    server.start()
    jobs.work.builds.open()

    jobs.until_stored(Finished, "d-3")
    assert ("build", "d-3") in jobs.started


def test_a_bot_can_be_closed_while_the_database_is_away(jobs: RestartableJobs, server: PostgreSQLServer) -> None:
    jobs.building()
    server.stop()
    jobs.work.die()
    jobs.close()

    server.start()
    jobs.open()
    jobs.until_stored(Finished)


def test_a_running_build_goes_on_in_the_next_process(jobs: RestartableJobs) -> None:
    jobs.building()
    jobs.until_stored(Running)
    jobs.kill()

    jobs.open()
    jobs.until_stored(Finished)


def test_a_bot_uses_no_more_connections_than_it_says(jobs: RestartableJobs, server: PostgreSQLServer) -> None:
    assert jobs.database
    jobs.building("d-1", "d-2")
    used = server.connections(jobs.database)
    jobs.work.builds.open()
    for number in range(3, 12):
        jobs.confirmed(f"d-{number}")
        used = max(used, server.connections(jobs.database))

    # One of them would hold the lock of the owner.
    assert used < MOST_CONNECTIONS


# ── Several bots ────────────────────────────────────────────────────────────────────────────────────────────────────


NEIGHBOUR = """
import sys
from bot.dialogs.runner import Runner
runner = Runner(
    database_url=sys.argv[1], slots=8, tasks={"build": lambda key: print(key, flush=True)}, owner="b", poll_seconds=0.01
)
runner.start()
print("started", flush=True)
sys.stdin.readline()
runner.enqueue("build", "b-1")
sys.stdin.readline()
runner.stop()
"""


def test_a_bot_runs_its_own_tasks_and_none_of_another_on_the_same_database(server: PostgreSQLServer) -> None:
    url = server.new_database()
    keys = [f"a-{number}" for number in range(12)]
    ran: list[str] = []
    all_ran = threading.Event()

    def task(key: str) -> None:
        ran.append(key)
        if len(ran) == len(keys):
            all_ran.set()

    with subprocess.Popen(
        [sys.executable, "-c", NEIGHBOUR, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as neighbour:
        assert neighbour.stdin
        assert neighbour.stdout
        assert neighbour.stdout.readline() == "started\n"
        runner = Runner(database_url=url, slots=1, tasks={"build": task}, owner="a", poll_seconds=0.01)
        runner.start()
        for key in keys:
            runner.enqueue("build", key)
        # All of them, so the neighbour ran none.
        assert all_ran.wait(PATIENCE_SECONDS), ran
        neighbour.stdin.write("\n")
        neighbour.stdin.flush()
        assert neighbour.stdout.readline() == "b-1\n"
        runner.stop()
        neighbour.stdin.write("\n")
        neighbour.stdin.close()
        neighbour.wait(PATIENCE_SECONDS)

    assert sorted(ran) == sorted(keys)


# ── Tasks to start ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_tasks_that_are_asked_for_while_the_database_is_away_start_when_it_is_back(server: PostgreSQLServer) -> None:
    ran: list[str] = []
    all_ran = threading.Event()

    def task(key: str) -> None:
        ran.append(key)
        if len(ran) == 3:
            all_ran.set()

    with logs_to(StringIO()):
        runner = Runner(database_url=server.new_database(), slots=1, tasks={"build": task}, poll_seconds=0.01)
        runner.start()
        try:
            server.stop()
            for key in ("a", "b", "a"):
                runner.enqueue("build", key)
            assert ran == []
            server.start()
            runner.enqueue("build", "c")
            assert all_ran.wait(PATIENCE_SECONDS), ran
        finally:
            runner.stop()

    assert ran == ["a", "b", "c"]
