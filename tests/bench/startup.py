"""How long the program takes to start: the best of several runs of each sub-command, and of a bot until it is ready.

python -m tests.bench.startup

The byte code is kept, as it is where the program is installed, also if PYTHONDONTWRITEBYTECODE is set here.
"""

import signal
import subprocess
import sys
from collections.abc import Mapping
from tempfile import TemporaryDirectory
from time import monotonic

from bot.settings import environment

RUNS = 5
COMMANDS = (("--help",), ("manifest",), ("say", "--help"), ("say", "/docker_images"))


READY = b"bot_started"
"""The event that a bot logs once it takes commands."""


def variables(byte_code: str) -> Mapping[str, str]:
    """Return the environment of the program, which keeps its byte code in this folder."""
    known = {name: value for name, value in environment().items() if name != "PYTHONDONTWRITEBYTECODE"}
    return known | {"PYTHONPYCACHEPREFIX": byte_code}


def seconds(arguments: tuple[str, ...], byte_code: str) -> float:
    """Return how long one run takes."""
    started = monotonic()
    command = [sys.executable, "-m", "bot", *arguments]
    subprocess.run(command, env=variables(byte_code), stdout=subprocess.DEVNULL, check=False)
    return monotonic() - started


def seconds_until_ready(byte_code: str) -> float:
    """Return how long a room with its bot takes until the bot takes commands."""
    with TemporaryDirectory() as state:
        usual = {"WARROOM_STATE_DIR": state, "WARROOM_LOG_FORMAT": "json", "WARROOM_HEALTH_PORT": "0"}
        started = monotonic()
        command = [sys.executable, "-m", "bot", "room", "--port", "0"]
        with subprocess.Popen(
            command, env={**variables(byte_code), **usual}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as bot:
            assert bot.stderr is not None
            is_ready = any(READY in line for line in bot.stderr)
            took = monotonic() - started
            bot.send_signal(signal.SIGTERM)
            bot.communicate()
    if not is_ready:
        raise SystemExit("The bot did not start: run `warroom room` to see why.")
    return took


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        for arguments in COMMANDS:
            seconds(arguments, folder)  # writes the byte code
            best = min(seconds(arguments, folder) for _ in range(RUNS))
            print(f"warroom {' '.join(arguments):22} {best:5.2f} s")
        ready = min(seconds_until_ready(folder) for _ in range(RUNS))
        print(f"{'room, until its bot is ready':30} {ready:5.2f} s")
