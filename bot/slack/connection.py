"""The Bolt app and its Socket Mode connections to Slack or to a room; the bot does not know which."""

import contextlib
import logging
import threading
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlsplit

import structlog
from slack_bolt import App
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError
from slack_sdk.webhook import WebhookClient

from bot.slack.away import SlackAway, asking_slack
from bot.slack.connection_count import ConnectionCount
from bot.slack.envelopes import Envelopes
from bot.slack.listeners import Listeners
from bot.slack.socket_line import LineParts, SocketLine, usual_wait
from bot.slack.socket_session import Liveness, SocketSession
from commands.errors import Misconfigured

log = structlog.get_logger()

LINES = 2
"""How many connections the bot keeps: while one is replaced, the other one delivers. Slack allows ten."""
CALL_SECONDS = 10
"""Maximum duration of one call of the Web API."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def web_client(token: str, api_url: str | None) -> WebClient:
    """Return a client of the Web API; the default address is Slack's."""
    client = WebClient(token=token, base_url=api_url or WebClient.BASE_URL, timeout=CALL_SECONDS)
    if _is_loopback(client.base_url):
        # The SDK uses the proxy of the environment, even for an address that no proxy can reach.
        client.proxy = None
    return client


def respond(url: str, text: str) -> bool:
    """Answer only the person by a response URL, even where the bot may not post; return whether that succeeded."""
    if not url:
        # A form that edits has none.
        return False
    webhook = WebhookClient(url, timeout=CALL_SECONDS)
    if _is_loopback(url):
        webhook.proxy = None
    try:
        return webhook.send(text=text, response_type="ephemeral").status_code == HTTPStatus.OK
    except (OSError, SlackClientError) as error:
        log.warning("response_not_sent", reason=str(error))
        return False


class SlackConnection:
    """Receives commands and clicks by Socket Mode, over two lines, and hands them to the listeners."""

    def __init__(
        self,
        client: WebClient,
        app_token: str,
        listeners: Listeners,
        *,
        wait: Callable[[int], float] = usual_wait,
        liveness: Liveness | None = None,
        count: ConnectionCount | None = None,
    ) -> None:
        """Connect nothing yet; `wait` returns the seconds before each attempt."""
        self._client = client
        self._app_token = app_token
        self._listeners = listeners
        self._wait = wait
        self._liveness = liveness or Liveness()
        self._count = count or ConnectionCount()
        self._envelopes: Envelopes | None = None
        self._lines: tuple[SocketLine, ...] = ()
        self._trouble = ""
        self._closing = threading.Event()
        self.failure: Misconfigured | None = None
        """The refusal of the tokens that ended all attempts in the background."""

    def open(self) -> None:
        """Connect, or go on trying in the background if Slack is away; raise `Misconfigured` for refused tokens."""
        try:
            self._introduce()
        except SlackAway as away:
            self._note(away)
            threading.Thread(target=self._open_patiently, args=(away,), name="slack-start", daemon=True).start()
            return
        # A line that does not open now goes on trying in the background.
        with contextlib.suppress(SlackAway):
            self._lines[0].open()
        self._start_lines()

    @property
    def is_open(self) -> bool:
        """Whether Slack can reach the bot now."""
        return bool(self.open_lines)

    @property
    def open_lines(self) -> int:
        """How many lines are open."""
        return len(self._sessions())

    @property
    def trouble(self) -> str:
        """Why Slack cannot reach the bot, if it cannot and an attempt has failed."""
        return self._trouble or next((line.trouble for line in self._lines if line.trouble), "")

    @property
    def foreign_connections(self) -> int:
        """How many connections of other bots use the same tokens."""
        return self._count.foreign

    def close(self) -> None:
        """Disconnect; requests that have arrived are still acknowledged."""
        self._closing.set()
        for line in self._lines:
            line.retire()
        if self._envelopes is not None:
            self._envelopes.close()
        for line in self._lines:
            line.close()

    # ── Starting ────────────────────────────────────────────────────────────────────────────────────────────────

    def _introduce(self) -> None:
        """Ask whose token it is, and make the app that takes its requests, and the lines."""
        with asking_slack():
            answer = self._client.auth_test()
        app = self._app(
            AuthorizeResult.from_auth_test_response(auth_test_response=answer, bot_token=self._client.token)
        )
        self._listeners.register(app, _own_teams(answer.data))
        self._envelopes = Envelopes(app, self._sessions)
        self._lines = tuple(SocketLine(str(number), self._parts(self._envelopes)) for number in range(1, LINES + 1))
        self._trouble = ""

    def _app(self, identity: AuthorizeResult) -> App:
        return App(
            # It needs no token, and gets a copy of this client for each request.
            client=WebClient(base_url=self._client.base_url),
            # Otherwise Bolt asks whose token it is once more, or expects installations by OAuth if the environment
            # has SLACK_CLIENT_ID and SLACK_CLIENT_SECRET.
            authorize=lambda: identity,
            # Otherwise Bolt checks every 10 ms whether a listener has acknowledged; ours do nothing afterwards.
            process_before_response=True,
            logger=logging.getLogger("slack_bolt"),
        )

    def _parts(self, envelopes: Envelopes) -> LineParts:
        return LineParts(
            address=self._new_address,
            hear=envelopes.hear,
            is_final=self._is_final,
            proxy=self._client.proxy,
            wait=self._wait,
            liveness=self._liveness,
            count=self._count,
        )

    def _open_patiently(self, away: SlackAway) -> None:
        attempt, seconds = 1, away.seconds
        while not self._closing.wait(max(seconds, self._wait(attempt))):
            try:
                self._introduce()
            except SlackAway as again:
                self._note(again)
                attempt, seconds = attempt + 1, again.seconds
            except Misconfigured as problem:
                self._give_up(problem)
                return
            except Exception:
                # The thread's boundary: whatever it is, the bot does not give up.
                log.exception("slack_start_broke")
                attempt += 1
            else:
                self._start_lines()
                return

    def _start_lines(self) -> None:
        for line in self._lines:
            line.start()
            if self._closing.is_set():
                line.retire()

    def _note(self, away: SlackAway) -> None:
        self._trouble = away.reason
        log.warning("slack_away", reason=away.reason)

    def _new_address(self) -> str:
        with asking_slack():
            return str(self._client.apps_connections_open(app_token=self._app_token)["url"])

    def _is_final(self, problem: Misconfigured) -> bool:
        # An open line proves that the tokens are good.
        if self.is_open:
            return False
        self._give_up(problem)
        return True

    def _give_up(self, problem: Misconfigured) -> None:
        log.error("slack_tokens_refused", reason=problem.message)
        self._trouble, self.failure = problem.message, problem

    def _sessions(self) -> tuple[SocketSession, ...]:
        return tuple(session for line in self._lines if (session := line.session) is not None)


def _own_teams(answer: object) -> frozenset[str]:
    """Return the ids of the workspace and the organisation that the token belongs to.

    On Enterprise Grid a click names the person's organisation in place of their workspace.
    """
    named = (answer.get("team_id"), answer.get("enterprise_id")) if isinstance(answer, dict) else ()
    teams = frozenset(team for team in named if isinstance(team, str) and team)
    if not teams:
        raise Misconfigured(
            "Slack does not say which workspace the bot's token belongs to.",
            hint="Install the app again, copy SLACK_BOT_TOKEN from its page, and start again.",
        )
    return teams


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in _LOOPBACK
