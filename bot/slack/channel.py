"""The one sender: every message, edit and file leaves through here, and nothing else calls Slack's Web API.

The newest stage of a dialog wins, its last one is always delivered, and Slack's rate limits are kept: what may not be
sent yet waits, and is rendered only when it is sent. A dialog that Slack has not got is sent again after a restart.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPException
from time import monotonic
from typing import Any, Protocol

import structlog
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.dialogs import FINAL, Attachment, Dialog, DialogId, Running
from bot.ledger import Entry, Ledger
from bot.slack.pace import Window
from bot.slack.views import announcement, render
from bot.slack.views.facts import facts

log = structlog.get_logger()

_RATE_LIMITED = 429
_ATTEMPTS = 5
"""After so many refusals in a row a message is given up; refusals for the rate or the network do not count."""
_RETRY_SECONDS = 2.0
_WHISPERS = 100
"""More than these waiting notes means that somebody hammers a button; the oldest are dropped."""
_UNREACHABLE = ("not_in_channel", "channel_not_found", "is_archived", "restricted_action")
_MISSING = ("message_not_found", "cant_update_message", "edit_window_closed")
_BAD_BLOCKS = ("invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long")
EVENT_TYPE = "warroom_dialog"
"""Of the metadata on each dialog: its `facts`, and `trigger`, the id of the trigger of its command."""


class SlackClient(Protocol):
    """The part of `slack_sdk.WebClient` that is used here."""

    def api_call(self, api_method: str, *, json: dict[str, Any]) -> Any:  # noqa: ANN401 - the SDK's own answer type
        """Call a Web API method."""
        ...

    def files_upload_v2(self, **arguments: Any) -> Any:  # noqa: ANN401 - the SDK's own
        """Upload a file in Slack's three steps."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """Calls a minute and posts a second; a little under Slack's own numbers, so that clocks may differ."""

    edits: int = 48
    edits_kept_for_stages: int = 18
    """Of the edits a minute, so many are never spent on mere progress."""
    uploads: int = 30
    posts: int = 4
    posts_seconds: float = 4.4
    progress_seconds: float = 1.0
    """The shortest time between two progress edits of one dialog."""


@dataclass(slots=True)
class _Outbox:
    """What one dialog still owes to Slack."""

    dialog: Dialog | None = None
    files: list[Attachment] = field(default_factory=list)
    progress_at: float = float("-inf")
    attempts: int = 0
    not_before: float = float("-inf")
    plain: bool = False
    """Slack took offence at the blocks: text alone is better than silence."""


class Channel:
    """Shows dialogs in Slack. `show` and `attach` return at once; one thread sends."""

    def __init__(
        self,
        client: SlackClient,
        ledger: Ledger,
        *,
        redact: Callable[[str], str],
        clock: Callable[[], datetime],
        respond: Callable[[str, str], bool],
        pace: Pace | None = None,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._redact = redact
        self._clock = clock
        self._respond = respond
        self._pace = pace or Pace()
        self._edits = Window(self._pace.edits, 60.0)
        self._uploads = Window(self._pace.uploads, 60.0)
        self._posts: dict[str, Window] = {}
        self._boxes: dict[DialogId, _Outbox] = {}
        self._whispers: deque[dict[str, str]] = deque(maxlen=_WHISPERS)
        self._changed = threading.Condition()
        self._closing = False
        self._sending = False
        self._thread = threading.Thread(target=self._send, name="warroom-channel", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def close(self, seconds: float = 10.0) -> None:
        """Send what is waiting, at most so long, then end."""
        with self._changed:
            self._changed.wait_for(lambda: not self._boxes and not self._sending, timeout=seconds)
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=seconds)

    def show(self, dialog: Dialog) -> None:
        """Show this stage in place of the dialog's earlier one."""
        with self._changed:
            box = self._boxes.setdefault(dialog.asked.dialog, _Outbox())
            box.dialog = dialog
            self._changed.notify_all()

    def attach(self, dialog: DialogId, file: Attachment) -> None:
        """Put a file into the dialog's thread, once per `kind`."""
        with self._changed:
            box = self._boxes.setdefault(dialog, _Outbox())
            if all(waiting.kind != file.kind for waiting in box.files):
                box.files.append(file)
            self._changed.notify_all()

    def whisper(self, channel: str, user: str, text: str) -> None:
        """Say something to one person that nobody else sees; it is not kept through a restart."""
        with self._changed:
            self._whispers.append({"channel": channel, "user": user, "text": text})
            self._changed.notify_all()

    # ── The thread ──────────────────────────────────────────────────────────────────────────────────────────────

    def _send(self) -> None:
        while True:
            with self._changed:
                self._sending = False
                self._changed.notify_all()
                if self._closing:
                    return
                whisper = self._whispers.popleft() if self._whispers else None
                chosen = None if whisper else self._next()
                if chosen is None and whisper is None:
                    self._changed.wait(self._until_next())
                    continue
                self._sending = True
            if whisper:
                self._send_whisper(whisper)
            if chosen:
                self._work_off(*chosen)

    def _send_whisper(self, whisper: dict[str, str]) -> None:
        try:
            self._client.api_call("chat.postEphemeral", json={**whisper, "text": self._redact(whisper["text"])})
        except (OSError, HTTPException, SlackClientError) as error:
            log.warning("whisper_not_sent", user=whisper["user"], reason=str(error))

    def _work_off(self, dialog: DialogId, box: _Outbox) -> None:
        try:
            self._send_one(dialog, box)
        except Exception:
            # The thread's boundary: one dialog's defect must not silence all the others.
            log.exception("message_not_sent", job=dialog)
            self._postpone(dialog, box, _RETRY_SECONDS, counts=True)

    def _next(self) -> tuple[DialogId, _Outbox] | None:
        now = monotonic()
        ready = [(self._rank(box), dialog, box) for dialog, box in self._boxes.items() if self._wait(box, now) <= 0]
        return min(ready, key=lambda item: item[0])[1:] if ready else None

    def _until_next(self) -> float | None:
        now = monotonic()
        waits = [self._wait(box, now) for box in self._boxes.values()]
        return max(0.01, min(waits)) if waits else None

    def _rank(self, box: _Outbox) -> int:
        if isinstance(box.dialog, FINAL):
            return 0
        return 2 if isinstance(box.dialog, Running) else 1

    def _wait(self, box: _Outbox, now: float) -> float:
        wait = box.not_before - now
        if not isinstance(box.dialog, Running):
            return max(wait, 0.0)
        pace = self._pace
        return max(
            wait,
            box.progress_at + pace.progress_seconds - now,
            self._edits.wait(now, reserve=pace.edits_kept_for_stages),
        )

    # ── One dialog ──────────────────────────────────────────────────────────────────────────────────────────────

    def _send_one(self, dialog: DialogId, box: _Outbox) -> None:
        entry = self._ledger.get(dialog)
        if entry is None:
            log.error("dialog_unknown", job=dialog)
            self._forget(dialog, box)
            return
        stage = box.dialog
        if stage is not None:
            self._deliver(entry, box, stage)
        elif entry.message is None:
            self._postpone(dialog, box, _RETRY_SECONDS, counts=True)
        elif box.files:
            self._upload(entry, box, box.files[0])
        else:
            self._announce(entry, box)

    def _deliver(self, entry: Entry, box: _Outbox, stage: Dialog) -> None:
        body = self._body(entry, box, stage)
        method = "chat.update" if entry.message else "chat.postMessage"
        window = self._edits if entry.message else self._posts_in(entry.dialog.asked.channel)
        if not self._may(entry.id, box, window):
            return
        answer = self._call(entry, box, window, method, body)
        if answer is None:
            return
        if entry.message is None:
            self._ledger.set_message(entry.id, str(answer["ts"]))
            log.info("dialog_posted", job=entry.id, ts=str(answer["ts"]))
        if type(stage) is type(entry.dialog):
            self._ledger.set_shown(entry.id, entry.changes)
        with self._changed:
            box.attempts = 0
            box.progress_at = monotonic()
            if box.dialog is stage:
                box.dialog = None
        self._settle(entry, box)

    def _settle(self, entry: Entry, box: _Outbox) -> None:
        """Forget a box that owes nothing more; a dialog that ended still owes its announcement."""
        owes = isinstance(entry.dialog, FINAL) and not entry.announced
        with self._changed:
            if box.dialog is None and not box.files and not owes:
                self._boxes.pop(entry.id, None)

    def _upload(self, entry: Entry, box: _Outbox, file: Attachment) -> None:
        if file.kind not in entry.attached:
            arguments = {
                "channel": entry.dialog.asked.channel,
                "thread_ts": entry.message,
                "filename": file.name,
                "title": file.title,
                "content": self._redact(file.content),
            }
            if not self._may(entry.id, box, self._uploads):
                return
            self._uploads.spend(monotonic())
            if self._attempt(entry, box, self._uploads, lambda: self._client.files_upload_v2(**arguments)) is None:
                return
            self._ledger.set_attached(entry.id, file.kind)
            log.info("file_attached", job=entry.id, kind=file.kind)
        with self._changed:
            box.files.remove(file)
        self._settle(entry, box)

    def _announce(self, entry: Entry, box: _Outbox) -> None:
        text = announcement(entry.dialog)
        if text is not None and not entry.announced:
            window = self._posts_in(entry.dialog.asked.channel)
            if not self._may(entry.id, box, window):
                return
            reply = {"channel": entry.dialog.asked.channel, "thread_ts": entry.message, "text": self._redact(text)}
            if self._call(entry, box, window, "chat.postMessage", reply) is None:
                return
        self._ledger.set_announced(entry.id)
        log.info("end_announced", job=entry.id)
        self._forget(entry.id, box)

    def _body(self, entry: Entry, box: _Outbox, stage: Dialog) -> dict[str, Any]:
        # A stage that was shown late, by a thread that lost a race, must not hide a newer one.
        newest = stage if type(stage) is type(entry.dialog) or isinstance(stage, FINAL) else entry.dialog
        message = render(newest, self._clock())
        body: dict[str, Any] = {
            "channel": entry.dialog.asked.channel,
            "text": message.text,
            "blocks": [] if box.plain else list(message.blocks),
            "metadata": {"event_type": EVENT_TYPE, "event_payload": {**facts(newest), "trigger": entry.trigger}},
            **({"ts": entry.message} if entry.message else {}),
        }
        return {key: _redacted(value, self._redact) for key, value in body.items()}

    def _posts_in(self, channel: str) -> Window:
        return self._posts.setdefault(channel, Window(self._pace.posts, self._pace.posts_seconds))

    def _may(self, dialog: DialogId, box: _Outbox, window: Window) -> bool:
        wait = window.wait(monotonic())
        if wait > 0:
            self._postpone(dialog, box, wait)
        return wait <= 0

    # ── One call ────────────────────────────────────────────────────────────────────────────────────────────────

    def _call(
        self, entry: Entry, box: _Outbox, window: Window, method: str, body: dict[str, Any]
    ) -> dict[str, Any] | None:
        window.spend(monotonic())
        return self._attempt(entry, box, window, lambda: self._client.api_call(method, json=body))

    def _attempt(self, entry: Entry, box: _Outbox, window: Window, call: Callable[[], Any]) -> dict[str, Any] | None:
        try:
            answer: dict[str, Any] = call()
        except SlackApiError as error:
            self._refused(entry, box, window, error)
        except (OSError, HTTPException, SlackClientError) as error:
            log.warning("slack_unreachable", job=entry.id, reason=str(error))
            self._postpone(entry.id, box, _RETRY_SECONDS)
        else:
            return answer
        return None

    def _refused(self, entry: Entry, box: _Outbox, window: Window, error: SlackApiError) -> None:
        reason = str(error.response.get("error"))
        if error.response.status_code == _RATE_LIMITED:
            seconds = float(error.response.headers.get("Retry-After", _RETRY_SECONDS))
            log.info("slack_rate_limited", job=entry.id, seconds=seconds)
            window.close(monotonic() + seconds)
            self._postpone(entry.id, box, seconds)
            return
        log.warning("slack_refused", job=entry.id, reason=reason, answer=str(error.response.data)[:1000])
        if reason in _UNREACHABLE:
            self._say_it_there(entry, reason)
            self._forget(entry.id, box)
        elif reason in _BAD_BLOCKS and not box.plain:
            box.plain = True
            self._postpone(entry.id, box, 0.0, counts=True)
        elif reason in _MISSING and box.dialog is not None:
            self._ledger.set_message(entry.id, None)
            self._postpone(entry.id, box, 0.0, counts=True)
        else:
            self._postpone(entry.id, box, _RETRY_SECONDS, counts=True)

    def _say_it_there(self, entry: Entry, reason: str) -> None:
        told = self._respond(
            entry.response_url,
            f"I cannot post in this channel (`{reason}`). Invite me with `/invite`, then type the command again.",
        )
        log.warning("channel_closed", job=entry.id, reason=reason, told=told)

    def _postpone(self, dialog: DialogId, box: _Outbox, seconds: float, *, counts: bool = False) -> None:
        with self._changed:
            box.not_before = monotonic() + seconds
            box.attempts += counts
            if box.attempts >= _ATTEMPTS:
                log.error("message_given_up", job=dialog)
                self._boxes.pop(dialog, None)

    def _forget(self, dialog: DialogId, box: _Outbox) -> None:
        with self._changed:
            if self._boxes.get(dialog) is box:
                del self._boxes[dialog]


def _redacted(value: Any, redact: Callable[[str], str]) -> Any:  # noqa: ANN401 - any piece of JSON
    match value:
        case str():
            return redact(value)
        case dict():
            return {key: _redacted(inner, redact) for key, inner in value.items()}
        case list() | tuple():
            return [_redacted(inner, redact) for inner in value]
        case _:
            return value
