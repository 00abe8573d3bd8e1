"""A channel on a fake Slack, whose time passes only when the test says so."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot.dialogs.ledger import Entry, Ledger
from bot.dialogs.stages import Attachment, Dialog, DialogId, Finished, Preparing, Queued, Running, UnderReview
from bot.logs import Redactor
from bot.slack.channel import Channel
from bot.slack.pace import Pace
from bot.slack.views import render
from commands.command import ImageCreated
from commands.errors import StateUnwritable
from tests.fakes.slack_client import FakeSlackClient, SlackCall
from tests.kit.examples import ASKED, BOB, CREATED, LATER, NOW, PROGRESS, PROPOSAL

SECRET = "hunter2-and-more"
TRIGGER = "1.2.abc"
RESPONSE_URL = "https://hooks.slack.invalid/1"
WHOLE_LOG = Attachment("log", "build-d-1.log", "The whole log", "all of it\n")
PREPARING = Preparing(ASKED, "Looking")
REVIEW = UnderReview(ASKED, PROPOSAL, LATER)
QUEUED = Queued(ASKED, PROPOSAL, BOB, 1)
RUNNING = Running(ASKED, PROPOSAL, BOB, PROGRESS)
DONE = Finished(ASKED, BOB, ImageCreated(PROPOSAL, CREATED), PROGRESS, NOW)


class UnwritableLedger(Ledger):
    """A ledger that is not written while `full`, not read while `is_unreadable`, and hides all while `is_empty`."""

    full = False
    is_empty = False
    is_unreadable = False

    def get(self, dialog: DialogId) -> Entry | None:
        if self.is_unreadable:
            raise StateUnwritable("The database is gone.", hint="Start it.")
        return None if self.is_empty else super().get(dialog)

    def _set(self, dialog: DialogId, **values: object) -> None:
        if self.full:
            raise StateUnwritable("The disk is full.", hint="Free some space.")
        super()._set(dialog, **values)


@dataclass(slots=True)
class ChannelDriver:
    """A channel whose time passes only when the test says so; its thread is not started."""

    ledger: UnwritableLedger
    slack: FakeSlackClient = field(default_factory=FakeSlackClient)
    pace: Pace = field(default_factory=lambda: Pace(first_seconds=0.0))
    told: list[tuple[str, str]] = field(default_factory=list)
    is_told: bool = True
    """Whether the response URLs work."""
    now: float = 1000.0
    channel: Channel = field(init=False)

    def __post_init__(self) -> None:
        self.slack.clock = lambda: self.now
        self.restart()

    def restart(self, redact: Callable[[str], str] | None = None) -> None:
        """Take a new channel, as a new process does."""
        self.channel = Channel(
            self.slack,
            self.ledger,
            redact=redact or Redactor([SECRET]),
            clock=self.time,
            respond=self.respond,
            pace=self.pace,
            monotonic=lambda: self.now,
        )

    def time(self) -> datetime:
        """The time of day."""
        return NOW + timedelta(seconds=self.now)

    def respond(self, url: str, text: str) -> bool:
        """Take what is told by a response URL."""
        self.told.append((url, text))
        return self.is_told

    def asked(self, dialog: Dialog) -> None:
        """Store a new dialog, and show it."""
        is_first = dialog.asked.dialog == ASKED.dialog
        trigger = TRIGGER if is_first else f"{TRIGGER}-{dialog.asked.dialog}"
        assert self.ledger.add(Entry(dialog, trigger=trigger, response_url=RESPONSE_URL))
        self.channel.show(dialog)

    def moved(self, to: Dialog) -> None:
        """Store a dialog's next stage without showing it."""
        earlier = type(self.entry(to.asked.dialog).dialog)
        assert self.ledger.move(to, after=(earlier,), now=0.0)

    def goes_to(self, *stages: Dialog) -> None:
        """Store and show one stage after the other."""
        for stage in stages:
            self.moved(stage)
            self.channel.show(stage)

    def entry(self, dialog: str = "d-1") -> Entry:
        """Read the ledger."""
        entry = self.ledger.get(DialogId(dialog))
        assert entry is not None
        return entry

    def passes(self, seconds: float = 60.0) -> list[SlackCall]:
        """Let so much time pass; gives the calls that were made in it."""
        before, end = len(self.slack.calls), self.now + seconds
        while True:
            while self.channel.send_next():
                assert len(self.slack.calls) - before < 2000, "it sends without end"
            wait = self.channel.seconds_to_next()
            if wait is None or self.now + wait > end:
                self.now = end
                return self.slack.calls[before:]
            self.now += wait

    @property
    def message(self) -> Mapping[str, Any]:
        """The one dialog in the channel."""
        (only,) = self.slack.messages.values()
        return only


def methods(calls: list[SlackCall]) -> list[str]:
    """Return the methods of the calls."""
    return [call.method for call in calls]


def shows(message: Mapping[str, Any], dialog: Dialog, at: datetime) -> bool:
    """Return whether a message shows this stage."""
    picture = render(dialog, at)
    return (message["text"], tuple(message["blocks"])) == (picture.text, picture.blocks)


@contextmanager
def sending(driver: ChannelDriver, *, seconds: float = 0.0) -> Iterator[Channel]:
    """Start the threads of a channel, and close it within `seconds` in the end."""
    channel = Channel(
        driver.slack,
        driver.ledger,
        redact=Redactor(),
        clock=driver.time,
        respond=driver.respond,
        pace=driver.pace,
    )
    channel.start()
    try:
        yield channel
    finally:
        channel.close(seconds)
