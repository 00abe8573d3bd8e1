"""The messages of a dialog: its newest stage, posted once and then edited, and the announcement in its thread."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog

from bot.dialogs.ledger import Entry, Ledger
from bot.dialogs.stages import FINAL, Deciding, Dialog, Running
from bot.redaction import redacted
from bot.slack import limits
from bot.slack.answers import RefusalMeaning
from bot.slack.calls import MINUTE, Calls, SlackRefusal, store
from bot.slack.metadata import metadata
from bot.slack.outbox import Omission, Outbox, Outboxes, look
from bot.slack.pace import LeakyBucket, Pace, SlidingWindow
from bot.slack.sender_client import SlackClient
from bot.slack.views import Message, announcement, render
from bot.slack.views.facts import facts
from bot.slack.views.tables import has_table, length, without_tables
from bot.slack.whispers import Note, Whispers

log = structlog.get_logger()

_QUESTION = "question"
"""The kind under which the ledger stores that the requester was notified of a question."""


class Messages:
    """Sends stages and announcements within Slack's rate limits, with secrets masked."""

    def __init__(
        self,
        client: SlackClient,
        ledger: Ledger,
        boxes: Outboxes,
        calls: Calls,
        whispers: Whispers,
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
        self._whispers = whispers
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
        is_shown = too_late or _is_shown(entry, newest) or box.is_frozen(newest)
        if (box.is_forced or not is_shown) and not self._send_stage(entry, box, newest):
            return
        with self._boxes.changed:
            box.is_forced = False
            if box.dialog is stage:
                box.dialog = None
                box.messages.begin()
                box.unannounced = _owes_an_announcement(entry)
                box.files_until = self._monotonic() + self._pace.file_seconds
        self._boxes.settle(entry.dialog, box)

    def _send_stage(self, entry: Entry, box: Outbox, newest: Dialog) -> bool:
        ts = None if box.is_uneditable else entry.message
        window = self._edits if ts else self._posts_in(entry)
        if not self._calls.take(box.messages, window):
            return False
        if isinstance(newest, Running) and box.shown == look(newest):
            with self._boxes.changed:
                self._progress.spend(self._monotonic())
        method = "chat.update" if ts else "chat.postMessage"
        body = self._body(entry, newest, box.left_out_of(newest), ts)
        answer = self._calls.call(entry, box.messages, window, lambda: self._client.api_call(method, json=body))
        if isinstance(answer, SlackRefusal):
            self._react(entry, box, newest, answer)
        if not isinstance(answer, dict):
            return False
        log.debug("stage_shown", job=entry.id, stage=type(newest).__name__)
        with self._boxes.changed:
            box.shown, box.edited_at = look(newest), self._monotonic()
            box.unsaved_ts = box.unsaved_ts if ts else str(answer["ts"])
        self._store_shown(entry, box, newest)
        return True

    def _react(self, entry: Entry, box: Outbox, newest: Dialog, refusal: SlackRefusal) -> None:
        match refusal.means:
            case RefusalMeaning.UNREACHABLE | RefusalMeaning.DEAD_TOKEN:
                self._calls.close(entry, box, refusal)
            case RefusalMeaning.SIMPLER if self._simplify(box, newest, refusal.reason):
                pass
            case RefusalMeaning.NOT_EDITABLE if not box.is_uneditable:
                self._freeze(entry, box, newest)
            case RefusalMeaning.MISSING if box.reposted == look(newest) and not box.is_uneditable:
                # Slack loses each message of this stage: progress must not become a flood of messages.
                box.is_uneditable = True
            case RefusalMeaning.MISSING if box.reposted != look(newest):
                self._post_again(entry, box)
            case _:
                self._calls.refuse(entry, box, refusal.reason)

    def _simplify(self, box: Outbox, newest: Dialog, reason: str) -> bool:
        message = render(newest, self._clock())
        order = [part for part in _order(reason) if part is not Omission.TABLES or has_table(message)]
        with self._boxes.changed:
            return box.simplify(newest, order)

    def _freeze(self, entry: Entry, box: Outbox, newest: Dialog) -> None:
        """Post this stage as a message, and each later one too; show no more progress."""
        log.warning("edits_refused", job=entry.id, stage=type(newest).__name__)
        box.is_uneditable = True
        self._post_again(entry, box)

    def _post_again(self, entry: Entry, box: Outbox) -> None:
        with self._boxes.changed:
            box.lose_message(entry.dialog)
            box.dialog = box.dialog or entry.dialog
        store(entry, lambda: self._ledger.set_message(entry.id, None))

    def _store_shown(self, entry: Entry, box: Outbox, newest: Dialog) -> None:
        ts = box.unsaved_ts
        if ts and store(entry, lambda: self._ledger.set_message(entry.id, ts)):
            log.info("dialog_posted", job=entry.id, ts=ts)
            box.unsaved_ts = None
        if type(newest) is type(entry.dialog) and entry.shown != entry.changes:
            store(entry, lambda: self._ledger.set_shown(entry.id, entry.changes))

    # ── The announcement ────────────────────────────────────────────────────────────────────────────────────────

    def announce(self, entry: Entry, box: Outbox) -> None:
        """Notify the requester of an end or a question, in the thread."""
        text = announcement(redacted(entry.dialog, self._redact))
        if text is not None and _owes_an_announcement(entry):
            if not self._reply(entry, box, text):
                return
            store(entry, lambda: self._note_announced(entry))
            log.info("end_announced" if isinstance(entry.dialog, FINAL) else "question_announced", job=entry.id)
        with self._boxes.changed:
            box.unannounced = False
            box.messages.begin()
        self._boxes.settle(entry.dialog, box)

    def _reply(self, entry: Entry, box: Outbox, text: str) -> bool:
        window = self._posts_in(entry)
        if not self._calls.take(box.messages, window):
            return False
        reply = {"channel": entry.dialog.asked.channel, "thread_ts": entry.message, "text": self._redact(text)}
        answer = self._calls.call(
            entry, box.messages, window, lambda: self._client.api_call("chat.postMessage", json=reply)
        )
        return (
            self._is_noted(entry, box, text, answer) if isinstance(answer, SlackRefusal) else isinstance(answer, dict)
        )

    def _is_noted(self, entry: Entry, box: Outbox, text: str, refusal: SlackRefusal) -> bool:
        """Continue after an error; return whether the requester gets a note in place of the reply."""
        match refusal.means:
            case RefusalMeaning.UNREACHABLE | RefusalMeaning.DEAD_TOKEN:
                self._calls.close(entry, box, refusal)
            case RefusalMeaning.MISSING if box.reposted != look(entry.dialog):
                self._post_again(entry, box)
            case RefusalMeaning.MISSING | RefusalMeaning.NO_REPLIES:
                asked = entry.dialog.asked
                self._whispers.put(Note(asked.channel, asked.user, text, entry.response_url))
                return True
            case _:
                self._calls.refuse(entry, box, refusal.reason)
        return False

    def _note_announced(self, entry: Entry) -> None:
        if isinstance(entry.dialog, FINAL):
            self._ledger.set_announced(entry.id)
        else:
            self._ledger.set_attached(entry.id, _QUESTION)

    # ── The body ────────────────────────────────────────────────────────────────────────────────────────────────

    def _body(self, entry: Entry, newest: Dialog, left_out: frozenset[Omission], ts: str | None) -> dict[str, Any]:
        shown = redacted(newest, self._redact)
        whole = render(shown, self._clock())
        message = redacted(_less(whole, left_out), self._redact)
        message = message if _fits(message) else redacted(_less(whole, left_out | {Omission.TABLES}), self._redact)
        body = {
            "channel": entry.dialog.asked.channel,
            "text": message.text[: limits.MESSAGE_TEXT],
            "blocks": message.blocks if _fits(message) else (),
            **({"ts": ts} if ts else {}),
        }
        return {**body, **self._metadata(entry, redacted(facts(shown, whole), self._redact), left_out, ts)}

    def _metadata(
        self, entry: Entry, known: dict[str, Any], left_out: frozenset[Omission], ts: str | None
    ) -> dict[str, Any]:
        if Omission.METADATA not in left_out:
            return {"metadata": metadata(known, entry.trigger)}
        # An edit without metadata keeps what the message had: it would name an earlier stage.
        return {"metadata": {}} if ts else {}

    def _posts_in(self, entry: Entry) -> SlidingWindow:
        return self._posts.setdefault(
            entry.dialog.asked.channel, SlidingWindow(self._pace.posts, self._pace.posts_seconds)
        )


def _less(message: Message, left_out: frozenset[Omission]) -> Message:
    if Omission.BLOCKS in left_out:
        return Message(message.text, ())
    return without_tables(message) if Omission.TABLES in left_out else message


def _fits(message: Message) -> bool:
    return length(message.blocks) <= limits.BLOCKS_CHARACTERS


def _order(reason: str) -> tuple[Omission, ...]:
    """Return in which order the parts are left out after this error."""
    if "metadata" in reason:
        return (Omission.METADATA, Omission.TABLES, Omission.BLOCKS)
    if "block" in reason:
        return (Omission.TABLES, Omission.BLOCKS, Omission.METADATA)
    return (Omission.TABLES, Omission.METADATA, Omission.BLOCKS)


def _owes_an_announcement(entry: Entry) -> bool:
    """Return whether the requester must still be notified of an end or a question: edits notify nobody."""
    if isinstance(entry.dialog, FINAL):
        return not entry.announced
    return isinstance(entry.dialog, Deciding) and _QUESTION not in entry.attached


def _is_shown(entry: Entry, newest: Dialog) -> bool:
    """Return whether Slack already shows the end of the dialog, so that no edit follows."""
    is_stored = isinstance(newest, FINAL) and type(newest) is type(entry.dialog)
    return is_stored and entry.message is not None and entry.shown == entry.changes
