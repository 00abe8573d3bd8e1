import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bot.__main__ import main
from bot.cli.say import _interrupt_leaves
from bot.room.client.console import Silent
from bot.room.client.say import Conversation
from bot.room.server.room import Room
from bot.router import COMMANDS
from bot.settings import SETTINGS_FILE
from bot.slack.manifest import manifest
from bot.state import StateFolder
from tests.fakes.host import PATIENCE_SECONDS
from tests.fakes.logs import logs_to
from tests.fakes.person import FakePerson, dialog

NO_SETTINGS = {
    name: None
    for name in os.environ
    if name.startswith(("WARROOM_", "SLACK_")) or name in {"SSL_CERT_FILE", "DOCKER_HOST"}
}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    with logs_to(io.StringIO()):
        yield


@pytest.fixture
def warroom(tmp_path: Path) -> Callable[..., Result]:
    """Run `warroom` with these arguments; settings are given by name."""

    def run(*arguments: str, **settings: str) -> Result:
        own = {"WARROOM_STATE_DIR": str(tmp_path / "state"), "WARROOM_CACHE_DIR": str(tmp_path / "cache")}
        return CliRunner().invoke(main, arguments, env=NO_SETTINGS | own | settings)

    return run


def one_object(result: Result) -> dict[str, Any]:
    """Read the one JSON object that was printed, which has the shape that scripts rely on."""
    (line,) = result.stdout.splitlines()
    written = json.loads(line)
    assert list(written) == ["state", "image", "tag", "id", "digest", "images", "seconds", "message"]
    assert isinstance(written, dict)
    return written


# ── Commands ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_program_starts_as_a_module_and_says_what_it_can() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "bot", "--help"], capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS
    )

    assert all(command in shown.stdout for command in ("slack", "room", "say", "manifest"))
    assert shown.stderr == ""


def test_a_thread_that_hangs_does_not_keep_the_process_alive() -> None:
    program = (
        "import sys, threading\n"
        "from bot.__main__ import run\n"
        "threading.Thread(target=threading.Event().wait).start()\n"
        "sys.argv = ['warroom', sys.argv[1]]\n"
        "run()\n"
    )
    ended = [
        subprocess.run(
            [sys.executable, "-c", program, command], capture_output=True, check=False, timeout=PATIENCE_SECONDS
        ).returncode
        for command in ("manifest", "no-such-command")
    ]

    assert ended == [0, 2]


@pytest.mark.parametrize("command", ["slack", "room", "say", "manifest"])
def test_every_command_has_help(warroom: Callable[..., Result], command: str) -> None:
    for option in ("-h", "--help"):
        result = warroom(command, option)
        assert result.exit_code == 0
        assert result.stdout.startswith(f"Usage: main {command}")


def test_the_manifest_is_printed_as_slack_takes_it(warroom: Callable[..., Result]) -> None:
    result = warroom("manifest")

    assert result.exit_code == 0
    assert json.loads(result.stdout) == manifest(COMMANDS)


@pytest.mark.parametrize(
    ("tokens", "missing"),
    [
        ({}, "SLACK_BOT_TOKEN"),
        ({"SLACK_BOT_TOKEN": ""}, "SLACK_BOT_TOKEN"),
        ({"SLACK_APP_TOKEN": "xapp-1"}, "SLACK_BOT_TOKEN"),
        ({"SLACK_BOT_TOKEN": "xoxb-1"}, "SLACK_APP_TOKEN"),
    ],
)
def test_slack_without_tokens_says_which_is_missing_and_where_to_get_it(
    warroom: Callable[..., Result], tokens: dict[str, str], missing: str
) -> None:
    result = warroom("slack", **tokens)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"`{missing}` is not set.\n")
    assert "warroom manifest" in result.stderr


def test_tokens_that_are_wrong_end_the_program_with_advice(warroom: Callable[..., Result], tmp_path: Path) -> None:
    with Room() as room:
        result = warroom(
            "slack",
            SLACK_BOT_TOKEN="xoxb-0-wrong",
            SLACK_APP_TOKEN=room.app_token,
            WARROOM_SLACK_API_URL=room.api_url,
            WARROOM_GRACE_SECONDS="0",
        )

    assert (result.exit_code, result.stdout) == (1, "")
    assert "Slack refused the connection: `invalid_auth`." in result.stderr
    with StateFolder(tmp_path / "state"):
        pass


def test_a_state_folder_in_use_ends_the_program_with_advice(warroom: Callable[..., Result], tmp_path: Path) -> None:
    with StateFolder(tmp_path / "state"):
        result = warroom("slack", SLACK_BOT_TOKEN="xoxb-1", SLACK_APP_TOKEN="xapp-1")

    assert result.exit_code == 1
    assert "Another warroom is using the state folder" in result.stderr


def test_a_port_that_is_taken_is_told(warroom: Callable[..., Result]) -> None:
    with Room() as room:
        result = warroom("room", "--port", room.url.rpartition(":")[2])

    assert result.exit_code == 1
    assert "cannot be opened" in result.stderr


# ── Wrong settings ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("command", [["slack"], ["room", "--port", "0"], ["say", "/docker_image_create name=a"]])
def test_wrong_settings_are_told_by_name_on_stderr(
    warroom: Callable[..., Result], tmp_path: Path, command: list[str]
) -> None:
    (tmp_path / SETTINGS_FILE).write_text("nonsense = 1\n")

    result = warroom(*command, WARROOM_BUILDS_AT_ONCE="0")

    assert (result.exit_code, result.stdout) == (1, "")
    lines = result.stderr.splitlines()
    assert lines[0] == "Some settings are wrong."
    assert any(line.startswith("nonsense: ") for line in lines)
    assert any(line.startswith("builds_at_once: ") for line in lines)


def test_wrong_settings_are_one_object_for_scripts(warroom: Callable[..., Result]) -> None:
    result = warroom("say", "--json", "/docker_image_create name=a", WARROOM_BUILDS_AT_ONCE="0")

    assert result.exit_code == 1
    written = one_object(result)
    assert written["state"] == "failed"
    assert "builds_at_once" in written["message"]


# ── warroom say ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "address", ["nonsense", "http://x:abc", "https://127.0.0.1:1#t", "http://127.0.0.1", "http://["]
)
def test_an_address_that_is_none_is_told(warroom: Callable[..., Result], address: str) -> None:
    result = warroom("say", "--json", "--room", address, "/docker_image_create name=a")

    assert result.exit_code == 1
    assert "is not the address of a room" in one_object(result)["message"]


def test_a_room_that_does_not_answer_is_told(warroom: Callable[..., Result]) -> None:
    in_json = warroom("say", "--json", "--room", "http://127.0.0.1:9#t", "/docker_image_create name=a")
    in_words = warroom("say", "--room", "http://127.0.0.1:9#t", "/docker_image_create name=a")

    assert (in_json.exit_code, in_words.exit_code) == (1, 1)
    assert one_object(in_json)["message"].startswith("The room at 127.0.0.1:9")
    assert in_words.stdout == ""
    assert in_words.stderr.startswith("The room at 127.0.0.1:9")


def test_a_room_without_the_right_token_is_told(warroom: Callable[..., Result]) -> None:
    with Room() as room:
        result = warroom("say", "--json", "--room", f"{room.url}#wrong", "/docker_image_create name=a")

    assert result.exit_code == 1
    assert one_object(result)["state"] == "failed"


def test_a_room_without_a_bot_is_told(warroom: Callable[..., Result]) -> None:
    with Room(commands=["/docker_image_create"]) as room:
        result = warroom("say", "--json", "--room", f"{room.url}#{room.user_token}", "/docker_image_create name=a")

    assert result.exit_code == 1
    written = one_object(result)
    assert written["state"] == "unanswered"
    assert "dispatch_failed" in written["message"]


def test_a_line_without_a_command_is_told(warroom: Callable[..., Result]) -> None:
    with Room() as room:
        result = warroom("say", "--json", "--room", f"{room.url}#{room.user_token}", "hello")

    assert result.exit_code == 1
    assert "begins with `/`" in one_object(result)["message"]


def test_a_refused_line_is_one_object_and_leaves_no_state(warroom: Callable[..., Result], tmp_path: Path) -> None:
    result = warroom("say", "--json", "/docker_image_create nam=a", WARROOM_DOCKER_HOST=f"unix://{tmp_path}/none.sock")

    assert result.exit_code == 1
    written = one_object(result)
    assert written["state"] == "refused"
    assert "nam" in written["message"]
    assert list((tmp_path / "state" / "say").iterdir()) == []


def test_a_click_for_which_there_was_no_button_is_told(warroom: Callable[..., Result], tmp_path: Path) -> None:
    line, nowhere = "/docker_image_create nam=a", f"unix://{tmp_path}/none.sock"
    result = warroom("say", line, "--click", "create", "--click", "image_details=a:1", WARROOM_DOCKER_HOST=nowhere)

    assert result.exit_code == 1
    assert result.stderr == "Not pressed, since it was not there: create, image_details=a:1\n"


@pytest.mark.parametrize("line", ["/docker_images", "/docker_images python", "/docker_image_update all=true"])
def test_every_command_can_be_said_and_fails_plainly_without_a_daemon(
    warroom: Callable[..., Result], tmp_path: Path, line: str
) -> None:
    result = warroom("say", "--json", line, WARROOM_DOCKER_HOST=f"unix://{tmp_path}/none.sock")

    assert result.exit_code == 1
    written = one_object(result)
    assert (written["state"], written["images"]) == ("failed", None)
    assert "No Docker daemon answers" in written["message"]


def test_a_command_that_opens_a_form_is_told_with_its_arguments(warroom: Callable[..., Result], tmp_path: Path) -> None:
    result = warroom("say", "/docker_image_create", WARROOM_DOCKER_HOST=f"unix://{tmp_path}/none.sock")

    assert result.exit_code == 1
    assert "a form, which a terminal cannot show" in result.stderr
    assert "`/docker_image_create name=example_name dependencies=mechanize" in result.stderr


def test_help_is_shown_in_a_terminal(warroom: Callable[..., Result], tmp_path: Path) -> None:
    result = warroom("say", "/docker_image_create help", WARROOM_DOCKER_HOST=f"unix://{tmp_path}/none.sock")

    assert "For example:" in result.stdout
    assert "/docker_image_create name=my/tool dependencies=requests[socks]>=2.31,ldap3" in result.stdout


def test_a_command_that_nobody_takes_is_told_in_words(warroom: Callable[..., Result]) -> None:
    with Room(commands=["/docker_image_create"]) as room:
        result = warroom("say", "--room", f"{room.url}#{room.user_token}", "/docker_image_create name=a")

    assert result.exit_code == 1
    assert "The bot did not take the command: dispatch_failed." in result.stderr


def test_without_a_daemon_the_failure_is_told_once_in_words(warroom: Callable[..., Result], tmp_path: Path) -> None:
    result = warroom("say", "/docker_image_create name=a", WARROOM_DOCKER_HOST=f"unix://{tmp_path}/none.sock")

    assert result.exit_code == 1
    assert "No Docker daemon answers" in " ".join(result.stdout.split())


# ── Ctrl-C ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class RecordingLeave(Conversation):
    """A conversation that notes that it was left."""

    def __init__(self) -> None:
        super().__init__(FakePerson([dialog("running", "stop")]), Silent())
        self.left = threading.Event()

    def leave(self) -> None:
        self.left.set()


@pytest.fixture
def _interrupts() -> Iterator[None]:
    """Take an interrupt as Python does, also where the tests were started in the background and ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interrupts")
def test_the_first_interrupt_leaves_the_dialog_and_the_second_the_program() -> None:
    conversation = RecordingLeave()

    with _interrupt_leaves(conversation):
        os.kill(os.getpid(), signal.SIGINT)
        assert conversation.left.wait(PATIENCE_SECONDS)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("_interrupts")
def test_afterwards_an_interrupt_is_what_it_was() -> None:
    before = signal.getsignal(signal.SIGINT)
    with _interrupt_leaves(RecordingLeave()):
        assert signal.getsignal(signal.SIGINT) != before

    assert signal.getsignal(signal.SIGINT) == before
