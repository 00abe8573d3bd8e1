"""How the sender puts files into threads and notes before people: once, and somebody is told if it fails."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from urllib.error import URLError

import pytest
from slack_sdk.errors import SlackRequestError

from bot.dialogs.ledger import Entry, sqlite_url
from bot.dialogs.stages import Attachment, Dialog, DialogId, Preparing
from bot.slack.channel import Channel
from bot.slack.views import announcement
from tests.fakes.host import PATIENCE_SECONDS
from tests.fakes.logs import logs_to
from tests.fakes.slack_client import FakeSlackClient, Refusal, SlackCall, refusal
from tests.kit.channel_driver import (
    DONE,
    PREPARING,
    RESPONSE_URL,
    REVIEW,
    SECRET,
    TRIGGER,
    WHOLE_LOG,
    ChannelDriver,
    UnwritableLedger,
    methods,
    sending,
)
from tests.kit.examples import ASKED, BOB, asked_as

D_1 = DialogId("d-1")
CLICK_URL = "https://hooks.slack.invalid/click"
PACKAGES = Attachment("packages", "packages.txt", "Packages", "one\n")


@pytest.fixture(autouse=True)
def log() -> Iterator[StringIO]:
    written = StringIO()
    with logs_to(written):
        yield written


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[ChannelDriver]:
    ledger = UnwritableLedger(sqlite_url(tmp_path / "dialogs.sqlite"))
    yield ChannelDriver(ledger)
    ledger.close()


def only(method: str, error: Exception) -> Callable[[SlackCall], Refusal]:
    return lambda call: error if call.method == method else None


# ── Files ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("sent", [PACKAGES, replace(PACKAGES, content=b"\x00\xff")])
def test_a_file_whose_answer_was_lost_is_in_the_thread_once(driver: ChannelDriver, sent: Attachment) -> None:
    driver.asked(REVIEW)
    answers = iter([True])
    driver.slack.lose_answer = lambda _: next(answers, False)
    driver.channel.attach(D_1, sent)
    driver.passes(60)

    assert [file["filename"] for file in driver.slack.files] == ["packages.txt"]
    assert driver.entry().attached == frozenset({"packages"})
    assert driver.channel.seconds_to_next() is None


def test_a_file_that_slack_has_is_not_sent_again_to_be_put_into_the_thread(driver: ChannelDriver) -> None:
    driver.asked(REVIEW)
    driver.slack.refuse = only("files", refusal("internal_error"))
    driver.channel.attach(D_1, PACKAGES)
    driver.passes(30)
    driver.slack.refuse = lambda _: None
    driver.channel.attach(D_1, PACKAGES)
    driver.passes(60)

    assert methods(driver.slack.steps) == ["announce", "upload"]
    assert len(driver.slack.files) == 1


def test_a_file_that_slack_forgot_is_sent_from_the_beginning(driver: ChannelDriver) -> None:
    driver.asked(REVIEW)
    driver.slack.script.append(None)
    driver.slack.script.append(refusal("file_not_found"))
    driver.passes(1)
    driver.channel.attach(D_1, PACKAGES)
    driver.passes(60)

    assert methods(driver.slack.steps) == ["announce", "upload"] * 2
    assert len(driver.slack.files) == 1


@pytest.mark.parametrize("step", ["announce", "upload"])
def test_a_file_whose_bytes_do_not_arrive_is_sent_again(driver: ChannelDriver, step: str) -> None:
    driver.asked(REVIEW)
    driver.slack.refuse_step = only(step, URLError("gone"))
    driver.channel.attach(D_1, PACKAGES)
    driver.passes(600)
    driver.slack.refuse_step = lambda _: None
    driver.passes(60)

    assert len(driver.slack.files) == 1


GIVEN_UP = [
    ("announce", refusal("file_uploads_disabled"), "Slack says `file_uploads_disabled`", 1),
    ("announce", refusal("missing_scope"), "Slack says `missing_scope`", 1),
    ("upload", SlackRequestError("HTTP status 413"), "Slack says `HTTP status 413`", 5),
    ("upload", RuntimeError("a defect"), "something went wrong inside the bot", 5),
    ("announce", refusal("a_new_error"), "Slack says `a_new_error`", 5),
]


@pytest.mark.parametrize(("step", "error", "why", "times"), GIVEN_UP)
def test_the_person_who_asked_for_a_file_is_told_that_it_is_not_there(
    driver: ChannelDriver, step: str, error: Exception, why: str, times: int
) -> None:
    driver.asked(REVIEW)
    driver.slack.refuse_step = only(step, error)
    driver.channel.attach(D_1, PACKAGES, response_url=CLICK_URL, user=BOB)
    driver.passes(600)

    text = f"The file `packages.txt` could not be put into the thread: {why}."
    assert driver.told == [(CLICK_URL, text)]
    assert methods(driver.slack.steps).count(step) == times
    assert driver.entry().attached == frozenset()


def test_a_file_that_nobody_asked_for_is_told_of_to_the_requester(driver: ChannelDriver) -> None:
    driver.is_told = False
    driver.asked(PREPARING)
    driver.slack.refuse_step = only("announce", refusal("storage_limit_reached"))
    driver.goes_to(DONE)
    driver.channel.attach(D_1, WHOLE_LOG)
    calls = driver.passes(60)

    assert [url for url, _ in driver.told] == [RESPONSE_URL]
    (note,) = [call for call in calls if call.method == "chat.postEphemeral"]
    assert note.body["user"] == ASKED.user
    assert "build-d-1.log" in note.text
    assert announcement(DONE) in [call.text for call in calls]


def test_a_file_waits_for_its_message(driver: ChannelDriver) -> None:
    driver.slack.refuse = only("chat.postMessage", URLError("gone"))
    driver.asked(REVIEW)
    driver.channel.attach(D_1, PACKAGES)
    driver.passes(60)
    assert driver.slack.steps == []
    driver.slack.refuse = lambda _: None
    calls = driver.passes(60)

    assert methods(calls) == ["chat.postMessage", "files"]


def test_an_announcement_waits_for_a_refused_upload_for_ten_seconds(driver: ChannelDriver) -> None:
    driver.asked(PREPARING)
    driver.passes(1)
    driver.slack.refuse_step = only("announce", refusal("internal_error"))
    driver.goes_to(DONE)
    driver.channel.attach(D_1, WHOLE_LOG)
    calls = driver.passes(60)
    driver.slack.refuse_step = lambda _: None
    calls += driver.passes(60)

    edit, reply, file = calls
    assert reply.at - edit.at == 10
    assert (reply.text, file.method) == (announcement(DONE), "files")


def test_a_file_for_a_closed_channel_stays_owed(driver: ChannelDriver) -> None:
    driver.asked(REVIEW)
    driver.passes(1)
    driver.slack.refuse = lambda _: refusal("not_in_channel")
    driver.asked(Preparing(asked_as("d-2"), "Looking"))
    driver.passes(1)
    driver.channel.attach(D_1, PACKAGES, response_url=CLICK_URL, user=BOB)
    calls = driver.passes(3600)
    driver.slack.refuse = lambda _: None
    driver.passes(700)

    assert len(calls) <= 11
    assert [file["filename"] for file in driver.slack.files] == ["packages.txt"]
    assert CLICK_URL not in [url for url, _ in driver.told]


# ── Notes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("trouble", [refusal("user_not_in_channel"), URLError("gone"), RuntimeError("a defect")])
def test_a_note_that_slack_refuses_goes_to_the_response_url(driver: ChannelDriver, trouble: Exception) -> None:
    driver.slack.refuse = only("chat.postEphemeral", trouble)
    driver.channel.whisper("C0WARROOM", BOB, f"Late, {SECRET}.", CLICK_URL)
    driver.passes(60)

    ((url, text),) = driver.told
    assert (url, SECRET in text, text.startswith("Late, ")) == (CLICK_URL, False, True)


def test_a_note_that_slack_takes_does_not_go_to_the_response_url(driver: ChannelDriver) -> None:
    driver.channel.whisper("C0WARROOM", BOB, "Late.", CLICK_URL)
    driver.passes(60)

    assert driver.told == []


@pytest.mark.parametrize("url", ["", CLICK_URL])
def test_a_note_that_could_not_be_delivered_is_in_the_log(driver: ChannelDriver, log: StringIO, url: str) -> None:
    driver.is_told = False
    driver.slack.refuse = only("chat.postEphemeral", refusal("user_not_in_channel"))
    driver.channel.whisper("C0WARROOM", BOB, "Too late " * 30, url)
    driver.passes(60)

    (line,) = [line for line in log.getvalue().splitlines() if "note_not_delivered" in line]
    assert ("Too late " * 30)[:100] in line
    assert ("Too late " * 30)[:101] not in line


# ── The threads ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Hang:
    """Calls that hang until the test lets them go on."""

    is_let_go: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)

    def __call__(self, _: SlackCall) -> Refusal:
        self.begun.set()
        assert self.is_let_go.wait(PATIENCE_SECONDS)
        return None


@contextmanager
def sending_until_let_go(driver: ChannelDriver, hang: Hang) -> Iterator[Channel]:
    with sending(driver, seconds=PATIENCE_SECONDS) as channel:
        try:
            yield channel
        finally:
            hang.is_let_go.set()


def post(driver: ChannelDriver, channel: Channel, dialog: Dialog) -> None:
    trigger = f"{TRIGGER}-{dialog.asked.dialog}"
    assert driver.ledger.add(Entry(dialog, trigger=trigger, response_url=RESPONSE_URL))
    channel.show(dialog)


def is_posted(slack: FakeSlackClient, dialog: str) -> bool:
    return any(dialog in str(call.body.get("metadata")) for call in slack.calls)


def test_a_hanging_upload_holds_no_message_and_no_note(driver: ChannelDriver) -> None:
    hang = Hang()
    driver.slack.refuse_step = hang
    with sending_until_let_go(driver, hang) as channel:
        post(driver, channel, REVIEW)
        channel.attach(D_1, PACKAGES)
        assert hang.begun.wait(PATIENCE_SECONDS)
        post(driver, channel, Preparing(asked_as("d-2"), "Looking"))
        channel.whisper("C0WARROOM", BOB, "Late.")
        driver.slack.until(lambda: is_posted(driver.slack, "d-2"))
        driver.slack.until(lambda: "chat.postEphemeral" in methods(driver.slack.calls))

        assert driver.slack.files == []


def test_a_hanging_note_holds_no_message_and_no_file(driver: ChannelDriver) -> None:
    hang = Hang()
    driver.slack.refuse = lambda call: hang(call) if call.method == "chat.postEphemeral" else None
    with sending_until_let_go(driver, hang) as channel:
        channel.whisper("C0WARROOM", BOB, "Late.")
        assert hang.begun.wait(PATIENCE_SECONDS)
        post(driver, channel, REVIEW)
        channel.attach(D_1, PACKAGES)
        driver.slack.until(lambda: len(driver.slack.calls) == 3)

    assert methods(driver.slack.calls) == ["chat.postEphemeral", "chat.postMessage", "files"]


def test_a_hanging_message_holds_no_message_of_another_dialog(driver: ChannelDriver) -> None:
    hang = Hang()
    driver.slack.refuse = lambda call: hang(call) if "d-1" in str(call.body.get("metadata")) else None
    with sending_until_let_go(driver, hang) as channel:
        post(driver, channel, REVIEW)
        assert hang.begun.wait(PATIENCE_SECONDS)
        for number in range(2, 5):
            post(driver, channel, Preparing(asked_as(f"d-{number}"), "Looking"))
            driver.slack.until(lambda number=number: is_posted(driver.slack, f"d-{number}"))  # type: ignore[misc]


def test_no_two_threads_send_one_dialog(driver: ChannelDriver) -> None:
    hang = Hang()
    driver.slack.refuse = lambda call: hang(call) if len(driver.slack.calls) == 1 else None
    with sending_until_let_go(driver, hang) as channel:
        post(driver, channel, PREPARING)
        assert hang.begun.wait(PATIENCE_SECONDS)
        driver.goes_to(REVIEW)
        channel.show(REVIEW)
        post(driver, channel, Preparing(asked_as("d-2"), "Looking"))
        driver.slack.until(lambda: is_posted(driver.slack, "d-2"))
        hang.is_let_go.set()
        driver.slack.until(lambda: len(driver.slack.calls) == 3)

    assert methods(driver.slack.calls) == ["chat.postMessage", "chat.postMessage", "chat.update"]


def test_closing_does_not_wait_longer_for_a_hanging_upload_than_it_may(driver: ChannelDriver) -> None:
    hang = Hang()
    driver.slack.refuse_step = hang
    with sending_until_let_go(driver, hang) as channel:
        post(driver, channel, REVIEW)
        channel.attach(D_1, PACKAGES)
        assert hang.begun.wait(PATIENCE_SECONDS)
        channel.close(0.1)

        assert not hang.is_let_go.is_set()
