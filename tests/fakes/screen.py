"""A screen that remembers everything that it ever showed."""

import threading
from collections.abc import Callable
from typing import TypeVar

from bot.dialogs.stages import FINAL, Attachment, Dialog, DialogId, StorageTrouble, trouble_of
from tests.fakes.host import PATIENCE_SECONDS, Gate

Stage = TypeVar("Stage")


class FakeScreen:
    """Shows dialogs to a test; `files` are what was put into threads.

    It fails at stages of the kind `breaks_at`, and passes `held` at those of the kind `holds_at`.
    """

    def __init__(self) -> None:
        self.shown: list[Dialog] = []
        self.files: list[tuple[DialogId, Attachment]] = []
        self.breaks_at: type[Dialog] | None = None
        self.holds_at: type[Dialog] | None = None
        self.held = Gate()
        self._changed = threading.Condition()

    def show(self, dialog: Dialog) -> None:
        """See `Screen`."""
        if self.breaks_at is not None and isinstance(dialog, self.breaks_at):
            raise RuntimeError("the screen is broken")
        if self.holds_at is not None and isinstance(dialog, self.holds_at):
            self.held.pass_through()
        with self._changed:
            self.shown.append(dialog)
            self._changed.notify_all()

    def attach(self, dialog: DialogId, file: Attachment, *, response_url: str = "", user: str = "") -> None:
        """See `Screen`; who is told of a failure is up to the real one."""
        del response_url, user
        with self._changed:
            self.files.append((dialog, file))
            self._changed.notify_all()

    def wait_for(
        self, kind: type[Stage], dialog: str = "d-1", *, where: Callable[[Stage], bool] = lambda _: True
    ) -> Stage:
        """Wait until the dialog was shown in this stage, `where` it is so; gives the last such one."""
        with self._changed:
            found = self._changed.wait_for(lambda: self._last(kind, dialog, where), PATIENCE_SECONDS)
        assert found is not None, f"no such {kind.__name__} of {dialog}; shown were {self.stages(dialog)}"
        return found

    def wait_for_trouble(self, dialog: str = "d-1", *, times: int = 1) -> StorageTrouble:
        """Wait until the dialog was shown with a trouble, so many times; gives the last."""
        with self._changed:
            came = self._changed.wait_for(lambda: len(self._troubles(dialog)) >= times, PATIENCE_SECONDS)
            assert came, f"no trouble of {dialog}; shown were {self.stages(dialog)}"
            return self._troubles(dialog)[-1]

    def _troubles(self, dialog: str) -> list[StorageTrouble]:
        found = (trouble_of(each) for each in self.shown if each.asked.dialog == dialog)
        return [trouble for trouble in found if trouble is not None]

    def wait_for_file(self, dialog: str = "d-1") -> Attachment:
        """Wait until something was put into the dialog's thread; gives the first of it."""
        with self._changed:
            came = self._changed.wait_for(lambda: any(each == dialog for each, _ in self.files), PATIENCE_SECONDS)
        assert came, f"no file in the thread of {dialog}"
        return next(file for each, file in self.files if each == dialog)

    def stages(self, dialog: str = "d-1") -> list[str]:
        """Name the stages in which the dialog was shown, one after the other; repeated ones once."""
        kinds = [type(each).__name__ for each in self.of(dialog)]
        return [kind for place, kind in enumerate(kinds) if place == 0 or kinds[place - 1] != kind]

    def of(self, dialog: str) -> list[Dialog]:
        """List what was shown of the dialog."""
        with self._changed:
            return [each for each in self.shown if each.asked.dialog == dialog]

    def ends(self, dialog: str = "d-1") -> list[Dialog]:
        """List the ends that were shown of the dialog."""
        return [each for each in self.of(dialog) if isinstance(each, FINAL)]

    def _last(self, kind: type[Stage], dialog: str, where: Callable[[Stage], bool]) -> Stage | None:
        fitting = (each for each in reversed(self.shown) if each.asked.dialog == dialog and isinstance(each, kind))
        return next((each for each in fitting if where(each)), None)
