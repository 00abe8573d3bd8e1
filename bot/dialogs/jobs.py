"""What becomes of a command: its states, who may change them, and the durable work between them.

The stages of `bot.dialogs.stages`, and what leads from one to the next:

    (a)             → Preparing             a person types a command
    (b) Preparing   → UnderReview           the facts are there
    (c) Preparing   → Refused, Failed       they speak against it, or are not to be had
    (d) UnderReview → Queued                a person presses Create
    (e) UnderReview → Cancelled             a person presses Cancel
    (f) UnderReview → Reused                a person takes the image that exists
    (g) UnderReview → Expired               nobody presses anything for `review_seconds`
    (h) Queued      → Running               a build slot is free
    (i) Queued      → Stopped               a person presses Stop
    (i) Running     → Running, Stopped      a person presses Stop: the build is told to end, then it has ended
    (j) Running     → Done                  built, verified, named
    (k) Running     → Deciding              built, but a module does not import
    (l) Running     → Failed                a step fails or times out
    (l) Queued      → Failed                the bot itself fails
    (m) Running     → Paused                the bot shuts down
    (n) Paused      → Running               the bot is back
    (n) Running     → Running               the bot is back after it was killed
    (o) Deciding    → Settling              a person presses Keep or Discard, or nobody does in time
    (p) Settling    → Done                  the image has its name
    (q) Settling    → Discarded, Failed     the image is gone, as decided or by itself
    (r) Preparing   → UpToDate              nothing is to be done
    (s) Preparing   → Listed, Described     what was asked for is only to be seen
    (t) Listed      → Listed                a person turns the page, or the daemon has counted
    (u) Running     → Preparing             the facts have changed since the review, which counts no more
    (v) Running     → ImagesUpdated         every image of the update has its result
    (w) Running     → TagsRolledBack        every name of the roll back has its result
    (x) Running     → ImageRemoved          the image is gone

    ──a──► Preparing ──c──► Refused, Failed   ──r──► UpToDate   ──s──► Described, Listed ──t──► Listed
            ▲  │
            u  b
            │  ▼
           UnderReview ──e──► Cancelled   ──f──► Reused   ──g──► Expired
               │
               d
               ▼
            Queued ──i──► Stopped   ──l──► Failed
               │
               h
               ▼
            Running ──i──► Running (stopping) ──i──► Stopped
             ▲   │  ──j──► Done   ──v──► ImagesUpdated   ──w──► TagsRolledBack   ──x──► ImageRemoved
             n   m  ──l──► Failed
             │   ▼  ──u──► Preparing
            Paused  ──k──► Deciding ──o──► Settling ──p──► Done
                                                    ──q──► Discarded, Failed

Every arrow is one compare-and-set in the ledger, so a double click, a click delivered twice and clicks by two people
start one job. `kill -9` breaks no arrow: at the next start the runner repeats the task that was under way, which finds
in the ledger how far it had come. While the ledger cannot be written a task waits, and the person is told.
"""

import contextlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, TypeVar, assert_never

import structlog

from bot.dialogs.ledger import Entry, Ledger
from bot.dialogs.lists import Lists, ListWork
from bot.dialogs.progress import Progress, after
from bot.dialogs.runner import Interrupted, Runner
from bot.dialogs.stages import (
    FINAL,
    Asked,
    Attachment,
    Cancelled,
    Deciding,
    Described,
    Dialog,
    DialogId,
    Discarded,
    Done,
    Expired,
    Failed,
    ImageRemoved,
    ImagesUpdated,
    JobLine,
    Listed,
    Paused,
    Preparing,
    Queued,
    Refused,
    Reused,
    Running,
    Screen,
    Settling,
    Stopped,
    TagsRolledBack,
    UnderReview,
    UpToDate,
)
from commands.cancellation import Cancellation, CancelReason
from commands.carry_out import JobContext
from commands.command import (
    Answer,
    Card,
    Creation,
    Finding,
    Listing,
    NothingToDo,
    Proposal,
    Refusal,
    Removal,
    RollBack,
    Severity,
    Update,
)
from commands.errors import BuildStopped, EngineUnavailable, Problem, ReviewVoid, ShuttingDown, StateUnwritable
from commands.model.events import Event, LogLine, StepStarted
from commands.model.outcomes import Created, Outcome, Removed, RolledBack, Undecided, Updated
from commands.model.requests import Query

log = structlog.get_logger()

T = TypeVar("T")

_SOURCES: Mapping[type[Any], tuple[type[Any], ...]] = {
    Preparing: (Running,),
    UnderReview: (Preparing,),
    UpToDate: (Preparing,),
    Listed: (Preparing, Listed),
    Described: (Preparing,),
    ImagesUpdated: (Running,),
    TagsRolledBack: (Running,),
    ImageRemoved: (Running,),
    Refused: (Preparing,),
    Failed: (Preparing, Queued, Running, Settling),
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
    UPDATE = "update"
    ROLL_BACK = "roll_back"
    REMOVE = "remove"


_CONFIRMS: Mapping[type[Any], tuple[Button, ...]] = {
    Creation: (Button.CREATE, Button.BUILD_ANYWAY),
    Update: (Button.UPDATE,),
    RollBack: (Button.ROLL_BACK,),
    Removal: (Button.REMOVE,),
}
"""The buttons that say yes, by what is proposed."""


class Press(StrEnum):
    """What came of a press."""

    TAKEN = "taken"
    LATE = "late"
    """Somebody was faster, or the dialog has moved on."""
    EXPIRED = "expired"
    GONE = "gone"
    """The bot knows no such dialog."""


class Work(ListWork, Protocol):
    """What is done for a dialog away from the conversation; `bot.wiring` binds it to the commands."""

    def answer(self, asked: Asked, report: Callable[[str], None]) -> Answer:
        """Look the facts up and propose or refuse; `report` is told what is being done. Raises `Problem`."""
        ...

    def carry_out(
        self, proposal: Proposal, job_context: JobContext, emit: Callable[[Event], None], cancellation: Cancellation
    ) -> Outcome:
        """Do what was confirmed. Raises `ReviewVoid`, `BuildStopped` once it was cancelled, or another `Problem`."""
        ...

    def keep(self, proposal: Creation, undecided: Undecided) -> Created:
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
class Timeouts:
    """How long the bot waits for whom, in seconds."""

    review_seconds: float
    grace_seconds: float
    tick_seconds: float = 1.0
    """How often deadlines and the queue are looked at and the elapsed time of running jobs is shown again."""
    stop_seconds: float = 5.0
    """How long a build may take to end once it was told to."""
    retry_seconds: float = 5.0
    """How often a daemon that is away, or a state that cannot be written, is tried again."""


class _Run:
    """A build that is under way in this process, and how it is to be shown now."""

    def __init__(self, dialog: Running) -> None:
        self.cancellation = Cancellation()
        self.dialog = dialog

    def happened(self, event: Event, now: datetime) -> Running:
        """Fold an event in."""
        self.dialog = replace(self.dialog, progress=after(self.dialog.progress, event, now))
        return self.dialog

    def stop(self, user: str) -> Running:
        """Ask it to end."""
        self.dialog = replace(self.dialog, stopping_by=user)
        self.cancellation.request(CancelReason.STOPPED)
        return self.dialog


class Jobs:
    """Takes commands and clicks, and drives each dialog to its end."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        screen: Screen,
        work: Work,
        job_log: JobLog,
        timeouts: Timeouts,
        clock: Callable[[], datetime],
        runner: Callable[[Mapping[str, Callable[[str], None]]], Runner],
        preparations: int = 4,
        ended: Callable[[Dialog], None] = lambda _: None,
    ) -> None:
        self._ledger = ledger
        self._screen = screen
        self._work = work
        self._log = job_log
        self._timeouts = timeouts
        self._ended = ended
        self._clock = clock
        self._preparing = threading.BoundedSemaphore(preparations)
        self._inherited: frozenset[DialogId] = frozenset()
        self._places: dict[DialogId, int] = {}
        # Held while a stage is read, changed and shown: dialogs are shown in the order in which they moved.
        self._order = threading.RLock()
        # Held for what runs now, and to show it: what was taken out of `_runs` is not shown as running any more.
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._runs: dict[DialogId, _Run] = {}
        self._busy: set[tuple[str, str]] = set()
        self._closing = threading.Event()
        self._out_of_grace = False
        tasks = {"prepare": self._prepare, "build": self._build, "settle": self._settle, "clean": self._clean}
        self._runner = runner({name: self._counted(name, task) for name, task in tasks.items()})
        # Starting a task writes to the job database; a click need not wait for it.
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="warroom-starter")
        self._lists = Lists(work, self._change_list, self._jobs_now)
        self._ticker = threading.Thread(target=self._tick, name="warroom-ticker", daemon=True)

    # ── Life ────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Go on with everything that the last process left; raises `StateUnwritable`."""
        left = self._ledger.unfinished()
        self._inherited = frozenset(entry.id for entry in left)
        for entry in self._ledger.unshown():
            self._screen.show(entry.dialog)
            if isinstance(entry.dialog, FINAL):
                self._attach_log(entry.dialog)
        self._runner.start()
        for entry in left:
            self._start_task(entry.dialog, again=True)
        self._ticker.start()

    def close(self) -> None:
        """Start nothing more, give running builds their grace, then pause them: the next process goes on with them."""
        with self._idle:
            self._closing.set()
        self._starter.shutdown()
        self._lists.close()
        with self._idle:
            self._idle.wait_for(lambda: not self._busy, timeout=self._timeouts.grace_seconds)
            self._out_of_grace = True
            for run in self._runs.values():
                run.cancellation.request(CancelReason.SHUTDOWN)
            if not self._idle.wait_for(lambda: not self._busy, timeout=self._timeouts.stop_seconds):
                log.warning("tasks_did_not_end", tasks=sorted(self._busy))
        if self._ticker.is_alive():
            self._ticker.join()
        self._runner.stop()

    def _counted(self, name: str, task: Callable[[DialogId], None]) -> Callable[[str], None]:
        def counted(key: str) -> None:
            job = _job_of(key)
            with self._idle:
                # Under the lock, so that `close` waits for every task that got past this line.
                if self._closing.is_set():
                    raise Interrupted
                self._busy.add((name, key))
            try:
                self._until_written(job, lambda: task(job))
            except Exception as error:  # noqa: BLE001 - the thread's boundary: whatever it is, the person is told
                self._break(job, error)
            finally:
                with self._idle:
                    self._busy.discard((name, key))
                    self._idle.notify_all()

        return counted

    def _until_written(self, job: DialogId, act: Callable[[], T]) -> T:
        """Do it; where the ledger cannot be written, say so and do it again until it can."""
        told = False
        while True:
            try:
                return act()
            except StateUnwritable as error:
                if not told:
                    log.warning("state_not_written", job=job, reason=error.message)
                    self._tell(job, error)
                told = True
                if self._closing.wait(self._timeouts.retry_seconds):
                    raise Interrupted from error

    def _tell(self, job: DialogId, error: StateUnwritable) -> None:
        # It is not stored: once the ledger can be written, the dialog goes on in place of this.
        with contextlib.suppress(StateUnwritable):
            if (entry := self._ledger.get(job)) and not isinstance(entry.dialog, FINAL):
                self._screen.show(_failed(entry.dialog.asked, error))

    def _break(self, job: DialogId, error: Exception) -> None:
        """End a dialog whose task fell over."""
        entry = self._ledger.get(job)
        if entry is None or not self._move(_failed(entry.dialog.asked, error)):
            log.error("task_failed", job=job, exc_info=error)

    def _start_soon(self, dialog: Dialog) -> None:
        # A closing bot starts nothing more: what is in the ledger is started by the next one.
        with contextlib.suppress(RuntimeError):
            self._starter.submit(self._start_or_fail, dialog)

    def _start_or_fail(self, dialog: Dialog) -> None:
        try:
            self._start_task(dialog)
        except Exception as error:  # noqa: BLE001 - the thread's boundary: whatever it is, the person is told
            if self._closing.is_set():
                # The runner is gone, not the task: what is in the ledger is started by the next process.
                log.info("task_left_to_the_next", job=dialog.asked.dialog)
                return
            try:
                self._break(dialog.asked.dialog, error)
            except StateUnwritable as unwritable:
                # The next process starts it.
                log.exception("task_not_started", job=dialog.asked.dialog)
                self._screen.show(_failed(dialog.asked, unwritable))

    def _start_task(self, dialog: Dialog, *, again: bool = False) -> None:
        key = _key(dialog.asked)
        match dialog:
            case Preparing():
                self._runner.run("prepare", key, again=again)
            case Queued(proposal=RollBack() | Removal()) | Running(proposal=RollBack() | Removal()):
                # Done in a moment: it need not wait behind builds.
                self._runner.run("build", key, again=again)
            case Queued() | Running() | Paused():
                self._runner.enqueue("build", key, again=again)
            case Settling():
                self._runner.run("settle", key, again=again)
            case _:
                pass

    # ── What people do ──────────────────────────────────────────────────────────────────────────────────────────

    def accept(self, asked: Asked, *, trigger: str, response_url: str) -> None:
        """Take a command (a): it is stored when this returns. Raises `StateUnwritable` and `ShuttingDown`."""
        self._refuse_while_closing()
        dialog = Preparing(asked, doing="Reading the command")
        self._ledger.add(Entry(dialog=dialog, trigger=trigger, response_url=response_url))
        log.info("command_accepted", job=asked.dialog, line=asked.line, user=asked.user, channel=asked.channel)
        self._screen.show(dialog)
        self._start_soon(dialog)

    def amend(self, dialog: DialogId, asked: Asked, *, trigger: str, response_url: str) -> Press:
        """Take a command in place of a review, which is cancelled (e, a): `TAKEN` when both are stored.

        Raises `StateUnwritable` and `ShuttingDown`.
        """
        self._refuse_while_closing()
        # First this: the review may have been confirmed meanwhile, and one of the two must not be made.
        press = self.press(dialog, Button.CANCEL, asked.user)
        if press is Press.TAKEN:
            self.accept(asked, trigger=trigger, response_url=response_url)
        return press

    def press(self, dialog: DialogId, button: Button, user: str) -> Press:
        """Take a click; it is stored when this returns `TAKEN`. Raises `StateUnwritable`."""
        entry = self._ledger.get(dialog)
        if entry is None:
            return Press.GONE
        press = self._press(entry.dialog, button, user)
        log.info("button_pressed", job=dialog, button=button, user=user, press=press)
        return press

    def _refuse_while_closing(self) -> None:
        if self._closing.is_set():
            raise ShuttingDown("The bot is being restarted.", hint="Type the command again in a minute.")

    def _press(self, dialog: Dialog, button: Button, user: str) -> Press:
        match button, dialog:
            case Button.STOP, Queued() | Running():
                return self._stop(dialog, user)
            case ((Button.KEEP | Button.DISCARD), Deciding()):
                return self._decide(dialog, keep=button is Button.KEEP, user=user)
            case _, UnderReview():
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
            case Button.REUSE if isinstance(proposal, Creation) and proposal.existing:
                return self._take(Reused(asked, proposal, user, proposal.existing))
            case _ if button in _CONFIRMS[type(proposal)]:
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
        with self._order:
            entry = self._ledger.get(asked.dialog)
            if entry is None or not isinstance(entry.dialog, Running) or entry.dialog.stopping_by:
                return Press.LATE
            if not self._move(replace(entry.dialog, stopping_by=user), after=(Running,)):
                return Press.LATE
        with self._lock:
            if run := self._runs.get(asked.dialog):
                self._screen.show(run.stop(user))
        return Press.TAKEN

    def _decide(self, dialog: Deciding, *, keep: bool, user: str | None) -> Press:
        settling = Settling(
            dialog.asked, dialog.proposal, user, keep, dialog.image_id, dialog.failures, dialog.progress
        )
        return self._take(settling)

    def turn(self, dialog: DialogId, query: Query) -> Press:
        """Turn a list to another page, or narrow it; `TAKEN` when it is being looked up."""
        entry = self._ledger.get(dialog)
        match entry.dialog if entry else None:
            case None:
                return Press.GONE
            case Listed():
                self._lists.turn(dialog, query)
                return Press.TAKEN
            case _:
                return Press.LATE

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

    def _prepare(self, job: DialogId) -> None:
        with self._preparing:
            if self._closing.is_set():
                raise Interrupted
            entry = self._ledger.get(job)
            if entry is None or not isinstance(entry.dialog, Preparing):
                return
            answer = self._answer(entry.dialog)
        if self._move(answer) and isinstance(answer, Listed):
            # The command is answered; that its page is turned later is no other end.
            self._ended(answer)
            self._lists.count(job)

    def _answer(self, dialog: Preparing) -> Dialog:
        asked = dialog.asked

        def report(doing: str) -> None:
            if self._closing.is_set():
                raise Interrupted
            log.debug("preparation_reported", job=asked.dialog, doing=doing)
            self._screen.show(replace(dialog, doing=doing))

        try:
            if asked.dialog in self._inherited:
                # The process that was killed may have left a container.
                self._work.clean(asked.dialog)
            answer = self._work.answer(asked, report)
        except Exception as error:  # noqa: BLE001 - the thread's boundary: whatever it is, the person is told
            return _failed(asked, error)
        return self._answered(dialog, answer)

    def _answered(self, dialog: Preparing, answer: Answer) -> Dialog:
        asked = dialog.asked
        match answer:
            case Creation() | Update() | RollBack() | Removal():
                proposal = replace(answer, findings=(*_void(dialog), *answer.findings))
                return UnderReview(asked, proposal, self._from_now(self._timeouts.review_seconds))
            case NothingToDo():
                return UpToDate(asked, replace(answer, findings=(*_void(dialog), *answer.findings)))
            case Listing():
                return Listed(asked, answer, self._jobs_now())
            case Card():
                return Described(asked, answer)
            case Refusal():
                return Refused(asked, answer)
            case _:
                assert_never(answer)

    # ── The list of images ──────────────────────────────────────────────────────────────────────────────────────

    def _change_list(self, dialog: DialogId, change: Callable[[Listed], Listed]) -> None:
        with self._order:
            entry = self._ledger.get(dialog)
            if entry is not None and isinstance(entry.dialog, Listed):
                self._move(change(entry.dialog))

    def _jobs_now(self) -> tuple[JobLine, ...]:
        under_way = [entry.dialog for entry in self._ledger.in_stage(Running, Queued)]
        return tuple(
            JobLine(each.asked.line, each.asked.user, each.asked.at, isinstance(each, Running)) for each in under_way
        )

    # ── Doing what was confirmed ────────────────────────────────────────────────────────────────────────────────

    def _build(self, job: DialogId) -> None:
        run = self._begin(job)
        if run is not None:
            try:
                end = self._outcome(run)
            finally:
                with self._lock:
                    del self._runs[job]
            self._end(end)
        self._clean_up(job)

    def _begin(self, job: DialogId) -> _Run | None:
        with self._order:
            entry = self._ledger.get(job)
            match entry.dialog if entry else None:
                case Queued(asked, proposal, by) | Paused(asked, proposal, by):
                    running = Running(asked, proposal, by, Progress(started=self._clock()))
                case Running(asked, proposal, by, _, stopping_by):
                    running = Running(asked, proposal, by, Progress(started=self._clock()), stopping_by)
                case _:
                    return None
            if not self._move(running):
                return None
            run = _Run(running)
            with self._lock:
                self._runs[job] = run
                if running.stopping_by:
                    run.cancellation.request(CancelReason.STOPPED)
                if self._out_of_grace:
                    run.cancellation.request(CancelReason.SHUTDOWN)
        return run

    def _outcome(self, run: _Run) -> Dialog:
        dialog = run.dialog
        asked, proposal, by = dialog.asked, dialog.proposal, dialog.by
        job_context = JobContext(job=asked.dialog, requester=asked.user, channel=asked.channel)
        try:
            outcome = self._work.carry_out(
                proposal, job_context, lambda event: self._happened(run, event), run.cancellation
            )
        except BuildStopped as stopped:
            if user := run.dialog.stopping_by:
                return Stopped(asked, proposal, user, run.dialog.progress)
            if run.cancellation.reason is CancelReason.SHUTDOWN:
                return Paused(asked, proposal, by)
            # Nobody here asked for it: the daemon was stopped, or somebody ended the build on its host.
            return _failed(asked, stopped, proposal, run.dialog.progress)
        except ReviewVoid as void:
            log.info("review_void", job=asked.dialog, message=void.message)
            again = replace(asked, round=asked.round + 1)
            return Preparing(again, "Looking again", void=f"{void.message} {void.hint}".strip())
        except Exception as error:  # noqa: BLE001 - the thread's boundary: whatever it is, the person is told
            return _failed(asked, error, proposal, run.dialog.progress)
        return self._result(run.dialog, outcome)

    def _result(self, dialog: Running, outcome: Outcome) -> Dialog:
        asked, proposal, by, progress = dialog.asked, dialog.proposal, dialog.by, dialog.progress
        match outcome, proposal:
            case Created(), Creation():
                return Done(asked, proposal, by, outcome, progress, self._clock())
            case Undecided(image_id, failures), Creation():
                expires = self._from_now(self._timeouts.review_seconds)
                return Deciding(asked, proposal, by, image_id, failures, progress, expires)
            case Updated(), Update():
                return ImagesUpdated(asked, proposal, by, outcome, progress, self._clock(), dialog.stopping_by)
            case RolledBack(), RollBack():
                return TagsRolledBack(asked, proposal, by, outcome, self._clock())
            case Removed(), Removal():
                return ImageRemoved(asked, proposal, by, outcome, self._clock())
            case _:
                raise TypeError(f"{type(outcome).__name__} is no outcome of {type(proposal).__name__}")

    def _end(self, dialog: Dialog) -> None:
        self._until_written(dialog.asked.dialog, lambda: self._move(dialog))
        if isinstance(dialog, Paused):
            raise Interrupted
        if isinstance(dialog, Preparing):
            self._start_task(dialog)
            return
        self._attach_log(dialog)

    def _happened(self, run: _Run, event: Event) -> None:
        job = run.dialog.asked.dialog
        match event:
            case LogLine(text=text):
                self._log.write(job, text)
            case StepStarted(step):
                log.info("step_started", job=job, step=step)
            case _:
                pass
        with self._lock:
            self._screen.show(run.happened(event, self._clock()))

    def _settle(self, job: DialogId) -> None:
        entry = self._ledger.get(job)
        if entry is not None and isinstance(entry.dialog, Settling):
            self._move(self._settled(entry.dialog))
        self._clean_up(job)

    def _settled(self, dialog: Settling) -> Dialog:
        asked, proposal = dialog.asked, dialog.proposal
        try:
            if not dialog.keep:
                self._until_the_engine_answers(lambda: self._work.clean(asked.dialog))
                return Discarded(asked, proposal, dialog.by)
            undecided = Undecided(dialog.image_id, dialog.failures)
            created = self._until_the_engine_answers(lambda: self._work.keep(proposal, undecided))
        except Exception as error:  # noqa: BLE001 - the thread's boundary: whatever it is, the person is told
            return _failed(asked, error, proposal, dialog.progress)
        return Done(asked, proposal, dialog.by or asked.user, created, dialog.progress, self._clock())

    def _clean_up(self, job: DialogId) -> None:
        # A task of its own: while the daemon is away it waits, and a build slot must not wait with it.
        entry = self._ledger.get(job)
        if entry is not None and isinstance(entry.dialog, FINAL):
            self._runner.run("clean", _key(entry.dialog.asked))

    def _clean(self, job: DialogId) -> None:
        self._until_the_engine_answers(lambda: self._work.clean(job))
        log.info("job_cleaned", job=job)

    def _until_the_engine_answers(self, act: Callable[[], T]) -> T:
        while True:
            try:
                return act()
            except EngineUnavailable:
                if self._closing.wait(self._timeouts.retry_seconds):
                    raise Interrupted from None

    # ── Time ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _tick(self) -> None:
        while not self._closing.wait(self._timeouts.tick_seconds):
            try:
                self._look_at_deadlines()
                self._look_at_queue()
            except Exception:
                log.exception("tick_failed")
            with self._lock:
                for run in self._runs.values():
                    self._screen.show(run.dialog)

    def _look_at_deadlines(self) -> None:
        for entry in self._ledger.overdue(self._clock().timestamp()):
            match entry.dialog:
                case UnderReview():
                    self._expire(entry.dialog)
                case Deciding():
                    self._decide(entry.dialog, keep=False, user=None)
                case _:
                    pass

    def _look_at_queue(self) -> None:
        queue = self._ledger.queue(Queued)
        for position, job in enumerate(queue, start=1):
            if self._places.get(job) != position:
                self._show_place(job, position)
        self._places = {job: position for position, job in enumerate(queue, start=1)}

    def _show_place(self, job: DialogId, position: int) -> None:
        with self._order:
            entry = self._ledger.get(job)
            if entry is None or not isinstance(entry.dialog, Queued):
                return
            if self._places.get(job, entry.dialog.position) != position:
                self._screen.show(replace(entry.dialog, position=position))

    def _expire(self, dialog: UnderReview) -> None:
        self._move(Expired(dialog.asked, self._timeouts.review_seconds))

    def _from_now(self, seconds: float) -> datetime:
        return self._clock() + timedelta(seconds=seconds)

    # ── The rest ────────────────────────────────────────────────────────────────────────────────────────────────

    def _move(self, to: Dialog, *, after: tuple[type[Any], ...] | None = None) -> bool:
        deadline = to.expires.timestamp() if isinstance(to, UnderReview | Deciding) else None
        sources = after or _SOURCES[type(to)]
        with self._order:
            moved = self._ledger.move(to, after=sources, now=self._clock().timestamp(), deadline=deadline)
            if moved:
                self._screen.show(to)
        if moved and isinstance(to, FINAL):
            self._ended(to)
        log.info("dialog_moved" if moved else "dialog_had_moved", job=to.asked.dialog, to=type(to).__name__)
        return moved

    def _attach_log(self, dialog: Dialog) -> None:
        try:
            file = self.log_of(dialog.asked.dialog)
        except StateUnwritable as problem:
            log.warning("log_not_attached", job=dialog.asked.dialog, reason=problem.message)
            return
        if file:
            self._screen.attach(dialog.asked.dialog, file)


def _key(asked: Asked) -> str:
    """Name the tasks of a dialog: a review that was void has its own, since a task of one name runs once."""
    return asked.dialog if asked.round == 1 else f"{asked.dialog}/{asked.round}"


def _job_of(key: str) -> DialogId:
    return DialogId(key.partition("/")[0])


def _void(dialog: Preparing) -> tuple[Finding, ...]:
    return (Finding("review-void", Severity.WARNING, dialog.void),) if dialog.void else ()


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
