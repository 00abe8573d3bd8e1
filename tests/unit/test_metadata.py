"""The metadata of messages keeps to what Slack documents, and programs still read it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.dialogs.stages import Dialog
from bot.room.client.dialog_facts import DialogFacts
from bot.slack import limits
from bot.slack.metadata import EVENT_TYPE, length, metadata
from bot.slack.views.facts import facts
from tests.fakes.person import dialog as room_dialog
from tests.kit.examples import EVERY_KIND, EXAMPLES

NEEDED = {"dialog": "d-1", "state": "updated", "ended": True, "succeeded": True, "asks": False, "buttons": {}}


def payload(known: dict[str, Any]) -> dict[str, Any]:
    return dict(metadata(known, "1.2.abc")["event_payload"])


def is_plain(value: object) -> bool:
    return isinstance(value, str | int | float | bool)


def is_flat(value: object) -> bool:
    """Whether a value is plain, an object of plain values or a list of these: all that Slack's types allow."""
    items = value if isinstance(value, list) else [value]
    return all(is_plain(item) or (isinstance(item, dict) and all(map(is_plain, item.values()))) for item in items)


@pytest.mark.parametrize("dialog", EVERY_KIND, ids=EXAMPLES)
def test_the_facts_of_every_stage_have_the_types_that_slack_documents(dialog: Dialog) -> None:
    sent = metadata(facts(dialog), "1.2.abc")

    assert sent["event_type"] == EVENT_TYPE
    assert all(map(is_flat, sent["event_payload"].values()))
    assert sent["event_payload"]["trigger"] == "1.2.abc"


def test_a_fact_without_a_value_is_left_out() -> None:
    found = payload({**NEEDED, "digest": None, "images": [{"name": "a", "before": None}]})

    assert found == {**NEEDED, "images": [{"name": "a"}], "trigger": "1.2.abc"}


def test_the_largest_facts_are_left_out_and_named_if_all_do_not_fit() -> None:
    found = payload({**NEEDED, "images": ["🎉" * 4_000], "seconds": {"a" * 7_900: 1}, "tag": "1.0"})

    assert found == {**NEEDED, "tag": "1.0", "trigger": "1.2.abc", "facts_left_out": ["images", "seconds"]}


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=3000) | st.lists(st.text(max_size=900)), max_size=9))
def test_metadata_keeps_its_limit_and_what_programs_act_on(optional: dict[str, Any]) -> None:
    found = payload({**optional, **NEEDED})

    assert length(found) <= limits.METADATA_CHARACTERS
    assert {name: found[name] for name in NEEDED} == NEEDED


def test_a_program_learns_which_facts_are_left_out() -> None:
    found = payload({**NEEDED, "images": ["x" * 9_000]})
    message = room_dialog("updated", facts=found)

    assert DialogFacts.of(message).left_out == ("images",)


@pytest.mark.parametrize(
    ("known", "is_counted"),
    [
        ({"disk": 7, "disk_note": ""}, True),
        ({"disk": None, "disk_note": "It takes too long."}, True),
        ({"disk": None, "disk_note": ""}, False),
        ({}, True),
    ],
)
def test_a_program_learns_whether_a_list_is_complete(known: dict[str, Any], is_counted: bool) -> None:
    message = room_dialog("listed", facts=payload({**NEEDED, **known}))

    assert DialogFacts.of(message).is_counted is is_counted
