"""What `warroom check` says of the bot's messages: the room validates them, and Slack's other answers are scripted."""

import json
from collections.abc import Iterator

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.doctor.report import Caution, Fault, Good, Verdict
from bot.room.server.rates import RateLimits
from bot.room.server.room import Room
from bot.slack.judge import Payload, messages_are_valid, sample_payloads
from bot.slack.samples import DIALOGS
from tests.fakes.slack_api import ScriptedAnswer, slack_api
from tests.fakes.slack_faults import LOST_REQUEST, faulty_slack, refused

BAD = Payload("the odd one", "message", {"blocks": [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}]})


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    with Room(limits=RateLimits.boundless()) as opened:
        yield opened


def judged(token: str | None, url: str | None, *payloads: Payload, clock: Iterator[float] | None = None) -> Verdict:
    times = clock or iter(lambda: 0.0, 1.0)
    return messages_are_valid(token, url, seconds=8.0, clock=lambda: next(times), payloads=payloads or None)


def test_every_message_and_form_of_the_bot_is_valid(room: Room) -> None:
    verdict = judged(room.bot_token, room.api_url)

    assert verdict == Good(f"{len(sample_payloads())} messages and forms")


def test_every_kind_of_dialog_and_form_is_validated_with_and_without_tables() -> None:
    names = [payload.name for payload in sample_payloads()]

    assert set(DIALOGS) < set(names)
    assert {"listed without tables", "filter form", "form of /docker_image_create"} < set(names)
    assert len(names) == len(set(names))


def test_a_message_that_slack_refuses_is_a_fault_with_its_kind_and_slacks_words(room: Room) -> None:
    verdict = judged(room.bot_token, room.api_url, *sample_payloads()[:1], BAD)

    assert isinstance(verdict, Fault)
    assert "the odd one: Input should be 'plain_text' at /blocks/0/text/type" in verdict.says


def test_a_fault_is_told_even_if_slack_stops_before_the_end(room: Room) -> None:
    with faulty_slack(room.url) as slack:
        slack.script("blocks.validate", None, refused("ratelimited", status=429, retry_after=30))
        assert isinstance(judged(room.bot_token, slack.api_url, BAD, BAD), Fault)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        ("unknown_method", Good, "no `blocks.validate`"),
        ("ratelimited", Caution, "1 of 2 messages and forms validated. Slack limits the rate."),
        ("invalid_auth", Caution, "`invalid_auth`"),
    ],
)
def test_a_slack_that_does_not_validate_is_no_fault(room: Room, error: str, kind: type[Verdict], words: str) -> None:
    with faulty_slack(room.url) as slack:
        slack.script("blocks.validate", None, refused(error))
        verdict = judged(room.bot_token, slack.api_url, *sample_payloads()[:2])

    assert isinstance(verdict, kind)
    assert words in verdict.says


def test_a_slack_that_does_not_answer_is_a_caution(room: Room) -> None:
    with faulty_slack(room.url) as slack:
        slack.script("blocks.validate", LOST_REQUEST, times=9)
        verdict = judged(room.bot_token, slack.api_url)

    assert isinstance(verdict, Caution)
    assert "Slack does not answer" in verdict.says


def test_a_slow_slack_validates_as_many_as_the_time_allows(room: Room) -> None:
    verdict = judged(room.bot_token, room.api_url, *sample_payloads()[:3], clock=iter([0.0, 1.0, 7.9, 8.0]))

    assert isinstance(verdict, Caution)
    assert verdict.says.startswith("2 of 3 messages and forms validated.")


def test_without_a_token_nothing_is_asked() -> None:
    assert isinstance(judged(None, "http://127.0.0.1:1/"), Caution)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"ok": False, "error": "invalid_message"}, "the odd one: invalid_message"),
        ({"ok": False, "error": "invalid_view", "errors": [{"message": "too long"}]}, "the odd one: too long"),
        ({"ok": False, "error": "invalid_blocks", "errors": ["odd"]}, "the odd one: odd"),
        ({"ok": False, "error": "invalid_blocks", "errors": "odd"}, "the odd one: invalid_blocks"),
    ],
)
def test_errors_in_another_form_are_told_as_they_come(answer: dict[str, object], words: str) -> None:
    with slack_api({"blocks.validate": ScriptedAnswer(answer)}) as url:
        verdict = judged("xoxb-1", url, BAD)

    assert isinstance(verdict, Fault)
    assert verdict.says.splitlines()[1:] == [words]


# ── The room's own method ───────────────────────────────────────────────────────────────────────────────────────────

NONSENSE = [{"type": "nonsense"}]
MODAL = {"type": "modal", "title": {"type": "plain_text", "text": "x"}, "blocks": NONSENSE}


def answer_of(room: Room, **arguments: object) -> dict[str, object]:
    """Return what the room answers to blocks.validate."""
    client = WebClient(token=room.bot_token, base_url=room.api_url)
    try:
        answer = client.api_call("blocks.validate", params={name: json.dumps(each) for name, each in arguments.items()})
    except SlackApiError as error:
        answer = error.response
    assert isinstance(answer.data, dict)
    return answer.data


@pytest.mark.parametrize(
    ("argument", "payload", "pointer"),
    [
        ("blocks", NONSENSE, "/0/type"),
        ("message", {"blocks": NONSENSE}, "/blocks/0/type"),
        ("view", MODAL, "/blocks/0/type"),
    ],
)
def test_a_rooms_error_points_into_what_was_sent(room: Room, argument: str, payload: object, pointer: str) -> None:
    assert answer_of(room, **{argument: payload}) == {
        "ok": False,
        "error": f"invalid_{argument}",
        "errors": [{"code": "failed_constraint", "message": "unsupported type: nonsense", "pointer": pointer}],
    }


@pytest.mark.parametrize("arguments", [{}, {"blocks": [], "message": {}}])
def test_a_room_validates_exactly_one_payload(room: Room, arguments: dict[str, object]) -> None:
    answer = answer_of(room, **arguments)

    assert answer["error"] == "invalid_arguments"
    assert answer["errors"] == ["must provide exactly one of `blocks`, `view`, or `message`"]


@pytest.mark.parametrize(("argument", "payload"), [("blocks", {}), ("message", []), ("view", [])])
def test_a_payload_of_another_form_is_invalid(room: Room, argument: str, payload: object) -> None:
    assert answer_of(room, **{argument: payload})["error"] == f"invalid_{argument}"


def test_blocks_that_are_too_long_for_a_message_are_invalid(room: Room) -> None:
    long = {"type": "section", "text": {"type": "plain_text", "text": "x" * 3_000}}

    assert answer_of(room, message={"blocks": [long] * 3})["ok"]
    assert answer_of(room, message={"blocks": [long] * 4})["error"] == "invalid_message"
