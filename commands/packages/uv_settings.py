"""The index settings of this machine as a `uv.toml` for the build: it installs from where it was resolved."""

import json
from collections.abc import Mapping

_DEFAULT = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")
_FURTHER = ("UV_INDEX", "UV_EXTRA_INDEX_URL")
_INSECURE = "UV_INSECURE_HOST"


def uv_settings(environment: Mapping[str, str]) -> bytes | None:
    """Write what `uv` would take from these variables; None when they name no index.

    Addresses may hold passwords: the file is mounted while installing and is in no layer of the image.
    """
    default = next((environment[name] for name in _DEFAULT if environment.get(name)), None)
    further = [url for name in _FURTHER for url in environment.get(name, "").split()]
    if default is None and not further:
        return None
    insecure = environment.get(_INSECURE, "").split()
    lines = [f"allow-insecure-host = {json.dumps(insecure)}"] if insecure else []
    lines += [_index(url) for url in further]
    lines += [_index(default, default=True)] if default else []
    return "\n".join(lines).encode() + b"\n"


def _index(url: str, *, default: bool = False) -> str:
    # UV_INDEX allows `name=url`; the name plays no part here. A JSON string is a TOML string.
    name, equals, address = url.partition("=")
    plain = address if equals and "://" not in name else url
    return f"[[index]]\nurl = {json.dumps(plain)}" + ("\ndefault = true" if default else "")
