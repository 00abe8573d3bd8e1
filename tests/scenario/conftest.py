"""A stage for each scenario: a room, the bot, a Docker host and a package index."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bot.room.server.rates import RateLimits
from bot.room.server.room import Room
from bot.room.workspace import Workspace
from bot.slack.listeners import Audience
from bot.slack.pace import Pace
from tests.fakes.host import Host
from tests.fakes.resolver import FakeResolver
from tests.kit.driver import EVERYWHERE, HASTE, RoomDriver, make_settings, open_room


@pytest.fixture(scope="session")
def closing_rooms() -> Iterator[Callable[[Room], object]]:
    """Close rooms beside the tests that follow: each takes its time."""
    with ThreadPoolExecutor(2) as closers:
        yield lambda room: closers.submit(room.stop)


@pytest.fixture
def set_stage(
    tmp_path: Path, cache: Path, closing_rooms: Callable[[Room], object]
) -> Iterator[Callable[..., RoomDriver]]:
    """Set a stage with settings and limits of the test's own; the bot is started unless `start` says otherwise."""
    stages: list[RoomDriver] = []

    def set_one(
        *,
        limits: RateLimits | None = None,
        workspace: Workspace | None = None,
        audience: Audience = EVERYWHERE,
        pace: Pace = HASTE,
        start: bool = True,
        **settings: object,
    ) -> RoomDriver:
        room = open_room(limits, workspace)
        stage = RoomDriver(
            make_settings(tmp_path / "state", cache, **settings), Host(), FakeResolver(), room, audience, pace
        )
        stages.append(stage)
        if start:
            stage.start_bot()
        return stage

    yield set_one
    try:
        for stage in stages:
            stage.close()
    finally:
        for stage in stages:
            closing_rooms(stage.room)


@pytest.fixture
def stage(set_stage: Callable[..., RoomDriver]) -> RoomDriver:
    """A stage with everything as usual."""
    return set_stage()


@pytest.fixture(scope="module")
def shared_stage(
    tmp_path_factory: pytest.TempPathFactory, cache: Path, closing_rooms: Callable[[Room], object]
) -> Iterator[RoomDriver]:
    """A stage for the rows of tables: for tests that leave it as they find it, and run one after the other."""
    settings = make_settings(tmp_path_factory.mktemp("shared") / "state", cache)
    stage = RoomDriver(settings, Host(), FakeResolver(), open_room())
    stage.start_bot()
    yield stage
    try:
        stage.close()
    finally:
        closing_rooms(stage.room)
