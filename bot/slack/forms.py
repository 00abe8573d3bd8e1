"""The forms: opened for a command without arguments and for Edit, read back, and turned into the same typed line."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog

from bot.dialogs import UnderReview
from bot.slack.payloads import FormSent
from bot.slack.views.form import LOCAL_BASE, FormContext, create_form
from commands import docker_image_create
from commands.errors import Problem

log = structlog.get_logger()

OpenView = Callable[[str, dict[str, Any]], bool]
"""Opens a modal for a trigger; says whether Slack took it."""

_NOT_OPENED = "The form did not open in time. Try again, or type the arguments behind the command."


class Forms:
    """Opens forms without keeping a listener waiting: a trigger is good for three seconds, an ack must not wait."""

    def __init__(
        self, open_view: OpenView, bases: Callable[[], Sequence[str]], whisper: Callable[[str, str, str], None]
    ) -> None:
        self._open_view = open_view
        self._bases = bases
        self._whisper = whisper
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="warroom-forms")

    def close(self) -> None:
        """Open no more."""
        self._threads.shutdown()

    def open_empty(self, trigger: str, channel: str, user: str) -> None:
        """Ask for a new image."""
        self._threads.submit(self._open, trigger, FormContext(channel), {}, user)

    def open_filled(self, trigger: str, dialog: UnderReview, channel: str, user: str) -> None:
        """Ask again for what is under review."""
        values = docker_image_create.fields_of(dialog.proposal.spec)
        self._threads.submit(self._open, trigger, FormContext(channel, dialog.asked.dialog), values, user)

    def _open(self, trigger: str, context: FormContext, values: Mapping[str, str], user: str) -> None:
        try:
            opened = self._open_view(trigger, create_form(context, values, self._candidates()))
        except Exception:
            # The thread's boundary: the person is told below.
            log.exception("form_broke")
            opened = False
        if not opened:
            self._whisper(context.channel, user, _NOT_OPENED)

    def _candidates(self) -> Sequence[str]:
        try:
            return self._bases()
        except Problem as problem:
            # The form works without a menu; the review will say what is wrong with the daemon.
            log.warning("bases_not_listed", reason=problem.message)
            return ()


def fields_in(sent: FormSent) -> dict[str, str]:
    """Read the arguments out of a form; a base that was typed wins over one that was picked."""
    values = {block: value for block, value in sent.values.items() if value}
    picked = values.pop(LOCAL_BASE, "")
    if picked and "base" not in values:
        values["base"] = picked
    return values
