"""The front of the life of a command: takes commands and presses, continues after a restart, closes in order.

`kill -9` breaks nothing: at the next start the runner repeats the task that was under way, which reads in the
ledger how far it had come. While the ledger cannot be written a task waits, and the bot tells the person.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Event

import structlog

from bot.dialogs.allowance import Allowance, Limits
from bot.dialogs.clock import Ticker
from bot.dialogs.interface import JobLog, Timeouts, Work
from bot.dialogs.job_logs import log_file
from bot.dialogs.ledger import Entry, Ledger, Role
from bot.dialogs.lists import Lists
from bot.dialogs.moving import Mover, Observer
from bot.dialogs.runs import Runs
from bot.dialogs.stages import (
    FINAL,
    Asked,
    Attachment,
    Dialog,
    DialogId,
    Expired,
    Listed,
    Preparing,
    Queued,
    Running,
    Screen,
    UnderReview,
    proposal_of,
)
from bot.dialogs.starting import RunnerFactory, Starter
from bot.dialogs.supervision import Supervisor
from bot.dialogs.tasks import Tasks
from bot.dialogs.transitions import Decision, Press, after_press, paused_stage, stopping_stage
from commands.actions import Proposal
from commands.errors import ShuttingDown, StateUnwritable, TooMany
from commands.model.requests import Query

log = structlog.get_logger()


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
        runner: RunnerFactory,
        preparations: int = 4,
        observers: Sequence[Observer] = (),
        limits: Limits | None = None,
    ) -> None:
        self._ledger = ledger
        self._screen = screen
        self._log = job_log
        self._timeouts = timeouts
        self._clock = clock
        self._allowance = Allowance(limits or Limits())
        self._mover = Mover(ledger, screen, clock, (*observers, self._allowance.observe))
        self._runs = Runs(screen, clock)
        self._supervisor = Supervisor(self._mover, screen, timeouts)
        self._starter = Starter(runner, self._supervisor, screen)
        self._lists = Lists(work, self._change_list, self._mover.jobs_under_way)
        self._tasks = Tasks(
            mover=self._mover,
            runs=self._runs,
            starter=self._starter,
            supervisor=self._supervisor,
            lists=self._lists,
            screen=screen,
            work=work,
            job_log=job_log,
            timeouts=timeouts,
            now=clock,
            preparations=preparations,
        )
        self._ticker = Ticker(
            ledger=ledger,
            mover=self._mover,
            runs=self._runs,
            starter=self._starter,
            screen=screen,
            timeouts=timeouts,
            now=clock,
            closing=self._supervisor.closing,
            on_replaced=self._yield_to_successor,
        )
        self.replaced = Event()
        """Set once another process has taken over: this one is to end."""

    # ── Start and close ─────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Continue everything that the last process left; raise `StateUnwritable`."""
        self._ledger.take_over()
        left, unreadable = self._ledger.split_unfinished()
        self._allowance.begin(entry.dialog for entry in left)
        self._tasks.inherited = frozenset(entry.id for entry in left)
        for entry in self._ledger.unshown_entries():
            self._screen.show(entry.dialog)
            if isinstance(entry.dialog, FINAL):
                self._tasks.attach_log(entry.id)
        self._starter.open()
        for entry in left:
            self._starter.start(entry.dialog, again=True)
        for job in unreadable:
            # A dialog of an older version cannot continue here, but its leftovers on the daemon are removed.
            self._starter.clean(job)
        self._ticker.start()

    def close(self) -> tuple[str, ...]:
        """Start nothing new, wait for running builds for the grace period, then pause them for the next process.

        Return the tasks that did not end, by name: a daemon or a database hangs, and their threads still live.
        """
        self._supervisor.close()
        self._starter.finish()
        self._lists.close()
        self._supervisor.wait_until_idle(self._timeouts.grace_seconds)
        self._runs.shut_down()
        busy = self._supervisor.wait_until_idle(self._timeouts.stop_seconds)
        if busy:
            log.warning("tasks_did_not_end", tasks=busy)
            self._pause_the_rest()
        self._ticker.join(self._timeouts.stop_seconds)
        self._starter.close()
        return tuple(f"{name} {key}" for name, key in busy)

    def _yield_to_successor(self) -> None:
        log.error("another_process_took_over")
        self._supervisor.close()
        # The successor does the same work again, and both must not be at work on it.
        self._runs.shut_down()
        self.replaced.set()

    def _pause_the_rest(self) -> None:
        """Pause the jobs whose threads do not end, so that their dialogs say so; a later end of theirs is refused."""
        for job in self._runs.jobs:
            try:
                dialog = self._mover.dialog(job)
                if isinstance(dialog, Running):
                    self._mover.move(paused_stage(dialog), after=(Running,), role=Role.OWNER)
            except StateUnwritable as problem:
                log.warning("job_not_paused", job=job, reason=problem.message)

    def forget(self, before: datetime) -> int:
        """Forget the dialogs that came to rest before a time, with the records of their tasks; return how many."""
        forgotten = self._ledger.forget(before.timestamp())
        self._starter.forget(before)
        return forgotten

    # ── What people do ──────────────────────────────────────────────────────────────────────────────────────────

    def accept(self, asked: Asked, *, trigger: str, response_url: str) -> None:
        """Accept and store a command, once for each trigger. Raise `StateUnwritable`, `TooMany` and `ShuttingDown`."""
        self._refuse_while_closing()
        dialog = Preparing(asked, doing="Reading the command")
        self._count(asked)
        is_new = False
        try:
            is_new = self._ledger.add(Entry(dialog=dialog, trigger=trigger, response_url=response_url))
        finally:
            if not is_new:
                self._allowance.give_back(asked.dialog)
        if not is_new:
            log.info("command_repeated", line=asked.line, user=asked.user, channel=asked.channel)
            return
        log.info("command_accepted", job=asked.dialog, line=asked.line, user=asked.user, channel=asked.channel)
        self._screen.show(dialog)
        self._starter.start_soon(dialog)

    def _count(self, asked: Asked) -> None:
        try:
            self._allowance.take(asked)
        except TooMany:
            # Another process, or a transaction whose commit had no answer, may have ended some of them.
            for ended in self._ledger.ids_at_rest(self._allowance.counted):
                self._allowance.give_back(ended)
            self._allowance.take(asked)

    def amend(self, dialog: DialogId, asked: Asked, *, trigger: str, response_url: str) -> Press:
        """Accept a command in place of a review and cancel the review; return `TAKEN` when both are stored.

        Raise `StateUnwritable` and `ShuttingDown`.
        """
        self._refuse_while_closing()
        # Under the lock: a second delivery of the form comes before the cancellation or after the new dialog is stored.
        with self._mover.order:
            if self._ledger.has_trigger(trigger):
                log.info("command_repeated", line=asked.line, user=asked.user, channel=asked.channel)
                return Press.TAKEN
            # Cancel first: the review may have been confirmed meanwhile, and only one of the two may be built.
            press = self.press(dialog, Decision.CANCEL, asked.user)
            if press is Press.TAKEN:
                self.accept(asked, trigger=trigger, response_url=response_url)
            return press

    def press(self, dialog: DialogId, decision: Decision, user: str, *, of: type[Proposal] | None = None) -> Press:
        """Accept a decision; return `TAKEN` when it is stored. Raise `StateUnwritable`.

        `of` is the kind of proposal that the pressed button belongs to; for another kind of proposal the press is late.
        """
        now = self._mover.dialog(dialog)
        if now is None:
            return Press.GONE
        proposal = proposal_of(now)
        is_another = of is not None and proposal is not None and not isinstance(proposal, of)
        press = Press.LATE if is_another else self._press(now, decision, user)
        log.info("button_pressed", job=dialog, decision=decision, user=user, press=press)
        return press

    def turn(self, dialog: DialogId, query: Query) -> Press:
        """Turn a list to another page, or filter it; return `TAKEN` once the daemon is being asked."""
        match self._mover.dialog(dialog):
            case None:
                return Press.GONE
            case Listed():
                self._lists.turn(dialog, query)
                return Press.TAKEN
            case _:
                return Press.LATE

    def _press(self, dialog: Dialog, decision: Decision, user: str) -> Press:
        to = after_press(dialog, decision, user, now=self._clock(), next_place=self._next_place)
        match to:
            case Press():
                if isinstance(dialog, UnderReview) and to is Press.EXPIRED:
                    self._mover.move(Expired(dialog.asked, self._timeouts.review_seconds))
                return to
            case Running():
                return self._stop(dialog.asked.dialog, user)
            case _:
                return self._take(dialog, to, decision, user)

    def _take(self, before: Dialog, to: Dialog, decision: Decision, user: str) -> Press:
        if self._mover.move(to, after=(type(before),)):
            self._starter.start_soon(to)
            return Press.TAKEN
        # A queued job may have started since it was read.
        return self._stop(before.asked.dialog, user) if decision is Decision.STOP else Press.LATE

    def _stop(self, job: DialogId, user: str) -> Press:
        """Store the request to stop: the process that runs the job reads it there."""
        if self._mover.change(job, lambda dialog: stopping_stage(dialog, user)) is None:
            return Press.LATE
        self._runs.stop(job, user)
        return Press.TAKEN

    def _next_place(self) -> int:
        return len(self._ledger.queue(Queued)) + 1

    def _refuse_while_closing(self) -> None:
        if self._supervisor.closing.is_set():
            raise ShuttingDown("The bot is being restarted.", hint="Type the command again in a minute.")

    def _change_list(self, dialog: DialogId, change: Callable[[Listed], Listed]) -> None:
        self._mover.change(dialog, lambda now: change(now) if isinstance(now, Listed) else None)

    @property
    def closing(self) -> Event:
        """The event that is set once the bot accepts nothing new."""
        return self._supervisor.closing

    # ── What people look at ─────────────────────────────────────────────────────────────────────────────────────

    def look_up(self, dialog: DialogId) -> Dialog | None:
        """Return the present stage of a dialog."""
        return self._mover.dialog(dialog)

    def log_of(self, job: DialogId) -> Attachment | None:
        """Return the log of a job so far, as a file."""
        return log_file(self._log.read(job), job)

    def attach(self, dialog: DialogId, file: Attachment, *, response_url: str = "", user: str = "") -> bool:
        """Put a file into the dialog's thread for `user`; return False if it is there already."""
        entry = self._ledger.get(dialog)
        if entry is None or file.kind in entry.attached:
            return False
        self._screen.attach(dialog, file, response_url=response_url, user=user)
        return True
