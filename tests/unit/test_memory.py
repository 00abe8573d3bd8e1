"""Answers that threads share are made once and remembered within a size and a time."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from commands.memory import Memory
from tests.fakes.host import PATIENCE_SECONDS


def never() -> str:
    raise AssertionError("the answer is remembered")


def raising(message: str) -> Callable[[], str]:
    def make() -> str:
        raise ValueError(message)

    return make


def test_an_answer_is_made_once() -> None:
    memory = Memory[str, str](2)
    assert memory.get_or_make("a", lambda: "made") == "made"
    assert memory.get_or_make("a", never) == "made"


def test_the_answer_that_was_used_longest_ago_is_forgotten() -> None:
    memory = Memory[str, str](2)
    for key in ("a", "b", "a", "c"):
        memory.get_or_make(key, key.upper)
    assert memory.get_or_make("a", never) == "A"
    assert memory.get_or_make("b", lambda: "made again") == "made again"


def test_an_answer_expires_after_its_time() -> None:
    now = [0.0]
    memory = Memory[str, str](2, 60.0, lambda: now[0])
    memory.get_or_make("a", lambda: "first")
    now[0] = 59.0
    assert memory.get_or_make("a", never) == "first"
    now[0] = 60.0
    assert memory.get_or_make("a", lambda: "second") == "second"


def test_an_error_is_raised_and_not_remembered() -> None:
    memory = Memory[str, str](2)
    with pytest.raises(ValueError, match="no answer"):
        memory.get_or_make("a", raising("no answer"))
    assert memory.get_or_make("a", lambda: "made") == "made"


def test_an_answer_that_does_not_last_is_returned_and_not_remembered() -> None:
    memory = Memory[str, str](2, is_lasting=lambda made: made != "partial")
    assert memory.get_or_make("a", lambda: "partial") == "partial"
    assert memory.get_or_make("a", lambda: "whole") == "whole"
    assert memory.get_or_make("a", never) == "whole"


def test_none_is_an_answer_too() -> None:
    memory = Memory[str, str | None](2)
    memory.get_or_make("a", lambda: None)
    assert memory.get_or_make("a", never) is None


def test_many_threads_of_one_key_make_its_answer_once() -> None:
    memory, start, made = Memory[str, str](2), threading.Barrier(8), list[str]()

    def make() -> str:
        made.append("a")
        return "made"

    def ask() -> str:
        start.wait(PATIENCE_SECONDS)
        return memory.get_or_make("a", make)

    with ThreadPoolExecutor(8) as pool:
        assert {each.result() for each in [pool.submit(ask) for _ in range(8)]} == {"made"}
    assert made == ["a"]


def test_threads_that_wait_for_a_failing_one_make_the_answer_themselves() -> None:
    memory, is_making, may_fail = Memory[str, str](2), threading.Event(), threading.Event()

    def fail() -> str:
        is_making.set()
        assert may_fail.wait(PATIENCE_SECONDS)
        raise ValueError("no answer")

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(memory.get_or_make, "a", fail)
        assert is_making.wait(PATIENCE_SECONDS)
        others = [pool.submit(memory.get_or_make, "a", lambda: "made") for _ in range(2)]
        may_fail.set()
        assert [each.result() for each in others] == ["made", "made"]
        with pytest.raises(ValueError, match="no answer"):
            first.result()


def test_threads_of_different_keys_do_not_wait_for_each_other() -> None:
    memory, together = Memory[str, str](2), threading.Barrier(2)

    def make() -> str:
        together.wait(PATIENCE_SECONDS)
        return "made"

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda key: memory.get_or_make(key, make), ("a", "b"))) == ["made", "made"]
