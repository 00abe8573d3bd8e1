"""The numbers that the bot gives to Prometheus."""

from collections.abc import Iterator

import pytest

from bot.meter import MOST_RESULTS, Meter
from commands.errors import StateUnwritable


def numbers(meter: Meter) -> dict[str, float]:
    """Read what a scraper would read."""
    lines = [line for line in meter.text().decode().splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def ticking(*moments: float) -> Meter:
    """Make a meter whose clock shows these moments, one after the other."""
    clock: Iterator[float] = iter(moments)
    return Meter(lambda: next(clock))


def test_commands_are_counted_by_name_and_outcome() -> None:
    meter = Meter()
    for outcome in ("done", "done", "failed"):
        meter.command_ended("/docker_image_create", outcome)
    assert numbers(meter)['warroom_commands_total{command="/docker_image_create",outcome="done"}'] == 2
    assert numbers(meter)['warroom_commands_total{command="/docker_image_create",outcome="failed"}'] == 1


def test_an_acknowledgement_is_timed_also_when_it_fails() -> None:
    meter = ticking(1.0, 1.2, 5.0, 9.0)
    with meter.acking("command"):
        pass
    with pytest.raises(KeyError), meter.acking("command"):
        raise KeyError
    told = numbers(meter)
    assert told['warroom_ack_seconds_count{kind="command"}'] == 2
    assert told['warroom_ack_seconds_sum{kind="command"}'] == pytest.approx(4.2)
    assert told['warroom_ack_seconds_bucket{kind="command",le="0.25"}'] == 1


def test_a_build_runs_until_it_has_ended_and_is_timed_by_how() -> None:
    meter = ticking(0.0, 7.5)
    with meter.building() as build:
        assert numbers(meter)["warroom_builds_running"] == 1
        build.outcome = "created"
    told = numbers(meter)
    assert told["warroom_builds_running"] == 0
    assert told['warroom_build_seconds_sum{outcome="created"}'] == 7.5


def test_a_build_that_falls_over_is_counted_as_such() -> None:
    meter = ticking(0.0, 1.0)
    with pytest.raises(KeyError), meter.building():
        raise KeyError
    assert numbers(meter)['warroom_build_seconds_count{outcome="broke"}'] == 1


def test_calls_of_slack_are_counted_and_refusals_for_the_rate_by_themselves() -> None:
    meter = Meter()
    meter.slack_called("chat.update", "ok")
    meter.slack_called("chat.update", "ratelimited", limited=True)
    told = numbers(meter)
    assert told['warroom_slack_calls_total{method="chat.update",result="ok"}'] == 1
    assert told["warroom_slack_rate_limited_total"] == 1


def test_errors_that_all_differ_are_counted_together_after_the_first_ones() -> None:
    meter = Meter()
    for number in range(1000):
        meter.slack_called("chat.update", f"request-{number}")
    meter.slack_called("chat.update", "request-0")
    meter.slack_called("chat.update", "ok")

    told = {name: count for name, count in numbers(meter).items() if "warroom_slack_calls_total" in name}
    assert len(told) == MOST_RESULTS + 2
    assert told['warroom_slack_calls_total{method="chat.update",result="request-0"}'] == 2
    assert told['warroom_slack_calls_total{method="chat.update",result="ok"}'] == 1
    assert told['warroom_slack_calls_total{method="chat.update",result="other"}'] == 1000 - MOST_RESULTS


def test_the_queue_is_asked_for_its_length_when_the_numbers_are_read() -> None:
    meter, waiting = Meter(), ["a"]
    meter.watch_queue(lambda: len(waiting))
    assert numbers(meter)["warroom_queue_length"] == 1
    waiting.append("b")
    assert numbers(meter)["warroom_queue_length"] == 2


def test_a_queue_that_cannot_be_asked_hides_no_other_number() -> None:
    def away() -> int:
        raise StateUnwritable("The database is away.", hint="Look.")

    meter = Meter()
    meter.watch_queue(away)
    meter.slack_called("chat.update", "ok")
    told = numbers(meter)
    assert str(told["warroom_queue_length"]) == "nan"
    assert told['warroom_slack_calls_total{method="chat.update",result="ok"}'] == 1


def test_two_meters_do_not_share_their_numbers() -> None:
    one, other = Meter(), Meter()
    one.slack_called("chat.update", "ok")
    assert 'warroom_slack_calls_total{method="chat.update",result="ok"}' not in numbers(other)
