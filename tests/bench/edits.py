"""How soon an edit of a message is painted in a browser that has the room open: `python -m tests.bench.edits [times]`.

From the room's time of the edit to the next frame that shows it, on this machine, in Debian's Chromium.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import median

from playwright.sync_api import Page, sync_playwright

from bot.room.client.room_client import RoomClient
from bot.room.workspace import WAR_ROOM
from tests.kit.browser_room import CHROMIUM, CHROMIUM_ARGUMENTS, BrowserRoom
from tests.kit.driver import make_settings

WATCH = """() => {
    window.seen = [];
    new MutationObserver(() => {
        const text = document.querySelector(".said:last-child")?.textContent;
        requestAnimationFrame(() => window.seen.push([text, Date.now()]));
    }).observe(document.querySelector("#messages"), { subtree: true, childList: true, characterData: true });
}"""
PAINTED = "(wanted) => window.seen.find(([text]) => text === wanted)?.[1]"


def delays(browser_room: BrowserRoom, page: Page, times: int) -> list[float]:
    """Edit a message so many times; gives the milliseconds until each was painted."""
    ts = str(browser_room.web.chat_postMessage(channel=WAR_ROOM.id, text="edit 0")["ts"])
    page.wait_for_selector(".said")
    page.evaluate(WATCH)
    client, taken = RoomClient(browser_room.room.url, browser_room.room.user_token), []
    for number in range(1, times + 1):
        browser_room.web.chat_update(channel=WAR_ROOM.id, ts=ts, text=f"edit {number}")
        at = float(page.wait_for_function(PAINTED, arg=f"edit {number}").json_value())
        (message,) = [one for one in client.messages() if one.ts == ts]
        taken.append(at - float(message.edited_ts or 0) * 1000)
    return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("times", type=int, nargs="?", default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="warroom-edits-") as folder, sync_playwright() as playwright:
        browser_room = BrowserRoom(
            make_settings(Path(folder, "bot", "state"), Path(folder, "cache")), Path(folder, "room")
        )
        browser_room.open()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page()
        page.goto(browser_room.room.page_url)
        taken = delays(browser_room, page, options.times)
        browser.close()
        browser_room.close()
    print(f"edit to frame: median {median(taken):.0f} ms, slowest {max(taken):.0f} ms")


if __name__ == "__main__":
    main()
