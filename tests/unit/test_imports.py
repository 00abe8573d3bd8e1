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


def test_imports_are_exempt_from_garbage_collection_and_what_follows_is_not() -> None:
    program = """
import gc
from bot.__main__ import uncollected
with uncollected():
    during = gc.isenabled()
    import decimal
frozen = gc.get_freeze_count()
later = []
print(during, gc.isenabled(), frozen > 0, any(found is later for found in gc.get_objects()))
"""

    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert shown.split() == ["False", "True", "True", "True"]


def test_the_collector_is_on_again_after_an_import_that_failed() -> None:
    program = """
import gc
from bot.__main__ import uncollected
try:
    with uncollected():
        raise ImportError
except ImportError:
    print(gc.isenabled())
"""

    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert shown.split() == ["True"]
