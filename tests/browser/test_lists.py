"""The list of images on the page: a table that is read at any width, a menu that acts by mouse and by keyboard."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import at_the_box
from tests.kit.browser_room import BrowserRoom

ROWS = 20
NAME = "registry.example:5000/team/tool{:02}:1.0.0.1763925000"


@pytest.fixture
def listed(browser_room: BrowserRoom, new_page: Callable[..., Page]) -> Callable[..., Page]:
    """Show a host with 30 images in a window of this size."""

    def show(width: int = 1280, height: int = 900) -> Page:
        for number in range(30):
            browser_room.host.engine.add_image(NAME.format(number))
        page = at_the_box(new_page(browser_room.room.page_url, viewport={"width": width, "height": height}))
        page.get_by_label("Command").fill("/docker_images")
        page.keyboard.press("Enter")
        expect(page.locator("table tbody tr")).to_have_count(ROWS)
        return page

    return show


def rows_menu(page: Page) -> Locator:
    return page.locator('select[data-action-id="image_details"]')


def cards(page: Page) -> Locator:
    """Find the dialogs of single images, of which those with this name are no part of the list."""
    return page.locator("h3", has_text="tool")


@pytest.mark.parametrize(("width", "is_scrolled"), [(390, True), (1280, False)])
def test_a_table_scrolls_in_its_own_box_where_there_is_no_room_and_the_page_does_not(
    listed: Callable[..., Page], width: int, *, is_scrolled: bool
) -> None:
    page = listed(width)
    box = page.get_by_role("region", name="Table")

    whole, shown = box.evaluate("box => [box.scrollWidth, box.clientWidth]")
    assert (whole > shown) is is_scrolled
    assert shown > width / 2
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # By keyboard, too.
    box.focus()
    page.keyboard.press("End")
    expect(box).to_be_focused()


def test_a_choice_in_a_menu_begins_a_dialog_and_can_be_made_again(listed: Callable[..., Page]) -> None:
    page = listed()

    for count in (1, 2):
        rows_menu(page).select_option(index=3)
        expect(cards(page)).to_have_count(count)
        expect(rows_menu(page)).to_have_value("")


def test_a_menu_is_used_by_keyboard_and_no_arrow_chooses_by_itself(listed: Callable[..., Page]) -> None:
    page = listed()
    menu = rows_menu(page)
    menu.focus()

    # The first opens it, the others go down in it.
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "Enter"):
        expect(cards(page)).to_have_count(0)
        page.keyboard.press(key)

    expect(cards(page)).to_have_text([NAME.format(28)])
    expect(menu).to_have_value("")
    expect(menu).to_be_focused()

    for key in ("ArrowDown", "Escape", "Tab"):
        page.keyboard.press(key)
    expect(page.get_by_role("button", name="Next", exact=True)).to_be_focused()
    expect(cards(page)).to_have_count(1)


def test_pages_are_turned_in_place(listed: Callable[..., Page]) -> None:
    page = listed()

    page.get_by_role("button", name="Next", exact=True).click()
    expect(page.get_by_text("Page 2 of 2")).to_be_visible()
    page.get_by_role("button", name="Previous", exact=True).click()
    expect(page.get_by_text("Page 1 of 2")).to_be_visible()
    expect(page.locator("h3", has_text="Available Docker Images")).to_have_count(1)


def test_a_list_is_narrowed_in_a_form_which_opens_with_what_is_shown(listed: Callable[..., Page]) -> None:
    page = listed()

    page.get_by_role("button", name="Filter", exact=True).click()
    page.get_by_label("Name or ID contains").fill("tool1")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("table tbody tr")).to_have_count(10)

    page.get_by_role("button", name="Filter", exact=True).click()
    expect(page.get_by_label("Name or ID contains")).to_have_value("tool1")
    page.get_by_label("Made here only").check()
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("table")).to_have_count(0)
