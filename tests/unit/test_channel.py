import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from itertools import pairwise
from pathlib import Path
from urllib.error import URLError

import pytest
from slack_sdk.errors import SlackRequestError

from bot.dialogs.ledger import Entry, sqlite_url
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
from bot.dialogs.transitions import troubled_stage
from bot.logs import MASK, Redactor
from bot.slack.channel import Channel
from bot.slack.metadata import EVENT_TYPE
from bot.slack.pace import Pace
from bot.slack.views import announcement, render
from bot.slack.views.facts import facts
from bot.slack.views.tables import without_tables
from commands.command import ImageCreated, ImagesUpdated
from commands.errors import StateUnwritable
from tests.fakes.logs import logs_to
from tests.fakes.slack_client import Refusal, SlackCall, refusal
from tests.kit.channel_driver import (
    DONE,
    PREPARING,
    QUEUED,
    RESPONSE_URL,
    REVIEW,
    RUNNING,
    SECRET,
    TRIGGER,
    WHOLE_LOG,
    ChannelDriver,
    UnwritableLedger,
    methods,
    sending,
    shows,
)
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

UPDATED_IMAGES = Finished(ASKED, BOB, ImagesUpdated(UPDATE, UPDATED), PROGRESS, NOW)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with logs_to(StringIO()):
        yield


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[UnwritableLedger]:
    opened = UnwritableLedger(sqlite_url(tmp_path / "dialogs.sqlite"))
    yield opened
    opened.close()


@pytest.fixture
def driver(ledger: UnwritableLedger) -> ChannelDriver:
    return ChannelDriver(ledger)


# ── One dialog from its first stage to its last ─────────────────────────────────────────────────────────────────────


def test_a_dialog_is_one_message_that_is_edited(driver: ChannelDriver) -> None:
    driver.asked(PREPARING)
    driver.passes(1)
    driver.goes_to(REVIEW)
    calls = driver.passes(1)

    assert methods(driver.slack.calls) == ["chat.postMessage", "chat.update"]
    assert calls[0].body == {
        "channel": "C0WARROOM",
        "text": render(REVIEW, driver.time()).text,
        "blocks": render(REVIEW, driver.time()).blocks,
        "metadata": {"event_type": EVENT_TYPE, "event_payload": {**facts(REVIEW), "trigger": TRIGGER}},
        "ts": driver.entry().message,
    }


def test_the_end_comes_in_the_order_edit_log_announcement(driver: ChannelDriver) -> None:
    driver.asked(PREPARING)
    driver.passes(1)
    driver.goes_to(REVIEW, QUEUED, RUNNING, DONE)
    # As in a real end: the edit is made before the log has been read from disk.
    driver.passes(0.2)
    driver.channel.attach(DialogId("d-1"), WHOLE_LOG)

    calls = driver.passes()

    assert methods(driver.slack.calls) == ["chat.postMessage", "chat.update", "files", "chat.postMessage"]
    file, reply = calls
    ts = driver.entry().message
    assert file.body == {
        "channel": "C0WARROOM",
        "thread_ts": ts,
        "filename": "build-d-1.log",
        "title": "The whole log",
        "content": "all of it\n",
    }
    assert reply.body == {"channel": "C0WARROOM", "thread_ts": ts, "text": announcement(DONE)}


def test_the_ledger_knows_what_slack_has(driver: ChannelDriver) -> None:
    driver.asked(PREPARING)
    driver.passes(1)
    driver.goes_to(REVIEW, QUEUED, RUNNING, DONE)
    driver.channel.attach(DialogId("d-1"), WHOLE_LOG)
    driver.passes()

    entry = driver.entry()
    assert entry.message in driver.slack.messages
    assert (entry.shown, entry.announced, entry.attached) == (entry.changes, True, frozenset({"log"}))
    assert driver.ledger.unshown_entries() == ()


@pytest.mark.parametrize(
    "end",
    [each for each in EVERY_KIND if isinstance(each, FINAL) and not is_shown_only(each)],
    ids=lambda end: type(end).__name__,
)
def test_every_end_is_delivered_and_announced_once(driver: ChannelDriver, end: Dialog) -> None:
    driver.asked(PREPARING)
    driver.goes_to(end)
    driver.passes()

    assert shows(driver.message, end, NOW + timedelta(seconds=1000))
    replies = [call.text for call in driver.slack.calls if "thread_ts" in call.body]
    assert replies == [announcement(end)]
    assert driver.channel.seconds_to_next() is None


@pytest.mark.parametrize("shown", [each for each in EVERY_KIND if is_shown_only(each)])
def test_what_is_only_shown_calls_nobody_and_is_not_sent_again(driver: ChannelDriver, shown: Dialog) -> None:
    driver.asked(PREPARING)
    driver.goes_to(shown)
    driver.passes()

    assert shows(driver.message, shown, NOW + timedelta(seconds=1000))
    assert [call for call in driver.slack.calls if "thread_ts" in call.body] == []
    assert driver.channel.seconds_to_next() is None
    assert driver.ledger.unshown_entries() == ()


def test_a_list_is_edited_each_time_that_its_page_is_turned(driver: ChannelDriver) -> None:
    page = Listed(ASKED, LISTING)
    driver.asked(PREPARING)
    driver.goes_to(page)
    driver.passes()
    driver.goes_to(replace(page, trouble="The daemon does not answer."))
    driver.passes()
    driver.goes_to(page)
    calls = driver.passes()

    assert methods(calls) == ["chat.update"]
    assert shows(driver.message, page, NOW + timedelta(seconds=1120))


def test_a_question_is_announced_once_and_the_end_after_it_too(driver: ChannelDriver) -> None:
    question = next(each for each in EVERY_KIND if isinstance(each, Deciding))
    driver.asked(PREPARING)
    driver.goes_to(question)
    driver.passes()
    driver.channel.show(question)
    driver.passes()
    driver.goes_to(DONE)
    driver.passes()

    replies = [call.text for call in driver.slack.calls if "thread_ts" in call.body]
    assert replies == [announcement(question), announcement(DONE)]


def test_only_the_newest_stage_is_sent(driver: ChannelDriver) -> None:
    driver.asked(PREPARING)
    driver.goes_to(REVIEW, QUEUED)

    assert len(driver.passes(1)) == 1
    assert shows(driver.message, QUEUED, NOW + timedelta(seconds=1000))


def test_what_is_not_in_the_ledger_is_dropped_and_the_others_are_shown(driver: ChannelDriver) -> None:
    driver.channel.show(replace(PREPARING, asked=asked_as("nobody-knows")))
    driver.asked(PREPARING)

    assert methods(driver.passes()) == ["chat.postMessage"]
    assert driver.channel.seconds_to_next() is None


# ── Stages that come late ───────────────────────────────────────────────────────────────────────────────────────────


def test_progress_that_comes_after_the_end_does_not_hide_it(driver: ChannelDriver) -> None:
    driver.asked(PREPARING)
    driver.goes_to(REVIEW, QUEUED, RUNNING)
    driver.passes(1)
    driver.goes_to(DONE)
    driver.channel.show(RUNNING)
    driver.passes(1)
    at_the_end = len(driver.slack.calls)
    driver.channel.show(RUNNING)
    driver.passes()

    assert shows(driver.message, DONE, NOW + timedelta(seconds=1001))
    assert driver.entry().shown == driver.entry().changes
    # The announcement was sent already: a late stage costs no call at all.
    assert len(driver.slack.calls) == at_the_end


def test_progress_that_comes_before_the_end_was_shown_brings_the_end(driver: ChannelDriver) -> None:
    driver.asked(PREPARING)
    driver.goes_to(REVIEW, QUEUED, RUNNING)
    driver.passes(2)
    driver.moved(DONE)
    driver.channel.show(RUNNING)
    driver.passes(5)
    driver.channel.show(DONE)
    driver.passes()

    assert shows(driver.message, DONE, NOW + timedelta(seconds=1002))
    assert driver.entry().announced


def test_a_place_in_the_queue_that_comes_late_does_not_empty_the_progress(driver: ChannelDriver) -> None:
    driver.asked(PREPARING)
    driver.goes_to(REVIEW, QUEUED)
    driver.moved(replace(RUNNING, progress=Progress(NOW)))
    driver.channel.show(RUNNING)
    driver.passes(2)
    driver.channel.show(replace(QUEUED, position=2))
    driver.passes()

    assert shows(driver.message, RUNNING, NOW + timedelta(seconds=1000))


@pytest.mark.parametrize("seconds", [0, 60])
def test_a_trouble_is_shown_and_hides_no_stage_that_follows(driver: ChannelDriver, seconds: float) -> None:
    troubled = troubled_stage(PREPARING, StateUnwritable("The disk is full.", hint="Free some space."))
    assert troubled is not None
    driver.asked(PREPARING)
    driver.passes(1)
    driver.channel.show(troubled)
    driver.passes(seconds)
    if seconds:
        assert "The disk is full." in str(driver.message)

    driver.goes_to(REVIEW)
    driver.passes()
    assert shows(driver.message, REVIEW, NOW)


def test_an_end_that_could_not_be_stored_is_shown_all_the_same(driver: ChannelDriver) -> None:
    failed = Failed(ASKED, "The bot cannot write its state.", "Free some space.")
    driver.asked(PREPARING)
    driver.passes(1)
    driver.channel.show(failed)
    driver.channel.show(PREPARING)
    driver.passes()

    assert shows(driver.message, failed, NOW + timedelta(seconds=1001))
    assert not driver.entry().announced


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
def test_the_end_is_delivered_however_long_slack_is_in_trouble(driver: ChannelDriver, trouble: str) -> None:
    driver.asked(PREPARING)
    driver.passes(1)
    driver.goes_to(DONE)
    driver.channel.attach(DialogId("d-1"), WHOLE_LOG)
    driver.slack.refuse = lambda _: PASSING[trouble]()
    tried = driver.passes(600)
    assert 60 <= len(tried) <= 310
    driver.slack.refuse = lambda _: None

    driver.passes(600)

    assert driver.message["text"] == render(DONE, NOW).text
    assert methods(driver.slack.calls)[-3:] == ["chat.update", "files", "chat.postMessage"]
    assert driver.ledger.unshown_entries() == ()


@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update", "files", "chat.postEphemeral"])
def test_after_429_nothing_of_the_kind_is_sent_before_its_time(driver: ChannelDriver, method: str) -> None:
    driver.asked(PREPARING)
    if method != "chat.postMessage":
        driver.passes(1)
    driver.goes_to(REVIEW)
    driver.channel.attach(DialogId("d-1"), WHOLE_LOG)
    driver.channel.whisper("C0WARROOM", BOB, "Late.")
    seen: list[SlackCall] = []

    def refuse(call: SlackCall) -> Refusal:
        if call.method != method:
            return None
        seen.append(call)
        return refusal("ratelimited", status=429, retry_after=30) if len(seen) == 1 else None

    driver.slack.refuse = refuse
    driver.passes(120)

    assert len(seen) == 2
    assert seen[1].at - seen[0].at >= 30


@pytest.mark.parametrize("header", [{}, {"Retry-After": "soon"}])
def test_a_429_without_a_time_is_waited_out_too(driver: ChannelDriver, header: dict[str, str]) -> None:
    too_fast = refusal("ratelimited", status=429)
    too_fast.response.headers = header
    driver.slack.script.append(too_fast)
    driver.asked(PREPARING)

    first, second = driver.passes()

    assert 1 <= second.at - first.at <= 10


@pytest.mark.parametrize("reason", ["message_not_found", "cant_update_message", "edit_window_closed"])
def test_a_dialog_that_was_taken_away_is_posted_anew(driver: ChannelDriver, reason: str) -> None:
    driver.asked(PREPARING)
    driver.passes(1)
    before = driver.entry().message
    assert before is not None
    driver.slack.delete(before)
    driver.slack.script.append(refusal(reason))
    driver.goes_to(DONE)
    driver.passes()

    assert shows(driver.message, DONE, NOW + timedelta(seconds=1001))
    assert driver.entry().message in driver.slack.messages
    assert driver.slack.calls[-1].body["thread_ts"] == driver.entry().message


@pytest.mark.parametrize("method", ["files", "announcement"])
def test_a_thread_that_was_taken_away_is_begun_anew(driver: ChannelDriver, method: str) -> None:
    driver.asked(PREPARING)
    driver.passes(1)
    gone = driver.entry().message

    def refuse(call: SlackCall) -> Refusal:
        is_asked_for = call.method == "files" if method == "files" else call.method == "chat.postMessage"
        in_the_old_thread = call.body.get("thread_ts") == gone
        return refusal("thread_not_found") if is_asked_for and in_the_old_thread else None

    driver.slack.refuse = refuse
    driver.goes_to(DONE)
    driver.channel.attach(DialogId("d-1"), WHOLE_LOG)
    driver.passes()

    entry = driver.entry()
    assert entry.message != gone
    assert driver.slack.calls[-1].body["thread_ts"] == entry.message
    assert (entry.announced, entry.attached) == (True, frozenset({"log"}))


def test_a_thread_that_slack_never_finds_is_not_begun_for_ever(driver: ChannelDriver) -> None:
    driver.slack.refuse = lambda call: refusal("thread_not_found") if call.method == "files" else None
    driver.asked(PREPARING)
    driver.goes_to(DONE)
    driver.channel.attach(DialogId("d-1"), WHOLE_LOG)
    calls = driver.passes(600)

    assert len(calls) <= 10
    assert announcement(DONE) in [call.text for call in calls]


@pytest.mark.parametrize("reason", ["invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"])
def test_blocks_that_slack_does_not_take_leave_the_text(driver: ChannelDriver, reason: str) -> None:
    driver.slack.refuse = lambda call: refusal(reason) if call.body.get("blocks") else None
    driver.asked(PREPARING)
    driver.goes_to(DONE)
    driver.passes()

    assert driver.message["text"] == render(DONE, NOW).text
    assert list(driver.message["blocks"]) == []
    assert driver.ledger.unshown_entries() == ()


def without_table(call: SlackCall) -> bool:
    return all(block["type"] != "table" for block in call.body.get("blocks", ()))


def test_a_table_that_slack_does_not_take_is_written_out_with_its_buttons(driver: ChannelDriver) -> None:
    driver.slack.refuse = lambda call: None if without_table(call) else refusal("invalid_blocks")
    driver.asked(PREPARING)
    driver.goes_to(UPDATED_IMAGES)
    calls = driver.passes()

    expected = without_tables(render(UPDATED_IMAGES, NOW))
    assert tuple(driver.message["blocks"]) == expected.blocks
    assert driver.message["blocks"][-1]["type"] == "actions"
    assert methods(calls) == ["chat.postMessage", "chat.postMessage", "chat.postMessage"]  # refused, taken, announced
    assert driver.ledger.unshown_entries() == ()


def test_a_message_with_a_table_is_text_alone_where_slack_takes_no_blocks_at_all(driver: ChannelDriver) -> None:
    driver.slack.refuse = lambda call: refusal("invalid_blocks") if call.body.get("blocks") else None
    driver.asked(PREPARING)
    driver.goes_to(UPDATED_IMAGES)
    calls = driver.passes()

    assert [len(call.body.get("blocks", ())) > 0 for call in calls] == [True, True, False, False]
    assert driver.message["text"] == render(UPDATED_IMAGES, NOW).text
    assert driver.ledger.unshown_entries() == ()


def test_blocks_are_tried_again_at_the_next_stage(driver: ChannelDriver) -> None:
    driver.slack.script.append(refusal("invalid_blocks"))
    driver.asked(PREPARING)
    driver.passes(1)
    assert list(driver.message["blocks"]) == []
    driver.goes_to(REVIEW)
    driver.passes(1)

    assert driver.message["blocks"]


@pytest.mark.parametrize(
    "trouble", [refusal("missing_scope"), SlackRequestError("Failed to upload a file (status: 413)")], ids=str
)
def test_a_file_that_slack_does_not_take_does_not_silence_the_announcement(
    driver: ChannelDriver, trouble: Exception
) -> None:
    driver.slack.refuse = lambda call: trouble if call.method == "files" else None
    driver.asked(PREPARING)
    driver.goes_to(DONE)
    driver.channel.attach(DialogId("d-1"), WHOLE_LOG)
    calls = driver.passes(600)

    assert methods(calls).count("files") <= 10
    assert announcement(DONE) in [call.text for call in calls]
    assert driver.entry().attached == frozenset()


def test_a_defect_in_one_dialog_does_not_silence_the_others(driver: ChannelDriver) -> None:
    other = Preparing(asked_as("d-2"), "Looking")
    driver.slack.refuse = lambda call: RuntimeError("a defect") if "d-1" in json.dumps(call.body["metadata"]) else None
    driver.asked(PREPARING)
    driver.asked(other)
    driver.channel.whisper("C0WARROOM", ALICE, "Hello.")

    assert len(driver.passes(600)) <= 10
    assert shows(driver.message, other, NOW + timedelta(seconds=1000))


# ── A ledger that cannot be written ─────────────────────────────────────────────────────────────────────────────────


def test_a_full_disk_neither_doubles_nor_hides_the_dialog(driver: ChannelDriver) -> None:
    driver.asked(PREPARING)
    driver.ledger.full = True
    driver.passes(60)
    driver.channel.show(replace(PREPARING, doing="Resolving"))
    driver.passes(60)

    assert methods(driver.slack.calls) == ["chat.postMessage", "chat.update"]
    assert "Resolving" in json.dumps(driver.message["blocks"])


def test_what_the_ledger_missed_is_stored_when_it_can_be_written_again(driver: ChannelDriver) -> None:
    driver.asked(PREPARING)
    driver.ledger.full = True
    driver.passes(60)
    driver.ledger.full = False
    driver.goes_to(DONE)
    driver.passes()

    assert driver.entry().message in driver.slack.messages
    assert driver.ledger.unshown_entries() == ()


def test_an_announcement_that_is_not_stored_is_not_repeated_by_this_process(driver: ChannelDriver) -> None:
    driver.asked(PREPARING)
    driver.goes_to(DONE)
    driver.ledger.full = True
    driver.channel.attach(DialogId("d-1"), WHOLE_LOG)

    assert methods(driver.passes(600)) == ["chat.postMessage", "files", "chat.postMessage"]


# ── After a restart ─────────────────────────────────────────────────────────────────────────────────────────────────


def all_that_is_owed(driver: ChannelDriver) -> None:
    """Show again what `Jobs.start` shows again."""
    for entry in driver.ledger.unshown_entries():
        driver.channel.show(entry.dialog)
        if isinstance(entry.dialog, FINAL):
            driver.channel.attach(entry.id, WHOLE_LOG)


@pytest.mark.parametrize("sent", range(5))
def test_a_restart_sends_exactly_what_is_owed(driver: ChannelDriver, sent: int) -> None:
    driver.asked(PREPARING)
    driver.passes(1)
    driver.goes_to(DONE)
    driver.channel.attach(DialogId("d-1"), WHOLE_LOG)
    before = ["chat.update", "files", "chat.postMessage"]
    for _ in before[:sent]:
        driver.now += 10
        assert driver.channel.send_next()

    driver.restart()
    all_that_is_owed(driver)

    assert methods(driver.passes()) == before[sent:]
    assert driver.ledger.unshown_entries() == ()


def test_a_restart_edits_the_message_of_the_process_before(driver: ChannelDriver) -> None:
    driver.asked(PREPARING)
    driver.passes(1)
    driver.moved(REVIEW)
    driver.restart()
    all_that_is_owed(driver)

    assert methods(driver.passes()) == ["chat.update"]


def test_a_file_is_put_into_a_thread_once(driver: ChannelDriver) -> None:
    driver.asked(REVIEW)
    file = Attachment("packages", "packages.txt", "Packages", "one\n")
    driver.channel.attach(DialogId("d-1"), file)
    driver.channel.attach(DialogId("d-1"), file)
    driver.passes()
    driver.channel.attach(DialogId("d-1"), file)
    driver.restart()
    driver.channel.attach(DialogId("d-1"), file)
    driver.passes()

    assert methods(driver.slack.calls).count("files") == 1


# ── Pace ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def most_within(seconds: float, calls: list[SlackCall]) -> int:
    return max((sum(call.at <= at.at < call.at + seconds - 1e-6 for at in calls) for call in calls), default=0)


def is_progress(call: SlackCall) -> bool:
    return call.method == "chat.update" and call.body["metadata"]["event_payload"]["state"] == "running"


def ticked(progress: Progress, line: str) -> Progress:
    return replace(progress, last_line=line)


def begin(driver: ChannelDriver, number: int) -> Running:
    asked = asked_as(f"d-{number}")
    driver.asked(Preparing(asked, "Looking"))
    running = replace(RUNNING, asked=asked)
    driver.goes_to(UnderReview(asked, PROPOSAL, LATER), Queued(asked, PROPOSAL, BOB, 1), running)
    return running


def run_for(
    driver: ChannelDriver, seconds: int, running: list[Running], each: Callable[[int], None] = lambda _: None
) -> None:
    """Let all jobs tell of progress ten times a second."""
    for tick in range(seconds * 10):
        for dialog in running:
            driver.channel.show(replace(dialog, progress=ticked(dialog.progress, f"line {tick}")))
        each(tick)
        driver.passes(0.1)


def test_progress_of_one_dialog_is_shown_once_a_second_at_most(driver: ChannelDriver) -> None:
    running = begin(driver, 1)
    run_for(driver, 8, [running])

    assert 6 <= len([call for call in driver.slack.calls if is_progress(call)]) <= 8
    assert most_within(1.0, driver.slack.calls) == 1


def test_many_jobs_together_stay_below_slacks_limits_and_stages_go_first(driver: ChannelDriver) -> None:
    running = [begin(driver, number) for number in range(10)]
    arrivals: list[float] = []

    def ask(tick: int) -> None:
        if tick % 60 == 30 and tick > 300:
            number = 100 + tick
            driver.asked(Preparing(asked_as(f"d-{number}"), "Looking"))
            driver.goes_to(UnderReview(asked_as(f"d-{number}"), PROPOSAL, LATER))
            arrivals.append(driver.now)

    run_for(driver, 180, running, ask)

    calls = driver.slack.calls
    assert most_within(60, [call for call in calls if call.method == "chat.update"]) <= 48
    assert most_within(60, [call for call in calls if is_progress(call)]) <= 32
    assert most_within(4.4, [call for call in calls if call.method == "chat.postMessage"]) <= 4
    reviews = [call.at for call in calls if call.body["metadata"]["event_payload"]["state"] == "review"]
    assert len(reviews) == len(arrivals)
    assert all(shown - asked < 1 for asked, shown in zip(arrivals, reviews, strict=True))


def test_progress_never_stalls_for_long(driver: ChannelDriver) -> None:
    running = begin(driver, 1)
    run_for(driver, 120, [running])

    at = [call.at for call in driver.slack.calls if is_progress(call)]
    assert max(later - earlier for earlier, later in pairwise(at)) < 4


def test_pressing_stop_is_shown_at_once_and_then_counts_as_progress(driver: ChannelDriver) -> None:
    running = begin(driver, 1)
    run_for(driver, 60, [running])
    pressed = driver.now
    stopping = replace(running, stopping_by=ALICE)
    run_for(driver, 20, [stopping])

    after = [call.at for call in driver.slack.calls if call.at >= pressed]
    assert after[0] == pressed
    assert len(after) < 10


def test_ends_go_before_progress_and_before_other_stages(driver: ChannelDriver) -> None:
    dialogs = [begin(driver, number) for number in range(3)]
    driver.passes(10)
    driver.channel.show(replace(dialogs[0], progress=ticked(PROGRESS, "on")))
    driver.channel.show(replace(dialogs[1], stopping_by=ALICE))
    end = Finished(dialogs[2].asked, BOB, ImageCreated(PROPOSAL, CREATED), PROGRESS, NOW)
    driver.goes_to(end)

    states = [call.body["metadata"]["event_payload"]["dialog"] for call in driver.passes(0.1)]

    assert states == ["d-2", "d-1", "d-0"]


def test_two_hundred_commands_at_once_are_all_posted_without_breaking_the_limit(driver: ChannelDriver) -> None:
    for number in range(200):
        driver.asked(Preparing(asked_as(f"d-{number}"), "Looking"))
    calls = driver.passes(300)

    assert len(driver.slack.messages) == 200
    assert most_within(4.4, calls) <= 4


def test_a_new_dialog_lets_the_typed_line_appear_above_it(ledger: UnwritableLedger) -> None:
    driver = ChannelDriver(ledger, pace=Pace())
    driver.asked(PREPARING)
    assert driver.passes(0.09) == []
    driver.goes_to(REVIEW)
    (call,) = driver.passes()
    assert call.body["metadata"]["event_payload"]["state"] == "review"


def test_channels_do_not_wait_for_each_other(driver: ChannelDriver) -> None:
    for number in range(40):
        asked = replace(asked_as(f"d-{number}"), channel=f"C{number % 10}")
        driver.asked(Preparing(asked, "Looking"))
    began = driver.now

    assert all(call.at == began for call in driver.passes())


def test_a_burst_of_whispers_stays_below_the_limit(driver: ChannelDriver) -> None:
    for number in range(100):
        driver.channel.whisper("C0WARROOM", BOB, f"Late {number}.")
    calls = driver.passes(120)

    assert len(calls) == 100
    assert most_within(60, calls) <= 90


# ── Whispers ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_whisper_is_for_one_person(driver: ChannelDriver) -> None:
    driver.channel.whisper("C0WARROOM", BOB, "That is decided already.")

    (call,) = driver.passes()
    assert call.method == "chat.postEphemeral"
    assert call.body == {"channel": "C0WARROOM", "user": BOB, "text": "That is decided already."}


@pytest.mark.parametrize(
    "trouble", [refusal("user_not_in_channel"), URLError("gone"), RuntimeError("a defect")], ids=str
)
def test_a_whisper_that_nobody_takes_is_dropped_and_the_dialogs_go_on(
    driver: ChannelDriver, trouble: Exception
) -> None:
    driver.slack.refuse = lambda call: trouble if call.method == "chat.postEphemeral" else None
    driver.channel.whisper("C0WARROOM", BOB, "Late.")
    driver.asked(PREPARING)

    assert methods(driver.passes(600)) == ["chat.postEphemeral", "chat.postMessage"]


# ── Secrets ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_secrets_leave_nowhere(driver: ChannelDriver) -> None:
    steps = (Step(f"Base {SECRET}", StepState.DONE, NOW, 1.0),)
    progress = replace(PROGRESS, last_line=f"password {SECRET}", steps=steps)
    asked = replace(ASKED, line=f"/docker_image_create name={SECRET}")
    driver.asked(Preparing(asked, f"Looking at {SECRET}"))
    driver.passes(1)
    driver.goes_to(UnderReview(asked, PROPOSAL, LATER), Queued(asked, PROPOSAL, BOB, 1))
    driver.goes_to(Running(asked, PROPOSAL, BOB, progress))
    driver.passes(2)
    driver.goes_to(
        Failed(asked, f"It said {SECRET}.", f"Hide {SECRET}.", (f"+ curl -u me:{SECRET}",), PROPOSAL, progress)
    )
    driver.channel.attach(DialogId("d-1"), Attachment("log", f"{SECRET}.log", f"Log {SECRET}", f"a\n{SECRET}\n"))
    driver.channel.whisper("C0WARROOM", BOB, f"It is {SECRET}.")
    driver.passes()

    sent = json.dumps([call.body for call in driver.slack.calls])
    assert {call.method for call in driver.slack.calls} == {
        "chat.postMessage",
        "chat.update",
        "files",
        "chat.postEphemeral",
    }
    assert SECRET not in sent
    assert sent.count(MASK) > 10


def test_a_file_hides_nothing_and_no_secret_is_cut_in_two_in_it(driver: ChannelDriver) -> None:
    driver.asked(PREPARING)
    driver.passes(1)
    cut = f"{SECRET[:3]}\u200b{SECRET[3:]}"
    driver.channel.attach(DialogId("d-1"), Attachment("log", "a\u202e.log", f"Log {cut}", f"\u2067a\tb\n{cut}\n"))
    driver.passes()

    (file,) = [call.body for call in driver.slack.calls if call.method == "files"]
    assert (file["filename"], file["title"], file["content"]) == ("a.log", f"Log {MASK}", f"a\tb\n{MASK}\n")


def test_a_file_of_bytes_is_sent_as_it_is_under_a_masked_name(driver: ChannelDriver) -> None:
    driver.asked(PREPARING)
    driver.passes(1)
    content = bytes(range(256)) + SECRET.encode()
    driver.channel.attach(DialogId("d-1"), Attachment("context", f"{SECRET}.zip", f"Context {SECRET}", content))
    driver.passes()

    (file,) = [call.body for call in driver.slack.calls if call.method == "files"]
    assert (file["filename"], file["title"], file["content"]) == (f"{MASK}.zip", f"Context {MASK}", content)


@pytest.mark.parametrize("before", range(160, 205, 3))
def test_a_secret_that_a_view_shortens_does_not_leave_in_part(driver: ChannelDriver, before: int) -> None:
    url = "https://someone:s3cret-of-the-index@index.invalid/simple"
    line = "x" * before + " " + url
    driver.asked(PREPARING)
    driver.goes_to(REVIEW, QUEUED, replace(RUNNING, progress=ticked(PROGRESS, line)))
    driver.passes()

    assert "s3cret" not in json.dumps(driver.message["blocks"])


def test_a_secret_with_characters_that_views_escape_does_not_leave(ledger: UnwritableLedger) -> None:
    driver = ChannelDriver(ledger)
    secret = "a<b>&`c`-and-d"
    driver.channel = Channel(
        driver.slack,
        ledger,
        redact=Redactor([secret]),
        clock=driver.time,
        respond=driver.respond,
        pace=driver.pace,
        monotonic=lambda: 0.0,
    )
    driver.asked(Preparing(ASKED, f"Looking at {secret}"))
    driver.channel.send_next()

    assert "-and-d" not in json.dumps(driver.message["blocks"])


# ── The thread ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_thread_sends_what_is_shown(driver: ChannelDriver) -> None:
    with sending(driver) as channel:
        driver.ledger.add(Entry(PREPARING, trigger=TRIGGER, response_url=RESPONSE_URL))
        channel.show(PREPARING)
        driver.slack.until(lambda: len(driver.slack.calls) == 1)
        driver.moved(DONE)
        channel.show(DONE)
        channel.attach(DialogId("d-1"), WHOLE_LOG)
        driver.slack.until(lambda: len(driver.slack.calls) == 4)

    assert methods(driver.slack.calls) == ["chat.postMessage", "chat.update", "files", "chat.postMessage"]


def test_closing_sends_what_waits(driver: ChannelDriver) -> None:
    with sending(driver) as channel:
        driver.ledger.add(Entry(DONE, trigger=TRIGGER, response_url=RESPONSE_URL))
        channel.show(DONE)
        channel.attach(DialogId("d-1"), WHOLE_LOG)
        channel.whisper("C0WARROOM", BOB, "Late.")
        channel.close(10.0)

    assert sorted(methods(driver.slack.calls)) == [
        "chat.postEphemeral",
        "chat.postMessage",
        "chat.postMessage",
        "files",
    ]
    assert driver.ledger.unshown_entries() == ()


def test_closing_does_not_wait_for_ever(driver: ChannelDriver) -> None:
    driver.slack.refuse = lambda _: URLError("gone")
    with sending(driver) as channel:
        driver.ledger.add(Entry(DONE, trigger=TRIGGER, response_url=RESPONSE_URL))
        channel.show(DONE)
        channel.close(0.2)
        tried = len(driver.slack.calls)
        channel.show(DONE)

    assert tried == len(driver.slack.calls) == 1


def test_closing_a_channel_that_never_began_returns(driver: ChannelDriver) -> None:
    driver.channel.show(PREPARING)
    driver.channel.close(60.0)

    assert driver.slack.calls == []
