import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
from slack_sdk.errors import SlackRequestError

from bot.dialogs.ledger import Entry, Ledger, sqlite_url
from bot.dialogs.progress import Progress, Step, StepState
from bot.dialogs.stages import (
    FINAL,
    Attachment,
    Deciding,
    Dialog,
    DialogId,
    Failed,
    Finished,
    Listed,
    Preparing,
    Queued,
    Running,
    UnderReview,
    is_shown_only,
)
from bot.logs import MASK, Redactor
from bot.slack.channel import Channel
from bot.slack.messages import EVENT_TYPE
from bot.slack.pace import Pace
from bot.slack.views import announcement, render
from bot.slack.views.facts import facts
from bot.slack.views.tables import without_tables
from commands.command import ImageCreated, ImagesUpdated
from commands.errors import StateUnwritable
from tests.fakes.logs import logs_to
from tests.fakes.slack_client import Call, FakeSlackClient, Refusal, refusal
from tests.kit.examples import (
    ALICE,
    ASKED,
    BOB,
    CREATED,
    EVERY_KIND,
    LATER,
    LISTING,
    NOW,
    PROGRESS,
    PROPOSAL,
    UPDATE,
    UPDATED,
    asked_as,
)

SECRET = "hunter2-and-more"
TRIGGER = "1.2.abc"
RESPONSE_URL = "https://hooks.slack.invalid/1"
WHOLE_LOG = Attachment("log", "build-d-1.log", "The whole log", "all of it\n")
PREPARING = Preparing(ASKED, "Looking")
REVIEW = UnderReview(ASKED, PROPOSAL, LATER)
QUEUED = Queued(ASKED, PROPOSAL, BOB, 1)
RUNNING = Running(ASKED, PROPOSAL, BOB, PROGRESS)
DONE = Finished(ASKED, BOB, ImageCreated(PROPOSAL, CREATED), PROGRESS, NOW)
UPDATED_IMAGES = Finished(ASKED, BOB, ImagesUpdated(UPDATE, UPDATED), PROGRESS, NOW)


class FullDisk(Ledger):
    """A ledger that can be read but, while `full`, not written."""

    full = False

    def _set(self, dialog: DialogId, **values: object) -> None:
        if self.full:
            raise StateUnwritable("The disk is full.", hint="Free some space.")
        super()._set(dialog, **values)


@dataclass(slots=True)
class Stage:
    """A channel whose time passes only when the test says so; its thread is not started."""

    ledger: FullDisk
    slack: FakeSlackClient = field(default_factory=FakeSlackClient)
    pace: Pace = field(default_factory=lambda: Pace(first_seconds=0.0))
    told: list[tuple[str, str]] = field(default_factory=list)
    now: float = 1000.0
    channel: Channel = field(init=False)

    def __post_init__(self) -> None:
        self.slack.clock = lambda: self.now
        self.restart()

    def restart(self) -> None:
        """Take a new channel, as a new process does."""
        self.channel = Channel(
            self.slack,
            self.ledger,
            redact=Redactor([SECRET]),
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
        return True

    def asked(self, dialog: Dialog) -> None:
        """Store a new dialog, and show it."""
        self.ledger.add(Entry(dialog, trigger=TRIGGER, response_url=RESPONSE_URL))
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

    def passes(self, seconds: float = 60.0) -> list[Call]:
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
    def message(self) -> Any:  # noqa: ANN401 - any JSON
        """The one dialog in the channel."""
        (only,) = self.slack.messages.values()
        return only


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with logs_to(StringIO()):
        yield


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[FullDisk]:
    opened = FullDisk(sqlite_url(tmp_path / "dialogs.sqlite"))
    yield opened
    opened.close()


@pytest.fixture
def stage(ledger: FullDisk) -> Stage:
    return Stage(ledger)


def methods(calls: list[Call]) -> list[str]:
    return [call.method for call in calls]


def shows(message: Any, dialog: Dialog, at: datetime) -> bool:  # noqa: ANN401 - any JSON
    picture = render(dialog, at)
    return (message["text"], tuple(message["blocks"])) == (picture.text, picture.blocks)


# ── One dialog from its first stage to its last ─────────────────────────────────────────────────────────────────────


def test_a_dialog_is_one_message_that_is_edited(stage: Stage) -> None:
    stage.asked(PREPARING)
    stage.passes(1)
    stage.goes_to(REVIEW)
    calls = stage.passes(1)

    assert methods(stage.slack.calls) == ["chat.postMessage", "chat.update"]
    assert calls[0].body == {
        "channel": "C0WARROOM",
        "text": render(REVIEW, stage.time()).text,
        "blocks": render(REVIEW, stage.time()).blocks,
        "metadata": {"event_type": EVENT_TYPE, "event_payload": {**facts(REVIEW), "trigger": TRIGGER}},
        "ts": stage.entry().message,
    }


def test_the_end_comes_in_the_order_edit_log_announcement(stage: Stage) -> None:
    stage.asked(PREPARING)
    stage.passes(1)
    stage.goes_to(REVIEW, QUEUED, RUNNING, DONE)
    # As in a real end: the edit is made before the log has been read from disk.
    stage.passes(0.2)
    stage.channel.attach(DialogId("d-1"), WHOLE_LOG)

    calls = stage.passes()

    assert methods(stage.slack.calls) == ["chat.postMessage", "chat.update", "files", "chat.postMessage"]
    file, reply = calls
    ts = stage.entry().message
    assert file.body == {
        "channel": "C0WARROOM",
        "thread_ts": ts,
        "filename": "build-d-1.log",
        "title": "The whole log",
        "content": "all of it\n",
    }
    assert reply.body == {"channel": "C0WARROOM", "thread_ts": ts, "text": announcement(DONE)}


def test_the_ledger_knows_what_slack_has(stage: Stage) -> None:
    stage.asked(PREPARING)
    stage.passes(1)
    stage.goes_to(REVIEW, QUEUED, RUNNING, DONE)
    stage.channel.attach(DialogId("d-1"), WHOLE_LOG)
    stage.passes()

    entry = stage.entry()
    assert entry.message in stage.slack.messages
    assert (entry.shown, entry.announced, entry.attached) == (entry.changes, True, frozenset({"log"}))
    assert stage.ledger.unshown_entries() == ()


@pytest.mark.parametrize(
    "end",
    [each for each in EVERY_KIND if isinstance(each, FINAL) and not is_shown_only(each)],
    ids=lambda end: type(end).__name__,
)
def test_every_end_is_delivered_and_announced_once(stage: Stage, end: Dialog) -> None:
    stage.asked(PREPARING)
    stage.goes_to(end)
    stage.passes()

    assert shows(stage.message, end, NOW + timedelta(seconds=1000))
    replies = [call.text for call in stage.slack.calls if "thread_ts" in call.body]
    assert replies == [announcement(end)]
    assert stage.channel.seconds_to_next() is None


@pytest.mark.parametrize("shown", [each for each in EVERY_KIND if is_shown_only(each)])
def test_what_is_only_shown_calls_nobody_and_is_not_sent_again(stage: Stage, shown: Dialog) -> None:
    stage.asked(PREPARING)
    stage.goes_to(shown)
    stage.passes()

    assert shows(stage.message, shown, NOW + timedelta(seconds=1000))
    assert [call for call in stage.slack.calls if "thread_ts" in call.body] == []
    assert stage.channel.seconds_to_next() is None
    assert stage.ledger.unshown_entries() == ()


def test_a_list_is_edited_each_time_that_its_page_is_turned(stage: Stage) -> None:
    page = Listed(ASKED, LISTING)
    stage.asked(PREPARING)
    stage.goes_to(page)
    stage.passes()
    stage.goes_to(replace(page, trouble="The daemon does not answer."))
    stage.passes()
    stage.goes_to(page)
    calls = stage.passes()

    assert methods(calls) == ["chat.update"]
    assert shows(stage.message, page, NOW + timedelta(seconds=1120))


def test_a_question_is_announced_once_and_the_end_after_it_too(stage: Stage) -> None:
    question = next(each for each in EVERY_KIND if isinstance(each, Deciding))
    stage.asked(PREPARING)
    stage.goes_to(question)
    stage.passes()
    stage.channel.show(question)
    stage.passes()
    stage.goes_to(DONE)
    stage.passes()

    replies = [call.text for call in stage.slack.calls if "thread_ts" in call.body]
    assert replies == [announcement(question), announcement(DONE)]


def test_only_the_newest_stage_is_sent(stage: Stage) -> None:
    stage.asked(PREPARING)
    stage.goes_to(REVIEW, QUEUED)

    assert len(stage.passes(1)) == 1
    assert shows(stage.message, QUEUED, NOW + timedelta(seconds=1000))


def test_what_is_not_in_the_ledger_is_dropped_and_the_others_are_shown(stage: Stage) -> None:
    stage.channel.show(replace(PREPARING, asked=asked_as("nobody-knows")))
    stage.asked(PREPARING)

    assert methods(stage.passes()) == ["chat.postMessage"]
    assert stage.channel.seconds_to_next() is None


# ── Stages that come late ───────────────────────────────────────────────────────────────────────────────────────────


def test_progress_that_comes_after_the_end_does_not_hide_it(stage: Stage) -> None:
    stage.asked(PREPARING)
    stage.goes_to(REVIEW, QUEUED, RUNNING)
    stage.passes(1)
    stage.goes_to(DONE)
    stage.channel.show(RUNNING)
    stage.passes(1)
    at_the_end = len(stage.slack.calls)
    stage.channel.show(RUNNING)
    stage.passes()

    assert shows(stage.message, DONE, NOW + timedelta(seconds=1001))
    assert stage.entry().shown == stage.entry().changes
    # The announcement was sent already: a late stage costs no call at all.
    assert len(stage.slack.calls) == at_the_end


def test_progress_that_comes_before_the_end_was_shown_brings_the_end(stage: Stage) -> None:
    stage.asked(PREPARING)
    stage.goes_to(REVIEW, QUEUED, RUNNING)
    stage.passes(2)
    stage.moved(DONE)
    stage.channel.show(RUNNING)
    stage.passes(5)
    stage.channel.show(DONE)
    stage.passes()

    assert shows(stage.message, DONE, NOW + timedelta(seconds=1002))
    assert stage.entry().announced


def test_a_place_in_the_queue_that_comes_late_does_not_empty_the_progress(stage: Stage) -> None:
    stage.asked(PREPARING)
    stage.goes_to(REVIEW, QUEUED)
    stage.moved(replace(RUNNING, progress=Progress(NOW)))
    stage.channel.show(RUNNING)
    stage.passes(2)
    stage.channel.show(replace(QUEUED, position=2))
    stage.passes()

    assert shows(stage.message, RUNNING, NOW + timedelta(seconds=1000))


def test_an_end_that_could_not_be_stored_is_shown_all_the_same(stage: Stage) -> None:
    failed = Failed(ASKED, "The bot cannot write its state.", "Free some space.")
    stage.asked(PREPARING)
    stage.passes(1)
    stage.channel.show(failed)
    stage.channel.show(PREPARING)
    stage.passes()

    assert shows(stage.message, failed, NOW + timedelta(seconds=1001))
    assert not stage.entry().announced


# ── When Slack refuses ──────────────────────────────────────────────────────────────────────────────────────────────

PASSING: dict[str, Callable[[], Exception]] = {
    "no connection": lambda: URLError("refused"),
    "reset": lambda: ConnectionResetError("reset"),
    "too slow": lambda: TimeoutError("timed out"),
    "HTTP 500": lambda: refusal("Received a response in a non-JSON format: <html>", status=500),
    "HTTP 503": lambda: refusal("service_unavailable", status=503),
    "internal": lambda: refusal("internal_error"),
    "too fast": lambda: refusal("ratelimited", status=429, retry_after=7),
}


@pytest.mark.parametrize("trouble", PASSING)
def test_the_end_is_delivered_however_long_slack_is_in_trouble(stage: Stage, trouble: str) -> None:
    stage.asked(PREPARING)
    stage.passes(1)
    stage.goes_to(DONE)
    stage.channel.attach(DialogId("d-1"), WHOLE_LOG)
    stage.slack.refuse = lambda _: PASSING[trouble]()
    tried = stage.passes(600)
    assert 60 <= len(tried) <= 310
    stage.slack.refuse = lambda _: None

    stage.passes(600)

    assert stage.message["text"] == render(DONE, NOW).text
    assert methods(stage.slack.calls)[-3:] == ["chat.update", "files", "chat.postMessage"]
    assert stage.ledger.unshown_entries() == ()


@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update", "files", "chat.postEphemeral"])
def test_after_429_nothing_of_the_kind_is_sent_before_its_time(stage: Stage, method: str) -> None:
    stage.asked(PREPARING)
    if method != "chat.postMessage":
        stage.passes(1)
    stage.goes_to(REVIEW)
    stage.channel.attach(DialogId("d-1"), WHOLE_LOG)
    stage.channel.whisper("C0WARROOM", BOB, "Late.")
    seen: list[Call] = []

    def refuse(call: Call) -> Refusal:
        if call.method != method:
            return None
        seen.append(call)
        return refusal("ratelimited", status=429, retry_after=30) if len(seen) == 1 else None

    stage.slack.refuse = refuse
    stage.passes(120)

    assert len(seen) == 2
    assert seen[1].at - seen[0].at >= 30


@pytest.mark.parametrize("header", [{}, {"Retry-After": "soon"}])
def test_a_429_without_a_time_is_waited_out_too(stage: Stage, header: dict[str, str]) -> None:
    too_fast = refusal("ratelimited", status=429)
    too_fast.response.headers = header
    stage.slack.script.append(too_fast)
    stage.asked(PREPARING)

    first, second = stage.passes()

    assert 1 <= second.at - first.at <= 10


@pytest.mark.parametrize("reason", ["message_not_found", "cant_update_message", "edit_window_closed"])
def test_a_dialog_that_was_taken_away_is_posted_anew(stage: Stage, reason: str) -> None:
    stage.asked(PREPARING)
    stage.passes(1)
    before = stage.entry().message
    assert before is not None
    stage.slack.delete(before)
    stage.slack.script.append(refusal(reason))
    stage.goes_to(DONE)
    stage.passes()

    assert shows(stage.message, DONE, NOW + timedelta(seconds=1001))
    assert stage.entry().message in stage.slack.messages
    assert stage.slack.calls[-1].body["thread_ts"] == stage.entry().message


@pytest.mark.parametrize("method", ["files", "announcement"])
def test_a_thread_that_was_taken_away_is_begun_anew(stage: Stage, method: str) -> None:
    stage.asked(PREPARING)
    stage.passes(1)
    gone = stage.entry().message

    def refuse(call: Call) -> Refusal:
        is_asked_for = call.method == "files" if method == "files" else call.method == "chat.postMessage"
        in_the_old_thread = call.body.get("thread_ts") == gone
        return refusal("thread_not_found") if is_asked_for and in_the_old_thread else None

    stage.slack.refuse = refuse
    stage.goes_to(DONE)
    stage.channel.attach(DialogId("d-1"), WHOLE_LOG)
    stage.passes()

    entry = stage.entry()
    assert entry.message != gone
    assert stage.slack.calls[-1].body["thread_ts"] == entry.message
    assert (entry.announced, entry.attached) == (True, frozenset({"log"}))


def test_a_thread_that_slack_never_finds_is_not_begun_for_ever(stage: Stage) -> None:
    stage.slack.refuse = lambda call: refusal("thread_not_found") if call.method == "files" else None
    stage.asked(PREPARING)
    stage.goes_to(DONE)
    stage.channel.attach(DialogId("d-1"), WHOLE_LOG)
    calls = stage.passes(600)

    assert len(calls) <= 10
    assert calls[-1].text == announcement(DONE)


@pytest.mark.parametrize("reason", ["invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"])
def test_blocks_that_slack_does_not_take_leave_the_text(stage: Stage, reason: str) -> None:
    stage.slack.refuse = lambda call: refusal(reason) if call.body.get("blocks") else None
    stage.asked(PREPARING)
    stage.goes_to(DONE)
    stage.passes()

    assert stage.message["text"] == render(DONE, NOW).text
    assert list(stage.message["blocks"]) == []
    assert stage.ledger.unshown_entries() == ()


def without_table(call: Call) -> bool:
    return all(block["type"] != "table" for block in call.body.get("blocks", ()))


def test_a_table_that_slack_does_not_take_is_written_out_with_its_buttons(stage: Stage) -> None:
    stage.slack.refuse = lambda call: None if without_table(call) else refusal("invalid_blocks")
    stage.asked(PREPARING)
    stage.goes_to(UPDATED_IMAGES)
    calls = stage.passes()

    expected = without_tables(render(UPDATED_IMAGES, NOW))
    assert tuple(stage.message["blocks"]) == expected.blocks
    assert stage.message["blocks"][-1]["type"] == "actions"
    assert methods(calls) == ["chat.postMessage", "chat.postMessage", "chat.postMessage"]  # refused, taken, announced
    assert stage.ledger.unshown_entries() == ()


def test_a_message_with_a_table_is_text_alone_where_slack_takes_no_blocks_at_all(stage: Stage) -> None:
    stage.slack.refuse = lambda call: refusal("invalid_blocks") if call.body.get("blocks") else None
    stage.asked(PREPARING)
    stage.goes_to(UPDATED_IMAGES)
    calls = stage.passes()

    assert [len(call.body.get("blocks", ())) > 0 for call in calls] == [True, True, False, False]
    assert stage.message["text"] == render(UPDATED_IMAGES, NOW).text
    assert stage.ledger.unshown_entries() == ()


def test_blocks_are_tried_again_at_the_next_stage(stage: Stage) -> None:
    stage.slack.script.append(refusal("invalid_blocks"))
    stage.asked(PREPARING)
    stage.passes(1)
    assert list(stage.message["blocks"]) == []
    stage.goes_to(REVIEW)
    stage.passes(1)

    assert stage.message["blocks"]


@pytest.mark.parametrize("reason", ["not_in_channel", "channel_not_found", "is_archived", "restricted_action"])
def test_a_channel_without_a_way_in_is_told_once_by_the_response_url(stage: Stage, reason: str) -> None:
    stage.slack.refuse = lambda _: refusal(reason)
    stage.asked(PREPARING)
    stage.channel.attach(DialogId("d-1"), WHOLE_LOG)
    calls = stage.passes(600)
    for step in (REVIEW, QUEUED, RUNNING, DONE):
        stage.goes_to(step)
        stage.channel.attach(DialogId("d-1"), WHOLE_LOG)
        calls += stage.passes(600)

    assert len(calls) == 5  # each stage is tried once: somebody may have invited the bot
    assert stage.told == [
        (
            RESPONSE_URL,
            f"The bot cannot post here (`{reason}`). Invite it with `/invite`, then type the command again.",
        )
    ]
    # Nobody is there to tell, now or after a restart.
    assert stage.ledger.unshown_entries() == ()
    assert stage.channel.seconds_to_next() is None


def test_a_bot_that_is_invited_in_between_shows_the_dialog(stage: Stage) -> None:
    stage.slack.script.append(refusal("not_in_channel"))
    stage.asked(PREPARING)
    stage.passes(1)
    stage.goes_to(DONE)
    stage.passes()

    assert shows(stage.message, DONE, NOW + timedelta(seconds=1001))
    assert stage.entry().announced


def test_a_refusal_that_nothing_mends_ends_after_a_few_tries_and_is_owed(stage: Stage) -> None:
    stage.slack.refuse = lambda _: refusal("invalid_auth")
    stage.asked(PREPARING)

    assert 2 <= len(stage.passes(3600)) <= 10
    assert [entry.id for entry in stage.ledger.unshown_entries()] == ["d-1"]


@pytest.mark.parametrize(
    "trouble", [refusal("missing_scope"), SlackRequestError("Failed to upload a file (status: 413)")], ids=str
)
def test_a_file_that_slack_does_not_take_does_not_silence_the_announcement(stage: Stage, trouble: Exception) -> None:
    stage.slack.refuse = lambda call: trouble if call.method == "files" else None
    stage.asked(PREPARING)
    stage.goes_to(DONE)
    stage.channel.attach(DialogId("d-1"), WHOLE_LOG)
    calls = stage.passes(600)

    assert methods(calls).count("files") <= 10
    assert calls[-1].text == announcement(DONE)
    assert stage.entry().attached == frozenset()


def test_a_defect_in_one_dialog_does_not_silence_the_others(stage: Stage) -> None:
    other = Preparing(asked_as("d-2"), "Looking")
    stage.slack.refuse = lambda call: RuntimeError("a defect") if "d-1" in json.dumps(call.body["metadata"]) else None
    stage.asked(PREPARING)
    stage.asked(other)
    stage.channel.whisper("C0WARROOM", ALICE, "Hello.")

    assert len(stage.passes(600)) <= 10
    assert shows(stage.message, other, NOW + timedelta(seconds=1000))


# ── A ledger that cannot be written ─────────────────────────────────────────────────────────────────────────────────


def test_a_full_disk_neither_doubles_nor_hides_the_dialog(stage: Stage) -> None:
    stage.asked(PREPARING)
    stage.ledger.full = True
    stage.passes(60)
    stage.channel.show(replace(PREPARING, doing="Resolving"))
    stage.passes(60)

    assert methods(stage.slack.calls) == ["chat.postMessage", "chat.update"]
    assert "Resolving" in json.dumps(stage.message["blocks"])


def test_what_the_ledger_missed_is_stored_when_it_can_be_written_again(stage: Stage) -> None:
    stage.asked(PREPARING)
    stage.ledger.full = True
    stage.passes(60)
    stage.ledger.full = False
    stage.goes_to(DONE)
    stage.passes()

    assert stage.entry().message in stage.slack.messages
    assert stage.ledger.unshown_entries() == ()


def test_an_announcement_that_is_not_stored_is_not_repeated_by_this_process(stage: Stage) -> None:
    stage.asked(PREPARING)
    stage.goes_to(DONE)
    stage.ledger.full = True
    stage.channel.attach(DialogId("d-1"), WHOLE_LOG)

    assert methods(stage.passes(600)) == ["chat.postMessage", "files", "chat.postMessage"]


# ── After a restart ─────────────────────────────────────────────────────────────────────────────────────────────────


def all_that_is_owed(stage: Stage) -> None:
    """Show again what `Jobs.start` shows again."""
    for entry in stage.ledger.unshown_entries():
        stage.channel.show(entry.dialog)
        if isinstance(entry.dialog, FINAL):
            stage.channel.attach(entry.id, WHOLE_LOG)


@pytest.mark.parametrize("sent", range(5))
def test_a_restart_sends_exactly_what_is_owed(stage: Stage, sent: int) -> None:
    stage.asked(PREPARING)
    stage.passes(1)
    stage.goes_to(DONE)
    stage.channel.attach(DialogId("d-1"), WHOLE_LOG)
    before = ["chat.update", "files", "chat.postMessage"]
    for _ in before[:sent]:
        stage.now += 10
        assert stage.channel.send_next()

    stage.restart()
    all_that_is_owed(stage)

    assert methods(stage.passes()) == before[sent:]
    assert stage.ledger.unshown_entries() == ()


def test_a_restart_edits_the_message_of_the_process_before(stage: Stage) -> None:
    stage.asked(PREPARING)
    stage.passes(1)
    stage.moved(REVIEW)
    stage.restart()
    all_that_is_owed(stage)

    assert methods(stage.passes()) == ["chat.update"]


def test_a_file_is_put_into_a_thread_once(stage: Stage) -> None:
    stage.asked(REVIEW)
    file = Attachment("packages", "packages.txt", "Packages", "one\n")
    stage.channel.attach(DialogId("d-1"), file)
    stage.channel.attach(DialogId("d-1"), file)
    stage.passes()
    stage.channel.attach(DialogId("d-1"), file)
    stage.restart()
    stage.channel.attach(DialogId("d-1"), file)
    stage.passes()

    assert methods(stage.slack.calls).count("files") == 1


# ── Pace ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def most_within(seconds: float, calls: list[Call]) -> int:
    return max((sum(call.at <= at.at < call.at + seconds - 1e-6 for at in calls) for call in calls), default=0)


def is_progress(call: Call) -> bool:
    return call.method == "chat.update" and call.body["metadata"]["event_payload"]["state"] == "running"


def ticked(progress: Progress, line: str) -> Progress:
    return replace(progress, last_line=line)


def begin(stage: Stage, number: int) -> Running:
    asked = asked_as(f"d-{number}")
    stage.asked(Preparing(asked, "Looking"))
    running = replace(RUNNING, asked=asked)
    stage.goes_to(UnderReview(asked, PROPOSAL, LATER), Queued(asked, PROPOSAL, BOB, 1), running)
    return running


def run_for(stage: Stage, seconds: int, running: list[Running], each: Callable[[int], None] = lambda _: None) -> None:
    """Let all jobs tell of progress ten times a second."""
    for tick in range(seconds * 10):
        for dialog in running:
            stage.channel.show(replace(dialog, progress=ticked(dialog.progress, f"line {tick}")))
        each(tick)
        stage.passes(0.1)


def test_progress_of_one_dialog_is_shown_once_a_second_at_most(stage: Stage) -> None:
    running = begin(stage, 1)
    run_for(stage, 8, [running])

    assert 6 <= len([call for call in stage.slack.calls if is_progress(call)]) <= 8
    assert most_within(1.0, stage.slack.calls) == 1


def test_many_jobs_together_stay_below_slacks_limits_and_stages_go_first(stage: Stage) -> None:
    running = [begin(stage, number) for number in range(10)]
    arrivals: list[float] = []

    def ask(tick: int) -> None:
        if tick % 60 == 30 and tick > 300:
            number = 100 + tick
            stage.asked(Preparing(asked_as(f"d-{number}"), "Looking"))
            stage.goes_to(UnderReview(asked_as(f"d-{number}"), PROPOSAL, LATER))
            arrivals.append(stage.now)

    run_for(stage, 180, running, ask)

    calls = stage.slack.calls
    assert most_within(60, [call for call in calls if call.method == "chat.update"]) <= 48
    assert most_within(60, [call for call in calls if is_progress(call)]) <= 32
    assert most_within(4.4, [call for call in calls if call.method == "chat.postMessage"]) <= 4
    reviews = [call.at for call in calls if call.body["metadata"]["event_payload"]["state"] == "review"]
    assert len(reviews) == len(arrivals)
    assert all(shown - asked < 1 for asked, shown in zip(arrivals, reviews, strict=True))


def test_progress_never_stalls_for_long(stage: Stage) -> None:
    running = begin(stage, 1)
    run_for(stage, 120, [running])

    at = [call.at for call in stage.slack.calls if is_progress(call)]
    assert max(later - earlier for earlier, later in pairwise(at)) < 4


def test_pressing_stop_is_shown_at_once_and_then_counts_as_progress(stage: Stage) -> None:
    running = begin(stage, 1)
    run_for(stage, 60, [running])
    pressed = stage.now
    stopping = replace(running, stopping_by=ALICE)
    run_for(stage, 20, [stopping])

    after = [call.at for call in stage.slack.calls if call.at >= pressed]
    assert after[0] == pressed
    assert len(after) < 10


def test_ends_go_before_progress_and_before_other_stages(stage: Stage) -> None:
    dialogs = [begin(stage, number) for number in range(3)]
    stage.passes(10)
    stage.channel.show(replace(dialogs[0], progress=ticked(PROGRESS, "on")))
    stage.channel.show(replace(dialogs[1], stopping_by=ALICE))
    end = Finished(dialogs[2].asked, BOB, ImageCreated(PROPOSAL, CREATED), PROGRESS, NOW)
    stage.goes_to(end)

    states = [call.body["metadata"]["event_payload"]["dialog"] for call in stage.passes(0.1)]

    assert states == ["d-2", "d-1", "d-0"]


def test_two_hundred_commands_at_once_are_all_posted_without_breaking_the_limit(stage: Stage) -> None:
    for number in range(200):
        stage.asked(Preparing(asked_as(f"d-{number}"), "Looking"))
    calls = stage.passes(300)

    assert len(stage.slack.messages) == 200
    assert most_within(4.4, calls) <= 4


def test_a_new_dialog_lets_the_typed_line_appear_above_it(ledger: FullDisk) -> None:
    stage = Stage(ledger, pace=Pace())
    stage.asked(PREPARING)
    assert stage.passes(0.09) == []
    stage.goes_to(REVIEW)
    (call,) = stage.passes()
    assert call.body["metadata"]["event_payload"]["state"] == "review"


def test_channels_do_not_wait_for_each_other(stage: Stage) -> None:
    for number in range(40):
        asked = replace(asked_as(f"d-{number}"), channel=f"C{number % 10}")
        stage.asked(Preparing(asked, "Looking"))
    began = stage.now

    assert all(call.at == began for call in stage.passes())


def test_a_burst_of_whispers_stays_below_the_limit(stage: Stage) -> None:
    for number in range(100):
        stage.channel.whisper("C0WARROOM", BOB, f"Late {number}.")
    calls = stage.passes(120)

    assert len(calls) == 100
    assert most_within(60, calls) <= 90


# ── Whispers ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_whisper_is_for_one_person(stage: Stage) -> None:
    stage.channel.whisper("C0WARROOM", BOB, "That is decided already.")

    (call,) = stage.passes()
    assert call.method == "chat.postEphemeral"
    assert call.body == {"channel": "C0WARROOM", "user": BOB, "text": "That is decided already."}


@pytest.mark.parametrize(
    "trouble", [refusal("user_not_in_channel"), URLError("gone"), RuntimeError("a defect")], ids=str
)
def test_a_whisper_that_nobody_takes_is_dropped_and_the_dialogs_go_on(stage: Stage, trouble: Exception) -> None:
    stage.slack.refuse = lambda call: trouble if call.method == "chat.postEphemeral" else None
    stage.channel.whisper("C0WARROOM", BOB, "Late.")
    stage.asked(PREPARING)

    assert methods(stage.passes(600)) == ["chat.postEphemeral", "chat.postMessage"]


# ── Secrets ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_secrets_leave_nowhere(stage: Stage) -> None:
    steps = (Step(f"Base {SECRET}", StepState.DONE, NOW, 1.0),)
    progress = replace(PROGRESS, last_line=f"password {SECRET}", steps=steps)
    asked = replace(ASKED, line=f"/docker_image_create name={SECRET}")
    stage.asked(Preparing(asked, f"Looking at {SECRET}"))
    stage.passes(1)
    stage.goes_to(UnderReview(asked, PROPOSAL, LATER), Queued(asked, PROPOSAL, BOB, 1))
    stage.goes_to(Running(asked, PROPOSAL, BOB, progress))
    stage.passes(2)
    stage.goes_to(
        Failed(asked, f"It said {SECRET}.", f"Hide {SECRET}.", (f"+ curl -u me:{SECRET}",), PROPOSAL, progress)
    )
    stage.channel.attach(DialogId("d-1"), Attachment("log", f"{SECRET}.log", f"Log {SECRET}", f"a\n{SECRET}\n"))
    stage.channel.whisper("C0WARROOM", BOB, f"It is {SECRET}.")
    stage.passes()

    sent = json.dumps([call.body for call in stage.slack.calls])
    assert {call.method for call in stage.slack.calls} == {
        "chat.postMessage",
        "chat.update",
        "files",
        "chat.postEphemeral",
    }
    assert SECRET not in sent
    assert sent.count(MASK) > 10


def test_a_file_hides_nothing_and_no_secret_is_cut_in_two_in_it(stage: Stage) -> None:
    stage.asked(PREPARING)
    stage.passes(1)
    cut = f"{SECRET[:3]}\u200b{SECRET[3:]}"
    stage.channel.attach(DialogId("d-1"), Attachment("log", "a\u202e.log", f"Log {cut}", f"\u2067a\tb\n{cut}\n"))
    stage.passes()

    (file,) = [call.body for call in stage.slack.calls if call.method == "files"]
    assert (file["filename"], file["title"], file["content"]) == ("a.log", f"Log {MASK}", f"a\tb\n{MASK}\n")


def test_a_file_of_bytes_is_sent_as_it_is_under_a_masked_name(stage: Stage) -> None:
    stage.asked(PREPARING)
    stage.passes(1)
    content = bytes(range(256)) + SECRET.encode()
    stage.channel.attach(DialogId("d-1"), Attachment("context", f"{SECRET}.zip", f"Context {SECRET}", content))
    stage.passes()

    (file,) = [call.body for call in stage.slack.calls if call.method == "files"]
    assert (file["filename"], file["title"], file["content"]) == (f"{MASK}.zip", f"Context {MASK}", content)


@pytest.mark.parametrize("before", range(160, 205, 3))
def test_a_secret_that_a_view_shortens_does_not_leave_in_part(stage: Stage, before: int) -> None:
    url = "https://someone:s3cret-of-the-index@index.invalid/simple"
    line = "x" * before + " " + url
    stage.asked(PREPARING)
    stage.goes_to(REVIEW, QUEUED, replace(RUNNING, progress=ticked(PROGRESS, line)))
    stage.passes()

    assert "s3cret" not in json.dumps(stage.message["blocks"])


def test_a_secret_with_characters_that_views_escape_does_not_leave(ledger: FullDisk) -> None:
    stage = Stage(ledger)
    secret = "a<b>&`c`-and-d"
    stage.channel = Channel(
        stage.slack,
        ledger,
        redact=Redactor([secret]),
        clock=stage.time,
        respond=stage.respond,
        pace=stage.pace,
        monotonic=lambda: 0.0,
    )
    stage.asked(Preparing(ASKED, f"Looking at {secret}"))
    stage.channel.send_next()

    assert "-and-d" not in json.dumps(stage.message["blocks"])


# ── The thread ──────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def sending(stage: Stage) -> Iterator[Channel]:
    channel = Channel(
        stage.slack, stage.ledger, redact=Redactor(), clock=stage.time, respond=stage.respond, pace=replace(stage.pace)
    )
    channel.start()
    try:
        yield channel
    finally:
        channel.close(0.0)


def test_the_thread_sends_what_is_shown(stage: Stage) -> None:
    with sending(stage) as channel:
        stage.ledger.add(Entry(PREPARING, trigger=TRIGGER, response_url=RESPONSE_URL))
        channel.show(PREPARING)
        stage.slack.until(lambda: len(stage.slack.calls) == 1)
        stage.moved(DONE)
        channel.show(DONE)
        channel.attach(DialogId("d-1"), WHOLE_LOG)
        stage.slack.until(lambda: len(stage.slack.calls) == 4)

    assert methods(stage.slack.calls) == ["chat.postMessage", "chat.update", "files", "chat.postMessage"]


def test_closing_sends_what_waits(stage: Stage) -> None:
    with sending(stage) as channel:
        stage.ledger.add(Entry(DONE, trigger=TRIGGER, response_url=RESPONSE_URL))
        channel.show(DONE)
        channel.attach(DialogId("d-1"), WHOLE_LOG)
        channel.whisper("C0WARROOM", BOB, "Late.")
        channel.close(10.0)

    assert sorted(methods(stage.slack.calls)) == ["chat.postEphemeral", "chat.postMessage", "chat.postMessage", "files"]
    assert stage.ledger.unshown_entries() == ()


def test_closing_does_not_wait_for_ever(stage: Stage) -> None:
    stage.slack.refuse = lambda _: URLError("gone")
    with sending(stage) as channel:
        stage.ledger.add(Entry(DONE, trigger=TRIGGER, response_url=RESPONSE_URL))
        channel.show(DONE)
        channel.close(0.2)
        tried = len(stage.slack.calls)
        channel.show(DONE)

    assert tried == len(stage.slack.calls) == 1


def test_closing_a_channel_that_never_began_returns(stage: Stage) -> None:
    stage.channel.show(PREPARING)
    stage.channel.close(60.0)

    assert stage.slack.calls == []
