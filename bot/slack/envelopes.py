"""Envelopes of Socket Mode: each goes to the Bolt app in a thread, and the app's answer back as acknowledgement."""

import contextlib
import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

import structlog
from slack_bolt import App, BoltRequest, BoltResponse
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from bot.slack.socket_session import Message, SocketSession

log = structlog.get_logger()

ACK_THREADS = 32
"""How many commands and clicks are handled at once."""


class Envelopes:
    """Dispatches envelopes and acknowledges them; `sessions` are the connections that can carry an acknowledgement."""

    def __init__(self, app: App, sessions: Callable[[], Iterable[SocketSession]]) -> None:
        self._app = app
        self._sessions = sessions
        self._pool = ThreadPoolExecutor(ACK_THREADS, thread_name_prefix="slack-envelope")

    def hear(self, session: SocketSession, message: Message) -> None:
        """Dispatch a message of a connection in the background."""
        # A closed pool takes no more requests.
        with contextlib.suppress(RuntimeError):
            self._pool.submit(self._answer, session, message)

    def close(self) -> None:
        """Take no more requests, and wait until those that have arrived are acknowledged."""
        self._pool.shutdown()

    def _answer(self, session: SocketSession, message: Message) -> None:
        try:
            request = SocketModeRequest.from_dict(dict(message))
            # Without an envelope there is nothing to acknowledge.
            if request is not None:
                self._answer_request(session, request)
        except Exception:
            # The thread's boundary: the pool would drop the error.
            log.exception("slack_request_broke")

    def _answer_request(self, session: SocketSession, request: SocketModeRequest) -> None:
        answer = self._app.dispatch(BoltRequest(mode="socket_mode", body=request.payload))
        if answer.status == HTTPStatus.OK:
            self._acknowledge(session, SocketModeResponse(request.envelope_id, _payload(answer)))
        else:
            log.warning("slack_request_unhandled", status=answer.status, type=request.type)

    def _acknowledge(self, session: SocketSession, response: SocketModeResponse) -> None:
        """Send over the connection that the request came by; if it is lost, over another one."""
        text = json.dumps(response.to_dict())
        if not session.send(text) and not any(other.send(text) for other in self._sessions()):
            log.warning("acknowledgement_lost", envelope=response.envelope_id)


def _payload(answer: BoltResponse) -> Any:  # noqa: ANN401 - what a listener acknowledges with
    if not answer.body:
        return None
    is_json = str(answer.headers.get("content-type", [""])[0]).startswith("application/json")
    return json.loads(answer.body) if is_json else answer.body
