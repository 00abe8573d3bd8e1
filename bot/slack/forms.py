"""The forms: opened for a command without arguments and for Edit, and read back as the fields that were filled in."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import structlog

from bot.dialogs import UnderReview
from bot.slack.payloads import Click, FormSent, SlashCommand
from bot.slack.views.form import LOCAL_BASE, FormContext, create_form
from commands import docker_image_create
from commands.errors import Problem

log = structlog.get_logger()

OpenView = Callable[[str, dict[str, Any]], bool]
"""Opens a modal for a trigger; says whether Slack took it."""

LISTING_SECONDS: Final = 1.0
"""How long a form waits for the daemon to name its images: the form itself must be there within three seconds."""
_NOT_OPENED: Final = (
    "The form did not open. Try again, or type the arguments behind the command; with `help` behind it, it shows how."
)


class Forms:
    """Opens forms without keeping a listener waiting: a trigger is good for three seconds, an ack must not wait.

    `bases` names the images to choose from, and may raise `Problem`; `respond` answers by a response URL and says
    whether that was heard, `whisper` tells a person in a channel.
    """

    def __init__(
        self,
        open_view: OpenView,
        bases: Callable[[], Sequence[str]],
        *,
        respond: Callable[[str, str], bool],
        whisper: Callable[[str, str, str], None],
        listing_seconds: float = LISTING_SECONDS,
    ) -> None:
        self._open_view = open_view
        self._bases = bases
        self._respond = respond
        self._whisper = whisper
        self._listing_seconds = listing_seconds
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="warroom-forms")
        self._lock = threading.Lock()
        self._listing: Future[Sequence[str]] | None = None

    def close(self) -> None:
        """Open no more."""
        self._threads.shutdown()

    def open_empty(self, command: SlashCommand) -> None:
        """Ask for a new image."""
        context = FormContext(command.channel_id, response_url=command.response_url)
        self._threads.submit(self._open, command.trigger_id, context, {}, command.user_id)

    def open_filled(self, click: Click, dialog: UnderReview) -> None:
        """Ask again for what is under review."""
        values = docker_image_create.fields_of(dialog.proposal.spec)
        context = FormContext(click.channel.id, edits=dialog.asked.dialog)
        self._threads.submit(self._open, click.trigger_id, context, values, click.user.id)

    def _open(self, trigger: str, context: FormContext, values: Mapping[str, str], user: str) -> None:
        try:
            opened = self._open_view(trigger, create_form(context, values, self._candidates()))
        except Exception:
            # The thread's boundary: the person is told below.
            log.exception("form_broke")
            opened = False
        if opened:
            log.info("form_opened", user=user, channel=context.channel, edits=context.edits)
        # By the response URL of a command it is heard where the bot may not post, too.
        elif not (context.response_url and self._respond(context.response_url, _NOT_OPENED)):
            self._whisper(context.channel, user, _NOT_OPENED)

    def _candidates(self) -> Sequence[str]:
        try:
            return self._listed().result(timeout=self._listing_seconds)
        except (Problem, TimeoutError) as error:
            # The form works without a menu; the review will say what is wrong with the daemon.
            log.warning("bases_not_listed", reason=str(error) or "the daemon takes too long")
            return ()

    def _listed(self) -> "Future[Sequence[str]]":
        # A daemon that hangs holds one thread, however many forms are opened meanwhile.
        with self._lock:
            if self._listing is None or self._listing.done():
                self._listing = Future()
                threading.Thread(target=self._list, args=(self._listing,), name="warroom-bases", daemon=True).start()
            return self._listing

    def _list(self, listing: "Future[Sequence[str]]") -> None:
        try:
            listing.set_result(self._bases())
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for it
            listing.set_exception(error)


def fields_in(sent: FormSent) -> dict[str, str]:
    """Read the arguments out of a form; a base that was typed wins over one that was picked."""
    values = {block: value for block, value in sent.values.items() if value}
    picked = values.pop(LOCAL_BASE, "")
    if picked and "base" not in values:
        values["base"] = picked
    return values
