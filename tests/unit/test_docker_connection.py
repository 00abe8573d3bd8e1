"""What a person is told when the daemon is away, locked, something else, or breaks off; no Docker is needed."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from commands.engine.docker_daemon import DockerDaemon
from commands.engine.interface import BuildOrder
from commands.errors import (
    BuildStopped,
    BuildTimedOut,
    DiskFull,
    EngineUnavailable,
    Misconfigured,
    Problem,
)
from commands.model.events import ImageBuilt
from commands.model.images import ImageId
from tests.fakes.daemon import Answer, DaemonRequest, engine_on, saying, scripted, streaming
from tests.fakes.host import PATIENCE_SECONDS
from tests.kit.engine_space import failed, packed

IMAGE = f"sha256:{'a' * 64}"
NAMED = f'{{"id": "moby.image.id", "aux": {{"ID": "{IMAGE}"}}}}\n'.encode()


def order(*, idle_seconds: float = 5) -> BuildOrder:
    return BuildOrder("build-1", packed({"Dockerfile": b"FROM a\n"}), {}, idle_seconds)


def test_a_daemon_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    with engine_on(f"unix://{tmp_path}/none.sock") as engine, pytest.raises(EngineUnavailable) as problem:
        engine.describe()

    assert problem.value.message == f"No Docker daemon answers at `unix://{tmp_path}/none.sock`."
    assert "systemctl start docker" in problem.value.hint


def test_a_port_that_nobody_listens_on_is_told_alike_and_no_proxy_is_asked() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        with engine_on(host) as engine, pytest.raises(EngineUnavailable, match="No Docker daemon answers") as problem:
            engine.describe()

    assert host in problem.value.message


def test_a_socket_that_is_left_over_is_told_alike(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(f"{tmp_path}/d.sock")

    with engine_on(f"unix://{tmp_path}/d.sock") as engine, pytest.raises(EngineUnavailable, match="No Docker daemon"):
        engine.find_image("a")


def test_a_socket_that_may_not_be_used_tells_of_the_group(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as locked:
        locked.bind(f"{tmp_path}/d.sock")
        (tmp_path / "d.sock").chmod(0)
        with engine_on(f"unix://{tmp_path}/d.sock") as engine, as_nobody(), pytest.raises(EngineUnavailable) as problem:
            engine.find_image("a")

    assert "does not let this user in" in problem.value.message
    assert "group `docker`" in problem.value.hint


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give root's rights up for a while; anybody else has none to give up."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("host", ["nonsense://x", "tcp://", "unix:///a?b=c", "tcp://host"])
def test_an_address_that_is_none_is_a_wrong_setting(host: str) -> None:
    with engine_on(host) as engine, pytest.raises(Misconfigured) as problem:
        engine.describe()

    assert "DOCKER_HOST" in problem.value.hint


def test_making_an_engine_talks_to_nobody() -> None:
    DockerDaemon("nonsense://x").close()
    assert DockerDaemon("tcp://127.0.0.1:1").endpoint == "tcp://127.0.0.1:1"


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b"null", b'{"Version": "1"}'])
def test_what_is_no_daemon_is_told_as_such(tmp_path: Path, body: bytes) -> None:
    with (
        scripted(tmp_path, {"/version": saying(body)}) as (engine, daemon),
        pytest.raises(EngineUnavailable) as problem,
    ):
        engine.describe()

    assert problem.value.message.startswith(f"The server at `{daemon.host}` is not a Docker daemon")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"Id": 7}'])
def test_an_answer_that_is_none_is_told_as_such(tmp_path: Path, body: bytes) -> None:
    with (
        scripted(tmp_path, {"/images/a:latest/json": saying(body)}) as (engine, _),
        pytest.raises(EngineUnavailable, match="not a Docker daemon"),
    ):
        engine.find_image("a")


def test_an_image_without_most_of_its_facts_is_still_an_image(tmp_path: Path) -> None:
    body = f'{{"Id": "{IMAGE}", "RepoTags": null, "Created": "", "Config": null, "RootFS": {{"Layers": null}}}}'

    with scripted(tmp_path, {"/images/a:latest/json": saying(body.encode())}) as (engine, _):
        image = engine.find_image("a")

    assert image
    assert (image.id, image.repo_tags, image.created.year, image.labels, image.layers) == (IMAGE, (), 1970, {}, ())


@pytest.mark.parametrize(
    ("created", "told"),
    [
        ("2026-11-23T19:37:40.727916123Z", "2026-11-23T19:37:40.727916+00:00"),
        ("2026-11-23T21:37:40+02:00", "2026-11-23T19:37:40+00:00"),
        ("0001-01-01T00:00:00Z", "1970-01-01T00:00:00+00:00"),
        ("yesterday", "1970-01-01T00:00:00+00:00"),
    ],
)
def test_times_are_read_in_every_form_that_daemons_write(tmp_path: Path, created: str, told: str) -> None:
    body = f'{{"Id": "{IMAGE}", "RepoTags": ["<none>:<none>", "b:1"], "Created": "{created}"}}'.encode()

    with scripted(tmp_path, {"/images/a:latest/json": saying(body)}) as (engine, _):
        image = engine.find_image("a")

    assert image
    assert (image.created.isoformat(), image.repo_tags) == (told, ("b:1",))


def test_images_that_vanish_or_cannot_be_read_do_not_hide_the_others(tmp_path: Path) -> None:
    answers = {
        "/images/json": saying(b'[{"Id": "gone"}, {"Id": "odd"}, {"Id": "good"}]'),
        "/images/odd/json": saying(b'{"Id": null}'),
        "/images/good/json": saying(b'{"Id": "good"}'),
    }

    with scripted(tmp_path, answers) as (engine, _):
        assert [image.id for image in engine.images({})] == ["good"]


def test_a_daemon_that_says_nothing_is_not_waited_for(tmp_path: Path) -> None:
    silence = threading.Event()

    with scripted(
        tmp_path, {"/images/a:latest/json": lambda _: void(silence.wait(PATIENCE_SECONDS))}, lookup_seconds=0.2
    ) as (
        engine,
        _,
    ):
        with pytest.raises(EngineUnavailable, match="took too long to inspect `a:latest`"):
            engine.find_image("a")
        silence.set()


def void(_: object) -> None:
    """Do nothing with a value."""


def test_an_error_of_the_daemon_is_told_in_its_own_words(tmp_path: Path) -> None:
    answers = {"/images/a:latest/json": saying(b'{"message": "layer store is corrupt"}', status=500)}

    with scripted(tmp_path, answers) as (engine, _), pytest.raises(Problem) as problem:
        engine.find_image("a")

    assert problem.value.message == "The Docker daemon could not inspect `a:latest`: layer store is corrupt"


def test_a_full_disk_is_told_whatever_was_asked(tmp_path: Path) -> None:
    answers = {f"/images/{IMAGE}/tag": saying(b'{"message": "write /x: no space left on device"}', status=500)}

    with scripted(tmp_path, answers) as (engine, _), pytest.raises(DiskFull):
        engine.tag(ImageId(IMAGE), "a", "1")


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (streaming(), "without naming an image"),
        (streaming(b'{"id": "moby.buildkit'), "not a Docker daemon"),
        (streaming(b"<html>\n"), "not a Docker daemon"),
        (streaming(b'{"id": "moby.buildkit.trace", "aux": "%%%"}\n'), "not a Docker daemon"),
        (streaming(NAMED, whole=False), "was lost while it was to build"),
        (streaming(NAMED), "but no longer has it"),
    ],
)
def test_a_build_without_proof_of_its_image_is_no_success(tmp_path: Path, stream: Answer, message: str) -> None:
    with scripted(tmp_path, {"/build": stream}) as (engine, _):
        told, problem = failed(engine.build(order()))

    assert told == []
    assert isinstance(problem, EngineUnavailable)
    assert message in problem.message


def test_a_build_whose_image_the_daemon_holds_is_a_success(tmp_path: Path) -> None:
    answers = {"/build": streaming(NAMED), f"/images/{IMAGE}/json": saying(f'{{"Id": "{IMAGE}"}}'.encode())}

    with scripted(tmp_path, answers) as (engine, _):
        assert list(engine.build(order())) == [ImageBuilt(ImageId(IMAGE))]


def test_a_cancellation_that_came_before_the_daemon_knew_the_build_is_said_again(tmp_path: Path) -> None:
    begun, cancelled = threading.Event(), threading.Event()

    def build(request: DaemonRequest) -> None:
        begun.set()
        cancelled.wait(PATIENCE_SECONDS)
        streaming(b'{"id": "moby.buildkit.trace", "aux": ""}\n', b'{"error": "context canceled"}\n')(request)

    with scripted(tmp_path, {"/build": build, "/build/cancel": saying(b"")}) as (engine, daemon):

        def cancel() -> None:
            begun.wait(PATIENCE_SECONDS)
            engine.cancel_build("build-1")
            cancelled.set()

        caller = threading.Thread(target=cancel)
        caller.start()
        _, problem = failed(engine.build(order()))
        caller.join()

    assert isinstance(problem, BuildStopped)
    assert daemon.asked.count("/build/cancel") == 2


def test_a_build_that_fails_before_its_first_report_is_told_like_any_other(tmp_path: Path) -> None:
    refusal = b'{"message": "failed to read downloaded context: context canceled"}'
    answers = {"/build": saying(refusal, status=500), "/_ping": saying(b"OK")}

    with scripted(tmp_path, answers) as (engine, _):
        assert isinstance(failed(engine.build(order()))[1], BuildStopped)


def test_a_build_that_a_daemon_on_its_way_down_cancelled_was_not_stopped_by_anybody(tmp_path: Path) -> None:
    def hang_up(request: DaemonRequest) -> None:
        request.conversation.close_connection = True

    answers = {"/build": streaming(b'{"error": "context canceled"}\n'), "/_ping": hang_up}

    with scripted(tmp_path, answers) as (engine, _):
        assert isinstance(failed(engine.build(order()))[1], EngineUnavailable)


def test_a_silent_build_is_cancelled_on_the_daemon(tmp_path: Path) -> None:
    silence = threading.Event()

    def build(request: DaemonRequest) -> None:
        request.begin()
        silence.wait(PATIENCE_SECONDS)

    with scripted(tmp_path, {"/build": build, "/build/cancel": saying(b"")}) as (engine, daemon):
        _, problem = failed(engine.build(order(idle_seconds=0.2)))
        silence.set()

    assert isinstance(problem, BuildTimedOut)
    assert daemon.asked[-1] == "/build/cancel"
