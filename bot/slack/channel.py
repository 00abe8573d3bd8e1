"""The only sender: it sends every message, edit and file, and nothing else calls Slack's Web API.

The newest stage of a dialog wins, its last one is always delivered, and the sender keeps Slack's rate limits: a message
waits until it may be sent, and is rendered only then. A dialog that Slack does not show is sent after a restart.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from http.client import HTTPException
from time import monotonic
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.dialogs.ledger import Ledger
from bot.dialogs.stages import Attachment, Dialog, DialogId, Preparing
from bot.redaction import redacted
from bot.slack.answers import RefusalMeaning, meaning, seconds_to_wait
from bot.slack.calls import MINUTE, RETRY_SECONDS, Calls, SlackClient
from bot.slack.messages import Messages
from bot.slack.outbox import Outbox, Outboxes
from bot.slack.pace import Pace, SlidingWindow
from bot.slack.uploads import Uploads

log = structlog.get_logger()

_WHISPERS = 100
"""The most notes that wait: more mean that a person clicks too fast, and the oldest are dropped."""


@dataclass(frozen=True, slots=True)
class _Whisper:
    channel: str
    user: str
    text: str


class Channel:
    """Shows dialogs in Slack. `show`, `attach` and `whisper` return at once; one thread sends."""

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
        calls = Calls(ledger, boxes, clock=clock, respond=respond, monotonic=monotonic)
        self._uploads = Uploads(client, ledger, boxes, calls, redact=redact, pace=pace)
        self._messages = Messages(
            client, ledger, boxes, calls, redact=redact, clock=clock, pace=pace, monotonic=monotonic
        )
        self._ephemerals = SlidingWindow(pace.whispers, MINUTE)
        self._whispers: deque[_Whisper] = deque(maxlen=_WHISPERS)
        self._closing = threading.Event()
        self._sending = False
        self._thread = threading.Thread(target=self._send, name="warroom-channel", daemon=True)

    def start(self) -> None:
        """Start the sending thread."""
        self._thread.start()

    def close(self, seconds: float = 10.0) -> None:
        """Send waiting messages for at most `seconds`, then end."""
        with self._changed:
            if self._thread.is_alive():
                self._changed.wait_for(self._is_idle, timeout=seconds)
            self._closing.set()
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=RETRY_SECONDS)

    def show(self, dialog: Dialog) -> None:
        """Show this stage in place of the dialog's earlier one."""
        with self._changed:
            box = self._boxes.of(dialog.asked.dialog)
            if isinstance(dialog, Preparing) and not box.owes and box.shown is None:
                box.not_before = self._monotonic() + self._pace.first_seconds
            box.put(dialog)
            self._changed.notify_all()

    def attach(self, dialog: DialogId, file: Attachment) -> None:
        """Put a file into the dialog's thread, once per `kind`."""
        with self._changed:
            self._boxes.of(dialog).put_file(file)
            self._changed.notify_all()

    def whisper(self, channel: str, user: str, text: str) -> None:
        """Send a note that only one person sees; a restart loses it."""
        with self._changed:
            self._whispers.append(_Whisper(channel, user, text))
            self._changed.notify_all()

    def send_next(self) -> bool:
        """Send one message that is due; return False if none is. Called by the thread, and by tests."""
        with self._changed:
            now = self._monotonic()
            whisper = self._next_whisper(now)
            chosen = None if whisper else self._next_box(now)
            if whisper is None and chosen is None:
                return False
            self._sending = True
        try:
            if whisper:
                self._send_whisper(whisper)
            if chosen:
                self._work_off(*chosen)
        finally:
            with self._changed:
                self._sending = False
                self._changed.notify_all()
        return True

    def seconds_to_next(self) -> float | None:
        """Return in how many seconds a message is due; None if none waits."""
        with self._changed:
            now = self._monotonic()
            waits = [self._wait(box, now) for _, box in self._boxes.waiting_outboxes()]
            if self._whispers:
                waits.append(self._ephemerals.wait(now))
            return min(waits, default=None)

    def open_view(self, trigger: str, view: dict[str, Any]) -> bool:
        """Open a modal on the caller's thread: a trigger expires in three seconds. Return whether Slack opened it."""
        try:
            self._client.api_call("views.open", json={"trigger_id": trigger, "view": redacted(view, self._redact)})
        except (OSError, HTTPException, SlackClientError) as error:
            log.warning("view_not_opened", reason=str(error))
            return False
        return True

    # ── The thread ──────────────────────────────────────────────────────────────────────────────────────────────

    def _send(self) -> None:
        while not self._closing.is_set():
            if self.send_next():
                continue
            with self._changed:
                seconds = self.seconds_to_next()
                # A message may have become due since: send it instead of waiting.
                if not self._closing.is_set() and seconds != 0:
                    self._changed.wait(seconds)

    def _is_idle(self) -> bool:
        return not self._sending and not self._whispers and not self._boxes.waiting_outboxes()

    def _next_whisper(self, now: float) -> _Whisper | None:
        return self._whispers.popleft() if self._whispers and not self._ephemerals.wait(now) else None

    def _next_box(self, now: float) -> tuple[DialogId, Outbox] | None:
        ready = [(dialog, box) for dialog, box in self._boxes.waiting_outboxes() if self._wait(box, now) <= 0]
        return min(ready, key=lambda item: item[1].rank, default=None)

    def _wait(self, box: Outbox, now: float) -> float:
        until = max(box.not_before, now + box.window.wait(now)) if box.window else box.not_before
        if box.unannounced and box.dialog is None and not box.files:
            until = max(until, box.edited_at + self._pace.log_seconds)
        if not box.is_progress:
            return max(0.0, until - now)
        until = max(until, box.edited_at + self._pace.progress_seconds)
        return max(0.0, until - now, self._messages.seconds_to_edit(now))

    def _send_whisper(self, whisper: _Whisper) -> None:
        body = {"channel": whisper.channel, "user": whisper.user, "text": self._redact(whisper.text)}
        self._ephemerals.spend(self._monotonic())
        try:
            self._client.api_call("chat.postEphemeral", json=body)
        except Exception as error:  # noqa: BLE001 - the thread's boundary: a note lost must not silence the dialogs
            log.warning("whisper_not_sent", user=whisper.user, reason=str(error))
            if isinstance(error, SlackApiError) and meaning(error) is RefusalMeaning.TOO_FAST:
                self._ephemerals.close(self._monotonic() + seconds_to_wait(error))
                self._whispers.appendleft(whisper)

    def _work_off(self, dialog: DialogId, box: Outbox) -> None:
        try:
            self._send_one(dialog, box)
        except Exception:
            # The thread's boundary: one dialog's defect must not silence all the others.
            log.exception("message_not_sent", job=dialog)
            self._boxes.postpone(dialog, box, RETRY_SECONDS, counts=True)

    # ── One dialog ──────────────────────────────────────────────────────────────────────────────────────────────

    def _send_one(self, dialog: DialogId, box: Outbox) -> None:
        # In this order: a stage is stored before it is shown, so the one in the ledger is never older.
        stage = box.dialog
        entry = self._ledger.get(dialog)
        if entry is None:
            log.error("dialog_unknown", job=dialog)
            self._boxes.forget(dialog)
            return
        entry = replace(entry, message=box.unsaved_ts or entry.message)
        if stage is not None:
            self._messages.deliver(entry, box, stage)
        elif entry.message is None:
            log.warning("thread_missing", job=dialog)
            self._boxes.forget(dialog)
        elif box.files:
            self._uploads.upload(entry, box, box.files[0])
        else:
            self._messages.announce(entry, box)
