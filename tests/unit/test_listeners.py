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


def test_a_command_is_stored_before_it_is_acknowledged_and_shown_to_the_room(app: ListeningApp) -> None:
    assert app.types(LINE) == {"text": "", "response_type": "in_channel"}

    (entry,) = app.stored
    assert entry.dialog.asked == Asked(DialogId("new-1"), f"/docker_image_create {LINE}", ALICE, HERE, NOW)
    assert (entry.trigger, entry.response_url) == ("1.2.abc", "https://hooks.slack.invalid/1")
    assert app.screen.shown == [entry.dialog]


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
    app = open_app(audience=Audience(frozenset({HERE}), frozenset({ALICE})))

    answer = app.types(LINE, **fields)

    assert answer["response_type"] == "ephemeral"
    assert f"`{named}`" in answer["text"]
    assert f"`{setting}`" in answer["text"]
    assert app.stored == ()


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


def test_a_command_of_another_workspace_is_refused_with_what_the_operator_may_do(app: ListeningApp) -> None:
    assert app.types(LINE, team_id=STRANGERS) == {"response_type": "ephemeral", "text": STRANGER}
    assert app.stored == ()


@pytest.mark.parametrize("text", ["", "help"])
def test_people_of_another_workspace_get_neither_form_nor_help(app: ListeningApp, text: str) -> None:
    assert app.types(text, team_id=STRANGERS)["text"] == STRANGER

    app.forms.close()
    assert app.views == []


@pytest.mark.parametrize("action", ACTIONS)
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
    app = open_app(audience=Audience(frozenset({HERE}), teams=frozenset({STRANGERS})))
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


@pytest.mark.parametrize("dialog", [Expired(ASKED, 1800), UnderReview(ASKED, PROPOSAL, NOW - timedelta(seconds=1))])
def test_a_click_after_the_time_hears_that_it_is_over(app: ListeningApp, dialog: Dialog) -> None:
    app.keep(dialog)

    assert app.clicks("create") == "This proposal has expired. Type the command again for a new one."


@pytest.mark.parametrize("button", [*Button, EDIT, *SHOW])
def test_a_click_on_a_dialog_that_nobody_knows_says_so(app: ListeningApp, button: str) -> None:
    assert app.clicks(button, "never-heard") == "This dialog is no longer available. Type the command again."


@pytest.mark.parametrize("button", Button)
def test_every_click_in_every_stage_is_acknowledged(app: ListeningApp, button: Button) -> None:
    for number, dialog in enumerate(EVERY_KIND):
        app.keep(_renamed(dialog, f"k-{number}"))
        note = app.clicks(button, f"k-{number}")
        assert note in {
            "",
            "Already decided. The dialog shows the decision.",
            "This proposal has expired. Type the command again for a new one.",
        }


@pytest.mark.parametrize("button", ["create", "log", EDIT])
def test_a_click_by_somebody_who_may_not_changes_nothing(open_app: Callable[..., ListeningApp], button: str) -> None:
    app = open_app(audience=Audience(frozenset({HERE}), frozenset({ALICE})))
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
def test_every_command_says_how_it_is_used(app: ListeningApp, command: Command[Any]) -> None:
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


@pytest.mark.parametrize("name", [command.name for command in BUTTONS])
def test_what_buttons_ask_for_cannot_be_typed(app: ListeningApp, name: str) -> None:
    body = {"command": f"/{name}", "text": "image=a", "user_id": ALICE, "channel_id": HERE, "trigger_id": "1.2.abc"}
    asked = BoltRequest(body={**body, "response_url": "", "team_id": "T0"}, mode="socket_mode")

    assert app.app.dispatch(asked).status == 404
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
    assert entry.dialog.asked == Asked(DialogId("new-1"), line, BOB, HERE, NOW)
    assert (entry.trigger, entry.response_url) == ("5.6.ghi", "https://hooks.slack.invalid/1")
    assert app.screen.shown == [entry.dialog]


def test_a_base_is_picked_from_the_menu_unless_another_one_is_typed(app: ListeningApp) -> None:
    picked = {"value": {"type": "static_select", "selected_option": {"value": "localbase:1"}}}
    nothing = {"value": {"type": "plain_text_input", "value": None}}
    other = {"value": {"type": "plain_text_input", "value": "other:2"}}
    name = {"value": {"type": "plain_text_input", "value": "a"}}

    for base in (nothing, other):
        assert app.sends(form({"name": name, "local_base": picked, "base": base})) == {}

    assert [entry.dialog.asked.line for entry in app.stored] == [
        "/docker_image_create name=a base=localbase:1",
        "/docker_image_create name=a base=other:2",
    ]


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
    app = open_app(audience=Audience(frozenset({HERE}), frozenset({ALICE})))

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

    assert app.clicks(EDIT) == ""
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


@pytest.mark.parametrize("dialog", EVERY_KIND, ids=lambda dialog: type(dialog).__name__)
def test_edit_of_what_is_not_under_review_is_told_before_and_after(app: ListeningApp, dialog: Dialog) -> None:
    if isinstance(dialog, UnderReview):
        dialog = replace(dialog, expires=NOW)
    app.keep(dialog)
    has_expired = isinstance(dialog, UnderReview | Expired)
    said = "This proposal has expired." if has_expired else "Already decided. The dialog shows the decision."

    assert app.clicks(EDIT).startswith(said)
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
