"""CONTRIBUTING agrees with the tree: its map, the way of a request, its folders of tests, its helpers, its glossary."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")


def section(begin: str, end: str) -> str:
    """Return the text from one mark to the next."""
    start = TEXT.index(begin)
    return TEXT[start : TEXT.index(end, start)]


def first_column(table: str) -> list[str]:
    """Return the first cell of each row below the head."""
    return [row.split("|")[1].strip() for row in table.splitlines()[2:] if row.startswith("|")]


MAP = section("| folder or file | holds", "## To add")
TRAVEL = section("## How a request travels", "## The map")
FOLDERS = section("| folder | what it runs", "\n\n")
HELPERS = section("| helper in", "\n\n")
GLOSSARY = section("| word | meaning |", "\n\n")


def named() -> set[Path]:
    """Return the paths of the map's first column; a bare file name stands in the folder of the path before."""
    paths: set[Path] = set()
    for cell in first_column(MAP):
        folder = ROOT
        for name in re.findall(r"`([^`]+)`", cell):
            path = ROOT / name if "/" in name else folder / name
            folder = path.parent
            paths.add(path)
    return paths


def test_every_path_of_the_map_exists() -> None:
    assert [path for path in named() if not path.exists()] == []


def test_every_module_is_in_the_map_or_in_a_folder_of_it() -> None:
    known = named()
    modules = [path for top in ("bot", "commands") for path in (ROOT / top).rglob("*.py") if path.name != "__init__.py"]

    assert [path for path in modules if path not in known and not known & set(path.parents)] == []


def test_every_path_on_the_way_of_a_request_exists() -> None:
    paths = re.findall(r"`((?:bot|commands)/[^`]+)`", TRAVEL)

    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_folder_of_tests_is_in_the_table() -> None:
    folders = [path for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"]

    assert sorted(first_column(FOLDERS)) == sorted(f"`tests/{path.name}`" for path in folders)


def test_every_helper_of_the_tests_is_in_the_table() -> None:
    helpers = [path.name for path in (ROOT / "tests" / "kit").glob("*.py") if path.name != "__init__.py"]

    assert first_column(HELPERS) == sorted(f"`{name}`" for name in helpers)


def test_every_path_of_the_recipes_exists() -> None:
    paths = re.findall(r"`((?:bot|commands|tests|\.github)/[^`]*)`", section("## To add", "## Tests"))

    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_glossary_explains_each_word_once_in_one_sentence() -> None:
    words = first_column(GLOSSARY)
    meanings = [row.split("|")[2].strip() for row in GLOSSARY.splitlines()[2:]]

    assert len(words) == len(set(words))
    assert [meaning for meaning in meanings if not meaning.endswith(".") or ". " in meaning] == []
