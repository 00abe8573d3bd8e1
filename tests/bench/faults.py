"""What comes of an update that meets a fault, as a table in Markdown: `python -m tests.bench.faults`.

Each fault is brought about on a real daemon, from the typed line to the end; two of them on a daemon of their own,
which takes root.
"""

import logging
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import structlog

from bot.settings import load_settings
from commands.engine.docker_daemon import DockerDaemon
from tests.kit.faulty_updates import CASES, DAEMON_KILLED, FULL_DISK, FaultyUpdate
from tests.kit.update_site import SMALL_DISK, BotOnDaemon, FaultResult, bot_on_private_daemon, hasty_bot_on_daemon, site


def rows(of: BotOnDaemon, *cases: FaultyUpdate) -> Iterator[str]:
    """Play cases in turn, and write a row for each."""
    for case in cases:
        with site(of) as one:
            yield _row(case, case.play(one))


def _row(case: FaultyUpdate, told: FaultResult) -> str:
    said = told.text.replace("\n", "<br>")
    return f"| {case.fault} | **{told.title}**<br>{said} | {_held(told.holds)} | {told.seconds:.1f} |"


def _held(holds: Mapping[str, str]) -> str:
    return ", ".join(f"`{tag}`: {version}" for tag, version in sorted(holds.items())) or "nothing of it"


def main() -> None:
    """Play all cases and print."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    print("| fault | what the dialog said | what the daemon holds | seconds |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="warroom-faults-") as folder:
        endpoint = load_settings().docker_host or DockerDaemon(None).describe().endpoint
        with hasty_bot_on_daemon(endpoint, Path(folder, "shared")) as shared:
            print(*rows(shared, *CASES), sep="\n")
        with bot_on_private_daemon(Path(folder, "small"), disk=SMALL_DISK) as small:
            print(*rows(small, FULL_DISK), sep="\n")
        with bot_on_private_daemon(Path(folder, "mortal")) as mortal:
            print(*rows(mortal, DAEMON_KILLED), sep="\n")


if __name__ == "__main__":
    main()
