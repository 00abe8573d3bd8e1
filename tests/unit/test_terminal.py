import io

import pytest
from pydantic import JsonValue
from rich.console import Console

from bot.room.client.terminal import Block, styled, to_rich, width_of_tables


def printed(*blocks: Block, width: int = 60, files: tuple[str, ...] = (), colours: bool = False) -> str:
    screen = io.StringIO()
    console = Console(
        file=screen,
        width=width,
        force_terminal=colours,
        color_system="standard" if colours else None,
        legacy_windows=False,
    )
    console.print(to_rich(blocks, files))
    return screen.getvalue()


def lines(text: str) -> list[str]:
    """Take what stands inside the panel."""
    return [line.strip("│").strip() for line in text.splitlines()[1:-1]]


def section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


HEADER: Block = {"type": "header", "text": {"type": "plain_text", "text": "Create example_name?"}}
FIELDS: Block = {
    "type": "section",
    "fields": [{"type": "mrkdwn", "text": "*ID*\n`9c1e6b20d7f3`"}, {"type": "mrkdwn", "text": "*Size*\n241MB"}],
}
CONTEXT: Block = {"type": "context", "elements": [{"type": "mrkdwn", "text": "Requested by <@U0ALICE>"}]}
BUTTONS: list[JsonValue] = [
    {
        "type": "button",
        "action_id": "create",
        "style": "primary",
        "value": "d-1",
        "text": {"type": "plain_text", "text": "Create image"},
    },
    {"type": "button", "action_id": "cancel", "value": "d-1", "text": {"type": "plain_text", "text": "Cancel"}},
]
ACTIONS: Block = {"type": "actions", "elements": BUTTONS}


def rich_cell(text: str) -> Block:
    """Make a cell of rich text."""
    runs: list[JsonValue] = [{"type": "text", "text": text, "style": {"bold": True}}]
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": runs}]}


def select(action: str, *options: str, placeholder: str = "Details of…") -> dict[str, JsonValue]:
    """Make a menu."""
    choices: list[JsonValue] = [
        {"text": {"type": "plain_text", "text": option}, "value": f"d-1 {number}"}
        for number, option in enumerate(options)
    ]
    return {
        "type": "static_select",
        "action_id": action,
        "placeholder": {"type": "plain_text", "text": placeholder},
        "options": choices,
    }


def table(*rows: tuple[str, ...], **settings: list[JsonValue]) -> Block:
    """Make a table of plain cells."""
    cells: list[JsonValue] = [[{"type": "raw_text", "text": text} for text in row] for row in rows]
    return {"type": "table", "rows": cells, **settings}


IMAGES = (
    ("ID", "Repository", "Size", "Tag", "Created Time", "Created Since"),
    ("9c1e6b20d7f3", "example_name", "241MB", "1.0.0.1763925000", "2026-11-23 19:50 UTC", "3 seconds ago"),
    ("4f5a0a6c4f5a", "demisto/python3", "120MB", "latest", "2026-10-14 19:50 UTC", "6 weeks ago"),
)


def test_a_dialog_is_a_panel_of_all_its_blocks() -> None:
    shown = lines(printed(HEADER, section("*Base:* `debian:12`"), FIELDS, CONTEXT, ACTIONS, files=("build.log",)))

    assert shown == [
        "Create example_name?",
        "",
        "Base: debian:12",
        "",
        "ID    9c1e6b20d7f3",
        "Size  241MB",
        "",
        "Requested by @U0ALICE",
        "",
        "[ Create image ] create   [ Cancel ] cancel",
        "",
        "Files: build.log",
    ]


def test_a_table_has_a_head_and_a_line_for_each_row() -> None:
    right: list[JsonValue] = [None, None, {"align": "right"}]

    assert lines(printed(table(*IMAGES, column_settings=right), width=130)) == [
        "ID            Repository        Size  Tag               Created Time          Created Since",
        "─" * 91,
        "9c1e6b20d7f3  example_name     241MB  1.0.0.1763925000  2026-11-23 19:50 UTC  3 seconds ago",
        "4f5a0a6c4f5a  demisto/python3  120MB  latest            2026-10-14 19:50 UTC  6 weeks ago",
    ]


def test_a_table_in_a_narrow_window_breaks_between_words_first() -> None:
    assert lines(printed(table(*IMAGES), width=80)) == [
        "Created     Created",
        "ID            Repository       Size   Tag               Time        Since",
        "─" * 76,
        "9c1e6b20d7f3  example_name     241MB  1.0.0.1763925000  2026-11-23  3",
        "19:50 UTC   seconds",
        "ago",
        "4f5a0a6c4f5a  demisto/python3  120MB  latest            2026-10-14  6 weeks",
        "19:50 UTC   ago",
    ]


@pytest.mark.parametrize("width", [1, 8, 20, 40, 60, 79])
def test_a_table_loses_nothing_however_narrow_the_window_is(width: int) -> None:
    shown = "".join(printed(table(*IMAGES[:2]), width=width).split())

    # A letter in each column at least needs a window of so many.
    if width >= 22:
        wanted = "".join("".join(row) for row in IMAGES[:2]).replace(" ", "")
        assert sorted(char for char in shown if char not in "─│╭╮╰╯") == sorted(wanted)
    assert max(len(line) for line in printed(table(*IMAGES[:2]), width=width).splitlines()) <= width


def test_the_width_that_a_table_needs_shows_each_row_in_one_line() -> None:
    wide = width_of_tables([HEADER, table(*IMAGES)])

    assert width_of_tables([HEADER, FIELDS]) == 0
    assert len(lines(printed(table(*IMAGES), width=wide))) == 4
    assert len(lines(printed(table(*IMAGES), width=wide - 1))) > 4


@pytest.mark.parametrize(
    ("block", "shown"),
    [
        (table(("[red]a[/red]",), ("[link=x]b",)), ["[red]a[/red]", "────────────", "[link=x]b"]),
        ({"type": "table", "rows": [[rich_cell("a b")], [rich_cell("c\nd")]]}, ["a b", "───", "c d"]),
        (
            {
                "type": "data_table",
                "caption": "Sizes",
                "rows": [
                    [{"type": "raw_text", "text": "MB"}],
                    [{"type": "raw_number", "value": 2.5}],
                    [{"type": "raw_number", "value": 3, "text": "3 MB"}],
                ],
            },
            ["MB", "────", "2.5", "3 MB"],
        ),
        (table(("a", "b"), ("c",), ("d", "e", "f")), ["a  b", "────", "c", "d  e"]),
        ({"type": "table", "rows": []}, [""]),
        ({"type": "table", "rows": [None, 7, []], "column_settings": 3}, [""]),
    ],
)
def test_the_cells_of_a_table_are_text_whatever_they_hold(block: Block, shown: list[str]) -> None:
    assert [line for line in lines(printed(block)) if line] == [line for line in shown if line]


def test_a_menu_is_a_line_with_its_name_and_its_first_choices() -> None:
    choices = ("python:3.12", "debian:12", "alpine:3", "redis:7", "[red]x")
    row: list[JsonValue] = [*BUTTONS, select("image_details", *choices)]

    assert lines(printed({"type": "actions", "elements": row}, width=80)) == [
        "[ Create image ] create   [ Cancel ] cancel",
        "[ Details of… ▾ ] image_details: python:3.12, debian:12, alpine:3 and 2 more",
    ]
    beside: Block = {"type": "section", "text": {"type": "mrkdwn", "text": "a"}, "accessory": select("x", "[red]y")}
    assert lines(printed(beside)) == ["a", "[ Details of… ▾ ] x: [red]y"]


def test_a_button_is_not_broken_in_a_narrow_window() -> None:
    assert lines(printed(ACTIONS, width=40)) == ["[ Create image ] create", "[ Cancel ] cancel"]


@pytest.mark.parametrize(
    ("mrkdwn", "text"),
    [
        ("*bold* and `code`", "bold and code"),
        ("```\nE: one\n  two\n```", "E: one\n  two"),
        ("`*not bold*`", "*not bold*"),
        ("1.* and 2.*", "1.* and 2.*"),
        ("snake_case_name", "snake_case_name"),
        ("<@U0ALICE> and <!here>", "@U0ALICE and @here"),
        ("<https://example.com/a|the page>", "the page"),
        ("<!date^1763925000^{date}|2026-11-23 19:50 UTC>", "2026-11-23 19:50 UTC"),
        ("&lt;!here&gt; &amp;amp;", "<!here> &amp;"),
        ("`a &lt; b`", "a < b"),
        ("an open ` tick", "an open ` tick"),
        ("[bold red]no markup[/]", "[bold red]no markup[/]"),
    ],
)
def test_mark_up_is_read_as_slack_reads_it(mrkdwn: str, text: str) -> None:
    assert styled(mrkdwn).plain == text


def test_bold_and_code_have_styles() -> None:
    text = styled("*Base:* `debian`")

    assert [(text.plain[span.start : span.end], span.style) for span in text.spans] == [
        ("Base:", "bold"),
        ("debian", "cyan"),
    ]


@pytest.mark.parametrize(
    "evil", ["\x1b[2J", "\x9b2J", "\x1b]0;title\x07", "\r", "\x08", "\u202e", "\u200b", "\x7f", "\ud800"]
)
def test_no_control_character_reaches_the_terminal(evil: str) -> None:
    blocks: tuple[Block, ...] = (
        {"type": "header", "text": {"type": "plain_text", "text": f"a{evil}b"}},
        section(f"a{evil}b `c{evil}d` <@U{evil}1> ```\ne{evil}f\n```"),
        {"type": "section", "fields": [{"type": "mrkdwn", "text": f"*a{evil}*\n{evil}"}]},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": evil}]},
        {
            "type": "actions",
            "elements": [
                {"type": "button", "action_id": f"x{evil}", "text": {"type": "plain_text", "text": f"y{evil}"}}
            ],
        },
        {"type": f"new{evil}"},
        {"type": "table", "rows": [[{"type": "raw_text", "text": f"h{evil}"}], [{**rich_cell(f"c{evil}")}]]},
        {"type": "actions", "elements": [select(f"m{evil}", f"o{evil}", placeholder=f"p{evil}")]},
    )

    shown = printed(*blocks, files=(f"log{evil}",))

    assert not set(evil[:1]) & set(shown)


def test_what_people_typed_is_no_console_markup() -> None:
    header: Block = {"type": "header", "text": {"type": "plain_text", "text": "[red]a[/red] [link=x]"}}

    assert lines(printed(header, section("[bold]b[/bold]"))) == ["[red]a[/red] [link=x]", "", "[bold]b[/bold]"]


def test_colours_are_used_where_the_terminal_has_them() -> None:
    assert "\x1b[1;32m[ Create image ]" in printed(ACTIONS, colours=True)


def test_a_block_of_a_kind_that_is_not_known_is_named() -> None:
    assert lines(printed({"type": "video"})) == ["(video is shown in Slack only)"]
