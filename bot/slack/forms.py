"""The forms: opened for a command without arguments, for Edit and for Filter, and read when they are sent."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import structlog

from bot.slack.payloads import Click, FormSent, SlashCommand
from bot.slack.views.create.form import CREATE_FORM, LOCAL_BASE, create_form
from bot.slack.views.form import FormContext
from bot.slack.views.images.filter_form import filter_form
from bot.slack.views.parts import Block
from bot.slack.views.update.form import LOCAL_IMAGE, UPDATE_FORM, update_form
from commands import docker_image_create, docker_image_update
from commands.actions import Request
from commands.command import Creation
from commands.errors import Problem
from commands.model.requests import Query

log = structlog.get_logger()

OpenView = Callable[[str, dict[str, Any]], bool]
"""Opens a modal for a trigger; returns whether Slack opened it."""
Names = Callable[[], Sequence[str]]
"""Returns the names of images to choose from; may raise `Problem`."""

Whisper = Callable[[str, str, str, str], None]
"""Sends a note to a person in a channel: the ids of both, the text, and a response URL or nothing."""

LISTING_SECONDS: Final = 1.0
"""How long a form waits for the daemon to list its images: the form must open within three seconds."""
_NOT_OPENED: Final = (
    "The form did not open. Try again, or type the arguments after the command. `help` after the command lists them."
)


@dataclass(frozen=True, slots=True)
class CommandForm:
    """The form of a command: its view and its parser.

    `fields` are the ids of its blocks; a fault that concerns none of them is shown at the first. Text typed into the
    field `argument` takes precedence over the choice in `menu`.
    """

    command: str
    callback: str
    fields: tuple[str, ...]
    menu: str
    argument: str
    view: Callable[[FormContext, Mapping[str, str], Sequence[str]], Block]
    read: Callable[[Mapping[str, str]], Request]
    """Makes the request; raises `FormError` with the fault of each field."""

    def arguments_of(self, sent: FormSent) -> dict[str, str]:
        """Return the arguments in a sent form."""
        values = {block: value for block, value in sent.values.items() if value}
        picked = values.pop(self.menu, "")
        return {self.argument: picked, **values} if picked else values


CREATE: Final = CommandForm(
    command=docker_image_create.GRAMMAR.command,
    callback=CREATE_FORM,
    fields=("name", "dependencies", "packages", "base"),
    menu=LOCAL_BASE,
    argument="base",
    view=create_form,
    read=docker_image_create.read_form,
)
UPDATE: Final = CommandForm(
    command=docker_image_update.GRAMMAR.command,
    callback=UPDATE_FORM,
    fields=("image", "all"),
    menu=LOCAL_IMAGE,
    argument="image",
    view=update_form,
    read=docker_image_update.read_form,
)
COMMAND_FORMS: Final = (CREATE, UPDATE)
"""Every command that opens a form if it is typed without arguments."""


class Forms:
    """Opens forms in background threads: a trigger expires in three seconds, and an ack must not wait.

    `bases` lists the images to build on and `images` those to update; `respond` answers by a response URL and returns
    whether that succeeded, `whisper` sends a note to a person in a channel.
    """

    def __init__(
        self,
        open_view: OpenView,
        bases: Names,
        images: Names,
        *,
        respond: Callable[[str, str], bool],
        whisper: Whisper,
        listing_seconds: float = LISTING_SECONDS,
    ) -> None:
        self._open_view = open_view
        self._respond = respond
        self._whisper = whisper
        self._forms = {form.command: form for form in COMMAND_FORMS}
        self._names = {
            CREATE.command: _TimedNames(bases, listing_seconds),
            UPDATE.command: _TimedNames(images, listing_seconds),
        }
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="warroom-forms")

    def close(self) -> None:
        """Stop opening forms."""
        self._threads.shutdown()

    def open_empty(self, command: SlashCommand) -> None:
        """Open the empty form of a command."""
        form = self._forms[command.command]
        context = FormContext(command.channel_id, response_url=command.response_url)
        self._open_soon(command.trigger_id, command.user_id, context, lambda: self._view(form, context, {}))

    def open_filled(self, click: Click, creation: Creation) -> None:
        """Open the form of the proposal under review, filled in."""
        values = docker_image_create.fields_of(creation.spec)
        context = FormContext(click.channel.id, edits=click.action.dialog)
        self._open_soon(
            click.trigger_id, click.user.id, context, lambda: self._view(CREATE, context, values), click.response_url
        )

    def open_filter(self, click: Click, query: Query) -> None:
        """Open the filter form of a list."""
        context = FormContext(click.channel.id, edits=click.action.dialog)
        self._open_soon(
            click.trigger_id, click.user.id, context, lambda: filter_form(context, query), click.response_url
        )

    def _view(self, form: CommandForm, context: FormContext, values: Mapping[str, str]) -> Block:
        return form.view(context, values, self._names[form.command].names())

    def _open_soon(
        self, trigger: str, user: str, context: FormContext, view: Callable[[], Block], response_url: str = ""
    ) -> None:
        self._threads.submit(self._open, trigger, user, context, view, response_url)

    def _open(
        self, trigger: str, user: str, context: FormContext, view: Callable[[], Block], response_url: str
    ) -> None:
        try:
            opened = self._open_view(trigger, view())
        except Exception:
            # The thread's boundary: the note below tells the person.
            log.exception("form_broke")
            opened = False
        if opened:
            log.info("form_opened", user=user, channel=context.channel, edits=context.edits)
        # The response URL of a command works even where the bot may not post.
        elif not (context.response_url and self._respond(context.response_url, _NOT_OPENED)):
            self._whisper(context.channel, user, _NOT_OPENED, response_url)


class _TimedNames:
    """Asks for names, with a time limit."""

    def __init__(self, ask: Names, seconds: float) -> None:
        self._ask = ask
        self._seconds = seconds
        self._lock = threading.Lock()
        self._answer: Future[Sequence[str]] | None = None

    def names(self) -> Sequence[str]:
        """Return the names to choose from; none if the daemon does not answer in time."""
        try:
            return self._pending_names().result(timeout=self._seconds)
        except (Problem, TimeoutError) as error:
            # The form works without a menu; the review will show the problem with the daemon.
            log.warning("images_not_listed", reason=str(error) or "the daemon takes too long")
            return ()

    def _pending_names(self) -> "Future[Sequence[str]]":
        # A daemon that hangs blocks only one thread, even if many forms are opened meanwhile.
        with self._lock:
            if self._answer is None or self._answer.done():
                self._answer = Future()
                threading.Thread(target=self._listen, args=(self._answer,), name="warroom-names", daemon=True).start()
            return self._answer

    def _listen(self, answer: "Future[Sequence[str]]") -> None:
        try:
            answer.set_result(self._ask())
        except Exception as error:  # noqa: BLE001 - passed to the thread that waits for it
            answer.set_exception(error)
