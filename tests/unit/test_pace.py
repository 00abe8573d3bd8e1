from collections.abc import Callable, Iterator
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack.pace import LeakyBucket, Pace, SlidingWindow

gaps = st.lists(st.floats(0, 20, allow_nan=False), min_size=1, max_size=200)


def calls_of(limit: SlidingWindow | LeakyBucket, asked: Iterator[float]) -> list[float]:
    """Call as early as the limit allows, each time not before it is asked."""
    made: list[float] = []
    now = 0.0
    for at in asked:
        now = max(now, at)
        now += limit.wait(now)
        limit.spend(now)
        made.append(now)
    return made


def most_within(seconds: float, times: list[float]) -> int:
    return max(sum(start <= time < start + seconds - 1e-6 for time in times) for start in times)


@given(gaps, st.integers(1, 50), st.floats(0.5, 60))
def test_a_window_never_holds_more_calls_than_it_may(waits: list[float], calls: int, seconds: float) -> None:
    made = calls_of(SlidingWindow(calls, seconds), accumulate(waits))

    assert most_within(seconds, made) <= calls


@given(gaps, st.integers(1, 20), st.floats(0.5, 10))
def test_a_drip_lets_a_burst_through_and_then_one_at_a_time(waits: list[float], burst: int, every: float) -> None:
    made = calls_of(LeakyBucket(burst, every), accumulate(waits))

    for length in (every, 5 * every, 60.0):
        assert most_within(length, made) <= burst + length / every


@pytest.mark.parametrize("make", [lambda: SlidingWindow(3, 10), lambda: LeakyBucket(3, 10)], ids=["window", "drip"])
def test_who_is_slow_enough_never_waits(make: Callable[[], SlidingWindow | LeakyBucket]) -> None:
    limit = make()

    for second in range(0, 1000, 10):
        assert limit.wait(second) == 0
        limit.spend(second)


def test_a_full_window_says_when_there_is_room_again() -> None:
    window = SlidingWindow(2, 60)
    for second in (0, 10):
        window.spend(second)

    assert window.wait(20) == 40
    assert window.wait(60) == 0


def test_a_closed_window_opens_at_its_time_and_not_earlier() -> None:
    window = SlidingWindow(2, 60)
    window.close(30)
    window.close(5)

    assert window.wait(10) == 20
    assert window.wait(30) == 0


def test_a_long_job_is_shown_at_least_every_few_seconds_and_leaves_edits_to_stages() -> None:
    pace = Pace()
    drip = LeakyBucket(pace.progress_burst, pace.progress_every)

    made = calls_of(drip, iter(float(second) for second in range(600)))

    pauses = [later - earlier for earlier, later in pairwise(made)]
    assert max(pauses) <= pace.progress_every
    assert most_within(60, made) <= pace.edits - 15
