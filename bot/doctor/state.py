"""Checks the bot's state: the folder and the database."""

import errno
import fcntl
import os
import shutil
from pathlib import Path
from tempfile import TemporaryFile

from bot.dialogs.databases import refuse_malformed
from bot.dialogs.ledger import Ledger
from bot.dialogs.owner_lock import owner_is_active
from bot.doctor.daemon import gigabytes
from bot.doctor.report import Caution, Fault, Good, Verdict
from commands.text import count_of

_ENOUGH = 1 << 30
"""Room for build logs and a database; less fills up within weeks."""


def folder_is_writable(folder: Path, *, setting: str) -> Verdict:
    """Write a file onto the folder's disk, or its nearest existing parent's, and report the free space."""
    place = _nearest(folder)
    try:
        with TemporaryFile(dir=place) as file:
            # A whole block: a full disk may still take a few bytes.
            file.write(b"warroom\n" * 1024)
            file.flush()
            os.fsync(file.fileno())
        free = shutil.disk_usage(place).free
    except OSError as error:
        return Fault(f"{folder} cannot be written: {error.strerror}.", _fix(error, setting))
    says = f"{folder}{'' if place == folder else ' (will be created)'}, {gigabytes(free)} free"
    if free < _ENOUGH:
        return Caution(says, f"Free some space, or choose another folder with `{setting}`.")
    return Good(says)


def folder_is_free(folder: Path) -> Verdict:
    """Report whether another bot uses the folder; only one can."""
    try:
        with (folder / "lock").open() as lock:
            # Shared: two checks must not mistake each other for a bot.
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        pass
    except BlockingIOError:
        return Caution(
            "A warroom is running on this state folder.",
            "Nothing to do if it should be running. A second one needs another folder: `WARROOM_STATE_DIR`.",
        )
    except OSError as error:
        return Fault(f"{folder}/lock cannot be read: {error.strerror}.", _fix(error, "WARROOM_STATE_DIR"))
    return Good("not in use by another warroom")


def owner_is_free(url: str, owner: str) -> Verdict:
    """Report whether another bot uses the database under this name; only one can."""
    if owner_is_active(url, owner):
        return Caution(
            f"A warroom named `{owner}` is running on this database.",
            "Nothing to do if it should be running. A second one needs another name: `WARROOM_OWNER`.",
        )
    return Good(f"not in use by another warroom named `{owner}`")


def file_is_sound(file: Path) -> Verdict:
    """Look for damage in a SQLite file, which is left as it is."""
    refuse_malformed(file)
    return Good(f"{file}, sound")


def database_answers(url: str, *, shown: str) -> Verdict:
    """Open the table of dialogs like the bot; `shown` names the database without its password."""
    ledger = Ledger(url)
    try:
        unfinished = len(ledger.unfinished_entries())
    finally:
        ledger.close()
    return Good(f"{shown}, {count_of(unfinished, 'unfinished dialog')}")


def _nearest(folder: Path) -> Path:
    return next((place for place in (folder, *folder.parents) if place.is_dir()), folder)


def _fix(error: OSError, setting: str) -> str:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return f"Free some space, or choose another folder with `{setting}`."
        case errno.EROFS:
            return f"Mount a writable volume there, or choose another folder with `{setting}`."
        case _:
            return f"Make it writable for this user, or choose another folder with `{setting}`."
