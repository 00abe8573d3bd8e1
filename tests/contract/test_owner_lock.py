"""One process per owner on a real PostgreSQL, also after it was stopped."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from io import StringIO
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.access.rules import Access
from bot.checks import make_checks
from bot.dialogs.ledger import Entry, Ledger
from bot.dialogs.owner_lock import Hold, OwnerLock, owner_is_active
from bot.dialogs.stages import Preparing
from bot.doctor.report import Caution, Fault, Good
from bot.doctor.running import run
from bot.doctor.state import owner_is_free
from bot.lifetime import Bot
from bot.room.server.room import Room
from bot.router import COMMANDS
from bot.settings import Settings
from bot.wiring import Credentials, make_bot
from commands.errors import ShuttingDown, StateUnwritable
from tests.fakes.engine import FakeEngine
from tests.fakes.files import FakeFiles
from tests.fakes.host import PATIENCE_SECONDS
from tests.fakes.logs import logs_to
from tests.fakes.resolver import FakeResolver
from tests.kit.examples import asked_as
from tests.kit.postgresql import PASSWORD, PostgreSQLServer
from tests.kit.restartable_jobs import until

LOOK_SECONDS = 0.01


@pytest.fixture
def url(server: PostgreSQLServer) -> str:
    return server.new_database()


def lock(url: str, owner: str = "warroom") -> OwnerLock:
    return OwnerLock(url, owner, look_seconds=LOOK_SECONDS)


def until_it_is(hold: Hold, held: OwnerLock) -> None:
    until(lambda: held.hold is hold, f"it is never {hold}")


def test_a_second_process_of_the_same_name_is_refused(url: str) -> None:
    with lock(url), pytest.raises(StateUnwritable) as raised, lock(url):
        pass

    assert raised.value.message == "Another warroom named `warroom` is using this database."
    assert "WARROOM_OWNER" in raised.value.hint


def test_names_and_databases_have_locks_of_their_own(url: str, server: PostgreSQLServer) -> None:
    with lock(url), lock(url, "another"), lock(server.new_database()):
        pass


def test_a_lock_is_free_again_when_its_holder_has_gone(url: str) -> None:
    for _ in range(2):
        with lock(url) as held:
            assert held.hold is Hold.HELD


HOLDER = """
import sys
from bot.dialogs.owner_lock import OwnerLock
with OwnerLock(sys.argv[1], "warroom"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_lock_of_a_killed_process_is_free_again(url: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        with pytest.raises(StateUnwritable), lock(url):
            pass
        process.kill()
        process.wait(PATIENCE_SECONDS)
        with lock(url) as held:
            assert held.hold is Hold.HELD


def test_a_lock_that_was_lost_with_the_server_is_taken_again(url: str, server: PostgreSQLServer) -> None:
    with lock(url) as held:
        server.crash()
        until_it_is(Hold.AWAY, held)
        server.start()
        until_it_is(Hold.HELD, held)

        with pytest.raises(StateUnwritable), lock(url):
            pass


def held_after_look(lock: OwnerLock) -> bool:
    lock.look()
    return lock.hold is Hold.HELD


def test_a_lock_that_another_process_took_meanwhile_is_noticed(url: str, server: PostgreSQLServer) -> None:
    logged = StringIO()
    with logs_to(logged), OwnerLock(url, "warroom", look_seconds=10 * PATIENCE_SECONDS) as first:
        server.end_connections(url)
        with lock(url):
            first.look()
            first.look()
        # PostgreSQL lets go of the lock once it has noticed that the other connection is closed.
        until(lambda: held_after_look(first), "the lock is taken again")

    told = [json.loads(line) for line in logged.getvalue().splitlines()]
    assert [each["hold"] for each in told if each["event"] == "database_lock_changed"] == ["away", "taken", "held"]


def test_a_database_that_does_not_answer_is_told_at_the_start(url: str, server: PostgreSQLServer) -> None:
    server.stop()

    with pytest.raises(StateUnwritable, match="The database does not answer"), lock(url):
        pass


# ── warroom check ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("owner", ["warroom", "b", "owner-3"])
def test_check_says_whether_a_bot_uses_the_database(url: str, owner: str) -> None:
    assert owner_is_free(url, owner) == Good(f"not in use by another warroom named `{owner}`")
    with lock(url, owner):
        assert owner_is_active(url, owner)
        assert not owner_is_active(url, "someone")
        assert isinstance(owner_is_free(url, owner), Caution)


# ── The whole bot ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def room() -> Iterator[Room]:
    with Room(commands=[command.name for command in COMMANDS]) as opened:
        yield opened


def bot_on(url: str, room: Room, folder: Path) -> Bot:
    settings = Settings(
        state_dir=folder / "state", cache_dir=folder / "cache", grace_seconds=0, database_url=url, default_base="a/b"
    )
    access = Access(frozenset(channel.id for channel in room.workspace.channels))
    slack = Credentials(room.bot_token, room.app_token, room.api_url, access)
    return make_bot(settings, slack, engine=FakeEngine(), resolver=FakeResolver(), files=FakeFiles())


def verdict_of(bot: Bot) -> object:
    return next(line.verdict for line in run(bot.checks, seconds=PATIENCE_SECONDS).lines if line.name == "Database")


def test_a_second_bot_on_the_database_is_refused_before_it_takes_anything_over(
    url: str, room: Room, tmp_path: Path
) -> None:
    with closing(bot_on(url.replace("postgresql:", "postgres:"), room, tmp_path / "a")) as first:
        first.start()
        with pytest.raises(StateUnwritable, match="Another warroom named `warroom`"):
            bot_on(url, room, tmp_path / "b")

        assert verdict_of(first) == Good("can be written")


def test_a_bot_without_its_database_is_not_ready_and_says_why(
    url: str, room: Room, tmp_path: Path, server: PostgreSQLServer
) -> None:
    with closing(bot_on(url, room, tmp_path)) as bot:
        bot.start()
        server.stop()
        verdict = verdict_of(bot)
        server.start()
        until(lambda: verdict_of(bot) == Good("can be written"), "it is never ready again")

    assert isinstance(verdict, Fault)
    assert verdict.says == "The database does not answer: Connection refused."
    assert PASSWORD not in verdict.says + verdict.todo


def test_a_bot_that_was_replaced_is_not_ready_and_takes_nothing(url: str, room: Room, tmp_path: Path) -> None:
    with closing(bot_on(url, room, tmp_path)) as bot, closing(Ledger(url)) as other:
        bot.start()
        other.take_over()

        assert verdict_of(bot) == Fault("Another process has taken over the work of this bot.", "End this process.")


def test_a_replaced_process_stores_nothing(url: str) -> None:
    with closing(Ledger(url)) as old, closing(Ledger(url)) as new:
        old.take_over()
        old.try_writing()
        new.take_over()

        with pytest.raises(ShuttingDown):
            old.try_writing()
        with pytest.raises(ShuttingDown):
            old.add(Entry(Preparing(asked_as("d-1"), "Reading"), trigger="t", response_url=""))
        new.try_writing()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_check_looks_at_the_database_and_its_lock(url: str, tmp_path: Path, scheme: str) -> None:
    settings = Settings(state_dir=tmp_path, database_url=SecretStr(url.replace("postgresql:", f"{scheme}:")))
    checks = {check.name: check.look for check in make_checks(settings)}

    assert checks["Database lock"]() == Good("not in use by another warroom named `warroom`")
    verdict = checks["Database"]()
    assert isinstance(verdict, Good)
    assert verdict.says.endswith(", 0 unfinished dialogs")
    assert PASSWORD not in verdict.says
