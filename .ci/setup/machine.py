"""What `make setup` does after the virtual environment: an engine, a base image, and the settings that name them."""

import base
import engine
import settings_file
from steps import run_to_exit


def main() -> int:
    """Set this machine up; do nothing where all is there."""
    choices = settings_file.read_choices()
    have = engine.have(choices)
    reference = base.have(choices, have)
    found: dict[str, str] = {}
    if not have.is_found_without_settings:
        found["docker_host"] = have.address
    if choices.default_base is None and reference != base.CONFIGURED:
        found["default_base"] = reference
    settings_file.write(choices, found)
    return 0


if __name__ == "__main__":
    run_to_exit(main)
