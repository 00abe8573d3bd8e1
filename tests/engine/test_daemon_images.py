"""The real engine's pulls, files and images in use, where a fake cannot follow: silence, a daemon that ends."""

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import docker
import pytest

from commands.engine.docker_daemon import DockerDaemon
from commands.engine.interface import FilesRead, ReadOrder
from commands.errors import EngineUnavailable, ImageInUse, Problem, PullFailed, PullStopped
from commands.model.references import Reference
from tests.fakes.registry import FakeRegistry, serving
from tests.kit.engine_space import EngineSpace, cleared
from tests.kit.private_engine import PrivateEngine, private_engine
from tests.kit.program import PATIENCE

pytestmark = pytest.mark.engine


@pytest.fixture
def space(daemon: DockerDaemon, base_reference: str, build_network: str | None) -> Iterator[EngineSpace]:
    with cleared(EngineSpace(daemon, base_reference, build_network)) as one:
        yield one


@pytest.fixture
def registry(daemon: DockerDaemon) -> Iterator[FakeRegistry]:
    with serving(daemon.describe().platform) as one:
        yield one


# --- pulls


def test_a_pull_that_breaks_in_the_middle_does_not_pass_the_old_image_off(
    space: EngineSpace, registry: FakeRegistry
) -> None:
    reference = registry.put("warroom-test/moving", "1", b"old")
    old = space.engine.pull(reference, lambda _: None)
    registry.put("warroom-test/moving", "1", b"new")
    registry.limited = True

    with pytest.raises(PullFailed) as problem:
        space.engine.pull(reference, lambda _: None)

    assert "limit is used up" in problem.value.hint
    assert problem.value.details == ()
    assert space.engine.find_image(str(reference)) == old
    space.engine.remove_image(str(reference))


def test_a_moved_tag_is_pulled_anew_and_a_digest_keeps_the_old(space: EngineSpace, registry: FakeRegistry) -> None:
    reference = registry.put("warroom-test/moving", "1", b"old")
    old = space.engine.pull(reference, lambda _: None)
    registry.put("warroom-test/moving", "1", b"new")

    new = space.engine.pull(reference, lambda _: None)
    again = space.engine.pull(Reference(reference.repository, digest=old.repo_digests[0].partition("@")[2]), print)

    assert new.id != old.id
    assert again.id == old.id
    space.engine.remove_image(str(reference))
    space.engine.remove_image(old.repo_digests[0])


def test_a_registry_is_asked_for_a_digest_without_a_pull(space: EngineSpace, registry: FakeRegistry) -> None:
    reference = registry.put("warroom-test/asked", "1", uuid4().bytes)
    assert isinstance(space.engine, DockerDaemon)
    digest = space.engine.registry_digest(reference)
    assert space.engine.find_image(str(reference)) is None
    pulled = space.engine.pull(reference, lambda _: None)
    assert pulled.repo_digests == (f"{reference.repository}@{digest}",)
    space.engine.remove_image(str(reference))


def test_a_registry_that_lacks_an_image_is_told_as_by_a_pull(space: EngineSpace, registry: FakeRegistry) -> None:
    assert isinstance(space.engine, DockerDaemon)
    with pytest.raises(Problem, match="nobody/nothing"):
        space.engine.registry_digest(Reference(f"{registry.address}/nobody/nothing", tag="1"))


def test_a_registry_that_does_not_answer_is_told_as_such(space: EngineSpace) -> None:
    with pytest.raises(PullFailed) as problem:
        space.engine.pull(Reference("127.0.0.1:1/nothing", tag="1"), lambda _: None)

    assert "Nothing listens at the registry's address" in problem.value.hint


def test_a_pull_whose_registry_goes_silent_in_mid_layer_is_stopped_while_it_is_silent(
    space: EngineSpace, registry: FakeRegistry
) -> None:
    reference = registry.put_layers(f"warroom-test/{space.mark}", "1", 200_000)
    registry.stall_blobs()
    with ThreadPoolExecutor(1) as pool:
        pull = pool.submit(space.engine.pull, reference, lambda _: None, pull_id=space.mark)
        assert registry.blob_asked.wait(PATIENCE)
        space.engine.cancel_pull(space.mark)
        # The registry is silent still.
        assert isinstance(pull.exception(timeout=PATIENCE), PullStopped)

    assert space.engine.find_image(str(reference)) is None
    # The daemon has really ended it: what it holds half of, it asks for anew once the registry is well again.
    registry.resume()
    assert space.engine.pull(reference, lambda _: None).repo_tags == (str(reference),)
    space.engine.remove_image(str(reference))


def test_a_pull_whose_registry_never_says_a_word_is_stopped_while_it_waits(space: EngineSpace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(1) as pool:
        silent.settimeout(PATIENCE)
        reference = Reference(f"127.0.0.1:{silent.getsockname()[1]}/warroom-test/silent", tag="1")
        pull = pool.submit(space.engine.pull, reference, lambda _: None, pull_id=space.mark)
        caller, _ = silent.accept()
        with caller:
            space.engine.cancel_pull(space.mark)
            # Nobody has answered, or hung up.
            assert isinstance(pull.exception(timeout=PATIENCE), PullStopped)


def test_a_stopped_pull_brings_nothing_when_the_registry_speaks_again(
    space: EngineSpace, registry: FakeRegistry
) -> None:
    reference = registry.put(f"warroom-test/{space.mark}", "1", uuid4().bytes)
    asked, speaking = threading.Event(), threading.Event()

    def hold(_: object = None) -> None:
        asked.set()
        speaking.wait(PATIENCE)

    registry.after_head(hold)
    with ThreadPoolExecutor(1) as pool:
        pull = pool.submit(space.engine.pull, reference, lambda _: None, pull_id=space.mark)
        assert asked.wait(PATIENCE)
        space.engine.cancel_pull(space.mark)
        assert isinstance(pull.exception(timeout=PATIENCE), PullStopped)

    registry.after_head(None)
    speaking.set()
    # What the daemon would still do of the first is done when it has pulled another.
    another = registry.put(f"warroom-test/{space.mark}", "2", uuid4().bytes)
    space.engine.pull(another, lambda _: None)
    assert space.engine.find_image(str(reference)) is None
    space.engine.remove_image(str(another))


@pytest.mark.parametrize("after", [0.0, 0.002, 0.01])
def test_a_pull_that_is_stopped_in_its_first_moments_ends_as_stopped(
    space: EngineSpace, registry: FakeRegistry, after: float
) -> None:
    reference = registry.put(f"warroom-test/{space.mark}", "1", uuid4().bytes)
    registry.stall_blobs()
    pause = threading.Event()

    with ThreadPoolExecutor(1) as pool:
        pull = pool.submit(space.engine.pull, reference, lambda _: None, pull_id=space.mark)
        pause.wait(after)
        while not pull.done():
            space.engine.cancel_pull(space.mark)
            pause.wait(0.01)

    assert isinstance(pull.exception(), PullStopped)
    assert space.engine.find_image(str(reference)) is None


def test_of_two_pulls_of_one_image_the_other_goes_on_when_one_is_stopped(
    space: EngineSpace, registry: FakeRegistry
) -> None:
    reference = registry.put_layers(f"warroom-test/{space.mark}", "1", 200_000)
    registry.stall_blobs()
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(space.engine.pull, reference, lambda _: None, pull_id=name) for name in ("one", "two")]
        assert registry.blob_asked.wait(PATIENCE)
        space.engine.cancel_pull("one")
        assert isinstance(both[0].exception(timeout=PATIENCE), PullStopped)
        registry.resume()
        assert both[1].result(timeout=PATIENCE).repo_tags == (str(reference),)

    space.engine.remove_image(str(reference))


SILENT = """
import socket
with socket.create_server(("127.0.0.1", 5000)) as silent:
    print("listening", flush=True)
    caller, _ = silent.accept()
    print("called", flush=True)
    caller.recv(1 << 20)
    silent.accept()
"""
"""A registry that takes a call and says nothing."""


@contextmanager
def silent_registry(private: PrivateEngine) -> Iterator[subprocess.Popen[str]]:
    """Run a silent registry in the network of a private daemon, which sees no other."""
    assert private.process
    enter = ["nsenter", "--net", "--target", str(private.process.pid), "--"]
    subprocess.run([*enter, "ip", "link", "set", "lo", "up"], check=True)
    with subprocess.Popen([*enter, sys.executable, "-c", SILENT], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "listening\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_daemon_that_ends_in_mid_pull_is_told_and_used_again_when_it_is_back(number: signal.Signals) -> None:
    reference = Reference("127.0.0.1:5000/warroom-test/silent", tag="1")

    with private_engine() as private, silent_registry(private) as registry, ThreadPoolExecutor(1) as pool:
        engine = DockerDaemon(private.host)
        pull = pool.submit(engine.pull, reference, lambda _: None, pull_id="1")
        assert registry.stdout
        assert registry.stdout.readline() == "called\n"
        private.end(number)
        problem = pull.exception(timeout=PATIENCE)

        assert isinstance(problem, EngineUnavailable), problem
        assert private.host in problem.message
        private.start()
        assert engine.listing() == ()
        engine.close()


# --- files


def test_files_of_the_base_are_those_that_its_own_programs_see(space: EngineSpace) -> None:
    wanted = {"var/lib/dpkg/status", "usr/lib/os-release"}

    read = space.engine.read_files(ReadOrder(space.base_id, space.labels, wanted.__contains__))

    assert read.gap == ""
    assert {f"/{path}": content.decode() for path, content in read.files.items()} == {
        f"/{path}": space.engine.run(space.script(f"cat /{path}")).output for path in wanted
    }


def test_a_file_with_several_names_is_found_under_each_and_a_link_is_not_followed(space: EngineSpace) -> None:
    image = space.built(f"RUN mkdir /x && echo {space.mark} > /x/1 && ln /x/1 /x/2 && ln -s 1 /x/3")

    read = space.engine.read_files(ReadOrder(image, space.labels, {"x/2", "x/3"}.__contains__))

    assert read == FilesRead({"x/2": f"{space.mark}\n".encode()})


def test_names_of_any_kind_and_length_are_read(space: EngineSpace) -> None:
    names = [f"/{'/'.join(['f' * 200] * 5)}/a", "/zwölf", "/with space", "/new\nline"]
    script = "; ".join(f'mkdir -p "$(dirname "{name}")"; echo {space.mark} > "{name}"' for name in names[:3])
    image = space.built(f"RUN {script}")

    read = space.engine.read_files(ReadOrder(image, space.labels, {name[1:] for name in names}.__contains__))

    assert read == FilesRead({name[1:]: f"{space.mark}\n".encode() for name in names[:3]})


# --- images in use


def test_an_image_that_a_running_container_uses_is_not_removed(space: EngineSpace, docker_host: str | None) -> None:
    image = space.built(f"RUN echo {space.mark}")
    space.engine.tag(image, f"warroom-test/{space.mark}", "1")
    raw = docker.APIClient(base_url=docker_host or space.engine.describe().endpoint, version="auto")
    container = raw.create_container(image, ["sleep", "60"], name=f"c-{space.mark}")
    raw.start(container)
    try:
        (one,) = (one for one in space.engine.containers() if one.name == f"c-{space.mark}")
        assert (one.image, one.state, one.is_running) == (image, "running", True)
        for reference in (f"warroom-test/{space.mark}:1", image):
            with pytest.raises(ImageInUse, match=f"the container `c-{space.mark}` uses it"):
                space.engine.remove_image(reference)
    finally:
        raw.remove_container(container, force=True)
        raw.close()
