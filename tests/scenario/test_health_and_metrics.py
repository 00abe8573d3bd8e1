"""What the bot tells those who watch over it, while it does its work."""

import sqlite3
from collections.abc import Callable
from contextlib import closing

from bot.access.rules import Access
from bot.doctor.report import Fault, Report
from bot.doctor.running import run
from tests.fakes.host import PATIENCE_SECONDS
from tests.kit.driver import RoomDriver, eventually
from tests.unit.test_meter import numbers

COMMAND = 'command="/docker_image_create"'


def watched(driver: RoomDriver) -> dict[str, float]:
    assert driver.bot is not None
    return numbers(driver.bot.meter)


def counted(driver: RoomDriver, name: str) -> dict[str, float]:
    """Wait until this was counted, which is after people are told, and end the bot: then nothing is added any more."""
    bot = driver.bot
    assert bot is not None
    eventually(lambda: numbers(bot.meter).get(name), name)
    driver.close_bot()
    return numbers(bot.meter)


def readiness(driver: RoomDriver) -> Report:
    assert driver.bot is not None
    return run(driver.bot.checks, seconds=PATIENCE_SECONDS)


def faults(report: Report) -> list[str]:
    return [line.name for line in report.lines if isinstance(line.verdict, Fault)]


def test_a_command_is_counted_from_its_acknowledgement_to_its_end(driver: RoomDriver) -> None:
    driver.create().until("done")
    done = f'warroom_commands_total{{{COMMAND},outcome="done"}}'
    told = counted(driver, done)
    assert told[done] == 1
    assert told['warroom_ack_seconds_count{kind="command"}'] == 1
    assert told['warroom_ack_seconds_count{kind="click"}'] == 1
    assert told['warroom_build_seconds_count{outcome="created"}'] == 1
    assert told['warroom_slack_calls_total{method="chat.postMessage",result="ok"}'] >= 1
    assert told['warroom_slack_calls_total{method="chat.update",result="ok"}'] >= 1


def test_a_command_that_is_refused_is_counted_once(driver: RoomDriver) -> None:
    driver.alice.type("/docker_image_create name=UPPER")
    driver.alice.until_whispered("Check the command")
    refused = f'warroom_commands_total{{{COMMAND},outcome="refused"}}'
    assert counted(driver, refused)[refused] == 1


def test_a_list_is_counted_once_however_often_it_is_turned(driver: RoomDriver) -> None:
    dialog = driver.alice.type("/docker_images")
    dialog.until("listed")
    dialog.click("refresh")
    driver.host.engine.add_image("later:1")
    dialog.click("refresh")
    dialog.until_says("later")
    listed = 'warroom_commands_total{command="/docker_images",outcome="listed"}'
    assert counted(driver, listed)[listed] == 1


def test_an_update_is_counted_by_what_came_of_it(driver: RoomDriver) -> None:
    driver.host.engine.add_image("theirs:1")
    driver.alice.type("/docker_image_update image=theirs:1").until("unchanged")
    unchanged = 'warroom_commands_total{command="/docker_image_update",outcome="unchanged"}'
    told = counted(driver, unchanged)
    assert told[unchanged] == 1
    assert not [name for name in told if name.startswith("warroom_build_seconds_count")]


def test_builds_that_run_and_wait_are_told(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(builds_at_once=1)
    driver.host.steps.shut()
    first = driver.create("/docker_image_create name=first dependencies=mechanize")
    first.until("running")
    driver.host.steps.wait_for()
    second = driver.create("/docker_image_create name=second dependencies=mechanize")
    second.until("queued")
    assert watched(driver)["warroom_builds_running"] == 1
    assert watched(driver)["warroom_queue_length"] == 1
    driver.host.steps.open()
    first.until("done")
    second.until("done")
    assert watched(driver)["warroom_queue_length"] == 0


def test_a_running_bot_is_ready_and_says_what_it_lacks_when_it_is_not(driver: RoomDriver) -> None:
    assert faults(readiness(driver)) == []
    driver.host.engine.break_down()
    assert faults(readiness(driver)) == ["Docker"]
    driver.host.engine.repair()
    driver.room.stop()
    driver.alice.until(lambda: faults(readiness(driver)) == ["Slack"], "that Slack is away")


def test_readiness_looks_at_the_disk_of_the_daemon_while_the_daemon_answers(driver: RoomDriver) -> None:
    def looks() -> str:
        return next(line.verdict.says for line in readiness(driver).lines if line.name == "Docker's disk")

    assert looks() == "overlay2; free space unknown"
    driver.host.engine.break_down()
    assert looks() == "Not checked: Docker does not answer."
    driver.host.engine.repair()


def test_a_bot_that_is_not_connected_yet_is_not_ready(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(start=False)
    driver.bot = driver.make_bot()
    assert faults(readiness(driver)) == ["Slack"]


def test_a_command_where_none_is_allowed_is_counted(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(access=Access(frozenset({"C0ELSEWHERE"})))
    driver.alice.type("/docker_image_create name=tool")
    driver.alice.until_whispered("This channel takes no commands")
    not_allowed = f'warroom_commands_total{{{COMMAND},outcome="not_allowed"}}'
    assert counted(driver, not_allowed)[not_allowed] == 1


def test_a_bot_whose_database_takes_no_write_is_not_ready(driver: RoomDriver) -> None:
    assert faults(readiness(driver)) == []
    with closing(sqlite3.connect(driver.settings.state_dir / "dialogs.sqlite")) as database:
        refused = "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        database.execute(f"CREATE TRIGGER full BEFORE UPDATE ON warroom_owners {refused}")
        assert faults(readiness(driver)) == ["Database"]
        database.execute("DROP TRIGGER full")
    assert faults(readiness(driver)) == []
