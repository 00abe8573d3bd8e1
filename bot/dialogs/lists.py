"""Lists of images, turned while people look at them. Nothing is lost with a page, so this is no durable work."""

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol

import structlog

from bot.dialogs.stages import DialogId, JobLine, Listed
from commands.command import Listing
from commands.errors import Problem
from commands.model.requests import Query

log = structlog.get_logger()


class ListWork(Protocol):
    """What a list asks of the commands."""

    def turn(self, query: Query) -> Listing:
        """Look another page of the list up. Raises `Problem`."""
        ...

    def disk_use(self) -> int:
        """Count what all images take, in bytes; may take long. Raises `Problem`."""
        ...


class Lists:
    """Turns pages and counts bytes away from whoever clicked.

    `change` puts the changed list in the place of what is shown now, if that still is a list; `under_way` names the
    jobs that run or wait.
    """

    def __init__(
        self,
        work: ListWork,
        change: Callable[[DialogId, Callable[[Listed], Listed]], None],
        under_way: Callable[[], tuple[JobLine, ...]],
    ) -> None:
        self._work = work
        self._change = change
        self._under_way = under_way
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="warroom-lists")

    def close(self) -> None:
        """Turn no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def turn(self, dialog: DialogId, query: Query) -> None:
        """Show another page, as soon as the daemon has told what is on it."""
        self._soon(dialog, lambda: self._page_change(query))

    def count(self, dialog: DialogId) -> None:
        """Add what all images take, as soon as the daemon has counted it."""
        self._soon(dialog, self._disk_change)

    def _soon(self, dialog: DialogId, look: Callable[[], Callable[[Listed], Listed]]) -> None:
        def change_list() -> None:
            try:
                self._change(dialog, look())
            except Exception:
                # The thread's boundary: the list stays as it is, and its buttons work.
                log.exception("list_not_changed", job=dialog)

        # A bot that closes looks nothing up any more.
        with contextlib.suppress(RuntimeError):
            self._threads.submit(change_list)

    def _page_change(self, query: Query) -> Callable[[Listed], Listed]:
        try:
            listing, under_way = self._work.turn(query), self._under_way()
        except Problem as problem:
            trouble = f"{problem.message} {problem.hint}"
            return lambda now: replace(now, trouble=trouble)

        def change(now: Listed) -> Listed:
            counted = replace(listing, disk=now.listing.disk, disk_note=now.listing.disk_note)
            return Listed(now.asked, counted, under_way)

        return change

    def _disk_change(self) -> Callable[[Listed], Listed]:
        disk, note = self._disk_use()
        return lambda now: replace(now, listing=replace(now.listing, disk=disk, disk_note=note))

    def _disk_use(self) -> tuple[int | None, str]:
        try:
            return self._work.disk_use(), ""
        except Problem as problem:
            return None, problem.message
