"""What the sender does where Slack does not let it write: nothing is lost, the person is told, and it tries again."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from urllib.error import URLError

import pytest

from bot.dialogs.ledger import sqlite_url
from bot.dialogs.stages import DialogId, Preparing, UnderReview
from bot.slack.views import announcement, render
from tests.fakes.logs import logs_to
from tests.fakes.slack_client import Refusal, SlackCall, refusal
from tests.kit.channel_driver import (
    DONE,
    PREPARING,
    QUEUED,
    RESPONSE_URL,
    REVIEW,
    RUNNING,
    WHOLE_LOG,
    ChannelDriver,
    UnwritableLedger,
    methods,
)
from tests.kit.examples import ASKED, LATER, NOW, PROGRESS, PROPOSAL, asked_as

CHANNEL = ASKED.channel


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[ChannelDriver]:
    ledger = UnwritableLedger(sqlite_url(tmp_path / "dialogs.sqlite"))
    with logs_to(StringIO()):
        yield ChannelDriver(ledger)
    ledger.close()


def refusing(reason: str) -> Callable[[SlackCall], Refusal]:
    return lambda _: refusal(reason)


def accept(_: SlackCall) -> Refusal:
    return None


def tries(calls: list[SlackCall], began: float) -> list[float]:
    return [call.at - began for call in calls]


def end_in_closed_channel(driver: ChannelDriver, reason: str = "not_in_channel") -> list[SlackCall]:
    """Let a build end in a channel that the bot was removed from."""
    driver.asked(PREPARING)
    driver.goes_to(REVIEW, QUEUED, RUNNING)
    driver.passes(1)
    driver.slack.refuse = refusing(reason)
    driver.goes_to(DONE)
    driver.channel.attach(DialogId("d-1"), WHOLE_LOG)
    return driver.passes(0.1)


# ── Closed channels ─────────────────────────────────────────────────────────────────────────────────────────────────

CLOSED = ["not_in_channel", "channel_not_found", "is_archived", "is_inactive", "restricted_action_read_only_channel"]


@pytest.mark.parametrize("reason", CLOSED)
def test_an_end_that_a_channel_refuses_is_delivered_once_it_takes_messages(driver: ChannelDriver, reason: str) -> None:
    end_in_closed_channel(driver, reason)
    driver.passes(300)
    assert [entry.id for entry in driver.ledger.unshown_entries()] == ["d-1"]
    driver.slack.refuse = accept

    calls = driver.passes(600)

    assert methods(calls) == ["chat.update", "files", "chat.postMessage"]
    assert calls[-1].text == announcement(DONE)
    assert driver.ledger.unshown_entries() == ()


def test_a_closed_channel_is_tried_after_fifteen_seconds_then_twice_as_late_up_to_ten_minutes(
    driver: ChannelDriver,
) -> None:
    began = driver.now + 1
    calls = [*end_in_closed_channel(driver), *driver.passes(3000)]

    assert [round(at) for at in tries(calls, began)] == [0, 15, 45, 105, 225, 465, 945, 1545, 2145, 2745]


def test_one_dialog_tries_for_all_of_a_closed_channel(driver: ChannelDriver) -> None:
    driver.slack.refuse = refusing("not_in_channel")
    for number in range(30):
        driver.asked(Preparing(asked_as(f"d-{number}"), "Looking"))
    calls = driver.passes(100)
    driver.slack.refuse = accept
    driver.passes(300)

    assert len(calls) == 3
    assert len(driver.told) == 30
    assert len(driver.slack.messages) == 30


def test_progress_is_no_reason_to_try_a_closed_channel(driver: ChannelDriver) -> None:
    driver.asked(PREPARING)
    driver.goes_to(REVIEW, QUEUED, RUNNING)
    driver.passes(1)
    driver.slack.refuse = refusing("is_inactive")
    driver.channel.show(replace(RUNNING, progress=replace(PROGRESS, last_line="on")))
    first = driver.passes(5)
    for second in range(600):
        driver.channel.show(replace(RUNNING, progress=replace(PROGRESS, last_line=str(second))))
        assert driver.passes(1) == []

    assert len(first) == 1
    assert driver.channel.refusal(CHANNEL) == "is_inactive"


def test_other_channels_do_not_wait_for_a_closed_one(driver: ChannelDriver) -> None:
    other = Preparing(replace(asked_as("d-2"), channel="C0OTHER"), "Looking")
    driver.slack.refuse = lambda call: refusal("is_archived") if call.body["channel"] == CHANNEL else None
    driver.asked(PREPARING)
    driver.asked(other)
    driver.passes(1)

    assert [message["channel"] for message in driver.slack.messages.values()] == ["C0OTHER"]
    assert driver.channel.refusal("C0OTHER") is None


def test_a_try_that_has_no_answer_is_made_again_soon(driver: ChannelDriver) -> None:
    end_in_closed_channel(driver)
    driver.passes(300)
    driver.slack.refuse = accept
    driver.slack.script.append(URLError("gone"))
    driver.channel.heard_from(CHANNEL)
    calls = driver.passes(10)

    assert methods(calls) == ["chat.update", "chat.update", "files", "chat.postMessage"]


def test_somebody_who_types_or_clicks_makes_the_next_try_due(driver: ChannelDriver) -> None:
    end_in_closed_channel(driver)
    driver.slack.refuse = accept
    assert driver.passes(1) == []

    driver.channel.heard_from("C0ELSEWHERE")
    assert driver.passes(1) == []
    driver.channel.heard_from(CHANNEL)

    assert methods(driver.passes(1)) == ["chat.update", "files", "chat.postMessage"]


def test_progress_is_tried_where_somebody_types_or_clicks(driver: ChannelDriver) -> None:
    driver.asked(PREPARING)
    driver.goes_to(REVIEW, QUEUED, RUNNING)
    driver.passes(2)
    driver.slack.refuse = refusing("not_in_channel")
    driver.channel.show(replace(RUNNING, progress=replace(PROGRESS, last_line="on")))
    driver.passes(5)
    driver.slack.refuse = accept
    driver.channel.heard_from(CHANNEL)

    assert methods(driver.passes(5)) == ["chat.update"]
    assert driver.channel.refusal(CHANNEL) is None


def test_a_closed_channel_to_which_nothing_is_owed_counts_as_open_once_somebody_types(driver: ChannelDriver) -> None:
    driver.slack.refuse = refusing("not_in_channel")
    driver.asked(PREPARING)
    driver.passes(1)
    driver.ledger.is_empty = True
    driver.passes(60)
    before = driver.channel.refusal(CHANNEL)
    driver.channel.heard_from(CHANNEL)

    assert (before, driver.channel.refusal(CHANNEL)) == ("not_in_channel", None)


def test_the_refusal_of_a_channel_is_known_until_a_call_succeeds(driver: ChannelDriver) -> None:
    assert driver.channel.refusal(CHANNEL) is None
    end_in_closed_channel(driver)
    assert driver.channel.refusal(CHANNEL) == "not_in_channel"
    assert driver.channel.token_refusal is None
    driver.slack.refuse = accept
    driver.passes(20)
    assert driver.channel.refusal(CHANNEL) is None


def test_an_end_that_was_refused_is_delivered_by_the_next_process(driver: ChannelDriver) -> None:
    end_in_closed_channel(driver)
    driver.slack.refuse = accept
    driver.restart()
    for entry in driver.ledger.unshown_entries():
        driver.channel.show(entry.dialog)
        driver.channel.attach(entry.id, WHOLE_LOG)

    assert methods(driver.passes(60)) == ["chat.update", "files", "chat.postMessage"]
    assert driver.message["text"] == render(DONE, NOW).text
    assert driver.ledger.unshown_entries() == ()


def test_a_process_that_ends_does_not_wait_for_a_closed_channel(driver: ChannelDriver) -> None:
    end_in_closed_channel(driver)
    wait = driver.channel.seconds_to_next()

    assert wait is not None
    assert wait > 10


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("not_in_channel", "Invite it with `/invite`; this dialog then follows by itself."),
        (
            "channel_not_found",
            "If the channel is private: invite it with `/invite`; this dialog then follows by itself.",
        ),
        ("is_archived", "The channel is archived: restore it, or use another one."),
        (
            "restricted_action",
            "The settings of the workspace forbid it: ask an administrator of the workspace.",
        ),
        ("token_revoked", "Tell the bot's operator; this dialog follows by itself once that is repaired."),
    ],
)
def test_the_person_is_told_once_by_the_response_url_what_to_do(
    driver: ChannelDriver, reason: str, advice: str
) -> None:
    driver.slack.refuse = refusing(reason)
    driver.asked(PREPARING)
    driver.passes(600)
    for stage in (REVIEW, QUEUED, RUNNING, DONE):
        driver.goes_to(stage)
        driver.passes(600)

    assert driver.told == [(RESPONSE_URL, f"The bot cannot post here (`{reason}`). {advice}")]


def test_the_person_is_told_by_a_note_where_the_response_url_does_not_work(driver: ChannelDriver) -> None:
    driver.is_told = False
    driver.slack.refuse = lambda call: None if call.method == "chat.postEphemeral" else refusal("restricted_action")
    driver.asked(PREPARING)

    calls = driver.passes(1)

    assert methods(calls) == ["chat.postMessage", "chat.postEphemeral"]
    assert calls[-1].body["user"] == ASKED.user


# ── Tokens ──────────────────────────────────────────────────────────────────────────────────────────────────────────

TOKEN = ["invalid_auth", "token_revoked", "account_inactive", "missing_scope", "org_login_required", "no_permission"]


@pytest.mark.parametrize("reason", TOKEN)
def test_a_refused_token_closes_every_channel_until_a_call_succeeds(driver: ChannelDriver, reason: str) -> None:
    other = Preparing(replace(asked_as("d-2"), channel="C0OTHER"), "Looking")
    driver.slack.refuse = refusing(reason)
    driver.asked(PREPARING)
    driver.asked(other)
    calls = driver.passes(100)
    refused = (driver.channel.token_refusal, driver.channel.refusal("C0NEVER"))
    driver.slack.refuse = accept
    driver.passes(300)

    assert len(calls) == 3
    assert refused == (reason, reason)
    assert (driver.channel.token_refusal, driver.channel.refusal("C0NEVER")) == (None, None)
    assert len(driver.slack.messages) == 2


def test_a_scope_that_only_files_need_closes_nothing(driver: ChannelDriver) -> None:
    driver.slack.refuse = lambda call: refusal("missing_scope") if call.method == "files" else None
    driver.asked(REVIEW)
    driver.channel.attach(DialogId("d-1"), WHOLE_LOG)
    calls = driver.passes(600)

    assert methods(calls) == ["chat.postMessage", "files"]
    assert driver.channel.token_refusal is None


# ── What Slack refuses for good ─────────────────────────────────────────────────────────────────────────────────────


def test_a_refusal_that_nobody_knows_is_told_of_and_the_end_stays_owed(driver: ChannelDriver) -> None:
    driver.slack.refuse = refusing("a_new_error")
    driver.asked(PREPARING)
    driver.goes_to(DONE)
    calls = driver.passes(3600)
    owed = [entry.id for entry in driver.ledger.unshown_entries()]
    driver.slack.refuse = accept
    still = driver.passes(3600)
    driver.channel.heard_from(CHANNEL)
    driver.passes(60)

    assert len(calls) == 5
    assert tries(calls, calls[0].at) == [0, 2, 6, 12, 20]
    (told,) = driver.told
    assert told[0] == RESPONSE_URL
    assert "`a_new_error`" in told[1]
    assert (owed, still) == (["d-1"], [])
    assert driver.message["text"] == render(DONE, NOW).text
    assert driver.entry().announced


def test_what_was_set_aside_is_forgotten_with_its_dialog(driver: ChannelDriver) -> None:
    driver.slack.refuse = refusing("a_new_error")
    driver.asked(PREPARING)
    driver.goes_to(DONE)
    driver.passes(60)
    known = driver.channel.forget_unknown()
    driver.ledger.is_empty = True
    forgotten = driver.channel.forget_unknown()
    driver.ledger.is_empty = False
    driver.channel.heard_from(CHANNEL)

    assert (known, forgotten, driver.channel.forget_unknown()) == (0, 1, 0)
    assert driver.passes(60) == []


def test_a_new_stage_is_tried_although_the_one_before_was_refused(driver: ChannelDriver) -> None:
    driver.slack.refuse = refusing("a_new_error")
    driver.asked(PREPARING)
    driver.passes(60)
    driver.slack.refuse = accept
    driver.goes_to(REVIEW)

    assert methods(driver.passes(60)) == ["chat.postMessage"]


def test_a_thread_that_takes_no_replies_makes_the_announcement_a_note(driver: ChannelDriver) -> None:
    def refuse(call: SlackCall) -> Refusal:
        is_reply = call.method == "chat.postMessage" and "thread_ts" in call.body
        return refusal("restricted_action_thread_locked") if is_reply else None

    driver.slack.refuse = refuse
    driver.asked(PREPARING)
    driver.goes_to(DONE)
    calls = driver.passes(60)

    assert methods(calls) == ["chat.postMessage", "chat.postMessage", "chat.postEphemeral"]
    assert (calls[-1].text, calls[-1].body["user"]) == (announcement(DONE), ASKED.user)
    assert driver.channel.refusal(CHANNEL) is None
    assert driver.ledger.unshown_entries() == ()


def test_a_ledger_that_cannot_be_read_for_minutes_loses_nothing(driver: ChannelDriver) -> None:
    driver.asked(PREPARING)
    driver.goes_to(DONE)
    driver.ledger.is_unreadable = True
    assert driver.passes(600) == []
    driver.ledger.is_unreadable = False

    assert methods(driver.passes(60)) == ["chat.postMessage", "chat.postMessage"]
    assert driver.ledger.unshown_entries() == ()


# ── Edits ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def uneditable(reason: str) -> Callable[[SlackCall], Refusal]:
    return lambda call: refusal(reason) if call.method == "chat.update" else None


@pytest.mark.parametrize("reason", ["cant_update_message", "edit_window_closed", "message_not_found"])
def test_refused_edits_of_progress_become_one_message_and_no_flood(driver: ChannelDriver, reason: str) -> None:
    driver.asked(PREPARING)
    driver.goes_to(REVIEW, QUEUED, RUNNING)
    driver.passes(5)
    driver.slack.refuse = uneditable(reason)
    calls: list[SlackCall] = []
    for second in range(120):
        driver.channel.show(replace(RUNNING, progress=replace(PROGRESS, last_line=str(second))))
        calls += driver.passes(1)
    driver.goes_to(DONE)
    end = driver.passes(60)

    assert methods(calls)[:2] == ["chat.update", "chat.postMessage"]
    assert methods(calls).count("chat.postMessage") == 1
    assert len(calls) <= 3
    assert methods(end) == ["chat.postMessage", "chat.postMessage"]
    assert end[-1].body["thread_ts"] == driver.entry().message
    assert driver.ledger.unshown_entries() == ()


def test_a_restart_tries_one_edit_before_it_posts_again(driver: ChannelDriver) -> None:
    driver.asked(PREPARING)
    driver.slack.refuse = uneditable("edit_window_closed")
    driver.goes_to(REVIEW)
    driver.passes(5)
    driver.restart()
    driver.goes_to(QUEUED)

    assert methods(driver.passes(5)) == ["chat.update", "chat.postMessage"]


# ── Again ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_dialog_is_shown_again_on_request_and_not_announced_again(driver: ChannelDriver) -> None:
    driver.asked(PREPARING)
    driver.goes_to(DONE)
    driver.passes(60)
    driver.channel.show(DONE)
    assert driver.passes(60) == []

    driver.channel.refresh(DONE)

    assert methods(driver.passes(60)) == ["chat.update"]
    assert driver.channel.seconds_to_next() is None


def test_a_dialog_that_is_shown_again_survives_errors(driver: ChannelDriver) -> None:
    driver.asked(PREPARING)
    driver.goes_to(DONE)
    driver.passes(60)
    driver.slack.script.extend([URLError("gone"), refusal("internal_error")])
    driver.channel.refresh(DONE)

    assert methods(driver.passes(60)) == ["chat.update"] * 3


# ── What is sent with less in it ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("reason", ["metadata_too_large", "invalid_metadata_format", "metadata_must_be_sent_from_app"])
def test_metadata_that_slack_does_not_take_is_left_out_first(driver: ChannelDriver, reason: str) -> None:
    driver.slack.refuse = lambda call: refusal(reason) if call.body.get("metadata") else None
    driver.asked(UnderReview(ASKED, PROPOSAL, LATER))
    calls = driver.passes(5)

    assert len(calls) == 2
    assert driver.message["blocks"]
    assert "metadata" not in driver.message


def test_an_edit_without_metadata_removes_the_metadata_of_the_stage_before(driver: ChannelDriver) -> None:
    driver.asked(PREPARING)
    driver.passes(1)
    driver.slack.refuse = lambda call: refusal("metadata_too_large") if call.body.get("metadata") else None
    driver.goes_to(REVIEW)
    driver.passes(1)

    assert driver.message["metadata"] == {}


def test_arguments_that_slack_never_takes_are_tried_with_less_and_then_told_of(driver: ChannelDriver) -> None:
    driver.slack.refuse = refusing("invalid_arguments")
    driver.asked(REVIEW)
    calls = driver.passes(600)

    sent = [("metadata" in call.body, bool(call.body["blocks"])) for call in calls]
    assert sent[:3] == [(True, True), (False, True), (False, False)]
    assert len(driver.told) == 1
    assert driver.ledger.unshown_entries()


def test_a_message_that_masks_make_too_long_is_sent_as_text(driver: ChannelDriver) -> None:
    driver.restart(redact=lambda text: text.replace("e", "e" * 900))
    driver.asked(REVIEW)
    driver.passes(1)

    assert driver.message["blocks"] == ()
    assert 0 < len(driver.message["text"]) <= 4_000
    assert methods(driver.slack.calls) == ["chat.postMessage"]
