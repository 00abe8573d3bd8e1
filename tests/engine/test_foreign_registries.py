"""A base at a host that somebody named from the chat, on the real engine: who is asked, and what is shown of it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.room.events import RoomMessage
from commands.engine.docker_daemon import DockerDaemon
from tests.fakes.loopback import Loopback, LoopbackRequest, Reply, listening
from tests.kit.driver import title, words
from tests.kit.update_site import hasty_bot_on_daemon

pytestmark = pytest.mark.engine

SECRET = "swordfish-of-the-inner-page"
HASTE = 120.0
"""Seconds in which a daemon gives a silent host up by itself: it waits 15 for each way to it."""


@pytest.fixture
def server() -> Iterator[Loopback]:
    """What is no registry, on loopback."""
    with listening() as one:
        yield one


def not_there(_: LoopbackRequest) -> Reply:
    body = f"<html><h1>{SECRET}</h1> x509: unauthorized, no space left on device, denied</html>".encode()
    return Reply(404, {"Content-Type": "text/html"}, (body,), len(body))


def asked_of(server: Loopback, daemon: DockerDaemon, folder: Path, *, registries: str = "") -> RoomMessage:
    line = f"/docker_image_create name=x base={server.address}/{SECRET}-path"
    with hasty_bot_on_daemon(daemon.endpoint, folder, registries=registries) as bot:
        return bot.alice.type(line).until("refused", "failed", seconds=HASTE)


def shown(message: RoomMessage, server: Loopback) -> str:
    """Give what a message says besides the name that was typed."""
    return f"{title(message)}\n{words(message)}".replace(f"{server.address}/{SECRET}-path", "BASE")


def test_no_connection_reaches_a_host_that_nobody_allowed(
    server: Loopback, daemon: DockerDaemon, tmp_path: Path
) -> None:
    message = asked_of(server, daemon, tmp_path)

    assert server.connections == 0
    assert f"The registry {server.address} may not be asked" in shown(message, server).replace("`", "")
    assert "WARROOM_REGISTRIES" in words(message)


def test_nothing_is_shown_of_what_a_host_answers(server: Loopback, daemon: DockerDaemon, tmp_path: Path) -> None:
    server.respond = not_there

    told = shown(asked_of(server, daemon, tmp_path, registries=server.address), server)

    assert server.connections > 0
    assert SECRET not in told
    for word in ("html", "invalid character", "parsing", "x509", "no space"):
        assert word not in told
    assert "does not answer like a registry" in told


def test_nothing_is_shown_of_where_a_host_sends_on_to(server: Loopback, daemon: DockerDaemon, tmp_path: Path) -> None:
    with listening() as inner:
        inner.respond = not_there
        server.respond = lambda _: Reply(307, {"Location": f"http://{inner.address}/{SECRET}?a=b"})

        told = shown(asked_of(server, daemon, tmp_path, registries=server.address), server)

    assert server.connections > 0
    for word in (SECRET, inner.address, "html", "307"):
        assert word not in told


def test_a_host_that_says_nothing_is_given_up(server: Loopback, daemon: DockerDaemon, tmp_path: Path) -> None:
    over = threading.Event()

    def says_nothing(_: LoopbackRequest) -> Reply:
        over.wait()
        raise ConnectionResetError

    server.respond = says_nothing
    try:
        told = shown(asked_of(server, daemon, tmp_path, registries=server.address), server)
    finally:
        over.set()

    assert "answers too slowly" in told
    assert "Client.Timeout" not in told
