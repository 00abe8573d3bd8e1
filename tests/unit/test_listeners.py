import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

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
from bot.slack.views.buttons import Decide
from bot.slack.views.create.form import CREATE_FORM, create_form
from bot.slack.views.form import FormContext
from bot.slack.views.images.filter_form import FILTER_FORM
from bot.slack.views.kinds import BY_ACTION, CONTROLS
from bot.slack.views.update.form import UPDATE_FORM
from commands.errors import ShuttingDown, StateUnwritable
from commands.model.requests import CreateImage
from tests.kit.app import BASES, CONTEXT, HERE, TEAM, Desk, click, form
from tests.kit.examples import ALICE, ASKED, BOB, EVERY_KIND, LATER, NOW, PROGRESS, PROPOSAL

LINE = "name=example_name dependencies=mechanize packages=wget"
FILLED = {"name": "my/tool", "dependencies": "requests[socks]>=2, ldap3", "packages": "wget curl", "base": "a/b:1"}
STRANGERS = "T0OTHER"
STRANGER = "Commands from your workspace are not allowed. To allow them, add `T0OTHER` to `WARROOM_ALLOWED_TEAMS`."
BROKEN = "Something went wrong inside the bot. Try again. If it happens again, tell the bot's operator."


# ── Commands ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_command_is_stored_before_it_is_acknowledged_and_shown_to_the_room(desk: Desk) -> None:
    assert desk.types(LINE) == {"text": "", "response_type": "in_channel"}

    (entry,) = desk.stored
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
    assert desk.screen.shown == [entry.dialog]


def test_a_line_that_is_no_command_is_refused_to_the_person_alone_with_a_dialog(desk: Desk) -> None:
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
    open_desk: Callable[..., Desk], fields: dict[str, str], named: str, setting: str
) -> None:
    desk = open_desk(access=Access(frozenset({HERE}), frozenset({ALICE})))

    answer = desk.types(LINE, **fields)

    assert answer["response_type"] == "ephemeral"
    assert f"`{named}`" in answer["text"]
    assert f"`{setting}`" in answer["text"]
    assert desk.stored == ()


def test_a_command_of_another_workspace_is_refused_with_what_the_operator_may_do(desk: Desk) -> None:
    assert desk.types(LINE, team_id=STRANGERS) == {"response_type": "ephemeral", "text": STRANGER}
    assert desk.stored == ()


@pytest.mark.parametrize("text", ["", "help"])
def test_people_of_another_workspace_get_neither_form_nor_help(desk: Desk, text: str) -> None:
    assert desk.types(text, team_id=STRANGERS)["text"] == STRANGER

    desk.forms.close()
    assert desk.views == []


@pytest.mark.parametrize("action", BY_ACTION)
def test_no_button_and_no_menu_is_for_people_of_another_workspace(desk: Desk, action: str) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))

    for choice in (None, "1"):
        desk.sends(click(action, choice=choice, team=STRANGERS, trigger=f"{choice}"))

    assert [text for _, _, text in desk.whispers] == [STRANGER] * 2
    assert [entry.dialog for entry in desk.stored] == [UnderReview(ASKED, PROPOSAL, LATER)]
    assert desk.screen.files == []
    desk.forms.close()
    assert desk.views == []


def test_a_form_of_another_workspace_is_refused_in_it(desk: Desk) -> None:
    state = {"name": {"value": {"type": "plain_text_input", "value": "my/tool"}}}

    assert desk.sends(form(state, team=STRANGERS))["errors"] == {"name": STRANGER}
    assert desk.stored == ()


@pytest.mark.parametrize("team", [{}, {"team_id": None}], ids=str)
def test_what_names_no_workspace_is_refused_and_told(desk: Desk, team: dict[str, None]) -> None:
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
def test_a_workspace_that_cannot_be_read_is_not_let_through(desk: Desk, team: object) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))
    user = {"user": {"id": BOB, "team_id": team}}

    assert desk.types(LINE, team_id=team)["text"] == "The command could not be read. Type it again."
    assert desk.sends({**click("create"), **user}) == {}
    assert "errors" in desk.sends({**form({}), **user})
    assert [entry.dialog for entry in desk.stored] == [UnderReview(ASKED, PROPOSAL, LATER)]


def test_in_a_shared_channel_the_persons_workspace_counts_and_not_the_messages(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(access=Access(frozenset({HERE}), teams=frozenset({STRANGERS})))
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
    desk: Desk, trouble: StateUnwritable | ShuttingDown
) -> None:
    desk.ledger.trouble = trouble

    assert desk.types(LINE) == {"text": f"{trouble.message} {trouble.hint}", "response_type": "ephemeral"}


def test_a_bot_that_is_ending_takes_no_command(desk: Desk) -> None:
    desk.jobs.closing.set()

    assert desk.types(LINE) == {
        "text": "The bot is being restarted. Type the command again in a minute.",
        "response_type": "ephemeral",
    }
    assert desk.stored == ()


def test_a_defect_is_acknowledged_and_told(desk: Desk) -> None:
    desk.ledger.trouble = RuntimeError("a defect")

    assert desk.types(LINE) == {"text": BROKEN, "response_type": "ephemeral"}


@pytest.mark.parametrize(
    "fields",
    [{"user_id": ""}, {"channel_id": "a channel"}, {"trigger_id": None}, {"text": "x" * 50_000}, {"response_url": 7}],
    ids=str,
)
def test_a_payload_that_is_not_understood_is_acknowledged_and_told(desk: Desk, fields: dict[str, object]) -> None:
    assert desk.types(**{"text": LINE, **fields}) == {
        "text": "The command could not be read. Type it again.",
        "response_type": "ephemeral",
    }
    assert desk.stored == ()


def test_the_acknowledgement_comes_once_and_after_everything_else(desk: Desk) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))
    found: list[tuple[object, ...]] = []

    class Noting(Ack):
        def __init__(self) -> None:
            """Take nothing, unlike the SDK's own, which has no types."""

        def __call__(self, *_: object, **__: object) -> BoltResponse:
            found.append((len(desk.stored), len(desk.screen.shown), len(desk.whispers)))
            return BoltResponse(status=200)

    command = {"command": "/docker_image_create", "text": LINE, "user_id": ALICE, "team_id": TEAM, "channel_id": HERE}
    desk.listeners._on_command(Noting(), {**command, "trigger_id": "1", "response_url": ""})
    user = {"id": BOB, "team_id": TEAM}
    pressed = {"user": user, "channel": {"id": HERE}, "actions": [{"action_id": "keep", "value": "d-1"}]}
    desk.listeners._on_click(Noting(), pressed)

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


def guarded(open_desk: Callable[..., Desk], *, is_allowed: bool) -> tuple[Desk, list[tuple[Actor, Act]]]:
    """Open a desk whose jobs break at every look into the ledger; return it with the questions that access gets."""
    access = AskedAccess(frozenset({HERE}) if is_allowed else frozenset())
    desk = open_desk(access=access)
    desk.ledger.trouble = UNREADABLE
    return desk, access.asked


def nothing_moved(desk: Desk) -> bool:
    """Tell whether no dialog, file, form or list was touched."""
    desk.ledger.trouble = None
    desk.forms.close()
    return (desk.stored, desk.screen.shown, desk.screen.files, desk.views, desk.work.asked) == ((), [], [], [], [])


@pytest.mark.parametrize("choice", [None, "0"], ids=["button", "menu"])
@pytest.mark.parametrize("action", BY_ACTION)
@pytest.mark.parametrize(("is_allowed", "told"), [(False, NOWHERE), (True, BROKEN)], ids=["refused", "allowed"])
def test_no_button_and_no_menu_reaches_the_jobs_unless_access_allows_it(
    open_desk: Callable[..., Desk], action: str, choice: str | None, told: str, *, is_allowed: bool
) -> None:
    desk, asked = guarded(open_desk, is_allowed=is_allowed)

    assert desk.clicks(action, choice=choice) == told
    assert asked == [(Actor(BOB, HERE, TEAM), PressButton(action))]
    assert nothing_moved(desk)


@pytest.mark.parametrize(
    ("callback", "edits"),
    [(CREATE_FORM, None), (CREATE_FORM, DialogId("d-1")), (UPDATE_FORM, None), (FILTER_FORM, DialogId("d-1"))],
)
@pytest.mark.parametrize(("is_allowed", "told"), [(False, NOWHERE), (True, BROKEN)], ids=["refused", "allowed"])
def test_no_form_reaches_the_jobs_unless_access_allows_it(
    open_desk: Callable[..., Desk], callback: str, edits: DialogId | None, told: str, *, is_allowed: bool
) -> None:
    desk, asked = guarded(open_desk, is_allowed=is_allowed)

    answer = desk.sends(form(GOOD_FIELDS[callback], FormContext(HERE, edits=edits), callback=callback))

    assert list(answer["errors"].values()) == [told]
    assert asked == [(Actor(BOB, HERE, TEAM), SendForm(FORM_COMMANDS[callback]))]
    assert nothing_moved(desk)


def test_access_is_tested_with_every_form(desk: Desk) -> None:
    known = {submission.callback: submission.command for submission in desk.listeners._submissions}

    assert known == FORM_COMMANDS
    assert set(GOOD_FIELDS) == set(known)


@pytest.mark.parametrize("text", ["", "help", "name=a", "image=a"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_no_command_gets_form_or_help_or_jobs_unless_access_allows_it(
    open_desk: Callable[..., Desk], command: Command, text: str
) -> None:
    desk, asked = guarded(open_desk, is_allowed=False)
    opens_form = command.has_form and not text

    assert desk.types(text, command=command.name) == {"response_type": "ephemeral", "text": NOWHERE}
    assert asked == [
        (Actor(ALICE, HERE, TEAM), OpenForm(command.name) if opens_form else TypeCommand(command.name)),
    ]
    assert nothing_moved(desk)


# ── Clicks ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_click_that_counts_needs_no_words(desk: Desk) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))

    assert desk.clicks("create") == ""
    (entry,) = desk.stored
    assert entry.dialog == Queued(ASKED, PROPOSAL, BOB, position=1)


def test_the_second_click_hears_that_it_is_decided(desk: Desk) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))
    desk.clicks("create")

    assert desk.clicks("cancel", user=ALICE) == "Already decided. The dialog shows the decision."


@pytest.mark.parametrize("dialog", [Expired(ASKED, 1800), UnderReview(ASKED, PROPOSAL, NOW - timedelta(seconds=1))])
def test_a_click_after_the_time_hears_that_it_is_over(desk: Desk, dialog: Dialog) -> None:
    desk.keep(dialog)

    assert desk.clicks("create") == "This proposal has expired. Type the command again for a new one."


@pytest.mark.parametrize("button", BY_ACTION)
def test_a_click_on_a_dialog_that_nobody_knows_says_so(desk: Desk, button: str) -> None:
    assert desk.clicks(button, "never-heard") == "This dialog is no longer available. Type the command again."


DECIDING = [control.action for control in CONTROLS if isinstance(control.does, Decide)]


@pytest.mark.parametrize("button", DECIDING)
def test_every_click_in_every_stage_is_acknowledged(desk: Desk, button: str) -> None:
    for number, dialog in enumerate(EVERY_KIND):
        desk.keep(_renamed(dialog, f"k-{number}"))
        note = desk.clicks(button, f"k-{number}")
        assert note in {
            "",
            "Already decided. The dialog shows the decision.",
            "This proposal has expired. Type the command again for a new one.",
        }


@pytest.mark.parametrize("button", ["create", "log", "edit"])
def test_a_click_by_somebody_who_may_not_changes_nothing(open_desk: Callable[..., Desk], button: str) -> None:
    desk = open_desk(access=Access(frozenset({HERE}), frozenset({ALICE})))
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))

    note = desk.clicks(button, user="U0MALLORY")

    assert "`U0MALLORY`" in note
    assert "`WARROOM_ALLOWED_USERS`" in note
    assert isinstance(desk.stored[0].dialog, UnderReview)
    assert desk.screen.files == []
    desk.forms.close()
    assert desk.views == []


def test_a_click_in_a_channel_that_is_not_allowed_changes_nothing(desk: Desk) -> None:
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
def test_trouble_with_a_click_is_whispered(desk: Desk, button: str, trouble: Exception, note: str) -> None:
    desk.ledger.trouble = trouble

    assert desk.clicks(button) == note


@pytest.mark.parametrize(
    "odd", [{"channel": None}, {"user": {"id": "bob"}}, {"actions": [{"action_id": "log", "value": ["d-1"]}]}], ids=str
)
def test_a_click_that_is_not_understood_is_acknowledged(desk: Desk, odd: dict[str, object]) -> None:
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
def test_a_button_puts_its_file_into_the_thread_once(desk: Desk, button: str, kind: str, name: str) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))

    assert desk.clicks(button) == ""
    ((dialog, file),) = desk.screen.files
    assert (dialog, file.kind, file.name) == ("d-1", kind, name)

    desk.ledger.set_attached(DialogId("d-1"), kind)
    assert desk.clicks(button) == f"`{name}` is in the thread."
    assert len(desk.screen.files) == 1


def test_the_log_button_gives_the_log_so_far(desk: Desk) -> None:
    desk.keep(Running(ASKED, PROPOSAL, BOB, PROGRESS))
    assert desk.clicks("log") == "Nothing to show yet."

    JobLogFiles(desk.folder / "logs", str).write(DialogId("d-1"), "Collecting mechanize")
    assert desk.clicks("log") == ""
    assert desk.screen.files == [
        (DialogId("d-1"), Attachment("log", "build-d-1.log", "The whole log", "Collecting mechanize\n"))
    ]


def test_a_dialog_without_a_proposal_has_nothing_to_show(desk: Desk) -> None:
    desk.keep(Expired(ASKED, 1800))

    assert desk.clicks("show_packages") == "Nothing to show yet."


# ── Forms ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", ["", "   ", "\t\xa0"])
def test_a_command_without_arguments_opens_an_empty_form_and_shows_nothing_to_the_room(desk: Desk, text: str) -> None:
    assert desk.types(text) == {}

    trigger, view = desk.opened
    assert (trigger, view) == ("1.2.abc", create_form(CONTEXT, {}, BASES))
    assert desk.stored == ()
    assert desk.whispers == []


@pytest.mark.parametrize("text", [LINE, "name=a", "nam=a", "hello"])
def test_whoever_typed_something_sees_no_form(desk: Desk, text: str) -> None:
    assert desk.types(text) != {}

    desk.forms.close()
    assert desk.views == []


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_says_how_it_is_used(desk: Desk, command: Command) -> None:
    answer = desk.types("help", command=command.name)

    assert answer["response_type"] == "ephemeral"
    assert answer["text"].startswith(f"{command.description}.")
    assert f"`{command.name} {command.usage}`" in answer["text"] or not command.usage
    examples = re.findall(r"```\n(.+)\n```", answer["text"])
    assert [example.replace("&gt;", ">") for example in examples] == [
        f"{command.name} {example}".strip() for example in command.examples
    ]
    assert desk.stored == ()


def test_a_command_without_arguments_says_so(desk: Desk) -> None:
    assert desk.types("help", command="/docker_images")["text"] == (
        "List the Docker images. It takes no arguments:\n```\n/docker_images\n```"
    )


@pytest.mark.parametrize("text", ["", "   ", "python", "all=true", "page=2 «»", "\u202e"])
def test_the_list_is_shown_whatever_is_typed_behind_it(desk: Desk, text: str) -> None:
    assert desk.types(text, command="/docker_images")["response_type"] == "in_channel"

    (entry,) = desk.stored
    assert entry.dialog.asked.line == f"/docker_images {text}".rstrip()


@pytest.mark.parametrize("name", ["details", "roll_back", "remove"])
def test_what_buttons_ask_for_cannot_be_typed(desk: Desk, name: str) -> None:
    body = {"command": f"/{name}", "text": "image=a", "user_id": ALICE, "channel_id": HERE, "trigger_id": "1.2.abc"}
    asked = BoltRequest(body={**body, "response_url": "", "team_id": "T0"}, mode="socket_mode")

    assert desk.app.dispatch(asked).status == 404
    assert desk.stored == ()


@pytest.mark.parametrize("text", ["help", " HELP ", "-h", "--help", "?"])
def test_help_gives_the_usage_with_examples_to_the_person_alone(desk: Desk, text: str) -> None:
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


def test_who_may_not_gets_no_form(desk: Desk) -> None:
    assert "WARROOM_ALLOWED_CHANNELS" in desk.types("", channel_id="C0ELSEWHERE")["text"]

    desk.forms.close()
    assert desk.views == []


def test_a_form_that_is_sent_is_taken_like_the_line_that_means_the_same(desk: Desk) -> None:
    assert desk.fills_in(FILLED) == {}

    (entry,) = desk.stored
    line = "/docker_image_create name=my/tool dependencies=requests[socks]>=2,ldap3 packages=wget,curl base=a/b:1"
    assert entry.dialog.asked == Asked(
        DialogId("new-1"), Router().parse(line), "/docker_image_create", line, BOB, HERE, NOW, team=TEAM
    )
    assert (entry.trigger, entry.response_url) == ("5.6.ghi", "https://hooks.slack.invalid/1")
    assert desk.screen.shown == [entry.dialog]


def test_a_base_is_picked_from_the_menu_unless_another_one_is_typed(desk: Desk) -> None:
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


def test_every_wrong_field_is_told_beside_it(desk: Desk) -> None:
    errors = desk.fills_in({**FILLED, "name": "My/Tool", "packages": "wget; reboot"})

    assert errors == {
        "name": "`My/Tool` is not an image name. Docker takes lower case only.",
        "packages": "`wget;reboot` holds a semicolon. Separate packages by commas.",
    }
    assert desk.stored == ()


def test_a_form_that_is_too_long_for_a_line_is_told_at_its_longest_field(desk: Desk) -> None:
    many = ", ".join(f"package-number-{number}" for number in range(150))

    errors = desk.fills_in({**FILLED, "dependencies": many})

    assert list(errors) == ["dependencies"]
    assert "is too long" in errors["dependencies"]


def test_what_is_told_beside_a_field_holds_no_secret_and_is_not_endless(open_desk: Callable[..., Desk]) -> None:
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
    open_desk: Callable[..., Desk], user: str, channel: str, setting: str
) -> None:
    desk = open_desk(access=Access(frozenset({HERE}), frozenset({ALICE})))

    errors = desk.fills_in(FILLED, FormContext(channel), user=user)

    assert setting in errors["name"]
    assert desk.stored == ()


@pytest.mark.parametrize("context", ["", "null", "{", '{"channel": "general"}', '{"channel": 7}', "x" * 4_000])
def test_a_form_that_is_not_ours_is_told(desk: Desk, context: str) -> None:
    assert desk.fills_in(FILLED, context) == {"name": "This form has expired. Close it and type the command again."}
    assert desk.stored == ()


@pytest.mark.parametrize("state", [None, [], {"name": None}, {"name": {"value": {"value": 7}}}], ids=str)
def test_a_form_that_is_not_understood_is_told(desk: Desk, state: object) -> None:
    answer = desk.sends(form(state))

    assert answer["errors"] == {"name": "This form has expired. Close it and type the command again."}


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (StateUnwritable("It is full.", hint="Free space."), "It is full. Free space."),
        (RuntimeError("a defect"), BROKEN),
    ],
)
def test_trouble_with_a_form_is_told_in_it(desk: Desk, trouble: Exception, told: str) -> None:
    desk.ledger.trouble = trouble

    assert desk.fills_in(FILLED) == {"name": told}


def test_a_bot_that_is_ending_takes_no_form_and_leaves_the_review(desk: Desk) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))
    desk.jobs.closing.set()

    errors = desk.fills_in(FILLED, FormContext(HERE, edits=DialogId("d-1")))

    assert errors == {"name": "The bot is being restarted. Type the command again in a minute."}
    assert [entry.dialog for entry in desk.stored] == [UnderReview(ASKED, PROPOSAL, LATER)]


# ── Edit ────────────────────────────────────────────────────────────────────────────────────────────────────────────

OF_D_1 = FormContext(HERE, edits=DialogId("d-1"))


def test_edit_opens_the_form_of_what_is_under_review(desk: Desk) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))

    assert desk.clicks("edit") == ""
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


def test_an_edited_form_makes_a_new_proposal_and_cancels_the_old_one(desk: Desk) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))

    assert desk.fills_in(FILLED, OF_D_1) == {}

    (entry,) = desk.stored
    assert (entry.id, entry.dialog.asked.user) == ("new-1", BOB)
    assert desk.screen.shown == [Cancelled(ASKED, BOB), entry.dialog]


def test_an_edited_form_with_a_fault_cancels_nothing(desk: Desk) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))

    assert list(desk.fills_in({"name": "A"}, OF_D_1)) == ["name"]
    assert [entry.dialog for entry in desk.stored] == [UnderReview(ASKED, PROPOSAL, LATER)]


def test_an_edited_form_that_is_sent_twice_makes_one_proposal(desk: Desk) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))
    desk.fills_in(FILLED, OF_D_1)

    assert "Already decided" in desk.fills_in(FILLED, OF_D_1)["name"]
    assert len(desk.stored) == 1


@pytest.mark.parametrize("dialog", EVERY_KIND, ids=lambda dialog: type(dialog).__name__)
def test_edit_of_what_is_not_under_review_is_told_before_and_after(desk: Desk, dialog: Dialog) -> None:
    if isinstance(dialog, UnderReview):
        dialog = replace(dialog, expires=NOW)
    desk.keep(dialog)
    has_expired = isinstance(dialog, UnderReview | Expired)
    said = "This proposal has expired." if has_expired else "Already decided. The dialog shows the decision."

    assert desk.clicks("edit").startswith(said)
    error = desk.fills_in(FILLED, OF_D_1)["name"]

    assert error.startswith(said)
    assert error.endswith("Close this form: it changes nothing.")
    assert {entry.id for entry in desk.stored} <= {"d-1"}
    desk.forms.close()
    assert desk.views == []


def test_a_form_that_edits_what_nobody_knows_is_told(desk: Desk) -> None:
    assert desk.fills_in(FILLED, OF_D_1)["name"].startswith("This dialog is no longer available.")


def _renamed(dialog: Dialog, name: str) -> Dialog:
    return replace(dialog, asked=replace(dialog.asked, dialog=DialogId(name)))
