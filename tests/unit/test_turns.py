"""Turns: who waits for whom, and that nobody waits for ever."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from commands.carry_out.turns import Busy, Turns
from commands.errors import BuildStopped
from tests.fakes.host import PATIENCE_SECONDS, Gate


def nothing() -> None:
    """Do not mind."""


def stop() -> None:
    raise BuildStopped("The build was stopped.", hint="Start it again.")


def test_a_name_that_nobody_works_on_is_taken_without_waiting() -> None:
    turns = Turns()

    for _ in range(2):
        with (
            turns.on("a:1", waits=stop, raise_if_stopped=stop) as waited,
            turns.on("b:1", waits=stop, raise_if_stopped=stop),
        ):
            assert not waited


def test_the_second_waits_until_the_first_is_done_and_is_told_so_once() -> None:
    turns, work, told = Turns(), Gate(), threading.Event()
    done: list[tuple[str, bool]] = []
    work.shut()

    def job(name: str) -> None:
        with turns.on("a:1", waits=told.set, raise_if_stopped=nothing) as waited:
            work.pass_through()
            done.append((name, waited))

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(job, "first")
        work.wait_for()
        second = threads.submit(job, "second")
        assert told.wait(PATIENCE_SECONDS)
        assert done == []
        work.open()
        first.result(PATIENCE_SECONDS)
        second.result(PATIENCE_SECONDS)
    assert done == [("first", False), ("second", True)]


def test_who_is_to_end_does_not_wait_for_his_turn() -> None:
    turns = Turns()

    with (
        turns.on("a:1", waits=nothing, raise_if_stopped=nothing),
        pytest.raises(BuildStopped),
        turns.on("a:1", waits=nothing, raise_if_stopped=stop),
    ):
        pytest.fail("it is not its turn")
    with turns.on("a:1", waits=stop, raise_if_stopped=stop) as waited:
        assert not waited


def test_work_that_fails_gives_its_turn_back() -> None:
    turns = Turns()

    with pytest.raises(ZeroDivisionError), turns.on("a:1", waits=stop, raise_if_stopped=stop):
        raise ZeroDivisionError

    with turns.at_once(("a:1",)):
        pass


def test_who_cannot_wait_is_told_that_a_name_is_busy_and_takes_none() -> None:
    turns = Turns()

    with turns.on("b:1", waits=stop, raise_if_stopped=stop):
        with pytest.raises(Busy, match="`b:1`"), turns.at_once(("a:1", "b:1")):
            pytest.fail("it is not its turn")
        with turns.at_once(("a:1",)):
            pass
    with turns.at_once(("a:1", "b:1")), pytest.raises(Busy), turns.at_once(("b:1",)):
        pytest.fail("it is not its turn")


def test_only_so_many_pull_at_once_and_the_next_goes_when_one_is_done() -> None:
    turns, pulls, told = Turns(), Gate(), threading.Event()
    pulls.shut()

    def pull() -> None:
        with turns.to_pull(2, waits=told.set, raise_if_stopped=nothing):
            pulls.pass_through()

    with ThreadPoolExecutor(3) as threads:
        running = [threads.submit(pull) for _ in range(3)]
        assert told.wait(PATIENCE_SECONDS)
        pulls.wait_for(2)
        with pytest.raises(BuildStopped), turns.to_pull(2, waits=nothing, raise_if_stopped=stop):
            pytest.fail("there is no place")
        pulls.let_pass()
        pulls.wait_for(2)
        pulls.open()
        for each in running:
            each.result(PATIENCE_SECONDS)
    with turns.to_pull(1, waits=stop, raise_if_stopped=stop):
        pass
