"""What is kept of foreign text: nothing that hides, reorders or commands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.text import is_hidden, spell_out, without_hidden, without_terminal_sequences

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
ZERO_WIDTH = "\u00ad\u034f\u200b\u200c\u200d\u2060\u2064\ufeff"
FILLERS = "\u115f\u1160\u17b4\u180e\u3164\uffa0"
TAGS = "\U000e0001\U000e0041\U000e007f\U000e0100\U000e01ef"
SELECTORS = "\ufe00\ufe0d\u180b"
OTHERS = "\x00\x07\x1b\x7f\x85\u2028\u2029\ud800\u2065\ufff0"


@pytest.mark.parametrize("char", BIDI + ZERO_WIDTH + FILLERS + TAGS + SELECTORS + OTHERS, ids=ascii)
def test_what_hides_or_reorders_is_left_out_and_in_logs_spelled_out(char: str) -> None:
    assert is_hidden(char)
    assert without_hidden(f"a{char}b") == "ab"
    shown = spell_out(f"a{char}b")
    assert (shown[0], shown[-1], shown.isascii(), "\\" in shown) == ("a", "b", True, True)


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "two\nlines\tand a tab",
        "für José, 日本語, עברית, العربية",
        "⚠️ ✓ → …",
        "a\u0301 combined",
        "no break\u00a0space",
    ],
)
def test_what_people_write_stays(text: str) -> None:
    assert without_hidden(text) == text
    assert spell_out(text.replace("\u00a0", " "), keep="\n\t") == text.replace("\u00a0", " ")


def test_a_line_that_reads_backwards_is_shown_as_it_is() -> None:
    assert without_hidden("installed \u202egpj.exe") == "installed gpj.exe"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;http://x\x1b\\text", "text"),
        ("\x9b2Jgone", "gone"),
        ("\x1bcreset", "reset"),
    ],
)
def test_commands_to_a_terminal_are_left_out_whole(text: str, kept: str) -> None:
    assert without_terminal_sequences(text) == kept


@given(st.text(st.characters()))
def test_nothing_hidden_is_left_and_nothing_else_is_lost(text: str) -> None:
    kept = without_hidden(text)
    assert [char for char in text if not is_hidden(char) or char in "\n\t"] == list(kept)
    assert without_hidden(kept) == kept
