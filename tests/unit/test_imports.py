"""What a start of the program imports: a sub-command must not wait for libraries that it does not use."""

import subprocess
import sys

import pytest

HEAVY = frozenset(
    {"dbos", "sqlalchemy", "slack_bolt", "slack_sdk", "docker", "requests", "starlette", "uvicorn", "uv", "websockets"}
)


def imported_by(statement: str) -> set[str]:
    """Return the top-level modules that are there after a statement, in a process that did nothing else."""
    program = f"{statement}; import sys; print(' '.join({{name.partition('.')[0] for name in sys.modules}}))"
    return set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )


def test_the_help_imports_nothing_but_click() -> None:
    loaded = imported_by("import bot.__main__")

    assert "click" in loaded
    assert not loaded & (HEAVY | {"pydantic", "structlog", "rich", "commands"})


@pytest.mark.parametrize("module", ["bot.router", "bot.slack.manifest"])
def test_the_manifest_needs_no_library_that_talks_to_anything(module: str) -> None:
    assert not imported_by(f"import {module}") & HEAVY
