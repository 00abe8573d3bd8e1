"""The index settings of this machine as a `uv.toml` for the build: it installs from where it was resolved."""

import json
import re
from collections.abc import Mapping
from urllib.parse import quote

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
    lines += [_index(url, environment) for url in further]
    lines += [_index(default, environment, default=True)] if default else []
    return "\n".join(lines).encode() + b"\n"


def _index(setting: str, environment: Mapping[str, str], *, default: bool = False) -> str:
    name, equals, address = setting.partition("=")
    url = _with_login(name, address, environment) if equals and "://" not in name else setting
    # A JSON string is a TOML string, as long as no character is written as two halves.
    return f"[[index]]\nurl = {json.dumps(url, ensure_ascii=False)}" + ("\ndefault = true" if default else "")


def _with_login(name: str, url: str, environment: Mapping[str, str]) -> str:
    """Put into the address what uv would take from the variables of a named index: the build has none of them."""
    variable = "UV_INDEX_" + re.sub(r"[^A-Z0-9]", "_", name.upper())
    user, password = (quote(environment.get(f"{variable}_{part}", ""), safe="") for part in ("USERNAME", "PASSWORD"))
    scheme, slashes, rest = url.partition("://")
    if not (user or password) or "@" in rest.partition("/")[0]:
        return url
    return f"{scheme}{slashes}{user}:{password}@{rest}"
