"""What errors of a real PostgreSQL mean, and how long the bot waits for it."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from threading import Barrier

import psycopg
import pytest
import sqlalchemy as sa

from bot.dialogs.databases import LEDGER_CONNECTIONS, StateAccess, normal_url, open_engine
from bot.dialogs.ledger import Entry, Ledger
from bot.dialogs.stages import Preparing
from commands.errors import StateUnwritable
from tests.fakes.host import PATIENCE_SECONDS
from tests.kit.examples import asked_as
from tests.kit.postgresql import PASSWORD, PostgreSQLServer


@pytest.fixture
def url(postgresql: PostgreSQLServer) -> str:
    return postgresql.new_database()


@pytest.fixture
def restarted(postgresql: PostgreSQLServer) -> Iterator[PostgreSQLServer]:
    """The server, which runs again in the end."""
    yield postgresql
    if not postgresql.is_up:
        postgresql.start()


def entry(name: str) -> Entry:
    return Entry(Preparing(asked_as(name), "Reading"), trigger=f"t-{name}", response_url="")


def problem_with(act: Callable[[], object]) -> str:
    with pytest.raises(StateUnwritable) as raised:
        act()
    assert PASSWORD not in raised.value.message + raised.value.hint
    return f"{raised.value.message} {raised.value.hint}"


def test_postgres_is_as_good_a_scheme_as_postgresql(url: str) -> None:
    with closing(Ledger(url.replace("postgresql://", "postgres://"))) as ledger:
        assert ledger.add(entry("d-1"))


def test_an_unknown_database_is_told_apart(postgresql: PostgreSQLServer) -> None:
    said = problem_with(lambda: Ledger(postgresql.url("nowhere")))

    assert said == (
        'PostgreSQL has no such database: database "nowhere" does not exist. '
        "Create it, or correct `WARROOM_DATABASE_URL`."
    )


def test_a_wrong_password_is_told_apart(postgresql: PostgreSQLServer) -> None:
    said = problem_with(lambda: Ledger(postgresql.url("postgres", password="another")))

    assert said.startswith("The database refuses the login: password authentication failed")
    assert "Correct user and password" in said


def test_a_stopped_server_is_told_apart_and_the_ledger_works_again_after_it(
    restarted: PostgreSQLServer, url: str
) -> None:
    with closing(Ledger(url)) as ledger:
        ledger.add(entry("d-1"))
        restarted.stop()

        said = problem_with(lambda: ledger.add(entry("d-2")))
        assert said.startswith("The database does not answer: Connection refused.")
        assert "The bot connects again by itself." in said

        restarted.start()
        assert ledger.add(entry("d-2"))


def test_a_ledger_whose_connections_were_ended_needs_no_second_try(postgresql: PostgreSQLServer, url: str) -> None:
    with closing(Ledger(url)) as ledger:
        ledger.add(entry("d-1"))
        postgresql.end_connections(url)

        assert ledger.add(entry("d-2"))


def test_too_many_connections_are_told_apart(postgresql: PostgreSQLServer, url: str) -> None:
    with closing(Ledger(url)) as ledger:
        held: list[psycopg.Connection[object]] = []
        try:
            ledger._engine.dispose()
            with contextlib.suppress(psycopg.OperationalError):
                while True:
                    held.append(psycopg.connect(postgresql.url("postgres")))
            said = problem_with(lambda: ledger.add(entry("d-1")))
        finally:
            for each in held:
                each.close()

        assert said.startswith("The database takes no more connections.")
        assert "max_connections" in said


def test_a_read_only_server_is_told_apart(postgresql: PostgreSQLServer, url: str) -> None:
    with closing(Ledger(url)) as ledger:
        name = url.rpartition("/")[2]
        postgresql.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        postgresql.end_connections(url)

        assert problem_with(lambda: ledger.add(entry("d-1"))).startswith("The database is read-only: ")


def test_a_server_that_hangs_is_not_waited_for(restarted: PostgreSQLServer, url: str) -> None:
    with closing(Ledger(url)) as ledger:
        ledger.add(entry("d-1"))
        with restarted.frozen():
            said = problem_with(lambda: ledger.add(entry("d-2")))
        assert said.startswith("The database does not answer: ")

        assert ledger.add(entry("d-3"))


def test_the_ledger_uses_no_more_connections_than_it_says(postgresql: PostgreSQLServer, url: str) -> None:
    threads = 4 * LEDGER_CONNECTIONS
    ready = Barrier(threads)

    with closing(Ledger(url)) as ledger, ThreadPoolExecutor(threads) as pool:

        def add(number: int) -> int:
            ready.wait(PATIENCE_SECONDS)
            assert ledger.add(entry(f"d-{number}"))
            return postgresql.connections(url)

        assert max(pool.map(add, range(threads))) <= LEDGER_CONNECTIONS


def test_connections_that_are_all_in_use_are_told_apart(url: str) -> None:
    engine = open_engine(url, connections=1, free_seconds=0.01)
    with engine.connect(), pytest.raises(StateUnwritable, match="are in use"), StateAccess(url):
        engine.connect()
    engine.dispose()


SECOND_DELIVERY = """
INSERT INTO warroom_dialogs (id, stage, value, changes, since, trigger, response_url, shown, announced, attached)
SELECT 'd-0', stage, value, changes, since, trigger, '', 0, false, '' FROM warroom_dialogs
"""


def test_tables_of_an_earlier_version_are_migrated(postgresql: PostgreSQLServer, url: str) -> None:
    with closing(Ledger(url)) as ledger:
        ledger.take_over()
        ledger.add(entry("d-1"))
    # As version 2 left them, with two dialogs of one delivery.
    for statement in (
        "DROP INDEX ux_warroom_dialogs_trigger",
        "ALTER TABLE warroom_owners DROP COLUMN beats",
        "UPDATE warroom_schema SET version = 2",
        SECOND_DELIVERY,
    ):
        postgresql.execute(statement, url)

    for _ in range(2):
        with closing(Ledger(url)) as ledger:
            ledger.take_over()
            ledger.try_writing()
            assert not ledger.add(replace(entry("d-2"), trigger="t-d-1"))

    rows = postgresql.execute("SELECT id, trigger FROM warroom_dialogs ORDER BY serial", url)
    assert rows == [("d-1", "t-d-1"), ("d-0", "")]


def test_the_table_is_readable_by_others_under_the_usual_address(url: str) -> None:
    Ledger(url).close()
    engine = sa.create_engine(normal_url(url))
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM warroom_dialogs")).scalar() == 0
    engine.dispose()
