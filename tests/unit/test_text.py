"""Words are quoted, counted and listed as people write them."""

import pytest

from commands.text import and_more, code_spans, count_of, in_words, one_line, plural, printable, without_controls


@pytest.mark.parametrize(("count", "shown"), [(0, "0 images"), (1, "1 image"), (2, "2 images"), (1200, "1,200 images")])
def test_a_count_has_its_noun_in_the_right_form(count: int, shown: str) -> None:
    assert count_of(count, "image") == shown


def test_an_irregular_plural_is_named() -> None:
    assert count_of(2, "registry", "registries") == "2 registries"
    assert [plural(count, "is", "are") for count in (0, 1, 2)] == ["are", "is", "are"]


@pytest.mark.parametrize(
    ("words", "shown"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c", "d"], "a, b and 2 more")]
)
def test_what_does_not_fit_is_counted(words: list[str], shown: str) -> None:
    assert in_words(words, most=2) == shown


def test_the_last_word_of_a_sentence_has_a_conjunction() -> None:
    assert in_words(["a", "b", "c"], last="or") == "a, b or c"


def test_a_list_names_the_first_words_and_counts_the_rest() -> None:
    assert and_more(["a", "b"], 2) == "a, b"
    assert and_more(["a", "b", "c"], 2, separator="; ") == "a; b and 1 more"
    assert code_spans(["a", "b"]) == "`a`, `b`"


def test_what_a_terminal_would_obey_is_left_out() -> None:
    assert without_controls("\x1b[31mred\x1b[0m\tand\u202e\r\nplain\x9b2J") == "red and\nplain"
    assert one_line(" a\x00b\n\u200bc ") == "a b c"
    assert printable("a\x00b", instead="?") == "a?b"
