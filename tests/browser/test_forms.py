"""Modals, pop-ups and menus on the page, with a tiny app behind them."""

from collections.abc import Callable, Iterator
from queue import Queue
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.room.server.rates import RateLimits
from bot.room.server.room import Room
from bot.room.server.sources import RoomSources
from bot.room.workspace import KnownCommand
from tests.browser.conftest import at_the_box
from tests.fakes.host import PATIENCE_SECONDS
from tests.kit.browser_room import connected, web_client

Heard = Queue[tuple[str, Any]]


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def choice(text: str, value: str) -> dict[str, Any]:
    return {"text": plain(text), "value": value}


def field(block_id: str, label: str, element: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "input", "block_id": block_id, "label": plain(label), "element": element, **more}


BASES = [choice("Debian", "deb"), choice("Alpine", "alpine")]
FORM: dict[str, Any] = {
    "type": "modal",
    "callback_id": "create",
    "private_metadata": "p1",
    "title": plain("Create an image"),
    "submit": plain("Continue"),
    "close": plain("Not now"),
    "notify_on_close": True,
    "blocks": [
        field(
            "name", "Name", {"type": "plain_text_input", "action_id": "v", "max_length": 20}, hint=plain("As demo/a")
        ),
        field("deps", "Packages", {"type": "plain_text_input", "action_id": "v", "multiline": True}, optional=True),
        field(
            "base", "Base", {"type": "static_select", "action_id": "v", "options": BASES, "initial_option": BASES[0]}
        ),
        field("flags", "Flags", {"type": "checkboxes", "action_id": "v", "options": BASES}, optional=True),
    ],
}
CONFIRM = {
    "title": plain("Discard it?"),
    "text": plain("It is gone then."),
    "confirm": plain("Yes"),
    "deny": plain("No"),
}
DIALOG: list[dict[str, Any]] = [
    {
        "type": "section",
        "block_id": "line",
        "text": {"type": "mrkdwn", "text": "An *image*"},
        "accessory": {
            "type": "overflow",
            "action_id": "more",
            "options": [choice("Export", "export"), choice("Roll back", "roll_back")],
        },
    },
    {
        "type": "actions",
        "block_id": "row",
        "elements": [
            {"type": "button", "action_id": "discard", "text": plain("Discard"), "style": "danger", "confirm": CONFIRM},
            {"type": "static_select", "action_id": "pick", "placeholder": plain("Choose a base"), "options": BASES},
        ],
    },
]


@pytest.fixture
def heard() -> Heard:
    return Queue()


@pytest.fixture
def room(heard: Heard) -> Iterator[Room]:
    commands = [KnownCommand("/form", "", "Opens a form"), KnownCommand("/dialog")]
    sources = RoomSources(clock=lambda: 0.0)
    with Room(commands=commands, limits=RateLimits.boundless(), ack_seconds=PATIENCE_SECONDS, sources=sources) as room:
        app = App(client=web_client(room))

        @app.command("/form")
        def form(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
            client.views_open(trigger_id=body["trigger_id"], view=FORM)
            ack()

        @app.command("/dialog")
        def dialog(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
            client.chat_postMessage(channel=body["channel_id"], text="x", blocks=DIALOG)
            ack()

        @app.view("create")
        def create(ack: Ack, view: dict[str, Any]) -> None:
            entered = {block: entry["v"] for block, entry in view["state"]["values"].items()}
            name = entered["name"]["value"]
            if name == "later":
                ack(response_action="update", view={**FORM, "title": plain("Once more")})
            elif name != name.lower():
                ack(response_action="errors", errors={"name": "Use lower case.", "deps": "Not on the index."})
            else:
                heard.put(("submitted", entered))
                ack()

        @app.view_closed("create")
        def closed(ack: Ack, view: dict[str, Any]) -> None:
            heard.put(("closed", view["private_metadata"]))
            ack()

        def acted(ack: Ack, action: dict[str, Any]) -> None:
            heard.put((action["action_id"], (action.get("selected_option") or {}).get("value")))
            ack()

        for name in ("discard", "more", "pick"):
            app.action(name)(acted)
        with connected(room, app):
            yield room


@pytest.fixture
def page(room: Room, new_page: Callable[..., Page]) -> Page:
    return at_the_box(new_page(room.page_url))


def say(page: Page, line: str) -> None:
    page.get_by_label("Command").fill(line)
    page.keyboard.press("Enter")


def opened(page: Page) -> Page:
    say(page, "/form")
    expect(page.get_by_role("dialog", name="Create an image")).to_be_visible()
    expect(page.get_by_label("Name")).to_be_focused()
    return page


def test_a_form_is_filled_in_and_submitted(page: Page, heard: Heard) -> None:
    opened(page)
    page.keyboard.type("demo/a")
    page.get_by_label("Packages").fill("mechanize\nldap3")
    page.get_by_label("Base").select_option("alpine")
    page.get_by_label("Alpine").check()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert heard.get(timeout=PATIENCE_SECONDS) == (
        "submitted",
        {
            "name": {"type": "plain_text_input", "value": "demo/a"},
            "deps": {"type": "plain_text_input", "value": "mechanize\nldap3"},
            "base": {"type": "static_select", "selected_option": BASES[1]},
            "flags": {"type": "checkboxes", "selected_options": [BASES[1]]},
        },
    )


def test_each_error_stands_beside_its_field_and_nothing_typed_is_lost(page: Page, heard: Heard) -> None:
    opened(page)
    page.keyboard.press("Enter")
    expect(page.locator('[data-block-id="name"] .error')).to_have_text("Please complete this required field.")
    page.get_by_label("Name").fill("x" * 21)
    page.keyboard.press("Enter")
    expect(page.locator('[data-block-id="name"] .error')).to_contain_text("at most 20")
    page.get_by_label("Name").fill("Demo")
    page.keyboard.press("Enter")
    expect(page.locator('[data-block-id="name"] .error')).to_have_text("Use lower case.")
    expect(page.locator('[data-block-id="deps"] .error')).to_have_text("Not on the index.")
    expect(page.get_by_label("Name")).to_be_focused()
    expect(page.get_by_label("Name")).to_have_value("Demo")
    expect(page.get_by_label("Name")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Name").fill("demo")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert heard.get(timeout=PATIENCE_SECONDS)[0] == "submitted"


def test_a_changed_form_keeps_what_was_typed(page: Page) -> None:
    opened(page)
    page.keyboard.type("later")
    page.get_by_label("Packages").fill("mechanize")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("dialog", name="Once more")).to_be_visible()
    expect(page.get_by_label("Packages")).to_have_value("mechanize")


def test_escape_closes_a_form_and_the_bot_hears_of_it(page: Page, heard: Heard) -> None:
    opened(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert heard.get(timeout=PATIENCE_SECONDS) == ("closed", "p1")


def test_a_form_is_on_its_persons_screens_only_and_survives_a_reload(
    room: Room, page: Page, new_page: Callable[..., Page]
) -> None:
    bob = at_the_box(new_page(room.page_url))
    bob.get_by_role("radio", name="bob").check()
    opened(page)
    page.reload()
    expect(page.get_by_role("dialog", name="Create an image")).to_be_visible()
    expect(bob.get_by_role("dialog")).to_have_count(0)
    bob.get_by_role("radio", name="alice").check()
    expect(bob.get_by_role("dialog")).to_be_visible()
    page.get_by_role("button", name="Not now").click()
    expect(bob.get_by_role("dialog")).to_have_count(0)


def test_a_pop_up_asks_before_a_click_counts(page: Page, heard: Heard) -> None:
    say(page, "/dialog")
    discard = page.locator("#messages").get_by_role("button", name="Discard")
    discard.click()
    ask = page.get_by_role("dialog", name="Discard it?")
    expect(ask).to_contain_text("It is gone then.")
    page.keyboard.press("Escape")
    expect(ask).to_have_count(0)
    discard.click()
    ask.get_by_role("button", name="No").click()
    discard.click()
    ask.get_by_role("button", name="Yes").click()
    assert heard.get(timeout=PATIENCE_SECONDS) == ("discard", None)
    assert heard.empty()


def test_menus_work_by_keyboard(page: Page, heard: Heard) -> None:
    say(page, "/dialog")
    page.get_by_role("button", name="More actions").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Export")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("menu")).to_be_hidden()
    expect(page.get_by_role("button", name="More actions")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Export")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert heard.get(timeout=PATIENCE_SECONDS) == ("more", "roll_back")
    page.get_by_label("Choose a base").select_option("alpine")
    assert heard.get(timeout=PATIENCE_SECONDS) == ("pick", "alpine")
