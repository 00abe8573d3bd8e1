"""The messages of a dialog: its newest stage, posted once and then edited, and the announcement in its thread."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, assert_never

import structlog

from bot.dialogs.ledger import Entry, Ledger
from bot.dialogs.stages import FINAL, Deciding, Dialog, Running
from bot.redaction import redacted
from bot.slack.calls import MINUTE, Calls, SlackClient
from bot.slack.outbox import Outbox, Outboxes, Picture, look
from bot.slack.pace import LeakyBucket, Pace, SlidingWindow
from bot.slack.views import Message, announcement, render
from bot.slack.views.facts import facts
from bot.slack.views.tables import without_tables

log = structlog.get_logger()

_QUESTION = "question"
"""The kind under which the ledger stores that the requester was notified of a question."""
EVENT_TYPE = "warroom_dialog"
"""The event type of each dialog's metadata: its `facts`, and `trigger`, the id of its command's trigger."""


class Messages:
    """Sends stages and announcements within Slack's rate limits, with secrets masked."""

    def __init__(
        self,
        client: SlackClient,
        ledger: Ledger,
        boxes: Outboxes,
        calls: Calls,
        *,
        redact: Callable[[str], str],
        clock: Callable[[], datetime],
        pace: Pace,
        monotonic: Callable[[], float],
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._boxes = boxes
        self._calls = calls
        self._redact = redact
        self._clock = clock
        self._pace = pace
        self._monotonic = monotonic
        self._edits = SlidingWindow(pace.edits, MINUTE)
        self._progress = LeakyBucket(pace.progress_burst, pace.progress_every)
        self._posts: dict[str, SlidingWindow] = {}

    def seconds_to_edit(self, now: float) -> float:
        """Return in how many seconds an edit that shows only progress may be sent."""
        return max(self._progress.wait(now), self._edits.wait(now))

    def deliver(self, entry: Entry, box: Outbox, stage: Dialog) -> None:
        """Send the newest stage of a dialog, unless Slack shows it already."""
        # A stage that a thread shows late, after losing a race, must not hide a newer one.
        newest = stage if type(stage) is type(entry.dialog) or isinstance(stage, FINAL) else entry.dialog
        too_late = newest is not stage and box.shown == look(newest)
        if not too_late and not _is_shown(entry, newest) and not self._send_stage(entry, box, newest):
            return
        with self._boxes.changed:
            if box.dialog is stage:
                box.dialog = None
                box.unannounced = _owes_an_announcement(entry)
        self._boxes.settle(entry.dialog, box)

    def _send_stage(self, entry: Entry, box: Outbox, newest: Dialog) -> bool:
        window = self._edits if entry.message else self._posts_in(entry)
        if not self._calls.may(box, window):
            return False
        if isinstance(newest, Running) and box.shown == look(newest):
            self._progress.spend(self._monotonic())
        method = "chat.update" if entry.message else "chat.postMessage"
        body = self._body(entry, newest, box.picture_of(newest))
        answer = self._calls.call(entry, box, window, lambda: self._client.api_call(method, json=body))
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
        if ts and self._calls.store(entry, lambda: self._ledger.set_message(entry.id, ts)):
            log.info("dialog_posted", job=entry.id, ts=ts)
            box.unsaved_ts = None
        if type(newest) is type(entry.dialog) and entry.shown != entry.changes:
            self._calls.store(entry, lambda: self._ledger.set_shown(entry.id, entry.changes))

    def announce(self, entry: Entry, box: Outbox) -> None:
        """Notify the requester of an end or a question, in the thread."""
        text = announcement(redacted(entry.dialog, self._redact))
        if text is not None and _owes_an_announcement(entry):
            window = self._posts_in(entry)
            if not self._calls.may(box, window):
                return
            reply = {"channel": entry.dialog.asked.channel, "thread_ts": entry.message, "text": self._redact(text)}
            answer = self._calls.call(entry, box, window, lambda: self._client.api_call("chat.postMessage", json=reply))
            if answer is None:
                return
            self._calls.store(entry, lambda: self._note_announced(entry))
            log.info("end_announced" if isinstance(entry.dialog, FINAL) else "question_announced", job=entry.id)
        with self._boxes.changed:
            box.unannounced = False
        self._boxes.settle(entry.dialog, box)

    def _note_announced(self, entry: Entry) -> None:
        if isinstance(entry.dialog, FINAL):
            self._ledger.set_announced(entry.id)
        else:
            self._ledger.set_attached(entry.id, _QUESTION)

    def _body(self, entry: Entry, newest: Dialog, picture: Picture) -> dict[str, Any]:
        shown = redacted(newest, self._redact)
        whole = render(shown, self._clock())
        message = _less(whole, picture)
        body: dict[str, Any] = {
            "channel": entry.dialog.asked.channel,
            "text": message.text,
            "blocks": message.blocks,
            "metadata": {"event_type": EVENT_TYPE, "event_payload": {**facts(shown, whole), "trigger": entry.trigger}},
            **({"ts": entry.message} if entry.message else {}),
        }
        return redacted(body, self._redact)

    def _posts_in(self, entry: Entry) -> SlidingWindow:
        return self._posts.setdefault(
            entry.dialog.asked.channel, SlidingWindow(self._pace.posts, self._pace.posts_seconds)
        )


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
    """Return whether the requester must still be notified of an end or a question: edits notify nobody."""
    if isinstance(entry.dialog, FINAL):
        return not entry.announced
    return isinstance(entry.dialog, Deciding) and _QUESTION not in entry.attached


def _is_shown(entry: Entry, newest: Dialog) -> bool:
    """Return whether Slack already shows the end of the dialog, so that no edit follows."""
    is_stored = isinstance(newest, FINAL) and type(newest) is type(entry.dialog)
    return is_stored and entry.message is not None and entry.shown == entry.changes
