"""Which package indexes this machine is configured for, with their logins: from the environment and uv's own files."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pypi_simple import PYPI_SIMPLE_ENDPOINT

from commands.errors import Misconfigured
from commands.packages.lock_file import without_login

_DEFAULT = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")
_FURTHER = ("UV_INDEX", "UV_EXTRA_INDEX_URL")
_INSECURE = "UV_INSECURE_HOST"


@dataclass(frozen=True, slots=True)
class Index:
    """One index: `url` without a login and without a slash at its end."""

    url: str
    login: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def origin(self) -> tuple[str, str, int | None]:
        """Scheme, host and port: where its login may go."""
        return origin_of(self.url)


@dataclass(frozen=True, slots=True)
class Indexes:
    """The indexes in the order in which they are asked, the default one last.

    `insecure_hosts` are those whose certificates need not be trusted, as the operator says.
    """

    ordered: tuple[Index, ...]
    insecure_hosts: frozenset[str] = frozenset()

    def login_for(self, url: str) -> tuple[str, str] | None:
        """Find the login of the index that an address is part of: it goes to that index's own host and no other."""
        origin = origin_of(url)
        return next((index.login for index in self.ordered if index.login and index.origin == origin), None)

    def is_insecure(self, url: str) -> bool:
        """Say whether the operator lets this host go without a trusted certificate."""
        parts = urlsplit(url)
        return bool({parts.hostname or "", parts.netloc.rpartition("@")[2]} & self.insecure_hosts)

    @property
    def secrets(self) -> tuple[str, ...]:
        """List what must never be shown: every password, and a name that stands without one."""
        logins = (index.login for index in self.ordered if index.login)
        return tuple(password or user for user, password in logins)


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Say at which server an address is."""
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", parts.port or usual


def configured_indexes(environment: Mapping[str, str], *, default: str | None = None) -> Indexes:
    """Find the indexes as `uv` does: environment first, then uv.toml of the user and of the system.

    `default`, where given, takes the default index's place. Raises `Misconfigured` for a uv.toml that is none.
    """
    files = [*_settings_files(environment)]
    named = default or _first(environment, _DEFAULT) or _default_in(files) or PYPI_SIMPLE_ENDPOINT
    further = [word for name in _FURTHER for word in environment.get(name, "").split()]
    ordered = [*further, *(address for file in files for address in _further_in(file)), named]
    found = (_index(setting, environment) for setting in ordered)
    insecure = {*environment.get(_INSECURE, "").split(), *(host for file in files for host in _texts(file, _HOSTS))}
    return Indexes(tuple({index.url: index for index in found}.values()), frozenset(insecure))


_HOSTS = "allow-insecure-host"


def _settings_files(environment: Mapping[str, str]) -> Iterator[Mapping[str, object]]:
    """Read uv.toml of the user, then of the system (https://docs.astral.sh/uv/concepts/configuration-files/)."""
    home = environment.get("XDG_CONFIG_HOME") or f"{environment.get('HOME', '')}/.config"
    systems = (environment.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")
    for path in (
        Path(home, "uv/uv.toml"),
        *(Path(folder, "uv/uv.toml") for folder in systems),
        Path("/etc/uv/uv.toml"),
    ):
        try:
            yield tomllib.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as fault:
            raise Misconfigured(
                f"uv's settings in `{path}` cannot be read.", hint="Correct the file, or take it away."
            ) from fault


def _first(environment: Mapping[str, str], names: Iterable[str]) -> str | None:
    return next((environment[name] for name in names if environment.get(name)), None)


def _default_in(files: Iterable[Mapping[str, object]]) -> str | None:
    for file in files:
        tables = [table for table in _tables(file) if table.get("default") is True]
        for address in (*(_named(table) for table in tables), *_texts(file, "index-url")):
            return address
    return None


def _further_in(file: Mapping[str, object]) -> Iterator[str]:
    yield from (_named(table) for table in _tables(file) if not (table.get("default") or table.get("explicit")))
    yield from _texts(file, "extra-index-url")


def _tables(file: Mapping[str, object]) -> list[Mapping[str, object]]:
    listed = file.get("index")
    return [one for one in listed if isinstance(one, dict) and "url" in one] if isinstance(listed, list) else []


def _named(table: Mapping[str, object]) -> str:
    name, url = table.get("name"), str(table["url"])
    return f"{name}={url}" if name else url


def _texts(file: Mapping[str, object], key: str) -> list[str]:
    value = file.get(key)
    return [str(one) for one in value] if isinstance(value, list) else [str(value)] if value else []


def _index(setting: str, environment: Mapping[str, str]) -> Index:
    name, equals, address = setting.partition("=")
    named = bool(equals) and "://" not in name
    url = address if named else setting
    login = _login_in(url) or (_login_of(name, environment) if named else None)
    return Index(without_login(url).rstrip("/"), login)


def _login_in(url: str) -> tuple[str, str] | None:
    parts = urlsplit(url)
    if parts.username is None and parts.password is None:
        return None
    return unquote(parts.username or ""), unquote(parts.password or "")


def _login_of(name: str, environment: Mapping[str, str]) -> tuple[str, str] | None:
    variable = "UV_INDEX_" + re.sub(r"[^A-Z0-9]", "_", name.upper())
    user, password = (environment.get(f"{variable}_{part}", "") for part in ("USERNAME", "PASSWORD"))
    return (user, password) if user or password else None
