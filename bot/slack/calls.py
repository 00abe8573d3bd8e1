"""One call of Slack's Web API for a dialog, and the reaction to an error."""

from collections.abc import Callable
from datetime import datetime
from http.client import HTTPException
from typing import Any, Protocol

import structlog
from slack_sdk.errors import SlackApiError, SlackClientError, SlackRequestError

from bot.dialogs.ledger import Entry, Ledger
from bot.dialogs.stages import AT_REST
from bot.slack.answers import RefusalMeaning, meaning, seconds_to_wait
from bot.slack.outbox import Outbox, Outboxes, Picture
from bot.slack.pace import SlidingWindow
from bot.slack.views import render
from bot.slack.views.tables import has_table
from commands.errors import StateUnwritable

log = structlog.get_logger()

RETRY_SECONDS = 2.0
MINUTE = 60.0


class SlackClient(Protocol):
    """The part of `slack_sdk.WebClient` that is used here."""

    def api_call(self, api_method: str, *, json: dict[str, Any]) -> Any:  # noqa: ANN401 - the SDK's own answer type
        """Call a Web API method."""
        ...

    def files_upload_v2(self, **arguments: Any) -> Any:  # noqa: ANN401 - the SDK's own
        """Upload a file in Slack's three steps."""
        ...


class Calls:
    """Makes calls for dialogs, each within its rate limit; postpones, simplifies or gives up refused messages."""

    def __init__(
        self,
        ledger: Ledger,
        boxes: Outboxes,
        *,
        clock: Callable[[], datetime],
        respond: Callable[[str, str], bool],
        monotonic: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._boxes = boxes
        self._clock = clock
        self._respond = respond
        self._monotonic = monotonic

    def may(self, box: Outbox, window: SlidingWindow) -> bool:
        """Return whether the rate limit allows a call now; if not, the outbox waits for it."""
        # The outbox is not checked again before the limit allows it: hundreds may wait for one limit.
        box.window = window if window.wait(self._monotonic()) > 0 else None
        return box.window is None

    def call(self, entry: Entry, box: Outbox, window: SlidingWindow, call: Callable[[], Any]) -> dict[str, Any] | None:
        """Make a call; return None if Slack refused it, after deciding how to continue."""
        window.spend(self._monotonic())
        try:
            answer: dict[str, Any] = call()
        except SlackApiError as error:
            self._handle_refusal(entry, box, window, error)
        except SlackRequestError as error:
            # The upload server reports errors in a different way.
            log.warning("slack_refused", job=entry.id, reason=str(error)[:1000])
            self._boxes.postpone(entry.id, box, RETRY_SECONDS, counts=True)
        except (OSError, HTTPException, SlackClientError) as error:
            log.warning("slack_unreachable", job=entry.id, reason=str(error))
            self._boxes.postpone(entry.id, box, RETRY_SECONDS)
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
                self._boxes.postpone(entry.id, box, RETRY_SECONDS)
            case RefusalMeaning.UNREACHABLE:
                self._give_up_channel(entry, box, reason)
            case RefusalMeaning.BAD_BLOCKS if box.dialog is not None and box.picture_of(box.dialog) is not Picture.TEXT:
                box.simplify(box.dialog, has_table=has_table(render(box.dialog, self._clock())))
            case RefusalMeaning.MISSING if not box.reposted:
                self._post_again(entry, box)
            case _:
                self._boxes.postpone(entry.id, box, RETRY_SECONDS, counts=True)

    def _slow_down(self, entry: Entry, box: Outbox, window: SlidingWindow, seconds: float) -> None:
        log.info("slack_rate_limited", job=entry.id, seconds=seconds)
        window.close(self._monotonic() + seconds)
        self._boxes.postpone(entry.id, box, seconds)

    def _post_again(self, entry: Entry, box: Outbox) -> None:
        self._ledger.set_message(entry.id, None)
        with self._boxes.changed:
            box.reposted = True
            box.unsaved_ts = None
            box.dialog = box.dialog or entry.dialog

    def _give_up_channel(self, entry: Entry, box: Outbox, reason: str) -> None:
        """Tell the person once, by the response URL, that the bot cannot write to the channel."""
        if not box.turned_away:
            box.turned_away = True
            told = self._respond(
                entry.response_url,
                f"The bot cannot post here (`{reason}`). Invite it with `/invite`, then type the command again.",
            )
            log.warning("channel_closed", job=entry.id, reason=reason, told=told)
        if isinstance(entry.dialog, AT_REST):
            # The bot cannot write there, so it cannot announce the end either.
            self.store(entry, lambda: self._ledger.set_shown(entry.id, entry.changes))
            self.store(entry, lambda: self._ledger.set_announced(entry.id))
        with self._boxes.changed:
            box.dialog, box.files, box.unannounced = None, [], False
        self._boxes.settle(entry.dialog, box)

    def store(self, entry: Entry, write: Callable[[], object]) -> bool:
        """Store in the ledger what Slack shows; if that fails, the message stays and may be sent again later."""
        try:
            write()
        except StateUnwritable as problem:
            log.warning("delivery_not_stored", job=entry.id, reason=problem.message)
            return False
        return True
