"""What `warroom say` does with the real bot: it follows the dialogs that its clicks begin."""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from rich.console import Console

from bot.room.client.console import LiveDialog
from bot.room.client.say import Conversation, Said
from tests.kit.driver import RoomDriver, RoomUser, fact, table
from tests.kit.pulled_images import PYTHON, PulledImages

LINE = f"/docker_image_update image={PYTHON}"


@pytest.fixture
def pulled_images(driver: RoomDriver) -> PulledImages:
    return PulledImages(driver)


@pytest.fixture
def say(driver: RoomDriver) -> Callable[..., tuple[Said, str]]:
    """Say a line with these clicks; gives what came of it and what was printed."""

    def said(line: str, *clicks: str, yes: bool = False) -> tuple[Said, str]:
        stream = io.StringIO()
        show = LiveDialog(Console(file=stream, width=100), widens=True)
        with show:
            result = Conversation(driver.alice.client, show, clicks=clicks, yes=yes).say(line)
        return result, stream.getvalue()

    return said


@pytest.mark.parametrize(("clicks", "yes"), [(("update", "undo_update", "roll_back"), False), (("undo_update",), True)])
def test_an_update_is_undone_in_one_go(
    driver: RoomDriver,
    pulled_images: PulledImages,
    say: Callable[..., tuple[Said, str]],
    clicks: tuple[str, ...],
    *,
    yes: bool,
) -> None:
    old, new = pulled_images.outdated()

    # So that it is seen while it runs, however fast that is over.
    pulled_images.pulls.shut()
    with ThreadPoolExecutor(1) as hands:
        saying = hands.submit(say, LINE, *clicks, yes=yes)
        driver.alice.until(lambda: "running" in seen_by(driver.alice), "the update, running")
        pulled_images.pulls.open()
        said, printed = saying.result()

    assert (said.state, said.succeeded, said.left) == ("rolled_back", True, ())
    assert said.as_json()["images"][0]["name"] == PYTHON
    assert pulled_images.holder(PYTHON) == old.id
    assert new.id.removeprefix("sha256:")[:12] in printed or new.repo_digests[0].partition("sha256:")[2][:12] in printed
    assert {"review", "running"} <= set(said.seconds)
    assert "updated" not in said.seconds


def seen_by(person: RoomUser) -> set[str]:
    """Name the states of dialogs that were ever on somebody's screen."""
    return {fact(message, "state") for states in person.history.values() for message in states}


def test_a_click_on_what_is_gone_is_no_success(
    pulled_images: PulledImages, say: Callable[..., tuple[Said, str]]
) -> None:
    pulled_images.outdated()

    said, _ = say(LINE, "update", "changes", "undo_update", "roll_back", "undo_update")

    assert (said.state, said.left) == ("rolled_back", ("undo_update",))


def test_a_list_is_turned_and_an_image_of_it_looked_at(
    driver: RoomDriver, pulled_images: PulledImages, say: Callable[..., tuple[Said, str]]
) -> None:
    for number in range(30):
        pulled_images.pulled(f"registry.test:5000/a/image{number:02}:1")

    said, printed = say("/docker_images", "next_page", "image_details=image03", "image_update")

    assert said.state == "unchanged"
    lines = [line for line in printed.splitlines() if "registry.test:5000/a/image" in line and "│" in line]
    assert sum("image29" in line for line in lines) >= 1
    assert "registry.test:5000/a/image03:1" in printed
    # Her screen is another than that on which it was said.
    driver.alice.until(
        lambda: [rows[-1]["Repository"] for rows in lists_on(driver)] == ["demisto/python3-deb"], "the last page"
    )


def lists_on(driver: RoomDriver) -> list[list[dict[str, str]]]:
    """Read the rows of the lists that are shown now."""
    tables = (table(message) for message in driver.bot_messages())
    return [rows for rows in tables if rows and "ID" in rows[0]]
