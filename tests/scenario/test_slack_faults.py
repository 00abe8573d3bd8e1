"""Slack fails in every way while a person types and clicks: nothing is lost, doubled or left behind.

Each test is one fault of the table in `.github/FAULTS.md`. Between the whole bot and the room is a proxy that fails.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial

import pytest

from bot.doctor.report import Fault, Good, Verdict
from bot.room.client.room_client import RoomError
from bot.room.events import RoomMessage
from bot.room.workspace import EditRule
from bot.slack.connection import LINES
from commands.recipe.labels import JOB
from tests.fakes.slack_faults import (
    LOST_ANSWER,
    LOST_REQUEST,
    Answered,
    Broken,
    Ending,
    SlackFaults,
    faulty_slack,
    refused,
    unavailable,
)
from tests.kit.driver import EXAMPLE, HASTE, RoomDriver, ShownDialog, buttons, eventually, fact

LATE = "Already decided. The dialog shows the decision."
MANY = 1_000
WRITES = ("chat.update", "chat.postMessage", "chat.postEphemeral", "files.getUploadURLExternal")
CALLS = ("chat.update", "chat.postMessage", "files.getUploadURLExternal", "files.completeUploadExternal")
SHORTLY = 1.0
"""In a room whose people are told so soon that the bot did not take a command or a click."""
ANOTHER = "/docker_image_create name=another_name packages=wget"


@dataclass(frozen=True, slots=True)
class FaultyRoom:
    """A bot whose calls and connections pass through a proxy, and what a person sees of it."""

    driver: RoomDriver
    slack: SlackFaults

    def start(self) -> None:
        """Start the bot, and wait for all its connections."""
        self.driver.start_bot()
        self.slack.wait_for_links(LINES)

    def build(self, line: str = EXAMPLE) -> ShownDialog:
        """Begin a build that stands in the middle of a step until the steps are opened."""
        self.driver.host.steps.shut()
        dialog = self.driver.create(line)
        dialog.until("running")
        self.driver.host.steps.wait_for()
        return dialog

    def refuse(self, reason: str) -> None:
        """Refuse all that the bot writes."""
        for method in WRITES:
            self.slack.script(method, refused(reason), times=MANY)

    def slack_check(self) -> Verdict:
        """Look at what the health page says of Slack."""
        assert self.driver.bot is not None
        return next(check for check in self.driver.bot.checks if check.name == "Slack").look()

    def until_nothing_waits(self) -> None:
        """Wait until the bot owes nothing to Slack."""
        assert self.driver.bot is not None
        channel = self.driver.bot._channel

        def is_idle() -> bool:
            with channel._changed:
                return channel._is_idle(float("inf"))

        eventually(is_idle, "that nothing waits to be sent")

    def ended_once(self, dialog: ShownDialog, *, images: int = 1) -> None:
        """See that a build has one dialog, one end, one announcement, one log and one image."""
        dialog.until("done")
        dialog.until_announced()
        dialog.until_file(f"build-{dialog.id}.log")
        self.until_nothing_waits()
        assert len(messages_of(dialog)) == 1
        assert len(dialog.replies) == 1
        assert len(dialog.files) == 1
        assert dialog.states.count("done") == 1
        self.built_once(images)

    def built_once(self, images: int = 1) -> None:
        """See that each build ran once and made one image with its two names."""
        assert len(self.driver.host.engine.builds) == images
        assert len(self.driver.host.engine.images({JOB: ""})) == images
        assert len(self.driver.tags()) == 2 * images
        assert self.driver.stages().count("Finished") == images


@pytest.fixture
def make_faulty(make_driver: Callable[..., RoomDriver]) -> Iterator[Callable[..., FaultyRoom]]:
    """Make a room with choices of the test's own; the bot is started unless `start` says otherwise."""
    with ExitStack() as stack:

        def make(*, start: bool = True, **choices: object) -> FaultyRoom:
            driver = make_driver(start=False, **choices)
            slack = stack.enter_context(faulty_slack(driver.room.url))
            driver.api_url = slack.api_url
            room = FaultyRoom(driver, slack)
            stack.callback(driver.close_bot)
            stack.callback(slack.recover)
            if start:
                room.start()
            return room

        yield make


@pytest.fixture
def room(make_faulty: Callable[..., FaultyRoom]) -> FaultyRoom:
    """A room with everything as usual."""
    return make_faulty()


def messages_of(dialog: ShownDialog) -> list[RoomMessage]:
    """Give all messages that show a dialog, oldest first."""
    return [message for message in dialog.person.messages if fact(message, "trigger") == dialog.trigger]


def until_any_shows(dialog: ShownDialog, state: str) -> RoomMessage:
    """Wait until one of the messages of a dialog shows a state."""

    def look() -> RoomMessage | None:
        return next((message for message in messages_of(dialog) if fact(message, "state") == state), None)

    return dialog.person.until(look, state)


def told_of(dialog: ShownDialog) -> bool:
    """Return whether the person was told that the bot did not take what began this dialog, or a click."""
    return any(told.trigger_id == dialog.trigger for told in dialog.person.undelivered)


def press_until_heard(dialog: ShownDialog, action: str) -> None:
    """Press a button, and press it again whenever Slack says that the bot did not take it."""

    def is_gone() -> bool:
        return action not in buttons(dialog.now)

    def has_answer(pressed: ShownDialog) -> bool:
        return is_gone() or told_of(pressed)

    while not is_gone():
        # The button may go just before the press: then an earlier press was heard.
        with suppress(RoomError):
            dialog.person.until(partial(has_answer, dialog.click(action)), "an answer to the press")


# ── Connections ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("ending", Ending)
def test_stop_pressed_right_after_all_connections_are_lost_ends_the_build(
    make_faulty: Callable[..., FaultyRoom], ending: Ending
) -> None:
    room = make_faulty(ack_seconds=SHORTLY)
    dialog = room.build()
    assert room.slack.break_links(ending) == LINES
    press_until_heard(dialog, "stop")
    dialog.until("stopped")
    dialog.until_announced()
    room.until_nothing_waits()
    assert (len(messages_of(dialog)), len(dialog.replies), room.driver.tags()) == (1, 1, [])
    room.driver.alice.undelivered.clear()


def test_a_command_whose_envelope_is_lost_is_told_and_typed_again(make_faulty: Callable[..., FaultyRoom]) -> None:
    room = make_faulty(ack_seconds=SHORTLY)
    room.slack.lose_envelopes()
    lost = room.driver.alice.type(EXAMPLE)
    room.driver.alice.until(lambda: told_of(lost), "that the command was not taken")
    room.ended_once(room.driver.create())
    assert room.driver.stages() == ["Finished"]
    room.driver.alice.undelivered.clear()


def test_a_command_whose_acknowledgement_is_lost_has_its_dialog(make_faulty: Callable[..., FaultyRoom]) -> None:
    room = make_faulty(ack_seconds=SHORTLY)
    room.slack.lose_acks()
    dialog = room.driver.alice.type(EXAMPLE)
    room.driver.alice.until(lambda: told_of(dialog), "that Slack had no acknowledgement")
    dialog.until("review")
    press_until_heard(dialog, "create")
    room.ended_once(dialog)
    room.driver.alice.undelivered.clear()


def test_a_command_and_a_click_that_are_delivered_twice_count_once(room: FaultyRoom) -> None:
    room.slack.deliver_twice()
    dialog = room.driver.alice.type(EXAMPLE)
    dialog.until("review")
    room.slack.deliver_twice()
    dialog.click("create")
    room.ended_once(dialog)
    assert (len(room.driver.bot_messages()), room.driver.alice.whispers) == (1, [])


def test_a_command_that_is_delivered_again_for_want_of_an_acknowledgement_counts_once(room: FaultyRoom) -> None:
    room.slack.lose_acks()
    room.slack.deliver_twice()
    room.ended_once(room.driver.create())
    assert len(room.driver.bot_messages()) == 1


def test_a_form_that_is_delivered_twice_counts_once(room: FaultyRoom) -> None:
    room.driver.alice.type("/docker_image_create")
    form = room.driver.alice.until_form()
    room.slack.deliver_twice()
    assert form.send(name="example_name", packages="wget") == {}
    dialog = room.driver.alice.until_another_dialog()
    dialog.until("review")
    dialog.click("create")
    room.ended_once(dialog)
    assert len(room.driver.bot_messages()) == 1


@pytest.mark.parametrize("method", ["auth.test", "apps.connections.open"])
def test_a_bot_starts_although_slack_limits_fails_and_is_not_there(
    make_faulty: Callable[..., FaultyRoom], method: str
) -> None:
    room = make_faulty(start=False)
    room.slack.script(method, refused("ratelimited", status=429, retry_after=1), unavailable(500), LOST_REQUEST)
    room.start()
    room.ended_once(room.driver.create())


# ── Refusals ────────────────────────────────────────────────────────────────────────────────────────────────────────


def type_another(room: FaultyRoom, _: ShownDialog) -> None:
    """Type another command in the channel."""
    room.driver.alice.type("/docker_images").until("listed")


def click_late(room: FaultyRoom, dialog: ShownDialog) -> None:
    """Press the Stop that the channel still shows."""
    dialog.click("stop")
    room.driver.alice.until_whispered(LATE)


@pytest.mark.parametrize("act", [type_another, click_late], ids=lambda act: act.__name__)
@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("not_in_channel", "Invite it with `/invite`"),
        ("is_archived", "The channel is archived"),
        ("restricted_action", "ask an administrator"),
    ],
)
def test_an_end_that_the_channel_refuses_is_shown_once_somebody_acts_there_again(
    room: FaultyRoom, reason: str, hint: str, act: Callable[[FaultyRoom, ShownDialog], None]
) -> None:
    dialog = room.build()
    room.refuse(reason)
    room.driver.host.steps.open()
    assert hint in room.driver.alice.until_whispered(f"The bot cannot post here (`{reason}`)")
    eventually(lambda: room.driver.stages() == ["Finished"], "that the build has ended")
    assert dialog.states[-1] == "running"

    room.slack.recover()
    act(room, dialog)

    room.ended_once(dialog)


def test_a_refused_token_is_told_begins_nothing_and_loses_nothing(room: FaultyRoom) -> None:
    other = room.driver.alice.type(ANOTHER)
    other.until("review")
    dialog = room.build()
    room.refuse("token_revoked")
    room.driver.host.steps.open()
    room.driver.alice.until_whispered("The bot cannot post here (`token_revoked`)")
    check = room.slack_check()
    assert isinstance(check, Fault)
    assert "`token_revoked`" in check.says
    other.click("create")
    room.driver.alice.until_whispered("so nothing was begun")
    eventually(lambda: "Finished" in room.driver.stages(), "that the build has ended")
    room.built_once()

    room.slack.recover()
    type_another(room, dialog)

    room.ended_once(dialog)
    assert room.slack_check() == Good("connected")
    other.click("create")
    other.until("done")
    other.until_announced()
    room.built_once(images=2)


@pytest.mark.parametrize("rule", ["cant_update_message", "edit_window_closed"])
def test_a_build_whose_messages_cannot_be_edited_is_one_message_for_each_stage(
    room: FaultyRoom, rule: EditRule
) -> None:
    room.driver.host.says = [f"line {number}" for number in range(300)]
    room.driver.alice.client.change_channel(edits=rule)
    dialog = room.driver.alice.type(EXAMPLE)
    review = until_any_shows(dialog, "review")
    room.driver.alice.client.click(review.ts, "create")
    done = until_any_shows(dialog, "done")
    room.driver.alice.until(lambda: announcements_of(room, done), "the announcement")
    room.until_nothing_waits()

    states = [fact(message, "state") for message in messages_of(dialog)]
    # The bot learns that it may not edit by an edit: the stage of that one is posted again.
    assert len(states) <= len(set(states)) + 1, states
    assert len(announcements_of(room, done)) == 1
    room.built_once()


def announcements_of(room: FaultyRoom, message: RoomMessage) -> list[RoomMessage]:
    """Give what the bot says in the thread of a message, files aside."""
    return [reply for reply in room.driver.alice.messages if reply.thread_ts == message.ts and not reply.files]


# ── Files and notes ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_that_hangs_holds_back_no_end_and_arrives_once(make_faulty: Callable[..., FaultyRoom]) -> None:
    room = make_faulty(pace=replace(HASTE, file_seconds=0.1))
    release = room.slack.hold("files.getUploadURLExternal", times=MANY)
    dialogs = [room.driver.create(), room.driver.create(ANOTHER, by=room.driver.bob)]
    for dialog in dialogs:
        dialog.until("done")
        dialog.until_announced()
        assert dialog.files == {}

    release.set()

    for dialog in dialogs:
        room.ended_once(dialog, images=2)


def test_a_file_that_slack_refuses_is_told_of_and_holds_back_no_end(room: FaultyRoom) -> None:
    room.slack.script("files.getUploadURLExternal", refused("file_uploads_disabled"), times=MANY)
    dialog = room.driver.create()
    dialog.until("done")
    dialog.until_announced()
    note = room.driver.alice.until_whispered("could not be put into the thread")
    assert f"`build-{dialog.id}.log`" in note
    assert "Slack says `file_uploads_disabled`" in note
    room.until_nothing_waits()
    assert (len(dialog.replies), dialog.files, len(room.driver.alice.whispers)) == (1, {}, 1)
    room.built_once()


@pytest.mark.parametrize("fault", [refused("user_not_in_channel"), LOST_REQUEST], ids=["refused", "lost"])
def test_a_note_that_the_channel_does_not_take_comes_by_the_response_url(
    room: FaultyRoom, fault: Answered | Broken
) -> None:
    room.slack.script("chat.postEphemeral", fault, times=MANY)
    dialog = room.driver.alice.type(EXAMPLE)
    dialog.until("review")
    dialog.click("cancel")
    dialog.until("cancelled")
    dialog.click("create", stale=True)
    room.driver.alice.until_whispered(LATE)
    assert room.slack.calls.count("chat.postEphemeral") == 1


# ── Calls that fail ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "fault", [unavailable(500), refused("internal_error"), LOST_REQUEST], ids=["500", "error", "lost"]
)
def test_a_build_ends_once_although_every_second_call_fails(room: FaultyRoom, fault: Answered | Broken) -> None:
    for method in CALLS:
        room.slack.script(method, None, fault, times=MANY)
    room.ended_once(room.driver.create())


def test_an_edit_and_a_file_whose_answer_is_lost_are_not_doubled(room: FaultyRoom) -> None:
    room.slack.script("chat.update", LOST_ANSWER, None, times=MANY)
    room.slack.script("files.completeUploadExternal", LOST_ANSWER)
    room.ended_once(room.driver.create())


def test_a_post_whose_answer_is_lost_stands_twice_and_its_build_runs_once(room: FaultyRoom) -> None:
    room.slack.script("chat.postMessage", LOST_ANSWER)
    dialog = room.driver.alice.type(EXAMPLE)
    review = until_any_shows(dialog, "review")
    room.driver.alice.client.click(review.ts, "create")
    done = until_any_shows(dialog, "done")
    room.driver.alice.until(lambda: announcements_of(room, done), "the announcement")
    room.until_nothing_waits()
    assert len(messages_of(dialog)) == 2
    assert len(announcements_of(room, done)) == 1
    room.built_once()
