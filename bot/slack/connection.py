"""The Bolt app and its Socket Mode connection to Slack or to a room; the bot does not know which."""

import contextlib
import logging
import socket
from http import HTTPStatus
from urllib.parse import urlsplit

import structlog
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.error import BoltError
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.webhook import WebhookClient

from bot.slack.listeners import Listeners
from commands.errors import Misconfigured

log = structlog.get_logger()

ACK_THREADS = 32
"""How many commands and clicks are handled at once."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_TOKEN_ERRORS = (
    "invalid_auth",
    "not_authed",
    "account_inactive",
    "token_revoked",
    "token_expired",
    "not_allowed_token_type",
    "missing_scope",
)


def web_client(token: str, api_url: str | None) -> WebClient:
    """Return a client of the Web API; the default address is Slack's."""
    client = WebClient(token=token, base_url=api_url or WebClient.BASE_URL)
    if _is_loopback(client.base_url):
        # The SDK uses the proxy of the environment, even for an address that no proxy can reach.
        client.proxy = None
    return client


def respond(url: str, text: str) -> bool:
    """Answer only the person by a response URL, even where the bot may not post; return whether that succeeded."""
    if not url:
        # A form that edits has none.
        return False
    webhook = WebhookClient(url)
    if _is_loopback(url):
        webhook.proxy = None
    try:
        return webhook.send(text=text, response_type="ephemeral").status_code == HTTPStatus.OK
    except (OSError, SlackClientError) as error:
        log.warning("response_not_sent", reason=str(error))
        return False


class SlackConnection:
    """Receives commands and clicks by Socket Mode and hands them to the listeners."""

    def __init__(self, client: WebClient, app_token: str, listeners: Listeners) -> None:
        self._client = client
        self._app_token = app_token
        self._listeners = listeners
        self._handler: SocketModeHandler | None = None

    def open(self) -> None:
        """Connect; raise `Misconfigured` if Slack refuses the tokens."""
        try:
            own_teams = _own_teams(self._client.auth_test().data)
            # Otherwise Bolt checks every 10 ms whether a listener has acknowledged; ours do nothing afterwards.
            app = App(client=self._client, process_before_response=True, logger=logging.getLogger("slack_bolt"))
            self._listeners.register(app, own_teams)
            self._handler = handler = SocketModeHandler(app, self._app_token, concurrency=ACK_THREADS)
            handler.client.proxy = self._client.proxy
            handler.client.on_message_listeners.append(lambda _: _send_at_once(handler))
            handler.connect()
        except SlackApiError as error:
            raise _not_let_in(error) from error
        except BoltError as error:
            # Bolt asks for the bot's name and reports an error only as text.
            raise _not_let_in(error.__context__) from error
        except (OSError, SlackClientError) as error:
            raise Misconfigured(
                f"Slack does not answer at `{self._client.base_url}`: {error}.",
                hint="Check the network and the proxy settings (HTTPS_PROXY), then start again.",
            ) from error

    @property
    def is_open(self) -> bool:
        """Whether Slack can reach the bot now."""
        return self._handler is not None and bool(self._handler.client.is_connected())

    def close(self) -> None:
        """Disconnect; requests that have arrived are still acknowledged."""
        if self._handler is not None:
            _wake(self._handler)
            self._handler.close()


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


def _send_at_once(handler: SocketModeHandler) -> None:
    """Turn off Nagle's algorithm: otherwise an acknowledgement waits up to 40 ms for the one before it."""
    session = handler.client.current_session
    sock = session.sock if session else None
    if sock is not None:
        # The socket may be closed already.
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _wake(handler: SocketModeHandler) -> None:
    """End the client's waits for the socket and for the next message: `close` would wait for them up to 4 s."""
    handler.client.auto_reconnect_enabled = False
    handler.client.closed = True
    handler.client.message_queue.put(None)
    session = handler.client.current_session
    sock = session.sock if session else None
    if sock is not None:
        # The other side may have closed the connection already.
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _not_let_in(error: BaseException | None) -> Misconfigured:
    reason = str(error.response.get("error")) if isinstance(error, SlackApiError) else str(error)
    hint = (
        "Check SLACK_BOT_TOKEN (`xoxb-…`) and SLACK_APP_TOKEN (`xapp-…`, scope connections:write)."
        if reason in _TOKEN_ERRORS
        else "Look the word up in Slack's documentation of the method, then start again."
    )
    return Misconfigured(f"Slack refused the connection: `{reason}`.", hint=hint)


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in _LOOPBACK
