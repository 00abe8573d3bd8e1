from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.recipe.tags import BuildNumbers, build_number, newest

NOW = 1_700_000_000.9


def test_a_tag_is_the_version_and_the_seconds() -> None:
    assert BuildNumbers().next_tag(NOW) == "1.0.0.1700000000"
    assert BuildNumbers().next_tag(NOW, version="2.9.1") == "2.9.1.1700000000"


def test_two_in_the_same_second_differ() -> None:
    numbers = BuildNumbers()
    assert [numbers.next(NOW) for _ in range(3)] == [1_700_000_000, 1_700_000_001, 1_700_000_002]


def test_a_clock_that_goes_back_does_not_give_a_number_twice() -> None:
    numbers = BuildNumbers()
    assert numbers.next(NOW) < numbers.next(NOW - 3600)


def test_the_next_tag_is_above_all_that_exist_and_strange_ones_do_not_matter() -> None:
    taken = ["latest", "1.0.0.1700000005", "3.0", "v1-alpha", "x.y.z", "99999999999999999999999", ""]
    assert BuildNumbers().next_tag(NOW, taken) == "1.0.0.1700000006"


def test_many_threads_get_many_numbers() -> None:
    numbers = BuildNumbers()
    with ThreadPoolExecutor(8) as pool:
        given_out = list(pool.map(lambda _: numbers.next(NOW), range(500)))
    assert len(set(given_out)) == 500


@given(st.lists(st.floats(min_value=0, max_value=4e9), max_size=20), st.lists(st.from_regex(r"[0-9.a-z]{0,12}")))
def test_numbers_only_ever_rise(times: list[float], taken: list[str]) -> None:
    numbers = BuildNumbers()
    given_out = [numbers.next(time, taken) for time in times]
    assert given_out == sorted(set(given_out))
    assert all(number > (build_number(tag) or -1) for number in given_out for tag in taken)


@pytest.mark.parametrize(
    ("tag", "number"),
    [
        ("2.9.1.11185775", 11185775),
        ("12", 12),
        ("latest", None),
        ("1.0-alpine", None),
        ("", None),
        ("1.", None),
        ("1.0\n", None),
        ("1.٣", None),
        ("1.1234567890123456789", None),
    ],
)
def test_the_build_number_is_the_last_component(tag: str, number: int | None) -> None:
    assert build_number(tag) == number


def test_the_newest_tag_has_the_highest_last_component_whatever_its_version() -> None:
    assert newest(["2.0.0.100", "1.0.0.101", "latest", "3.9.9.99"]) == "1.0.0.101"


@pytest.mark.parametrize("tags", [[], ["latest"], ["a", "b"]])
def test_without_numbers_no_tag_is_the_newest(tags: list[str]) -> None:
    assert newest(tags) is None
