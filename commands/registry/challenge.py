"""Parses a registry's `WWW-Authenticate` header, following RFC 9110 and Docker's token scheme."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_LONGEST = 8192
"""Maximum characters of a header; a longer one is ignored."""

_GAP = re.compile(r"[\s,]*")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)(?=\s|,|$)(?!\s*=)")
_PARAMETER = re.compile(r'([A-Za-z][A-Za-z0-9_-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Basic:
    """HTTP Basic authentication at the registry itself."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token from the URL `realm`, for `service` and `scope`, which may be empty."""

    realm: str
    service: str = ""
    scope: str = ""


Challenge = Basic | Bearer


def challenge_in(header: str) -> Challenge | None:
    """Return the registry's challenge, `Bearer` if it offers both; None if it is malformed."""
    if len(header) > _LONGEST:
        return None
    found = [challenge for challenge in map(_challenge_of, _split(header)) if challenge is not None]
    return min(found, key=lambda challenge: isinstance(challenge, Basic), default=None)


def _challenge_of(written: tuple[str, Mapping[str, str]]) -> Challenge | None:
    match written:
        case ("basic", _):
            return Basic()
        case ("bearer", {"realm": realm, **rest}):
            return Bearer(realm, service=rest.get("service", ""), scope=rest.get("scope", ""))
        case _:
            return None


def _split(header: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Split a header into challenges: scheme and parameters, with names in lower case."""
    scheme, parameters, at = "", dict[str, str](), 0
    while at < len(header):
        at = _end(_GAP.match(header, at), at)
        if named := _SCHEME.match(header, at):
            yield scheme, parameters
            scheme, parameters, at = named[1].lower(), {}, named.end()
        elif given := _PARAMETER.match(header, at):
            value = given[3] if given[2] is None else _ESCAPE.sub(r"\1", given[2])
            parameters.setdefault(given[1].lower(), value)
            at = given.end()
        else:
            break
    yield scheme, parameters


def _end(found: re.Match[str] | None, start: int) -> int:
    return found.end() if found else start
