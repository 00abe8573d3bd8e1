"""What people see and do on the page: the whole job by mouse and by keyboard, over reloads and restarts."""

import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Locator, Page, expect

from bot.dialogs.ledger import Ledger, sqlite_url
from bot.dialogs.stages import UnderReview
from bot.room.workspace import ALICE, BOB, WAR_ROOM
from commands.recipe.labels import JOB
from tests.browser.conftest import at_the_box
from tests.kit.browser_room import BrowserRoom
from tests.kit.driver import EXAMPLE

NewPage = Callable[..., Page]
HOSTILE = "<script>document.title = 'broken in'</script><img src=x onerror=alert(1)> `unclosed *bold _and ~all"


def say(page: Page, line: str) -> None:
    page.get_by_label("Command").fill(line)
    page.keyboard.press("Enter")


def button(page: Page, name: str) -> Locator:
    return page.locator("#messages").get_by_role("button", name=name, exact=True)


def review(page: Page) -> None:
    say(page, EXAMPLE)
    expect(page.get_by_role("heading", name="Create example_name?")).to_be_visible()


def building(browser_room: BrowserRoom, page: Page) -> None:
    """Get as far as the first step of a build, which then waits."""
    browser_room.host.steps.shut()
    review(page)
    button(page, "Create image").click()
    browser_room.host.steps.wait_for()
    expect(page.get_by_role("heading", name="Creating example_name")).to_be_visible()
    expect(page.get_by_text("▸ OS packages: wget")).to_be_visible()


def test_the_example_is_done_by_typing_and_clicking(browser_room: BrowserRoom, page: Page) -> None:
    building(browser_room, page)
    dialogs = page.locator(".message", has=page.locator("h3"))
    expect(dialogs).to_have_count(1)
    browser_room.host.steps.open()
    expect(page.get_by_role("heading", name="example_name is ready")).to_be_visible()
    expect(dialogs).to_have_count(1)
    expect(dialogs).to_contain_text("dockerimage: example_name:1.0.0.")
    expect(button(page, "Create image")).to_have_count(0)
    assert len(browser_room.host.engine.builds) == 1


def test_the_typed_line_stands_above_its_dialog(page: Page) -> None:
    review(page)
    messages = page.locator("#messages .message")
    expect(messages).to_have_count(2)
    expect(messages.nth(0)).to_contain_text(EXAMPLE)
    expect(messages.nth(1)).to_contain_text("Create example_name?")
    expect(page.locator(".day")).to_have_count(1)


def test_commands_and_arguments_are_completed(page: Page) -> None:
    box = page.get_by_label("Command")
    page.keyboard.type("/doc")
    kinds = [re.compile("Make a Docker image"), re.compile("up to date"), re.compile("List the Docker images")]
    expect(page.get_by_role("option")).to_have_text(kinds)
    page.keyboard.type("ker_image_c")
    expect(page.get_by_role("option")).to_have_text(kinds[:1])
    page.keyboard.press("Tab")
    expect(box).to_have_value("/docker_image_create ")
    page.keyboard.type("name=x dep")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Tab")
    page.keyboard.type("mechanize ")
    expect(box).to_have_value("/docker_image_create name=x dependencies=mechanize ")
    expect(page.get_by_role("option")).to_have_text([re.compile("packages="), re.compile("base=.*optional")])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(box).to_have_value("/docker_image_create name=x dependencies=mechanize base=")
    expect(page.locator("#usage b")).to_contain_text("base=demisto/python3-deb")
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()


def test_an_option_is_taken_by_mouse_and_the_first_steps_are_offered(page: Page) -> None:
    page.get_by_role("button", name=EXAMPLE).click()
    expect(page.get_by_label("Command")).to_have_value(EXAMPLE)
    page.get_by_label("Command").fill("/")
    page.get_by_role("option").first.click()
    expect(page.get_by_label("Command")).to_have_value("/docker_image_create ")
    expect(page.get_by_label("Command")).to_be_focused()


def test_arrows_walk_through_what_was_typed_before(page: Page) -> None:
    box = page.get_by_label("Command")
    for line in ("/one", "/two"):
        say(page, line)
        expect(page.get_by_text(f"{line} is not a valid command")).to_be_visible()
    page.keyboard.type("draft")
    page.keyboard.press("ArrowUp")
    expect(box).to_have_value("/two")
    page.keyboard.press("ArrowUp")
    expect(box).to_have_value("/one")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(box).to_have_value("draft")


def test_an_unknown_command_and_a_wrong_argument_are_refused_to_the_person_alone(
    browser_room: BrowserRoom, page: Page, new_page: NewPage
) -> None:
    bob = as_bob(at_the_box(new_page(browser_room.room.page_url)))
    say(page, "/docker_imag name=x")
    say(page, "/docker_image_create nam=x")
    refusals = page.locator(".message.only-you")
    expect(refusals).to_have_count(2)
    expect(refusals.nth(0)).to_contain_text("Only visible to you")
    expect(refusals.nth(0)).to_contain_text("/docker_imag is not a valid command")
    expect(refusals.nth(1)).to_contain_text("Did you mean name?")
    review(bob)
    expect(bob.get_by_text("Only visible to you")).to_have_count(0)


def test_what_is_no_command_stays_in_the_box_with_advice(page: Page) -> None:
    say(page, "hello")
    expect(page.get_by_role("alert").filter(has_text="A command begins with")).to_be_visible()
    expect(page.get_by_label("Command")).to_have_value("hello")


def test_a_button_pressed_twice_quickly_starts_one_job(browser_room: BrowserRoom, page: Page) -> None:
    review(page)
    button(page, "Create image").dblclick()
    expect(page.get_by_role("heading", name="example_name is ready")).to_be_visible()
    assert len(browser_room.host.engine.builds) == 1


def test_another_person_may_press_and_is_named(browser_room: BrowserRoom, page: Page) -> None:
    building(browser_room, page)
    as_bob(page)
    button(page, "Stop").click()
    expect(page.get_by_text("Stopped by @bob")).to_be_visible()
    page.get_by_role("radio", name="alice").check()
    expect(page.get_by_text("Stopped by @bob")).to_be_visible()


def test_a_button_of_a_cancelled_proposal_says_that_all_is_decided(
    browser_room: BrowserRoom, page: Page, new_page: NewPage
) -> None:
    review(page)
    lagging = review_on_a_screen_that_lags(browser_room, new_page)
    button(page, "Cancel").click()
    expect(page.get_by_role("heading", name="Cancelled")).to_be_visible()
    button(lagging, "Create image").click()
    expect(page.locator(".message.only-you")).to_contain_text("Already decided")
    assert browser_room.host.engine.builds == []


def test_a_button_of_a_proposal_that_expired_by_itself_says_so(
    browser_room: BrowserRoom, page: Page, new_page: NewPage
) -> None:
    review(page)
    lagging = review_on_a_screen_that_lags(browser_room, new_page)
    let_the_time_for_a_decision_pass(browser_room)
    expect(page.get_by_role("heading", name="Expired")).to_be_visible()
    expect(button(page, "Create image")).to_have_count(0)
    button(lagging, "Create image").click()
    expect(page.locator(".message.only-you")).to_contain_text("This proposal has expired. Type the command again")
    assert browser_room.host.engine.builds == []


def let_the_time_for_a_decision_pass(browser_room: BrowserRoom) -> None:
    """Have the bot find at its next look that the time which the one proposal had is over."""
    with closing(Ledger(sqlite_url(browser_room.settings.state_dir / "dialogs.sqlite"))) as ledger:
        (entry,) = ledger.in_stage(UnderReview)
        assert isinstance(entry.dialog, UnderReview)
        over = replace(entry.dialog, expires=datetime.fromtimestamp(0, UTC))
        assert ledger.move(over, after=[UnderReview], now=0.0, deadline=0.0)


def review_on_a_screen_that_lags(browser_room: BrowserRoom, new_page: NewPage) -> Page:
    """Open a page for the same person that shows the proposal, and hears of nothing from then on."""
    page = new_page("about:blank")
    page.route_web_socket(re.compile("/room/events"), lambda _: None)
    page.goto(browser_room.room.page_url)
    expect(button(page, "Create image")).to_be_visible()
    return page


def test_a_file_in_a_thread_is_opened_and_downloaded(page: Page) -> None:
    review(page)
    button(page, "Dockerfile").click()
    thread = page.get_by_role("complementary", name="Thread")
    expect(thread).to_be_visible()
    thread.get_by_role("button", name="Open").click()
    expect(thread.locator(".preview")).to_contain_text("FROM demisto/python3-deb")
    with page.expect_download() as saved:
        thread.get_by_role("link", name="Download").click()
    assert "Dockerfile" in saved.value.suggested_filename
    assert b"FROM demisto/python3-deb" in saved.value.path().read_bytes()
    page.keyboard.press("Escape")
    expect(thread).to_be_hidden()
    replies = page.get_by_role("button", name=re.compile("1 reply · 1 file"))
    expect(replies).to_be_focused()
    replies.click()
    expect(thread).to_be_visible()


def test_a_file_that_is_no_text_can_only_be_downloaded(browser_room: BrowserRoom, page: Page) -> None:
    content = bytes(range(256))
    browser_room.web.files_upload_v2(channel=WAR_ROOM.id, filename="context.zip", title="Context", content=content)
    file = page.locator(".file", has_text="Context")
    expect(file.locator(".file-icon")).to_have_text("BIN")
    expect(file.get_by_role("button", name="Open")).to_have_count(0)
    with page.expect_download() as saved:
        file.get_by_role("link", name="Download").click()
    assert saved.value.suggested_filename == "context.zip"
    assert saved.value.path().read_bytes() == content


def test_a_reload_in_mid_build_shows_the_build(browser_room: BrowserRoom, page: Page) -> None:
    building(browser_room, page)
    page.reload()
    expect(page.get_by_role("heading", name="Creating example_name")).to_be_visible()
    browser_room.host.steps.open()
    expect(page.get_by_role("heading", name="example_name is ready")).to_be_visible()


def test_a_restart_in_mid_build_is_caught_up_with(browser_room: BrowserRoom, page: Page) -> None:
    building(browser_room, page)
    browser_room.close()
    expect(page.get_by_role("status")).to_contain_text("The room does not answer")
    browser_room.host.steps.open()
    browser_room.open()
    expect(page.get_by_role("heading", name="example_name is ready")).to_be_visible()
    expect(page.get_by_role("status")).to_be_hidden()
    expect(page.locator(".message", has=page.locator("h3"))).to_have_count(1)
    say(page, "/still_here")
    expect(page.get_by_text("/still_here is not a valid command")).to_be_visible()


def test_a_new_room_at_the_old_address_locks_the_page(browser_room: BrowserRoom, page: Page) -> None:
    review(page)
    browser_room.close()
    browser_room.state = browser_room.state.with_name("another")
    browser_room.open()
    expect(page.get_by_role("heading", name="This room is locked")).to_be_visible()
    page.goto(browser_room.room.page_url)
    page.reload()
    expect(page.get_by_role("heading", name="# war-room").first).to_be_visible()
    expect(page.locator(".message")).to_have_count(0)


def test_two_tabs_agree(browser_room: BrowserRoom, page: Page) -> None:
    other = page.context.new_page()
    # The second tab has the cookie; it needs no key.
    other.goto(browser_room.room.url)
    at_the_box(other)
    review(page)
    button(other, "Create image").click()
    for tab in (page, other):
        expect(tab.get_by_role("heading", name="example_name is ready")).to_be_visible()
        expect(tab.locator(".message", has=tab.locator("h3"))).to_have_count(1)
    assert len(browser_room.host.engine.images({JOB: ""})) == 1


def test_the_keyboard_alone_does_the_job(browser_room: BrowserRoom, page: Page) -> None:
    page.keyboard.type(EXAMPLE)
    page.keyboard.press("Enter")
    create = button(page, "Create image")
    expect(create).to_be_visible()
    for _ in range(20):
        page.keyboard.press("Shift+Tab")
        if create.evaluate("node => node === document.activeElement"):
            break
    expect(create).to_be_focused()
    assert create.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="example_name is ready")).to_be_visible()
    assert len(browser_room.host.engine.builds) == 1


def test_the_focus_survives_the_changes_of_a_dialog(browser_room: BrowserRoom, page: Page) -> None:
    building(browser_room, page)
    button(page, "Stop").focus()
    browser_room.host.steps.let_pass()
    expect(page.get_by_text("✓ OS packages: wget")).to_be_visible()
    expect(button(page, "Stop")).to_be_focused()
    browser_room.host.steps.open()


def test_a_screen_reader_is_told_of_each_stage(page: Page) -> None:
    review(page)
    expect(page.locator("[aria-live=polite]")).to_have_text("Create example_name?")
    button(page, "Create image").click()
    expect(page.locator("#announcer")).to_contain_text("ready")


@pytest.mark.parametrize("text", [HOSTILE, "x" * 10_000, "```never closed", "*not closed", "&lt;b&gt; &amp;lt;"])
def test_text_stays_text(browser_room: BrowserRoom, page: Page, text: str) -> None:
    shown = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    browser_room.web.chat_postMessage(channel=WAR_ROOM.id, text=text)
    expect(page.locator(".said").last).to_have_text(shown)
    assert page.locator("#messages :is(script, img)").count() == 0
    assert page.title() == "#war-room · War room"
    assert_no_sideways_scroll(page)


@pytest.mark.parametrize("kind", [{"type": "table"}, {"type": "data_table", "caption": "Sizes"}])
def test_a_table_shows_numbers_as_they_are_written(
    browser_room: BrowserRoom, page: Page, kind: dict[str, object]
) -> None:
    cells: list[dict[str, object]] = [
        {"type": "raw_text", "text": "MB"},
        {"type": "raw_number", "value": 2.5},
        {"type": "raw_number", "value": 3, "text": "3 MB"},
    ]
    table = {**kind, "rows": [[cell] for cell in cells]}
    browser_room.web.chat_postMessage(channel=WAR_ROOM.id, text="sizes", blocks=[table])

    expect(page.locator("table tbody td")).to_have_text(["2.5", "3 MB"])


def test_a_hostile_line_is_shown_as_it_was_typed(page: Page) -> None:
    line = f"/docker_image_create name=x dependencies={HOSTILE}"
    say(page, line)
    expect(page.locator(".message.only-you").last).to_contain_text("<script>")
    assert page.title() == "#war-room · War room"


def test_dark_follows_the_system_until_somebody_chooses(page: Page) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light, dark = "rgb(255, 255, 255)", "rgb(26, 29, 33)"
    assert page.evaluate(ground) == light
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(ground) == dark
    page.get_by_role("button", name="Theme: auto").click()
    assert page.evaluate(ground) == light
    page.get_by_role("button", name="Theme: light").click()
    page.emulate_media(color_scheme="light")
    page.reload()
    assert page.evaluate(ground) == dark


def test_a_phone_shows_everything_without_scrolling_sideways(browser_room: BrowserRoom, new_page: NewPage) -> None:
    phone = at_the_box(new_page(browser_room.room.page_url, viewport={"width": 390, "height": 844}, has_touch=True))
    building(browser_room, phone)
    assert_no_sideways_scroll(phone)
    browser_room.host.steps.open()
    expect(phone.get_by_role("heading", name="example_name is ready")).to_be_visible()
    assert_no_sideways_scroll(phone)
    button(phone, "Packages").tap()
    expect(phone.get_by_role("complementary", name="Thread")).to_be_visible()
    assert_no_sideways_scroll(phone)
    phone.get_by_role("button", name="Close thread").tap()
    phone.get_by_role("radio", name="bob").tap()
    expect(phone.get_by_role("radio", name="bob")).to_be_checked()


def test_each_edit_is_painted_in_its_turn(browser_room: BrowserRoom, page: Page) -> None:
    # How soon is measured by `tests.bench.edits`.
    ts = browser_room.web.chat_postMessage(channel=WAR_ROOM.id, text="edit 0")["ts"]
    expect(page.locator(".said")).to_have_text("edit 0")
    page.evaluate("""() => {
        window.seen = [];
        new MutationObserver(() => {
            const text = document.querySelector(".said:last-child")?.textContent;
            requestAnimationFrame(() => window.seen.push(text));
        }).observe(document.querySelector("#messages"), { subtree: true, childList: true, characterData: true });
    }""")
    edits = [f"edit {number}" for number in range(1, 21)]
    for text in edits:
        assert browser_room.web.chat_update(channel=WAR_ROOM.id, ts=ts, text=text)["ok"]
        page.wait_for_function("(wanted) => window.seen.includes(wanted)", arg=text)
    seen = page.evaluate("window.seen")
    assert list(dict.fromkeys(text for text in seen if text in edits)) == edits


def as_bob(page: Page) -> Page:
    page.get_by_role("radio", name="bob").check()
    expect(page.locator(f'input[value="{BOB.id}"]').first).to_be_checked()
    expect(page.locator(f'input[value="{ALICE.id}"]').first).not_to_be_checked()
    return page


def assert_no_sideways_scroll(page: Page) -> None:
    assert page.evaluate(
        "[document.documentElement.scrollWidth <= innerWidth, messages.scrollWidth <= innerWidth]"
    ) == [
        True,
        True,
    ]
