"""What tests of every kind share: the settings, and the Docker daemon that they name."""

import struct
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from bot.settings import Settings, load_settings
from commands.engine.docker_daemon import DockerDaemon
from tests.kit.turns import turn

# No test depends on the speed of the machine, and no example has a time limit.
hypothesis_settings.register_profile("any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("any speed")


@pytest.fixture(scope="session")
def settings() -> Settings:
    return load_settings()


@pytest.fixture(scope="session")
def docker_host(settings: Settings) -> str | None:
    return settings.docker_host


@pytest.fixture(scope="session")
def base_reference(settings: Settings) -> str:
    return settings.default_base


@pytest.fixture(scope="session")
def build_network(settings: Settings) -> str | None:
    return settings.build_network


@pytest.fixture(autouse=True)
def turn_at_the_engine(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let no other test use the engine while one has all of it."""
    if request.node.get_closest_marker("engine") is None:
        yield
        return
    with turn(alone=request.node.get_closest_marker("whole_daemon") is not None):
        yield


@pytest.fixture
def daemon(docker_host: str | None) -> Iterator[DockerDaemon]:
    """The real engine; a test that asks for it fails when no daemon answers."""
    engine = DockerDaemon(docker_host)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bot's cache, with an installer for builds in it: the real one would be fetched from an index."""
    folder = tmp_path_factory.mktemp("cache")
    (folder / "tools").mkdir()
    # The header of a static ELF program for x86-64, and nothing behind it: the fake daemon never runs it.
    header = struct.pack("<4sBB10xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 2, 62, 1, 0, 0, 0, 0, 64, 56, 0, 0, 0, 0)
    (folder / "tools" / f"uv-{version('uv')}-x86_64").write_bytes(header.ljust(1 << 20, b"\0"))
    return folder
