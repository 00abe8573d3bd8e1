"""The browser that the tests of the room's page drive: Debian's Chromium, installed where it is missing."""

import apt
import programs
from steps import SetupError, run_to_exit


def main() -> int:
    """Have a Chromium."""
    if programs.find("chromium"):
        return 0
    if not apt.may_install():
        raise SetupError(
            "The tests of the room's page take Chromium, and set-up may not install it here.\n"
            "Run as root: apt-get install chromium"
            if apt.is_there()
            else "The tests of the room's page take Chromium as /usr/bin/chromium: install it and run this again."
        )
    apt.install(["chromium"])
    return 0


if __name__ == "__main__":
    run_to_exit(main)
