"""What the unit tests of the bot share."""

from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest

from tests.fakes.logs import logs_to
from tests.kit.app import ListeningApp, open_apps
from tests.kit.restartable_jobs import RestartableJobs


@pytest.fixture
def open_app(tmp_path: Path) -> Iterator[Callable[..., ListeningApp]]:
    """Open desks, in silence."""
    with logs_to(StringIO()), open_apps(tmp_path) as make:
        yield make


@pytest.fixture
def app(open_app: Callable[..., ListeningApp]) -> ListeningApp:
    """Provide an app with the usual settings."""
    return open_app()


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[RestartableJobs]:
    """A bot that can be closed, killed and started."""
    made = RestartableJobs(tmp_path)
    yield made
    made.end()
