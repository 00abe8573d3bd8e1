"""What becomes of a command: its states, who may change them, and the durable work between them.

The stages of `bot.dialogs`, and what leads from one to the next:

    (a) a person types a command      (b) the facts are there        (c) they speak against it, or are not to be had
    (d) a person presses Create       (e) a person presses Cancel    (f) a person takes the image that exists
    (g) nobody presses anything for `review_seconds`                 (h) a build slot is free
    (i) a person presses Stop         (j) built, verified, named     (k) built, but a module does not import
    (l) a step fails or times out     (m) the bot shuts down         (n) the bot is back
    (o) a person presses Keep or Discard, or nobody does in time     (p) the image has its name   (q) the image is gone

    ──a──► Preparing ──c──► Refused, Failed
               │
               b
               ▼
           UnderReview ──e──► Cancelled   ──f──► Reused   ──g──► Expired
               │
               d
               ▼
            Queued ──i──► Stopped
               │
               h
               ▼
            Running ──i──► Running (stopping) ──► Stopped
             ▲   │  ──j──► Done
             n   m  ──l──► Failed
             │   ▼  ──k──► Deciding ──o──► Settling ──p──► Done
            Paused                                  ──q──► Discarded

Every arrow is one compare-and-set in the ledger, so a double click, a click delivered twice and clicks by two people
start one job. `kill -9` breaks no arrow: at the next start the runner repeats the task that was under way, which finds
in the ledger how far it had come.
"""

import contextlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, assert_never

import structlog

from bot.dialogs import (
    FINAL,
    Asked,
    Attachment,
    Cancelled,
    Deciding,
    Dialog,
    DialogId,
    Discarded,
    Done,
    Expired,
    Failed,
    Paused,
    Preparing,
    Queued,
    Refused,
    Reused,
    Running,
    Screen,
    Settling,
    Stopped,
    UnderReview,
)
from bot.ledger import Entry, Ledger
from bot.progress import Progress, after
from bot.runner import Interrupted, Runner
from commands.carry_out import Commission
from commands.command import Answer, Proposal, Refusal
from commands.errors import BuildStopped, EngineUnavailable, Problem, ShuttingDown, StateUnwritable
from commands.halt import Halt, HaltReason
from commands.model.events import Event, LogLine, StepStarted
from commands.model.outcomes import Created, Outcome, Undecided

log = structlog.get_logger()

_SOURCES: Mapping[type[Any], tuple[type[Any], ...]] = {
    UnderReview: (Preparing,),
    Refused: (Preparing,),
    Failed: (Preparing, Running, Settling),
    Cancelled: (UnderReview,),
    Expired: (UnderReview,),
    Reused: (UnderReview,),
    Queued: (UnderReview,),
    Running: (Queued, Running, Paused),
    Paused: (Running,),
    Stopped: (Queued, Running),
    Deciding: (Running,),
    Settling: (Deciding,),
    Done: (Running, Settling),
    Discarded: (Settling,),
}
"""The arrows of the diagram, by where they lead."""


class Button(StrEnum):
    """What a person may press on a dialog; the values are the action ids in Slack."""

    CREATE = "create"
    BUILD_ANYWAY = "build_anyway"
    REUSE = "reuse"
    CANCEL = "cancel"
    STOP = "stop"
    KEEP = "keep"
    DISCARD = "discard"


class Press(StrEnum):
    """What came of a press."""

    TAKEN = "taken"
    LATE = "late"
    """Somebody was faster, or the dialog has moved on."""
    EXPIRED = "expired"
    GONE = "gone"
    """The bot knows no such dialog."""


class Work(Protocol):
    """What is done for a dialog away from the conversation; `bot.wiring` binds it to the commands."""

    def answer(self, asked: Asked, report: Callable[[str], None]) -> Answer:
        """Look the facts up and propose or refuse; `report` is told what is being done. Raises `Problem`."""
        ...

    def carry_out(
        self, proposal: Proposal, commission: Commission, emit: Callable[[Event], None], halt: Halt
    ) -> Outcome:
        """Make the image. Raises `Problem`; `BuildStopped` once it ended because of `halt`."""
        ...

    def keep(self, proposal: Proposal, undecided: Undecided) -> Created:
        """Give an undecided image its name. Raises `Problem`."""
        ...

    def clean(self, job: DialogId) -> None:
        """Remove what a job left on the daemon: containers, and images without a name. Raises `Problem`."""
        ...


class JobLog(Protocol):
    """The log of each job: whole, on disk, without secrets and control characters."""

    def write(self, job: DialogId, line: str) -> None:
        """Add a line."""
        ...

    def read(self, job: DialogId) -> str:
        """Return the log; empty when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the bot waits for whom, in seconds."""

    review_seconds: float
    grace_seconds: float
    tick_seconds: float = 1.0
    """How often deadlines are looked at and the elapsed time of running jobs is shown again."""


class _Run:
    """A build that is under way in this process; its events and a Stop come from different threads."""

    def __init__(self, dialog: Running) -> None:
        self.halt = Halt()
        self._dialog = dialog
        self._lock = threading.Lock()

    @property
    def dialog(self) -> Running:
        """As it is to be shown now."""
        return self._dialog

    def happened(self, event: Event, now: datetime) -> Running:
        """Fold an event in."""
        with self._lock:
            self._dialog = replace(self._dialog, progress=after(self._dialog.progress, event, now))
            return self._dialog

    def stop(self, user: str) -> Running:
        """Ask it to end."""
        with self._lock:
            self._dialog = replace(self._dialog, stopping_by=user)
        self.halt.ask(HaltReason.STOPPED)
        return self._dialog


class Jobs:
    """Takes commands and clicks, and drives each dialog to its end."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        screen: Screen,
        work: Work,
        job_log: JobLog,
        patience: Patience,
        clock: Callable[[], datetime],
        runner: Callable[[Mapping[str, Callable[[str], None]]], Runner],
        preparations: int = 4,
    ) -> None:
        self._ledger = ledger
        self._screen = screen
        self._work = work
        self._log = job_log
        self._patience = patience
        self._clock = clock
        self._preparing = threading.BoundedSemaphore(preparations)
        self._runs: dict[DialogId, _Run] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._idle = threading.Condition(self._lock)
        self._busy: set[tuple[str, str]] = set()
        tasks = {"prepare": self._prepare, "build": self._build, "settle": self._settle, "clean": self._clean}
        self._runner = runner({name: self._counted(name, task) for name, task in tasks.items()})
        # Starting a task writes to the job database; a click need not wait for it.
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="warroom-starter")
        self._ticker = threading.Thread(target=self._tick, name="warroom-ticker", daemon=True)

    # ── Life ────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Go on with everything that the last process left; raises `StateUnwritable`."""
        self._runner.start()
        for entry in self._ledger.unfinished():
            self._start_task(entry.dialog)
        for entry in self._ledger.unshown():
            self._screen.show(entry.dialog)
            if isinstance(entry.dialog, FINAL):
                self._attach_log(entry.dialog)
        self._ticker.start()

    def close(self) -> None:
        """Start nothing more, give running builds their grace, then pause them: the next process goes on with them."""
        self._closing.set()
        self._starter.shutdown()
        with self._idle:
            self._idle.wait_for(lambda: not self._busy, timeout=self._patience.grace_seconds)
            left = list(self._runs.values())
        for run in left:
            run.halt.ask(HaltReason.SHUTDOWN)
        with self._idle:
            if not self._idle.wait_for(lambda: not self._busy, timeout=_HALT_SECONDS):
                log.warning("tasks_did_not_end", tasks=sorted(self._busy))
        self._ticker.join()
        self._runner.stop()

    def _counted(self, name: str, task: Callable[[str], None]) -> Callable[[str], None]:
        def counted(key: str) -> None:
            if self._closing.is_set():
                raise Interrupted
            with self._idle:
                self._busy.add((name, key))
            try:
                task(key)
            finally:
                with self._idle:
                    self._busy.discard((name, key))
                    self._idle.notify_all()

        return counted

    def _start_soon(self, dialog: Dialog) -> None:
        # A closing bot starts nothing more: what is in the ledger is started by the next one.
        with contextlib.suppress(RuntimeError):
            self._starter.submit(self._start_or_fail, dialog)

    def _start_or_fail(self, dialog: Dialog) -> None:
        try:
            self._start_task(dialog)
        except Exception as error:  # noqa: BLE001 - the thread's boundary: whatever it is, the person is told
            self._screen.show(_failed(dialog.asked, error))

    def _start_task(self, dialog: Dialog) -> None:
        match dialog:
            case Preparing():
                self._runner.run("prepare", dialog.asked.dialog)
            case Queued() | Running() | Paused():
                self._runner.enqueue("build", dialog.asked.dialog)
            case Settling():
                self._runner.run("settle", dialog.asked.dialog)
            case _:
                pass

    # ── What people do ──────────────────────────────────────────────────────────────────────────────────────────

    def accept(self, asked: Asked, *, trigger: str, response_url: str) -> None:
        """Take a command (a): it is stored when this returns. Raises `StateUnwritable` and `ShuttingDown`."""
        if self._closing.is_set():
            raise ShuttingDown("The bot is being restarted.", hint="Type the command again in a minute.")
        dialog = Preparing(asked, doing="Reading the command")
        self._ledger.add(Entry(dialog=dialog, trigger=trigger, response_url=response_url))
        log.info("command_accepted", job=asked.dialog, line=asked.line, user=asked.user, channel=asked.channel)
        self._screen.show(dialog)
        self._start_soon(dialog)

    def press(self, dialog: DialogId, button: Button, user: str) -> Press:
        """Take a click; it is stored when this returns `TAKEN`. Raises `StateUnwritable`."""
        entry = self._ledger.get(dialog)
        if entry is None:
            return Press.GONE
        press = self._press(entry.dialog, button, user)
        log.info("button_pressed", job=dialog, button=button, user=user, press=press)
        return press

    def _press(self, dialog: Dialog, button: Button, user: str) -> Press:
        match button, dialog:
            case Button.STOP, Queued() | Running():
                return self._stop(dialog, user)
            case ((Button.KEEP | Button.DISCARD), Deciding()):
                return self._decide(dialog, keep=button is Button.KEEP, user=user)
            case ((Button.CREATE | Button.BUILD_ANYWAY | Button.REUSE | Button.CANCEL), UnderReview()):
                return self._review(dialog, button, user)
            case _, Expired():
                return Press.EXPIRED
            case _:
                return Press.LATE

    def _review(self, dialog: UnderReview, button: Button, user: str) -> Press:
        if self._clock() >= dialog.expires:
            self._expire(dialog)
            return Press.EXPIRED
        asked, proposal = dialog.asked, dialog.proposal
        match button:
            case Button.CANCEL:
                return self._take(Cancelled(asked, user))
            case Button.REUSE if proposal.existing:
                return self._take(Reused(asked, proposal, user, proposal.existing))
            case Button.CREATE | Button.BUILD_ANYWAY:
                return self._take(Queued(asked, proposal, user, position=len(self._ledger.queue(Queued)) + 1))
            case _:
                return Press.LATE

    def _take(self, to: Dialog) -> Press:
        if not self._move(to):
            return Press.LATE
        self._start_soon(to)
        return Press.TAKEN

    def _stop(self, dialog: Queued | Running, user: str) -> Press:
        if isinstance(dialog, Queued):
            stopped = Stopped(dialog.asked, dialog.proposal, user, progress=None)
            # It may have started since it was read.
            return Press.TAKEN if self._move(stopped, after=(Queued,)) else self._stop_running(dialog.asked, user)
        return self._stop_running(dialog.asked, user)

    def _stop_running(self, asked: Asked, user: str) -> Press:
        entry = self._ledger.get(asked.dialog)
        if entry is None or not isinstance(entry.dialog, Running) or entry.dialog.stopping_by:
            return Press.LATE
        stopping = replace(entry.dialog, stopping_by=user)
        if not self._move(stopping, after=(Running,)):
            return Press.LATE
        with self._lock:
            run = self._runs.get(asked.dialog)
        if run:
            self._screen.show(run.stop(user))
        return Press.TAKEN

    def _decide(self, dialog: Deciding, *, keep: bool, user: str | None) -> Press:
        settling = Settling(
            dialog.asked, dialog.proposal, user, keep, dialog.image_id, dialog.failures, dialog.progress
        )
        return self._take(settling)

    # ── What people look at ─────────────────────────────────────────────────────────────────────────────────────

    def look_up(self, dialog: DialogId) -> Dialog | None:
        """The dialog as it is now."""
        entry = self._ledger.get(dialog)
        return entry.dialog if entry else None

    def log_of(self, job: DialogId) -> Attachment | None:
        """The log of a job so far, as a file."""
        content = self._log.read(job)
        return Attachment("log", f"build-{job}.log", "The whole log", content) if content else None

    def attach(self, dialog: DialogId, file: Attachment) -> bool:
        """Put a file into the dialog's thread; False when it is there already."""
        entry = self._ledger.get(dialog)
        if entry is None or file.kind in entry.attached:
            return False
        self._screen.attach(dialog, file)
        return True

    # ── Tasks, run by the runner, perhaps more than once ────────────────────────────────────────────────────────

    def _prepare(self, key: str) -> None:
        entry = self._ledger.get(DialogId(key))
        with self._preparing:
            if self._closing.is_set():
                raise Interrupted
            if entry is None or not isinstance(entry.dialog, Preparing):
                return
            answer = self._answer(entry.dialog)
        self._move(answer)

    def _answer(self, dialog: Preparing) -> UnderReview | Refused | Failed:
        asked = dialog.asked

        def report(doing: str) -> None:
            if self._closing.is_set():
                raise Interrupted
            log.debug("preparation_reported", job=asked.dialog, doing=doing)
            self._screen.show(replace(dialog, doing=doing))

        try:
            answer = self._work.answer(asked, report)
        except Exception as error:  # noqa: BLE001 - the thread's boundary: whatever it is, the person is told
            return _failed(asked, error)
        match answer:
            case Proposal():
                return UnderReview(asked, answer, self._from_now(self._patience.review_seconds))
            case Refusal():
                return Refused(asked, answer)
            case _:
                assert_never(answer)

    def _build(self, key: str) -> None:
        run = self._begin(DialogId(key))
        if run is None:
            return
        try:
            self._end(self._outcome(run))
        finally:
            with self._lock:
                del self._runs[DialogId(key)]
        self._runner.run("clean", key)

    def _begin(self, job: DialogId) -> _Run | None:
        entry = self._ledger.get(job)
        match entry.dialog if entry else None:
            case Queued(asked, proposal, by) | Paused(asked, proposal, by):
                running = Running(asked, proposal, by, Progress(started=self._clock()))
            case Running(asked, proposal, by, _, stopping_by):
                running = Running(asked, proposal, by, Progress(started=self._clock()), stopping_by)
            case _:
                return None
        run = _Run(running)
        with self._lock:
            self._runs[job] = run
        if not self._move(running):
            with self._lock:
                del self._runs[job]
            return None
        self._show_queue()
        if running.stopping_by:
            run.halt.ask(HaltReason.STOPPED)
        return run

    def _outcome(self, run: _Run) -> Dialog:
        dialog = run.dialog
        asked, proposal, by = dialog.asked, dialog.proposal, dialog.by
        commission = Commission(job=asked.dialog, requester=asked.user, channel=asked.channel)
        try:
            outcome = self._work.carry_out(proposal, commission, lambda event: self._happened(run, event), run.halt)
        except BuildStopped:
            if run.halt.reason is HaltReason.SHUTDOWN:
                return Paused(asked, proposal, by)
            return Stopped(asked, proposal, run.dialog.stopping_by or by, run.dialog.progress)
        except Exception as error:  # noqa: BLE001 - the thread's boundary: whatever it is, the person is told
            return _failed(asked, error, proposal, run.dialog.progress)
        return self._result(run.dialog, outcome)

    def _result(self, dialog: Running, outcome: Outcome) -> Dialog:
        asked, proposal, by, progress = dialog.asked, dialog.proposal, dialog.by, dialog.progress
        match outcome:
            case Created():
                return Done(asked, proposal, by, outcome, progress, self._clock())
            case Undecided(image_id, failures):
                expires = self._from_now(self._patience.review_seconds)
                return Deciding(asked, proposal, by, image_id, failures, progress, expires)
            case _:
                assert_never(outcome)

    def _end(self, dialog: Dialog) -> None:
        try:
            self._move(dialog)
        except StateUnwritable as error:
            # The ledger still says Running: the next process will find the image by its label and say so.
            log.exception("end_not_stored", job=dialog.asked.dialog)
            self._screen.show(_failed(dialog.asked, error))
            raise Interrupted from error
        if isinstance(dialog, Paused):
            raise Interrupted
        self._attach_log(dialog)

    def _happened(self, run: _Run, event: Event) -> None:
        dialog = run.happened(event, self._clock())
        match event:
            case LogLine(text=text):
                self._log.write(dialog.asked.dialog, text)
            case StepStarted(step):
                log.info("step_started", job=dialog.asked.dialog, step=step)
            case _:
                pass
        self._screen.show(dialog)

    def _settle(self, key: str) -> None:
        entry = self._ledger.get(DialogId(key))
        if entry is None or not isinstance(entry.dialog, Settling):
            return
        self._move(self._settled(entry.dialog))

    def _settled(self, dialog: Settling) -> Dialog:
        asked, proposal = dialog.asked, dialog.proposal
        try:
            if not dialog.keep:
                self._until_the_engine_answers(lambda: self._work.clean(asked.dialog))
                return Discarded(asked, proposal, dialog.by)
            created = self._work.keep(proposal, Undecided(dialog.image_id, dialog.failures))
        except Exception as error:  # noqa: BLE001 - the thread's boundary: whatever it is, the person is told
            return _failed(asked, error, proposal, dialog.progress)
        return Done(asked, proposal, dialog.by or asked.user, created, dialog.progress, self._clock())

    def _clean(self, key: str) -> None:
        entry = self._ledger.get(DialogId(key))
        if entry is None or isinstance(entry.dialog, FINAL):
            self._until_the_engine_answers(lambda: self._work.clean(DialogId(key)))

    def _until_the_engine_answers(self, act: Callable[[], None]) -> None:
        while True:
            try:
                return act()
            except EngineUnavailable:
                if self._closing.wait(_RETRY_SECONDS):
                    raise Interrupted from None

    # ── Time ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _tick(self) -> None:
        while not self._closing.wait(self._patience.tick_seconds):
            try:
                self._look_at_deadlines()
            except Exception:
                log.exception("deadlines_not_checked")
            with self._lock:
                running = [run.dialog for run in self._runs.values()]
            for dialog in running:
                self._screen.show(dialog)

    def _look_at_deadlines(self) -> None:
        for entry in self._ledger.overdue(self._clock().timestamp()):
            match entry.dialog:
                case UnderReview():
                    self._expire(entry.dialog)
                case Deciding():
                    self._decide(entry.dialog, keep=False, user=None)
                case _:
                    pass

    def _expire(self, dialog: UnderReview) -> None:
        self._move(Expired(dialog.asked, self._patience.review_seconds))

    def _from_now(self, seconds: float) -> datetime:
        return self._clock() + timedelta(seconds=seconds)

    # ── The rest ────────────────────────────────────────────────────────────────────────────────────────────────

    def _move(self, to: Dialog, *, after: tuple[type[Any], ...] | None = None) -> bool:
        deadline = to.expires.timestamp() if isinstance(to, UnderReview | Deciding) else None
        moved = self._ledger.move(
            to, after=after or _SOURCES[type(to)], now=self._clock().timestamp(), deadline=deadline
        )
        log.info("dialog_moved" if moved else "dialog_had_moved", job=to.asked.dialog, to=type(to).__name__)
        if moved:
            self._screen.show(to)
        return moved

    def _show_queue(self) -> None:
        for position, job in enumerate(self._ledger.queue(Queued), start=1):
            entry = self._ledger.get(job)
            if entry and isinstance(entry.dialog, Queued):
                self._screen.show(replace(entry.dialog, position=position))

    def _attach_log(self, dialog: Dialog) -> None:
        file = self.log_of(dialog.asked.dialog)
        if file:
            self._screen.attach(dialog.asked.dialog, file)


_HALT_SECONDS = 5.0
"""How long a build may take to end once it was told to."""
_RETRY_SECONDS = 5.0
"""How often a daemon that is away is asked again to let us tidy up."""


def _failed(
    asked: Asked, error: Exception, proposal: Proposal | None = None, progress: Progress | None = None
) -> Failed:
    if isinstance(error, Problem):
        log.info("job_failed", job=asked.dialog, problem=type(error).__name__, message=error.message)
        return Failed(asked, error.message, error.hint, error.details, proposal, progress)
    log.error("job_broke", job=asked.dialog, exc_info=error)
    return Failed(
        asked,
        "Something went wrong inside the bot.",
        f"Try again. If it happens again, look for `{asked.dialog}` in the bot's log.",
        (f"{type(error).__name__}: {error}",),
        proposal,
        progress,
    )
