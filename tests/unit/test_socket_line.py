"""A line to Slack stays open whatever happens to its connections."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from queue import Queue

import pytest

from bot.slack.away import SlackAway
from bot.slack.connection_count import ConnectionCount
from bot.slack.socket_line import LineParts, SocketLine, usual_wait
from bot.slack.socket_session import Liveness, Message, SocketSession
from commands.errors import Misconfigured
from tests.fakes.host import PATIENCE_SECONDS
from tests.fakes.slack_links import SlackLinks, slack_links
from tests.fakes.tcp_proxy import TcpProxy, tcp_proxy

NO_PINGS = Liveness(ping_seconds=86_400, pong_seconds=86_400, close_seconds=0.1)
"""Whatever is noticed is noticed by the socket."""
REFUSED = Misconfigured("Slack refused the connection: `invalid_auth`.", hint="Check the tokens.")


@pytest.fixture
def links() -> Iterator[SlackLinks]:
    with slack_links() as opened:
        yield opened


@dataclass(slots=True)
class Listening:
    """What a line's owner sees: the messages, the attempts that it waited for, and the refusals."""

    links: SlackLinks
    faults: list[Exception] = field(default_factory=list)
    """Raised in place of an address, one after the other."""
    heard: "Queue[tuple[SocketSession, Message]]" = field(default_factory=Queue)
    waited: list[int] = field(default_factory=list)
    refusals: "Queue[Misconfigured]" = field(default_factory=Queue)
    gives_up: bool = True
    proxy: str | None = None

    def address(self) -> str:
        if self.faults:
            raise self.faults.pop(0)
        return self.links.url

    def wait(self, attempt: int) -> float:
        self.waited.append(attempt)
        return 0.0

    def is_final(self, problem: Misconfigured) -> bool:
        self.refusals.put(problem)
        return self.gives_up

    def line(self, liveness: Liveness = NO_PINGS, *, clock: Callable[[], float] = lambda: 0.0) -> SocketLine:
        parts = LineParts(
            address=self.address,
            hear=lambda session, message: self.heard.put((session, message)),
            is_final=self.is_final,
            proxy=self.proxy,
            wait=self.wait,
            liveness=liveness,
            count=ConnectionCount(),
            clock=clock,
        )
        return SocketLine("1", parts)

    def next_message(self) -> Message:
        return self.heard.get(timeout=PATIENCE_SECONDS)[1]


@contextmanager
def relayed(links: SlackLinks) -> Iterator[TcpProxy]:
    """Put a relay before the links."""
    direct = links.url.removeprefix("ws://").partition("/")[0]
    with tcp_proxy(f"http://{direct}") as proxy:
        links.url = links.url.replace(direct, proxy.address)
        yield proxy


def envelope(number: int) -> str:
    return json.dumps({"type": "slash_commands", "envelope_id": str(number), "payload": {}})


@pytest.mark.parametrize("fault", [TcpProxy.reset, TcpProxy.end, TcpProxy.send_close_frames], ids=lambda f: f.__name__)
def test_a_lost_connection_is_replaced_at_once(links: SlackLinks, fault: Callable[[TcpProxy], None]) -> None:
    with relayed(links) as proxy:
        listening = Listening(links)
        with closing(listening.line()) as line:
            line.open()
            line.start()
            links.next_link()
            fault(proxy)
            links.next_link().send(envelope(7))
            assert listening.next_message()["envelope_id"] == "7"
            assert line.session is not None
            assert listening.waited == [1]


def test_a_connection_that_carries_nothing_any_more_is_noticed_by_its_pings(links: SlackLinks) -> None:
    with relayed(links) as proxy:
        listening = Listening(links)
        pings = Liveness(ping_seconds=0.5, pong_seconds=0.5, close_seconds=0.1)
        with closing(listening.line(pings)) as line:
            line.open()
            line.start()
            links.next_link()
            proxy.silence()
            links.next_link().send(envelope(7))
            assert listening.next_message()["envelope_id"] == "7"


def test_a_line_tries_until_slack_is_back(links: SlackLinks) -> None:
    listening = Listening(links, [SlackAway("`ratelimited`"), SlackAway("HTTP 500"), OSError("a defect")])
    with closing(listening.line()) as line:
        with pytest.raises(SlackAway, match="ratelimited"):
            line.open()
        assert line.trouble == "`ratelimited`"
        line.start()
        links.next_link().send(envelope(1))
        assert listening.next_message()["envelope_id"] == "1"
        assert listening.waited == [1, 2, 3]
        assert line.trouble == ""


def test_a_line_waits_as_long_as_slack_says(links: SlackLinks) -> None:
    listening = Listening(links, [SlackAway("`ratelimited`", seconds=86_400)])
    line = listening.line()
    with pytest.raises(SlackAway):
        line.open()
    line.start()
    line.close()
    line._thread.join(PATIENCE_SECONDS)
    assert not line._thread.is_alive()
    assert links.opened.empty()


def test_a_slack_that_hangs_up_again_and_again_is_asked_ever_more_rarely(links: SlackLinks) -> None:
    listening = Listening(links)
    with closing(listening.line()) as line:
        line.open()
        line.start()
        for _ in range(4):
            links.next_link().close()
        links.next_link()
    assert listening.waited[:4] == [1, 2, 3, 4]


def test_a_connection_that_lasted_is_replaced_without_a_wait(links: SlackLinks) -> None:
    hours = iter(range(0, 10**9, 3_600))
    listening = Listening(links)
    with closing(listening.line(clock=lambda: next(hours))) as line:
        line.open()
        line.start()
        for _ in range(3):
            links.next_link().close()
        links.next_link()
    assert listening.waited[:3] == [0, 0, 0]


def test_waits_grow_to_half_a_minute() -> None:
    assert [usual_wait(attempt) for attempt in range(8)] == [0, 1, 2, 4, 8, 16, 30, 30]


def test_an_old_connection_carries_messages_until_the_new_one_is_open(links: SlackLinks) -> None:
    listening = Listening(links)
    with closing(listening.line()) as line:
        line.open()
        line.start()
        old = links.next_link()
        listening.faults.append(SlackAway("HTTP 500"))
        old.send(json.dumps({"type": "disconnect", "reason": "refresh_requested"}))
        old.send(envelope(1))
        assert listening.next_message()["envelope_id"] == "1"
        links.next_link().send(envelope(2))
        assert listening.next_message()["envelope_id"] == "2"


def test_tokens_that_are_refused_end_the_attempts(links: SlackLinks) -> None:
    listening = Listening(links, [REFUSED])
    with closing(listening.line()) as line:
        line.start()
        assert listening.refusals.get(timeout=PATIENCE_SECONDS) is REFUSED
        line._thread.join(PATIENCE_SECONDS)
        assert not line._thread.is_alive()
        assert line.session is None


def test_a_refusal_that_is_not_final_is_a_passing_fault(links: SlackLinks) -> None:
    listening = Listening(links, [REFUSED], gives_up=False)
    with closing(listening.line()) as line:
        line.start()
        links.next_link()
        assert listening.refusals.get(timeout=PATIENCE_SECONDS) is REFUSED


def test_a_slack_that_says_goodbye_in_place_of_a_greeting_is_away(links: SlackLinks) -> None:
    links.greeting = {"type": "disconnect", "reason": "too_many_websockets"}
    with closing(Listening(links).line()) as line, pytest.raises(SlackAway, match="too_many_websockets"):
        line.open()


def test_a_first_message_that_is_no_greeting_is_heard(links: SlackLinks) -> None:
    links.greeting = json.loads(envelope(1))
    listening = Listening(links)
    with closing(listening.line()) as line:
        line.open()
        assert listening.next_message()["envelope_id"] == "1"


def test_a_frame_that_is_not_json_is_skipped(links: SlackLinks) -> None:
    listening = Listening(links)
    with closing(listening.line()) as line:
        line.open()
        link = links.next_link()
        link.send("[")
        link.send(b"\xff")
        link.send("[]")
        link.send(envelope(1))
        assert listening.next_message()["envelope_id"] == "1"


def test_no_server_where_the_address_points_to_is_a_passing_fault() -> None:
    with closing(Listening(SlackLinks(url="ws://127.0.0.1:9/link")).line()) as line, pytest.raises(SlackAway):
        line.open()


def test_a_line_uses_the_proxy_with_its_login(links: SlackLinks) -> None:
    with tcp_proxy(links.url.removesuffix("/link?ticket=1").replace("ws://", "http://")) as proxy:
        listening = Listening(links, proxy=f"http://me:secret@{proxy.address}")
        with closing(listening.line()) as line:
            line.open()
            links.next_link().send(envelope(1))
            assert listening.next_message()["envelope_id"] == "1"
        [tunnel] = proxy.tunnels
    assert tunnel.startswith(b"CONNECT 127.0.0.1:")
    assert b"Proxy-Authorization: Basic bWU6c2VjcmV0" in tunnel


@pytest.mark.parametrize(
    ("url", "proxy"), [("ws://127.0.0.1:9/link", "ftp://me:secret@proxy.invalid"), ("ftp://secret.invalid", None)]
)
def test_the_reason_of_a_fault_contains_no_address(url: str, proxy: str | None) -> None:
    with closing(Listening(SlackLinks(url=url), proxy=proxy).line()) as line, pytest.raises(SlackAway) as raised:
        line.open()
    assert "address is not valid" in raised.value.reason
    assert "secret" not in raised.value.reason


def test_an_acknowledgement_is_not_sent_over_a_lost_connection(links: SlackLinks) -> None:
    listening = Listening(links)
    with closing(listening.line()) as line:
        line.open()
        session = line.session
        assert session is not None
        assert session.send("{}")
        links.next_link().close()
        session.over.wait(PATIENCE_SECONDS)
        assert not session.send("{}")
