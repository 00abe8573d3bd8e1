import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from slack_bolt import Ack, BoltRequest, BoltResponse

from bot.access.rules import Access, Act, Actor, OpenForm, PressButton, SendForm, TypeCommand
from bot.dialogs.job_logs import JobLogFiles
from bot.dialogs.stages import (
    Asked,
    Attachment,
    Cancelled,
    Dialog,
    DialogId,
    Expired,
    Queued,
    Running,
    UnderReview,
)
from bot.router import COMMANDS, Command, Router
from bot.slack.notes import UNKNOWN_BUTTON, UNKNOWN_FORM
from bot.slack.views.buttons import Decide
from bot.slack.views.create.form import CREATE_FORM, create_form
from bot.slack.views.form import FormContext
from bot.slack.views.images.filter_form import FILTER_FORM
from bot.slack.views.kinds import BY_ACTION, CONTROLS
from bot.slack.views.update.form import UPDATE_FORM
from commands.errors import ShuttingDown, StateUnwritable
from commands.model.requests import CreateImage
from tests.fakes.host import PATIENCE_SECONDS
from tests.kit.app import BASES, CONTEXT, HERE, TEAM, ListeningApp, click, form
from tests.kit.examples import ALICE, ASKED, BOB, EVERY_KIND, LATER, NOW, PROGRESS, PROPOSAL

LINE = "name=example_name dependencies=mechanize packages=wget"
FILLED = {"name": "my/tool", "dependencies": "requests[socks]>=2, ldap3", "packages": "wget curl", "base": "a/b:1"}
STRANGERS = "T0OTHER"
STRANGER = "Commands from your workspace are not allowed. To allow them, add `T0OTHER` to `WARROOM_ALLOWED_TEAMS`."
BROKEN = "Something went wrong inside the bot. Try again. If it happens again, tell the bot's operator."


# ── Commands ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_command_is_stored_before_it_is_acknowledged_and_shown_to_the_room(app: ListeningApp) -> None:
    assert app.types(LINE) == {"text": "", "response_type": "in_channel"}

    (entry,) = app.stored
    assert entry.dialog.asked == Asked(
        DialogId("new-1"),
        Router().parse(f"/docker_image_create {LINE}"),
        "/docker_image_create",
        f"/docker_image_create {LINE}",
        ALICE,
        HERE,
        NOW,
        team=TEAM,
    )
    assert (entry.trigger, entry.response_url) == ("1.2.abc", "https://hooks.slack.invalid/1")
    assert app.screen.shown == [entry.dialog]


def delivered_twice_at_once(app: ListeningApp, body: dict[str, Any]) -> list[dict[str, Any]]:
    """Deliver one payload from two threads at the same moment; gives both acknowledgements."""
    ready = threading.Barrier(2)

    def deliver(_: int) -> dict[str, Any]:
        ready.wait(PATIENCE_SECONDS)
        return app.sends(body)

    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(deliver, range(2)))


def test_a_command_that_is_delivered_again_is_acknowledged_alike_and_makes_one_dialog(app: ListeningApp) -> None:
    first, second = (app.types(LINE, trigger_id="7.7.same") for _ in range(2))

    assert first == second
    assert [entry.id for entry in app.stored] == ["new-1"]
    assert len(app.screen.shown) == 1


def test_a_command_that_is_delivered_twice_at_once_makes_one_dialog(app: ListeningApp) -> None:
    body = {"command": "/docker_image_create", "text": LINE, "user_id": ALICE, "channel_id": HERE, "team_id": TEAM}
    whence = {"trigger_id": "7.7.same", "response_url": "https://hooks.slack.invalid/1"}

    first, second = delivered_twice_at_once(app, {**body, **whence})

    assert first == second == {"text": "", "response_type": "in_channel"}
    assert len(app.stored) == len(app.screen.shown) == 1


def test_the_same_line_that_is_typed_twice_makes_two_dialogs(app: ListeningApp) -> None:
    app.types(LINE)
    app.types(LINE)

    assert len(app.stored) == 2


def test_commands_without_a_trigger_are_all_taken(app: ListeningApp) -> None:
    app.types(LINE, trigger_id="")
    app.types(LINE, trigger_id="")

    assert len(app.stored) == 2


def test_a_line_that_is_no_command_is_refused_to_the_person_alone_with_a_dialog(app: ListeningApp) -> None:
    answer = app.types("nam=example_name")

    assert answer["response_type"] == "ephemeral"
    assert "nam" in answer["text"]
    assert answer["blocks"][0]["type"] == "header"
    assert not any(block["type"] == "actions" for block in answer["blocks"])
    assert app.stored == ()
    assert app.screen.shown == []


@pytest.mark.parametrize(
    ("fields", "named", "setting"),
    [
        ({"channel_id": "C0ELSEWHERE"}, "C0ELSEWHERE", "WARROOM_ALLOWED_CHANNELS"),
        ({"user_id": "U0MALLORY"}, "U0MALLORY", "WARROOM_ALLOWED_USERS"),
    ],
)
def test_who_may_not_is_told_what_to_do_by_id(
    open_app: Callable[..., ListeningApp], fields: dict[str, str], named: str, setting: str
) -> None:
    app = open_app(access=Access(frozenset({HERE}), frozenset({ALICE})))

    answer = app.types(LINE, **fields)

    assert answer["response_type"] == "ephemeral"
    assert f"`{named}`" in answer["text"]
    assert f"`{setting}`" in answer["text"]
    assert app.stored == ()


def test_a_command_of_another_workspace_is_refused_with_what_the_operator_may_do(app: ListeningApp) -> None:
    assert app.types(LINE, team_id=STRANGERS) == {"response_type": "ephemeral", "text": STRANGER}
    assert app.stored == ()


@pytest.mark.parametrize("text", ["", "help"])
def test_people_of_another_workspace_get_neither_form_nor_help(app: ListeningApp, text: str) -> None:
    assert app.types(text, team_id=STRANGERS)["text"] == STRANGER

    app.forms.close()
    assert app.views == []


@pytest.mark.parametrize("action", BY_ACTION)
def test_no_button_and_no_menu_is_for_people_of_another_workspace(app: ListeningApp, action: str) -> None:
    app.keep(UnderReview(ASKED, PROPOSAL, LATER))

    for choice in (None, "1"):
        app.sends(click(action, choice=choice, team=STRANGERS, trigger=f"{choice}"))

    assert [text for _, _, text in app.whispers] == [STRANGER] * 2
    assert [entry.dialog for entry in app.stored] == [UnderReview(ASKED, PROPOSAL, LATER)]
    assert app.screen.files == []
    app.forms.close()
    assert app.views == []


def test_a_form_of_another_workspace_is_refused_in_it(app: ListeningApp) -> None:
    state = {"name": {"value": {"type": "plain_text_input", "value": "my/tool"}}}

    assert app.sends(form(state, team=STRANGERS))["errors"] == {"name": STRANGER}
    assert app.stored == ()


@pytest.mark.parametrize("team", [{}, {"team_id": None}], ids=str)
def test_what_names_no_workspace_is_refused_and_told(app: ListeningApp, team: dict[str, None]) -> None:
    app.keep(UnderReview(ASKED, PROPOSAL, LATER))
    state = {"name": {"value": {"type": "plain_text_input", "value": "my/tool"}}}
    user = {"user": {"id": BOB, **team}}

    typed = app.types(LINE, team_id=None)
    app.sends({**click("create"), **user})
    sent = app.sends({**form(state), **user})

    unknown = "Slack does not say which workspace you are in. Try again in a minute."
    assert typed == {"response_type": "ephemeral", "text": unknown}
    assert [text for _, _, text in app.whispers] == [unknown]
    assert sent["errors"] == {"name": unknown}
    assert [entry.dialog for entry in app.stored] == [UnderReview(ASKED, PROPOSAL, LATER)]


@pytest.mark.parametrize("team", ["", "warroom", "T0>", 7, ["T0"], {"id": "T0"}], ids=str)
def test_a_workspace_that_cannot_be_read_is_not_let_through(app: ListeningApp, team: object) -> None:
    app.keep(UnderReview(ASKED, PROPOSAL, LATER))
    user = {"user": {"id": BOB, "team_id": team}}

    assert app.types(LINE, team_id=team)["text"] == "The command could not be read. Type it again."
    assert app.sends({**click("create"), **user}) == {}
    assert "errors" in app.sends({**form({}), **user})
    assert [entry.dialog for entry in app.stored] == [UnderReview(ASKED, PROPOSAL, LATER)]


def test_in_a_shared_channel_the_persons_workspace_counts_and_not_the_messages(
    open_app: Callable[..., ListeningApp],
) -> None:
    app = open_app(access=Access(frozenset({HERE}), teams=frozenset({STRANGERS})))
    app.keep(UnderReview(ASKED, PROPOSAL, LATER))

    app.sends({**click("create", team="T0THIRD"), "team": {"id": TEAM}, "team_id": TEAM})
    assert "`T0THIRD`" in app.whispers[0][2]
    app.sends({**click("create", team=STRANGERS, trigger="2"), "team": {"id": "T0THIRD"}})
    assert [type(entry.dialog) for entry in app.stored] == [Queued]


@pytest.mark.parametrize(
    "trouble",
    [
        StateUnwritable("The bot cannot write its state: disk full.", hint="Free some space."),
        ShuttingDown("The bot is being restarted.", hint="Type the command again in a minute."),
    ],
    ids=lambda trouble: type(trouble).__name__,
)
def test_a_command_that_cannot_be_taken_is_told_to_the_person_alone(
    app: ListeningApp, trouble: StateUnwritable | ShuttingDown
) -> None:
    app.ledger.trouble = trouble

    assert app.types(LINE) == {"text": f"{trouble.message} {trouble.hint}", "response_type": "ephemeral"}


def test_a_bot_that_is_ending_takes_no_command(app: ListeningApp) -> None:
    app.jobs.closing.set()

    assert app.types(LINE) == {
        "text": "The bot is being restarted. Type the command again in a minute.",
        "response_type": "ephemeral",
    }
    assert app.stored == ()


def test_a_defect_is_acknowledged_and_told(app: ListeningApp) -> None:
    app.ledger.trouble = RuntimeError("a defect")

    assert app.types(LINE) == {"text": BROKEN, "response_type": "ephemeral"}


@pytest.mark.parametrize(
    "fields",
    [{"user_id": ""}, {"channel_id": "a channel"}, {"trigger_id": None}, {"text": "x" * 50_000}, {"response_url": 7}],
    ids=str,
)
def test_a_payload_that_is_not_understood_is_acknowledged_and_told(
    app: ListeningApp, fields: dict[str, object]
) -> None:
    assert app.types(**{"text": LINE, **fields}) == {
        "text": "The command could not be read. Type it again.",
        "response_type": "ephemeral",
    }
    assert app.stored == ()


def test_the_acknowledgement_comes_once_and_after_everything_else(app: ListeningApp) -> None:
    app.keep(UnderReview(ASKED, PROPOSAL, LATER))
    found: list[tuple[object, ...]] = []

    class RecordingAck(Ack):
        def __init__(self) -> None:
            """Take nothing, unlike the SDK's own, which has no types."""

        def __call__(self, *_: object, **__: object) -> BoltResponse:
            found.append((len(app.stored), len(app.screen.shown), len(app.whispers)))
            return BoltResponse(status=200)

    command = {"command": "/docker_image_create", "text": LINE, "user_id": ALICE, "team_id": TEAM, "channel_id": HERE}
    app.listeners._on_command(RecordingAck(), {**command, "trigger_id": "1", "response_url": ""})
    user = {"id": BOB, "team_id": TEAM}
    pressed = {"user": user, "channel": {"id": HERE}, "actions": [{"action_id": "keep", "value": "d-1"}]}
    app.listeners._on_click(RecordingAck(), pressed)

    assert found == [(2, 1, 0), (2, 1, 1)]


# ── Access ──────────────────────────────────────────────────────────────────────────────────────────────────────────

NOWHERE = "This channel takes no commands. To allow them, add `C0WARROOM` to `WARROOM_ALLOWED_CHANNELS`."
UNREADABLE = RuntimeError("every look into the ledger ends here")
GOOD_FIELDS: dict[str, dict[str, dict[str, object]]] = {
    CREATE_FORM: {"name": {"value": {"type": "plain_text_input", "value": "my/tool"}}},
    UPDATE_FORM: {"image": {"value": {"type": "plain_text_input", "value": "debian:12"}}},
    FILTER_FORM: {"text": {"value": {"type": "plain_text_input", "value": "python"}}},
}
"""What each form is sent with, by its callback."""
FORM_COMMANDS = {
    CREATE_FORM: "/docker_image_create",
    UPDATE_FORM: "/docker_image_update",
    FILTER_FORM: "/docker_images",
}


@dataclass(frozen=True, slots=True)
class AskedAccess(Access):
    """Access that remembers what it was asked."""

    asked: list[tuple[Actor, Act]] = field(default_factory=list)

    def refusal(self, actor: Actor, act: Act) -> str | None:
        """See `Access`."""
        self.asked.append((actor, act))
        return Access.refusal(self, actor, act)


def guarded(open_app: Callable[..., ListeningApp], *, is_allowed: bool) -> tuple[ListeningApp, list[tuple[Actor, Act]]]:
    """Open an app whose jobs break at every look into the ledger; return it with the questions that access gets."""
    access = AskedAccess(frozenset({HERE}) if is_allowed else frozenset())
    app = open_app(access=access)
    app.ledger.trouble = UNREADABLE
    return app, access.asked


def nothing_moved(app: ListeningApp) -> bool:
    """Tell whether no dialog, file, form or list was touched."""
    app.ledger.trouble = None
    app.forms.close()
    return (app.stored, app.screen.shown, app.screen.files, app.views, app.work.asked) == ((), [], [], [], [])


@pytest.mark.parametrize("choice", [None, "0"], ids=["button", "menu"])
@pytest.mark.parametrize("action", BY_ACTION)
@pytest.mark.parametrize(("is_allowed", "told"), [(False, NOWHERE), (True, BROKEN)], ids=["refused", "allowed"])
def test_no_button_and_no_menu_reaches_the_jobs_unless_access_allows_it(
    open_app: Callable[..., ListeningApp], action: str, choice: str | None, told: str, *, is_allowed: bool
) -> None:
    app, asked = guarded(open_app, is_allowed=is_allowed)

    assert app.clicks(action, choice=choice) == told
    assert asked == [(Actor(BOB, HERE, TEAM), PressButton(action))]
    assert nothing_moved(app)


@pytest.mark.parametrize(
    ("callback", "edits"),
    [(CREATE_FORM, None), (CREATE_FORM, DialogId("d-1")), (UPDATE_FORM, None), (FILTER_FORM, DialogId("d-1"))],
)
@pytest.mark.parametrize(("is_allowed", "told"), [(False, NOWHERE), (True, BROKEN)], ids=["refused", "allowed"])
def test_no_form_reaches_the_jobs_unless_access_allows_it(
    open_app: Callable[..., ListeningApp], callback: str, edits: DialogId | None, told: str, *, is_allowed: bool
) -> None:
    app, asked = guarded(open_app, is_allowed=is_allowed)

    answer = app.sends(form(GOOD_FIELDS[callback], FormContext(HERE, edits=edits), callback=callback))

    assert list(answer["errors"].values()) == [told]
    assert asked == [(Actor(BOB, HERE, TEAM), SendForm(FORM_COMMANDS[callback]))]
    assert nothing_moved(app)


def test_access_is_tested_with_every_form(app: ListeningApp) -> None:
    known = {submission.callback: submission.command for submission in app.listeners._submissions}

    assert known == FORM_COMMANDS
    assert set(GOOD_FIELDS) == set(known)


@pytest.mark.parametrize("text", ["", "help", "name=a", "image=a"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_no_command_gets_form_or_help_or_jobs_unless_access_allows_it(
    open_app: Callable[..., ListeningApp], command: Command, text: str
) -> None:
    app, asked = guarded(open_app, is_allowed=False)
    opens_form = command.has_form and not text

    assert app.types(text, command=command.name) == {"response_type": "ephemeral", "text": NOWHERE}
    assert asked == [
        (Actor(ALICE, HERE, TEAM), OpenForm(command.name) if opens_form else TypeCommand(command.name)),
    ]
    assert nothing_moved(app)


# ── Clicks ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_click_that_counts_needs_no_words(app: ListeningApp) -> None:
    app.keep(UnderReview(ASKED, PROPOSAL, LATER))

    assert app.clicks("create") == ""
    (entry,) = app.stored
    assert entry.dialog == Queued(ASKED, PROPOSAL, BOB, position=1)


def test_the_second_click_hears_that_it_is_decided(app: ListeningApp) -> None:
    app.keep(UnderReview(ASKED, PROPOSAL, LATER))
    app.clicks("create")

    assert app.clicks("cancel", user=ALICE) == "Already decided. The dialog shows the decision."


def test_a_late_click_shows_the_dialog_again(app: ListeningApp) -> None:
    app.keep(Cancelled(ASKED, ALICE))
    app.clicks("create")

    assert app.sender.refreshed == [Cancelled(ASKED, ALICE)]


def test_a_late_click_does_not_take_the_progress_from_a_running_job(app: ListeningApp) -> None:
    app.keep(Running(ASKED, PROPOSAL, BOB, PROGRESS))
    app.clicks("create")

    assert app.sender.refreshed == []


def test_a_click_that_counts_shows_nothing_again(app: ListeningApp) -> None:
    app.keep(UnderReview(ASKED, PROPOSAL, LATER))
    app.clicks("create")

    assert app.sender.refreshed == []


@pytest.mark.parametrize("reason", ["not_in_channel", "is_archived", "token_revoked"])
def test_nothing_is_begun_that_nobody_could_be_told_of(app: ListeningApp, reason: str) -> None:
    review = UnderReview(ASKED, PROPOSAL, LATER)
    app.keep(review)
    app.sender.refuses[HERE] = reason

    note = app.clicks("create")

    assert note.startswith(f"Slack does not let the bot write here (`{reason}`), so nothing was begun.")
    assert ("/invite" in note) == (reason == "not_in_channel")
    assert app.stored[0].dialog == review
    assert app.sender.refreshed == [review]
    app.sender.refuses.clear()
    assert app.clicks("create") == ""
    assert [type(entry.dialog) for entry in app.stored] == [Queued]


def test_a_job_can_be_stopped_although_nobody_can_be_told_of_it(app: ListeningApp) -> None:
    app.keep(Running(ASKED, PROPOSAL, BOB, PROGRESS))
    app.sender.refuses[HERE] = "is_archived"

    assert app.clicks("stop") == ""
    assert isinstance(now := app.stored[0].dialog, Running)
    assert now.stopping_by == BOB


def test_whoever_may_type_or_click_in_a_channel_lets_what_is_owed_there_be_tried(app: ListeningApp) -> None:
    app.types(LINE)
    app.clicks("create")
    app.types(LINE, channel_id="C0OTHER")

    assert app.sender.heard == [HERE, HERE]


def test_a_note_about_a_click_goes_to_its_response_url_if_need_be(app: ListeningApp) -> None:
    app.clicks("create", "never-heard")

    assert app.sender.urls == ["https://hooks.slack.invalid/2"]


@pytest.mark.parametrize("dialog", [Expired(ASKED, 1800), UnderReview(ASKED, PROPOSAL, NOW - timedelta(seconds=1))])
def test_a_click_after_the_time_hears_that_it_is_over(app: ListeningApp, dialog: Dialog) -> None:
    app.keep(dialog)

    assert app.clicks("create") == "This proposal has expired. Type the command again for a new one."


@pytest.mark.parametrize("button", BY_ACTION)
def test_a_click_on_a_dialog_that_nobody_knows_says_so(app: ListeningApp, button: str) -> None:
    assert app.clicks(button, "never-heard") == "This dialog is no longer available. Type the command again."


DECIDING = [control.action for control in CONTROLS if isinstance(control.does, Decide)]


@pytest.mark.parametrize("button", DECIDING)
def test_every_click_in_every_stage_is_acknowledged(app: ListeningApp, button: str) -> None:
    for number, dialog in enumerate(EVERY_KIND):
        app.keep(_renamed(dialog, f"k-{number}"))
        note = app.clicks(button, f"k-{number}")
        assert note in {
            "",
            "Already decided. The dialog shows the decision.",
            "This proposal has expired. Type the command again for a new one.",
        }


@pytest.mark.parametrize("button", ["create", "log", "edit"])
def test_a_click_by_somebody_who_may_not_changes_nothing(open_app: Callable[..., ListeningApp], button: str) -> None:
    app = open_app(access=Access(frozenset({HERE}), frozenset({ALICE})))
    app.keep(UnderReview(ASKED, PROPOSAL, LATER))

    note = app.clicks(button, user="U0MALLORY")

    assert "`U0MALLORY`" in note
    assert "`WARROOM_ALLOWED_USERS`" in note
    assert isinstance(app.stored[0].dialog, UnderReview)
    assert app.screen.files == []
    app.forms.close()
    assert app.views == []


def test_a_click_in_a_channel_that_is_not_allowed_changes_nothing(app: ListeningApp) -> None:
    app.keep(UnderReview(ASKED, PROPOSAL, LATER))

    assert "`C0ELSEWHERE`" in app.clicks("create", channel="C0ELSEWHERE")
    assert isinstance(app.stored[0].dialog, UnderReview)


@pytest.mark.parametrize("button", ["create", "log"])
@pytest.mark.parametrize(
    ("trouble", "note"),
    [
        (StateUnwritable("It is full.", hint="Free space."), "It is full. Free space."),
        (RuntimeError("a defect"), BROKEN),
    ],
)
def test_trouble_with_a_click_is_whispered(app: ListeningApp, button: str, trouble: Exception, note: str) -> None:
    app.ledger.trouble = trouble

    assert app.clicks(button) == note


def test_a_button_that_the_bot_no_longer_knows_is_acknowledged_and_told(app: ListeningApp) -> None:
    app.keep(UnderReview(ASKED, PROPOSAL, LATER))

    assert app.clicks("button_of_last_year") == UNKNOWN_BUTTON
    assert app.clicks("") == UNKNOWN_BUTTON
    assert isinstance(app.stored[0].dialog, UnderReview)


def test_a_button_that_the_bot_no_longer_knows_is_told_to_nobody_else(app: ListeningApp) -> None:
    assert "add `C0OTHER`" in app.clicks("button_of_last_year", channel="C0OTHER")


@pytest.mark.parametrize("state", [{"note": {"value": {"value": "x"}}}, {"a": {}, "b": {}}])
def test_a_form_that_the_bot_no_longer_knows_is_told_in_it(app: ListeningApp, state: dict[str, object]) -> None:
    body = form(state, CONTEXT, user=BOB)
    body["view"]["callback_id"] = "form_of_last_year"

    assert app.sends(body) == {"response_action": "errors", "errors": {next(iter(state)): UNKNOWN_FORM}}


def test_a_form_without_fields_that_the_bot_no_longer_knows_is_closed(app: ListeningApp) -> None:
    body = form({}, CONTEXT, user=BOB)
    body["view"]["callback_id"] = "form_of_last_year"

    assert app.sends(body) == {}


def test_a_command_that_the_bot_does_not_know_is_told_with_those_that_it_does(app: ListeningApp) -> None:
    told = app.types("x", command="/docker_image_push")

    assert told["response_type"] == "ephemeral"
    assert "`/docker_image_push` is not a command here" in str(told["blocks"])
    assert "`/docker_images`" in str(told["blocks"])


@pytest.mark.parametrize(
    "odd", [{"channel": None}, {"user": {"id": "bob"}}, {"actions": [{"action_id": "log", "value": ["d-1"]}]}], ids=str
)
def test_a_click_that_is_not_understood_is_acknowledged(app: ListeningApp, odd: dict[str, object]) -> None:
    assert app.sends({**click("log"), **odd}) == {}
    assert app.whispers == []


# ── Buttons that show something ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("button", "kind", "name"),
    [
        ("show_packages", "packages", "packages.txt"),
        ("packages", "packages", "packages.txt"),
        ("show_dockerfile", "dockerfile", "Dockerfile"),
    ],
)
def test_a_button_puts_its_file_into_the_thread_once(app: ListeningApp, button: str, kind: str, name: str) -> None:
    app.keep(UnderReview(ASKED, PROPOSAL, LATER))

    assert app.clicks(button) == ""
    ((dialog, file),) = app.screen.files
    assert (dialog, file.kind, file.name) == ("d-1", kind, name)

    app.ledger.set_attached(DialogId("d-1"), kind)
    assert app.clicks(button) == f"`{name}` is in the thread."
    assert len(app.screen.files) == 1


def test_the_log_button_gives_the_log_so_far(app: ListeningApp) -> None:
    app.keep(Running(ASKED, PROPOSAL, BOB, PROGRESS))
    assert app.clicks("log") == "Nothing to show yet."

    JobLogFiles(app.folder / "logs", str).write(DialogId("d-1"), "Collecting mechanize")
    assert app.clicks("log") == ""
    assert app.screen.files == [
        (DialogId("d-1"), Attachment("log", "build-d-1.log", "The whole log", "Collecting mechanize\n"))
    ]


def test_a_dialog_without_a_proposal_has_nothing_to_show(app: ListeningApp) -> None:
    app.keep(Expired(ASKED, 1800))

    assert app.clicks("show_packages") == "Nothing to show yet."


# ── Forms ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", ["", "   ", "\t\xa0"])
def test_a_command_without_arguments_opens_an_empty_form_and_shows_nothing_to_the_room(
    app: ListeningApp, text: str
) -> None:
    assert app.types(text) == {}

    trigger, view = app.opened
    assert (trigger, view) == ("1.2.abc", create_form(CONTEXT, {}, BASES))
    assert app.stored == ()
    assert app.whispers == []


@pytest.mark.parametrize("text", [LINE, "name=a", "nam=a", "hello"])
def test_whoever_typed_something_sees_no_form(app: ListeningApp, text: str) -> None:
    assert app.types(text) != {}

    app.forms.close()
    assert app.views == []


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_says_how_it_is_used(app: ListeningApp, command: Command) -> None:
    answer = app.types("help", command=command.name)

    assert answer["response_type"] == "ephemeral"
    assert answer["text"].startswith(f"{command.description}.")
    assert f"`{command.name} {command.usage}`" in answer["text"] or not command.usage
    examples = re.findall(r"```\n(.+)\n```", answer["text"])
    assert [example.replace("&gt;", ">") for example in examples] == [
        f"{command.name} {example}".strip() for example in command.examples
    ]
    assert app.stored == ()


def test_a_command_without_arguments_says_so(app: ListeningApp) -> None:
    assert app.types("help", command="/docker_images")["text"] == (
        "List the Docker images. It takes no arguments:\n```\n/docker_images\n```"
    )


@pytest.mark.parametrize("text", ["", "   ", "python", "all=true", "page=2 «»", "\u202e"])
def test_the_list_is_shown_whatever_is_typed_behind_it(app: ListeningApp, text: str) -> None:
    assert app.types(text, command="/docker_images")["response_type"] == "in_channel"

    (entry,) = app.stored
    assert entry.dialog.asked.line == f"/docker_images {text}".rstrip()


@pytest.mark.parametrize("name", ["details", "roll_back", "remove"])
def test_what_buttons_ask_for_cannot_be_typed(app: ListeningApp, name: str) -> None:
    body = {"command": f"/{name}", "text": "image=a", "user_id": ALICE, "channel_id": HERE, "trigger_id": "1.2.abc"}
    asked = BoltRequest(body={**body, "response_url": "", "team_id": "T0"}, mode="socket_mode")

    assert "is not a command here" in app.app.dispatch(asked).body
    assert app.stored == ()


@pytest.mark.parametrize("text", ["help", " HELP ", "-h", "--help", "?"])
def test_help_gives_the_usage_with_examples_to_the_person_alone(app: ListeningApp, text: str) -> None:
    answer = app.types(text)

    assert answer["response_type"] == "ephemeral"
    assert "`/docker_image_create name=example_name dependencies=mechanize packages=wget [base=" in answer["text"]
    assert "Type `/docker_image_create` alone to open a form." in answer["text"]
    examples = re.findall(r"```\n(.+)\n```", answer["text"])
    assert len(examples) >= 2
    for example in examples:
        assert isinstance(Router().parse(example.replace("&gt;", ">")), CreateImage)
    assert app.stored == ()
    app.forms.close()
    assert app.views == []


def test_who_may_not_gets_no_form(app: ListeningApp) -> None:
    assert "WARROOM_ALLOWED_CHANNELS" in app.types("", channel_id="C0ELSEWHERE")["text"]

    app.forms.close()
    assert app.views == []


def test_a_form_that_is_sent_is_taken_like_the_line_that_means_the_same(app: ListeningApp) -> None:
    assert app.fills_in(FILLED) == {}

    (entry,) = app.stored
    line = "/docker_image_create name=my/tool dependencies=requests[socks]>=2,ldap3 packages=wget,curl base=a/b:1"
    assert entry.dialog.asked == Asked(
        DialogId("new-1"), Router().parse(line), "/docker_image_create", line, BOB, HERE, NOW, team=TEAM
    )
    assert (entry.trigger, entry.response_url) == ("5.6.ghi", "https://hooks.slack.invalid/1")
    assert app.screen.shown == [entry.dialog]


def test_a_base_is_picked_from_the_menu_unless_another_one_is_typed(app: ListeningApp) -> None:
    picked = {"value": {"type": "static_select", "selected_option": {"value": "localbase:1"}}}
    nothing = {"value": {"type": "plain_text_input", "value": None}}
    other = {"value": {"type": "plain_text_input", "value": "other:2"}}
    name = {"value": {"type": "plain_text_input", "value": "a"}}

    for trigger, base in (("5.1.a", nothing), ("5.2.b", other)):
        assert app.sends(form({"name": name, "local_base": picked, "base": base}, trigger=trigger)) == {}

    assert [entry.dialog.asked.line for entry in app.stored] == [
        "/docker_image_create name=a base=localbase:1",
        "/docker_image_create name=a base=other:2",
    ]


def test_a_form_that_is_delivered_again_makes_one_dialog(app: ListeningApp) -> None:
    assert app.fills_in(FILLED, trigger="8.8.same") == app.fills_in(FILLED, trigger="8.8.same") == {}

    assert len(app.stored) == len(app.screen.shown) == 1


def test_every_wrong_field_is_told_beside_it(app: ListeningApp) -> None:
    errors = app.fills_in({**FILLED, "name": "My/Tool", "packages": "wget; reboot"})

    assert errors == {
        "name": "`My/Tool` is not an image name. Docker takes lower case only.",
        "packages": "`wget;reboot` holds a semicolon. Separate packages by commas.",
    }
    assert app.stored == ()


def test_a_form_that_is_too_long_for_a_line_is_told_at_its_longest_field(app: ListeningApp) -> None:
    many = ", ".join(f"package-number-{number}" for number in range(150))

    errors = app.fills_in({**FILLED, "dependencies": many})

    assert list(errors) == ["dependencies"]
    assert "is too long" in errors["dependencies"]


def test_what_is_told_beside_a_field_holds_no_secret_and_is_not_endless(open_app: Callable[..., ListeningApp]) -> None:
    app = open_app(redact=lambda text: text.replace("hunter2", "[redacted]"))

    errors = app.fills_in({"name": "Hunter/hunter2!", "packages": "-" * 3_000})

    assert "hunter2" not in str(errors)
    assert "[redacted]" in errors["name"]
    assert all(len(error) <= 1_000 for error in errors.values())


@pytest.mark.parametrize(
    ("user", "channel", "setting"),
    [("U0MALLORY", HERE, "WARROOM_ALLOWED_USERS"), (ALICE, "C0ELSEWHERE", "WARROOM_ALLOWED_CHANNELS")],
)
def test_a_form_of_somebody_who_may_not_is_refused(
    open_app: Callable[..., ListeningApp], user: str, channel: str, setting: str
) -> None:
    app = open_app(access=Access(frozenset({HERE}), frozenset({ALICE})))

    errors = app.fills_in(FILLED, FormContext(channel), user=user)

    assert setting in errors["name"]
    assert app.stored == ()


@pytest.mark.parametrize("context", ["", "null", "{", '{"channel": "general"}', '{"channel": 7}', "x" * 4_000])
def test_a_form_that_is_not_ours_is_told(app: ListeningApp, context: str) -> None:
    assert app.fills_in(FILLED, context) == {"name": "This form has expired. Close it and type the command again."}
    assert app.stored == ()


@pytest.mark.parametrize("state", [None, [], {"name": None}, {"name": {"value": {"value": 7}}}], ids=str)
def test_a_form_that_is_not_understood_is_told(app: ListeningApp, state: object) -> None:
    answer = app.sends(form(state))

    assert answer["errors"] == {"name": "This form has expired. Close it and type the command again."}


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (StateUnwritable("It is full.", hint="Free space."), "It is full. Free space."),
        (RuntimeError("a defect"), BROKEN),
    ],
)
def test_trouble_with_a_form_is_told_in_it(app: ListeningApp, trouble: Exception, told: str) -> None:
    app.ledger.trouble = trouble

    assert app.fills_in(FILLED) == {"name": told}


def test_a_bot_that_is_ending_takes_no_form_and_leaves_the_review(app: ListeningApp) -> None:
    app.keep(UnderReview(ASKED, PROPOSAL, LATER))
    app.jobs.closing.set()

    errors = app.fills_in(FILLED, FormContext(HERE, edits=DialogId("d-1")))

    assert errors == {"name": "The bot is being restarted. Type the command again in a minute."}
    assert [entry.dialog for entry in app.stored] == [UnderReview(ASKED, PROPOSAL, LATER)]


# ── Edit ────────────────────────────────────────────────────────────────────────────────────────────────────────────

OF_D_1 = FormContext(HERE, edits=DialogId("d-1"))


def test_edit_opens_the_form_of_what_is_under_review(app: ListeningApp) -> None:
    app.keep(UnderReview(ASKED, PROPOSAL, LATER))

    assert app.clicks("edit") == ""
    trigger, view = app.opened
    assert trigger == "3.4.def"
    assert view == create_form(
        OF_D_1,
        {
            "name": "example_name",
            "dependencies": "mechanize",
            "packages": "wget",
            "base": "demisto/python3-deb:3.12.13.11694875",
        },
        BASES,
    )
    assert [entry.dialog for entry in app.stored] == [UnderReview(ASKED, PROPOSAL, LATER)]


def test_an_edited_form_makes_a_new_proposal_and_cancels_the_old_one(app: ListeningApp) -> None:
    app.keep(UnderReview(ASKED, PROPOSAL, LATER))

    assert app.fills_in(FILLED, OF_D_1) == {}

    (entry,) = app.stored
    assert (entry.id, entry.dialog.asked.user) == ("new-1", BOB)
    assert app.screen.shown == [Cancelled(ASKED, BOB), entry.dialog]


def test_an_edited_form_with_a_fault_cancels_nothing(app: ListeningApp) -> None:
    app.keep(UnderReview(ASKED, PROPOSAL, LATER))

    assert list(app.fills_in({"name": "A"}, OF_D_1)) == ["name"]
    assert [entry.dialog for entry in app.stored] == [UnderReview(ASKED, PROPOSAL, LATER)]


def test_an_edited_form_that_is_sent_twice_makes_one_proposal(app: ListeningApp) -> None:
    app.keep(UnderReview(ASKED, PROPOSAL, LATER))
    app.fills_in(FILLED, OF_D_1)

    assert "Already decided" in app.fills_in(FILLED, OF_D_1)["name"]
    assert len(app.stored) == 1


def test_an_edited_form_that_is_delivered_again_is_no_second_edit(app: ListeningApp) -> None:
    app.keep(UnderReview(ASKED, PROPOSAL, LATER))

    assert app.fills_in(FILLED, OF_D_1, trigger="8.8.same") == app.fills_in(FILLED, OF_D_1, trigger="8.8.same") == {}

    assert len(app.stored) == 1
    assert len(app.screen.shown) == 2


def test_an_edited_form_that_is_delivered_twice_at_once_is_no_second_edit(app: ListeningApp) -> None:
    app.keep(UnderReview(ASKED, PROPOSAL, LATER))
    state = {block: {"value": {"type": "plain_text_input", "value": value}} for block, value in FILLED.items()}

    assert delivered_twice_at_once(app, form(state, OF_D_1)) == [{}, {}]
    assert len(app.stored) == 1


@pytest.mark.parametrize("dialog", EVERY_KIND, ids=lambda dialog: type(dialog).__name__)
def test_edit_of_what_is_not_under_review_is_told_before_and_after(app: ListeningApp, dialog: Dialog) -> None:
    if isinstance(dialog, UnderReview):
        dialog = replace(dialog, expires=NOW)
    app.keep(dialog)
    has_expired = isinstance(dialog, UnderReview | Expired)
    said = "This proposal has expired." if has_expired else "Already decided. The dialog shows the decision."

    assert app.clicks("edit").startswith(said)
    error = app.fills_in(FILLED, OF_D_1)["name"]

    assert error.startswith(said)
    assert error.endswith("Close this form: it changes nothing.")
    assert {entry.id for entry in app.stored} <= {"d-1"}
    app.forms.close()
    assert app.views == []


def test_a_form_that_edits_what_nobody_knows_is_told(app: ListeningApp) -> None:
    assert app.fills_in(FILLED, OF_D_1)["name"].startswith("This dialog is no longer available.")


def _renamed(dialog: Dialog, name: str) -> Dialog:
    return replace(dialog, asked=replace(dialog.asked, dialog=DialogId(name)))
