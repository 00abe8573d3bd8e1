"""A line to Slack: one Socket Mode connection at a time, replaced when it is lost or Slack asks for it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

import structlog

from bot.slack.away import SlackAway
from bot.slack.connection_count import ConnectionCount
from bot.slack.socket_session import Hear, Liveness, Message, SocketSession, open_session
from commands.errors import Misconfigured

log = structlog.get_logger()

LONGEST_WAIT = 30.0
_SETTLED_SECONDS = 10.0
"""A connection that lasted so long was a good one: the next one is opened at once."""


def usual_wait(attempt: int) -> float:
    """Return the seconds before an attempt: none before the first, then 1, 2, 4 … 30."""
    return min(LONGEST_WAIT, 2.0 ** (attempt - 1)) if attempt else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LineParts:
    """What the lines of one bot share."""

    address: Callable[[], str]
    """Asks Slack for the address of another connection; raises `SlackAway` or `Misconfigured`."""
    hear: Hear
    is_final: Callable[[Misconfigured], bool]
    """Takes a refusal of the tokens and returns whether to give up."""
    proxy: str | None = None
    wait: Callable[[int], float] = usual_wait
    liveness: Liveness = field(default_factory=Liveness)
    count: ConnectionCount = field(default_factory=ConnectionCount)
    clock: Callable[[], float] = monotonic


class SocketLine:
    """Keeps one connection open until it is closed, however long Slack is away."""

    def __init__(self, name: str, parts: LineParts) -> None:
        self._name = name
        self._parts = parts
        self._closing = threading.Event()
        self._session: SocketSession | None = None
        self._check_after: float | None = None
        self._attempt = 0
        self._least_wait = 0.0
        self.trouble = ""
        """Why the last attempt failed; empty while the line is open."""
        self._thread = threading.Thread(target=self._keep_open, name=f"slack-line-{name}", daemon=True)

    @property
    def session(self) -> SocketSession | None:
        """The open connection."""
        session = self._session
        return session if session is not None and session.is_open else None

    def open(self) -> None:
        """Open the first connection now; raise `SlackAway` or `Misconfigured`."""
        self._attempt += 1
        try:
            self._open()
        except SlackAway as away:
            self._note(away)
            raise

    def start(self) -> None:
        """Keep the line open from now on, in the background."""
        self._thread.start()

    def retire(self) -> None:
        """Open no further connection."""
        self._closing.set()

    def close(self) -> None:
        """Close the line."""
        self.retire()
        if self._session is not None:
            self._session.close()

    # ── In the background ───────────────────────────────────────────────────────────────────────────────────────

    def _keep_open(self) -> None:
        if self._session is None:
            self._open_patiently()
        while not self._closing.is_set():
            session, opened = self._session, self._parts.clock()
            if session is None:
                return  # given up
            session.over.wait(self._check_after)
            lasted = self._parts.clock() - opened
            self._attempt = 0 if lasted >= _SETTLED_SECONDS else self._attempt
            if not self._closing.is_set():
                log.info("slack_line_replaced", line=self._name, reason=session.reason or "to count the connections")
                self._open_patiently()
            # Only now: until another connection is open, the old one may still carry messages.
            session.close()

    def _open_patiently(self) -> None:
        """Try until a connection is open, the line is closed, or the tokens are refused for good."""
        while not self._closing.wait(max(self._least_wait, self._parts.wait(self._attempt))):
            self._attempt += 1
            try:
                self._open()
            except SlackAway as away:
                self._note(away)
            except Misconfigured as problem:
                self._note(SlackAway(problem.message))
                if self._parts.is_final(problem):
                    self._session = None
                    return
            except Exception as error:
                # The thread's boundary: whatever it is, the line does not give up.
                log.exception("slack_line_broke", line=self._name)
                self.trouble = type(error).__name__
            else:
                return

    def _note(self, away: SlackAway) -> None:
        self.trouble, self._least_wait = away.reason, away.seconds
        log.warning("slack_away", line=self._name, reason=away.reason)

    def _open(self) -> None:
        parts = self._parts
        address = parts.address()
        parts.count.begin()
        session, greeting = open_session(
            address, parts.hear, proxy=parts.proxy, liveness=parts.liveness, on_end=parts.count.end
        )
        if greeting.get("type") == "hello":
            self._check_after = parts.count.compare(_connections(greeting))
        else:
            parts.hear(session, greeting)
        self._session, self.trouble, self._least_wait = session, "", 0.0
        session.start()
        log.info("slack_line_opened", line=self._name)
        if self._closing.is_set():
            # `close` may have come before this connection was there.
            session.close()


def _connections(greeting: Message) -> int:
    counted = greeting.get("num_connections")
    return counted if isinstance(counted, int) else 0
