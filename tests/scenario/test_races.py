"""Moments that threads hit only now and then, brought about on purpose."""

from collections.abc import Callable
from pathlib import Path

from bot.dialogs.ledger import Entry, Ledger, sqlite_url
from bot.dialogs.stages import DialogId, Preparing, UnderReview
from bot.slack.channel import Channel
from bot.slack.pace import Pace
from tests.fakes.slack_client import FakeSlackClient
from tests.kit.examples import ASKED, LATER, NOW, PROPOSAL


class LateReader(Ledger):
    """A ledger in which something happens between a reader's look and what the reader does next."""

    meanwhile: Callable[[], None] | None = None

    def get(self, dialog: DialogId) -> Entry | None:
        entry = super().get(dialog)
        happening, self.meanwhile = self.meanwhile, None
        if happening:
            happening()
        return entry


def test_a_stage_that_comes_while_an_earlier_one_is_being_sent_is_not_lost(tmp_path: Path) -> None:
    ledger = LateReader(sqlite_url(tmp_path / "dialogs.sqlite"))
    slack = FakeSlackClient()
    channel = Channel(
        slack,
        ledger,
        redact=str,
        clock=lambda: NOW,
        respond=lambda _url, _text: True,
        pace=Pace(first_seconds=0.0),
        monotonic=lambda: 0.0,
    )
    preparing, review = Preparing(ASKED, "Looking"), UnderReview(ASKED, PROPOSAL, LATER)

    def move_on() -> None:
        assert ledger.move(review, after=(Preparing,), now=0.0)
        channel.show(review)

    ledger.add(Entry(preparing, trigger="1", response_url="https://hooks.slack.invalid/1"))
    channel.show(preparing)
    assert channel.send_next()
    ledger.meanwhile = move_on
    channel.show(Preparing(ASKED, "Resolving"))
    while channel.send_next():
        pass
    assert slack.calls[-1].body["metadata"]["event_payload"]["state"] == "review"
    ledger.close()
