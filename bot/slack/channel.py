"""The one sender: every message, edit and file leaves through here, and nothing else calls Slack's Web API.

The newest stage of a dialog wins, its last one is always delivered, and Slack's rate limits are kept: what may not be
sent yet waits, and is rendered only when it is sent. A dialog that Slack has not got is sent again after a restart.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from http.client import HTTPException
from time import monotonic
from typing import Any, Protocol, assert_never

import structlog
from slack_sdk.errors import SlackApiError, SlackClientError, SlackRequestError

from bot.characters import without_hidden
from bot.dialogs.ledger import Entry, Ledger
from bot.dialogs.stages import AT_REST, FINAL, SHOWN_ONLY, Attachment, Deciding, Dialog, DialogId, Preparing, Running
from bot.slack.answers import RefusalMeaning, meaning, seconds_to_wait
from bot.slack.masking import masked
from bot.slack.outbox import Outbox, Picture, look
from bot.slack.pace import LeakyBucket, Pace, SlidingWindow
from bot.slack.views import Message, announcement, render
from bot.slack.views.facts import facts
from bot.slack.views.tables import has_table, without_tables
from commands.errors import StateUnwritable

log = structlog.get_logger()

_ATTEMPTS = 5
"""After so many refusals in a row a message is given up; refusals for the rate or the network do not count."""
_RETRY_SECONDS = 2.0
_WHISPERS = 100
"""More than these waiting notes means that somebody hammers a button; the oldest are dropped."""
_MINUTE = 60.0
_QUESTION = "question"
"""The kind under which the ledger notes that the requester was told of a question."""
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
        self._clock = clock
        self._respond = respond
        self._monotonic = monotonic
        self._pace = pace = pace or Pace()
        self._edits = SlidingWindow(pace.edits, _MINUTE)
        self._progress = LeakyBucket(pace.progress_burst, pace.progress_every)
        self._uploads = SlidingWindow(pace.uploads, _MINUTE)
        self._ephemerals = SlidingWindow(pace.whispers, _MINUTE)
        self._posts: dict[str, SlidingWindow] = {}
        self._boxes: dict[DialogId, Outbox] = {}
        self._whispers: deque[_Whisper] = deque(maxlen=_WHISPERS)
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._sending = False
        self._thread = threading.Thread(target=self._send, name="warroom-channel", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def close(self, seconds: float = 10.0) -> None:
        """Send what is waiting, at most so long, then end."""
        with self._changed:
            if self._thread.is_alive():
                self._changed.wait_for(self._is_idle, timeout=seconds)
            self._closing.set()
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=_RETRY_SECONDS)

    def show(self, dialog: Dialog) -> None:
        """Show this stage in place of the dialog's earlier one."""
        with self._changed:
            box = self._boxes.setdefault(dialog.asked.dialog, Outbox())
            if isinstance(dialog, Preparing) and not box.owes and box.shown is None:
                box.not_before = self._monotonic() + self._pace.first_seconds
            box.put(dialog)
            self._changed.notify_all()

    def attach(self, dialog: DialogId, file: Attachment) -> None:
        """Put a file into the dialog's thread, once per `kind`."""
        with self._changed:
            self._boxes.setdefault(dialog, Outbox()).put_file(file)
            self._changed.notify_all()

    def whisper(self, channel: str, user: str, text: str) -> None:
        """Say something to one person that nobody else sees; it is not kept through a restart."""
        with self._changed:
            self._whispers.append(_Whisper(channel, user, text))
            self._changed.notify_all()

    def send_next(self) -> bool:
        """Send one thing that is due; False when nothing is. The thread's own work, and a test's."""
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
        """Say in how many seconds something is due; None while nothing waits."""
        with self._changed:
            now = self._monotonic()
            waits = [self._wait(box, now) for box in self._boxes.values() if box.owes]
            if self._whispers:
                waits.append(self._ephemerals.wait(now))
            return min(waits, default=None)

    def open_view(self, trigger: str, view: dict[str, Any]) -> bool:
        """Open a modal now, on the caller's thread: a trigger is good for three seconds. Say whether Slack took it."""
        try:
            self._client.api_call("views.open", json={"trigger_id": trigger, "view": masked(view, self._redact)})
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
                # Something may have become due since: it is sent, not waited for.
                if not self._closing.is_set() and seconds != 0:
                    self._changed.wait(seconds)

    def _is_idle(self) -> bool:
        return not self._sending and not self._whispers and not any(box.owes for box in self._boxes.values())

    def _next_whisper(self, now: float) -> _Whisper | None:
        return self._whispers.popleft() if self._whispers and not self._ephemerals.wait(now) else None

    def _next_box(self, now: float) -> tuple[DialogId, Outbox] | None:
        ready = [(dialog, box) for dialog, box in self._boxes.items() if box.owes and self._wait(box, now) <= 0]
        return min(ready, key=lambda item: item[1].rank, default=None)

    def _wait(self, box: Outbox, now: float) -> float:
        until = max(box.not_before, now + box.window.wait(now)) if box.window else box.not_before
        if box.unannounced and box.dialog is None and not box.files:
            until = max(until, box.edited_at + self._pace.log_seconds)
        if not box.is_progress:
            return max(0.0, until - now)
        until = max(until, box.edited_at + self._pace.progress_seconds)
        return max(0.0, until - now, self._progress.wait(now), self._edits.wait(now))

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
            self._postpone(dialog, box, _RETRY_SECONDS, counts=True)

    # ── One dialog ──────────────────────────────────────────────────────────────────────────────────────────────

    def _send_one(self, dialog: DialogId, box: Outbox) -> None:
        # In this order: a stage is stored before it is shown, so what is read from the ledger is never the older one.
        stage = box.dialog
        entry = self._ledger.get(dialog)
        if entry is None:
            log.error("dialog_unknown", job=dialog)
            self._forget(dialog)
            return
        entry = replace(entry, message=box.unsaved_ts or entry.message)
        if stage is not None:
            self._deliver(entry, box, stage)
        elif entry.message is None:
            log.warning("thread_missing", job=dialog)
            self._forget(dialog)
        elif box.files:
            self._upload(entry, box, box.files[0])
        else:
            self._announce(entry, box)

    def _deliver(self, entry: Entry, box: Outbox, stage: Dialog) -> None:
        # A stage that was shown late, by a thread that lost a race, must not hide a newer one.
        newest = stage if type(stage) is type(entry.dialog) or isinstance(stage, FINAL) else entry.dialog
        too_late = newest is not stage and box.shown == look(newest)
        if not too_late and not _is_shown(entry, newest) and not self._send_stage(entry, box, newest):
            return
        with self._changed:
            if box.dialog is stage:
                box.dialog = None
                box.unannounced = _owes_an_announcement(entry)
        self._settle(entry, box)

    def _send_stage(self, entry: Entry, box: Outbox, newest: Dialog) -> bool:
        window = self._edits if entry.message else self._posts_in(entry)
        if not self._may(box, window):
            return False
        if isinstance(newest, Running) and box.shown == look(newest):
            self._progress.spend(self._monotonic())
        method = "chat.update" if entry.message else "chat.postMessage"
        body = self._body(entry, newest, box.picture_of(newest))
        answer = self._call(entry, box, window, lambda: self._client.api_call(method, json=body))
        if answer is None:
            return False
        log.debug("stage_shown", job=entry.id, stage=type(newest).__name__)
        box.shown, box.edited_at = look(newest), self._monotonic()
        if entry.message is None:
            box.unsaved_ts = str(answer["ts"])
        self._store_shown(entry, box, newest)
        return True

    def _store_shown(self, entry: Entry, box: Outbox, newest: Dialog) -> None:
        ts = box.unsaved_ts
        if ts and self._store(entry, lambda: self._ledger.set_message(entry.id, ts)):
            log.info("dialog_posted", job=entry.id, ts=ts)
            box.unsaved_ts = None
        if type(newest) is type(entry.dialog) and entry.shown != entry.changes:
            self._store(entry, lambda: self._ledger.set_shown(entry.id, entry.changes))

    def _store(self, entry: Entry, write: Callable[[], object]) -> bool:
        """Note in the ledger what Slack has; where that fails the message stands, and may be sent again later."""
        try:
            write()
        except StateUnwritable as problem:
            log.warning("delivery_not_stored", job=entry.id, reason=problem.message)
            return False
        return True

    def _settle(self, entry: Entry, box: Outbox) -> None:
        """Forget a dialog that nothing follows by itself, once it owes nothing more."""
        with self._changed:
            if isinstance(entry.dialog, AT_REST) and not box.owes:
                self._boxes.pop(entry.id, None)

    def _upload(self, entry: Entry, box: Outbox, file: Attachment) -> None:
        if file.kind not in entry.attached:
            arguments = {
                "channel": entry.dialog.asked.channel,
                "thread_ts": entry.message,
                "filename": self._clean(file.name),
                "title": self._clean(file.title),
                "content": self._clean(file.content),
            }
            if not self._may(box, self._uploads):
                return
            if self._call(entry, box, self._uploads, lambda: self._client.files_upload_v2(**arguments)) is None:
                return
            self._store(entry, lambda: self._ledger.set_attached(entry.id, file.kind))
            log.info("file_attached", job=entry.id, kind=file.kind)
        with self._changed:
            box.files = [waiting for waiting in box.files if waiting is not file]
            box.attempts = 0
        self._settle(entry, box)

    def _clean(self, text: str) -> str:
        # In this order: a secret that an invisible character cuts in two would not be known.
        return self._redact(without_hidden(text))

    def _announce(self, entry: Entry, box: Outbox) -> None:
        text = announcement(masked(entry.dialog, self._redact))
        if text is not None and _owes_an_announcement(entry):
            window = self._posts_in(entry)
            if not self._may(box, window):
                return
            reply = {"channel": entry.dialog.asked.channel, "thread_ts": entry.message, "text": self._redact(text)}
            if self._call(entry, box, window, lambda: self._client.api_call("chat.postMessage", json=reply)) is None:
                return
            self._store(entry, lambda: self._note_announced(entry))
            log.info("end_announced" if isinstance(entry.dialog, FINAL) else "question_announced", job=entry.id)
        with self._changed:
            box.unannounced = False
        self._settle(entry, box)

    def _note_announced(self, entry: Entry) -> None:
        if isinstance(entry.dialog, FINAL):
            self._ledger.set_announced(entry.id)
        else:
            self._ledger.set_attached(entry.id, _QUESTION)

    def _body(self, entry: Entry, newest: Dialog, picture: Picture) -> dict[str, Any]:
        shown = masked(newest, self._redact)
        message = _less(render(shown, self._clock()), picture)
        body: dict[str, Any] = {
            "channel": entry.dialog.asked.channel,
            "text": message.text,
            "blocks": message.blocks,
            "metadata": {"event_type": EVENT_TYPE, "event_payload": {**facts(shown), "trigger": entry.trigger}},
            **({"ts": entry.message} if entry.message else {}),
        }
        return masked(body, self._redact)

    def _posts_in(self, entry: Entry) -> SlidingWindow:
        return self._posts.setdefault(
            entry.dialog.asked.channel, SlidingWindow(self._pace.posts, self._pace.posts_seconds)
        )

    def _may(self, box: Outbox, window: SlidingWindow) -> bool:
        # A box whose window is shut is not looked at again until it opens: hundreds may wait behind one.
        box.window = window if window.wait(self._monotonic()) > 0 else None
        return box.window is None

    # ── One call ────────────────────────────────────────────────────────────────────────────────────────────────

    def _call(self, entry: Entry, box: Outbox, window: SlidingWindow, call: Callable[[], Any]) -> dict[str, Any] | None:
        """Make a call; None when Slack has not taken it, and what comes next is settled."""
        window.spend(self._monotonic())
        try:
            answer: dict[str, Any] = call()
        except SlackApiError as error:
            self._handle_refusal(entry, box, window, error)
        except SlackRequestError as error:
            # The server that takes a file's bytes has its own way to refuse them.
            log.warning("slack_refused", job=entry.id, reason=str(error)[:1000])
            self._postpone(entry.id, box, _RETRY_SECONDS, counts=True)
        except (OSError, HTTPException, SlackClientError) as error:
            log.warning("slack_unreachable", job=entry.id, reason=str(error))
            self._postpone(entry.id, box, _RETRY_SECONDS)
        else:
            return answer
        return None

    def _handle_refusal(self, entry: Entry, box: Outbox, window: SlidingWindow, error: SlackApiError) -> None:
        reason, means = str(error.response.get("error"))[:1000], meaning(error)
        if means is RefusalMeaning.TOO_FAST:
            self._slow_down(entry, box, window, seconds_to_wait(error))
            return
        log.warning("slack_refused", job=entry.id, reason=reason, answer=str(error.response.data)[:1000])
        match means:
            case RefusalMeaning.PASSING:
                self._postpone(entry.id, box, _RETRY_SECONDS)
            case RefusalMeaning.UNREACHABLE:
                self._give_up_channel(entry, box, reason)
            case RefusalMeaning.BAD_BLOCKS if box.dialog is not None and box.picture_of(box.dialog) is not Picture.TEXT:
                box.simplify(box.dialog, has_table=has_table(render(box.dialog, self._clock())))
            case RefusalMeaning.MISSING if not box.reposted:
                self._post_anew(entry, box)
            case _:
                self._postpone(entry.id, box, _RETRY_SECONDS, counts=True)

    def _slow_down(self, entry: Entry, box: Outbox, window: SlidingWindow, seconds: float) -> None:
        log.info("slack_rate_limited", job=entry.id, seconds=seconds)
        window.close(self._monotonic() + seconds)
        self._postpone(entry.id, box, seconds)

    def _post_anew(self, entry: Entry, box: Outbox) -> None:
        self._ledger.set_message(entry.id, None)
        with self._changed:
            box.reposted = True
            box.unsaved_ts = None
            box.dialog = box.dialog or entry.dialog

    def _give_up_channel(self, entry: Entry, box: Outbox, reason: str) -> None:
        """Say once, where it still can be heard, that there is no way into the channel; then be silent about it."""
        if not box.turned_away:
            box.turned_away = True
            told = self._respond(
                entry.response_url,
                f"The bot cannot post here (`{reason}`). Invite it with `/invite`, then type the command again.",
            )
            log.warning("channel_closed", job=entry.id, reason=reason, told=told)
        if isinstance(entry.dialog, AT_REST):
            # Without a way in there is nobody to tell later either.
            self._store(entry, lambda: self._ledger.set_shown(entry.id, entry.changes))
            self._store(entry, lambda: self._ledger.set_announced(entry.id))
        with self._changed:
            box.dialog, box.files, box.unannounced = None, [], False
        self._settle(entry, box)

    def _postpone(self, dialog: DialogId, box: Outbox, seconds: float, *, counts: bool = False) -> None:
        with self._changed:
            box.not_before = self._monotonic() + seconds
            box.attempts += counts
            if box.attempts >= _ATTEMPTS:
                log.error("message_given_up", job=dialog)
                box.give_up()
                if not box.owes:
                    self._boxes.pop(dialog, None)

    def _forget(self, dialog: DialogId) -> None:
        with self._changed:
            self._boxes.pop(dialog, None)


def _less(message: Message, picture: Picture) -> Message:
    match picture:
        case Picture.WHOLE:
            return message
        case Picture.WITHOUT_TABLES:
            return without_tables(message)
        case Picture.TEXT:
            return Message(message.text, ())
        case _:
            assert_never(picture)


def _owes_an_announcement(entry: Entry) -> bool:
    """Say whether the requester is still to be told of an end, or of a question: edits notify nobody."""
    if isinstance(entry.dialog, SHOWN_ONLY):
        return False
    if isinstance(entry.dialog, FINAL):
        return not entry.announced
    return isinstance(entry.dialog, Deciding) and _QUESTION not in entry.attached


def _is_shown(entry: Entry, newest: Dialog) -> bool:
    """Tell whether Slack has the end of the dialog already: it is not edited again."""
    is_stored = isinstance(newest, FINAL) and type(newest) is type(entry.dialog)
    return is_stored and entry.message is not None and entry.shown == entry.changes
