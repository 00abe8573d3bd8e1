"""A Bolt app with the real listeners, jobs and forms, on a ledger of its own: a test types, clicks and fills in."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from slack_bolt import App, BoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from bot.access.rules import Access
from bot.dialogs.interface import Timeouts
from bot.dialogs.job_logs import JobLogFiles
from bot.dialogs.jobs import Jobs
from bot.dialogs.ledger import Entry, Ledger, sqlite_url
from bot.dialogs.runner import Runner
from bot.dialogs.stages import Asked, Dialog, DialogId
from bot.router import Router
from bot.slack.forms import Forms
from bot.slack.listeners import Listeners
from bot.slack.views.create.form import CREATE_FORM
from bot.slack.views.form import FormContext
from commands.actions import Answer, End
from commands.command import ImageCreated, ImageUndecided, Listing
from commands.model.requests import Query
from tests.fakes.host import Gate
from tests.fakes.screen import FakeScreen
from tests.fakes.sender import FakeSender
from tests.kit.examples import ALICE, BOB, NOW

HERE = "C0WARROOM"
TEAM = "T0"
KNOWN = {"enterprise_id": None, "team_id": TEAM, "bot_token": "xoxb-test", "bot_id": "B0", "bot_user_id": "U0BOT"}
"""What Slack would say of the bot's token; with it Bolt calls nobody, and neither do the listeners."""
IMAGES = ("demisto/python3:3.12", "debian:12")
BASES = ("demisto/python3-deb", "localbase:1")
CONTEXT = FormContext(HERE, response_url="https://hooks.slack.invalid/1")


def form(
    state: object,
    context: FormContext | str = CONTEXT,
    *,
    user: str = BOB,
    team: str = TEAM,
    callback: str = CREATE_FORM,
    trigger: str = "5.6.ghi",
) -> dict[str, Any]:
    """Make the payload of a form that is sent."""
    return {
        "type": "view_submission",
        "user": {"id": user, "team_id": team},
        "team": {"id": team},
        "trigger_id": trigger,
        "view": {
            "type": "modal",
            "callback_id": callback,
            "private_metadata": context if isinstance(context, str) else context.to_metadata(),
            "state": {"values": state},
        },
    }


def click(
    action: str,
    dialog: str = "d-1",
    choice: str | None = None,
    *,
    user: str = BOB,
    channel: str = HERE,
    team: str = TEAM,
    trigger: str = "3.4.def",
) -> dict[str, Any]:
    """Make the payload of a click; with a choice it is one in a menu."""
    chosen = {"type": "static_select", "selected_option": {"value": f"{dialog} {choice}"}}
    pressed = {"type": "button", "value": dialog} if choice is None else chosen
    return {
        "type": "block_actions",
        "user": {"id": user, "team_id": team},
        "channel": {"id": channel},
        "team": {"id": TEAM},
        "actions": [{"action_id": action, "block_id": "actions", **pressed}],
        "trigger_id": trigger,
        "response_url": "https://hooks.slack.invalid/2",
    }


class NoRunner(Runner):
    """Notes what is to be run and runs nothing."""

    def run(self, task: str, key: str, *, again: bool = False) -> None:
        """Do nothing."""

    def enqueue(self, task: str, key: str, *, again: bool = False) -> None:
        """Do nothing."""


class FakeListWork:
    """Work of which only lists ask: it turns them as soon as the test lets it. `asked` is what was looked for."""

    def __init__(self) -> None:
        self.may_turn = Gate()
        self.asked: list[Query] = []

    def answer(self, asked: Asked, report: Callable[[str], None]) -> Answer:
        """See `Work`."""
        raise NotImplementedError

    def carry_out(self, *_: object) -> End | ImageUndecided:
        """See `Work`."""
        raise NotImplementedError

    def keep(self, undecided: ImageUndecided) -> ImageCreated:
        """See `Work`."""
        raise NotImplementedError

    def clean(self, job: DialogId) -> None:
        """See `Work`."""
        raise NotImplementedError

    def turn(self, query: Query) -> Listing:
        """See `ListWork`."""
        self.asked.append(query)
        self.may_turn.pass_through()
        return Listing(query, rows=(), pages=3, matching=60, images=60, names=60)

    def disk_use(self) -> int:
        """See `ListWork`."""
        raise NotImplementedError


class FailingLedger(Ledger):
    """A ledger whose `trouble` every access raises."""

    trouble: Exception | None = None

    def add(self, entry: Entry) -> bool:
        """See `Ledger`."""
        self._fail()
        return super().add(entry)

    def get(self, dialog: DialogId) -> Entry | None:
        """See `Ledger`."""
        self._fail()
        return super().get(dialog)

    def _fail(self) -> None:
        if self.trouble:
            raise self.trouble


@dataclass(slots=True)
class ListeningApp:
    """A Bolt app with the real listeners, on a ledger of its own."""

    folder: Path
    work: FakeListWork = field(default_factory=FakeListWork)
    access: Access = field(default_factory=lambda: Access(frozenset({HERE})))
    screen: FakeScreen = field(default_factory=FakeScreen)
    sender: FakeSender = field(default_factory=FakeSender)
    now: datetime = NOW
    ledger: FailingLedger = field(init=False)
    views: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """The modals that were opened, with the triggers that were used for them."""
    redact: Callable[[str], str] = str
    clicked: Iterator[int] = field(default_factory=lambda: count(4))
    typed: Iterator[int] = field(default_factory=lambda: count(2))
    sent: Iterator[int] = field(default_factory=lambda: count(6))
    jobs: Jobs = field(init=False)
    forms: Forms = field(init=False)
    listeners: Listeners = field(init=False)
    app: App = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = FailingLedger(sqlite_url(self.folder / "dialogs.sqlite"))
        self.jobs = Jobs(
            ledger=self.ledger,
            screen=self.screen,
            work=self.work,
            job_log=JobLogFiles(self.folder / "logs", str),
            timeouts=Timeouts(1800, 1),
            clock=lambda: self.now,
            runner=self._runner,
        )
        self.app = App(client=WebClient(), authorize=lambda: AuthorizeResult(**KNOWN))
        numbers = count(1)
        self.forms = Forms(
            self._open, lambda: BASES, lambda: IMAGES, respond=lambda *_: True, whisper=self.sender.whisper
        )
        self.listeners = Listeners(
            self.jobs,
            Router(),
            self.access,
            self.forms,
            self.sender,
            new_id=lambda: DialogId(f"new-{next(numbers)}"),
            clock=lambda: self.now,
            redact=self.redact,
        )
        self.listeners.register(self.app, frozenset({TEAM}))

    @property
    def whispers(self) -> list[tuple[str, str, str]]:
        """The notes so far: channel, user and text."""
        return self.sender.whispers

    def _open(self, trigger: str, view: dict[str, Any]) -> bool:
        self.views.append((trigger, view))
        return True

    def _runner(self, tasks: Mapping[str, Callable[[str], None]]) -> Runner:
        return NoRunner(database_url="", slots=1, tasks=tasks)

    def close(self) -> None:
        """End what is under way."""
        self.forms.close()
        self.work.may_turn.open()
        self.jobs._lists.close()
        self.ledger.close()

    def keep(self, dialog: Dialog) -> None:
        """Put a dialog into the ledger."""
        self.ledger.add(Entry(dialog, trigger="", response_url="https://hooks.slack.invalid/1"))

    def types(self, text: object, **fields: object) -> dict[str, Any]:
        """Type a command; gives the acknowledgement, which must be a good one."""
        body = {
            "command": "/docker_image_create",
            "text": text,
            "user_id": ALICE,
            "channel_id": HERE,
            "trigger_id": f"1.{next(self.typed)}.abc",
            "response_url": "https://hooks.slack.invalid/1",
            "team_id": TEAM,
            **fields,
        }
        return self.sends(body)

    def clicks(
        self,
        action: str,
        dialog: str = "d-1",
        choice: str | None = None,
        *,
        user: str = BOB,
        channel: str = HERE,
        trigger: str | None = None,
    ) -> str:
        """Press a button, or choose in a menu; gives what was whispered, if anything."""
        before = len(self.whispers)
        body = click(
            action, dialog, choice, user=user, channel=channel, trigger=trigger or f"3.{next(self.clicked)}.def"
        )
        assert self.sends(body) == {}
        said = self.whispers[before:]
        assert [each[:2] for each in said] == [(channel, user)] * len(said)
        return said[0][2] if said else ""

    def fills_in(
        self,
        fields: Mapping[str, str | None],
        context: FormContext | str = CONTEXT,
        *,
        user: str = BOB,
        trigger: str | None = None,
    ) -> dict[str, Any]:
        """Send a form, with a field for each block; gives the errors beside the fields, none when it is taken."""
        state = {block: {"value": {"type": "plain_text_input", "value": value}} for block, value in fields.items()}
        answer = self.sends(form(state, context, user=user, trigger=trigger or f"5.{next(self.sent)}.ghi"))
        assert set(answer) <= {"response_action", "errors"}
        assert answer.get("response_action", "errors") == "errors"
        errors = answer.get("errors", {})
        assert isinstance(errors, dict)
        assert set(errors) <= {"name", "dependencies", "packages", "base"}
        return errors

    @property
    def opened(self) -> tuple[str, dict[str, Any]]:
        """The one modal that was opened, once all are."""
        self.forms.close()
        (opened,) = self.views
        return opened

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
        return self.ledger.unfinished_entries()


@contextmanager
def open_apps(folder: Path) -> Iterator[Callable[..., ListeningApp]]:
    """Make apps with fields of the test's own, and close them in the end."""
    opened: list[ListeningApp] = []

    def make(**fields: Any) -> ListeningApp:
        opened.append(ListeningApp(folder, **fields))
        return opened[-1]

    yield make
    for app in opened:
        app.close()
