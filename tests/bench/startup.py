"""How long the program takes to start: the best of several runs of each sub-command that needs no engine.

python -m tests.bench.startup
"""

import subprocess
import sys
from time import monotonic

RUNS = 5
COMMANDS = (("--help",), ("manifest",), ("say", "--help"), ("say", "/docker_images"))


def seconds(arguments: tuple[str, ...]) -> float:
    """Return how long one run takes."""
    started = monotonic()
    subprocess.run([sys.executable, "-m", "bot", *arguments], stdout=subprocess.DEVNULL, check=False)
    return monotonic() - started


if __name__ == "__main__":
    for arguments in COMMANDS:
        best = min(seconds(arguments) for _ in range(RUNS))
        print(f"warroom {' '.join(arguments):22} {best:5.2f} s")
