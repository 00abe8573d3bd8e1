from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.slack.payloads import ActionPayload, Click, FormSent, SlashCommand

COMMAND: dict[str, Any] = {
    "token": "old",
    "team_id": "T0",
    "channel_id": "C0WARROOM",
    "user_id": "U0ALICE",
    "command": "/docker_image_create",
    "text": "name=a",
    "trigger_id": "1.2.abc",
    "response_url": "https://hooks.slack.invalid/1",
}
CLICK: dict[str, Any] = {
    "type": "block_actions",
    "user": {"id": "U0BOB", "name": "bob", "team_id": "T0"},
    "team": {"id": "T0HOST"},
    "channel": {"id": "C0WARROOM", "name": "war-room"},
    "response_url": "https://hooks.slack.invalid/2",
    "actions": [{"type": "button", "action_id": "create", "value": "d-1", "block_id": "actions"}],
}

json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


def test_a_command_is_read_with_the_fields_that_are_used() -> None:
    command = SlashCommand.model_validate(COMMAND)

    assert command.model_dump() == {key: COMMAND[key] for key in type(command).model_fields}
    assert command.line == "/docker_image_create name=a"


def test_a_command_without_text_is_a_line_of_one_word() -> None:
    assert SlashCommand.model_validate({**COMMAND, "text": ""}).line == "/docker_image_create"


def test_a_click_is_read_with_its_first_action() -> None:
    click = Click.model_validate(CLICK)

    assert (click.user.id, click.user.team_id, click.channel.id) == ("U0BOB", "T0", "C0WARROOM")
    assert click.actions == (ActionPayload(action_id="create", value="d-1"),)


@pytest.mark.parametrize(
    ("action", "dialog", "choice"),
    [
        ({"value": "d-1"}, "d-1", ""),
        ({"value": "d-1 3"}, "d-1 3", ""),
        ({}, "", ""),
        ({"selected_option": {"value": "d-1 3"}}, "d-1", "3"),
        ({"selected_option": {"value": "d-1 3"}, "value": "d-2"}, "d-1", "3"),
        ({"selected_option": {"value": "d-1"}}, "d-1", ""),
        ({"selected_option": {"value": " 3"}}, "", "3"),
        ({"selected_option": {"value": "d-1 3 4"}}, "d-1", "3 4"),
        ({"selected_option": None, "value": "d-1"}, "d-1", ""),
    ],
    ids=str,
)
def test_a_click_names_its_dialog_and_a_menu_the_choice(action: dict[str, object], dialog: str, choice: str) -> None:
    click = Click.model_validate({**CLICK, "actions": [{"action_id": "x", **action}]})

    assert (click.action.dialog, click.action.choice) == (dialog, choice)


@pytest.mark.parametrize(
    ("state", "entered"),
    [
        ({"type": "plain_text_input", "value": " a b "}, "a b"),
        ({"type": "plain_text_input", "value": None}, ""),
        ({"type": "static_select", "selected_option": {"value": "a:1"}}, "a:1"),
        ({"type": "static_select", "selected_option": None}, ""),
        ({"type": "checkboxes", "selected_options": []}, ""),
        ({"type": "checkboxes", "selected_options": [{"value": "true"}]}, "true"),
        ({"type": "checkboxes", "selected_options": [{"value": "a"}, {"value": "b"}]}, "a,b"),
    ],
    ids=str,
)
def test_a_form_is_read_by_the_ids_of_its_blocks(state: dict[str, object], entered: str) -> None:
    sent = FormSent.model_validate({"user": {"id": "U0BOB"}, "view": {"state": {"values": {"one": {"value": state}}}}})

    assert sent.values == {"one": entered}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("command", "docker_image_create"),
        ("command", "/Docker"),
        ("command", "/" + "a" * 32),
        ("command", "/a\n"),
        ("user_id", "alice"),
        ("user_id", "U0ALICE>"),
        ("user_id", ""),
        ("team_id", "war-room"),
        ("team_id", ""),
        ("channel_id", "#war-room"),
        ("channel_id", None),
        ("text", "x" * 40_001),
        ("text", 7),
        ("trigger_id", "1" * 301),
        ("response_url", "h" * 2001),
    ],
)
def test_a_command_with_an_odd_field_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError):
        SlashCommand.model_validate({**COMMAND, field: value})


@pytest.mark.parametrize("field", ["command", "user_id", "channel_id", "trigger_id", "response_url"])
def test_a_command_without_a_needed_field_is_refused(field: str) -> None:
    with pytest.raises(ValidationError):
        SlashCommand.model_validate({key: value for key, value in COMMAND.items() if key != field})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("user", {}),
        ("user", {"id": "bob"}),
        ("user", {"id": "U0BOB", "team_id": "t0"}),
        ("channel", None),
        ("actions", []),
        ("actions", [{"value": "d-1"}]),
        ("actions", [{"action_id": "a" * 256}]),
        ("actions", [{"action_id": "create", "value": "v" * 2001}]),
        ("actions", [{"action_id": "image_details", "selected_option": "d-1 3"}]),
        ("actions", [{"action_id": "image_details", "selected_option": {"value": None}}]),
        ("actions", [{"action_id": "image_details", "selected_option": {"value": "v" * 2001}}]),
    ],
)
def test_a_click_with_an_odd_field_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError):
        Click.model_validate({**CLICK, field: value})


@given(st.dictionaries(st.sampled_from([*COMMAND, *CLICK]), json))
def test_whatever_comes_is_read_or_refused_as_such(body: dict[str, Any]) -> None:
    for payload in (SlashCommand, Click, FormSent):
        with suppress(ValidationError):
            payload.model_validate(body)
