"""How the bot connects to Slack: what it asks, what it survives, and what it acknowledges."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

import pytest

from bot.doctor.report import Caution
from bot.readiness import slack_is_ready
from bot.slack.connection import LINES, SlackConnection, web_client
from bot.slack.connection_count import ConnectionCount
from bot.slack.socket_session import Liveness
from commands.errors import Misconfigured
from tests.fakes.slack_api import ScriptedAnswer, slack_api
from tests.fakes.slack_links import SlackLinks, slack_links
from tests.kit.app import HERE, TEAM, ListeningApp
from tests.kit.driver import eventually
from tests.kit.examples import ALICE

NO_PINGS = Liveness(ping_seconds=86_400, pong_seconds=86_400, close_seconds=0.1)
KNOWN = ScriptedAnswer({"ok": True, "user": "warroom", "team_id": TEAM, "user_id": "U0BOT", "bot_id": "B0"})
LIMITED = ScriptedAnswer({"ok": False, "error": "ratelimited"}, {"Retry-After": "0"}, 429)
BROKEN = ScriptedAnswer({}, status=500)
REFUSED = ScriptedAnswer({"ok": False, "error": "invalid_auth"})


class Script(dict[str, ScriptedAnswer]):
    """Answers of the Web API: those of `first` one after the other, then the usual ones. `asked` counts the calls."""

    def __init__(self, usual: Mapping[str, ScriptedAnswer], first: Mapping[str, Sequence[ScriptedAnswer]]) -> None:
        super().__init__(usual)
        self._first = {method: list(answers) for method, answers in first.items()}
        self.asked: list[str] = []

    def __getitem__(self, method: str) -> ScriptedAnswer:
        self.asked.append(method)
        left = self._first.get(method)
        return left.pop(0) if left else super().__getitem__(method)


@pytest.fixture
def links() -> Iterator[SlackLinks]:
    with slack_links() as opened:
        yield opened


@contextmanager
def connection_to(
    links: SlackLinks,
    app: ListeningApp,
    first: Mapping[str, Sequence[ScriptedAnswer]] | None = None,
    count: ConnectionCount | None = None,
) -> Iterator[tuple[SlackConnection, Script]]:
    """Make a connection, not yet opened, to a Slack that answers with `first` before it works."""
    opens = ScriptedAnswer({"ok": True, "url": links.url})
    script = Script({"auth.test": KNOWN, "apps.connections.open": opens}, first or {})
    with slack_api(script) as url:
        client = web_client("xoxb-1", url)
        connection = SlackConnection(
            client, "xapp-1", app.listeners, wait=lambda _: 0.01, liveness=NO_PINGS, count=count
        )
        with closing(connection):
            yield connection, script


def command(text: str, envelope_id: str = "e-1") -> str:
    payload = {
        "command": "/docker_image_create",
        "text": text,
        "user_id": ALICE,
        "channel_id": HERE,
        "trigger_id": "1.2.abc",
        "response_url": "https://hooks.slack.invalid/1",
        "team_id": TEAM,
    }
    return json.dumps({"type": "slash_commands", "envelope_id": envelope_id, "payload": payload})


# ── The start ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "answer", [{}, {"team_id": None}, {"team_id": "", "enterprise_id": None}, {"team_id": 7}], ids=str
)
def test_a_bot_that_does_not_learn_its_workspace_does_not_start(app: ListeningApp, answer: dict[str, Any]) -> None:
    with slack_api({"auth.test": ScriptedAnswer({"ok": True, "user": "warroom", **answer})}) as url:
        connection = SlackConnection(web_client("xoxb-1", url), "xapp-1", app.listeners)
        with pytest.raises(Misconfigured, match="does not say which workspace") as raised:
            connection.open()

    assert "SLACK_BOT_TOKEN" in raised.value.hint


def test_the_first_line_is_open_when_the_start_returns_and_slack_is_asked_once(
    links: SlackLinks, app: ListeningApp
) -> None:
    with connection_to(links, app) as (connection, script):
        connection.open()
        assert connection.is_open
        assert script.asked.count("auth.test") == 1
        eventually(lambda: connection.open_lines == LINES, "that both lines are open")
    assert not connection.is_open


@pytest.mark.parametrize("method", ["auth.test", "apps.connections.open"])
@pytest.mark.parametrize("fault", [LIMITED, BROKEN], ids=["429", "500"])
def test_a_start_survives_a_passing_fault(
    links: SlackLinks, app: ListeningApp, method: str, fault: ScriptedAnswer
) -> None:
    with connection_to(links, app, {method: [fault] * 3}) as (connection, _):
        connection.open()
        links.next_link()
        eventually(lambda: connection.open_lines == LINES, "that both lines are open")
        assert connection.trouble == ""
        assert connection.failure is None


def test_a_bot_that_waits_for_slack_says_why(links: SlackLinks, app: ListeningApp) -> None:
    with connection_to(links, app, {"auth.test": [BROKEN] * 100_000}) as (connection, _):
        connection.open()
        assert (connection.is_open, connection.trouble) == (False, "HTTP 500")


@pytest.mark.parametrize("method", ["auth.test", "apps.connections.open"])
def test_tokens_that_are_refused_at_once_end_the_start(links: SlackLinks, app: ListeningApp, method: str) -> None:
    with (
        connection_to(links, app, {method: [REFUSED]}) as (connection, _),
        pytest.raises(Misconfigured, match="invalid_auth"),
    ):
        connection.open()


@pytest.mark.parametrize("method", ["auth.test", "apps.connections.open"])
def test_tokens_that_are_refused_after_a_passing_fault_end_the_program(
    links: SlackLinks, app: ListeningApp, method: str
) -> None:
    with connection_to(links, app, {method: [BROKEN, *[REFUSED] * 100_000]}) as (connection, _):
        connection.open()
        failure = eventually(lambda: connection.failure, "the failure")
        assert failure.message == "Slack refused the connection: `invalid_auth`."


def test_a_refusal_while_a_line_is_open_is_a_passing_fault(links: SlackLinks, app: ListeningApp) -> None:
    usual = ScriptedAnswer({"ok": True, "url": links.url})
    with connection_to(links, app, {"apps.connections.open": [usual, *[REFUSED] * 3]}) as (connection, _):
        connection.open()
        eventually(lambda: connection.open_lines == LINES, "that both lines are open")
        assert connection.failure is None


def test_a_bot_that_is_closed_while_slack_is_away_stops_asking(links: SlackLinks, app: ListeningApp) -> None:
    with connection_to(links, app, {"auth.test": [BROKEN] * 100_000}) as (connection, _):
        connection.open()
        connection.close()
    assert links.opened.empty()


def test_a_hanging_slack_holds_no_thread_for_long() -> None:
    assert web_client("xoxb-1", None).timeout == 10


# ── Requests ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_command_is_acknowledged_over_the_connection_that_it_came_by(links: SlackLinks, app: ListeningApp) -> None:
    with connection_to(links, app) as (connection, _):
        connection.open()
        links.next_link().send(command("help"))
        acknowledgement = links.next_acknowledgement()
    assert acknowledgement["envelope_id"] == "e-1"
    assert "/docker_image_create" in acknowledgement["payload"]["text"]


def test_a_command_whose_connection_is_lost_is_acknowledged_over_another_one(
    links: SlackLinks, open_app: Callable[..., ListeningApp]
) -> None:
    app = open_app()
    with connection_to(links, app) as (connection, _):
        connection.open()
        links.next_link()
        links.next_link()
        eventually(lambda: connection.open_lines == LINES, "that both lines are open")
        lost = connection._lines[0].session
        assert lost is not None
        assert connection._envelopes is not None
        lost.close()
        connection._envelopes.hear(lost, json.loads(command("help")))
        assert links.next_acknowledgement()["envelope_id"] == "e-1"


def test_a_message_without_an_envelope_is_ignored(links: SlackLinks, app: ListeningApp) -> None:
    with connection_to(links, app) as (connection, _):
        connection.open()
        link = links.next_link()
        link.send(json.dumps({"type": "slash_commands", "payload": 7}))
        link.send(json.dumps({"type": "slash_commands", "envelope_id": "e-0", "payload": []}))
        link.send(command("help"))
        assert links.next_acknowledgement()["envelope_id"] == "e-1"


# ── Another bot ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_another_bot_with_the_same_tokens_is_noticed_by_the_count_in_the_greetings(
    links: SlackLinks, app: ListeningApp
) -> None:
    links.others = 2
    hours = iter(range(0, 10**9, 3_600))
    count = ConnectionCount(lambda: next(hours))
    with connection_to(links, app, count=count) as (connection, _):
        connection.open()
        eventually(lambda: connection.foreign_connections, "the other bot")
        verdict = slack_is_ready(is_open=connection.is_open, foreign_connections=connection.foreign_connections)
    assert isinstance(verdict, Caution)
    assert "Another bot uses the same tokens" in verdict.says


def test_the_bots_own_lines_are_not_taken_for_another_bot(links: SlackLinks, app: ListeningApp) -> None:
    hours = iter(range(0, 10**9, 3_600))
    count = ConnectionCount(lambda: next(hours))
    with connection_to(links, app, count=count) as (connection, _):
        connection.open()
        links.next_link()
        links.next_link().close()
        links.next_link()
        assert connection.foreign_connections == 0
