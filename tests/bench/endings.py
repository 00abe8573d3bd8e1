"""How long a bot takes to end at SIGTERM, as a table in Markdown: `python -m tests.bench.endings` (root and `dockerd`).

With a build under way, on a daemon that answers and on one that hangs.
"""

import logging
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import structlog

from bot.settings import load_settings
from tests.engine.test_faults import ENDLESS, begin, ground_on, settings
from tests.kit.private_engine import PrivateEngine, private_engine
from tests.kit.program import becomes, is_running, open_program_room
from tests.kit.root_of_base import exported_root


def seconds_to_end(root: Path, grace: float, meanwhile: Callable[[PrivateEngine], None]) -> float:
    """End a bot with a build under way, and return how long that took."""
    with (
        tempfile.TemporaryDirectory(prefix="warroom-endings-") as folder,
        private_engine() as private,
        ground_on(private, root, Path(folder) / "state", ENDLESS) as own_base,
        open_program_room({**settings(own_base, private), "WARROOM_GRACE_SECONDS": str(grace)}) as program_room,
        program_room.bot() as bot,
    ):
        begin(program_room)
        assert becomes(lambda: is_running(own_base.long_seconds))
        meanwhile(private)
        began = monotonic()
        bot.ended(signal.SIGTERM)
        took = monotonic() - began
        private.send(signal.SIGCONT)
        return took


def main() -> None:
    """Measure and print."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    configured = load_settings()
    print("| daemon | grace (s) | seconds until the process has ended |")
    print("|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="warroom-root-") as folder:
        root = exported_root(configured.docker_host, configured.default_base, Path(folder))
        for name, act in (("answers", lambda _: None), ("hangs", lambda private: private.send(signal.SIGSTOP))):
            for grace in (0.0, 5.0):
                print(f"| {name} | {grace:g} | {seconds_to_end(root, grace, act):.1f} |", flush=True)


if __name__ == "__main__":
    main()
