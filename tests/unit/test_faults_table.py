"""FAULTS.md agrees with the tests: each row names a test that exists, and each fault of Slack has its row."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / ".github" / "FAULTS.md").read_text(encoding="utf-8")
ROWS = [line for line in TEXT.splitlines() if line.startswith("|") and "::" in line]
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def cases_in(path: Path) -> set[str]:
    """Return the names of the tests in a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_the_table_has_rows_for_each_part() -> None:
    parts = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)

    assert parts[:6] == ["Slack", "Docker", "Disk", "Database", "Processes", "Load"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_each_row_says_all_and_names_a_test_that_exists(row: str) -> None:
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    named = NAMED.findall(cells[-1])

    assert len(cells) == 4
    assert all(cells)
    assert named
    assert [name for file, name in named if name not in cases_in(ROOT / "tests" / file)] == []


def test_each_fault_of_slack_that_is_tested_has_a_row() -> None:
    file = "scenario/test_slack_faults.py"
    named = {name for each, name in NAMED.findall(TEXT) if each == file}

    assert cases_in(ROOT / "tests" / file) == named


@pytest.mark.parametrize("page", ["OPERATING.md", "CONTRIBUTING.md"])
def test_the_table_is_linked(page: str) -> None:
    assert "(FAULTS.md)" in (ROOT / ".github" / page).read_text(encoding="utf-8")
