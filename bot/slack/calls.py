"""One call of Slack's Web API for a dialog, and the reaction to an error."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from http.client import HTTPException
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError, SlackClientError, SlackRequestError

from bot.dialogs.ledger import Entry
from bot.slack.answers import RefusalMeaning, advice, meaning, seconds_to_wait
from bot.slack.closures import Closures
from bot.slack.outbox import Lane, Outbox, Outboxes
from bot.slack.pace import SlidingWindow
from bot.slack.whispers import Note, Whispers
from commands.errors import StateUnwritable

log = structlog.get_logger()

MINUTE = 60.0
DEFECT = "a defect of the bot"
"""The reason of an error that is not Slack's."""


@dataclass(frozen=True, slots=True)
class SlackRefusal:
    """An error of Slack that does not pass by itself: Slack's word for it, and how to continue."""

    reason: str
    means: RefusalMeaning


class Later(Enum):
    """Why the same call is made again later."""

    REFUSED = auto()
    """Slack did not take it now."""
    UNANSWERED = auto()
    """Slack did not answer, or failed: the call may have taken effect."""


Answer = dict[str, Any]
Result = Answer | SlackRefusal | Later


class Calls:
    """Makes calls for dialogs, each within its rate limit; retries, or says what Slack refused."""

    def __init__(
        self, boxes: Outboxes, closures: Closures, whispers: Whispers, *, monotonic: Callable[[], float]
    ) -> None:
        self._boxes = boxes
        self._closures = closures
        self._whispers = whispers
        self._monotonic = monotonic

    def take(self, lane: Lane, window: SlidingWindow) -> bool:
        """Count a call if the rate limit allows one now; if not, the part waits for it."""
        # The outbox is not checked again before the limit allows it: hundreds may wait for one limit.
        with self._boxes.changed:
            now = self._monotonic()
            lane.window = window if window.wait(now) > 0 else None
            if lane.window is None:
                window.spend(now)
            return lane.window is None

    def call(self, entry: Entry, lane: Lane, window: SlidingWindow, call: Callable[[], Answer]) -> Result:
        """Make a call; after an error that passes by itself, the turn comes again later."""
        try:
            answer = call()
        except SlackApiError as error:
            return self._refusal(entry, lane, window, error)
        except SlackRequestError as error:
            # The upload server reports errors in a different way.
            log.warning("slack_refused", job=entry.id, reason=str(error)[:1000])
            return SlackRefusal(str(error)[:1000], RefusalMeaning.REFUSED)
        except (OSError, HTTPException, SlackClientError) as error:
            log.warning("slack_unreachable", job=entry.id, reason=str(error))
            self._boxes.postpone(lane)
            return Later.UNANSWERED
        self._note_success(entry)
        return answer

    def _refusal(self, entry: Entry, lane: Lane, window: SlidingWindow, error: SlackApiError) -> SlackRefusal | Later:
        reason, means = str(error.response.get("error"))[:1000], meaning(error)
        if means is RefusalMeaning.TOO_FAST:
            self._slow_down(entry, lane, window, seconds_to_wait(error))
            return Later.REFUSED
        log.warning("slack_refused", job=entry.id, reason=reason, answer=str(error.response.data)[:1000])
        if means is RefusalMeaning.PASSING:
            self._boxes.postpone(lane)
            return Later.UNANSWERED
        return SlackRefusal(reason, means)

    def _slow_down(self, entry: Entry, lane: Lane, window: SlidingWindow, seconds: float) -> None:
        log.info("slack_rate_limited", job=entry.id, seconds=seconds)
        with self._boxes.changed:
            window.close(self._monotonic() + seconds)
        self._boxes.postpone(lane, seconds)

    def _note_success(self, entry: Entry) -> None:
        with self._boxes.changed:
            if self._closures.open(entry.dialog.asked.channel):
                log.info("channel_opened", job=entry.id, channel=entry.dialog.asked.channel)

    def close(self, entry: Entry, box: Outbox, refusal: SlackRefusal) -> None:
        """Close the channel, or all of them if Slack does not accept the token; everything stays in its outbox."""
        channel, is_token = entry.dialog.asked.channel, refusal.means is RefusalMeaning.DEAD_TOKEN
        with self._boxes.changed:
            if is_token:
                self._closures.close_all(refusal.reason, self._monotonic())
            else:
                self._closures.close(channel, refusal.reason, self._monotonic())
        log.warning("token_refused" if is_token else "channel_closed", job=entry.id, reason=refusal.reason)
        self.tell_closed(entry, box, refusal.reason)

    def tell_closed(self, entry: Entry, box: Outbox, reason: str) -> None:
        """Tell the requester once that the bot cannot write to the channel."""
        self.tell(entry, box, reason, f"The bot cannot post here (`{reason}`). {advice(reason)}")

    def refuse(self, entry: Entry, box: Outbox, reason: str) -> None:
        """Retry a message a few times; then tell the requester, and set it aside."""
        if not self._boxes.fail(box.messages):
            return
        log.error("message_set_aside", job=entry.id, reason=reason)
        with self._boxes.changed:
            box.freeze(entry.dialog)
        self.tell(entry, box, reason, f"The bot cannot show this dialog in the channel: `{reason}`. {advice(reason)}")

    def tell(self, entry: Entry, box: Outbox, reason: str, text: str) -> None:
        """Tell the requester of a refusal once, by the response URL or else by a note."""
        if reason not in box.told:
            box.told.add(reason)
            asked = entry.dialog.asked
            self._whispers.put(Note(asked.channel, asked.user, text, entry.response_url, by_url_first=True))


def store(entry: Entry, write: Callable[[], object]) -> bool:
    """Store in the ledger what Slack shows; if that fails, the message stays and may be sent again later."""
    try:
        write()
    except StateUnwritable as problem:
        log.warning("delivery_not_stored", job=entry.id, reason=problem.message)
        return False
    return True
