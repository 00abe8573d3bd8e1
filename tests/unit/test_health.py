"""The health page, asked over HTTP as whatever watches over the bot does."""

import json
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from http.client import HTTPConnection
from typing import Any

import pytest

from bot.doctor.report import Fault, Good, Verdict
from bot.doctor.running import Check
from bot.health import HealthServer, Pages, Readiness, pages
from bot.settings import Settings
from bot.wiring import health_page
from commands.errors import Misconfigured
from tests.fakes.host import PATIENCE_SECONDS


@contextmanager
def served(shown: Pages, host: str = "127.0.0.1", *, names: tuple[str, ...] = (), seconds: float = 30) -> Iterator[int]:
    with HealthServer(host, 0, names=names, seconds=seconds) as server:
        server.serve(shown)
        yield server.port


def get(port: int, path: str, *, method: str = "GET", host: str = "127.0.0.1") -> tuple[int, str, bytes]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)) as connection:
        connection.request(method, path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read()


def ready(*checks: Check, seconds: float = PATIENCE_SECONDS) -> Pages:
    return pages(Readiness(checks, seconds=seconds), lambda: b"", metrics_kind="text/plain")


def lines(content: bytes) -> dict[str, Any]:
    return {line["name"]: line for line in json.loads(content)["lines"]}


def test_a_bot_that_runs_is_live() -> None:
    with served(ready()) as port:
        assert get(port, "/live") == (200, "application/json", b'{"live": true}')


def test_a_bot_that_can_work_is_ready() -> None:
    with served(ready(Check("Docker", lambda: Good("28.5.2")))) as port:
        status, _, content = get(port, "/ready")
    assert (status, json.loads(content)["ready"]) == (200, True)
    assert lines(content)["Docker"]["says"] == "28.5.2"


def test_a_bot_that_lacks_something_says_what() -> None:
    checks = (Check("Docker", lambda: Good("here")), Check("Slack", lambda: Fault("away", "Wait.")))
    with served(ready(*checks)) as port:
        status, _, content = get(port, "/ready")
    assert (status, json.loads(content)["ready"]) == (503, False)
    assert lines(content)["Slack"]["todo"] == "Wait."


def test_a_daemon_that_hangs_does_not_make_the_page_hang() -> None:
    never = threading.Event()

    def hangs() -> Verdict:
        never.wait()
        return Good("late")

    with served(ready(Check("Docker", hangs), seconds=0.05)) as port:
        status, _, content = get(port, "/ready")
    assert status == 503
    assert lines(content)["Docker"]["mark"] == "fault"
    never.set()


def test_the_answer_is_kept_for_a_moment_so_that_asking_costs_nothing() -> None:
    asked, now = list[int](), [0.0]

    def look() -> Verdict:
        asked.append(1)
        return Good("here")

    readiness = Readiness((Check("Docker", look),), seconds=2.0, clock=lambda: now[0])
    readiness.report()
    now[0] = 1.9
    readiness.report()
    assert len(asked) == 1
    now[0] = 2.0
    readiness.report()
    assert len(asked) == 2


def test_the_numbers_are_given_as_they_are() -> None:
    shown = pages(Readiness(()), lambda: b"a 1\n", metrics_kind="text/plain; version=0.0.4")
    with served(shown) as port:
        assert get(port, "/metrics?name=a") == (200, "text/plain; version=0.0.4", b"a 1\n")


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("GET", "/../live", 404), ("POST", "/live", 501)]
)
def test_there_is_nothing_else(method: str, path: str, status: int) -> None:
    with served(ready()) as port:
        assert get(port, path, method=method)[0] == status


# ── By which name it is asked ───────────────────────────────────────────────────────────────────────────────────────

LOOPBACK = ("127.0.0.1", "127.0.0.1:9137", "localhost", "LOCALHOST:9137", "[::1]:9137", "127.1.2.3")
ADDRESSES = ("10.1.2.3", "10.1.2.3:9137", "[2001:db8::1]:9137")
STRANGE = (
    "evil.example",
    "evil.example:9137",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "",
    "[evil]",
    "metrics",
)


@pytest.mark.parametrize(
    ("listens", "names", "answers", "refuses"),
    [
        ("127.0.0.1", (), LOOPBACK, (*ADDRESSES, *STRANGE)),
        ("127.0.0.1", ("metrics",), (*LOOPBACK, "metrics:9137", "METRICS"), (*ADDRESSES, *STRANGE[:-1])),
        ("0.0.0.0", (), (*LOOPBACK, *ADDRESSES), STRANGE),
        ("0.0.0.0", ("Metrics",), (*LOOPBACK, *ADDRESSES, "metrics"), STRANGE[:-1]),
    ],
    ids=["loopback", "loopback and a name", "network", "network and a name"],
)
def test_it_answers_by_names_that_no_foreign_page_can_have(
    listens: str, names: tuple[str, ...], answers: tuple[str, ...], refuses: tuple[str, ...]
) -> None:
    with served(ready(), listens, names=names) as port:
        assert {host: get(port, "/live", host=host)[0] for host in answers} == dict.fromkeys(answers, 200)
        for path in ("/live", "/ready", "/metrics", "/"):
            assert {host: get(port, path, host=host)[0] for host in refuses} == dict.fromkeys(refuses, 403)


def test_the_name_that_it_listens_at_is_right() -> None:
    server = HealthServer("localhost", 0)
    assert server._is_meant_by("localhost")
    server.__exit__(None, None, None)


def test_a_refused_name_is_told_with_the_setting() -> None:
    with served(ready(), "0.0.0.0") as port:
        _, _, content = get(port, "/metrics", host="warroom:9137")
    told = json.loads(content)["error"]
    assert "`warroom`" in told
    assert "`WARROOM_HEALTH_NAMES`" in told


# ── What it bears ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("begun", [b"", b"GET /live", b"GET /live HTTP/1.1\r\nHost: localhost\r\n"])
def test_half_a_request_does_not_keep_a_thread(begun: bytes) -> None:
    with served(ready(), seconds=0.1) as port, closing(socket.create_connection(("127.0.0.1", port), 30)) as sock:
        sock.sendall(begun)
        assert sock.recv(4096) == b""


def test_a_request_that_dribbles_in_does_not_keep_a_thread() -> None:
    with served(ready(), seconds=0.2) as port, closing(socket.create_connection(("127.0.0.1", port), 30)) as sock:
        said = b""
        with suppress(ConnectionError):
            while not select.select([sock], [], [], 0.01)[0]:
                sock.sendall(b"x")
            said = sock.recv(4096)
    assert said == b""


def test_there_are_only_so_many_connections_at_once() -> None:
    with served(ready()) as port, ExitStack() as open_ones:
        for _ in range(16):
            open_ones.enter_context(closing(socket.create_connection(("127.0.0.1", port), 30)))
        one_too_many = open_ones.enter_context(closing(socket.create_connection(("127.0.0.1", port), 30)))
        assert one_too_many.recv(4096) == b""


def test_a_port_that_is_taken_is_told_with_the_setting_to_change() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        with pytest.raises(Misconfigured, match=f"port {port}") as problem:
            HealthServer("127.0.0.1", port)
    assert "WARROOM_HEALTH_PORT" in problem.value.hint


def test_port_0_goes_without_the_page() -> None:
    before = threading.active_count()
    with health_page(Settings.model_validate({"health_port": 0})) as show:
        assert threading.active_count() == before
    assert callable(show)


def test_the_page_is_on_loopback_unless_somebody_says_otherwise() -> None:
    assert Settings.model_fields["health_host"].default == "127.0.0.1"
