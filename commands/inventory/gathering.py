"""Gathers the packages of one kind and counts malformed ones: files of images are untrusted."""

import re
from collections.abc import Mapping

from packaging.version import InvalidVersion, Version

MOST = 20_000
"""Maximum number of different packages of one kind; a full desktop has a tenth of it."""

VERSIONS_MOST = 20
"""Maximum number of versions of one package, which may be in several virtual environments."""

# A superset of the versions of PEP 440, dpkg and apk, without control characters and markup.
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+!~:_-]{0,199}")


class Gathering:
    """The packages found so far; each name must match `grammar`.

    `left_out` counts malformed ones, `is_full` says that there are more than the limit.
    """

    def __init__(self, grammar: re.Pattern[str]) -> None:
        self._grammar = grammar
        self._versions: dict[str, set[str]] = {}
        self.left_out = 0
        self.is_full = False

    def add(self, name: str, version: str) -> None:
        """Add a package, or count it as left out."""
        known = self._versions.get(name, set())
        fits = self._grammar.fullmatch(name) and is_version(version)
        if not fits or len(known | {version}) > VERSIONS_MOST:
            self.left_out += 1
        elif known or len(self._versions) < MOST:
            self._versions.setdefault(name, set()).add(version)
        else:
            self.is_full = True

    def packages(self) -> Mapping[str, str]:
        """Return names and versions, sorted by name; several versions of one name are joined by `, `."""
        return {name: ", ".join(sorted(found, key=_order)) for name, found in sorted(self._versions.items())}

    def __len__(self) -> int:
        return len(self._versions)


def is_version(text: str) -> bool:
    """Return whether a text is a valid version."""
    return _VERSION.fullmatch(text) is not None


def _order(version: str) -> tuple[bool, Version, str]:
    # Versions that do not follow PEP 440 come last, in text order.
    try:
        return False, Version(version), version
    except InvalidVersion:
        return True, Version("0"), version
