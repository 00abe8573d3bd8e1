import pytest

from bot.slack.views import Message
from bot.slack.views.parts import Block, section
from bot.slack.views.tables import Column, has_table, length, message_that_fits, table, without_tables
from bot.slack.views.text import columns, markup, middle

HEADER: Block = {"type": "header", "block_id": "header", "text": {"type": "plain_text", "text": "x", "emoji": False}}
BUTTONS: Block = {"type": "actions", "block_id": "actions", "elements": []}
SMALL = table("images", (Column("Image", 20), Column("Size", 20, is_number=True)), [("a", "1"), ("bcd", "2")])


def test_a_table_is_rows_of_plain_cells_with_its_titles_first() -> None:
    assert SMALL == {
        "type": "table",
        "block_id": "images",
        "column_settings": [None, {"align": "right"}],
        "rows": [
            [{"type": "raw_text", "text": "Image"}, {"type": "raw_text", "text": "Size"}],
            [{"type": "raw_text", "text": "a"}, {"type": "raw_text", "text": "1"}],
            [{"type": "raw_text", "text": "bcd"}, {"type": "raw_text", "text": "2"}],
        ],
    }


def test_a_table_takes_at_most_a_hundred_rows_and_no_empty_cell() -> None:
    long = table("images", (Column("Image", 20),), [("",)] * 300)

    rows = long["rows"]
    assert isinstance(rows, list)
    assert len(rows) == 100
    assert str(long["rows"]).count("'–'") == 99


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("demisto/python3:latest", 30, "demisto/python3:latest"),
        ("demisto/python3:latest", 20, "demisto…:latest"),
        ("`a` \x1b[31mb", 20, "a b"),
        ("", 20, "–"),
        ("<<<<<<<<<<", 30, "<<<…<<<"),
        ("🎉🎉🎉", 20, "…"),
    ],
)
def test_what_is_too_long_loses_its_middle(text: str, limit: int, shown: str) -> None:
    assert middle(text, limit) == shown


def test_columns_are_split_into_blocks_that_each_fit() -> None:
    assert columns(["ab  c", "d   e"], 100) == ["```\nab  c\nd   e\n```"]
    assert columns(["aaaa", "bbbb", "cccc"], 12) == ["```\naaaa\nbbbb\n```", "```\ncccc\n```"]
    assert columns(["a < b"], 100) == ["```\na &lt; b\n```"]
    assert columns([], 100) == ["```\n–\n```"]


def test_without_tables_the_rows_stand_in_columns_and_all_else_stays() -> None:
    message = Message("text", (HEADER, SMALL, BUTTONS))

    assert has_table(message)
    assert without_tables(message) == Message(
        "text",
        (
            HEADER,
            section("images_1", markup("```\nImage  Size\n-----  ----\na      1\nbcd    2\n```")),
            BUTTONS,
        ),
    )
    assert not has_table(without_tables(message))


def test_a_message_without_a_table_stays_as_it_is() -> None:
    message = Message("text", (HEADER, BUTTONS))

    assert without_tables(message) == message


def test_a_long_table_becomes_several_sections_of_which_no_row_is_lost() -> None:
    rows = [(f"image-{number}", "x" * 60) for number in range(25)] * 3
    message = Message("text", (HEADER, table("images", (Column("Image", 20), Column("Tag", 80)), rows)))
    written = without_tables(message)

    assert len(written.blocks) > 3
    assert [str(written.blocks).count(f"image-{number} ") for number in range(25)] == [3] * 25
    assert len({str(block["block_id"]) for block in written.blocks}) == len(written.blocks)


def test_the_first_room_in_which_a_message_fits_is_taken() -> None:
    def make(count: int) -> Message:
        return Message("", tuple([HEADER] * count))

    assert len(message_that_fits(make, (1_000, 100, 10)).blocks) == 100
    assert len(message_that_fits(make, (1_000, 500)).blocks) == 500


def test_a_character_counts_as_long_as_json_in_ascii_may_write_it() -> None:
    assert length([{"type": "🎉"}]) == len('[{"type":"\\ud83c\\udf89"}]')
