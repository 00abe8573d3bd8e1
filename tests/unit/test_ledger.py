"""The ledger's own on SQLite: every stage, rows of other versions, files that fail. tests/contract has its suite."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar, get_args

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.dialogs.ledger import Ledger, sqlite_url
from bot.dialogs.stages import (
    Dialog,
    DialogId,
    Preparing,
    Queued,
)
from commands.errors import StateUnwritable
from tests.kit.examples import EVERY_KIND
from tests.kit.ledgers import entry, ids, opened, preparing, queued

T = TypeVar("T")
ROW = 1.0
"""A moment, where none matters."""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path / "state" / "dialogs.sqlite")


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with opened(url) as made:
        yield made


# ── Every stage comes back as it was ────────────────────────────────────────────────────────────────────────────────


def from_types(kind: type[Dialog]) -> st.SearchStrategy[Dialog]:
    return st.from_type(kind)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with opened(sqlite_url(tmp_path_factory.mktemp("lasting") / "dialogs.sqlite")) as made:
        yield made


st.register_type_strategy(Mapping, lambda kind: st.dictionaries(*map(st.from_type, get_args(kind))))
st.register_type_strategy(datetime, st.datetimes(timezones=st.just(UTC)))
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
EVERY_STAGE: st.SearchStrategy[Dialog] = st.one_of(*(from_types(kind) for kind in get_args(Dialog)))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(dialog=EVERY_STAGE, number=st.integers(min_value=0))
def test_every_stage_comes_back_as_it_was_stored(lasting: Ledger, dialog: Dialog, number: int) -> None:
    asked = replace(dialog.asked, dialog=DialogId(f"{dialog.asked.dialog}-{number}"))
    stored = replace(dialog, asked=asked)
    if lasting.get(asked.dialog) is None:
        lasting.add(entry(Preparing(asked, "")))
    before = lasting.get(asked.dialog)
    assert before is not None

    assert lasting.move(stored, after=[type(before.dialog)], now=ROW)
    after = lasting.get(asked.dialog)

    assert after is not None
    assert after.dialog == stored


def test_the_examples_hold_every_stage() -> None:
    assert {type(dialog) for dialog in EVERY_KIND} == set(get_args(Dialog))


# ── Other versions ──────────────────────────────────────────────────────────────────────────────────────────────────


SPOILT = (
    "UPDATE warroom_dialogs SET value = '{}' WHERE id = 'd-2'",
    "UPDATE warroom_dialogs SET stage = 'Sleeping' WHERE id = 'd-2'",
    "UPDATE warroom_dialogs SET value = json_set(value, '$.asked.request.kind', 'greet') WHERE id = 'd-2'",
)
"""What a program of another version may have stored."""


@pytest.mark.parametrize("change", SPOILT)
def test_a_dialog_that_cannot_be_read_hides_no_other(ledger: Ledger, url: str, change: str) -> None:
    for name in ("d-1", "d-2", "d-3"):
        ledger.add(entry(preparing(name)))
    _execute(url, change)

    assert ids(ledger.unfinished_entries()) == ["d-1", "d-3"]
    assert ledger.get(DialogId("d-2")) is None


# ── When it cannot be written ───────────────────────────────────────────────────────────────────────────────────────


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StateUnwritable) as raised:
        sqlite_url(tmp_path / "file" / "dialogs.sqlite")

    assert str(tmp_path / "file" / "dialogs.sqlite") in raised.value.hint


def test_a_database_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "dialogs.sqlite").mkdir()

    with pytest.raises(StateUnwritable) as raised:
        Ledger(sqlite_url(tmp_path / "dialogs.sqlite"))

    assert "unable to open database file" in raised.value.message
    assert str(tmp_path / "dialogs.sqlite") in raised.value.hint


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "dialogs.sqlite").write_text("a letter, not a database\n" * 100)

    with pytest.raises(StateUnwritable) as raised:
        Ledger(sqlite_url(tmp_path / "dialogs.sqlite"))

    assert str(tmp_path / "dialogs.sqlite") in raised.value.hint


WRITES: dict[str, Callable[[Ledger], object]] = {
    "add": lambda ledger: ledger.add(entry(preparing("d-2"))),
    "move": lambda ledger: ledger.move(queued("d-1"), after=[Preparing], now=ROW),
    "set_message": lambda ledger: ledger.set_message(DialogId("d-1"), "1.1"),
    "set_shown": lambda ledger: ledger.set_shown(DialogId("d-1"), 1),
    "set_announced": lambda ledger: ledger.set_announced(DialogId("d-1")),
    "set_attached": lambda ledger: ledger.set_attached(DialogId("d-1"), "log"),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_no_write_to_a_read_only_database_goes_unnoticed(
    url: str, tmp_path: Path, write: Callable[[Ledger], object]
) -> None:
    with opened(url) as first:
        first.add(entry(preparing("d-1")))
    with opened(f"sqlite:///file:{tmp_path}/state/dialogs.sqlite?mode=ro&uri=true") as ledger:
        assert ledger.get(DialogId("d-1")) == entry(preparing("d-1"))

        with pytest.raises(StateUnwritable) as raised:
            write(ledger)

    assert "readonly database" in raised.value.message
    assert "dialogs.sqlite" in raised.value.hint


READS: dict[str, Callable[[Ledger], object]] = {
    "get": lambda ledger: ledger.get(DialogId("d-1")),
    "queue": lambda ledger: ledger.queue(Queued),
    "unfinished": lambda ledger: ledger.unfinished_entries(),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_database_that_cannot_be_read_is_no_strange_error_either(
    ledger: Ledger, url: str, read: Callable[[Ledger], object]
) -> None:
    _execute(url, "DROP TABLE warroom_dialogs")

    with pytest.raises(StateUnwritable):
        read(ledger)


def _execute(url: str, statement: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()
