"""A browser, and a war room in it, for each test."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.kit.browser_room import CHROMIUM, CHROMIUM_ARGUMENTS, BrowserRoom
from tests.kit.driver import make_settings

# Only what is broken needs so long, not a slow machine.
expect.set_options(timeout=120_000)


# Not for the session: Playwright keeps an event loop in this thread, in which the bot of later tests cannot start.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM.exists(), "The browser tests need Debian's Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def browser_room(tmp_path: Path, cache: Path) -> Iterator[BrowserRoom]:
    browser_room = BrowserRoom(make_settings(tmp_path / "state", cache), tmp_path / "room")
    browser_room.open()
    yield browser_room
    browser_room.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a browser of one's own at an address; no page may fail, break its policy or leave the machine."""
    pages: list[Page] = []
    complaints: list[str] = []

    def open_page(address: str, **how: Any) -> Page:
        page = browser.new_context(**how).new_page()
        pages.append(page)
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("console", lambda said: complaints.append(said.text) if "Policy" in said.text else None)
        page.on("request", lambda sent: complaints.append(f"foreign: {sent.url}") if _is_foreign(sent.url) else None)
        page.goto(address)
        return page

    yield open_page
    for page in pages:
        page.context.close()
    assert complaints == []


def _is_foreign(url: str) -> bool:
    return not re.match(r"(http|ws)://(127\.0\.0\.1|localhost):", url)


@pytest.fixture
def page(browser_room: BrowserRoom, new_page: Callable[..., Page]) -> Page:
    """The page as alice sees it."""
    return at_the_box(new_page(browser_room.room.page_url))


def at_the_box(page: Page) -> Page:
    """Wait until the page is ready to type into."""
    expect(page.get_by_label("Command")).to_be_focused()
    return page
