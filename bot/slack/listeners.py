"""What the Bolt app does with a command, a click or a form: parse, authorise, hand on; the ack is the last statement.

Nothing here waits for Docker, an index or Slack's Web API.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

import structlog
from pydantic import ValidationError
from slack_bolt import Ack, App

from bot.dialogs.jobs import Jobs
from bot.dialogs.stages import Asked, DialogId, Refused
from bot.meter import Meter
from bot.redaction import redacted
from bot.router import Command, Router
from bot.slack.clicks import ACTIONS, Clicks
from bot.slack.forms import Forms
from bot.slack.notes import BROKEN, STRANGE_FORM
from bot.slack.payloads import Click, FormSent, SlashCommand
from bot.slack.submissions import Submission, submissions
from bot.slack.views import Message, render
from bot.slack.views.form import FormContext
from bot.slack.views.usage import usage
from commands.arguments import HELP
from commands.command import Refusal
from commands.errors import ArgumentError, Problem

log = structlog.get_logger()

_LONGEST_FAULT = 1_000
"""Characters of what is said beside one field."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who may use the bot, by id, and where: nobody anywhere unless a channel is named; no users means everybody.

    A channel may be shared with other workspaces: only people of `teams` are heard, the bot's own among them.
    """

    channels: frozenset[str]
    users: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()

    def with_own(self, teams: frozenset[str]) -> Self:
        """Let in the people of the bot's own workspace."""
        return replace(self, teams=self.teams | teams)

    def refusal(self, user: str, channel: str, *, team: str | None) -> str | None:
        """Say why not and what to do, or None when it is allowed."""
        if channel not in self.channels:
            return f"This channel takes no commands. To allow them, add `{channel}` to `WARROOM_ALLOWED_CHANNELS`."
        if team is None:
            return "Slack does not say which workspace you are in. Try again in a minute."
        if team not in self.teams:
            return (
                f"Commands from your workspace are not allowed. To allow them, add `{team}` to `WARROOM_ALLOWED_TEAMS`."
            )
        if self.users and user not in self.users:
            return f"You are not allowed to use this command. To get access, add `{user}` to `WARROOM_ALLOWED_USERS`."
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
        self._clicks = Clicks(jobs, router, forms, asked=self._new_request, clock=clock)
        self._submissions = submissions(jobs, router, self._new_request)

    def register(self, app: App, own_teams: frozenset[str]) -> None:
        """Bind them to the app of a workspace: to every slash command, button, menu and form."""
        self._audience = self._audience.with_own(own_teams)
        for name in self._router.names:
            app.command(name)(self._on_command)
        for action in ACTIONS:
            app.action(str(action))(self._on_click)
        for submission in self._submissions:
            app.view(submission.callback)(self._listener_of(submission))

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

    def _new_request(self, line: str, user: str, channel: str) -> Asked:
        return Asked(self._new_id(), line, user, channel, self._clock())

    # ── Clicks ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _click(self, body: dict[str, Any]) -> None:
        try:
            click = Click.model_validate(body)
        except ValidationError as error:
            log.warning("click_not_understood", errors=error.errors(include_input=False, include_url=False))
            return
        note = self._refusal(click) or self._note(click)
        if note:
            self._whisper(click.channel.id, click.user.id, note)

    def _refusal(self, click: Click) -> str | None:
        user, channel, team = click.user.id, click.channel.id, click.user.team_id
        refusal = self._audience.refusal(user, channel, team=team)
        if refusal:
            log.info("click_not_allowed", user=user, channel=channel, team=team, action=click.action.action_id)
        return refusal

    def _note(self, click: Click) -> str | None:
        try:
            return self._clicks.take(click)
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
        user, channel, team = command.user_id, command.channel_id, command.team_id
        refusal = self._audience.refusal(user, channel, team=team)
        if refusal:
            log.info("command_not_allowed", user=user, channel=channel, team=team)
            self._meter.command_ended(command.command, "not_allowed")
            return _only_you(refusal)
        known, text = self._router.command(command.command), command.text.strip()
        if known and text.lower() in HELP:
            return _only_you(_usage(known))
        if known and known.has_form and not text:
            self._forms.open_empty(command)
            return {}
        return self._accept(self._new_request(command.line, user, channel), command)

    def _accept(self, asked: Asked, command: SlashCommand) -> dict[str, Any]:
        try:
            self._router.parse(command.line)
            self._jobs.accept(asked, trigger=command.trigger_id, response_url=command.response_url)
        except ArgumentError as error:
            log.info("command_refused", line=command.line, user=command.user_id, message=error.message)
            self._meter.command_ended(command.command, "refused")
            return _privately(self._refusal_message(asked, error))
        except Problem as problem:
            self._meter.command_ended(command.command, "not_taken")
            return _only_you(f"{problem.message} {problem.hint}")
        # It shows the typed command to the room; the dialog follows as a message that can be edited.
        return {"response_type": "in_channel"}

    def _refusal_message(self, asked: Asked, error: ArgumentError) -> Message:
        refusal = Refusal("Check the command", error.message, error.hint, error.details)
        # An acknowledgement does not pass through the channel, which masks everything else.
        return render(redacted(Refused(asked, refusal), self._redact), self._clock())

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
        refusal = self._audience.refusal(sent.user.id, context.channel, team=sent.user.team_id)
        if refusal:
            log.info("form_not_allowed", user=sent.user.id, channel=context.channel, team=sent.user.team_id)
            self._meter.command_ended(submission.command, "not_allowed")
            return self._error(submission, refusal)
        faults = submission.take(sent, context)
        if not faults:
            return {}
        log.info("form_refused", user=sent.user.id, fields=sorted(faults))
        return self._errors(submission, faults)

    def _error(self, submission: Submission, fault: str) -> dict[str, Any]:
        return self._errors(submission, {submission.fields[0]: fault})

    def _errors(self, submission: Submission, faults: Mapping[str, str]) -> dict[str, Any]:
        # Slack shows none of them where one is about a block that the form does not have.
        placed = {field if field in submission.fields else submission.fields[0]: faults[field] for field in faults}
        # An acknowledgement does not pass through the channel, which masks the rest.
        shown = {block: self._redact(fault)[:_LONGEST_FAULT] for block, fault in placed.items()}
        return {"response_action": "errors", "errors": shown}


def _usage(command: Command[Any]) -> str:
    return usage(command.name, command.description, command.usage, command.examples, has_form=command.has_form)


def _only_you(text: str) -> dict[str, Any]:
    return {"response_type": "ephemeral", "text": text}


def _privately(message: Message) -> dict[str, Any]:
    return {"response_type": "ephemeral", "text": message.text, "blocks": list(message.blocks)}
