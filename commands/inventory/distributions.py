"""Finds Python distributions by their metadata files. Pure.

Only metadata directly in a `site-packages` or `dist-packages` counts, under any prefix: vendored copies
(`pip/_vendor/…`) are not installed distributions.
"""

import re
from collections.abc import Mapping

from packaging.utils import canonicalize_name

from commands.inventory.gathering import Gathering, is_version

HEAD = 1 << 14
"""Maximum bytes of a metadata file that are parsed: name and version are in its first lines."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,198}[A-Za-z0-9])?")  # PEP 508
_NORMALISED = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")

# A folder that begins with `~` is left over from an uninstall; pip ignores it as well.
_PLACE = re.compile(
    r"(?:^|/)(?:site|dist)-packages/(?P<stem>[^/~][^/]*)\."
    r"(?:dist-info/(?P<file>METADATA|INSTALLER)|egg-info(?:/PKG-INFO)?)\Z"
)
_ENDINGS = ("/METADATA", "/INSTALLER", ".egg-info", "/PKG-INFO")
# `name-1.0`, `name-1.0-py3.11`, `name-1.0-py3.11-linux-x86_64`, or only a name.
_STEM = re.compile(r"(?P<name>.+?)(?:-(?P<version>\d[^-]*)(?:-py\d.*)?)?", re.DOTALL)
_STEM_MOST = 300
# Lines that begin with a blank continue a value.
_FIELD = re.compile(r"^(name|version)[ \t]*:(.*(?:\n[ \t].*)*+)", re.IGNORECASE | re.MULTILINE)


def is_metadata(path: str) -> bool:
    """Return whether a file is metadata of an installed distribution. Fast: it runs for every file of an image."""
    return path.endswith(_ENDINGS) and _PLACE.search(path) is not None


def distributions(files: Mapping[str, bytes]) -> Gathering:
    """Gather the distributions from metadata files, by normalised names (PEP 503)."""
    gathering = Gathering(_NORMALISED)
    for stem, content in _folders(files).values():
        name, version = _name_and_version(stem, content)
        gathering.add(canonicalize_name(name), version)
    return gathering


def _folders(files: Mapping[str, bytes]) -> Mapping[str, tuple[str, bytes]]:
    """Map each distribution's folder, or single file, to its stem and metadata."""
    found: dict[str, tuple[str, bytes]] = {}
    for path, content in files.items():
        place = _PLACE.search(path)
        if place is None:
            continue
        folder = path[: place.end("stem")] + path[place.end("stem") :].partition("/")[0]
        # INSTALLER, which is never a link, shows a folder whose METADATA is a link (possible with uv and Bazel).
        if place["file"] == "INSTALLER":
            found.setdefault(folder, (place["stem"], b""))
        else:
            found[folder] = (place["stem"], content)
    return found


def _name_and_version(stem: str, content: bytes) -> tuple[str, str]:
    """Return name and version from the metadata, else from the folder's name, else empty."""
    told = _fields(content)
    called = _STEM.fullmatch(stem[:_STEM_MOST])
    name, version = told.get("name", ""), told.get("version", "")
    if called and not _NAME.fullmatch(name):
        name = called["name"]
    if called and not is_version(version):
        version = called["version"] or ""
    return (name if _NAME.fullmatch(name) else ""), version


def _fields(content: bytes) -> Mapping[str, str]:
    # Not `packaging.metadata.parse_email`: it also parses the description, which takes seconds for 500 packages.
    text = content[:HEAD].decode("utf-8", "replace").lstrip("\ufeff")
    header = text.replace("\r\n", "\n").replace("\r", "\n").partition("\n\n")[0]
    fields: dict[str, str] = {}
    for field, value in _FIELD.findall(header):
        fields.setdefault(field.lower(), value.strip())
    return fields
