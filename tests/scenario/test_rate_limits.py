"""Many commands at once under Slack's rate limits: all dialogs come to their end, and Slack is hardly ever annoyed."""

from collections.abc import Callable, Iterator
from io import StringIO

import pytest

from bot.room.server.rates import RateLimits
from bot.slack.pace import Pace
from tests.fakes.logs import logs_to
from tests.kit.driver import RoomDriver, words

# As Slack's, and as the bot's own to them, but posts flow twenty times as fast: sixty of them would take a minute.
LIMITS = RateLimits(posts_per_second=20)
PACE = Pace(posts=4, posts_seconds=0.22)


@pytest.fixture
def log() -> Iterator[StringIO]:
    stream = StringIO()
    with logs_to(stream):
        yield stream


def test_thirty_commands_at_once_all_end_and_no_edit_is_lost(
    make_driver: Callable[..., RoomDriver], log: StringIO
) -> None:
    driver = make_driver(limits=LIMITS, pace=PACE)
    built = [driver.alice.type(f"/docker_image_create name=image{number} packages=wget") for number in range(4)]
    refused = [driver.bob.type(f"/docker_image_create name=a dependencies=nowhere{number}") for number in range(26)]
    for dialog in built:
        dialog.until("review")
        dialog.click("create")
    for number, dialog in enumerate(refused):
        assert f"`nowhere{number}`" in words(dialog.until("refused"))
    for dialog in built:
        dialog.until("done")
    for dialog in (*built, *refused):
        dialog.until_announced()
    assert driver.stages() == ["Answered"] * 26 + ["Finished"] * 4
    assert len(driver.bot_messages()) == 30
    assert "slack_refused" not in log.getvalue()
    assert log.getvalue().count("slack_rate_limited") <= 3


def test_progress_never_takes_the_edits_that_stages_need(make_driver: Callable[..., RoomDriver], log: StringIO) -> None:
    driver = make_driver(limits=RateLimits(), pace=Pace(progress_seconds=0.01))
    driver.host.steps.shut()
    dialog = driver.create()
    for _ in range(3):
        driver.host.steps.wait_for()
        driver.host.steps.let_pass()
    dialog.until("done")
    dialog.until_announced()
    assert "slack_rate_limited" not in log.getvalue()
