"""`warroom check` as people start it."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.doctor.daemon import LABEL
from bot.room.server.room import Room
from commands.engine.docker_daemon import DockerDaemon
from tests.kit.program import Program
from tests.kit.program_on_engine import OwnBase


def check(environment: Mapping[str, str], *options: str) -> tuple[int, str]:
    with Program("check", *options, environment=environment) as program:
        return program.ended(), program.output


def marks(output: str) -> dict[str, str]:
    return {line["name"]: line["mark"] for line in json.loads(output)["lines"]}


@pytest.mark.engine
def test_where_all_is_well_it_says_so_and_leaves_nothing(own_base: OwnBase, daemon: DockerDaemon) -> None:
    state = own_base.state / "none-yet"
    status, output = check({**own_base.environment, "WARROOM_STATE_DIR": str(state)}, "--json")
    told = json.loads(output)
    assert (status, told["ok"]) == (0, True), output
    assert {"Docker", "BuildKit", "Default base", "Package index", "CA bundle", "State folder"} <= {
        line["name"] for line in told["lines"] if line["mark"] == "good"
    }
    assert (daemon.images({LABEL: ""}), own_base.left_behind()) == ((), ())
    assert not state.exists()


def test_without_docker_the_rest_is_still_told(tmp_path: Path) -> None:
    away = {
        "DOCKER_HOST": "",
        "WARROOM_DOCKER_HOST": f"unix://{tmp_path}/none.sock",
        "WARROOM_STATE_DIR": str(tmp_path),
    }
    status, output = check(away, "--json")
    assert status == 1
    assert marks(output)["Docker"] == "fault"
    assert marks(output)["BuildKit"] == "caution"
    assert marks(output)["State folder"] == "good"


def test_a_room_validates_the_messages_of_the_bot(tmp_path: Path) -> None:
    with Room() as room:
        environment = {
            "SLACK_BOT_TOKEN": room.bot_token,
            "WARROOM_SLACK_API_URL": room.api_url,
            "WARROOM_DOCKER_HOST": f"unix://{tmp_path}/none.sock",
            "WARROOM_STATE_DIR": str(tmp_path),
        }
        _, output = check(environment, "--json")
    assert (marks(output)["Slack token"], marks(output)["Messages"]) == ("good", "good"), output


def test_settings_that_are_wrong_are_told_in_the_same_form() -> None:
    status, output = check({"WARROOM_BUILDS_AT_ONCE": "many"}, "--json")
    assert status == 1
    assert marks(output) == {"Settings": "fault"}
    assert "builds_at_once" in output


def test_secrets_are_never_printed(tmp_path: Path) -> None:
    secret = "xoxb-123456-hunter22hunter22"
    environment = {
        "SLACK_BOT_TOKEN": secret,
        "WARROOM_SLACK_API_URL": "http://127.0.0.1:1/",
        "WARROOM_DOCKER_HOST": f"unix://{tmp_path}/none.sock",
        "WARROOM_DATABASE_URL": "sqlite:////proc/1/hunter33?password=hunter33",
    }
    with Program("check", environment=environment) as program:
        assert program.ended() == 1
        assert "hunter22" not in program.output + program.errors
