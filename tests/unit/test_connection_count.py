"""Slack's count of connections, compared with the bot's own."""

from io import StringIO

from bot.slack.connection_count import AGAIN_SECONDS, DOUBT_SECONDS, ConnectionCount
from tests.fakes.logs import logs_to


class Hands:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def count_of_two(clock: Hands) -> ConnectionCount:
    count = ConnectionCount(clock)
    count.begin()
    count.begin()
    return count


def test_the_bots_own_connections_are_no_reason_to_doubt() -> None:
    count = count_of_two(Hands())
    assert [count.compare(1), count.compare(2)] == [None, None]
    assert count.foreign == 0


def test_a_connection_that_slack_has_not_missed_yet_is_counted_again_before_anybody_is_warned() -> None:
    clock = Hands()
    count = count_of_two(clock)
    assert count.compare(3) == DOUBT_SECONDS
    clock.now += DOUBT_SECONDS
    assert count.compare(2) is None
    assert count.foreign == 0
    assert count.compare(3) == DOUBT_SECONDS


def test_connections_of_another_bot_are_warned_of_once_and_until_they_are_gone() -> None:
    clock, written = Hands(), StringIO()
    count = count_of_two(clock)
    with logs_to(written):
        count.compare(4)
        clock.now += DOUBT_SECONDS
        assert count.compare(4) == AGAIN_SECONDS
        clock.now += AGAIN_SECONDS
        assert count.compare(4) == AGAIN_SECONDS
    assert count.foreign == 2
    assert written.getvalue().count("slack_tokens_shared") == 1
    assert count.compare(2) is None
    assert count.foreign == 0


def test_a_connection_that_has_ended_is_not_the_bots_own_any_more() -> None:
    count = count_of_two(Hands())
    count.end()
    assert count.compare(2) == DOUBT_SECONDS
