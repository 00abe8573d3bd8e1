"""The listeners for commands, clicks and forms: parse, authorise, hand on; the ack is the last statement.

Nothing here waits for Docker, an index or Slack's Web API.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import structlog
from pydantic import ValidationError
from slack_bolt import Ack, App

from bot.access.rules import Access, Act, Actor, OpenForm, PressButton, SendForm, TypeCommand
from bot.dialogs.jobs import Jobs
from bot.dialogs.stages import Asked, DialogId
from bot.meter import Meter
from bot.redaction import redacted
from bot.router import Command, Router
from bot.slack.clicks import Clicks
from bot.slack.forms import Forms
from bot.slack.notes import BROKEN, STRANGE_FORM, UNKNOWN_FORM
from bot.slack.payloads import Click, FormSent, SlashCommand
from bot.slack.sender import Sender
from bot.slack.submissions import Submission, submissions
from bot.slack.views import Message
from bot.slack.views.form import FormContext
from bot.slack.views.kinds import CONTROLS
from bot.slack.views.parts import context_of
from bot.slack.views.refusal import refusal_message
from bot.slack.views.usage import usage
from commands.actions import Request, line_of
from commands.command import Refusal
from commands.errors import ArgumentError, Problem
from commands.typed_text import HELP

log = structlog.get_logger()

_ANY = re.compile(".*", re.DOTALL)
_LONGEST_FAULT = 1_000
"""The most characters of the fault beside one field."""


class Listeners:
    """The listeners of one Bolt app."""

    def __init__(
        self,
        jobs: Jobs,
        router: Router,
        access: Access,
        forms: Forms,
        sender: Sender,
        *,
        new_id: Callable[[], DialogId],
        clock: Callable[[], datetime],
        redact: Callable[[str], str] = str,
        meter: Meter | None = None,
    ) -> None:
        self._jobs = jobs
        self._router = router
        self._access = access
        self._forms = forms
        self._sender = sender
        self._new_id = new_id
        self._clock = clock
        self._redact = redact
        self._meter = meter or Meter()
        self._clicks = Clicks(jobs, forms, sender, asked=self._new_asked, clock=clock)
        self._submissions = submissions(jobs, self._new_asked)

    def register(self, app: App, own_teams: frozenset[str]) -> None:
        """Bind the listeners to every slash command, button, menu and form of a workspace's app."""
        self._access = self._access.with_own(own_teams)
        for name in self._router.names:
            app.command(name)(self._on_command)
        for control in CONTROLS:
            app.action(control.action)(self._on_click)
        for submission in self._submissions:
            app.view(submission.callback)(self._listener_of(submission))
        # What an earlier or later version put into Slack: without a listener, Bolt would leave it unacknowledged.
        app.command(_ANY)(self._on_command)
        app.action(_ANY)(self._on_click)
        app.view(_ANY)(self._on_unknown_form)

    def _on_command(self, ack: Ack, body: dict[str, Any]) -> None:
        with self._meter.acking("command"):
            ack(**self._answer(body))

    def _on_click(self, ack: Ack, body: dict[str, Any]) -> None:
        with self._meter.acking("click"):
            self._click(body)
            ack()

    def _listener_of(self, submission: Submission) -> Callable[..., None]:
        def on_form(ack: Ack, body: dict[str, Any]) -> None:
            with self._meter.acking("form"):
                ack(**self._form_answer(submission, body))

        return on_form

    def _on_unknown_form(self, ack: Ack, body: dict[str, Any]) -> None:
        with self._meter.acking("form"):
            ack(**_unknown_form(body))

    def _new_asked(self, request: Request, actor: Actor, line: str = "") -> Asked:
        line = line or line_of(request)
        command = line.split(maxsplit=1)[0]
        return Asked(self._new_id(), request, command, line, actor.user, actor.channel, self._clock(), team=actor.team)

    # ── Clicks ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _click(self, body: dict[str, Any]) -> None:
        try:
            click = Click.model_validate(body)
        except ValidationError as error:
            log.warning("click_not_understood", errors=error.errors(include_input=False, include_url=False))
            return
        note = self._note(click)
        self._sender.heard_from(click.channel.id)
        if note:
            self._sender.whisper(click.channel.id, click.user.id, note, click.response_url)

    def _note(self, click: Click) -> str | None:
        actor = Actor(click.user.id, click.channel.id, click.user.team_id)
        try:
            return self._access.refusal(actor, PressButton(click.action.action_id)) or self._clicks.take(click, actor)
        except Problem as problem:
            return f"{problem.message} {problem.hint}"
        except Exception:
            # The thread's boundary: whatever it is, the person is told, and Slack gets its acknowledgement.
            log.exception("click_broke", user=click.user.id, action=click.action.action_id)
            return BROKEN

    # ── Commands ────────────────────────────────────────────────────────────────────────────────────────────────

    def _answer(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._command(body)
        except Exception:
            # The thread's boundary: without an acknowledgement the person would read `operation_timeout`.
            log.exception("command_broke")
            return _only_you(BROKEN)

    def _command(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            command = SlashCommand.model_validate(body)
        except ValidationError as error:
            log.warning("command_not_understood", errors=error.errors(include_input=False, include_url=False))
            return _only_you("The command could not be read. Type it again.")
        actor, act = Actor(command.user_id, command.channel_id, command.team_id), self._act(command)
        refusal = self._access.refusal(actor, act)
        if refusal:
            self._meter.command_ended(command.command, "not_allowed")
            return _only_you(refusal)
        self._sender.heard_from(command.channel_id)
        known = self._router.command(command.command)
        if known and command.text.strip().lower() in HELP:
            return _only_you(_usage(known))
        if isinstance(act, OpenForm):
            self._forms.open_empty(command)
            return {}
        return self._accept(command, actor)

    def _act(self, command: SlashCommand) -> Act:
        known = self._router.command(command.command)
        opens_form = known is not None and known.has_form and not command.text.strip()
        return OpenForm(command.command) if opens_form else TypeCommand(command.command)

    def _accept(self, command: SlashCommand, actor: Actor) -> dict[str, Any]:
        try:
            asked = self._new_asked(self._router.parse(command.line), actor, command.line)
            self._jobs.accept(asked, trigger=command.trigger_id, response_url=command.response_url)
        except ArgumentError as error:
            log.info("command_refused", line=command.line, user=command.user_id, message=error.message)
            self._meter.command_ended(command.command, "refused")
            return _privately(self._refusal_message(command, error))
        except Problem as problem:
            self._meter.command_ended(command.command, "not_taken")
            return _only_you(f"{problem.message} {problem.hint}")
        # This shows the typed command in the channel; the dialog follows as a message that can be edited.
        return {"response_type": "in_channel"}

    def _refusal_message(self, command: SlashCommand, error: ArgumentError) -> Message:
        refusal = Refusal("Check the command", error.message, error.hint, error.details)
        # An acknowledgement does not pass through the sender, which masks everything else.
        small_print = context_of(self._redact(command.line), command.user_id, self._clock())
        return refusal_message(redacted(refusal, self._redact), small_print)

    # ── Forms ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _form_answer(self, submission: Submission, body: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._form(submission, FormSent.model_validate(body))
        except ValidationError as error:
            log.warning("form_not_understood", errors=error.errors(include_input=False, include_url=False))
            return self._error(submission, STRANGE_FORM)
        except Problem as problem:
            return self._error(submission, f"{problem.message} {problem.hint}")
        except Exception:
            # The thread's boundary: without an acknowledgement the form would only say that something failed.
            log.exception("form_broke")
            return self._error(submission, BROKEN)

    def _form(self, submission: Submission, sent: FormSent) -> dict[str, Any]:
        context = FormContext.read(sent.view.private_metadata)
        if context is None:
            log.warning("form_not_understood")
            return self._error(submission, STRANGE_FORM)
        actor = Actor(sent.user.id, context.channel, sent.user.team_id)
        refusal = self._access.refusal(actor, SendForm(submission.command))
        if refusal:
            self._meter.command_ended(submission.command, "not_allowed")
            return self._error(submission, refusal)
        faults = submission.take(sent, context, actor)
        if not faults:
            return {}
        log.info("form_refused", user=sent.user.id, fields=sorted(faults))
        return self._errors(submission, faults)

    def _error(self, submission: Submission, fault: str) -> dict[str, Any]:
        return self._errors(submission, {submission.fields[0]: fault})

    def _errors(self, submission: Submission, faults: Mapping[str, str]) -> dict[str, Any]:
        # Slack shows no fault at all if one names a block that the form does not have.
        placed = {field if field in submission.fields else submission.fields[0]: faults[field] for field in faults}
        # An acknowledgement does not pass through the sender, which masks the rest.
        shown = {block: self._redact(fault)[:_LONGEST_FAULT] for block, fault in placed.items()}
        return {"response_action": "errors", "errors": shown}


def _unknown_form(body: Mapping[str, Any]) -> dict[str, Any]:
    try:
        blocks = list(FormSent.model_validate(body).view.state.values)
    except ValidationError:
        blocks = []
    log.warning("form_unknown", blocks=blocks)
    # Slack shows a fault only beside a block of the form; a form without one is closed.
    return {"response_action": "errors", "errors": {blocks[0]: UNKNOWN_FORM}} if blocks else {}


def _usage(command: Command) -> str:
    return usage(command.name, command.description, command.usage, command.examples, has_form=command.has_form)


def _only_you(text: str) -> dict[str, Any]:
    return {"response_type": "ephemeral", "text": text}


def _privately(message: Message) -> dict[str, Any]:
    return {"response_type": "ephemeral", "text": message.text, "blocks": list(message.blocks)}
