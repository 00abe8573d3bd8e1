"""How long the program takes to start: the best of several runs of each sub-command that needs no engine.

python -m tests.bench.startup

The byte code is kept, as it is where the program is installed, also if PYTHONDONTWRITEBYTECODE is set here.
"""

import subprocess
import sys
from tempfile import TemporaryDirectory
from time import monotonic

from bot.settings import environment

RUNS = 5
COMMANDS = (("--help",), ("manifest",), ("say", "--help"), ("say", "/docker_images"))


def seconds(arguments: tuple[str, ...], byte_code: str) -> float:
    """Return how long one run takes."""
    variables = {name: value for name, value in environment().items() if name != "PYTHONDONTWRITEBYTECODE"}
    started = monotonic()
    subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        env=variables | {"PYTHONPYCACHEPREFIX": byte_code},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    return monotonic() - started


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        for arguments in COMMANDS:
            seconds(arguments, folder)  # writes the byte code
            best = min(seconds(arguments, folder) for _ in range(RUNS))
            print(f"warroom {' '.join(arguments):22} {best:5.2f} s")
