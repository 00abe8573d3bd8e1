"""The files that the sender puts into the threads of dialogs."""

from collections.abc import Callable

import structlog

from bot.dialogs.ledger import Entry, Ledger
from bot.dialogs.stages import Attachment
from bot.slack.answers import RefusalMeaning, is_lacking
from bot.slack.calls import DEFECT, MINUTE, Answer, Calls, Later, SlackRefusal, store
from bot.slack.outbox import Outbox, Outboxes, Upload, look
from bot.slack.pace import Pace, SlidingWindow
from bot.slack.sender_client import SlackClient
from bot.slack.whispers import Note, Whispers
from commands.text import without_hidden

log = structlog.get_logger()

_FINISHED_BEFORE = "file_not_found"
"""Slack's word for a file that was put into a thread already, or whose bytes never arrived."""


class Uploads:
    """Uploads files, once per dialog and kind. Secrets are masked in names and texts; bytes are sent unchanged."""

    def __init__(
        self,
        client: SlackClient,
        ledger: Ledger,
        boxes: Outboxes,
        calls: Calls,
        whispers: Whispers,
        *,
        redact: Callable[[str], str],
        pace: Pace,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._boxes = boxes
        self._calls = calls
        self._whispers = whispers
        self._redact = redact
        self._window = SlidingWindow(pace.uploads, MINUTE)

    def upload(self, entry: Entry, box: Outbox, upload: Upload) -> None:
        """Upload a file into the dialog's thread, or go on with an upload that was interrupted."""
        if upload.file.kind in entry.attached:
            self._drop(entry, box, upload)
            return
        if not self._calls.take(box.uploads, self._window):
            return
        if upload.file_id is None and not self._send_bytes(entry, box, upload):
            return
        if self._complete(entry, box, upload):
            store(entry, lambda: self._ledger.set_attached(entry.id, upload.file.kind))
            log.info("file_attached", job=entry.id, kind=upload.file.kind)
            self._drop(entry, box, upload)

    def _send_bytes(self, entry: Entry, box: Outbox, upload: Upload) -> bool:
        content = self._content(upload.file)

        def send() -> Answer:
            announced = self._client.announce_upload(self._clean(upload.file.name), len(content))
            self._client.upload(str(announced["upload_url"]), content)
            return announced

        sent = self._calls.call(entry, box.uploads, self._window, send)
        if not isinstance(sent, dict):
            self._react(entry, box, upload, sent)
            return False
        upload.file_id = str(sent["file_id"])
        return True

    def _complete(self, entry: Entry, box: Outbox, upload: Upload) -> bool:
        file_id, title = str(upload.file_id), self._clean(upload.file.title)
        channel, thread_ts = entry.dialog.asked.channel, entry.message
        done = self._calls.call(
            entry,
            box.uploads,
            self._window,
            lambda: self._client.complete_upload(file_id, title=title, channel=channel, thread_ts=thread_ts),
        )
        if isinstance(done, dict):
            return True
        if isinstance(done, SlackRefusal) and done.reason == _FINISHED_BEFORE:
            if upload.may_be_done:
                log.info("file_was_attached", job=entry.id, kind=upload.file.kind)
                return True
            upload.file_id = None
        upload.may_be_done = upload.may_be_done or done is Later.UNANSWERED
        self._react(entry, box, upload, done)
        return False

    def _react(self, entry: Entry, box: Outbox, upload: Upload, refusal: SlackRefusal | Later) -> None:
        """Continue after an error; a file closes no open channel, which may well take messages."""
        if not isinstance(refusal, SlackRefusal):
            return
        match refusal.means:
            case RefusalMeaning.DEAD_TOKEN if not is_lacking(refusal.reason):
                self._calls.close(entry, box, refusal)
            case RefusalMeaning.UNREACHABLE if box.uploads.is_try:
                self._calls.close(entry, box, refusal)
            case RefusalMeaning.MISSING if box.reposted != look(entry.dialog):
                self._post_again(entry, box)
            case RefusalMeaning.UNWANTED | RefusalMeaning.NO_REPLIES | RefusalMeaning.DEAD_TOKEN:
                self.give_up(entry, box, upload, refusal.reason)
            case _:
                self.fail(entry, box, upload, refusal.reason)

    def _post_again(self, entry: Entry, box: Outbox) -> None:
        """Post the dialog again, for a thread to put the file into."""
        with self._boxes.changed:
            box.lose_message(entry.dialog)
            box.dialog = box.dialog or entry.dialog
        store(entry, lambda: self._ledger.set_message(entry.id, None))

    def fail(self, entry: Entry, box: Outbox, upload: Upload, reason: str) -> None:
        """Retry a few times, then give the file up."""
        if self._boxes.fail(box.uploads):
            self.give_up(entry, box, upload, reason)

    def give_up(self, entry: Entry, box: Outbox, upload: Upload, reason: str) -> None:
        """Tell the person who asked for the file that it is not in the thread."""
        log.error("file_given_up", job=entry.id, kind=upload.file.kind, reason=reason)
        asked = entry.dialog.asked
        why = "something went wrong inside the bot" if reason == DEFECT else f"Slack says `{reason}`"
        text = f"The file `{self._clean(upload.file.name)}` could not be put into the thread: {why}."
        url = upload.response_url if upload.user else upload.response_url or entry.response_url
        self._whispers.put(Note(asked.channel, upload.user or asked.user, text, url, by_url_first=True))
        self._drop(entry, box, upload)

    def _drop(self, entry: Entry, box: Outbox, upload: Upload) -> None:
        with self._boxes.changed:
            box.files = [waiting for waiting in box.files if waiting is not upload]
            box.uploads.begin()
        self._boxes.settle(entry.dialog, box)

    def _content(self, file: Attachment) -> bytes:
        if isinstance(file.content, bytes):
            return file.content
        return self._clean(file.content).encode(errors="replace")

    def _clean(self, text: str) -> str:
        # In this order: a secret split by an invisible character would not be recognised.
        return self._redact(without_hidden(text))
