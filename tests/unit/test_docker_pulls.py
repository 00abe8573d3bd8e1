"""Pulls against a scripted daemon: what is proof, why one failed, and how one is ended; no Docker is needed."""

import base64
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from commands.engine.docker_daemon import DockerDaemon
from commands.engine.interface import Login
from commands.errors import DiskFull, EngineUnavailable, ImageNotFound, Problem, PullFailed, PullStopped
from commands.model.references import Reference
from tests.fakes.daemon import Answer, DaemonRequest, engine_on, listening, saying, scripted, streaming
from tests.fakes.host import PATIENCE_SECONDS

IMAGE = f"sha256:{'a' * 64}"
HELD = f'{{"Id": "{IMAGE}", "RepoTags": null, "RepoDigests": ["a@sha256:{"d" * 64}"]}}'.encode()


@pytest.mark.parametrize(
    ("answer", "kind", "hint"),
    [
        (saying(b'{"message": "manifest unknown"}', status=404), ImageNotFound, "Check the name"),
        (saying(b'{"message": "lookup hub: no such host"}', status=500), Problem, "DNS"),
        (streaming(b'{"error": "toomanyrequests: slow down"}\n'), Problem, "limit"),
        (streaming(b'{"error": "x509: certificate signed by unknown authority"}\n'), Problem, "certificate"),
        (streaming(b'{"error": "write /l: no space left on device"}\n'), DiskFull, "docker system df"),
        (streaming(b'{"status": "Status: Image is up to date"}\n'), Problem, "try again"),
        (streaming(b'{"status": "Digest: sha256:new"}\n'), Problem, "try again"),
        (streaming(b'{"status": "Pulling"}\n', whole=False), EngineUnavailable, "systemctl status docker"),
    ],
)
def test_a_pull_that_brought_nothing_says_why(tmp_path: Path, answer: Answer, kind: type[Problem], hint: str) -> None:
    held = f'{{"Id": "{IMAGE}", "RepoDigests": ["a@sha256:old"]}}'.encode()

    with (
        scripted(tmp_path, {"/images/create": answer, "/images/a:1/json": saying(held)}) as (engine, _),
        pytest.raises(kind) as problem,
    ):
        engine.pull(Reference("a", tag="1"), lambda _: None)

    assert hint in problem.value.hint


FULL = "no space left on device"
QUOTING = {
    f"unknown: <html>x509: unauthorized, {FULL}, denied</html>": "does not answer like a registry",
    f"unknown: {FULL}": "does not answer like a registry",
    f'error parsing HTTP 404 response body: invalid character: "<html>{FULL}"': "does not answer like a registry",
    f"denied: {FULL}": "may not read",
    f"unauthorized: write /l: {FULL}": "requires a login",
    f"toomanyrequests: {FULL}: x509": "rate limit",
}
"""Errors in which the daemon quotes a registry, by what people are to do; the first as Docker 28 writes it."""


@pytest.mark.parametrize(("reason", "hint"), QUOTING.items())
def test_what_a_registry_answers_is_not_taken_for_the_daemons_own_words(tmp_path: Path, reason: str, hint: str) -> None:
    answer = streaming(json.dumps({"error": reason}).encode() + b"\n")

    with scripted(tmp_path, {"/images/create": answer}) as (engine, _), pytest.raises(PullFailed) as problem:
        engine.pull(Reference("a", tag="1"), lambda _: None)

    assert hint in problem.value.hint


def test_a_digest_that_was_asked_for_is_proof_enough_and_is_asked_for_as_such(tmp_path: Path) -> None:
    asked: list[dict[str, list[str]]] = []

    def create(request: DaemonRequest) -> None:
        asked.append(request.query)
        streaming(b'{"status": "Status: Image is up to date"}\n')(request)

    digest = f"sha256:{'d' * 64}"
    answers = {"/images/create": create, f"/images/a@{digest}/json": saying(HELD)}
    with scripted(tmp_path, answers) as (engine, _):
        assert engine.pull(Reference("a", digest=digest), lambda _: None).id == IMAGE

    assert asked == [{"fromImage": ["a"], "tag": [digest]}]


@pytest.mark.parametrize("begun", [False, True])
def test_a_pull_that_says_nothing_is_ended_from_another_thread_at_once(tmp_path: Path, begun: bool) -> None:
    hanging, gone = threading.Event(), threading.Event()

    def create(request: DaemonRequest) -> None:
        if begun:
            request.begin()
            request.piece(b'{"status": "Pulling from a"}\n')
        hanging.set()
        # The end of the connection is how a daemon gets to know that nobody waits any more.
        if not request.conversation.rfile.read(1):
            gone.set()

    with scripted(tmp_path, {"/images/create": create}) as (engine, _):

        def cancel() -> None:
            hanging.wait(PATIENCE_SECONDS)
            engine.cancel_pull("pull-1")

        caller = threading.Thread(target=cancel)
        caller.start()
        with pytest.raises(PullStopped, match="`a:1` was stopped"):
            engine.pull(Reference("a", tag="1"), lambda _: None, pull_id="pull-1")
        caller.join()
        # It never answered, so nothing but the cancellation ended the wait for it.
        assert gone.wait(PATIENCE_SECONDS)


def test_a_pull_that_is_cancelled_by_its_own_progress_ends_as_stopped(tmp_path: Path) -> None:
    pieces = (b'{"id": "1", "status": "Waiting"}\n', b'{"status": "Digest: sha256:new"}\n')

    with scripted(tmp_path, {"/images/create": streaming(*pieces)}) as (engine, _), pytest.raises(PullStopped):
        engine.pull(Reference("a", tag="1"), lambda _: engine.cancel_pull("1"), pull_id="1")


def test_a_pull_over_tcp_is_ended_like_one_over_a_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer_version_then_nothing, args=(listener,))
        thread.start()
        with engine_on(f"tcp://127.0.0.1:{listener.getsockname()[1]}") as engine, ThreadPoolExecutor(1) as pool:
            pull = pool.submit(engine.pull, Reference("a", tag="1"), lambda _: None, pull_id="1")
            pause = threading.Event()
            while not pull.done():
                engine.cancel_pull("1")
                pause.wait(0.05)
            assert isinstance(pull.exception(), PullStopped)
        thread.join()


def answer_version_then_nothing(listener: socket.socket) -> None:
    """Tell one connection the version, and hold the next one until it is closed."""
    body = b'{"ApiVersion": "1.41"}'
    first, _ = listener.accept()
    with first:
        first.recv(10_000)
        first.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    second, _ = listener.accept()
    with second:
        while second.recv(10_000):
            pass


def test_a_pull_that_a_daemon_on_its_way_down_cancelled_was_not_stopped_by_anybody(tmp_path: Path) -> None:
    def hang_up(request: DaemonRequest) -> None:
        request.conversation.close_connection = True

    answers = {"/images/create": streaming(b'{"error": "context canceled"}\n'), "/_ping": hang_up}

    with scripted(tmp_path, answers) as (engine, _), pytest.raises(EngineUnavailable):
        engine.pull(Reference("a", tag="1"), lambda _: None, pull_id="1")


def test_the_login_of_the_registry_goes_to_the_daemon_and_no_other(tmp_path: Path) -> None:
    given: list[str | None] = []

    def create(request: DaemonRequest) -> None:
        given.append(request.conversation.headers["X-Registry-Auth"])
        request.say(b'{"message": "manifest unknown"}', status=404)

    auths = {"r.test": {"auth": base64.b64encode(b"somebody:1").decode()}, "x.test": {"identitytoken": "t"}}
    (tmp_path / "config.json").write_text(json.dumps({"auths": auths}))
    environment = {"DOCKER_CONFIG": str(tmp_path), "HOME": str(tmp_path)}
    with listening(tmp_path, {"/images/create": create}) as daemon:
        engine = DockerDaemon(daemon.host, environment=environment)
        for name in ("r.test/a", "a"):
            with pytest.raises(ImageNotFound):
                engine.pull(Reference(name, tag="1"), lambda _: None)
        assert engine.login("r.test") == Login("somebody", "1")
        engine.close()

    assert [json.loads(base64.urlsafe_b64decode(one)) if one else None for one in given] == [
        {"serveraddress": "r.test", "username": "somebody", "password": "1"},
        None,
    ]
