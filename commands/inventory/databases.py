"""Parses the databases of dpkg and apk for the installed OS packages. Pure.

dpkg has `status`, stanzas of `Field: value` (deb-control(5)); images without dpkg ("distroless") have one file per
package in `status.d`. apk has `installed`, stanzas of `P:name` and `V:version`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from commands.inventory.gathering import MOST, Gathering

_STATUS = "var/lib/dpkg/status"
_STATUS_FOLDER = "var/lib/dpkg/status.d/"
_SINGLE_MOST = 1 << 16
_APK = ("lib/apk/db/installed", "usr/lib/apk/db/installed")

# apk's virtual packages begin with a dot; a package of another architecture ends in `:i386`.
_NAME = re.compile(r"[A-Za-z0-9._][A-Za-z0-9+._-]{0,199}(?::[a-z0-9-]{1,30})?")
_DPKG_LINE = re.compile(r"^(?P<field>Package|Status|Version|Architecture):(?P<value>.*)|^\n+", re.MULTILINE)
_APK_LINE = re.compile(r"^(?P<field>[PV]):(?P<value>.*)|^\n+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Database:
    """The packages of one package manager; `manager` is `dpkg` or `apk`."""

    manager: str
    gathering: Gathering


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    version: str
    architecture: str


def is_database(path: str) -> bool:
    """Return whether a file is part of a package database. Fast: it runs for every file of an image."""
    return path == _STATUS or path in _APK or (path.startswith(_STATUS_FOLDER) and not path.endswith(".md5sums"))


def databases(files: Mapping[str, bytes]) -> tuple[Database, ...]:
    """Parse all databases, the largest first; empty ones are included."""
    found = []
    if any(path == _STATUS or _is_single(path) for path in files):
        found.append(Database("dpkg", _gather(_dpkg_entries(files))))
    if any(path in files for path in _APK):
        found.append(Database("apk", _gather(_apk_entries(files))))
    return tuple(sorted(found, key=lambda database: len(database.gathering), reverse=True))


def _is_single(path: str) -> bool:
    return path.startswith(_STATUS_FOLDER) and is_database(path)


def _gather(entries: Iterable[_Entry]) -> Gathering:
    # One more than the limit, so that the gathering notices that there are more.
    found = list(islice(entries, MOST + 1))
    main = _main_architecture(found)
    gathering = Gathering(_NAME)
    for entry in found:
        gathering.add(entry.name + _suffix(entry.architecture, main), entry.version)
    return gathering


def _main_architecture(entries: Iterable[_Entry]) -> str:
    """Return the system's architecture. dpkg does not record it, but the entry of dpkg itself has it."""
    counts = Counter(entry.architecture for entry in entries if entry.architecture not in ("", "all"))
    own = (entry.architecture for entry in entries if entry.name == "dpkg")
    most = (architecture for architecture, _ in counts.most_common(1))
    return next(own, next(most, ""))


def _suffix(architecture: str, main: str) -> str:
    return "" if architecture in ("", "all", main) else f":{architecture}"


def _dpkg_entries(files: Mapping[str, bytes]) -> Iterator[_Entry]:
    for stanza in _stanzas(files.get(_STATUS, b""), _DPKG_LINE):
        # `install ok installed`, `hold ok installed`; anything else is partly installed, or only configuration is left.
        if not stanza or stanza.get("Status", "").endswith(" installed"):
            yield _dpkg_entry(stanza)
    for path, content in files.items():
        if _is_single(path):  # These files have no status.
            yield from map(_dpkg_entry, _stanzas(content[:_SINGLE_MOST], _DPKG_LINE))


def _dpkg_entry(stanza: Mapping[str, str]) -> _Entry:
    return _Entry(stanza.get("Package", ""), stanza.get("Version", ""), stanza.get("Architecture", ""))


def _apk_entries(files: Mapping[str, bytes]) -> Iterator[_Entry]:
    for path in _APK:
        for stanza in _stanzas(files.get(path, b""), _APK_LINE):
            yield _Entry(stanza.get("P", ""), stanza.get("V", ""), "")


def _stanzas(content: bytes, line: re.Pattern[str]) -> Iterator[Mapping[str, str]]:
    """Yield the fields that match `line`, stanza by stanza; an empty stanza for content without any."""
    text = content.decode("utf-8", "replace").replace("\r\n", "\n")
    stanza: dict[str, str] = {}
    seen = not text.strip()
    for found in line.finditer(text):
        if found["field"]:
            stanza.setdefault(found["field"], found["value"].strip())
            seen = True
        elif stanza:
            yield stanza
            stanza = {}
    if stanza or not seen:
        yield stanza
