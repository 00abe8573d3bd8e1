"""Connections to Slack break in every way; the bot goes on hearing what people type."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bot.doctor.report import Fault, Good, Verdict
from bot.slack.connection import LINES
from tests.fakes.slack_api import ScriptedAnswer, slack_api
from tests.fakes.tcp_proxy import TcpProxy, tcp_proxy
from tests.kit.driver import RoomDriver, eventually
from tests.kit.program import Program, open_program_room


@pytest.fixture
def relayed(make_driver: Callable[..., RoomDriver]) -> Iterator[tuple[RoomDriver, TcpProxy]]:
    """A bot whose connections to the room pass through a relay; all its lines are open."""
    with ExitStack() as stack:
        driver = make_driver(start=False)
        proxy = stack.enter_context(tcp_proxy(driver.room.url))
        driver.api_url = proxy.api_url
        driver.start_bot()
        stack.callback(driver.close_bot)
        eventually(lambda: proxy.links == LINES, "that all lines are open")
        yield driver, proxy


def slack_check(driver: RoomDriver) -> Verdict:
    """Look at what the health page says of Slack."""
    assert driver.bot is not None
    return next(check for check in driver.bot.checks if check.name == "Slack").look()


@pytest.mark.parametrize("fault", [TcpProxy.reset, TcpProxy.end, TcpProxy.send_close_frames], ids=lambda f: f.__name__)
def test_commands_arrive_again_after_all_connections_were_lost(
    relayed: tuple[RoomDriver, TcpProxy], fault: Callable[[TcpProxy], None]
) -> None:
    driver, proxy = relayed
    fault(proxy)
    eventually(lambda: proxy.links_opened == 2 * LINES and proxy.links == LINES, "new connections")
    eventually(lambda: slack_check(driver) == Good("connected"), "that the bot is ready")
    driver.create().until("done")


def test_commands_arrive_while_one_connection_is_lost(relayed: tuple[RoomDriver, TcpProxy]) -> None:
    driver, proxy = relayed
    proxy.refuse_links()
    proxy.reset(most=1)
    proxy.wait_until_turned_away()
    driver.create().until("done")
    assert slack_check(driver) == Good("connected")


def test_a_bot_is_not_ready_while_all_connections_are_lost(relayed: tuple[RoomDriver, TcpProxy]) -> None:
    driver, proxy = relayed
    proxy.refuse_links()
    proxy.reset()
    proxy.wait_until_turned_away()
    eventually(lambda: isinstance(slack_check(driver), Fault), "that it is not ready")
    proxy.refuse_links(refuse=False)
    eventually(lambda: slack_check(driver) == Good("connected"), "that the bot is ready")
    driver.create().until("done")


def test_a_stop_arrives_after_the_connections_were_lost(relayed: tuple[RoomDriver, TcpProxy]) -> None:
    driver, proxy = relayed
    driver.host.steps.shut()
    dialog = driver.create()
    dialog.until("running")
    driver.host.steps.wait_for()
    proxy.end()
    eventually(lambda: proxy.links_opened == 2 * LINES and proxy.links == LINES, "new connections")
    dialog.click("stop")
    dialog.until("stopped")


def test_slack_may_ask_to_reconnect_at_any_time(driver: RoomDriver) -> None:
    driver.room.ask_bot_to_reconnect()
    for _ in range(5):
        driver.alice.type("/docker_images").until("listed")


# ── The program ─────────────────────────────────────────────────────────────────────────────────────────────────────


def places(folder: Path) -> dict[str, str]:
    """Keep the state of a program to the test."""
    return {
        "WARROOM_STATE_DIR": str(folder / "state"),
        "WARROOM_CACHE_DIR": str(folder / "cache"),
        "WARROOM_GRACE_SECONDS": "0",
    }


def test_oauth_settings_in_the_environment_do_not_turn_commands_away(tmp_path: Path) -> None:
    oauth = {"SLACK_CLIENT_ID": "1.2", "SLACK_CLIENT_SECRET": "a-secret"}
    with open_program_room(places(tmp_path)) as program_room, program_room.bot(**oauth):
        program_room.type("/docker_image_create help")
        program_room.until(lambda happening: "Make a Docker image" in str(happening), within=60)


def test_tokens_that_slack_refuses_after_an_outage_end_the_program_with_advice(tmp_path: Path) -> None:
    answers = iter([ScriptedAnswer({}, status=503)])

    class Recovering(dict[str, ScriptedAnswer]):
        def __missing__(self, method: str) -> ScriptedAnswer:
            return next(answers, ScriptedAnswer({"ok": False, "error": "invalid_auth"}))

    with slack_api(Recovering()) as url:
        tokens = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1", "WARROOM_SLACK_API_URL": url}
        with Program("slack", environment={**places(tmp_path), **tokens}) as bot:
            bot.until_logged("slack_away", reason="HTTP 503", within=60)
            bot.until_logged("bot_started")
            assert bot.ended() == 1
    assert "Slack refused the connection: `invalid_auth`." in bot.errors
    assert "SLACK_APP_TOKEN" in bot.errors
