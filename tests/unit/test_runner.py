import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.dialogs.ledger import sqlite_url
from bot.dialogs.runner import Interrupted, Runner, Task
from commands.errors import StateUnwritable
from tests.fakes.logs import logs_to

SECONDS = 120.0
"""Longer than anything here takes, also on a slow machine."""


class TaskCalls:
    """Which keys a task was run for, in their order; `task` may be given to a runner."""

    def __init__(self, act: Callable[[str], None] | None = None) -> None:
        self._act = act
        self._changed = threading.Condition()
        self.keys: list[str] = []

    def task(self, key: str) -> None:
        with self._changed:
            self.keys.append(key)
            self._changed.notify_all()
        if self._act:
            self._act(key)

    def wait_for(self, *keys: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: not Counter(keys) - Counter(self.keys), SECONDS), self.keys


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path / "jobs.sqlite")


@contextmanager
def running(url: str, tasks: Mapping[str, Task], *, slots: int = 2, poll_seconds: float = 0.01) -> Iterator[Runner]:
    runner = Runner(database_url=url, slots=slots, tasks=tasks, poll_seconds=poll_seconds)
    runner.start()
    try:
        yield runner
    finally:
        runner.stop()


def until(gate: threading.Event) -> Callable[[str], None]:
    """Make a task that waits."""

    def wait(_key: str) -> None:
        gate.wait(SECONDS)

    return wait


def interrupted(_key: str) -> None:
    raise Interrupted


# ── Once ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_task_runs_with_its_key(url: str) -> None:
    calls = TaskCalls()
    with running(url, {"build": calls.task}) as runner:
        runner.run("build", "d-1")
        calls.wait_for("d-1")


@pytest.mark.parametrize("queued", [False, True], ids=["at once", "queued"])
def test_a_task_that_is_asked_for_many_times_at_once_runs_once(url: str, *, queued: bool) -> None:
    calls, ready = TaskCalls(), threading.Barrier(8)
    with running(url, {"build": calls.task}) as runner:

        def ask(_: int) -> None:
            ready.wait(SECONDS)
            (runner.enqueue if queued else runner.run)("build", "d-1")

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(ask, range(8)))
        runner.enqueue("build", "last")
        calls.wait_for("d-1", "last")

    assert calls.keys == ["d-1", "last"]


def test_what_ran_before_the_restart_does_not_run_again(url: str) -> None:
    before, after = TaskCalls(), TaskCalls()
    with running(url, {"build": before.task}) as runner:
        runner.run("build", "d-1")
        before.wait_for("d-1")
        _settled(runner, before)
    with running(url, {"build": after.task}) as runner:
        runner.run("build", "d-1")
        runner.enqueue("build", "last")
        after.wait_for("last")

    assert after.keys == ["last"]


def _settled(runner: Runner, calls: TaskCalls) -> None:
    """Wait until the results of the tasks so far are written: with one slot, that is when the next one starts."""
    runner.enqueue("build", "next-1")
    runner.enqueue("build", "next-2")
    runner.enqueue("build", "next-3")
    calls.wait_for("next-1", "next-2", "next-3")


def test_the_same_key_runs_once_for_each_task(url: str) -> None:
    one, other = TaskCalls(), TaskCalls()
    with running(url, {"build": one.task, "clean": other.task}) as runner:
        runner.run("build", "d-1")
        runner.run("clean", "d-1")
        one.wait_for("d-1")
        other.wait_for("d-1")


def test_a_task_may_start_another(url: str) -> None:
    cleaned = TaskCalls()
    runners: list[Runner] = []
    built = TaskCalls(lambda key: runners[0].run("clean", key))
    with running(url, {"build": built.task, "clean": cleaned.task}) as runner:
        runners.append(runner)
        runner.enqueue("build", "d-1")
        cleaned.wait_for("d-1")


# ── The queue ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("slots", [1, 3])
def test_no_more_run_from_the_queue_than_there_are_slots(url: str, slots: int) -> None:
    lock, gate = threading.Lock(), threading.Semaphore(0)
    now, most = 0, 0

    def build(_key: str) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        gate.acquire(timeout=SECONDS)
        with lock:
            now -= 1

    calls = TaskCalls(build)
    names = [f"d-{number}" for number in range(6)]
    # dbos counts what it has taken once a thread has begun with it, and takes more if it looks again before that.
    with running(url, {"build": calls.task}, slots=slots, poll_seconds=0.5) as runner:
        for name in names:
            runner.enqueue("build", name)
        for started in range(slots, len(names) + 1):
            calls.wait_for(*names[:started])
            gate.release()
        gate.release(slots)

    assert calls.keys[: slots + 1] == names[: slots + 1]
    assert most == slots


def test_what_is_run_at_once_waits_for_no_slot(url: str) -> None:
    gate = threading.Event()
    builds, prepared = TaskCalls(until(gate)), TaskCalls()
    with running(url, {"build": builds.task, "prepare": prepared.task}, slots=1) as runner:
        runner.enqueue("build", "d-1")
        builds.wait_for("d-1")
        runner.run("prepare", "d-2")
        prepared.wait_for("d-2")
        gate.set()


def test_the_first_task_of_a_new_database_starts_without_delay(url: str) -> None:
    # dbos looks for queues that it does not know yet once a second: its first look has to find the bot's.
    calls = TaskCalls()
    with statements() as said, running(url, {"build": calls.task}) as runner:
        runner.enqueue("build", "d-1")
        calls.wait_for("d-1")

    looked = next(place for place, (thread, statement) in enumerate(said) if "(queue_thread)" in thread)
    assert any("INSERT INTO main.queues" in statement for _, statement in said[:looked])


@contextmanager
def statements() -> Iterator[list[tuple[str, str]]]:
    """Listen to all that databases are told: the name of the thread, and the statement."""
    said: list[tuple[str, str]] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append((threading.current_thread().name, statement))

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


# ── When something goes wrong ───────────────────────────────────────────────────────────────────────────────────────


def test_an_exception_in_a_task_is_logged_and_the_next_task_runs(url: str) -> None:
    def build(key: str) -> None:
        if key == "bad":
            raise ValueError("there is a hole in the bucket")

    calls, written = TaskCalls(build), StringIO()
    with logs_to(written), running(url, {"build": calls.task}, slots=1) as runner:
        runner.enqueue("build", "bad")
        runner.enqueue("build", "good")
        calls.wait_for("bad", "good")

    assert "task_failed" in written.getvalue()
    assert "there is a hole in the bucket" in written.getvalue()
    assert '"job": "bad"' in written.getvalue()


def test_a_task_that_failed_is_not_run_for_ever(url: str) -> None:
    def build(_key: str) -> None:
        raise ValueError("again")

    before, after = TaskCalls(build), TaskCalls()
    with logs_to(StringIO()), running(url, {"build": before.task}, slots=1) as runner:
        runner.enqueue("build", "bad")
        _settled(runner, before)
    with running(url, {"build": after.task}) as runner:
        runner.enqueue("build", "last")
        after.wait_for("last")

    assert "bad" not in after.keys


@pytest.mark.parametrize("queued", [False, True], ids=["at once", "queued"])
def test_a_task_that_was_interrupted_runs_again_in_the_next_runner(url: str, *, queued: bool) -> None:
    before, after = TaskCalls(interrupted), TaskCalls()
    with running(url, {"build": before.task}) as runner:
        (runner.enqueue if queued else runner.run)("build", "d-1")
        before.wait_for("d-1")
    with running(url, {"build": after.task}) as runner:
        runner.enqueue("build", "d-1")
        after.wait_for("d-1")

    assert before.keys == after.keys == ["d-1"]


def test_an_interrupted_task_gives_its_slot_back(url: str) -> None:
    calls = TaskCalls(interrupted)
    with running(url, {"build": calls.task}, slots=1) as runner:
        runner.enqueue("build", "d-1")
        runner.enqueue("build", "d-2")
        calls.wait_for("d-1", "d-2")


def test_what_was_queued_is_run_by_the_next_runner_in_the_same_order(url: str) -> None:
    gate = threading.Event()

    def until_told(_key: str) -> None:
        gate.wait(SECONDS)
        raise Interrupted

    before, after = TaskCalls(until_told), TaskCalls()
    with running(url, {"build": before.task}, slots=1) as runner:
        for name in ("d-1", "d-2", "d-3"):
            runner.enqueue("build", name)
        before.wait_for("d-1")
    gate.set()
    with running(url, {"build": after.task}, slots=1):
        after.wait_for("d-1", "d-2", "d-3")

    assert before.keys == ["d-1"]
    # When the interrupted one has its turn is not certain: dbos gives it back while it takes from the queue already.
    assert [key for key in after.keys if key != "d-1"] == ["d-2", "d-3"]
    assert after.keys.count("d-1") == 1


KILLED = """
import sys, threading
from bot.dialogs.runner import Runner

def build(key):
    print("running", key, flush=True)
    threading.Event().wait()

runner = Runner(database_url=sys.argv[1], slots=1, tasks={"build": build, "prepare": build})
runner.start()
runner.run("prepare", "d-0")
for name in ("d-1", "d-2"):
    runner.enqueue("build", name)
print("asked", flush=True)
threading.Event().wait()
"""


def test_what_a_killed_process_left_is_run_by_the_next_one(url: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        told = {process.stdout.readline() for _ in range(3)}
        os.kill(process.pid, signal.SIGKILL)
        process.wait(SECONDS)
    built, prepared = TaskCalls(), TaskCalls()
    with running(url, {"build": built.task, "prepare": prepared.task}, slots=1):
        prepared.wait_for("d-0")
        built.wait_for("d-1", "d-2")

    assert told == {"running d-0\n", "running d-1\n", "asked\n"}
    # dbos gives back what was interrupted while it takes from the queue already: which is first is not certain.
    assert (prepared.keys, sorted(built.keys)) == (["d-0"], ["d-1", "d-2"])


def test_a_database_that_cannot_be_opened_is_a_problem_of_the_state(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").mkdir()

    with pytest.raises(StateUnwritable) as raised:
        Runner(database_url=sqlite_url(tmp_path / "jobs.sqlite"), slots=1, tasks={}).start()

    assert "unable to open database file" in raised.value.message
    assert "WARROOM_STATE_DIR" in raised.value.hint


def test_a_file_that_is_no_database_is_a_problem_of_the_state(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").write_text("a letter, not a database\n" * 100)

    with pytest.raises(StateUnwritable):
        Runner(database_url=sqlite_url(tmp_path / "jobs.sqlite"), slots=1, tasks={}).start()


def test_a_runner_starts_after_one_that_could_not(tmp_path: Path, url: str) -> None:
    (tmp_path / "other.sqlite").mkdir()
    with pytest.raises(StateUnwritable):
        Runner(database_url=sqlite_url(tmp_path / "other.sqlite"), slots=1, tasks={}).start()

    calls = TaskCalls()
    with running(url, {"build": calls.task}) as runner:
        runner.run("build", "d-1")
        calls.wait_for("d-1")


def test_a_runner_that_never_started_can_be_stopped(url: str) -> None:
    Runner(database_url=url, slots=1, tasks={}).stop()


# ── Another version ─────────────────────────────────────────────────────────────────────────────────────────────────


def left_by_version(version: str, url: str) -> None:
    """Let a program of this version begin tasks, and end before they do."""
    calls = TaskCalls(interrupted)
    runner = Runner(
        database_url=url,
        slots=1,
        tasks={"build": calls.task, "clean": calls.task},
        poll_seconds=0.01,
        version=version,
    )
    runner.start()
    runner.run("clean", "c-1")
    for key in ("b-1", "b-2"):
        runner.enqueue("build", key)
    calls.wait_for("c-1", "b-1")
    runner.stop()


def test_a_task_of_another_version_that_nobody_would_start_again_starts_again(url: str) -> None:
    left_by_version("0", url)
    cleaned, built = TaskCalls(), TaskCalls()

    with logs_to(StringIO()), running(url, {"build": built.task, "clean": cleaned.task}) as runner:
        cleaned.wait_for("c-1")
        # Their dialogs start these.
        for key in ("b-1", "b-2"):
            runner.enqueue("build", key, again=True)
        built.wait_for("b-1", "b-2")

    assert (cleaned.keys, built.keys) == (["c-1"], ["b-1", "b-2"])


def test_tasks_of_another_version_are_told(url: str) -> None:
    left_by_version("0", url)
    logged = StringIO()

    with logs_to(logged), running(url, {"build": TaskCalls().task, "clean": TaskCalls().task}):
        pass

    told = [json.loads(line) for line in logged.getvalue().splitlines()]
    assert {(each["job"], each["version"]) for each in told if each["event"] == "task_of_another_version_found"} == {
        ("c-1", "0"),
        ("b-1", "0"),
        ("b-2", "0"),
    }


def test_a_task_of_another_version_that_this_program_does_not_have_is_forgotten(url: str) -> None:
    left_by_version("0", url)
    built = TaskCalls()

    with logs_to(StringIO()), running(url, {"build": built.task}) as runner:
        runner.enqueue("build", "last")
        built.wait_for("last")

    assert built.keys == ["last"]


# ── Manners ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_stopped_runner_leaves_no_thread(url: str) -> None:
    before = set(threading.enumerate())
    calls = TaskCalls()
    with running(url, {"build": calls.task}) as runner:
        runner.enqueue("build", "d-1")
        calls.wait_for("d-1")

    for thread in set(threading.enumerate()) - before:
        thread.join(SECONDS)
    assert set(threading.enumerate()) <= before


def test_stopping_does_not_wait_for_what_runs(url: str) -> None:
    gate, ended = threading.Event(), threading.Event()

    def build(_key: str) -> None:
        gate.wait(SECONDS)
        ended.set()

    calls = TaskCalls(build)
    with running(url, {"build": calls.task}) as runner:
        runner.enqueue("build", "d-1")
        calls.wait_for("d-1")
    stopped_first = not ended.is_set()
    gate.set()

    assert stopped_first


QUIET = """
import sys, threading
from bot.dialogs.runner import Runner
over = threading.Event()
runner = Runner(database_url=sys.argv[1], slots=1, tasks={"build": lambda key: over.set()})
runner.start()
runner.enqueue("build", "d-1")
over.wait(120)
runner.stop()
"""


def test_nothing_is_printed_where_nothing_goes_wrong(url: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", QUIET, url], capture_output=True, text=True, timeout=SECONDS, check=False
    )

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
