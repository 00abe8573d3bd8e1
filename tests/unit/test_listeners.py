import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from slack_bolt import Ack, BoltRequest, BoltResponse

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
from bot.dialogs.transitions import Button
from bot.router import BUTTONS, COMMANDS, Command, Router
from bot.slack.clicks import ACTIONS, EDIT, SHOW
from bot.slack.listeners import Audience
from bot.slack.views.form import FormContext, create_form
from commands.errors import ShuttingDown, StateUnwritable
from commands.model.requests import CreateImage
from tests.kit.app import BASES, CONTEXT, HERE, TEAM, ListeningApp, click, form
from tests.kit.examples import ALICE, ASKED, BOB, EVERY_KIND, LATER, NOW, PROGRESS, PROPOSAL

LINE = "name=example_name dependencies=mechanize packages=wget"
FILLED = {"name": "my/tool", "dependencies": "requests[socks]>=2, ldap3", "packages": "wget curl", "base": "a/b:1"}
STRANGERS = "T0OTHER"
STRANGER = "Commands from your workspace are not allowed. To allow them, add `T0OTHER` to `WARROOM_ALLOWED_TEAMS`."
BROKEN = "Something went wrong inside the bot. Try again. If it happens again, tell the bot's operator."


# ── Commands ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_command_is_stored_before_it_is_acknowledged_and_shown_to_the_room(desk: ListeningApp) -> None:
    assert desk.types(LINE) == {"text": "", "response_type": "in_channel"}

    (entry,) = desk.stored
    assert entry.dialog.asked == Asked(DialogId("new-1"), f"/docker_image_create {LINE}", ALICE, HERE, NOW)
    assert (entry.trigger, entry.response_url) == ("1.2.abc", "https://hooks.slack.invalid/1")
    assert desk.screen.shown == [entry.dialog]


def test_a_line_that_is_no_command_is_refused_to_the_person_alone_with_a_dialog(desk: ListeningApp) -> None:
    answer = desk.types("nam=example_name")

    assert answer["response_type"] == "ephemeral"
    assert "nam" in answer["text"]
    assert answer["blocks"][0]["type"] == "header"
    assert not any(block["type"] == "actions" for block in answer["blocks"])
    assert desk.stored == ()
    assert desk.screen.shown == []


@pytest.mark.parametrize(
    ("fields", "named", "setting"),
    [
        ({"channel_id": "C0ELSEWHERE"}, "C0ELSEWHERE", "WARROOM_ALLOWED_CHANNELS"),
        ({"user_id": "U0MALLORY"}, "U0MALLORY", "WARROOM_ALLOWED_USERS"),
    ],
)
def test_who_may_not_is_told_what_to_do_by_id(
    open_desk: Callable[..., ListeningApp], fields: dict[str, str], named: str, setting: str
) -> None:
    desk = open_desk(audience=Audience(frozenset({HERE}), frozenset({ALICE})))

    answer = desk.types(LINE, **fields)

    assert answer["response_type"] == "ephemeral"
    assert f"`{named}`" in answer["text"]
    assert f"`{setting}`" in answer["text"]
    assert desk.stored == ()


@pytest.mark.parametrize(
    ("audience", "user", "channel", "is_allowed"),
    [
        (Audience(frozenset()), ALICE, HERE, False),
        (Audience(frozenset(), frozenset({ALICE})), ALICE, HERE, False),
        (Audience(frozenset({HERE})), "U0ANYBODY", HERE, True),
        (Audience(frozenset({HERE}), frozenset({ALICE})), ALICE, HERE, True),
        (Audience(frozenset({HERE}), frozenset({ALICE})), BOB, HERE, False),
        (Audience(frozenset({HERE}), frozenset({ALICE})), ALICE, "C0ELSEWHERE", False),
    ],
    ids=str,
)
def test_nobody_may_anything_anywhere_unless_it_is_allowed(
    audience: Audience, user: str, channel: str, *, is_allowed: bool
) -> None:
    assert (audience.with_own(frozenset({TEAM})).refusal(user, channel, team=TEAM) is None) is is_allowed


@pytest.mark.parametrize(
    ("own", "allowed", "team", "is_allowed"),
    [
        ({"T0"}, (), "T0", True),
        ({"T0"}, (), "T0OTHER", False),
        ({"T0"}, (), None, False),
        ({"T0"}, ("T0OTHER",), "T0OTHER", True),
        ({"T0"}, ("T0OTHER",), "T0", True),
        ({"T0"}, ("T0OTHER",), "T0THIRD", False),
        ({"T0", "E0"}, (), "E0", True),
        ({"T0", "E0"}, (), "E0OTHER", False),
        ((), (), "T0", False),
    ],
)
def test_people_of_other_workspaces_are_let_in_by_name_only(
    own: set[str], allowed: tuple[str, ...], team: str | None, *, is_allowed: bool
) -> None:
    audience = Audience(frozenset({HERE}), frozenset({ALICE}), frozenset(allowed)).with_own(frozenset(own))

    assert (audience.refusal(ALICE, HERE, team=team) is None) is is_allowed


def test_a_command_of_another_workspace_is_refused_with_what_the_operator_may_do(desk: ListeningApp) -> None:
    assert desk.types(LINE, team_id=STRANGERS) == {"response_type": "ephemeral", "text": STRANGER}
    assert desk.stored == ()


@pytest.mark.parametrize("text", ["", "help"])
def test_people_of_another_workspace_get_neither_form_nor_help(desk: ListeningApp, text: str) -> None:
    assert desk.types(text, team_id=STRANGERS)["text"] == STRANGER

    desk.forms.close()
    assert desk.views == []


@pytest.mark.parametrize("action", ACTIONS)
def test_no_button_and_no_menu_is_for_people_of_another_workspace(desk: ListeningApp, action: str) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))

    for choice in (None, "1"):
        desk.sends(click(action, choice=choice, team=STRANGERS, trigger=f"{choice}"))

    assert [text for _, _, text in desk.whispers] == [STRANGER] * 2
    assert [entry.dialog for entry in desk.stored] == [UnderReview(ASKED, PROPOSAL, LATER)]
    assert desk.screen.files == []
    desk.forms.close()
    assert desk.views == []


def test_a_form_of_another_workspace_is_refused_in_it(desk: ListeningApp) -> None:
    state = {"name": {"value": {"type": "plain_text_input", "value": "my/tool"}}}

    assert desk.sends(form(state, team=STRANGERS))["errors"] == {"name": STRANGER}
    assert desk.stored == ()


@pytest.mark.parametrize("team", [{}, {"team_id": None}], ids=str)
def test_what_names_no_workspace_is_refused_and_told(desk: ListeningApp, team: dict[str, None]) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))
    state = {"name": {"value": {"type": "plain_text_input", "value": "my/tool"}}}
    user = {"user": {"id": BOB, **team}}

    typed = desk.types(LINE, team_id=None)
    desk.sends({**click("create"), **user})
    sent = desk.sends({**form(state), **user})

    unknown = "Slack does not say which workspace you are in. Try again in a minute."
    assert typed == {"response_type": "ephemeral", "text": unknown}
    assert [text for _, _, text in desk.whispers] == [unknown]
    assert sent["errors"] == {"name": unknown}
    assert [entry.dialog for entry in desk.stored] == [UnderReview(ASKED, PROPOSAL, LATER)]


@pytest.mark.parametrize("team", ["", "warroom", "T0>", 7, ["T0"], {"id": "T0"}], ids=str)
def test_a_workspace_that_cannot_be_read_is_not_let_through(desk: ListeningApp, team: object) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))
    user = {"user": {"id": BOB, "team_id": team}}

    assert desk.types(LINE, team_id=team)["text"] == "The command could not be read. Type it again."
    assert desk.sends({**click("create"), **user}) == {}
    assert "errors" in desk.sends({**form({}), **user})
    assert [entry.dialog for entry in desk.stored] == [UnderReview(ASKED, PROPOSAL, LATER)]


def test_in_a_shared_channel_the_persons_workspace_counts_and_not_the_messages(
    open_desk: Callable[..., ListeningApp],
) -> None:
    desk = open_desk(audience=Audience(frozenset({HERE}), teams=frozenset({STRANGERS})))
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))

    desk.sends({**click("create", team="T0THIRD"), "team": {"id": TEAM}, "team_id": TEAM})
    assert "`T0THIRD`" in desk.whispers[0][2]
    desk.sends({**click("create", team=STRANGERS, trigger="2"), "team": {"id": "T0THIRD"}})
    assert [type(entry.dialog) for entry in desk.stored] == [Queued]


@pytest.mark.parametrize(
    "trouble",
    [
        StateUnwritable("The bot cannot write its state: disk full.", hint="Free some space."),
        ShuttingDown("The bot is being restarted.", hint="Type the command again in a minute."),
    ],
    ids=lambda trouble: type(trouble).__name__,
)
def test_a_command_that_cannot_be_taken_is_told_to_the_person_alone(
    desk: ListeningApp, trouble: StateUnwritable | ShuttingDown
) -> None:
    desk.ledger.trouble = trouble

    assert desk.types(LINE) == {"text": f"{trouble.message} {trouble.hint}", "response_type": "ephemeral"}


def test_a_bot_that_is_ending_takes_no_command(desk: ListeningApp) -> None:
    desk.jobs.closing.set()

    assert desk.types(LINE) == {
        "text": "The bot is being restarted. Type the command again in a minute.",
        "response_type": "ephemeral",
    }
    assert desk.stored == ()


def test_a_defect_is_acknowledged_and_told(desk: ListeningApp) -> None:
    desk.ledger.trouble = RuntimeError("a defect")

    assert desk.types(LINE) == {"text": BROKEN, "response_type": "ephemeral"}


@pytest.mark.parametrize(
    "fields",
    [{"user_id": ""}, {"channel_id": "a channel"}, {"trigger_id": None}, {"text": "x" * 50_000}, {"response_url": 7}],
    ids=str,
)
def test_a_payload_that_is_not_understood_is_acknowledged_and_told(
    desk: ListeningApp, fields: dict[str, object]
) -> None:
    assert desk.types(**{"text": LINE, **fields}) == {
        "text": "The command could not be read. Type it again.",
        "response_type": "ephemeral",
    }
    assert desk.stored == ()


def test_the_acknowledgement_comes_once_and_after_everything_else(desk: ListeningApp) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))
    found: list[tuple[object, ...]] = []

    class RecordingAck(Ack):
        def __init__(self) -> None:
            """Take nothing, unlike the SDK's own, which has no types."""

        def __call__(self, *_: object, **__: object) -> BoltResponse:
            found.append((len(desk.stored), len(desk.screen.shown), len(desk.whispers)))
            return BoltResponse(status=200)

    command = {"command": "/docker_image_create", "text": LINE, "user_id": ALICE, "team_id": TEAM, "channel_id": HERE}
    desk.listeners._on_command(RecordingAck(), {**command, "trigger_id": "1", "response_url": ""})
    user = {"id": BOB, "team_id": TEAM}
    pressed = {"user": user, "channel": {"id": HERE}, "actions": [{"action_id": "keep", "value": "d-1"}]}
    desk.listeners._on_click(RecordingAck(), pressed)

    assert found == [(2, 1, 0), (2, 1, 1)]


# ── Clicks ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_click_that_counts_needs_no_words(desk: ListeningApp) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))

    assert desk.clicks("create") == ""
    (entry,) = desk.stored
    assert entry.dialog == Queued(ASKED, PROPOSAL, BOB, position=1)


def test_the_second_click_hears_that_it_is_decided(desk: ListeningApp) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))
    desk.clicks("create")

    assert desk.clicks("cancel", user=ALICE) == "Already decided. The dialog shows the decision."


@pytest.mark.parametrize("dialog", [Expired(ASKED, 1800), UnderReview(ASKED, PROPOSAL, NOW - timedelta(seconds=1))])
def test_a_click_after_the_time_hears_that_it_is_over(desk: ListeningApp, dialog: Dialog) -> None:
    desk.keep(dialog)

    assert desk.clicks("create") == "This proposal has expired. Type the command again for a new one."


@pytest.mark.parametrize("button", [*Button, EDIT, *SHOW])
def test_a_click_on_a_dialog_that_nobody_knows_says_so(desk: ListeningApp, button: str) -> None:
    assert desk.clicks(button, "never-heard") == "This dialog is no longer available. Type the command again."


@pytest.mark.parametrize("button", Button)
def test_every_click_in_every_stage_is_acknowledged(desk: ListeningApp, button: Button) -> None:
    for number, dialog in enumerate(EVERY_KIND):
        desk.keep(_renamed(dialog, f"k-{number}"))
        note = desk.clicks(button, f"k-{number}")
        assert note in {
            "",
            "Already decided. The dialog shows the decision.",
            "This proposal has expired. Type the command again for a new one.",
        }


@pytest.mark.parametrize("button", ["create", "log", EDIT])
def test_a_click_by_somebody_who_may_not_changes_nothing(open_desk: Callable[..., ListeningApp], button: str) -> None:
    desk = open_desk(audience=Audience(frozenset({HERE}), frozenset({ALICE})))
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))

    note = desk.clicks(button, user="U0MALLORY")

    assert "`U0MALLORY`" in note
    assert "`WARROOM_ALLOWED_USERS`" in note
    assert isinstance(desk.stored[0].dialog, UnderReview)
    assert desk.screen.files == []
    desk.forms.close()
    assert desk.views == []


def test_a_click_in_a_channel_that_is_not_allowed_changes_nothing(desk: ListeningApp) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))

    assert "`C0ELSEWHERE`" in desk.clicks("create", channel="C0ELSEWHERE")
    assert isinstance(desk.stored[0].dialog, UnderReview)


@pytest.mark.parametrize("button", ["create", "log"])
@pytest.mark.parametrize(
    ("trouble", "note"),
    [
        (StateUnwritable("It is full.", hint="Free space."), "It is full. Free space."),
        (RuntimeError("a defect"), BROKEN),
    ],
)
def test_trouble_with_a_click_is_whispered(desk: ListeningApp, button: str, trouble: Exception, note: str) -> None:
    desk.ledger.trouble = trouble

    assert desk.clicks(button) == note


@pytest.mark.parametrize(
    "odd", [{"channel": None}, {"user": {"id": "bob"}}, {"actions": [{"action_id": "log", "value": ["d-1"]}]}], ids=str
)
def test_a_click_that_is_not_understood_is_acknowledged(desk: ListeningApp, odd: dict[str, object]) -> None:
    assert desk.sends({**click("log"), **odd}) == {}
    assert desk.whispers == []


# ── Buttons that show something ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("button", "kind", "name"),
    [
        ("show_packages", "packages", "packages.txt"),
        ("packages", "packages", "packages.txt"),
        ("show_dockerfile", "dockerfile", "Dockerfile"),
    ],
)
def test_a_button_puts_its_file_into_the_thread_once(desk: ListeningApp, button: str, kind: str, name: str) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))

    assert desk.clicks(button) == ""
    ((dialog, file),) = desk.screen.files
    assert (dialog, file.kind, file.name) == ("d-1", kind, name)

    desk.ledger.set_attached(DialogId("d-1"), kind)
    assert desk.clicks(button) == f"`{name}` is in the thread."
    assert len(desk.screen.files) == 1


def test_the_log_button_gives_the_log_so_far(desk: ListeningApp) -> None:
    desk.keep(Running(ASKED, PROPOSAL, BOB, PROGRESS))
    assert desk.clicks("log") == "Nothing to show yet."

    JobLogFiles(desk.folder / "logs", str).write(DialogId("d-1"), "Collecting mechanize")
    assert desk.clicks("log") == ""
    assert desk.screen.files == [
        (DialogId("d-1"), Attachment("log", "build-d-1.log", "The whole log", "Collecting mechanize\n"))
    ]


def test_a_dialog_without_a_proposal_has_nothing_to_show(desk: ListeningApp) -> None:
    desk.keep(Expired(ASKED, 1800))

    assert desk.clicks("show_packages") == "Nothing to show yet."


# ── Forms ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", ["", "   ", "\t\xa0"])
def test_a_command_without_arguments_opens_an_empty_form_and_shows_nothing_to_the_room(
    desk: ListeningApp, text: str
) -> None:
    assert desk.types(text) == {}

    trigger, view = desk.opened
    assert (trigger, view) == ("1.2.abc", create_form(CONTEXT, {}, BASES))
    assert desk.stored == ()
    assert desk.whispers == []


@pytest.mark.parametrize("text", [LINE, "name=a", "nam=a", "hello"])
def test_whoever_typed_something_sees_no_form(desk: ListeningApp, text: str) -> None:
    assert desk.types(text) != {}

    desk.forms.close()
    assert desk.views == []


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_says_how_it_is_used(desk: ListeningApp, command: Command[Any]) -> None:
    answer = desk.types("help", command=command.name)

    assert answer["response_type"] == "ephemeral"
    assert answer["text"].startswith(f"{command.description}.")
    assert f"`{command.name} {command.usage}`" in answer["text"] or not command.usage
    examples = re.findall(r"```\n(.+)\n```", answer["text"])
    assert [example.replace("&gt;", ">") for example in examples] == [
        f"{command.name} {example}".strip() for example in command.examples
    ]
    assert desk.stored == ()


def test_a_command_without_arguments_says_so(desk: ListeningApp) -> None:
    assert desk.types("help", command="/docker_images")["text"] == (
        "List the Docker images. It takes no arguments:\n```\n/docker_images\n```"
    )


@pytest.mark.parametrize("text", ["", "   ", "python", "all=true", "page=2 «»", "\u202e"])
def test_the_list_is_shown_whatever_is_typed_behind_it(desk: ListeningApp, text: str) -> None:
    assert desk.types(text, command="/docker_images")["response_type"] == "in_channel"

    (entry,) = desk.stored
    assert entry.dialog.asked.line == f"/docker_images {text}".rstrip()


@pytest.mark.parametrize("name", [command.name for command in BUTTONS])
def test_what_buttons_ask_for_cannot_be_typed(desk: ListeningApp, name: str) -> None:
    body = {"command": f"/{name}", "text": "image=a", "user_id": ALICE, "channel_id": HERE, "trigger_id": "1.2.abc"}
    asked = BoltRequest(body={**body, "response_url": "", "team_id": "T0"}, mode="socket_mode")

    assert desk.app.dispatch(asked).status == 404
    assert desk.stored == ()


@pytest.mark.parametrize("text", ["help", " HELP ", "-h", "--help", "?"])
def test_help_gives_the_usage_with_examples_to_the_person_alone(desk: ListeningApp, text: str) -> None:
    answer = desk.types(text)

    assert answer["response_type"] == "ephemeral"
    assert "`/docker_image_create name=example_name dependencies=mechanize packages=wget [base=" in answer["text"]
    assert "Type `/docker_image_create` alone to open a form." in answer["text"]
    examples = re.findall(r"```\n(.+)\n```", answer["text"])
    assert len(examples) >= 2
    for example in examples:
        assert isinstance(Router().parse(example.replace("&gt;", ">")), CreateImage)
    assert desk.stored == ()
    desk.forms.close()
    assert desk.views == []


def test_who_may_not_gets_no_form(desk: ListeningApp) -> None:
    assert "WARROOM_ALLOWED_CHANNELS" in desk.types("", channel_id="C0ELSEWHERE")["text"]

    desk.forms.close()
    assert desk.views == []


def test_a_form_that_is_sent_is_taken_like_the_line_that_means_the_same(desk: ListeningApp) -> None:
    assert desk.fills_in(FILLED) == {}

    (entry,) = desk.stored
    line = "/docker_image_create name=my/tool dependencies=requests[socks]>=2,ldap3 packages=wget,curl base=a/b:1"
    assert entry.dialog.asked == Asked(DialogId("new-1"), line, BOB, HERE, NOW)
    assert (entry.trigger, entry.response_url) == ("5.6.ghi", "https://hooks.slack.invalid/1")
    assert desk.screen.shown == [entry.dialog]


def test_a_base_is_picked_from_the_menu_unless_another_one_is_typed(desk: ListeningApp) -> None:
    picked = {"value": {"type": "static_select", "selected_option": {"value": "localbase:1"}}}
    nothing = {"value": {"type": "plain_text_input", "value": None}}
    other = {"value": {"type": "plain_text_input", "value": "other:2"}}
    name = {"value": {"type": "plain_text_input", "value": "a"}}

    for base in (nothing, other):
        assert desk.sends(form({"name": name, "local_base": picked, "base": base})) == {}

    assert [entry.dialog.asked.line for entry in desk.stored] == [
        "/docker_image_create name=a base=localbase:1",
        "/docker_image_create name=a base=other:2",
    ]


def test_every_wrong_field_is_told_beside_it(desk: ListeningApp) -> None:
    errors = desk.fills_in({**FILLED, "name": "My/Tool", "packages": "wget; reboot"})

    assert errors == {
        "name": "`My/Tool` is not an image name. Docker takes lower case only.",
        "packages": "`wget;reboot` holds a semicolon. Separate packages by commas.",
    }
    assert desk.stored == ()


def test_a_form_that_is_too_long_for_a_line_is_told_at_its_longest_field(desk: ListeningApp) -> None:
    many = ", ".join(f"package-number-{number}" for number in range(150))

    errors = desk.fills_in({**FILLED, "dependencies": many})

    assert list(errors) == ["dependencies"]
    assert "is too long" in errors["dependencies"]


def test_what_is_told_beside_a_field_holds_no_secret_and_is_not_endless(open_desk: Callable[..., ListeningApp]) -> None:
    desk = open_desk(redact=lambda text: text.replace("hunter2", "[redacted]"))

    errors = desk.fills_in({"name": "Hunter/hunter2!", "packages": "-" * 3_000})

    assert "hunter2" not in str(errors)
    assert "[redacted]" in errors["name"]
    assert all(len(error) <= 1_000 for error in errors.values())


@pytest.mark.parametrize(
    ("user", "channel", "setting"),
    [("U0MALLORY", HERE, "WARROOM_ALLOWED_USERS"), (ALICE, "C0ELSEWHERE", "WARROOM_ALLOWED_CHANNELS")],
)
def test_a_form_of_somebody_who_may_not_is_refused(
    open_desk: Callable[..., ListeningApp], user: str, channel: str, setting: str
) -> None:
    desk = open_desk(audience=Audience(frozenset({HERE}), frozenset({ALICE})))

    errors = desk.fills_in(FILLED, FormContext(channel), user=user)

    assert setting in errors["name"]
    assert desk.stored == ()


@pytest.mark.parametrize("context", ["", "null", "{", '{"channel": "general"}', '{"channel": 7}', "x" * 4_000])
def test_a_form_that_is_not_ours_is_told(desk: ListeningApp, context: str) -> None:
    assert desk.fills_in(FILLED, context) == {"name": "This form has expired. Close it and type the command again."}
    assert desk.stored == ()


@pytest.mark.parametrize("state", [None, [], {"name": None}, {"name": {"value": {"value": 7}}}], ids=str)
def test_a_form_that_is_not_understood_is_told(desk: ListeningApp, state: object) -> None:
    answer = desk.sends(form(state))

    assert answer["errors"] == {"name": "This form has expired. Close it and type the command again."}


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (StateUnwritable("It is full.", hint="Free space."), "It is full. Free space."),
        (RuntimeError("a defect"), BROKEN),
    ],
)
def test_trouble_with_a_form_is_told_in_it(desk: ListeningApp, trouble: Exception, told: str) -> None:
    desk.ledger.trouble = trouble

    assert desk.fills_in(FILLED) == {"name": told}


def test_a_bot_that_is_ending_takes_no_form_and_leaves_the_review(desk: ListeningApp) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))
    desk.jobs.closing.set()

    errors = desk.fills_in(FILLED, FormContext(HERE, edits=DialogId("d-1")))

    assert errors == {"name": "The bot is being restarted. Type the command again in a minute."}
    assert [entry.dialog for entry in desk.stored] == [UnderReview(ASKED, PROPOSAL, LATER)]


# ── Edit ────────────────────────────────────────────────────────────────────────────────────────────────────────────

OF_D_1 = FormContext(HERE, edits=DialogId("d-1"))


def test_edit_opens_the_form_of_what_is_under_review(desk: ListeningApp) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))

    assert desk.clicks(EDIT) == ""
    trigger, view = desk.opened
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
    assert [entry.dialog for entry in desk.stored] == [UnderReview(ASKED, PROPOSAL, LATER)]


def test_an_edited_form_makes_a_new_proposal_and_cancels_the_old_one(desk: ListeningApp) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))

    assert desk.fills_in(FILLED, OF_D_1) == {}

    (entry,) = desk.stored
    assert (entry.id, entry.dialog.asked.user) == ("new-1", BOB)
    assert desk.screen.shown == [Cancelled(ASKED, BOB), entry.dialog]


def test_an_edited_form_with_a_fault_cancels_nothing(desk: ListeningApp) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))

    assert list(desk.fills_in({"name": "A"}, OF_D_1)) == ["name"]
    assert [entry.dialog for entry in desk.stored] == [UnderReview(ASKED, PROPOSAL, LATER)]


def test_an_edited_form_that_is_sent_twice_makes_one_proposal(desk: ListeningApp) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))
    desk.fills_in(FILLED, OF_D_1)

    assert "Already decided" in desk.fills_in(FILLED, OF_D_1)["name"]
    assert len(desk.stored) == 1


@pytest.mark.parametrize("dialog", EVERY_KIND, ids=lambda dialog: type(dialog).__name__)
def test_edit_of_what_is_not_under_review_is_told_before_and_after(desk: ListeningApp, dialog: Dialog) -> None:
    if isinstance(dialog, UnderReview):
        dialog = replace(dialog, expires=NOW)
    desk.keep(dialog)
    has_expired = isinstance(dialog, UnderReview | Expired)
    said = "This proposal has expired." if has_expired else "Already decided. The dialog shows the decision."

    assert desk.clicks(EDIT).startswith(said)
    error = desk.fills_in(FILLED, OF_D_1)["name"]

    assert error.startswith(said)
    assert error.endswith("Close this form: it changes nothing.")
    assert {entry.id for entry in desk.stored} <= {"d-1"}
    desk.forms.close()
    assert desk.views == []


def test_a_form_that_edits_what_nobody_knows_is_told(desk: ListeningApp) -> None:
    assert desk.fills_in(FILLED, OF_D_1)["name"].startswith("This dialog is no longer available.")


def _renamed(dialog: Dialog, name: str) -> Dialog:
    return replace(dialog, asked=replace(dialog.asked, dialog=DialogId(name)))
