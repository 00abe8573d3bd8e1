"""The driver of each scenario: a room, the bot, a Docker host and a package index."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bot.access.rules import Access
from bot.room.server.rates import RateLimits
from bot.room.server.room import Room
from bot.room.workspace import Workspace
from bot.slack.pace import Pace
from tests.fakes.host import PATIENCE_SECONDS, Host
from tests.fakes.resolver import FakeResolver
from tests.kit.driver import EVERYWHERE, HASTE, RoomDriver, make_settings, open_room


@pytest.fixture(scope="session")
def closing_rooms() -> Iterator[Callable[[Room], object]]:
    """Close rooms beside the tests that follow: each takes its time."""
    with ThreadPoolExecutor(2) as closers:
        yield lambda room: closers.submit(room.stop)


@pytest.fixture
def make_driver(
    tmp_path: Path, cache: Path, closing_rooms: Callable[[Room], object]
) -> Iterator[Callable[..., RoomDriver]]:
    """Make a driver with settings and limits of the test's own; the bot is started unless `start` says otherwise."""
    drivers: list[RoomDriver] = []

    def set_one(
        *,
        limits: RateLimits | None = None,
        workspace: Workspace | None = None,
        access: Access = EVERYWHERE,
        pace: Pace = HASTE,
        start: bool = True,
        ack_seconds: float = PATIENCE_SECONDS,
        **settings: object,
    ) -> RoomDriver:
        room = open_room(limits, workspace, ack_seconds=ack_seconds)
        driver = RoomDriver(
            make_settings(tmp_path / "state", cache, **settings), Host(), FakeResolver(), room, access, pace
        )
        drivers.append(driver)
        if start:
            driver.start_bot()
        return driver

    yield set_one
    try:
        for driver in drivers:
            driver.close()
    finally:
        for driver in drivers:
            closing_rooms(driver.room)


@pytest.fixture
def driver(make_driver: Callable[..., RoomDriver]) -> RoomDriver:
    """A driver with everything as usual."""
    return make_driver()


@pytest.fixture(scope="module")
def shared_driver(
    tmp_path_factory: pytest.TempPathFactory, cache: Path, closing_rooms: Callable[[Room], object]
) -> Iterator[RoomDriver]:
    """A driver for the rows of tables: for tests that leave it as they find it, and run one after the other."""
    settings = make_settings(tmp_path_factory.mktemp("shared") / "state", cache)
    driver = RoomDriver(settings, Host(), FakeResolver(), open_room())
    driver.start_bot()
    yield driver
    try:
        driver.close()
    finally:
        closing_rooms(driver.room)
