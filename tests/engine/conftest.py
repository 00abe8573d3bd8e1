"""What the tests of the whole program on a real engine share."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import docker
import pytest

from commands.engine.docker_daemon import DockerDaemon
from tests.kit.attacks import OwnBases
from tests.kit.engine_space import EngineSpace, cleared
from tests.kit.fresh_state import fresh_state
from tests.kit.program import ProgramRoom, open_program_room
from tests.kit.program_on_engine import OwnBase, long_seconds

MakeOwnBase = Callable[..., OwnBase]


@pytest.fixture
def raw(docker_host: str | None) -> Iterator[docker.APIClient]:
    """The Docker SDK itself, for questions that the program never asks."""
    address = {"base_url": docker_host} if docker_host else docker.utils.kwargs_from_env()
    client = docker.APIClient(version="auto", **address)
    yield client
    client.close()


@pytest.fixture
def make_own_base(
    daemon: DockerDaemon, raw: docker.APIClient, base_reference: str, build_network: str | None, tmp_path: Path
) -> Iterator[MakeOwnBase]:
    """Make the base of a test: the configured one with these Dockerfile instructions on top.

    `LONG` in an instruction becomes the seconds of the base's own `sleep`.
    """
    plain = EngineSpace(daemon, base_reference, build_network)

    def make(*instructions: str) -> OwnBase:
        own_words = [instruction.replace("LONG", long_seconds(plain.mark)) for instruction in instructions]
        daemon.tag(plain.built(*own_words), "warroom-test/base", plain.mark)
        own = EngineSpace(daemon, f"warroom-test/base:{plain.mark}", build_network, mark=plain.mark)
        return OwnBase(own, raw, tmp_path / "state")

    fresh_state(tmp_path / "state", cache=tmp_path.parent)
    with cleared(plain):
        yield make


@pytest.fixture
def own_base(make_own_base: MakeOwnBase) -> OwnBase:
    """The test's base: the configured one as it is."""
    return make_own_base()


@pytest.fixture
def program_room(own_base: OwnBase) -> Iterator[ProgramRoom]:
    """A room in this process, for bots that work on the test's base."""
    with open_program_room(own_base.environment) as opened:
        yield opened


@pytest.fixture
def own_bases(
    daemon: DockerDaemon, raw: docker.APIClient, base_reference: str, build_network: str | None, tmp_path: Path
) -> Iterator[OwnBases]:
    with ExitStack() as stack:
        yield OwnBases(daemon, raw, base_reference, build_network, tmp_path, stack)
