"""Lists of images, changed while people look at them. Losing a page does no harm, so this work is not durable."""

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
    """What a list needs from the commands."""

    def turn(self, query: Query) -> Listing:
        """Return another page of the list. Raise `Problem`."""
        ...

    def disk_use(self) -> int:
        """Return the bytes of all images; this may take long. Raise `Problem`."""
        ...


class Lists:
    """Turns pages and counts bytes in background threads.

    `change` replaces the shown list with the changed one, if the dialog still is a list; `under_way` returns the jobs
    that run or wait.
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
        """Stop turning pages."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def turn(self, dialog: DialogId, query: Query) -> None:
        """Show another page as soon as the daemon has answered."""
        self._soon(dialog, lambda: self._page_change(query))

    def count(self, dialog: DialogId) -> None:
        """Add the bytes of all images as soon as the daemon has counted them."""
        self._soon(dialog, self._disk_change)

    def _soon(self, dialog: DialogId, look: Callable[[], Callable[[Listed], Listed]]) -> None:
        def change_list() -> None:
            try:
                self._change(dialog, look())
            except Exception:
                # The thread's boundary: the list stays as it is, and its buttons still work.
                log.exception("list_not_changed", job=dialog)

        # A closing bot looks nothing up.
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
