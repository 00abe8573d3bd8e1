"""The example, done by typing and clicking on the page: the real engine, the real index, the real mirror."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from bot.lifetime import Bot
from bot.room.server.room import Room
from bot.router import COMMANDS
from bot.settings import Settings
from bot.wiring import Credentials, make_bot
from commands.engine.docker_daemon import DockerDaemon
from commands.engine.interface import RunOrder
from commands.recipe.labels import JOB
from tests.browser.conftest import at_the_box
from tests.fakes.host import PATIENCE_SECONDS
from tests.kit.browser_room import elsewhere
from tests.kit.driver import EVERYWHERE
from tests.kit.engine_space import EngineSpace, cleared

READY_MS = 300_000
REMEMBER = """messages => {
    window.seen = [];
    const look = () => {
        const text = messages.querySelector(".content:has(h3)").innerText;
        if (text !== window.seen.at(-1)) window.seen.push(text);
    };
    new MutationObserver(look).observe(messages, { childList: true, subtree: true, characterData: true });
    look();
}"""
"""Keeps everything that the dialog shows: a step may be over in no time."""


@pytest.fixture
def space(daemon: DockerDaemon, base_reference: str, build_network: str | None) -> Iterator[EngineSpace]:
    space = EngineSpace(daemon, base_reference, build_network)
    with cleared(space):
        yield space


@pytest.fixture
def base(space: EngineSpace) -> str:
    """The configured base with a layer that nothing was ever built on, so that every step has to be done."""
    space.engine.tag(space.built(f"RUN echo {space.mark} > /etc/warroom-test"), "warroom-test/base", space.mark)
    return f"warroom-test/base:{space.mark}"


@pytest.fixture
def room(settings: Settings, base: str, tmp_path: Path) -> Iterator[Room]:
    """A room with the production bot in it, at Slack's own pace."""
    changes = {"default_base": base, "state_dir": tmp_path / "state", "grace_seconds": 0}
    with Room(commands=COMMANDS, ack_seconds=PATIENCE_SECONDS) as room:
        credentials = Credentials(room.bot_token, room.app_token, room.api_url, EVERYWHERE)
        bot = elsewhere(lambda: _started(make_bot(settings.model_copy(update=changes), credentials)))
        yield room
        elsewhere(bot.close)


def _started(bot: Bot) -> Bot:
    bot.start()
    return bot


@pytest.fixture
def name(space: EngineSpace) -> Iterator[str]:
    """A name that no image has, and none will have afterwards."""
    name = f"warroom-test/{space.mark}/example"
    yield name
    for tag in (tag for image in space.engine.images({JOB: ""}) for tag in image.repo_tags):
        if tag.startswith(f"{name}:"):
            space.engine.remove_image(tag)


@pytest.mark.engine
def test_the_example_becomes_an_image_by_typing_and_clicking(
    room: Room, name: str, daemon: DockerDaemon, new_page: Callable[..., Page]
) -> None:
    page = at_the_box(new_page(room.page_url))
    page.keyboard.type(f"/docker_image_create name={name} dependencies=mechanize packages=wget")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"Create {name}?")).to_be_visible(timeout=READY_MS)
    page.locator("#messages").evaluate(REMEMBER)

    page.locator("#messages").get_by_role("button", name="Create image").click()
    expect(page.get_by_role("heading", name=f"{name} is ready")).to_be_visible(timeout=READY_MS)
    running = [text for text in page.evaluate("window.seen") if f"Creating {name}" in text]
    assert len(running) >= 2, running
    assert any("▸" in text for text in running), running

    dockerimage = re.search(r"dockerimage: (\S+:\S+\d)", page.locator("#messages").inner_text())
    assert dockerimage, page.locator("#messages").inner_text()
    image = daemon.find_image(dockerimage[1])
    assert image is not None, dockerimage[1]
    command = ("sh", "-c", "python3 -c 'import mechanize; print(mechanize.__name__)' && wget --version")
    outcome = daemon.run(RunOrder(image.id, command, {}, seconds=300))
    assert outcome.exit_code == 0, outcome
    assert outcome.output.startswith("mechanize\nGNU Wget"), outcome
