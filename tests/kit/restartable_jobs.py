"""Jobs with everything real around them but the work and the screen: a bot that can be closed, killed and started."""

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from bot.dialogs.allowance import Limits
from bot.dialogs.interface import Timeouts
from bot.dialogs.job_logs import JobLogFiles
from bot.dialogs.jobs import Jobs
from bot.dialogs.ledger import Ledger, sqlite_url
from bot.dialogs.runner import Runner, Task
from bot.dialogs.stages import Dialog, DialogId, UnderReview
from bot.dialogs.transitions import Decision, Press
from bot.logs import Redactor
from tests.fakes.host import PATIENCE_SECONDS
from tests.fakes.logs import logs_to
from tests.fakes.screen import FakeScreen
from tests.fakes.work import FakeWork
from tests.kit.examples import ALICE, NOW, asked_as
from tests.kit.fresh_state import fresh_jobs

Stage = TypeVar("Stage", bound=Dialog)

PATIENCE = Timeouts(
    review_seconds=1800, grace_seconds=0, tick_seconds=0.01, stop_seconds=PATIENCE_SECONDS, retry_seconds=0.02
)
SECRET = "hunter2-and-more"


class TimeOfDay:
    """The time of day, which passes only when a test says so."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now

    def passes(self, seconds: float) -> None:
        """Let it pass."""
        self.now += timedelta(seconds=seconds)


class RestartableJobs:
    """One bot after the other on the same files: each `open` is a process of its own, with a screen and work."""

    def __init__(
        self,
        folder: Path,
        *,
        slots: int = 2,
        timeouts: Timeouts = PATIENCE,
        work: FakeWork | None = None,
        limits: Limits | None = None,
        database: str | None = None,
    ) -> None:
        self.folder = folder
        self.database = database
        fresh_jobs(folder, cache=folder.parent)
        self.slots = slots
        self.timeouts = timeouts
        self.limits = limits
        self.clock = TimeOfDay()
        self._is_open = False
        self._logs = ExitStack()
        self.logged = StringIO()
        self._logs.enter_context(logs_to(self.logged))
        self.open(work=work)

    # ── Processes ───────────────────────────────────────────────────────────────────────────────────────────────

    def open(self, *, work: FakeWork | None = None) -> None:
        """Start a process; `started` are the tasks that its runner started, whatever became of them."""
        self.started: list[tuple[str, str]] = []
        self.screen, self.work = FakeScreen(), work or FakeWork()
        self.ledger = Ledger(self.ledger_url)
        self.jobs = Jobs(
            ledger=self.ledger,
            screen=self.screen,
            work=self.work,
            job_log=JobLogFiles(self.folder / "logs", Redactor([SECRET])),
            timeouts=self.timeouts,
            clock=self.clock,
            runner=self._runner,
            preparations=2,
            limits=self.limits,
        )
        self.jobs.start()
        self._is_open = True

    def close(self) -> None:
        """End the process as SIGTERM does."""
        if self._is_open:
            self.jobs.close()
            self.ledger.close()
        self._is_open = False

    def kill(self) -> None:
        """End the process as `kill -9` does: whatever it is doing, it does nothing more."""
        threads = threading.enumerate()
        # Only threads that are left in this process need these: nothing starts, and what waits somewhere ends there.
        self.jobs.closing.set()
        self.runner.stop()
        self.work.die()
        for thread in threads:
            if thread.name.startswith(("dbos-executor", "warroom-ticker")):
                thread.join(PATIENCE_SECONDS)
        self.ledger.close()
        self._is_open = False

    def restart(self, *, work: FakeWork | None = None) -> None:
        """Close it if it runs, and start the next process."""
        self.close()
        self.open(work=work)

    def end(self) -> None:
        """End whatever runs, and leave nothing."""
        self.work.die()
        self.close()
        self._logs.close()

    @property
    def ledger_url(self) -> str:
        """Where the dialogs are."""
        return self.database or sqlite_url(self.folder / "dialogs.sqlite")

    def _runner(self, tasks: Mapping[str, Task]) -> Runner:
        def noted(name: str, task: Task) -> Task:
            def note(key: str) -> None:
                self.started.append((name, key))
                task(key)

            return note

        tasks = {name: noted(name, task) for name, task in tasks.items()}
        self.runner = Runner(
            database_url=self.database or sqlite_url(self.folder / "jobs.sqlite"),
            slots=self.slots,
            tasks=tasks,
            poll_seconds=0.01,
        )
        return self.runner

    # ── People ──────────────────────────────────────────────────────────────────────────────────────────────────

    def types(self, dialog: str = "d-1", *, user: str = ALICE) -> None:
        """Type the command."""
        asked = replace(asked_as(dialog), at=self.clock(), user=user)
        self.jobs.accept(asked, trigger=f"t-{dialog}", response_url="http://127.0.0.1/respond")

    def presses(self, button: Decision, dialog: str = "d-1", user: str = ALICE) -> Press:
        """Press a button."""
        return self.jobs.press(DialogId(dialog), button, user)

    def reviewed(self, dialog: str = "d-1", *, user: str = ALICE) -> UnderReview:
        """Type the command, and wait for its review."""
        self.types(dialog, user=user)
        return self.screen.wait_for(UnderReview, dialog)

    def confirmed(self, dialog: str = "d-1", user: str = ALICE) -> None:
        """Type the command, wait for its review and press Create."""
        self.reviewed(dialog)
        assert self.presses(Decision.CONFIRM, dialog, user) is Press.TAKEN

    def building(self, *dialogs: str) -> None:
        """Bring each so far that its build waits at the gate."""
        self.work.builds.shut()
        for dialog in dialogs or ("d-1",):
            self.confirmed(dialog)
            self.work.wait_for("carry_out", dialog)
        self.work.builds.wait_for(len(dialogs) or 1)

    def log(self, dialog: str = "d-1") -> str:
        """Read the log of a job."""
        file = self.jobs.log_of(DialogId(dialog))
        assert file is not None
        assert isinstance(file.content, str)
        return file.content

    # ── The ledger ──────────────────────────────────────────────────────────────────────────────────────────────

    def stage(self, dialog: str = "d-1") -> Dialog:
        """Read what the ledger says."""
        found = self.jobs.look_up(DialogId(dialog))
        assert found is not None
        return found

    def until_stored(self, kind: type[Stage], dialog: str = "d-1") -> Stage:
        """Wait until the dialog was shown in this stage, which the ledger must then have."""
        self.screen.wait_for(kind, dialog)
        stored = self.stage(dialog)
        assert isinstance(stored, kind), stored
        return stored

    def execute(self, statement: str) -> None:
        """Do something to the ledger's database from outside."""
        engine = sa.create_engine(self.ledger_url)
        with engine.begin() as connection:
            connection.execute(sa.text(statement))
        engine.dispose()

    def fill_the_disk(self, *stages: type[Dialog]) -> None:
        """Let the ledger take no move into these stages, nor, without any, a new dialog."""
        for kind in stages:
            self._refuse(
                f"full_{kind.__name__}", f"UPDATE OF stage ON warroom_dialogs WHEN NEW.stage = '{kind.__name__}'"
            )
        if not stages:
            self._refuse("full", "INSERT ON warroom_dialogs")

    def free_the_disk(self, *stages: type[Dialog]) -> None:
        """Let it take them again."""
        for kind in stages:
            self.execute(f"DROP TRIGGER full_{kind.__name__}")

    def _refuse(self, name: str, what: str) -> None:
        self.execute(f"CREATE TRIGGER {name} BEFORE {what} BEGIN SELECT RAISE(ABORT, 'disk is full'); END")


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that nobody tells of."""
    waiting = threading.Event()
    for _ in range(int(PATIENCE_SECONDS / 0.005)):
        if condition():
            return
        waiting.wait(0.005)
    raise AssertionError(what)
