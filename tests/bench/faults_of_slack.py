"""How long faults of Slack last for people: `python -m tests.bench.faults_of_slack [measurement …]`.

The production bot runs with its own rate limits, on a fake engine; a proxy between it and a room fails. Printed is a
table in Markdown. For how busy the bot is meanwhile, see `tests/bench/connection.py`.
"""

import argparse
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import StringIO
from pathlib import Path
from time import monotonic
from typing import Final

from bot.room.events import RoomMessage
from bot.slack.pace import Pace
from tests.bench import connection
from tests.fakes.host import Host
from tests.fakes.logs import logs_to
from tests.fakes.resolver import FakeResolver
from tests.fakes.slack_faults import SlackFaults, faulty_slack, refused
from tests.kit.driver import EXAMPLE, RoomDriver, ShownDialog, eventually, fact, make_settings, open_room

MINUTE: Final = 60.0
MOST_SECONDS: Final = 90.0
"""After so long, what should be shown counts as lost."""
MANY: Final = 10_000
WRITES: Final = ("chat.update", "chat.postMessage", "chat.postEphemeral", "files.getUploadURLExternal")
ANOTHER: Final = "/docker_image_create name=another_name packages=wget"


@contextmanager
def running() -> Iterator[tuple[RoomDriver, SlackFaults]]:
    """Run a bot behind a proxy."""
    with ExitStack() as stack:
        stack.enter_context(logs_to(StringIO()))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="warroom-faults-")))
        settings = make_settings(folder / "bot" / "state", folder / "cache")
        room = open_room()
        stack.callback(room.stop)
        slack = stack.enter_context(faulty_slack(room.url))
        driver = RoomDriver(settings, Host(), FakeResolver(), room, pace=Pace(), api_url=slack.api_url)
        driver.is_left_as_it_is = True
        stack.callback(driver.close)
        stack.callback(slack.recover)
        driver.start_bot()
        slack.wait_for_links()
        yield driver, slack


def until_shown(dialog: ShownDialog, state: str) -> RoomMessage:
    """Wait until any message of a dialog shows a state."""

    def look() -> RoomMessage | None:
        mine = (each for each in dialog.person.messages if fact(each, "trigger") == dialog.trigger)
        return next((message for message in mine if fact(message, "state") == state), None)

    return dialog.person.until(look, state, MOST_SECONDS)


def seconds_until(dialog: ShownDialog, state: str) -> str:
    """Measure until a state is shown."""
    began = monotonic()
    try:
        until_shown(dialog, state)
    except AssertionError:
        return f"not within {MOST_SECONDS:g} s"
    return f"{monotonic() - began:.2f} s"


def deaf(fault: str) -> Callable[[], str]:
    """Measure from the loss of all connections to the first command that is acknowledged again."""

    def measured() -> str:
        links = connection_count()
        with logs_to(StringIO()):
            return f"{connection.measure(fault, links=links, after=12.0).seconds:.2f} s"

    return measured


def connection_count() -> int:
    """Return how many connections the bot keeps."""
    with running() as (driver, slack):
        eventually(lambda: slack.calls.count("link") >= 1, "a connection")
        threading.Event().wait(2)
        assert driver.bot is not None
        return slack.calls.count("link")


def end_in_channel(act: Callable[[RoomDriver], object]) -> Callable[[], str]:
    """Measure from the moment at which the channel takes messages again, to the end in it."""

    def measured() -> str:
        with running() as (driver, slack):
            driver.host.steps.shut()
            dialog = driver.create()
            dialog.until("running")
            for method in WRITES:
                slack.script(method, refused("not_in_channel"), times=MANY)
            driver.host.steps.open()
            eventually(lambda: driver.stages() == ["Finished"], "the end of the build")
            threading.Event().wait(3)
            slack.recover()
            act(driver)
            return seconds_until(dialog, "done")

    return measured


def behind_upload() -> str:
    """Measure from a typed line to its review while an upload of another dialog hangs."""
    with running() as (driver, slack):
        slack.hold("files.getUploadURLExternal", times=MANY)
        driver.create().until("done")
        slack.wait_for_calls("files.getUploadURLExternal")
        return seconds_until(driver.bob.type(ANOTHER), "review")


def posts_without_edits() -> str:
    """Count the messages in a minute of a build whose messages cannot be edited."""
    with running() as (driver, slack):
        slack.script("chat.update", refused("cant_update_message"), times=MANY)
        driver.host.steps.shut()
        dialog = driver.alice.type(EXAMPLE)
        driver.alice.client.click(until_shown(dialog, "review").ts, "create")
        until_shown(dialog, "running")
        before = slack.calls.count("chat.postMessage")
        threading.Event().wait(MINUTE)
        return f"{slack.calls.count('chat.postMessage') - before} posts"


MEASUREMENTS: Final[dict[str, tuple[str, Callable[[], str]]]] = {
    "reset": ("all connections reset: until a command is acknowledged", deaf("reset")),
    "end": ("all connections closed without CLOSE: the same", deaf("end without CLOSE")),
    "silent": ("all connections silent: the same", deaf("silent half-open")),
    "command": (
        "the channel takes messages again, and somebody types: until the end is shown",
        end_in_channel(lambda driver: driver.bob.type("/docker_images")),
    ),
    "nobody": ("the same, and nobody does anything", end_in_channel(lambda _: None)),
    "upload": ("an upload hangs: until the review of another command", behind_upload),
    "edits": ("edits are refused: messages in a minute of a build", posts_without_edits),
}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measurements", nargs="*", default=list(MEASUREMENTS), help=", ".join(MEASUREMENTS))
    print("| fault | measured |\n|---|---|")
    for name in parser.parse_args().measurements:
        fault, measure = MEASUREMENTS[name]
        print(f"| {fault} | {measure()} |", flush=True)


if __name__ == "__main__":
    main()
