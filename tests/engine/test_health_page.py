"""The health page of the program as people start it."""

import json
import signal
import socket
from contextlib import closing

import pytest

from tests.kit.program import Program
from tests.kit.program_on_engine import OwnBase
from tests.unit.test_health import get, lines

pytestmark = pytest.mark.engine


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        return int(free.getsockname()[1])


def test_a_room_tells_that_it_is_ready_and_what_it_has_done(own_base: OwnBase) -> None:
    port = free_port()
    environment = {**own_base.environment, "WARROOM_HEALTH_PORT": str(port)}
    with Program("room", "--port", "0", environment=environment) as room:
        room.until_logged("bot_started")
        status, _, content = get(port, "/ready")
        names = {"Docker", "Docker's disk", "Database", "Job logs", "Slack"}
        assert (status, set(lines(content))) == (200, names), content
        assert json.loads(get(port, "/live")[2]) == {"live": True}
        assert b"warroom_queue_length 0.0" in get(port, "/metrics")[2]

        with Program("room", "--port", "0", environment=environment) as second:
            assert second.ended() == 1
            assert "WARROOM_HEALTH_PORT" in second.errors
        assert room.ended(signal.SIGTERM) == 0
