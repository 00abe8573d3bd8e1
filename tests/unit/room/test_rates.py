"""Slack's rate limits on a clock that stands still until it is turned."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.room.server.rates import RateLimits, RateMeter


class RatesClock:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def test_a_burst_of_posts_passes_then_one_a_second() -> None:
    clock = RatesClock()
    meter = RateMeter(RateLimits(), clock=clock)
    assert [meter.wait_for("chat.postMessage", "C1") for _ in range(6)] == [0, 0, 0, 0, 0, 1]
    clock.seconds += 1
    assert [meter.wait_for("chat.postMessage", "C1") for _ in range(2)] == [0, 1]


def test_channels_do_not_wait_for_each_other() -> None:
    meter = RateMeter(RateLimits(post_burst=1), clock=RatesClock())
    assert [meter.wait_for("chat.postMessage", channel) for channel in ("C1", "C2", "C1")] == [0, 0, 1]


@pytest.mark.parametrize(
    ("method", "per_minute"),
    [
        ("chat.update", 50),
        ("chat.delete", 50),
        ("chat.postEphemeral", 100),
        ("conversations.info", 50),
        ("files.getUploadURLExternal", 100),
    ],
)
def test_a_method_passes_so_often_a_minute(method: str, per_minute: int) -> None:
    clock = RatesClock()
    meter = RateMeter(RateLimits(), clock=clock)
    for _ in range(per_minute):
        assert meter.wait_for(method, "C1") == 0
        clock.seconds += 0.5
    wait = meter.wait_for(method, "C2")
    assert wait == 60 - per_minute * 0.5
    clock.seconds += wait
    assert [meter.wait_for(method) for _ in range(2)] == [0, 1]


def test_methods_without_a_documented_rate_always_pass() -> None:
    meter = RateMeter(RateLimits(), clock=RatesClock())
    assert {meter.wait_for("auth.test") for _ in range(500)} == {0}


@given(
    method=st.sampled_from(["chat.postMessage", "chat.update"]),
    pauses=st.lists(st.floats(0, 3), min_size=1, max_size=120),
)
def test_who_waits_as_told_always_passes(method: str, pauses: list[float]) -> None:
    clock = RatesClock()
    meter = RateMeter(RateLimits(), clock=clock)
    for pause in pauses:
        clock.seconds += pause
        if wait := meter.wait_for(method, "C1"):
            clock.seconds += wait
            assert meter.wait_for(method, "C1") == 0
