"""What is looked up before the review: bases and packages that are there, and those that are not."""

from collections.abc import Callable

import pytest

from commands.errors import PullFailed
from commands.packages.interface import Resolver
from tests.fakes.host import ImageContent
from tests.fakes.resolver import FakeResolver
from tests.kit.driver import RoomDriver, buttons, title, words


def refused(driver: RoomDriver, arguments: str) -> str:
    """Type a line that is refused after looking things up; give what the dialog says."""
    dialog = driver.alice.type(f"/docker_image_create {arguments}")
    message = dialog.until("refused")
    assert title(message) == "✗ a cannot be created"
    assert "*What to do:*" in words(message)
    assert buttons(message) == {}
    assert dialog.until_announced().startswith("<@U0ALICE> nothing was created: ")
    assert driver.tags() == []
    return words(message)


def test_a_base_that_no_registry_has_is_refused(shared_driver: RoomDriver) -> None:
    said = refused(shared_driver, "name=a base=demisto/nowhere:1.2.3")
    assert "There is no image `demisto/nowhere:1.2.3` that this daemon may pull." in said


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        (ImageContent(python=None), "`team/no-python:1` has no Python: neither `python3` nor `python` is there."),
        (ImageContent(python="2.7"), "`team/old-python:1` has only Python 2.7; at least 3.8 is needed."),
        (ImageContent(installers=()), "The base `team/no-installer:1` has neither apt-get nor apk"),
    ],
)
def test_a_base_on_which_nothing_can_be_built_is_refused(
    shared_driver: RoomDriver, inside: ImageContent, said: str
) -> None:
    base = said.partition("`")[2].partition("`")[0]
    shared_driver.host.offer(base, inside)
    assert said in refused(shared_driver, f"name=a packages=wget base={base}")


@pytest.mark.parametrize(
    ("dependencies", "said"),
    [
        ("nowhere", "There is no Python package `nowhere` in the package index."),
        ("requests,urllib3<1.21", "but `requests==2.31.0` needs `urllib3&lt;3,&gt;=1.21.1`"),
        ("django>=5", "`django==5.0` needs Python &gt;=3.10; the base has Python 3.8.2."),
    ],
)
def test_requirements_that_cannot_be_met_are_refused(shared_driver: RoomDriver, dependencies: str, said: str) -> None:
    shared_driver.host.offer("team/old:1", ImageContent(python="3.8.2"))
    assert said in refused(shared_driver, f"name=a base=team/old:1 dependencies={dependencies}")


def test_a_base_that_is_not_there_is_pulled_with_progress_shown(driver: RoomDriver) -> None:
    driver.host.offer("team/base:1")
    driver.host.looks.shut()
    dialog = driver.alice.type("/docker_image_create name=a dependencies=six base=team/base:1")
    said = words(dialog.until_says("Pulling the base team/base:1: 1 of 1 layers, 120 of 120 MB …"))
    assert said.startswith("Preparing")
    driver.host.looks.open()
    assert "*Base:* `team/base:1`" in words(dialog.until("review"))
    dialog.click("create")
    dialog.until("done")


def test_a_registry_that_fails_is_no_refusal_but_a_problem(driver: RoomDriver) -> None:
    driver.host.engine.hub["team/base:1"] = PullFailed(
        "The registry of `team/base:1` asks to slow down.", hint="Try again in an hour."
    )
    dialog = driver.alice.type("/docker_image_create name=a base=team/base:1")
    failed = dialog.until("failed")
    assert title(failed) == "✗ The image was not created"
    assert "asks to slow down" in words(failed)
    assert "*What to do:* Try again in an hour." in words(failed)


def test_an_index_that_is_unreachable_is_named(make_driver: Callable[..., RoomDriver]) -> None:
    driver = make_driver(start=False)
    resolver: Resolver = FakeResolver(reachable=False)
    driver.resolver = resolver
    driver.start_bot()
    dialog = driver.alice.type("/docker_image_create name=a dependencies=six")
    failed = dialog.until("failed")
    assert "The package index refused the connection." in words(failed)
    assert "*What to do:* Try again in a minute." in words(failed)
    assert dialog.until_announced().startswith("<@U0ALICE> the image was not created: ")


def test_nothing_asked_for_comes_with_a_hint_that_the_image_equals_its_base(driver: RoomDriver) -> None:
    dialog = driver.alice.type("/docker_image_create name=a")
    review = dialog.until("review")
    assert "without `dependencies` and `packages` the image equals" in words(review)
    assert "show_packages" not in buttons(review)
    dialog.click("create")
    dialog.until("done")
    assert len(driver.tags()) == 2
