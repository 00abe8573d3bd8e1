"""What `warroom check` says of Slack's tokens, against the room and against what only Slack answers."""

from collections.abc import Iterator

import pytest

from bot.doctor.report import Caution, Fault, Good, Verdict
from bot.room.server.room import Room
from bot.slack.manifest import SCOPES
from bot.slack.probe import bot_token_works, channels_are_named, socket_mode_opens
from tests.fakes.slack_api import ScriptedAnswer, slack_api

ME = {"ok": True, "user": "warroom", "team": "War Room"}


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    with Room() as opened:
        yield opened


def at_fault(verdict: Verdict, *words: str) -> bool:
    return isinstance(verdict, Fault) and all(word in f"{verdict.says} {verdict.todo}" for word in words)


def test_good_tokens_are_told_with_whose_they_are_and_what_they_may_do(room: Room) -> None:
    verdict = bot_token_works(room.bot_token, room.api_url)
    assert isinstance(verdict, Good)
    assert all(scope in verdict.says for scope in SCOPES)
    assert isinstance(socket_mode_opens(room.app_token, room.api_url), Good)


def test_without_tokens_nothing_is_at_fault() -> None:
    assert isinstance(bot_token_works(None, None), Caution)
    assert isinstance(socket_mode_opens(None, None), Caution)


def test_a_token_that_slack_does_not_know_is_a_fault(room: Room) -> None:
    assert at_fault(bot_token_works("xoxb-1-wrong", room.api_url), "SLACK_BOT_TOKEN", "invalid_auth", "Copy")
    assert at_fault(socket_mode_opens("xapp-1-wrong", room.api_url), "SLACK_APP_TOKEN", "invalid_auth", "Copy")


def test_tokens_that_were_swapped_are_recognised_without_asking_slack() -> None:
    assert at_fault(bot_token_works("xapp-1-a", "http://127.0.0.1:1/"), "Swap")
    assert at_fault(socket_mode_opens("xoxb-1-a", "http://127.0.0.1:1/"), "Swap")


def test_a_scope_that_is_missing_is_named() -> None:
    granted = ScriptedAnswer(ME, {"X-OAuth-Scopes": "chat:write, commands"})
    with slack_api({"auth.test": granted}) as url:
        verdict = bot_token_works("xoxb-1", url)
    assert at_fault(verdict, "files:write", "OAuth & Permissions", "install the app again")
    assert "chat:write" not in verdict.says


def test_an_app_token_without_its_scope_is_a_fault() -> None:
    with slack_api({"apps.connections.open": ScriptedAnswer({"ok": False, "error": "missing_scope"})}) as url:
        assert at_fault(socket_mode_opens("xapp-1", url), "connections:write")


def test_an_address_at_which_nobody_answers_is_a_fault() -> None:
    assert at_fault(bot_token_works("xoxb-1", "http://127.0.0.1:1/"), "HTTPS_PROXY")
    assert at_fault(socket_mode_opens("xapp-1", "http://127.0.0.1:1/"), "HTTPS_PROXY")


def test_what_answers_something_else_than_slack_is_a_fault() -> None:
    with slack_api({"auth.test": ScriptedAnswer({}, status=502)}) as url:
        assert isinstance(bot_token_works("xoxb-1", url), Fault)


@pytest.mark.parametrize(
    ("channels", "users", "set_up", "kind", "says"),
    [
        (("C0123456789",), (), True, Good, "C0123456789; everybody there"),
        (("C0123456789", "G0123456789"), ("U1",), True, Good, "C0123456789, G0123456789; one named person"),
        (("C0123456789",), ("U1", "U2"), False, Good, "C0123456789; 2 named people"),
        ((), (), True, Fault, "No channel is allowed: every command in Slack is refused."),
        ((), (), False, Caution, "No channel is allowed: every command in Slack is refused."),
        (("#general", "C0123456789"), (), False, Fault, "No channel has the id `#general`."),
    ],
)
def test_channels_are_named_by_id(
    channels: tuple[str, ...], users: tuple[str, ...], set_up: bool, kind: type[Verdict], says: str
) -> None:
    verdict = channels_are_named(channels, users, slack_is_set_up=set_up)
    assert (type(verdict), verdict.says) == (kind, says)
