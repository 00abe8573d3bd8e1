"""The notes that only one person sees: as an ephemeral message, or by the response URL of a command or click."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from slack_sdk.errors import SlackApiError

from bot.slack.answers import RefusalMeaning, meaning, seconds_to_wait
from bot.slack.outbox import Outboxes
from bot.slack.pace import SlidingWindow
from bot.slack.sender_client import SlackClient

log = structlog.get_logger()

_WAITING = 100
"""The most notes that wait: more mean that a person clicks too fast, and the oldest are dropped."""
_LOGGED = 100
"""The characters of a lost note in the log."""


@dataclass(frozen=True, slots=True)
class Note:
    """A note for one person; `by_url_first` where the bot may be unable to write to the channel."""

    channel: str
    user: str
    text: str
    response_url: str = ""
    by_url_first: bool = False


class Whispers:
    """Sends notes, each by the first way that works; a restart loses the notes that wait."""

    def __init__(
        self,
        client: SlackClient,
        boxes: Outboxes,
        window: SlidingWindow,
        *,
        redact: Callable[[str], str],
        respond: Callable[[str, str], bool],
        monotonic: Callable[[], float],
    ) -> None:
        self._client = client
        self._changed = boxes.changed
        self._window = window
        self._redact = redact
        self._respond = respond
        self._monotonic = monotonic
        self._waiting: deque[Note] = deque()

    def put(self, note: Note) -> None:
        """Put in a note; too many drop the oldest."""
        with self._changed:
            self._waiting.append(note)
            dropped = self._waiting.popleft() if len(self._waiting) > _WAITING else None
            self._changed.notify_all()
        if dropped:
            self._lose(dropped)

    def take(self) -> Note | None:
        """Take the next note that is due; None if none is."""
        with self._changed:
            now = self._monotonic()
            if not self._waiting or self._window.wait(now) > 0:
                return None
            self._window.spend(now)
            return self._waiting.popleft()

    def seconds(self) -> float:
        """Return in how many seconds a note is due; infinity if none waits."""
        return self._window.wait(self._monotonic()) if self._waiting else float("inf")

    def send(self, note: Note) -> None:
        """Send a note by the first way that works; log it if none does."""
        try:
            if note.by_url_first:
                is_sent = self._send_by_url(note) or self._send_in_channel(note)
            else:
                is_sent = self._send_in_channel(note) or self._send_by_url(note)
        except Exception:
            # The thread's boundary: one lost note must not silence the others.
            log.exception("note_broke", user=note.user)
            is_sent = False
        if not is_sent:
            self._lose(note)

    def _send_by_url(self, note: Note) -> bool:
        return bool(note.response_url) and self._respond(note.response_url, self._redact(note.text))

    def _send_in_channel(self, note: Note) -> bool:
        """Send an ephemeral message; return True too if it waits for the rate limit."""
        body = {"channel": note.channel, "user": note.user, "text": self._redact(note.text)}
        try:
            self._client.api_call("chat.postEphemeral", json=body)
        except SlackApiError as error:
            log.warning("note_refused", user=note.user, reason=str(error.response.get("error"))[:1000])
            return meaning(error) is RefusalMeaning.TOO_FAST and self._put_back(note, seconds_to_wait(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the response URL may still work
            log.warning("note_not_sent", user=note.user, reason=str(error))
            return False
        return True

    def _put_back(self, note: Note, seconds: float) -> bool:
        with self._changed:
            self._window.close(self._monotonic() + seconds)
            self._waiting.appendleft(note)
        return True

    def _lose(self, note: Note) -> None:
        log.error("note_not_delivered", user=note.user, text=self._redact(note.text)[:_LOGGED])
