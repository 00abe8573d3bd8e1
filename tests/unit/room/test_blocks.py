"""What Slack would refuse in a message's blocks."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from bot.room.blocks import MOST_CHARACTERS, are_too_long, block_errors, clickables, modal_errors, with_ids
from bot.room.events import Block


def plain(text: str) -> Block:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text}


def section(text: str) -> Block:
    return {"type": "section", "text": mrkdwn(text)}


def fields(count: int, length: int = 1) -> Block:
    return {"type": "section", "fields": [mrkdwn("x" * length)] * count}


def button(text: str = "Create image", **more: JsonValue) -> Block:
    return {"type": "button", "text": plain(text), **more}


def actions(*elements: JsonValue) -> Block:
    return {"type": "actions", "elements": list(elements)}


def context(count: int) -> Block:
    return {"type": "context", "elements": [mrkdwn("x")] * count}


def confirm(title: int = 1, text: int = 1, button_text: int = 1) -> Block:
    return {
        "title": plain("x" * title),
        "text": mrkdwn("x" * text),
        "confirm": plain("x" * button_text),
        "deny": plain("x" * button_text),
    }


def table(rows: int, cells: int) -> Block:
    return {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * cells] * rows}


def overflow(count: int) -> Block:
    return {"type": "overflow", "options": [{"text": plain("x"), "value": "x"}] * count}


def select(count: int) -> Block:
    return {"type": "static_select", "options": [{"text": plain("x"), "value": "x"}] * count}


# What is exactly at the limit is taken; one more is refused with these words at this place.
LIMITS: list[tuple[Callable[[int], Block], int, str]] = [
    (
        lambda n: {"type": "header", "text": plain("x" * n)},
        150,
        "must be less than 151 characters [json-pointer:/blocks/0/text/text]",
    ),
    (
        lambda n: section("x" * n),
        3_000,
        "must be less than 3001 characters [json-pointer:/blocks/0/text/text]",
    ),
    (fields, 10, "no more than 10 items allowed [json-pointer:/blocks/0/fields]"),
    (
        lambda n: fields(1, n),
        2_000,
        "must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]",
    ),
    (context, 10, "no more than 10 items allowed [json-pointer:/blocks/0/elements]"),
    (
        lambda n: actions(*[button()] * n),
        25,
        "no more than 25 items allowed [json-pointer:/blocks/0/elements]",
    ),
    (
        lambda n: actions(button("x" * n)),
        75,
        "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]",
    ),
    (
        lambda n: actions(button(value="x" * n)),
        2_000,
        "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]",
    ),
    (
        lambda n: actions(button(action_id="x" * n)),
        255,
        "must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]",
    ),
    (
        lambda n: {"type": "divider", "block_id": "x" * n},
        255,
        "must be less than 256 characters [json-pointer:/blocks/0/block_id]",
    ),
    (
        lambda n: actions(button(confirm=confirm(title=n))),
        100,
        "must be less than 101 characters [json-pointer:/blocks/0/elements/0/confirm/title/text]",
    ),
    (
        lambda n: actions(button(confirm=confirm(text=n))),
        300,
        "must be less than 301 characters [json-pointer:/blocks/0/elements/0/confirm/text/text]",
    ),
    (
        lambda n: actions(button(confirm=confirm(button_text=n))),
        30,
        "must be less than 31 characters [json-pointer:/blocks/0/elements/0/confirm/confirm/text]",
    ),
    (
        lambda n: actions(overflow(n)),
        5,
        "no more than 5 items allowed [json-pointer:/blocks/0/elements/0/options]",
    ),
    (
        lambda n: {**section("x"), "accessory": select(n)},
        100,
        "no more than 100 items allowed [json-pointer:/blocks/0/accessory/options]",
    ),
    (lambda n: table(n, 1), 100, "no more than 100 items allowed [json-pointer:/blocks/0/rows]"),
    (lambda n: table(1, n), 20, "no more than 20 items allowed [json-pointer:/blocks/0/rows/0]"),
]


@pytest.mark.parametrize(("build", "limit", "refusal"), LIMITS)
def test_a_limit_holds_exactly(build: Callable[[int], Block], limit: int, refusal: str) -> None:
    assert block_errors([build(limit)]) == ()
    assert refusal in block_errors([build(limit + 1)])


BAD_BLOCKS: list[tuple[list[JsonValue], str]] = [
    ([section("")], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    ([actions(button(""))], "must be more than 0 characters [json-pointer:/blocks/0/elements/0/text/text]"),
    ([actions()], "no fewer than 1 items allowed [json-pointer:/blocks/0/elements]"),
    ([{"type": "section"}], "must define either `text` or `fields` [json-pointer:/blocks/0]"),
    ([{"type": "sektion"}], "unsupported type: sektion [json-pointer:/blocks/0/type]"),
    ([{}], "missing required field: type [json-pointer:/blocks/0]"),
    ([{"type": "header"}], "missing required field: text [json-pointer:/blocks/0]"),
    (
        [{"type": "header", "text": mrkdwn("x")}],
        "Input should be 'plain_text' [json-pointer:/blocks/0/text/type]",
    ),
    (
        [section("x"), {"type": "divider", "colour": "red"}],
        "invalid additional property: colour [json-pointer:/blocks/1]",
    ),
    (
        [actions(button(style="default"))],
        "Input should be 'primary' or 'danger' [json-pointer:/blocks/0/elements/0/style]",
    ),
    ([actions(button(value=7))], "Input should be a valid string [json-pointer:/blocks/0/elements/0/value]"),
    (
        [actions(button(action_id="go"), button(action_id="go"))],
        "`action_id` must be unique: go [json-pointer:/blocks/0]",
    ),
    (
        [{"type": "divider", "block_id": "a"}, {"type": "divider", "block_id": "a"}],
        "`block_id` must be unique: a [json-pointer:/blocks]",
    ),
    ([{**section("x"), "accessory": None}], "must not be null: accessory [json-pointer:/blocks/0]"),
    ([table(1, 1), table(1, 1)], "only_one_table_allowed [json-pointer:/blocks/1]"),
    ([{"type": "divider"}] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
    (
        [{"type": "input", "label": plain("x"), "element": {"type": "plain_text_input"}}],
        "unsupported type: input [json-pointer:/blocks/0/type]",
    ),
    (
        [
            {
                "type": "rich_text",
                "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": ""}]}],
            }
        ],
        "must be more than 0 characters [json-pointer:/blocks/0/elements/0/elements/0/text]",
    ),
]


# ── Plans, tasks and tables with numbers ────────────────────────────────────────────────────────────────────────────


def rich(text: str) -> Block:
    return {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}],
    }


def task(**more: JsonValue) -> Block:
    return {"type": "task_card", "task_id": "build", "title": "Build", "status": "in_progress", **more}


def cell(text: str) -> Block:
    return {"type": "raw_text", "text": text}


def number(value: float) -> Block:
    return {"type": "raw_number", "value": value, "text": f"{value} MB"}


def data_table(*rows: JsonValue, **more: JsonValue) -> Block:
    return {"type": "data_table", "caption": "Images", "rows": list(rows), **more}


def rows_of(*lengths: int) -> list[JsonValue]:
    return [[cell("x" * length)] for length in lengths]


HEAD: JsonValue = [cell("Name"), cell("Size")]
SOURCE: Block = {"type": "url", "url": "https://example.com", "text": "An example"}
GOOD_BLOCKS: list[Block] = [
    task(details=rich("pip install"), output=rich("241 MB"), sources=[SOURCE]),
    {"type": "task_card", "task_id": "build", "title": "Build"},
    {"type": "plan", "title": "Create image", "tasks": [task(), {"task_id": "check", "title": "Check"}]},
    {"type": "plan", "title": "Create image"},
    {"type": "table", "rows": [HEAD, [cell("wget"), number(241.5)]]},
    data_table(HEAD, [rich("wget"), number(3)], page_size=20, row_header_column_index=0),
]


@pytest.mark.parametrize("block", GOOD_BLOCKS, ids=lambda block: str(block["type"]))
def test_newer_blocks_are_taken_in_messages_and_not_in_modals(block: Block) -> None:
    assert block_errors([block]) == ()
    assert block_errors([block], surface="modal") == (
        f"unsupported type: {block['type']} [json-pointer:/blocks/0/type]",
    )


BAD_NEWER_BLOCKS: list[tuple[Block, str]] = [
    (
        task(status="done"),
        "Input should be 'pending', 'in_progress', 'complete' or 'error' [json-pointer:/blocks/0/status]",
    ),
    (task(details=plain("x")), "Input should be 'rich_text' [json-pointer:/blocks/0/details/type]"),
    ({"type": "task_card", "title": "x"}, "missing required field: task_id [json-pointer:/blocks/0]"),
    (
        {"type": "plan", "title": "x", "tasks": [task(), task()]},
        "`task_id` must be unique in a plan [json-pointer:/blocks/0]",
    ),
    (data_table(HEAD), "no fewer than 2 items allowed [json-pointer:/blocks/0/rows]"),
    (data_table(*[HEAD] * 102), "no more than 101 items allowed [json-pointer:/blocks/0/rows]"),
    (data_table(HEAD, [cell("wget")]), "all rows must have the same number of cells [json-pointer:/blocks/0]"),
    (
        data_table([rich("Name")], [cell("wget")]),
        "the first row must not have `rich_text` cells [json-pointer:/blocks/0]",
    ),
    (
        data_table(HEAD, HEAD, page_size=101),
        "Input should be less than or equal to 100 [json-pointer:/blocks/0/page_size]",
    ),
]


@pytest.mark.parametrize(("block", "refusal"), BAD_NEWER_BLOCKS)
def test_a_bad_newer_block_is_refused_with_the_place(block: Block, refusal: str) -> None:
    assert refusal in block_errors([block])


def test_all_markdown_blocks_share_one_limit() -> None:
    def blocks(*lengths: int) -> list[JsonValue]:
        return [{"type": "markdown", "text": "x" * length} for length in lengths]

    assert block_errors(blocks(6_000, 6_000)) == ()
    assert block_errors(blocks(6_000, 6_001)) == (
        "all `markdown` blocks must be less than 12001 characters [json-pointer:/blocks]",
    )


def test_the_cells_of_all_tables_share_one_limit() -> None:
    def blocks(*lengths: int) -> list[JsonValue]:
        return [data_table(*rows_of(1, 4_999)), {"type": "table", "rows": rows_of(*lengths)}]

    assert block_errors(blocks(5_000)) == ()
    assert block_errors(blocks(5_000, 1)) == (
        "all table cells must be less than 10001 characters [json-pointer:/blocks]",
    )


@pytest.mark.parametrize(("blocks", "refusal"), BAD_BLOCKS)
def test_a_bad_block_is_refused_with_the_place(blocks: list[JsonValue], refusal: str) -> None:
    assert refusal in block_errors(blocks)


def test_the_same_action_may_stand_in_two_blocks() -> None:
    assert block_errors([actions(button(action_id="go")), actions(button(action_id="go"))]) == ()


def test_an_input_is_for_modals() -> None:
    field: Block = {"type": "input", "label": plain("Name"), "element": {"type": "plain_text_input"}}
    assert block_errors([field], surface="modal") == ()


def test_blocks_are_too_long_from_the_limit_on() -> None:
    def of_length(wanted: int) -> list[JsonValue]:
        blocks: list[JsonValue] = [fields(10, 1_000), {"type": "markdown", "text": ""}]
        rest = wanted - len(json.dumps(blocks, separators=(",", ":")))
        return [blocks[0], {"type": "markdown", "text": "x" * rest}]

    assert not are_too_long(of_length(MOST_CHARACTERS))
    assert are_too_long(of_length(MOST_CHARACTERS + 1))


def test_missing_ids_are_given_and_others_kept() -> None:
    ids = iter(["b1", "a1", "b2"])
    named = with_ids(
        [actions(button(), button(action_id="stop")), {**section("x"), "block_id": "mine"}, {"type": "divider"}],
        new_id=lambda: next(ids),
    )
    assert [block["block_id"] for block in named] == ["b1", "mine", "b2"]
    assert [element["action_id"] for _, element in clickables(named)] == ["a1", "stop"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "elements", "fields", "rows", "accessory", "options", "block_id"])
            | st.text(max_size=3),
            inner | st.sampled_from(["section", "header", "actions", "table", "button", "plain_text", "mrkdwn"]),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=4))
def test_whatever_comes_gets_an_answer_with_a_place(blocks: list[JsonValue]) -> None:
    assert all("[json-pointer:/blocks" in error for error in block_errors(blocks))


MODAL: Block = {
    "type": "modal",
    "title": {"type": "plain_text", "text": "Create"},
    "submit": {"type": "plain_text", "text": "Go"},
    "blocks": [
        {
            "type": "input",
            "label": {"type": "plain_text", "text": "Name"},
            "element": {"type": "plain_text_input", "action_id": "v"},
        }
    ],
}
LONG: Block = {"type": "plain_text", "text": "x" * 25}


def test_a_modal_is_taken() -> None:
    assert modal_errors(MODAL) == ()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"title": LONG}, "must be less than 25 characters [json-pointer:/view/title/text]"),
        ({"close": LONG}, "must be less than 25 characters [json-pointer:/view/close/text]"),
        (
            {"private_metadata": "x" * 3_001},
            "must be less than 3001 characters [json-pointer:/view/private_metadata]",
        ),
        ({"blocks": [{"type": "divider"}] * 101}, "no more than 100 items allowed [json-pointer:/view/blocks]"),
        ({"blocks": [{"type": "table", "rows": []}]}, "unsupported type: table [json-pointer:/view/blocks/0/type]"),
        ({"colour": "red"}, "invalid additional property: colour [json-pointer:/view]"),
        (
            {"blocks": [{"type": "divider", "block_id": "a"}] * 2},
            "`block_id` must be unique: a [json-pointer:/blocks]",
        ),
    ],
)
def test_a_bad_modal_is_refused_with_the_place(change: Block, error: str) -> None:
    assert modal_errors({**MODAL, **change}) == (error,)


def test_a_form_without_a_submit_button_is_refused() -> None:
    modal = {key: value for key, value in MODAL.items() if key != "submit"}
    assert modal_errors(modal) == ("must define `submit` to use an `input` block [json-pointer:/view]",)
