"""The folder of state: held by one process at a time, or made for one command and cleared away afterwards."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import IO, Self

import structlog

from bot.dialogs.ledger import Ledger, sqlite_url
from bot.dialogs.stages import UNFINISHED, DialogId
from bot.settings import Settings
from commands.carry_out import clean
from commands.engine.interface import Engine
from commands.errors import Problem, StateUnwritable

log = structlog.get_logger()

_SCRATCH = "say"
"""The folder for the states of bots that live for one command."""


class StateFolder:
    """The folder of state, held by one process at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[str] | None = None

    def __enter__(self) -> Self:
        """Take it; raises `StateUnwritable` where it cannot be made, or another process has it."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = (self.path / "lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.__exit__()
            raise StateUnwritable(
                f"Another warroom is using the state folder `{self.path}`.",
                hint="Stop that one first, or give this one a folder of its own with `WARROOM_STATE_DIR`.",
            ) from None
        except OSError as error:
            raise StateUnwritable(
                f"The state folder `{self.path}` cannot be used: {error.strerror}.",
                hint="Make it writable for this user, or choose another one with `WARROOM_STATE_DIR`.",
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it to others."""
        if self._lock is not None:
            self._lock.close()


@contextmanager
def scratch_state(settings: Settings, engine: Engine) -> Iterator[Settings]:
    """Give a bot that lives for one command a state folder with its own database, which is removed afterwards.

    On the configured database it would take over the dialogs of the bot that runs there.

    Folders that earlier ones left are removed too, with what their jobs left on the daemon.
    """
    clear_scratch(settings, engine)
    own = settings.state_dir / _SCRATCH / token_hex(4)
    try:
        yield settings.model_copy(update={"state_dir": own, "database_url": None})
    finally:
        _clear(own, engine)


def clear_scratch(settings: Settings, engine: Engine) -> int:
    """Remove the folders that killed commands left, with what their jobs left on the daemon; return how many."""
    return sum(_clear(left, engine) for left in (settings.state_dir / _SCRATCH).glob("*"))


def _clear(folder: Path, engine: Engine) -> bool:
    """Remove a state folder, and first what its unfinished jobs have left on the daemon; return whether it is gone."""
    try:
        with StateFolder(folder):
            for job in _unfinished(folder / "dialogs.sqlite"):
                clean(job, engine)
            shutil.rmtree(folder)
    except (Problem, OSError) as error:
        # In use by another process, or the daemon is away: the next one tries again.
        log.info("state_not_cleared", folder=str(folder), reason=str(error))
        return False
    return True


def _unfinished(database: Path) -> tuple[DialogId, ...]:
    if not database.exists():
        return ()
    ledger = Ledger(sqlite_url(database))
    try:
        # Their ids alone: an older version may have written what this one does not read.
        return tuple(job for stage in UNFINISHED for job in ledger.queue(stage))
    finally:
        ledger.close()
