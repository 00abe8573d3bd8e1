"""Gathers the packages of one kind, and the count of those that cannot be told: files of images are anybody's text."""

import re
from collections.abc import Mapping

from packaging.version import InvalidVersion, Version

MOST = 20_000
"""How many different packages of one kind are gathered; a whole desktop has a tenth of it."""

VERSIONS_MOST = 20
"""How many versions of one package are gathered: each may stand in a virtual environment of its own."""

# More than PEP 440, dpkg and apk allow of versions, and nothing that could be a control character or markup.
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+!~:_-]{0,199}")


class Gathering:
    """The packages found so far; `grammar` is what a whole name must match.

    `left_out` counts those whose name or version is none, `is_full` says that there are more than are gathered.
    """

    def __init__(self, grammar: re.Pattern[str]) -> None:
        self._grammar = grammar
        self._versions: dict[str, set[str]] = {}
        self.left_out = 0
        self.is_full = False

    def add(self, name: str, version: str) -> None:
        """Take a package in, or count it as left out."""
        known = self._versions.get(name, set())
        fits = self._grammar.fullmatch(name) and is_version(version)
        if not fits or len(known | {version}) > VERSIONS_MOST:
            self.left_out += 1
        elif known or len(self._versions) < MOST:
            self._versions.setdefault(name, set()).add(version)
        else:
            self.is_full = True

    def packages(self) -> Mapping[str, str]:
        """Give names and versions, sorted by name; several versions of one name are joined by `, `."""
        return {name: ", ".join(sorted(found, key=_order)) for name, found in sorted(self._versions.items())}

    def __len__(self) -> int:
        return len(self._versions)


def is_version(text: str) -> bool:
    """Say whether this may be shown as a version."""
    return _VERSION.fullmatch(text) is not None


def _order(version: str) -> tuple[bool, Version, str]:
    # What PEP 440 does not know comes last, by its text.
    try:
        return False, Version(version), version
    except InvalidVersion:
        return True, Version("0"), version
