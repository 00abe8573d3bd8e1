"""Secrets that are planted everywhere come out nowhere: not in chat or files, not in logs, not in the state folder."""

from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import NoReturn

import pytest

from bot.logs import Redactor
from commands.errors import BuildFailed, PullFailed
from tests.fakes.logs import logs_to
from tests.fakes.resolver import FakeResolver
from tests.kit.driver import EXAMPLE, RoomDriver, words

INDEX = "https://user:hunter2secret@index.invalid/simple"
LEAKS = [
    "Looking in indexes: https://user:hunter2secret@index.invalid/simple",
    "error: 403 for url https://robot:r0bot-pass-word@registry.invalid/v2/",
    "export SLACK_BOT_TOKEN=xoxb-17653672481-canarybot",
    "export SLACK_APP_TOKEN=xapp-1-A0CANARY-canaryapp",
    "> Authorization: Bearer canarybearer0123456789",
    "config: password=canarypassword",
]
CANARIES = [
    "hunter2secret",
    "r0bot-pass-word",
    "canarybot",
    "canaryapp",
    "canarybearer0123456789",
    "canarypassword",
]


@pytest.fixture
def log() -> Iterator[StringIO]:
    stream = StringIO()
    with logs_to(stream, Redactor([INDEX])):
        yield stream


def found(text: str) -> list[str]:
    """Name the secrets that a text holds."""
    return [canary for canary in CANARIES if canary in text]


def in_chat(driver: RoomDriver) -> list[str]:
    """Look at everything that was ever on a screen, metadata and files included."""
    history = [
        message for person in (driver.alice, driver.bob) for states in person.history.values() for message in states
    ]
    files = [driver.alice.client.file(file.id).decode() for message in history for file in message.files]
    return found("\n".join([*map(str, history), *files]))


def in_folder(folder: Path) -> list[str]:
    """Look into every file of the state folder, databases included."""
    return found("\n".join(path.read_bytes().decode(errors="replace") for path in folder.rglob("*") if path.is_file()))


def in_the_open(driver: RoomDriver, log: StringIO) -> list[str]:
    """Name the places where a secret, or a token of the bot, came out."""
    chat = in_chat(driver)
    driver.close()
    tokens = [token for token in (driver.room.bot_token, driver.room.app_token) if token in log.getvalue()]
    places = {"chat": chat, "log": found(log.getvalue()), "state": in_folder(driver.settings.state_dir)}
    return [f"{place}: {secret}" for place, secrets in {**places, "tokens": tokens}.items() for secret in secrets]


def test_what_a_failing_build_prints(make_driver: Callable[..., RoomDriver], log: StringIO) -> None:
    driver = make_driver(index_url=INDEX)
    driver.host.says[:] = LEAKS
    driver.host.failing[3] = BuildFailed(f"Step 3: {LEAKS[1]}", hint=LEAKS[0], details=tuple(LEAKS))
    dialog = driver.create()
    dialog.until("failed")
    dialog.until_announced()
    said = dialog.until_file(f"build-{dialog.id}.log")
    assert "403 for url https://[redacted]@registry.invalid/v2/" in said
    assert in_the_open(driver, log) == []


def test_each_last_line_of_a_running_build(make_driver: Callable[..., RoomDriver], log: StringIO) -> None:
    driver = make_driver(index_url=INDEX)
    driver.host.steps.shut()
    lines = iter(LEAKS)
    driver.host.says[:] = [next(lines)]
    dialog = driver.create()
    for line in lines:
        driver.host.steps.wait_for()
        dialog.until_says("[redacted]")
        driver.host.says[:] = [line]
        driver.host.steps.let_pass()
    dialog.until("done")
    dialog.until_announced()
    assert in_the_open(driver, log) == []


def test_what_a_registry_says(make_driver: Callable[..., RoomDriver], log: StringIO) -> None:
    driver = make_driver(index_url=INDEX)
    driver.host.engine.hub["team/base:1"] = PullFailed(LEAKS[1], hint=LEAKS[4], details=tuple(LEAKS))
    dialog = driver.alice.type("/docker_image_create name=a base=team/base:1")
    dialog.until("failed")
    dialog.until_announced()
    assert in_the_open(driver, log) == []


def test_what_a_package_says_when_it_is_imported(make_driver: Callable[..., RoomDriver], log: StringIO) -> None:
    driver = make_driver(index_url=INDEX)
    driver.host.import_errors["mechanize"] = "ConnectionError: " + " ".join(LEAKS)
    dialog = driver.create(EXAMPLE)
    dialog.until("deciding")
    dialog.click("keep")
    dialog.until("done")
    dialog.until_announced()
    assert in_the_open(driver, log) == []


def test_a_defect_of_the_bot_itself(make_driver: Callable[..., RoomDriver], log: StringIO) -> None:
    class BrokenResolver(FakeResolver):
        def resolve(self, *_: object, **__: object) -> NoReturn:
            raise RuntimeError(" ".join(LEAKS))

    driver = make_driver(start=False, index_url=INDEX)
    driver.resolver = BrokenResolver()
    driver.start_bot()
    dialog = driver.alice.type(EXAMPLE)
    failed = dialog.until("failed")
    assert "Something went wrong inside the bot." in words(failed)
    assert f"look for `{dialog.id}` in the bot's log" in words(failed)
    dialog.until_announced()
    assert dialog.id in log.getvalue()
    assert in_the_open(driver, log) == []


def test_a_line_that_holds_a_password(make_driver: Callable[..., RoomDriver], log: StringIO) -> None:
    driver = make_driver(index_url=INDEX)
    driver.alice.type("/docker_image_create name=a dependencies=git+https://me:hunter2secret@example.invalid/x.git")
    driver.alice.until_whispered("is a URL")
    driver.alice.type("/docker_image_create name=a base=https://robot:r0bot-pass-word@registry.invalid/x")
    driver.alice.until_whispers(2)
    assert in_the_open(driver, log) == []
