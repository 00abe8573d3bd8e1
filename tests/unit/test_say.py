import io
import re
from dataclasses import dataclass, field, replace
from typing import Any, Self

import pytest
from pydantic import JsonValue
from rich.console import Console

from bot.room.client.console import LiveDialog, Silent
from bot.room.client.room_client import RoomError
from bot.room.client.say import COUNTING_SECONDS, Conversation, Said, WithoutClick
from bot.room.events import (
    Acked,
    Block,
    FileShared,
    MessagePosted,
    Metadata,
    OpenView,
    RoomEvent,
    RoomMessage,
    SharedFile,
    Undelivered,
    ViewShown,
)
from tests.fakes.person import ENDS, MINE, SUCCESSES, FakePerson, dialog, menu, note

THEIRS = "2.theirs"
REVIEW = ("create", "cancel", "show_packages", "show_dockerfile")
OFFER = ("reuse", "build_anyway", "cancel")
DECIDE = ("keep", "discard", "log", "packages")


@dataclass(slots=True)
class RecordingConversation(Silent):
    """What would be on the screen."""

    states: list[str] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def dialog(self, message: RoomMessage, state: str) -> None:
        assert message.text
        self.states.append(state)

    def reply(self, message: RoomMessage) -> None:
        self.replies.append(message.text)

    def file(self, name: str) -> None:
        self.files.append(name)

    def __enter__(self) -> Self:
        return self


def say(person: FakePerson, **options: Any) -> Said:
    return Conversation(person, options.pop("show", Silent()), **options).say("/x a=b")


# ── Ends ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("state", ENDS)
def test_it_returns_at_every_end_and_success_is_told_apart(state: str) -> None:
    person = FakePerson([dialog("preparing"), dialog(state, text="So it is."), dialog("preparing")])

    said = say(person)

    assert (said.state, said.message) == (state, "So it is.")
    assert said.succeeded is (state in SUCCESSES)
    assert person.typed == ["/x a=b"]


def test_the_message_of_the_facts_goes_before_the_summary() -> None:
    assert (
        say(FakePerson([dialog("failed", facts={"message": "There is no `nope`."})])).message == "There is no `nope`."
    )


def test_a_room_that_closes_loses_the_command() -> None:
    said = say(FakePerson([dialog("preparing")]))

    assert said.as_json() == {
        "state": "lost",
        "image": None,
        "tag": None,
        "id": None,
        "digest": None,
        "images": None,
        "seconds": {"steps": {}},
        "message": "The room was closed before the command ended.",
    }


def test_a_command_that_the_bot_does_not_take_ends() -> None:
    gone = Undelivered(sequence=7, channel="C0", user="U0", trigger_id=MINE, reason="operation_timeout")
    theirs = Undelivered(sequence=6, channel="C0", user="U0", trigger_id=THEIRS, reason="dispatch_failed")

    said = say(FakePerson([theirs, gone]))

    assert (said.state, said.message) == ("unanswered", "The bot did not take the command: operation_timeout.")


def test_a_click_that_nobody_takes_ends() -> None:
    gone = Undelivered(sequence=9, channel="C0", user="U0", trigger_id="click-create", reason="dispatch_failed")

    said = say(FakePerson([dialog("review", *REVIEW)], {"create": [gone]}), yes=True)

    assert (said.state, said.message) == ("unanswered", "The bot did not take the click: it is not connected.")


def test_a_click_whose_receipt_is_late_may_still_count() -> None:
    late = Undelivered(sequence=9, channel="C0", user="U0", trigger_id="click-create", reason="operation_timeout")

    assert say(FakePerson([dialog("review", *REVIEW)], {"create": [late, dialog("done")]}), yes=True).succeeded


# ── Forms ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def shown(trigger: str) -> ViewShown:
    view = OpenView(id="V1", user="U0ALICE", channel="C0WARROOM", hash="1", content={}, trigger_id=trigger)
    return ViewShown(sequence=9, view=view)


def test_a_command_that_opens_a_form_ends_at_once_with_the_arguments_to_type() -> None:
    person = FakePerson([shown(MINE), dialog("done")])

    said = say(person, usages={"/x": "name=a [base=b]"})

    assert (said.state, said.succeeded) == ("form", False)
    assert said.message == ("That opens a form, which a terminal cannot show. Type the arguments: `/x name=a [base=b]`")
    assert person.closed == ["V1"]


def test_a_form_that_somebody_else_opened_is_left_alone() -> None:
    person = FakePerson([shown(THEIRS), dialog("done")])

    assert say(person).succeeded
    assert person.closed == []


def test_a_button_that_opens_a_form_ends_too() -> None:
    person = FakePerson([dialog("review", *REVIEW, "edit")], {"edit": [shown("click-edit")]})

    assert say(person, clicks=["edit"]).state == "form"
    assert person.closed == ["V1"]


def test_a_person_at_a_terminal_is_not_offered_a_form() -> None:
    offered: list[tuple[str, ...]] = []

    def ask(buttons: tuple[str, ...]) -> str | None:
        offered.append(buttons)
        return None

    say(FakePerson([dialog("review", *REVIEW, "edit")]), ask=ask)

    assert offered == [REVIEW]


# ── Whose message it is ─────────────────────────────────────────────────────────────────────────────────────────────


def test_what_the_bot_answers_to_this_person_alone_is_a_refusal() -> None:
    show = RecordingConversation()

    said = say(FakePerson([note("There is no `nam`.", answers=MINE)]), show=show)

    assert (said.state, said.message, said.succeeded) == ("refused", "There is no `nam`.", False)
    assert show.states == ["refused"]


@pytest.mark.parametrize("text", ["help", " --HELP ", "?"])
def test_help_that_was_asked_for_is_no_refusal(text: str) -> None:
    person = FakePerson([note("It takes no arguments.", answers=MINE)])

    said = Conversation(person, Silent()).say(f"/x {text}")

    assert (said.state, said.succeeded) == ("usage", True)


@pytest.mark.parametrize("answers", [None, THEIRS])
def test_a_note_about_something_else_ends_nothing(answers: str | None) -> None:
    assert say(FakePerson([note("That is decided already.", answers=answers), dialog("done")])).state == "done"


def test_dialogs_of_other_commands_are_not_shown_and_not_clicked() -> None:
    show = RecordingConversation()
    person = FakePerson([dialog("review", *REVIEW, trigger=THEIRS), dialog("done", trigger=THEIRS), dialog("done")])

    assert say(person, yes=True, show=show).succeeded
    assert (person.clicks, show.states) == ([], ["done"])


def test_what_happened_before_is_history() -> None:
    old = MessagePosted(sequence=5, message=dialog("failed"))

    assert say(FakePerson([old, dialog("done")])).succeeded


def test_the_thread_is_shown_and_that_of_others_is_not() -> None:
    show = RecordingConversation()

    def reply(text: str, thread: str) -> RoomMessage | RoomEvent:
        return RoomMessage(ts="12.1", channel="C0WARROOM", author="U0BOT", text=text, thread_ts=thread)

    def file(name: str, thread: str | None) -> RoomMessage | RoomEvent:
        shared = SharedFile(id="F1", name=name, title=name, size=1)
        return FileShared(sequence=99, channel="C0", ts="12.2", thread_ts=thread, file=shared)

    events = [dialog("running"), reply("mine", "10.1"), reply("other", "9.9"), file("a.txt", "10.1")]
    say(FakePerson([*events, file("b.txt", "9.9"), file("c.txt", None), dialog("done")]), show=show)

    assert (show.replies, show.files) == (["mine"], ["a.txt"])


def test_a_file_that_is_no_text_is_shown_with_its_size() -> None:
    show = RecordingConversation()
    shared = SharedFile(id="F1", name="context.zip", title="Context", size=1234, is_text=False)
    event = FileShared(sequence=99, channel="C0", ts="12.2", thread_ts="10.1", file=shared)

    say(FakePerson([dialog("running"), event, dialog("done")]), show=show)

    assert show.files == ["context.zip (binary, 1,234 bytes)"]


# ── Buttons ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("buttons", "pressed"), [(REVIEW, "create"), (OFFER, "reuse")])
def test_yes_takes_what_is_offered(buttons: tuple[str, ...], pressed: str) -> None:
    person = FakePerson([dialog("review", *buttons)], {pressed: [dialog("done")]})

    assert say(person, yes=True).succeeded
    assert person.clicks == [("10.1", pressed)]


def test_yes_never_keeps_what_does_not_import() -> None:
    person = FakePerson([dialog("review", *REVIEW)], {"create": [dialog("deciding", *DECIDE)]})

    said = say(person, yes=True)

    assert said.state == "waiting"
    assert person.clicks == [("10.1", "create")]


def test_yes_without_a_watcher_discards_what_does_not_import() -> None:
    person = FakePerson([dialog("review", *REVIEW)])
    person.after = {"create": [dialog("deciding", *DECIDE)], "discard": [dialog("discarded")]}

    assert say(person, yes=True, unanswered=WithoutClick.LEAVE).state == "discarded"


def test_clicks_are_pressed_in_turn_and_one_each_time_that_the_dialog_asks() -> None:
    person = FakePerson(
        [dialog("review", *REVIEW)],
        {"build_anyway": [dialog("running", "stop"), dialog("deciding", *DECIDE)], "keep": [dialog("done")]},
    )

    assert say(person, clicks=["build_anyway", "keep"]).succeeded
    assert [action for _, action in person.clicks] == ["build_anyway", "keep"]


def test_a_button_that_only_shows_something_is_followed_by_the_next() -> None:
    person = FakePerson([dialog("review", *REVIEW)], {"create": [dialog("done")]})

    assert say(person, clicks=["show_packages", "show_dockerfile"], yes=True).succeeded
    assert [action for _, action in person.clicks] == ["show_packages", "show_dockerfile", "create"]


def test_clicks_go_before_yes() -> None:
    person = FakePerson([dialog("review", *REVIEW)], {"cancel": [dialog("cancelled")]})

    assert say(person, clicks=["cancel"], yes=True).state == "cancelled"


def test_a_button_is_pressed_once_although_the_dialog_is_edited() -> None:
    person = FakePerson([dialog("review", *REVIEW), dialog("review", *REVIEW), dialog("done")])

    assert say(person, yes=True).succeeded
    assert len(person.clicks) == 1


def test_a_review_of_something_else_is_answered_although_nothing_was_seen_in_between() -> None:
    person = FakePerson([dialog("review", "update", "cancel")])
    again = dialog("review", "update", "cancel", "log")
    person.after["update"] = [again, again]

    say(person, yes=True)

    assert [action for _, action in person.clicks] == ["update", "update"]


def test_a_button_that_is_not_there_is_an_error() -> None:
    person = FakePerson([dialog("review", *REVIEW)], refuses={"nonsense": "action_not_found"})

    with pytest.raises(RoomError, match="not there"):
        say(person, clicks=["nonsense"])


def test_a_button_that_somebody_else_pressed_first_is_none() -> None:
    person = FakePerson([dialog("review", *REVIEW), dialog("cancelled")], refuses={"create": "action_not_found"})

    assert say(person, yes=True).state == "cancelled"


def test_a_room_that_does_not_take_the_click_is_an_error() -> None:
    person = FakePerson([dialog("review", *REVIEW)], refuses={"create": "unreachable"})

    with pytest.raises(RoomError):
        say(person, yes=True)


def test_without_an_answer_the_dialog_waits_for_others() -> None:
    person = FakePerson([dialog("review", *REVIEW)])

    said = say(person)

    assert (said.state, said.message, said.succeeded) == ("waiting", "The dialog waits for a button.", False)
    assert person.clicks == []


def test_where_nobody_will_come_the_dialog_is_ended() -> None:
    person = FakePerson([dialog("review", *REVIEW)], {"cancel": [dialog("cancelled")]})

    assert say(person, unanswered=WithoutClick.LEAVE).state == "cancelled"


def test_a_person_may_choose_by_hand() -> None:
    asked: list[tuple[str, ...]] = []
    answers = iter(["show_packages", "create"])

    def ask(buttons: tuple[str, ...]) -> str:
        asked.append(buttons)
        return next(answers)

    person = FakePerson([dialog("review", *REVIEW)], {"create": [dialog("done")]})

    assert say(person, ask=ask).succeeded
    assert asked == [REVIEW, REVIEW]


@pytest.mark.parametrize("button", ["create", "reuse", "update", "roll_back", "remove"])
def test_yes_confirms_every_kind_of_review(button: str) -> None:
    person = FakePerson([dialog("review", "cancel", button, "log")], {button: [dialog("done")]})

    assert say(person, yes=True).succeeded
    assert person.clicks == [("10.1", button)]


def test_a_state_and_buttons_that_the_program_has_never_heard_of_are_known_by_their_meaning() -> None:
    offered = dialog("proposed", "look", "go", "back", facts={"asks": True, "buttons": {"look": "file", "go": "yes"}})
    made = dialog("launched", facts={"ended": True, "succeeded": True})
    person = FakePerson([offered], {"go": [made]})

    said = say(person, clicks=["look"], yes=True)

    assert (said.state, said.succeeded) == ("launched", True)
    assert [action for _, action in person.clicks] == ["look", "go"]


def test_a_button_that_the_message_does_not_show_is_not_pressed() -> None:
    person = FakePerson([dialog("review", "cancel", facts={"buttons": {"create": "yes", "cancel": "leave"}})])

    assert say(person, yes=True).state == "waiting"
    assert person.clicks == []


# ── After the end ───────────────────────────────────────────────────────────────────────────────────────────────────

UNDO = "click-undo_update"


def updating(*after_undo: RoomMessage | RoomEvent) -> FakePerson:
    """A room in which an update succeeds, with what follows when it is undone."""
    person = FakePerson([dialog("review", "update", "cancel")])
    person.after = {"update": [dialog("updated", "undo_update", "changes")], "undo_update": list(after_undo)}
    return person


def test_a_click_after_the_end_begins_another_dialog_which_is_followed() -> None:
    show = RecordingConversation()
    person = updating(
        dialog("preparing", trigger=UNDO, ts="20.1"), dialog("review", "roll_back", "cancel", trigger=UNDO, ts="20.1")
    )
    person.after["roll_back"] = [
        dialog("failed", ts="10.1"),
        dialog("running", trigger=UNDO, ts="20.1"),
        dialog("rolled_back", trigger=UNDO, ts="20.1", text="It is as before."),
    ]

    said = say(person, clicks=["update", "undo_update", "roll_back"], show=show)

    assert (said.state, said.message, said.succeeded, said.left) == ("rolled_back", "It is as before.", True, ())
    assert person.clicks == [("10.1", "update"), ("10.1", "undo_update"), ("20.1", "roll_back")]
    assert show.states == ["review", "updated", "preparing", "review", "running", "rolled_back"]


def test_yes_goes_before_a_click_that_is_not_there_yet() -> None:
    person = updating(dialog("review", "roll_back", "cancel", trigger=UNDO, ts="20.1"))
    person.after["roll_back"] = [dialog("rolled_back", trigger=UNDO, ts="20.1")]

    assert say(person, yes=True, clicks=["undo_update"]).state == "rolled_back"
    assert [action for _, action in person.clicks] == ["update", "undo_update", "roll_back"]


def test_a_click_that_the_last_dialog_does_not_have_is_left_over() -> None:
    person = FakePerson([dialog("review", "update")], {"update": [dialog("unchanged", "images")]})

    said = say(person, clicks=["update", "undo_update", "roll_back"])

    assert (said.state, said.left) == ("unchanged", ("undo_update", "roll_back"))


def test_a_click_after_the_end_that_is_refused_is_the_answer() -> None:
    said = say(updating(note("That is not possible any more.", answers=None)), clicks=["update", "undo_update"])

    assert (said.state, said.message, said.succeeded) == ("refused", "That is not possible any more.", False)


def test_a_dialog_that_never_comes_after_a_click_is_no_success() -> None:
    said = say(updating(dialog("updated", "undo_update")), clicks=["update", "undo_update"])

    assert (said.state, said.succeeded) == ("lost", False)


def test_a_button_that_is_gone_when_it_is_pressed_leaves_the_dialog_as_it_is() -> None:
    person = updating()
    person.refuses["undo_update"] = "action_not_found"
    person.after["undo_update"] = []
    person.said.append(dialog("updated"))

    assert say(person, clicks=["update", "undo_update"]).state in {"updated", "lost"}


def test_a_file_is_waited_for_before_the_next_click() -> None:
    show = RecordingConversation()
    file = SharedFile(id="F1", name="changes.txt", title="Changes", size=1)
    person = updating(dialog("described", trigger=UNDO, ts="20.1"))
    person.after["changes"] = [FileShared(sequence=99, channel="C0", ts="12.2", thread_ts="10.1", file=file)]

    assert say(person, clicks=["update", "changes", "undo_update"], show=show).state == "described"
    assert show.files == ["changes.txt"]


def test_a_file_that_is_there_already_is_no_refusal() -> None:
    show = RecordingConversation()
    person = updating()
    person.after["changes"] = [note("`changes.txt` is in the thread.", answers=None)]

    assert say(person, clicks=["update", "changes"], show=show).state == "updated"
    assert show.replies == ["`changes.txt` is in the thread."]


def test_a_review_makes_way_for_what_is_chosen_in_its_place() -> None:
    chosen = "click-roll_back_to"
    person = FakePerson([dialog("review", "roll_back", menu("roll_back_to", "one", "two"))])
    person.after["roll_back_to"] = [
        dialog("cancelled"),
        dialog("review", "roll_back", trigger=chosen, ts="20.1"),
    ]
    person.after["roll_back"] = [dialog("rolled_back", trigger=chosen, ts="20.1")]

    assert say(person, clicks=["roll_back_to=two", "roll_back"]).state == "rolled_back"
    assert person.choices == ["TWO"]


def test_a_form_after_the_end_cannot_be_shown() -> None:
    person = FakePerson([dialog("listed", "filter")], {"filter": [shown("click-filter")]})

    said = say(person, clicks=["filter"], usages={"/x": ""})

    assert (said.state, said.message) == ("form", "That opens a form, which a terminal cannot show.")
    assert not said.succeeded


# ── Menus ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("click", "chosen"),
    [
        ("image_details", "PYTHON:3.12.1"),
        ("image_details=", "PYTHON:3.12.1"),
        ("image_details=python:3.12", "PYTHON:3.12"),
        ("image_details=debian", "DEBIAN:12"),
        ("image_details=Debian", "DEBIAN:12"),
        (" image_details = a=b ", "A=B"),
    ],
)
def test_a_menu_is_chosen_from_by_a_part_of_its_words(click: str, chosen: str) -> None:
    rows = menu("image_details", "python:3.12.1", "python:3.12", "debian:12", "a=b")
    person = FakePerson([dialog("listed", rows, "refresh")])
    person.after["image_details"] = [dialog("described", trigger="click-image_details", ts="20.1")]

    assert say(person, clicks=[click]).state == "described"
    assert person.choices == [chosen]


def test_a_choice_that_a_menu_does_not_have_is_an_error_that_names_some() -> None:
    person = FakePerson([dialog("listed", menu("image_details", *"abcdefg"))])

    with pytest.raises(RoomError, match=r"no choice `nope`; it offers `a`, `b`, `c`, `d`, `e`, …\."):
        say(person, clicks=["image_details=nope"])
    assert person.clicks == []


def test_a_menu_is_not_offered_to_be_pressed() -> None:
    offered: list[tuple[str, ...]] = []
    say(
        FakePerson([dialog("review", "roll_back", menu("roll_back_to", "a"), "cancel")]),
        ask=offered.append,
    )

    assert offered == [("roll_back", "cancel")]


# ── Lists ───────────────────────────────────────────────────────────────────────────────────────────────────────────

UNCOUNTED: dict[str, JsonValue] = {"disk": None}
COUNTED: dict[str, JsonValue] = {"disk": 41_200_000_000}


def test_a_list_is_left_as_soon_as_the_disk_is_counted() -> None:
    person = FakePerson([dialog("listed", facts=UNCOUNTED), dialog("listed", facts=COUNTED, text="with disk")])

    said = say(person)

    assert (said.state, said.message, said.facts["disk"]) == ("listed", "with disk", 41_200_000_000)
    assert person.waits == []


@pytest.mark.parametrize("facts", [COUNTED, {"disk": None, "disk_note": "It takes too long."}, {}])
def test_a_list_that_is_whole_is_not_waited_with(facts: dict[str, JsonValue]) -> None:
    person = FakePerson([dialog("listed", facts=facts)])

    assert say(person).succeeded
    assert person.waits == []


def test_a_list_whose_disk_takes_long_to_count_is_left_after_a_while() -> None:
    person = FakePerson([dialog("listed", facts=UNCOUNTED)])

    assert say(person).succeeded
    (waited,) = person.waits
    assert 0 < waited <= COUNTING_SECONDS


def test_a_page_is_turned_as_often_as_there_is_a_button() -> None:
    show = RecordingConversation()
    person = FakePerson([dialog("listed", "next_page", text="page 1", facts=UNCOUNTED)])
    person.after["next_page"] = [dialog("listed", "previous_page", text="page 2", facts=COUNTED)]

    said = say(person, clicks=["next_page", "next_page"], show=show)

    assert (said.state, said.message, said.left) == ("listed", "page 2", ("next_page",))
    assert show.states == ["listed", "listed"]


# ── Leaving ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("state", "button"), [("review", "cancel"), ("deciding", "discard"), ("queued", "stop"), ("running", "stop")]
)
def test_leaving_presses_the_button_that_ends_the_dialog(state: str, button: str) -> None:
    person = FakePerson([dialog(state, button)])
    conversation = Conversation(person, Silent())
    conversation.say("/x")
    conversation.leave()

    assert person.clicks == [("10.1", button)]


def test_leaving_before_there_is_a_dialog_ends_it_once_it_comes() -> None:
    person = FakePerson([dialog("preparing"), dialog("review", *REVIEW)], {"cancel": [dialog("cancelled")]}, sequence=5)
    conversation = Conversation(person, Silent(), yes=True)
    conversation.leave()

    assert conversation.say("/x").state == "cancelled"
    assert person.clicks == [("10.1", "cancel")]


@pytest.mark.parametrize("error", ["action_not_found", "unreachable"])
def test_leaving_a_dialog_that_has_moved_on_is_no_error(error: str) -> None:
    person = FakePerson([dialog("running", "stop")], refuses={"stop": error})
    conversation = Conversation(person, Silent())
    conversation.say("/x")
    conversation.leave()

    assert len(person.clicks) == 1


# ── What scripts read ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_json_names_image_and_seconds() -> None:
    acked = Acked(sequence=7, channel="C0", user="U0", trigger_id=MINE, envelope_id="e", milliseconds=12.34)
    facts: dict[str, JsonValue] = {
        "image": "a",
        "tag": "1.0.0.1",
        "id": "sha256:1",
        "digest": None,
        "seconds": {"Check": 1.5, "build": 3.0},
    }
    person = FakePerson([acked, dialog("preparing"), dialog("review", *REVIEW)])
    person.after["create"] = [dialog("queued"), dialog("running"), dialog("running"), dialog("done", facts=facts)]

    written = say(person, yes=True).as_json()

    seconds = written.pop("seconds")
    assert written == {
        "state": "done",
        "image": "a",
        "tag": "1.0.0.1",
        "id": "sha256:1",
        "digest": None,
        "images": None,
        "message": "done",
    }
    assert seconds.pop("ack") == 0.0123
    assert seconds.pop("steps") == facts["seconds"]
    assert list(seconds) == ["preparing", "review", "queued", "running"]
    assert all(0 <= each < 5 for each in seconds.values())


# ── The terminal ────────────────────────────────────────────────────────────────────────────────────────────────────


def printed(*messages: tuple[RoomMessage, str]) -> str:
    stream = io.StringIO()
    with LiveDialog(Console(file=stream, width=60)) as live:
        for message, state in messages:
            live.dialog(message, state)
    return stream.getvalue()


def test_in_a_pipe_each_state_is_printed_once() -> None:
    review, running, done = (dialog(state) for state in ("review", "running", "done"))

    text = printed((review, "review"), (review, "review"), (running, "running"), (running, "running"), (done, "done"))

    assert [text.count(f"│ {state} ") for state in ("review", "running", "done")] == [1, 1, 1]


def test_in_a_pipe_a_new_line_of_the_same_state_is_one_line() -> None:
    messages = [(dialog("running", text=f"{done} of 4 steps done"), "running") for done in (1, 1, 2, 2)]

    text = printed(*messages)

    assert text.count("2 of 4 steps done") == 1
    assert text.count("│ running ") == 1


def with_table(*names: str, text: str = "list", ts: str = "10.1") -> RoomMessage:
    """Make a list of images."""
    cells: list[list[JsonValue]] = [[{"type": "raw_text", "text": name}] for name in ("Repository", *names)]
    listed = dialog("listed", text=text, ts=ts)
    rows: list[JsonValue] = [*cells]
    return replace(listed, blocks=(*listed.blocks, {"type": "table", "rows": rows}))


def test_in_a_pipe_another_page_is_printed_and_a_new_line_of_the_same_page_is_one_line() -> None:
    first, second = with_table("python", "debian"), with_table("alpine")
    counted = replace(second, text="alpine, and how much of the disk")

    text = printed((first, "listed"), (second, "listed"), (counted, "listed"))

    assert [text.count(name) for name in ("Repository", "python", "alpine")] == [2, 1, 2]
    assert "\n  alpine, and how much of the disk\n" in text


def test_in_a_pipe_a_list_is_printed_once_when_the_disk_is_counted() -> None:
    def counting(message: RoomMessage, disk: int | None) -> RoomMessage:
        facts: dict[str, JsonValue] = {"state": "listed", "disk": disk}
        said: Block = {"type": "section", "text": {"type": "mrkdwn", "text": f"on disk: {disk}"}}
        return replace(message, blocks=(said, *message.blocks), metadata=Metadata(event_type="x", event_payload=facts))

    first, second, third = with_table("python"), with_table("debian"), with_table("redis", ts="20.1")

    text = printed(
        (counting(first, None), "listed"),
        (counting(first, 7), "listed"),
        (counting(second, None), "listed"),
        (counting(third, None), "listed"),
    )

    found = re.findall(r"on disk: \S+|python|debian|redis", text)
    assert found == ["on disk: 7", "python", "on disk: None", "debian", "on disk: None", "redis"]


def test_in_a_pipe_another_dialog_in_the_same_state_is_printed() -> None:
    text = printed((dialog("review"), "review"), (dialog("review", ts="20.1"), "review"))

    assert text.count("│ review ") == 2


@pytest.mark.parametrize(("widens", "lines"), [(True, 1), (False, 3)])
def test_in_a_pipe_a_row_is_one_line_unless_its_reader_has_said_how_long_a_line_is(lines: int, *, widens: bool) -> None:
    long = with_table("x" * 150)
    stream = io.StringIO()
    with LiveDialog(Console(file=stream, width=60), widens=widens) as live:
        live.dialog(long, "listed")
        live.dialog(dialog("done", ts="20.1"), "done")

    shown = stream.getvalue().splitlines()
    assert len([line for line in shown if "xx" in line]) == lines
    # Only what has a table is wider.
    assert len(shown[-1]) == 60


def test_a_terminal_is_never_wider_than_it_is() -> None:
    stream = io.StringIO()
    with LiveDialog(Console(file=stream, width=60, force_terminal=True, color_system=None), widens=True) as live:
        live.dialog(with_table("x" * 150), "listed")

    assert "x" * 50 in stream.getvalue()
    assert "x" * 61 not in stream.getvalue()


def test_a_terminal_leaves_an_earlier_dialog_above_the_next() -> None:
    stream = io.StringIO()
    with LiveDialog(Console(file=stream, width=60, force_terminal=True)) as live:
        live.dialog(dialog("updated"), "updated")
        live.dialog(dialog("preparing", ts="20.1"), "preparing")
        live.dialog(dialog("rolled_back", ts="20.1"), "rolled_back")

    # Each place is left with its last picture, which nothing erases.
    *_, before, last = re.split(r"\x1b\[\?25h", stream.getvalue())[:-1]
    assert "updated" in before
    assert "rolled_back" in last


def test_a_terminal_shows_the_dialog_in_place() -> None:
    stream = io.StringIO()
    with LiveDialog(Console(file=stream, width=60, force_terminal=True)) as live:
        live.dialog(dialog("review"), "review")
        live.dialog(dialog("done"), "done")

    assert "done" in stream.getvalue()


@pytest.mark.parametrize("evil", ["\x1b[2J", "\x07", "\x9b31m", "\u202e", "\r"])
def test_nothing_that_is_said_commands_the_terminal(evil: str) -> None:
    stream = io.StringIO()
    live = LiveDialog(Console(file=stream, width=60))
    with live:
        live.dialog(dialog("running", text=f"a{evil}b"), "running")
        live.dialog(dialog("running", text=f"c{evil}d"), "running")
        live.dialog(RoomMessage(ts="1", channel="C", author="U", text=f"e{evil}f"), "refused")
        live.reply(RoomMessage(ts="1", channel="C", author="U", text=f"g{evil}h"))
        live.file(f"i{evil}j")

    assert evil not in stream.getvalue()
    assert "i" in stream.getvalue()
