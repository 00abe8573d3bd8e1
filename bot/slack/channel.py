"""The only sender: it sends every message, edit and file, and nothing else calls Slack's Web API.

The newest stage of a dialog wins, its last one is always delivered, and the sender keeps Slack's rate limits: a message
waits until it may be sent, and is rendered only then. What Slack refuses stays owed: it is sent once the channel is
open again, or after a restart.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from http.client import HTTPException
from time import monotonic
from typing import Any

import structlog
from slack_sdk.errors import SlackClientError

from bot.dialogs.ledger import Entry, Ledger
from bot.dialogs.stages import Attachment, Dialog, DialogId, Preparing
from bot.redaction import redacted
from bot.slack.calls import DEFECT, MINUTE, Calls
from bot.slack.closures import Closures
from bot.slack.dispatch import Dispatch
from bot.slack.messages import Messages
from bot.slack.outbox import Lane, Outbox, Outboxes, Upload
from bot.slack.pace import Pace, SlidingWindow
from bot.slack.sender_client import SlackClient
from bot.slack.uploads import Uploads
from bot.slack.whispers import Note, Whispers
from commands.errors import StateUnwritable

log = structlog.get_logger()

_LAST_SECONDS = 0.5
"""How long `close` waits at least for threads that have nothing left to send."""


class Channel:
    """Shows dialogs in Slack. Its methods return at once; threads send: two of messages, one of files, one of notes."""

    def __init__(
        self,
        client: SlackClient,
        ledger: Ledger,
        *,
        redact: Callable[[str], str],
        clock: Callable[[], datetime],
        respond: Callable[[str, str], bool],
        pace: Pace | None = None,
        monotonic: Callable[[], float] = monotonic,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._redact = redact
        self._monotonic = monotonic
        self._pace = pace = pace or Pace()
        self._boxes = boxes = Outboxes(monotonic)
        self._changed = boxes.changed
        self._closures = Closures()
        self._whispers = whispers = Whispers(
            client,
            boxes,
            SlidingWindow(pace.whispers, MINUTE),
            redact=redact,
            respond=respond,
            monotonic=monotonic,
        )
        self._calls = calls = Calls(boxes, self._closures, whispers, monotonic=monotonic)
        self._uploads = Uploads(client, ledger, boxes, calls, whispers, redact=redact, pace=pace)
        self._messages = Messages(
            client, ledger, boxes, calls, whispers, redact=redact, clock=clock, pace=pace, monotonic=monotonic
        )
        self._dispatch = Dispatch(
            boxes, self._closures, pace, monotonic=monotonic, seconds_to_edit=self._messages.seconds_to_edit
        )
        self._closing = threading.Event()
        self._sending = 0
        self._threads = self._make_threads()

    def start(self) -> None:
        """Start the sending threads."""
        for thread in self._threads:
            thread.start()

    def close(self, seconds: float = 10.0) -> None:
        """Send what is due within `seconds`, then end."""
        deadline = monotonic() + max(seconds, _LAST_SECONDS)
        alive = [thread for thread in self._threads if thread.is_alive()]
        with self._changed:
            if alive:
                self._changed.wait_for(lambda: self._is_idle(deadline - monotonic()), timeout=seconds)
            self._closing.set()
            self._changed.notify_all()
        for thread in alive:
            thread.join(timeout=max(0.0, deadline - monotonic()))

    def show(self, dialog: Dialog) -> None:
        """Show this stage in place of the dialog's earlier one."""
        with self._changed:
            box = self._boxes.of(dialog.asked.dialog)
            if isinstance(dialog, Preparing) and not box.owes and box.shown is None:
                box.messages.not_before = self._monotonic() + self._pace.first_seconds
            box.put(dialog)
            self._changed.notify_all()

    def refresh(self, dialog: Dialog) -> None:
        """Show this stage again, even if the ledger says that Slack shows it: a person sees an older one."""
        with self._changed:
            box = self._boxes.of(dialog.asked.dialog)
            box.put(dialog)
            box.is_forced = True
            self._changed.notify_all()

    def attach(self, dialog: DialogId, file: Attachment, *, response_url: str = "", user: str = "") -> None:
        """Put a file into the dialog's thread, once per `kind`; if that fails, tell `user`, who asked for it."""
        with self._changed:
            self._boxes.of(dialog).put_file(Upload(file, user, response_url))
            self._changed.notify_all()

    def whisper(self, channel: str, user: str, text: str, response_url: str = "") -> None:
        """Send a note that only one person sees, if need be by the response URL; a restart loses it."""
        self._whispers.put(Note(channel, user, text, response_url))

    def heard_from(self, channel: str) -> None:
        """Try again now what is owed to a channel in which somebody typed or clicked."""
        with self._changed:
            now, closure = self._monotonic(), self._closures.of(channel)
            owing = [box for _, box in self._boxes.waiting_outboxes() if box.channel == channel]
            for box in owing:
                box.wake()
            if closure and (owing or self.token_refusal):
                closure.urge(now)
            elif closure:
                # Nothing could be tried there: the next message will tell whether the channel is open.
                self._closures.open(channel)
            self._changed.notify_all()

    def refusal(self, channel: str) -> str | None:
        """Return Slack's word for why the bot cannot write to a channel now; None if it can."""
        with self._changed:
            closure = self._closures.of(channel)
            return closure.reason if closure else None

    @property
    def token_refusal(self) -> str | None:
        """Slack's word for why it does not accept the bot's token; None if it does."""
        with self._changed:
            return self._closures.token_refusal

    def forget_unknown(self) -> int:
        """Forget what waits for dialogs that the ledger has forgotten; return for how many. Raise `StateUnwritable`."""
        unknown = [dialog for dialog in self._boxes.dialogs if self._ledger.get(dialog) is None]
        for dialog in unknown:
            self._boxes.forget(dialog)
        return len(unknown)

    def send_next(self) -> bool:
        """Send one note, file or message that is due; return False if none is. Tests call it in place of threads."""
        return self._send_note() or self._send_file() or self._send_message()

    def seconds_to_next(self) -> float | None:
        """Return in how many seconds something is due; None if nothing waits."""
        with self._changed:
            waits = (self._whispers.seconds(), self._dispatch.seconds_to_file(), self._dispatch.seconds_to_message())
            return _seconds(min(waits))

    def open_view(self, trigger: str, view: dict[str, Any]) -> bool:
        """Open a modal on the caller's thread: a trigger expires in three seconds. Return whether Slack opened it."""
        try:
            self._client.api_call("views.open", json={"trigger_id": trigger, "view": redacted(view, self._redact)})
        except (OSError, HTTPException, SlackClientError) as error:
            log.warning("view_not_opened", reason=str(error))
            return False
        return True

    # ── The threads ─────────────────────────────────────────────────────────────────────────────────────────────

    def _make_threads(self) -> tuple[threading.Thread, ...]:
        lanes: tuple[tuple[str, Callable[[], bool], Callable[[], float]], ...] = (
            # Two, so that a message that hangs does not hold back those of other dialogs.
            ("warroom-messages-1", self._send_message, self._dispatch.seconds_to_message),
            ("warroom-messages-2", self._send_message, self._dispatch.seconds_to_message),
            ("warroom-files", self._send_file, self._dispatch.seconds_to_file),
            ("warroom-notes", self._send_note, self._whispers.seconds),
        )
        return tuple(
            threading.Thread(target=self._run, args=(send, seconds), name=name, daemon=True)
            for name, send, seconds in lanes
        )

    def _run(self, send: Callable[[], bool], seconds_to_next: Callable[[], float]) -> None:
        while not self._closing.is_set():
            if send():
                continue
            with self._changed:
                seconds = seconds_to_next()
                # Something may have become due since: send it instead of waiting.
                if not self._closing.is_set() and seconds > 0:
                    self._changed.wait(_seconds(seconds))

    def _is_idle(self, seconds_left: float) -> bool:
        seconds = self.seconds_to_next()
        return not self._sending and (seconds is None or seconds > seconds_left)

    def _send_note(self) -> bool:
        with self._changed:
            note = self._whispers.take()
            self._sending += note is not None
        if note is None:
            return False
        try:
            self._whispers.send(note)
        finally:
            self._note_sent()
        return True

    def _send_message(self) -> bool:
        with self._changed:
            chosen = self._dispatch.take_message()
            self._sending += chosen is not None
        if chosen is None:
            return False
        dialog, box = chosen
        # Read before the ledger: a stage is stored before it is shown, so the one in the ledger is never older.
        stage = box.dialog
        self._work_off(
            dialog,
            box,
            box.messages,
            send=lambda entry: self._send_part(entry, box, stage),
            refuse=lambda entry: self._calls.refuse(entry, box, DEFECT),
        )
        return True

    def _send_file(self) -> bool:
        with self._changed:
            chosen = self._dispatch.take_file()
            self._sending += chosen is not None
        if chosen is None:
            return False
        dialog, box = chosen
        upload = box.files[0]
        self._work_off(
            dialog,
            box,
            box.uploads,
            send=lambda entry: self._send_upload(entry, box, upload),
            refuse=lambda entry: self._uploads.fail(entry, box, upload, DEFECT),
        )
        return True

    def _work_off(
        self,
        dialog: DialogId,
        box: Outbox,
        lane: Lane,
        *,
        send: Callable[[Entry], None],
        refuse: Callable[[Entry], None],
    ) -> None:
        """Send a part of a dialog; a defect of one dialog does not silence the others."""
        entry = None
        try:
            entry = self._entry(dialog, box)
            if entry is not None:
                send(entry)
        except StateUnwritable as problem:
            log.warning("dialog_not_read", job=dialog, reason=problem.message)
            self._boxes.postpone(lane)
        except Exception:
            log.exception("message_not_sent", job=dialog)
            if entry is not None:
                refuse(entry)
            else:
                self._boxes.postpone(lane)
        finally:
            self._dispatch.release(box, lane)
            self._note_sent()

    def _note_sent(self) -> None:
        with self._changed:
            self._sending -= 1
            self._changed.notify_all()

    # ── One dialog ──────────────────────────────────────────────────────────────────────────────────────────────

    def _entry(self, dialog: DialogId, box: Outbox) -> Entry | None:
        entry = self._ledger.get(dialog)
        if entry is None:
            log.error("dialog_unknown", job=dialog)
            self._boxes.forget(dialog)
            return None
        with self._changed:
            box.channel = entry.dialog.asked.channel
        return replace(entry, message=box.unsaved_ts or entry.message)

    def _send_part(self, entry: Entry, box: Outbox, stage: Dialog | None) -> None:
        reason = self.refusal(entry.dialog.asked.channel)
        if reason is not None and not box.messages.is_try:
            self._calls.tell_closed(entry, box, reason)
        elif stage is not None:
            self._messages.deliver(entry, box, stage)
        elif entry.message is None:
            log.warning("thread_missing", job=entry.id)
            self._boxes.forget(entry.id)
        else:
            self._messages.announce(entry, box)

    def _send_upload(self, entry: Entry, box: Outbox, upload: Upload) -> None:
        if self.refusal(entry.dialog.asked.channel) is not None and not box.uploads.is_try:
            return
        if entry.message is None:
            log.warning("thread_missing", job=entry.id)
            self._boxes.forget(entry.id)
        else:
            self._uploads.upload(entry, box, upload)


def _seconds(wait: float) -> float | None:
    return None if wait == float("inf") else max(0.0, wait)
