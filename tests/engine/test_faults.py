"""What the surroundings do to a job: a daemon that is away, goes away or fills up, an index that nobody reaches.

Each gives one clear message with what to do, and nothing stays behind.
"""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest

from commands.engine.docker_daemon import DockerDaemon
from tests.kit.engine_space import EngineSpace
from tests.kit.private_engine import PrivateEngine, private_engine
from tests.kit.program import (
    CommandDialog,
    Program,
    ProgramRoom,
    becomes,
    facts_of,
    is_running,
    kill,
    open_program_room,
    text_of,
)
from tests.kit.program_on_engine import OwnBase, installer, long_seconds
from tests.kit.root_of_base import exported_root

pytestmark = pytest.mark.engine

ENDLESS = installer("echo patience", "exec sleep LONG")
BRIEF = installer("echo patience", "exec sleep 2")
GREEDY = installer(
    "dd if=/dev/zero of=/hoard bs=1M count=4000 && exit 0",
    'echo "E: Write error - write (28: No space left on device)"',
    "exit 100",
)
"""An apt-get that fills the disk, and says it as the real one does."""
ROOM_FOR_THE_BASE = 160 << 20
"""Bytes that a daemon needs besides its base."""


@pytest.fixture(scope="module")
def base_root(tmp_path_factory: pytest.TempPathFactory, docker_host: str | None, base_reference: str) -> Path:
    """The file system of the configured base, as a tar to import on daemons that have nothing yet."""
    return exported_root(docker_host, base_reference, tmp_path_factory.mktemp("base"))


@contextmanager
def ground_on(private: PrivateEngine, base_root: Path, state: Path, *instructions: str) -> Iterator[OwnBase]:
    """Make a base on a daemon of the test's own."""
    engine = DockerDaemon(private.host)
    raw = docker.APIClient(private.host, version="auto")
    raw.import_image_from_file(str(base_root), repository="plain", tag="1")
    plain = EngineSpace(engine, "plain:1", "host")
    words = [instruction.replace("LONG", long_seconds(plain.mark)) for instruction in instructions]
    engine.tag(plain.built(*words), "base", "1")
    own_base = OwnBase(EngineSpace(engine, "base:1", "host", mark=plain.mark), raw, state)
    try:
        yield own_base
    finally:
        kill(own_base.long_seconds)
        raw.close()
        engine.close()


def settings(own_base: OwnBase, private: PrivateEngine) -> dict[str, str]:
    return {**own_base.environment, "WARROOM_DOCKER_HOST": private.host, "WARROOM_BUILD_NETWORK": "host"}


def begin(program_room: ProgramRoom) -> CommandDialog:
    """Have a build under way."""
    talk = program_room.type("/docker_image_create name=image packages=tar")
    talk.until("review")
    talk.click("create")
    talk.until("running")
    return talk


# ── The daemon ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_daemon_that_does_not_run_is_named_with_what_to_do(tmp_path: Path) -> None:
    environment = {
        "WARROOM_DOCKER_HOST": f"unix://{tmp_path}/docker.sock",
        "WARROOM_STATE_DIR": str(tmp_path / "state"),
    }
    with Program("say", "/docker_image_create name=image packages=tar", "--yes", environment=environment) as program:
        assert program.ended() == 1
        told = " ".join(program.output.replace("│", " ").split())
    assert f"No Docker daemon answers at unix://{tmp_path}/docker.sock." in told
    assert "systemctl start docker" in told
    assert program.errors == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_build_that_loses_its_daemon_waits_for_it_and_starts_over(
    base_root: Path, tmp_path: Path, number: signal.Signals
) -> None:
    with (
        private_engine() as private,
        ground_on(private, base_root, tmp_path / "state", ENDLESS) as own_base,
        open_program_room(settings(own_base, private)) as program_room,
        program_room.bot() as bot,
    ):
        talk = begin(program_room)
        assert becomes(lambda: is_running(own_base.long_seconds))
        private.end(number)
        bot.until_logged("engine_away", job=talk.job)
        assert becomes(lambda: waits_for_docker(talk))
        # A daemon leaves what a build step runs to itself when it ends, and does not know it any more afterwards.
        kill(own_base.long_seconds)

        private.start()
        bot.until_logged("job_starts_over", job=talk.job)
        assert becomes(lambda: is_running(own_base.long_seconds))
        talk.click("stop")
        talk.until("stopped")
        bot.until_logged("job_cleaned", job=talk.job)
        assert (own_base.images(), own_base.left_behind()) == ((), ())
        assert bot.ended(signal.SIGTERM) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_queue_outlives_a_restart_of_the_daemon(base_root: Path, tmp_path: Path, number: signal.Signals) -> None:
    with (
        private_engine() as private,
        ground_on(private, base_root, tmp_path / "state", BRIEF) as own_base,
        open_program_room(settings(own_base, private)) as program_room,
        program_room.bot() as bot,
    ):
        talks = [program_room.type(f"/docker_image_create name=image{each} packages=tar") for each in range(5)]
        for talk in talks:
            talk.until("review")
        for talk in talks:
            talk.click("create")
        bot.until_logged("step_started")
        private.end(number)
        private.start()

        for talk in talks:
            talk.until("done")
        assert (len(own_base.images()), own_base.left_behind()) == (5, ())
        assert bot.ended(signal.SIGTERM) == 0


def test_a_bot_ends_although_its_daemon_hangs_and_the_next_one_goes_on(base_root: Path, tmp_path: Path) -> None:
    with (
        private_engine() as private,
        ground_on(private, base_root, tmp_path / "state", ENDLESS) as own_base,
        open_program_room({**settings(own_base, private), "WARROOM_GRACE_SECONDS": "0"}) as program_room,
    ):
        with program_room.bot() as bot:
            talk = begin(program_room)
            assert becomes(lambda: is_running(own_base.long_seconds))
            private.send(signal.SIGSTOP)
            try:
                assert bot.ended(signal.SIGTERM) == 0
            finally:
                private.send(signal.SIGCONT)
        bot.until_logged("ended_by_force")
        assert talk.state == "paused"
        with program_room.bot() as bot:
            talk.until("running")
            assert becomes(lambda: is_running(own_base.long_seconds))
            talk.click("stop")
            talk.until("stopped")
            bot.until_logged("job_cleaned", job=talk.job)
            assert (own_base.images(), own_base.left_behind()) == ((), ())
            assert bot.ended(signal.SIGTERM) == 0


def waits_for_docker(talk: CommandDialog) -> bool:
    """Say whether the dialog shows that its job waits for the daemon."""
    return "Waiting for Docker" in text_of(talk.dialog)


def test_a_full_disk_is_told_as_such(base_root: Path, tmp_path: Path) -> None:
    size = base_root.stat().st_size + ROOM_FOR_THE_BASE
    with (
        private_engine(small=size) as private,
        ground_on(private, base_root, tmp_path / "state", GREEDY) as own_base,
        open_program_room(settings(own_base, private)) as program_room,
        program_room.bot() as bot,
    ):
        dialog = begin(program_room).until("failed")
        assert "no space left" in text_of(dialog)
        assert "docker builder prune" in str(facts_of(dialog)["hint"])
        assert (own_base.images(), own_base.left_behind()) == ((), ())
        assert bot.ended(signal.SIGTERM) == 0


# ── The index ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def closed_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        assert isinstance(port, int)
        return port


def test_an_index_that_nobody_reaches_is_told_as_such(own_base: OwnBase, closed_port: int) -> None:
    environment = {**own_base.environment, "WARROOM_INDEX_URL": f"http://127.0.0.1:{closed_port}/simple"}
    line = f"/docker_image_create name={own_base.name('image')} dependencies=no-such-package-of-warroom-7e1c"
    with Program("say", line, "--yes", environment=environment) as program:
        assert program.ended() == 1
        told = " ".join(program.output.replace("│", " ").split())
    assert "package index" in told
    assert "try again" in told.lower()
    assert (own_base.images(), own_base.left_behind()) == ((), ())
