"""Reads the databases of dpkg and apk: what is installed of the operating system. Pure.

dpkg's is `status`, stanzas of `Field: value` (deb-control(5)); images without dpkg itself ("distroless") have one file
per package in `status.d`. apk's is `installed`, stanzas of `P:name` and `V:version`.
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
    """What one package manager has installed; `manager` is `dpkg` or `apk`."""

    manager: str
    gathering: Gathering


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    version: str
    architecture: str


def is_database(path: str) -> bool:
    """Say whether a file is part of a package database. Quick: it is asked of every file of an image."""
    return path == _STATUS or path in _APK or (path.startswith(_STATUS_FOLDER) and not path.endswith(".md5sums"))


def databases(files: Mapping[str, bytes]) -> tuple[Database, ...]:
    """Read what there is, the fullest first; a database that is there but empty counts."""
    found = []
    if any(path == _STATUS or _is_single(path) for path in files):
        found.append(Database("dpkg", _gathered(_dpkg_entries(files))))
    if any(path in files for path in _APK):
        found.append(Database("apk", _gathered(_apk_entries(files))))
    return tuple(sorted(found, key=lambda database: len(database.gathering), reverse=True))


def _is_single(path: str) -> bool:
    return path.startswith(_STATUS_FOLDER) and is_database(path)


def _gathered(entries: Iterable[_Entry]) -> Gathering:
    # One more than are kept, for the gathering to notice that there are more.
    found = list(islice(entries, MOST + 1))
    main = _main_architecture(found)
    gathering = Gathering(_NAME)
    for entry in found:
        gathering.add(entry.name + _suffix(entry.architecture, main), entry.version)
    return gathering


def _main_architecture(entries: Iterable[_Entry]) -> str:
    """Find the system's own one. dpkg has it built in and writes it nowhere, but its own entry tells."""
    counts = Counter(entry.architecture for entry in entries if entry.architecture not in ("", "all"))
    own = (entry.architecture for entry in entries if entry.name == "dpkg")
    most = (architecture for architecture, _ in counts.most_common(1))
    return next(own, next(most, ""))


def _suffix(architecture: str, main: str) -> str:
    return "" if architecture in ("", "all", main) else f":{architecture}"


def _dpkg_entries(files: Mapping[str, bytes]) -> Iterator[_Entry]:
    for stanza in _stanzas(files.get(_STATUS, b""), _DPKG_LINE):
        # `install ok installed`, `hold ok installed`; anything else is half there, or only its settings are.
        if not stanza or stanza.get("Status", "").endswith(" installed"):
            yield _dpkg_entry(stanza)
    for path, content in files.items():
        if _is_single(path):  # These say nothing of a status.
            yield from map(_dpkg_entry, _stanzas(content[:_SINGLE_MOST], _DPKG_LINE))


def _dpkg_entry(stanza: Mapping[str, str]) -> _Entry:
    return _Entry(stanza.get("Package", ""), stanza.get("Version", ""), stanza.get("Architecture", ""))


def _apk_entries(files: Mapping[str, bytes]) -> Iterator[_Entry]:
    for path in _APK:
        for stanza in _stanzas(files.get(path, b""), _APK_LINE):
            yield _Entry(stanza.get("P", ""), stanza.get("V", ""), "")


def _stanzas(content: bytes, line: re.Pattern[str]) -> Iterator[Mapping[str, str]]:
    """Read the fields that `line` knows, stanza by stanza; of content that has none, one that is empty."""
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
