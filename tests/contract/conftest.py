"""What is held to contracts: engines, of which the real one needs a Docker daemon (`-m engine`), and PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import docker
import pytest

from commands.engine.docker_daemon import DockerDaemon
from commands.model.images import ImageId
from commands.model.references import Reference
from tests.fakes.engine import FakeEngine
from tests.fakes.registry import serving
from tests.kit.engine_space import EngineSpace, cleared
from tests.kit.postgresql import PostgreSQLServer, running_postgresql


@contextmanager
def fake_bench() -> Iterator[EngineSpace]:
    fake = FakeEngine()
    fake.add_image("base:1")

    def offer(name: str) -> Reference:
        fake.offer(f"hub.test/{name}:latest")
        return Reference(f"hub.test/{name}", tag="latest")

    @contextmanager
    def contain(name: str, image: ImageId) -> Iterator[None]:
        fake.add_container(name, image, state="created")
        yield
        fake.remove_container(name)

    yield EngineSpace(fake, base="base:1", offer=offer, contain=contain)


@contextmanager
def daemon_bench(daemon: DockerDaemon, base: str, network: str | None) -> Iterator[EngineSpace]:
    with serving(daemon.describe().platform) as registry:

        def offer(name: str) -> Reference:
            return registry.put(name, "latest", uuid4().bytes)

        @contextmanager
        def contain(name: str, image: ImageId) -> Iterator[None]:
            raw = docker.APIClient(base_url=daemon.endpoint, version="auto")
            try:
                raw.create_container(image, ["none"], name=name)
                yield
                raw.remove_container(name)
            finally:
                raw.close()

        yield EngineSpace(daemon, base, network, offer, contain)


@pytest.fixture(params=["fake", pytest.param("daemon", marks=pytest.mark.engine)])
def space(request: pytest.FixtureRequest) -> Iterator[EngineSpace]:
    ask = request.getfixturevalue
    made = (
        fake_bench()
        if request.param == "fake"
        else daemon_bench(ask("daemon"), ask("base_reference"), ask("build_network"))
    )
    with made as one, cleared(one):
        yield one


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQLServer]:
    """Debian's PostgreSQL; a test that stops it starts it again."""
    with running_postgresql() as server:
        yield server


@pytest.fixture
def server(postgresql: PostgreSQLServer) -> Iterator[PostgreSQLServer]:
    """The server, which runs again in the end."""
    yield postgresql
    if not postgresql.is_up:
        postgresql.start()
