import threading
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.access.rules import Access
from bot.dialogs.ledger import Entry, Ledger, sqlite_url
from bot.dialogs.stages import Dialog, Finished, Running, UnderReview
from bot.doctor.report import Fault, Good
from bot.logs import MASK
from bot.readiness import slack_is_ready
from bot.room.client.console import Silent
from bot.room.client.room_client import RoomClient
from bot.room.client.say import Conversation
from bot.room.server.room import Room
from bot.router import COMMANDS
from bot.settings import Settings
from bot.state import StateFolder, scratch_state
from bot.wiring import Credentials, make_bot, redactor
from commands.command import ImageCreated
from commands.errors import Misconfigured, StateUnwritable
from commands.recipe.labels import JOB
from tests.fakes.engine import FakeEngine
from tests.fakes.files import FakeFiles
from tests.fakes.resolver import FakeResolver
from tests.kit.examples import BOB, CREATED, LATER, NOW, PROGRESS, PROPOSAL, asked_as


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        state_dir=tmp_path / "state", cache_dir=tmp_path / "cache", grace_seconds=0, default_base="demisto/python3-deb"
    )


@pytest.fixture
def room() -> Iterator[Room]:
    with Room(commands=[command.name for command in COMMANDS]) as opened:
        yield opened


def credentials(room: Room, *, bot_token: str | None = None, app_token: str | None = None) -> Credentials:
    access = Access(frozenset(channel.id for channel in room.workspace.channels))
    return Credentials(bot_token or room.bot_token, app_token or room.app_token, room.api_url, access)


# ── The state folder ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_state_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    with StateFolder(tmp_path / "a" / "b") as folder:
        assert folder.path.stat().st_mode & 0o077 == 0


def test_a_second_process_is_told_that_the_folder_is_taken(tmp_path: Path) -> None:
    with StateFolder(tmp_path), pytest.raises(StateUnwritable) as raised, StateFolder(tmp_path):
        pass

    assert raised.value.message == f"Another warroom is using the state folder `{tmp_path}`."
    assert "WARROOM_STATE_DIR" in raised.value.hint


def test_a_folder_is_free_again_when_its_holder_has_gone(tmp_path: Path) -> None:
    for _ in range(2):
        with StateFolder(tmp_path):
            pass


def test_a_folder_that_cannot_be_made_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StateUnwritable) as raised, StateFolder(tmp_path / "file" / "state"):
        pass

    assert raised.value.message == f"The state folder `{tmp_path / 'file' / 'state'}` cannot be used: Not a directory."
    assert "WARROOM_STATE_DIR" in raised.value.hint


def test_a_folder_that_cannot_be_written_is_told_of() -> None:
    with pytest.raises(StateUnwritable, match="cannot be used"), StateFolder(Path("/proc/self/state")):
        pass


# ── A state for one command ─────────────────────────────────────────────────────────────────────────────────────────


def left_behind(settings: Settings, name: str, *dialogs: Dialog) -> Path:
    """Make the folder of a bot that was killed."""
    folder = settings.state_dir / "say" / name
    ledger = Ledger(sqlite_url(folder / "dialogs.sqlite"))
    for dialog in dialogs:
        ledger.add(Entry(dialog, trigger="", response_url=""))
    ledger.close()
    return folder


def folders(settings: Settings) -> set[str]:
    return {folder.name for folder in (settings.state_dir / "say").glob("*")}


def test_the_state_of_one_command_is_gone_after_it(settings: Settings) -> None:
    with scratch_state(settings, FakeEngine()) as first, scratch_state(settings, FakeEngine()) as second:
        assert first.state_dir != second.state_dir
        assert first.state_dir.is_relative_to(settings.state_dir)
        assert first == settings.model_copy(update={"state_dir": first.state_dir})
        with StateFolder(first.state_dir), StateFolder(second.state_dir):
            assert len(folders(settings)) == 2

    assert folders(settings) == set()


def test_a_bot_for_one_command_leaves_the_configured_database_alone(settings: Settings) -> None:
    shared = settings.model_copy(update={"database_url": SecretStr("postgresql://me:secret@db.test/warroom")})

    with scratch_state(shared, FakeEngine()) as own:
        assert own.database_url is None


def test_what_killed_bots_left_is_cleared_from_disk_and_daemon(settings: Settings) -> None:
    running = Running(asked_as("d-1"), PROPOSAL, BOB, PROGRESS)
    review = UnderReview(asked_as("d-2"), PROPOSAL, LATER)
    done = Finished(asked_as("d-3"), BOB, ImageCreated(PROPOSAL, CREATED), PROGRESS, NOW)
    left_behind(settings, "old", running, review, done)
    engine = FakeEngine()
    for job in ("d-1", "d-3", "another"):
        engine.add_image(labels={JOB: job})

    with scratch_state(settings, engine):
        assert folders(settings) == set()

    # What ended tidied up after itself; what others do is theirs.
    assert {image.labels[JOB] for image in engine.images({})} == {"d-3", "another"}


def test_what_somebody_uses_is_left_alone(settings: Settings) -> None:
    folder = left_behind(settings, "busy", Running(asked_as("d-1"), PROPOSAL, BOB, PROGRESS))
    engine = FakeEngine()
    engine.add_image(labels={JOB: "d-1"})

    with StateFolder(folder), scratch_state(settings, engine):
        pass

    assert folders(settings) == {"busy"}
    assert len(engine.images({})) == 1


def test_while_the_daemon_is_away_the_folder_stays_for_the_next_time(settings: Settings) -> None:
    left_behind(settings, "old", Running(asked_as("d-1"), PROPOSAL, BOB, PROGRESS))
    engine = FakeEngine()
    engine.break_down()
    with scratch_state(settings, engine):
        assert folders(settings) == {"old"}

    engine.repair()
    with scratch_state(settings, engine):
        assert folders(settings) == set()


@pytest.mark.parametrize("content", [b"", b"this is no database" * 100], ids=["empty", "broken"])
def test_a_folder_that_is_not_understood_disturbs_nobody(settings: Settings, content: bytes) -> None:
    folder = left_behind(settings, "odd")
    (folder / "dialogs.sqlite").write_bytes(content)
    (folder.parent / "a file").touch()

    with scratch_state(settings, FakeEngine()) as own:
        assert not own.state_dir.exists()


def test_a_dialog_of_another_version_is_cleared_too(settings: Settings) -> None:
    running = Running(asked_as("d-1"), PROPOSAL, BOB, PROGRESS)
    folder = left_behind(settings, "old", running)
    ledger = Ledger(sqlite_url(folder / "dialogs.sqlite"))
    with ledger._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE warroom_dialogs SET value = '{}'")
    ledger.close()
    engine = FakeEngine()
    engine.add_image(labels={JOB: "d-1"})

    with scratch_state(settings, engine):
        assert folders(settings) == set()
    assert engine.images({}) == ()


# ── A malformed database ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["dialogs.sqlite", "jobs.sqlite"])
def test_a_bot_does_not_start_with_a_malformed_database_and_leaves_it(
    settings: Settings, room: Room, name: str
) -> None:
    settings.state_dir.mkdir()
    file = settings.state_dir / name
    file.write_bytes(b"no database" * 1000)

    with pytest.raises(StateUnwritable) as raised:
        make_bot(settings, credentials(room), engine=FakeEngine(), resolver=FakeResolver(), files=FakeFiles())

    assert raised.value.message == f"The database `{file}` is malformed: file is not a database."
    assert file.read_bytes() == b"no database" * 1000


# ── The whole bot ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("wrong", ["bot_token", "app_token"])
def test_tokens_that_slack_does_not_take_are_told_and_nothing_stays_behind(
    settings: Settings, room: Room, wrong: str
) -> None:
    before = set(threading.enumerate())
    refused = credentials(room, **{wrong: f"{'xoxb' if wrong == 'bot_token' else 'xapp'}-0-wrong"})
    bot = make_bot(settings, refused, engine=FakeEngine(), resolver=FakeResolver(), files=FakeFiles())

    with pytest.raises(Misconfigured) as raised:
        bot.start()

    assert raised.value.message == "Slack refused the connection: `invalid_auth`."
    assert "SLACK_BOT_TOKEN" in raised.value.hint
    assert "SLACK_APP_TOKEN" in raised.value.hint
    assert {thread.name for thread in set(threading.enumerate()) - before if not thread.daemon} == set()
    with StateFolder(settings.state_dir):
        pass


def test_a_bot_starts_without_slack_and_is_not_ready_until_slack_answers(settings: Settings, room: Room) -> None:
    nowhere = replace(credentials(room), api_url="http://127.0.0.1:9/api/")
    bot = make_bot(settings, nowhere, engine=FakeEngine(), resolver=FakeResolver(), files=FakeFiles())

    bot.start()
    try:
        slack = next(check for check in bot.checks if check.name == "Slack").look()
    finally:
        bot.close()

    assert isinstance(slack, Fault)
    assert slack.says.startswith("Slack does not answer yet: ")
    assert "Connection refused" in slack.says


def test_two_bots_do_not_share_a_state_folder(settings: Settings, room: Room) -> None:
    bot = make_bot(settings, credentials(room), engine=FakeEngine(), resolver=FakeResolver(), files=FakeFiles())
    with pytest.raises(StateUnwritable, match="Another warroom"):
        make_bot(settings, credentials(room), engine=FakeEngine(), resolver=FakeResolver(), files=FakeFiles())
    bot.close()


def test_a_default_base_that_is_none_is_told(settings: Settings, room: Room) -> None:
    with pytest.raises(Misconfigured, match="default_base"):
        make_bot(settings.model_copy(update={"default_base": "No Name"}), credentials(room), engine=FakeEngine())


def test_a_refusal_and_a_note_on_something_else_are_told_apart_in_a_room(settings: Settings, room: Room) -> None:
    bot = make_bot(settings, credentials(room), engine=FakeEngine(), resolver=FakeResolver(), files=FakeFiles())
    bot.start()
    try:
        client = RoomClient(room.url, room.user_token)
        refused = Conversation(client, Silent()).say("/docker_image_create nam=a")
        # Without its base: that is a dialog in the channel, not a note.
        without_base = Conversation(client, Silent()).say("/docker_image_create name=a dependencies=mechanize")
    finally:
        bot.close()

    assert (refused.state, refused.facts) == ("refused", {})
    assert "nam" in refused.message
    assert without_base.facts["state"] == without_base.state == "refused"
    assert "demisto/python3-deb" in without_base.message
    assert "ack" in without_base.seconds


def test_every_secret_of_the_process_is_known_to_its_redactor(settings: Settings, room: Room) -> None:
    settings = Settings(
        **{
            **settings.model_dump(),
            "index_url": "https://me:pw-of-the-index@index.invalid/",
            "slack_bot_token": "secret-1",
        }
    )
    redact = redactor(settings, replace(credentials(room), bot_token="secret-2", app_token="secret-3"))

    for secret in ("pw-of-the-index", "secret-1", "secret-2", "secret-3"):
        assert redact(f"a {secret} b") == f"a {MASK} b"


def test_the_logins_of_the_machines_environment_are_known_to_the_redactor(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_INDEX", "inner=https://me:pw-of-the-index@index.invalid/simple")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:pw-of-the-proxy@proxy.invalid:3128")
    redact = redactor(settings)

    for said in ("me:pw-of-the-index", "me:pw-of-the-proxy"):
        encoded = b64encode(said.encode()).decode()
        assert MASK in redact(encoded)
        assert redact(said) == f"me:{MASK}"


# ── Slack, for the health page ──────────────────────────────────────────────────────────────────────────────────────


def test_slack_is_ready_while_it_is_connected_and_takes_the_token() -> None:
    assert slack_is_ready(is_open=True, token_refusal=None) == Good("connected")
    assert isinstance(slack_is_ready(is_open=False, token_refusal=None), Fault)


def test_a_refused_token_makes_the_bot_unready_and_says_how_to_renew_it() -> None:
    verdict = slack_is_ready(is_open=True, token_refusal="token_revoked")

    assert isinstance(verdict, Fault)
    assert "`token_revoked`" in verdict.says
    assert "SLACK_BOT_TOKEN" in verdict.todo
