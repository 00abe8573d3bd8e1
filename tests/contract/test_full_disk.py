"""A state folder on a disk that really is full (root, who may mount one)."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from bot.dialogs.ledger import Entry, Ledger, sqlite_url
from bot.dialogs.stages import Preparing
from bot.doctor.report import Fault
from bot.doctor.state import folder_is_writable
from commands.errors import StateUnwritable
from tests.kit.examples import asked_as


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if (
        os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=False).returncode
    ):
        pytest.skip("this user may not mount a disk")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    """Leave no space on it; gives the file to remove."""
    file = disk / "filler"
    with file.open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(bytes(4096))
    return file


def test_a_full_disk_is_noticed_and_told_and_the_folder_can_be_used_again_after_it(disk: Path) -> None:
    assert not isinstance(folder_is_writable(disk / "logs", setting="WARROOM_STATE_DIR"), Fault)
    filler = fill(disk)

    verdict = folder_is_writable(disk / "logs", setting="WARROOM_STATE_DIR")

    assert isinstance(verdict, Fault)
    assert "No space left on device" in verdict.says
    assert "Free some space" in verdict.todo
    filler.unlink()
    assert not isinstance(folder_is_writable(disk / "logs", setting="WARROOM_STATE_DIR"), Fault)


def test_a_database_on_a_full_disk_says_so_and_loses_nothing(disk: Path) -> None:
    with closing(Ledger(sqlite_url(disk / "dialogs.sqlite"))) as ledger:
        ledger.take_over()
        filler = fill(disk)
        stored: list[str] = []

        def store_without_end() -> None:
            for name in map("d-{}".format, count()):
                ledger.add(Entry(Preparing(asked_as(name), "x" * 10_000), trigger="", response_url=""))
                stored.append(name)

        with pytest.raises(StateUnwritable) as raised:
            store_without_end()

        assert "full" in raised.value.message
        assert f"Free some space on the disk of `{disk / 'dialogs.sqlite'}`" in raised.value.hint
        assert [entry.id for entry in ledger.unfinished_entries()] == stored
        filler.unlink()
        ledger.try_writing()
        assert ledger.add(Entry(Preparing(asked_as("last"), "Reading"), trigger="", response_url=""))
