import io

import pytest
from rich.console import Console

from bot.room.terminal import Block, styled, to_rich


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
CONTEXT: Block = {"type": "context", "elements": [{"type": "mrkdwn", "text": "Asked by <@U0ALICE>"}]}
ACTIONS: Block = {
    "type": "actions",
    "elements": [
        {
            "type": "button",
            "action_id": "create",
            "style": "primary",
            "value": "d-1",
            "text": {"type": "plain_text", "text": "Create image"},
        },
        {"type": "button", "action_id": "cancel", "value": "d-1", "text": {"type": "plain_text", "text": "Cancel"}},
    ],
}


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
        "Asked by @U0ALICE",
        "",
        "[ Create image ] create   [ Cancel ] cancel",
        "",
        "Files: build.log",
    ]


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
