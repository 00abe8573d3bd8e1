"""The effect of a sent form: a request, or a filtered list."""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import structlog

from bot.access.rules import Actor
from bot.dialogs.jobs import Jobs
from bot.dialogs.stages import Asked
from bot.dialogs.transitions import Press
from bot.slack.forms import COMMAND_FORMS, CommandForm
from bot.slack.notes import note_of
from bot.slack.payloads import FormSent
from bot.slack.views.form import TICKED, FormContext
from bot.slack.views.images.filter_form import FILTER_FORM, LONGEST_TEXT, MADE_HERE, TEXT
from commands import docker_images
from commands.actions import Request
from commands.model.requests import Query
from commands.typed_text import FormError

log = structlog.get_logger()

_CHANGES_NOTHING: Final = "Close this form: it changes nothing."


class Submission(Protocol):
    """A kind of sent form."""

    @property
    def command(self) -> str:
        """The command of the form."""
        ...

    @property
    def callback(self) -> str:
        """Its `callback_id`."""
        ...

    @property
    def fields(self) -> tuple[str, ...]:
        """The ids of its blocks; a fault that concerns none of them is shown at the first."""
        ...

    def take(self, sent: FormSent, context: FormContext, actor: Actor) -> Mapping[str, str]:
        """Carry out a sent form; return its faults by block id. Raise `Problem`."""
        ...


class CommandFormSent:
    """The form of a command; it makes the same request as the typed arguments."""

    def __init__(self, form: CommandForm, jobs: Jobs, asked: Callable[[Request, Actor], Asked]) -> None:
        self.command = form.command
        self.callback = form.callback
        self.fields = form.fields
        self._form = form
        self._jobs = jobs
        self._asked = asked

    def take(self, sent: FormSent, context: FormContext, actor: Actor) -> Mapping[str, str]:
        """Accept the request; it replaces the review that the form edits, if any."""
        try:
            request = self._form.read(self._form.arguments_of(sent))
        except FormError as error:
            return error.faults
        asked = self._asked(request, actor)
        if context.edits is None:
            self._jobs.accept(asked, trigger=sent.trigger_id, response_url=context.response_url)
            return {}
        press = self._jobs.amend(context.edits, asked, trigger=sent.trigger_id, response_url=context.response_url)
        return _faults_of(press, self.fields[0])


class FilterSent:
    """The form that filters a list."""

    command = docker_images.GRAMMAR.command
    callback = FILTER_FORM
    fields = (TEXT, MADE_HERE)

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def take(self, sent: FormSent, context: FormContext, actor: Actor) -> Mapping[str, str]:
        """Show the first page of the filtered list."""
        del actor
        values = sent.values
        text = values.get(TEXT, "")
        if fault := _fault_in(text):
            return {TEXT: fault}
        query = Query(text=text, made_here=values.get(MADE_HERE) == TICKED)
        press = Press.GONE if context.edits is None else self._jobs.turn(context.edits, query)
        return _faults_of(press, TEXT)


def submissions(jobs: Jobs, asked: Callable[[Request, Actor], Asked]) -> tuple[Submission, ...]:
    """Return every kind of form."""
    return (*(CommandFormSent(form, jobs, asked) for form in COMMAND_FORMS), FilterSent(jobs))


def _fault_in(text: str) -> str | None:
    if len(text) > LONGEST_TEXT:
        return f"Use at most {LONGEST_TEXT} characters; this has {len(text):,}."
    if not text.isprintable():
        return "The text has an invisible character. Type it again."
    return None


def _faults_of(press: Press, field: str) -> Mapping[str, str]:
    note = note_of(press)
    return {field: f"{note} {_CHANGES_NOTHING}"} if note else {}
