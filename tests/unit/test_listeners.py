import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from slack_bolt import Ack, App, BoltRequest, BoltResponse
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from bot.dialogs import Asked, Attachment, Dialog, DialogId, Expired, Queued, Running, UnderReview
from bot.job_logs import JobLogFiles
from bot.jobs import Button, Jobs, Patience
from bot.ledger import Entry, Ledger, sqlite_url
from bot.router import Router
from bot.runner import Runner
from bot.slack.listeners import Audience, Listeners
from commands.command import Answer, Proposal
from commands.errors import ShuttingDown, StateUnwritable
from commands.model.outcomes import Created, Outcome, Undecided
from tests.examples import ALICE, ASKED, BOB, EVERY_KIND, LATER, NOW, PROGRESS, PROPOSAL
from tests.fakes.logs import logs_to

HERE = "C0WARROOM"
KNOWN = {"enterprise_id": None, "team_id": "T0", "bot_token": "xoxb-test", "bot_id": "B0", "bot_user_id": "U0BOT"}
"""What Slack would say of the bot's token; with it Bolt calls nobody, and neither do the listeners."""
LINE = "name=example_name dependencies=mechanize packages=wget"
BROKEN = "Something went wrong inside the bot. Try again; if it happens again, tell whoever runs the bot."


class NoRunner(Runner):
    """Notes what is to be run and runs nothing."""

    def run(self, task: str, key: str, *, again: bool = False) -> None:
        """Do nothing."""

    def enqueue(self, task: str, key: str, *, again: bool = False) -> None:
        """Do nothing."""


class NoWork:
    """Work that nobody asks for, since nothing is run."""

    def answer(self, asked: Asked, report: Callable[[str], None]) -> Answer:
        raise NotImplementedError

    def carry_out(self, *_: object) -> Outcome:
        raise NotImplementedError

    def keep(self, proposal: Proposal, undecided: Undecided) -> Created:
        raise NotImplementedError

    def clean(self, job: DialogId) -> None:
        raise NotImplementedError


class Disk(Ledger):
    """A ledger whose `trouble` every access raises."""

    trouble: Exception | None = None

    def add(self, entry: Entry) -> None:
        self._fail()
        super().add(entry)

    def get(self, dialog: DialogId) -> Entry | None:
        self._fail()
        return super().get(dialog)

    def _fail(self) -> None:
        if self.trouble:
            raise self.trouble


@dataclass(slots=True)
class Recorder:
    """The screen: what was shown and attached."""

    shown: list[Dialog] = field(default_factory=list)
    files: list[tuple[DialogId, Attachment]] = field(default_factory=list)

    def show(self, dialog: Dialog) -> None:
        self.shown.append(dialog)

    def attach(self, dialog: DialogId, file: Attachment) -> None:
        self.files.append((dialog, file))


@dataclass(slots=True)
class Desk:
    """A Bolt app with the real listeners, on a ledger of its own."""

    folder: Path
    audience: Audience = field(default_factory=lambda: Audience(frozenset({HERE})))
    screen: Recorder = field(default_factory=Recorder)
    whispers: list[tuple[str, str, str]] = field(default_factory=list)
    now: datetime = NOW
    ledger: Disk = field(init=False)
    jobs: Jobs = field(init=False)
    listeners: Listeners = field(init=False)
    app: App = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Disk(sqlite_url(self.folder / "dialogs.sqlite"))
        self.jobs = Jobs(
            ledger=self.ledger,
            screen=self.screen,
            work=NoWork(),
            job_log=JobLogFiles(self.folder / "logs", str),
            patience=Patience(1800, 1),
            clock=lambda: self.now,
            runner=self._runner,
        )
        self.app = App(client=WebClient(), authorize=lambda: AuthorizeResult(**KNOWN))
        numbers = count(1)
        self.listeners = Listeners(
            self.jobs,
            Router(),
            self.audience,
            whisper=lambda channel, user, text: self.whispers.append((channel, user, text)),
            new_id=lambda: DialogId(f"new-{next(numbers)}"),
            clock=lambda: self.now,
        )
        self.listeners.register(self.app)

    def _runner(self, tasks: Mapping[str, Callable[[str], None]]) -> Runner:
        return NoRunner(database_url="", slots=1, tasks=tasks)

    def keep(self, dialog: Dialog) -> None:
        """Put a dialog into the ledger."""
        self.ledger.add(Entry(dialog, trigger="1", response_url="https://hooks.slack.invalid/1"))

    def types(self, text: object = LINE, **fields: object) -> dict[str, Any]:
        """Type a command; gives the acknowledgement, which must be a good one."""
        body = {
            "command": "/docker_image_create",
            "text": text,
            "user_id": ALICE,
            "channel_id": HERE,
            "trigger_id": "1.2.abc",
            "response_url": "https://hooks.slack.invalid/1",
            "team_id": "T0",
            **fields,
        }
        return self.sends(body)

    def clicks(self, action: str, dialog: str = "d-1", *, user: str = BOB, channel: str = HERE) -> str:
        """Press a button; gives what was whispered, if anything."""
        before = len(self.whispers)
        body = {
            "type": "block_actions",
            "user": {"id": user},
            "channel": {"id": channel},
            "team": {"id": "T0"},
            "actions": [{"type": "button", "action_id": action, "block_id": "actions", "value": dialog}],
        }
        assert self.sends(body) == {}
        said = self.whispers[before:]
        assert [each[:2] for each in said] == [(channel, user)] * len(said)
        return said[0][2] if said else ""

    def sends(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Deliver a payload as Socket Mode does."""
        answer = self.app.dispatch(BoltRequest(body=dict(body), mode="socket_mode"))
        assert answer.status == 200
        acknowledged = json.loads(answer.body) if answer.body else {}
        assert isinstance(acknowledged, dict)
        return acknowledged

    @property
    def stored(self) -> tuple[Entry, ...]:
        """All dialogs that have not ended."""
        return self.ledger.unfinished()


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with logs_to(StringIO()):
        yield


@pytest.fixture
def open_desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    opened: list[Desk] = []

    def make(**fields: Any) -> Desk:  # noqa: ANN401 - the fields of Desk
        opened.append(Desk(tmp_path, **fields))
        return opened[-1]

    yield make
    for desk in opened:
        desk.ledger.close()


@pytest.fixture
def desk(open_desk: Callable[..., Desk]) -> Desk:
    return open_desk()


# ── Commands ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_command_is_stored_before_it_is_acknowledged_and_shown_to_the_room(desk: Desk) -> None:
    assert desk.types() == {"text": "", "response_type": "in_channel"}

    (entry,) = desk.stored
    assert entry.dialog.asked == Asked(DialogId("new-1"), f"/docker_image_create {LINE}", ALICE, HERE, NOW)
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
    desk = open_desk(audience=Audience(frozenset({HERE}), frozenset({ALICE})))

    answer = desk.types(**fields)

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
)
def test_nobody_may_anything_anywhere_unless_it_is_allowed(
    audience: Audience, user: str, channel: str, *, is_allowed: bool
) -> None:
    assert (audience.refusal(user, channel) is None) is is_allowed


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

    assert desk.types() == {"text": f"{trouble.message} {trouble.hint}", "response_type": "ephemeral"}


def test_a_bot_that_is_ending_takes_no_command(desk: Desk) -> None:
    desk.jobs._closing.set()

    assert desk.types() == {
        "text": "The bot is being restarted. Type the command again in a minute.",
        "response_type": "ephemeral",
    }
    assert desk.stored == ()


def test_a_defect_is_acknowledged_and_told(desk: Desk) -> None:
    desk.ledger.trouble = RuntimeError("a defect")

    assert desk.types() == {"text": BROKEN, "response_type": "ephemeral"}


@pytest.mark.parametrize(
    "fields",
    [{"user_id": ""}, {"channel_id": "a channel"}, {"trigger_id": None}, {"text": "x" * 50_000}, {"response_url": 7}],
    ids=str,
)
def test_a_payload_that_is_not_understood_is_acknowledged_and_told(desk: Desk, fields: dict[str, object]) -> None:
    assert desk.types(**fields) == {
        "text": "I could not read that command. Type it again.",
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

    command = {"command": "/docker_image_create", "text": LINE, "user_id": ALICE, "channel_id": HERE}
    desk.listeners._on_command(Noting(), {**command, "trigger_id": "1", "response_url": ""})
    click = {"user": {"id": BOB}, "channel": {"id": HERE}, "actions": [{"action_id": "keep", "value": "d-1"}]}
    desk.listeners._on_press(Noting(), click)

    assert found == [(2, 1, 0), (2, 1, 1)]


# ── Clicks ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_click_that_counts_needs_no_words(desk: Desk) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))

    assert desk.clicks("create") == ""
    (entry,) = desk.stored
    assert entry.dialog == Queued(ASKED, PROPOSAL, BOB, position=1)


def test_the_second_click_hears_that_it_is_decided(desk: Desk) -> None:
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))
    desk.clicks("create")

    assert desk.clicks("cancel", user=ALICE) == "That is decided already; the dialog shows how."


@pytest.mark.parametrize("dialog", [Expired(ASKED, 1800), UnderReview(ASKED, PROPOSAL, NOW - timedelta(seconds=1))])
def test_a_click_after_the_time_hears_that_it_is_over(desk: Desk, dialog: Dialog) -> None:
    desk.keep(dialog)

    assert desk.clicks("create") == "This proposal has expired. Type the command again for a fresh one."


@pytest.mark.parametrize("button", [*Button, "show_packages", "show_dockerfile", "packages", "log"])
def test_a_click_on_a_dialog_that_nobody_knows_says_so(desk: Desk, button: str) -> None:
    assert desk.clicks(button, "never-heard") == "I no longer know this dialog. Type the command again."


@pytest.mark.parametrize("button", Button)
def test_every_click_in_every_stage_is_acknowledged(desk: Desk, button: Button) -> None:
    for number, dialog in enumerate(EVERY_KIND):
        desk.keep(_renamed(dialog, f"k-{number}"))
        note = desk.clicks(button, f"k-{number}")
        assert note in {
            "",
            "That is decided already; the dialog shows how.",
            "This proposal has expired. Type the command again for a fresh one.",
        }


@pytest.mark.parametrize("button", ["create", "log"])
def test_a_click_by_somebody_who_may_not_changes_nothing(open_desk: Callable[..., Desk], button: str) -> None:
    desk = open_desk(audience=Audience(frozenset({HERE}), frozenset({ALICE})))
    desk.keep(UnderReview(ASKED, PROPOSAL, LATER))

    note = desk.clicks(button, user="U0MALLORY")

    assert "`U0MALLORY`" in note
    assert "`WARROOM_ALLOWED_USERS`" in note
    assert isinstance(desk.stored[0].dialog, UnderReview)
    assert desk.screen.files == []


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
    click = {"user": {"id": BOB}, "channel": {"id": HERE}, "actions": [{"action_id": "log", "value": "d-1"}]}

    assert desk.sends({"type": "block_actions", "team": {"id": "T0"}, **click, **odd}) == {}
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
    assert desk.clicks(button) == f"`{name}` is in this dialog's thread already."
    assert len(desk.screen.files) == 1


def test_the_log_button_gives_the_log_so_far(desk: Desk) -> None:
    desk.keep(Running(ASKED, PROPOSAL, BOB, PROGRESS))
    assert desk.clicks("log") == "There is nothing to show yet."

    JobLogFiles(desk.folder / "logs", str).write(DialogId("d-1"), "Collecting mechanize")
    assert desk.clicks("log") == ""
    assert desk.screen.files == [
        (DialogId("d-1"), Attachment("log", "build-d-1.log", "The whole log", "Collecting mechanize\n"))
    ]


def test_a_dialog_without_a_proposal_has_nothing_to_show(desk: Desk) -> None:
    desk.keep(Expired(ASKED, 1800))

    assert desk.clicks("show_packages") == "There is nothing to show yet."


def _renamed(dialog: Dialog, name: str) -> Dialog:
    return replace(dialog, asked=replace(dialog.asked, dialog=DialogId(name)))
