"""CONTRIBUTING's map is compared with the tree: who is new there finds the place for a change by it."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAP = TEXT[TEXT.index("| folder or file | holds") : TEXT.index("## To add")]


def named() -> set[Path]:
    """Return the paths of the map's first column; a bare file name stands in the folder of the path before."""
    paths: set[Path] = set()
    for row in MAP.splitlines()[2:]:
        folder = ROOT
        for name in re.findall(r"`([^`]+)`", row.split("|")[1] if row.startswith("|") else ""):
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
