"""What the Bolt app does with a command or a click: parse, authorise, store, hand on; the ack is the last statement.

Nothing here waits for Docker, an index or Slack's Web API.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

import structlog
from pydantic import ValidationError
from slack_bolt import Ack, App

from bot.dialogs import FINAL, Asked, Attachment, Dialog, DialogId, Expired, Refused, UnderReview
from bot.jobs import Button, Jobs, Press
from bot.meter import Meter
from bot.router import Command, Router
from bot.slack.forms import Forms, fields_in
from bot.slack.masking import masked
from bot.slack.payloads import Click, FormSent, SlashCommand
from bot.slack.views import Message, render
from bot.slack.views.files import attachment
from bot.slack.views.form import CREATE_FORM, FormContext
from bot.slack.views.usage import usage
from commands import docker_image_create
from commands.arguments import HELP
from commands.command import Refusal
from commands.errors import ArgumentError, Problem

log = structlog.get_logger()

EDIT = "edit"
"""The button that opens the form of what is under review."""
_LONGEST_FAULT = 1_000
"""Characters of what is said beside one field."""
SHOW = ("show_packages", "show_dockerfile", "packages", "log")
"""Buttons that change nothing: each puts a file into the dialog's thread."""

_STRANGE_FORM = "I no longer know this form. Close it and type the command again."
_BROKEN = "Something went wrong inside the bot. Try again; if it happens again, tell whoever runs the bot."


@dataclass(frozen=True, slots=True)
class Audience:
    """Who may use the bot, by id, and where: nobody anywhere unless a channel is named; no users means everybody."""

    channels: frozenset[str]
    users: frozenset[str] = frozenset()

    def refusal(self, user: str, channel: str) -> str | None:
        """Say why not and what to do, or None when it is allowed."""
        if channel not in self.channels:
            return f"I take no commands in this channel. To allow it, add `{channel}` to `WARROOM_ALLOWED_CHANNELS`."
        if self.users and user not in self.users:
            return f"You may not use this command here. To allow it, add `{user}` to `WARROOM_ALLOWED_USERS`."
        return None


class Listeners:
    """The listeners of one Bolt app."""

    def __init__(
        self,
        jobs: Jobs,
        router: Router,
        audience: Audience,
        forms: Forms,
        *,
        whisper: Callable[[str, str, str], None],
        new_id: Callable[[], DialogId],
        clock: Callable[[], datetime],
        redact: Callable[[str], str] = str,
        meter: Meter | None = None,
    ) -> None:
        self._jobs = jobs
        self._router = router
        self._audience = audience
        self._forms = forms
        self._whisper = whisper
        self._new_id = new_id
        self._clock = clock
        self._redact = redact
        self._meter = meter or Meter()

    def register(self, app: App) -> None:
        """Bind them to the app: one for each command, one for each button."""
        for name in self._router.names:
            app.command(name)(self._on_command)
        for button in Button:
            app.action(button.value)(self._on_press)
        for action in SHOW:
            app.action(action)(self._on_show)
        app.action(EDIT)(self._on_edit)
        app.view(CREATE_FORM)(self._on_form)

    def _on_command(self, ack: Ack, body: dict[str, Any]) -> None:
        with self._meter.acking("command"):
            ack(**self._answer(body))

    def _on_press(self, ack: Ack, body: dict[str, Any]) -> None:
        with self._meter.acking("click"):
            self._on_click(body, self._press)
            ack()

    def _on_show(self, ack: Ack, body: dict[str, Any]) -> None:
        with self._meter.acking("click"):
            self._on_click(body, self._show)
            ack()

    def _on_edit(self, ack: Ack, body: dict[str, Any]) -> None:
        with self._meter.acking("click"):
            self._on_click(body, self._edit)
            ack()

    def _on_form(self, ack: Ack, body: dict[str, Any]) -> None:
        with self._meter.acking("form"):
            ack(**self._sent(body))

    def _on_click(self, body: dict[str, Any], act: Callable[[Click], str | None]) -> None:
        try:
            click = Click.model_validate(body)
        except ValidationError as error:
            log.warning("click_not_understood", errors=error.errors(include_input=False, include_url=False))
            return
        note = self._audience.refusal(click.user.id, click.channel.id) or self._note(click, act)
        if note:
            self._whisper(click.channel.id, click.user.id, note)

    def _note(self, click: Click, act: Callable[[Click], str | None]) -> str | None:
        try:
            return act(click)
        except Problem as problem:
            return f"{problem.message} {problem.hint}"
        except Exception:
            # The thread's boundary: whatever it is, the person is told, and Slack gets its acknowledgement.
            log.exception("click_broke", user=click.user.id, action=click.actions[0].action_id)
            return _BROKEN

    # ── Commands ────────────────────────────────────────────────────────────────────────────────────────────────

    def _answer(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._command(body)
        except Exception:
            # The thread's boundary: without an acknowledgement the person would read `operation_timeout`.
            log.exception("command_broke")
            return _only_you(_BROKEN)

    def _command(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            command = SlashCommand.model_validate(body)
        except ValidationError as error:
            log.warning("command_not_understood", errors=error.errors(include_input=False, include_url=False))
            return _only_you("I could not read that command. Type it again.")
        refusal = self._audience.refusal(command.user_id, command.channel_id)
        if refusal:
            log.info("command_not_allowed", user=command.user_id, channel=command.channel_id)
            self._meter.command_ended(command.command, "not_allowed")
            return _only_you(refusal)
        known, text = self._router.command(command.command), command.text.strip()
        if known and text.lower() in HELP:
            return _only_you(_usage(known))
        if known and known.has_form and not text:
            self._forms.open_empty(command)
            return {}
        return self._accept(self._asked(command.line, command.user_id, command.channel_id), command)

    def _asked(self, line: str, user: str, channel: str) -> Asked:
        return Asked(self._new_id(), line, user, channel, self._clock())

    def _accept(self, asked: Asked, command: SlashCommand) -> dict[str, Any]:
        try:
            self._router.parse(command.line)
            self._jobs.accept(asked, trigger=command.trigger_id, response_url=command.response_url)
        except ArgumentError as error:
            log.info("command_refused", line=command.line, user=command.user_id, message=error.message)
            self._meter.command_ended(command.command, "refused")
            return _privately(self._refused(asked, error))
        except Problem as problem:
            self._meter.command_ended(command.command, "not_taken")
            return _only_you(f"{problem.message} {problem.hint}")
        # It shows the typed command to the room; the dialog follows as a message that can be edited.
        return {"response_type": "in_channel"}

    def _refused(self, asked: Asked, error: ArgumentError) -> Message:
        refusal = Refusal("That is not quite a command", error.message, error.hint, error.details)
        # An acknowledgement does not pass through the channel, which masks everything else.
        return render(masked(Refused(asked, refusal), self._redact), self._clock())

    # ── Forms ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _sent(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._form(FormSent.model_validate(body))
        except ValidationError as error:
            log.warning("form_not_understood", errors=error.errors(include_input=False, include_url=False))
            return self._errors({"name": _STRANGE_FORM})
        except Problem as problem:
            return self._errors({"name": f"{problem.message} {problem.hint}"})
        except Exception:
            # The thread's boundary: without an acknowledgement the form would only say that something failed.
            log.exception("form_broke")
            return self._errors({"name": _BROKEN})

    def _form(self, form: FormSent) -> dict[str, Any]:
        context = FormContext.read(form.view.private_metadata)
        if context is None:
            log.warning("form_not_understood")
            return self._errors({"name": _STRANGE_FORM})
        refusal = self._audience.refusal(form.user.id, context.channel)
        if refusal:
            log.info("form_not_allowed", user=form.user.id, channel=context.channel)
            self._meter.command_ended(docker_image_create.GRAMMAR.command, "not_allowed")
            return self._errors({"name": refusal})
        fields = fields_in(form)
        faults = docker_image_create.faults_in(fields)
        if faults:
            log.info("form_refused", user=form.user.id, fields=sorted(faults))
            return self._errors(faults)
        return self._take(form, context, docker_image_create.line_of(fields))

    def _take(self, form: FormSent, context: FormContext, line: str) -> dict[str, Any]:
        # Through the same door as what is typed.
        self._router.parse(line)
        asked = self._asked(line, form.user.id, context.channel)
        if context.edits is None:
            self._jobs.accept(asked, trigger=form.trigger_id, response_url=context.response_url)
            return {}
        press = self._jobs.amend(context.edits, asked, trigger=form.trigger_id, response_url=context.response_url)
        note = _note(press)
        return self._errors({"name": f"{note} This form changes nothing: close it."}) if note else {}

    def _errors(self, faults: Mapping[str, str]) -> dict[str, Any]:
        # By the ids of the form's blocks. An acknowledgement does not pass through the channel, which masks the rest.
        shown = {block: self._redact(fault)[:_LONGEST_FAULT] for block, fault in faults.items()}
        return {"response_action": "errors", "errors": shown}

    def _edit(self, click: Click) -> str | None:
        dialog = self._jobs.look_up(DialogId(click.actions[0].value))
        match dialog:
            case None:
                return _note(Press.GONE)
            case UnderReview() if self._clock() < dialog.expires:
                self._forms.open_filled(click, dialog)
                return None
            case UnderReview() | Expired():
                return _note(Press.EXPIRED)
            case _:
                return _note(Press.LATE)

    # ── Clicks ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _press(self, click: Click) -> str | None:
        action = click.actions[0]
        return _note(self._jobs.press(DialogId(action.value), Button(action.action_id), click.user.id))

    def _show(self, click: Click) -> str | None:
        action = click.actions[0]
        dialog = self._jobs.look_up(DialogId(action.value))
        if dialog is None:
            return _note(Press.GONE)
        file = self._file(action.action_id, dialog)
        if file is None:
            printed_nothing = action.action_id == "log" and isinstance(dialog, FINAL)
            return (
                "This build printed nothing, so it has no log." if printed_nothing else "There is nothing to show yet."
            )
        fresh = self._jobs.attach(dialog.asked.dialog, file)
        return None if fresh else f"`{file.name}` is in this dialog's thread already."

    def _file(self, action: str, dialog: Dialog) -> Attachment | None:
        if action == "log":
            return self._jobs.log_of(dialog.asked.dialog)
        return attachment(action, dialog)


def _note(press: Press) -> str | None:
    match press:
        case Press.TAKEN:
            return None
        case Press.LATE:
            return "That is decided already; the dialog shows how."
        case Press.EXPIRED:
            return "This proposal has expired. Type the command again for a fresh one."
        case Press.GONE:
            return "I no longer know this dialog. Type the command again."
        case _:
            assert_never(press)


def _usage(command: Command) -> str:
    return usage(command.name, command.description, command.usage, command.examples, has_form=command.has_form)


def _only_you(text: str) -> dict[str, Any]:
    return {"response_type": "ephemeral", "text": text}


def _privately(message: Message) -> dict[str, Any]:
    return {"response_type": "ephemeral", "text": message.text, "blocks": list(message.blocks)}
