"""What tests of every kind share: the settings, and the Docker daemon that they name."""

from collections.abc import Iterator

import pytest

from bot.settings import Settings, load_settings
from commands.engine.docker_daemon import DockerDaemon


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


@pytest.fixture
def daemon(docker_host: str | None) -> Iterator[DockerDaemon]:
    """The real engine; a test that asks for it fails when no daemon answers."""
    engine = DockerDaemon(docker_host)
    yield engine
    engine.close()
