"""Has Slack validate one message of every kind and every form, by `blocks.validate`: nothing is posted or opened.

The method takes any bot token and needs no scope; Slack documents special rate limits for it without a number. It
answers `invalid_message` or `invalid_view` with a list of errors, each with a pointer and a message.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.doctor.report import Caution, Fault, Good, Verdict
from bot.slack.connection import web_client
from bot.slack.forms import COMMAND_FORMS, CREATE, UPDATE
from bot.slack.samples import ASKED, DIALOGS, NOW, SPEC
from bot.slack.views import Message, render
from bot.slack.views.form import TICKED, FormContext
from bot.slack.views.images.filter_form import filter_form
from bot.slack.views.parts import Block
from bot.slack.views.tables import has_table, without_tables
from commands.docker_image_create import fields_of
from commands.model.requests import Query

_SECONDS: Final = 4
_INVALID: Final = ("invalid_blocks", "invalid_message", "invalid_view")
_MOST_ERRORS: Final = 3
"""The most errors of one payload that are reported."""
_TOKEN_FIRST: Final = "Fix “Slack token” first."  # noqa: S105 - the name of a check


@dataclass(frozen=True, slots=True)
class Payload:
    """What Slack validates: a message or a view, with the name under which it is reported."""

    name: str
    argument: Literal["message", "view"]
    content: Mapping[str, Any]


def sample_payloads() -> tuple[Payload, ...]:
    """Return one message of every kind, with and without tables, and every form, empty and filled in."""
    return (*_messages(), *_forms())


def messages_are_valid(
    token: str | None,
    api_url: str | None,
    *,
    seconds: float,
    clock: Callable[[], float],
    payloads: tuple[Payload, ...] | None = None,
) -> Verdict:
    """Check that Slack accepts the payloads; within `seconds` it may answer only for some of them."""
    if token is None:
        return Caution("Not checked: SLACK_BOT_TOKEN is not set.", "Needed only for `warroom slack`.")
    client = web_client(token, api_url)
    client.timeout = _SECONDS
    return _Validation(client, sample_payloads() if payloads is None else payloads).run(clock() + seconds, clock)


class _Validation:
    """One run: what Slack has accepted and refused so far."""

    def __init__(self, client: WebClient, payloads: tuple[Payload, ...]) -> None:
        self._client = client
        self._payloads = payloads
        self._validated = 0
        self._complaints: list[str] = []

    def run(self, end: float, clock: Callable[[], float]) -> Verdict:
        try:
            for payload in self._payloads:
                if clock() >= end:
                    return self._unfinished("Slack was too slow for the rest.", "Check again later.")
                self._complaints.extend(_complaints(self._client, payload))
                self._validated += 1
        except SlackApiError as error:
            return self._stopped(str(error.response.get("error")))
        except (OSError, SlackClientError):
            return self._unfinished("Slack does not answer.", _TOKEN_FIRST)
        return self._fault() or Good(f"{self._validated} messages and forms")

    def _stopped(self, reason: str) -> Verdict:
        if reason == "unknown_method":
            return self._fault() or Good("not validated here: this Slack has no `blocks.validate`")
        if reason == "ratelimited":
            return self._unfinished("Slack limits the rate.", "Check again in a minute.")
        return self._unfinished(f"Slack refuses to validate: `{reason}`.", _TOKEN_FIRST)

    def _unfinished(self, why: str, todo: str) -> Verdict:
        says = f"{self._validated} of {len(self._payloads)} messages and forms validated. {why}"
        return self._fault() or Caution(says, todo)

    def _fault(self) -> Fault | None:
        if not self._complaints:
            return None
        return Fault(
            "\n".join(("Slack refuses messages or forms of the bot.", *self._complaints)),
            "Report this as a bug. Until it is fixed, the bot shows such a message as plain text.",
        )


def _complaints(client: WebClient, payload: Payload) -> list[str]:
    """Return what Slack says against a payload, one line each; raise `SlackApiError` if it does not validate it."""
    try:
        # Not `client.blocks_validate`, which older versions of the library lack.
        client.api_call("blocks.validate", params={payload.argument: json.dumps(payload.content)})
    except SlackApiError as error:
        if error.response.get("error") not in _INVALID:
            raise
        words = [*_words(error.response.get("errors"))] or [str(error.response.get("error"))]
        return [f"{payload.name}: {word}" for word in words[:_MOST_ERRORS]]
    return []


def _words(errors: object) -> Iterator[str]:
    for error in errors if isinstance(errors, list) else ():
        match error:
            case {"message": str(message), "pointer": str(pointer)}:
                yield f"{message} at {pointer}"
            case {"message": str(message)}:
                yield message
            case _:
                yield str(error)


def _messages() -> Iterator[Payload]:
    for name, dialog in DIALOGS.items():
        message = render(dialog, NOW)
        yield _message(name, message)
        if has_table(message):
            yield _message(f"{name} without tables", without_tables(message))


def _message(name: str, message: Message) -> Payload:
    return Payload(name, "message", {"blocks": message.blocks})


def _forms() -> Iterator[Payload]:
    context = FormContext(ASKED.channel, edits=ASKED.dialog)
    names = (str(SPEC.base.reference), SPEC.reference)
    values = {CREATE.command: fields_of(SPEC), UPDATE.command: {"image": SPEC.reference, "all": TICKED}}
    for form in COMMAND_FORMS:
        yield _form(f"empty form of {form.command}", form.view(FormContext(ASKED.channel), {}, ()))
        yield _form(f"form of {form.command}", form.view(context, values[form.command], names))
    yield _form("filter form", filter_form(context, Query(text=SPEC.name, made_here=True)))


def _form(name: str, view: Block) -> Payload:
    return Payload(name, "view", view)
