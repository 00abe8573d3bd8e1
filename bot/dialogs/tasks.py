"""The durable tasks of a dialog: prepare, build, settle, clean. Each may run more than once per dialog."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from bot.dialogs.engine_waits import EngineWaits
from bot.dialogs.interface import JobLog, Timeouts, Work
from bot.dialogs.job_logs import log_file
from bot.dialogs.ledger import Role
from bot.dialogs.lists import Lists
from bot.dialogs.moving import Mover
from bot.dialogs.runner import Interrupted
from bot.dialogs.runs import Run, Runs
from bot.dialogs.stages import FINAL, Dialog, DialogId, Listed, Paused, Preparing, Running, Screen, Settling
from bot.dialogs.starting import Starter
from bot.dialogs.supervision import Supervisor
from bot.dialogs.transitions import (
    after_answer,
    after_end,
    after_stop,
    after_void,
    discarded_stage,
    failed_stage,
    kept_stage,
    key_of,
    running_stage,
)
from commands.actions import End
from commands.carry_out import JobContext
from commands.command import ImageUndecided, WorkInterrupted
from commands.errors import BuildStopped, ReviewVoid, StateUnwritable
from commands.model.events import Event, LogLine, StepStarted

log = structlog.get_logger()


class Tasks:
    """The tasks of one process.

    At most `preparations` gather facts at once, and as many more answer quick requests, which need only the daemon.
    """

    def __init__(
        self,
        *,
        mover: Mover,
        runs: Runs,
        starter: Starter,
        supervisor: Supervisor,
        lists: Lists,
        screen: Screen,
        work: Work,
        job_log: JobLog,
        timeouts: Timeouts,
        now: Callable[[], datetime],
        preparations: int,
    ) -> None:
        self._mover = mover
        self._runs = runs
        self._starter = starter
        self._supervisor = supervisor
        self._lists = lists
        self._screen = screen
        self._work = work
        self._log = job_log
        self._timeouts = timeouts
        self._now = now
        self._waits = EngineWaits(runs, work, job_log, timeouts)
        self._preparing = {is_quick: threading.BoundedSemaphore(preparations) for is_quick in (False, True)}
        self.inherited: frozenset[DialogId] = frozenset()
        """Dialogs that the earlier process began: it may have left containers behind."""
        starter.bind({"prepare": self.prepare, "build": self.build, "settle": self.settle, "clean": self.clean})

    # ── Preparing ───────────────────────────────────────────────────────────────────────────────────────────────

    def prepare(self, job: DialogId) -> None:
        """Gather the facts, and answer the command."""
        dialog = self._mover.dialog(job)
        if not isinstance(dialog, Preparing):
            return
        with self._preparing[dialog.asked.request.is_quick]:
            self._supervisor.raise_if_closing()
            answer = self._answer(dialog)
        if self._mover.move(answer, role=Role.OWNER) and isinstance(answer, Listed):
            self._lists.count(job)

    def _answer(self, dialog: Preparing) -> Dialog:
        asked = dialog.asked

        def report(doing: str) -> None:
            self._supervisor.raise_if_closing()
            log.debug("preparation_reported", job=asked.dialog, doing=doing)
            self._screen.show(replace(dialog, doing=doing))

        try:
            if asked.dialog in self.inherited:
                self._wait_for_engine(dialog)
            answer = self._work.answer(asked, report)
        except Exception as error:  # noqa: BLE001 - the thread's boundary: whatever it is, the person is told
            return failed_stage(asked, error)
        return after_answer(dialog, answer, expires=self._review_ends(), under_way=self._mover.jobs_under_way())

    def _wait_for_engine(self, dialog: Preparing) -> None:
        """Remove what the last process has left there; wait if the bot is back before the daemon."""

        def show_wait() -> None:
            self._screen.show(replace(dialog, doing="Waiting for Docker"))

        self._supervisor.until_the_engine_answers(
            lambda: self._work.clean(dialog.asked.dialog), waits=show_wait, seconds=self._timeouts.engine_wait_seconds
        )

    # ── Carrying out ────────────────────────────────────────────────────────────────────────────────────────────

    def build(self, job: DialogId) -> None:
        """Carry out the confirmed proposal."""
        run = self._begin(job)
        if run is not None:
            try:
                end = self._carry_out(run)
            finally:
                self._runs.remove(run)
            self._end(end)
        self._clean_up(job)

    def _begin(self, job: DialogId) -> Run | None:
        with self._mover.order:
            running = running_stage(self._mover.dialog(job), self._now())
            return self._runs.add(running) if running is not None and self._mover.move(running) else None

    def _carry_out(self, run: Run) -> Dialog:
        asked, proposal = run.dialog.asked, run.dialog.proposal
        context = JobContext(job=asked.dialog, requester=asked.user, channel=asked.channel)

        def carry_out() -> End | ImageUndecided:
            return self._work.carry_out(proposal, context, lambda event: self._record(run, event), run.cancellation)

        try:
            end = self._waits.carry_through(run, carry_out)
        except WorkInterrupted as interrupted:
            return after_end(run.dialog, interrupted.end, now=self._now(), expires=self._review_ends())
        except BuildStopped as stopped:
            return after_stop(run.dialog, stopped, run.cancellation.reason)
        except ReviewVoid as void:
            log.info("review_void", job=asked.dialog, message=void.message)
            return after_void(run.dialog, void)
        except Exception as error:  # noqa: BLE001 - the thread's boundary: whatever it is, the person is told
            return failed_stage(asked, error, proposal, run.dialog.progress)
        return after_end(run.dialog, end, now=self._now(), expires=self._review_ends())

    def _record(self, run: Run, event: Event) -> None:
        match event:
            case LogLine(text=text):
                self._log.write(run.job, text)
            case StepStarted(step):
                log.info("step_started", job=run.job, step=step)
            case _:
                pass
        self._runs.record(run, event)

    def _end(self, dialog: Dialog) -> None:
        self._supervisor.until_written(
            dialog.asked.dialog, lambda: self._mover.move(dialog, after=(Running,), role=Role.OWNER)
        )
        match dialog:
            case Paused():
                raise Interrupted
            case Preparing():
                self._starter.start(dialog)
            case _:
                self.attach_log(dialog.asked.dialog)

    # ── After it ────────────────────────────────────────────────────────────────────────────────────────────────

    def settle(self, job: DialogId) -> None:
        """Keep or remove an undecided image, as decided."""
        dialog = self._mover.dialog(job)
        if isinstance(dialog, Settling):
            self._mover.move(self._settle_image(dialog), after=(Settling,), role=Role.OWNER)
        self._clean_up(job)

    def _settle_image(self, dialog: Settling) -> Dialog:
        asked, undecided = dialog.asked, dialog.undecided
        try:
            if not dialog.keep:
                self._supervisor.until_the_engine_answers(lambda: self._work.clean(asked.dialog))
                return discarded_stage(dialog)
            created = self._supervisor.until_the_engine_answers(lambda: self._work.keep(undecided))
        except Exception as error:  # noqa: BLE001 - the thread's boundary: whatever it is, the person is told
            return failed_stage(asked, error, undecided.proposal, dialog.progress)
        return kept_stage(dialog, created, self._now())

    def clean(self, job: DialogId) -> None:
        """Remove a job's leftovers from the daemon."""
        self._supervisor.until_the_engine_answers(lambda: self._work.clean(job))
        log.info("job_cleaned", job=job)

    def _clean_up(self, job: DialogId) -> None:
        dialog = self._mover.dialog(job)
        if isinstance(dialog, FINAL):
            self._starter.clean(key_of(dialog.asked))

    def attach_log(self, job: DialogId) -> None:
        """Put the log of a job into its thread, if there is a readable one."""
        try:
            file = log_file(self._log.read(job), job)
        except StateUnwritable as problem:
            log.warning("log_not_attached", job=job, reason=problem.message)
            return
        if file:
            self._screen.attach(job, file)

    def _review_ends(self) -> datetime:
        return self._now() + timedelta(seconds=self._timeouts.review_seconds)
