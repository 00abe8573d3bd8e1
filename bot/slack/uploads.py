"""The files that the sender puts into the threads of dialogs."""

from collections.abc import Callable

import structlog

from bot.dialogs.ledger import Entry, Ledger
from bot.dialogs.stages import Attachment
from bot.slack.calls import MINUTE, Calls, SlackClient
from bot.slack.outbox import Outbox, Outboxes
from bot.slack.pace import Pace, SlidingWindow
from commands.text import without_hidden

log = structlog.get_logger()


class Uploads:
    """Uploads files, once per dialog and kind. Secrets are masked in names and texts; bytes are sent unchanged."""

    def __init__(
        self,
        client: SlackClient,
        ledger: Ledger,
        boxes: Outboxes,
        calls: Calls,
        *,
        redact: Callable[[str], str],
        pace: Pace,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._boxes = boxes
        self._calls = calls
        self._redact = redact
        self._window = SlidingWindow(pace.uploads, MINUTE)

    def upload(self, entry: Entry, box: Outbox, file: Attachment) -> None:
        """Upload a file into the dialog's thread."""
        if file.kind not in entry.attached:
            arguments = {
                "channel": entry.dialog.asked.channel,
                "thread_ts": entry.message,
                "filename": self._clean(file.name),
                "title": self._clean(file.title),
                "content": self._content(file),
            }
            if not self._calls.may(box, self._window):
                return
            if self._calls.call(entry, box, self._window, lambda: self._client.files_upload_v2(**arguments)) is None:
                return
            self._calls.store(entry, lambda: self._ledger.set_attached(entry.id, file.kind))
            log.info("file_attached", job=entry.id, kind=file.kind)
        with self._boxes.changed:
            box.files = [waiting for waiting in box.files if waiting is not file]
            box.attempts = 0
        self._boxes.settle(entry.dialog, box)

    def _content(self, file: Attachment) -> str | bytes:
        return self._clean(file.content) if isinstance(file.content, str) else file.content

    def _clean(self, text: str) -> str:
        # In this order: a secret split by an invisible character would not be recognised.
        return self._redact(without_hidden(text))
