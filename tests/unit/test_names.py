"""A class name stands for one class: a reader needs no import to know which."""

import ast
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def sources(*folders: str) -> dict[str, str]:
    """Read the modules of these folders, by path."""
    files = (file for folder in folders for file in sorted((ROOT / folder).rglob("*.py")))
    return {str(file.relative_to(ROOT)): file.read_text() for file in files}


def repeated(modules: Mapping[str, str]) -> dict[str, list[str]]:
    """Find the names that several classes have, with the place of each class."""
    places: dict[str, list[str]] = defaultdict(list)
    for path, text in modules.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{path}:{node.lineno}")
    return {name: found for name, found in places.items() if len(found) > 1}


@pytest.mark.parametrize("folders", [("bot", "commands"), ("tests",)], ids="+".join)
def test_no_two_classes_have_the_same_name(folders: tuple[str, ...]) -> None:
    assert repeated(sources(*folders)) == {}


def test_a_repeated_name_is_found_wherever_the_classes_are() -> None:
    modules = {"a.py": "class One: ...\nclass Two: ...", "b.py": "def make() -> None:\n    class One: ..."}
    assert repeated(modules) == {"One": ["a.py:1", "b.py:2"]}
