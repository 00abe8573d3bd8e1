"""The configured package indexes of this machine with their logins, from the environment and uv's own files."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pypi_simple import PYPI_SIMPLE_ENDPOINT

from commands.errors import IndexUnreachable, Misconfigured
from commands.packages.lock_file import without_login
from commands.text import printable

_DEFAULT = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")
_FURTHER = ("UV_INDEX", "UV_EXTRA_INDEX_URL")
_INSECURE = "UV_INSECURE_HOST"
_LONGEST_ADDRESS = 200


@dataclass(frozen=True, slots=True)
class Index:
    """One index: `url` has no login and no trailing slash."""

    url: str
    login: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def origin(self) -> tuple[str, str, int | None]:
        """The scheme, host and port that its login may be sent to."""
        return origin_of(self.url)


@dataclass(frozen=True, slots=True)
class Indexes:
    """The indexes in lookup order, the default one last.

    `insecure_hosts` are hosts whose certificates are not verified, as configured by the operator.
    """

    ordered: tuple[Index, ...]
    insecure_hosts: frozenset[str] = frozenset()

    def login_for(self, url: str) -> tuple[str, str] | None:
        """Return the login of the index that a URL belongs to; it applies only to that index's own host.

        Raises ValueError if the URL is malformed.
        """
        origin = origin_of(url)
        same = [index for index in self.ordered if index.login and index.origin == origin]
        # One host may have several indexes with separate logins; files are often stored next to them.
        within = (index for index in same if url.startswith(f"{index.url}/"))
        found = next(within, same[0] if same else None)
        return found.login if found else None

    def is_insecure(self, url: str) -> bool:
        """Return whether the operator allows this host without a trusted certificate."""
        parts = urlsplit(url)
        return bool({parts.hostname or "", parts.netloc.rpartition("@")[2]} & self.insecure_hosts)

    @property
    def secrets(self) -> tuple[str, ...]:
        """List the secrets that must never be shown: every password, and a user name without a password."""
        logins = (index.login for index in self.ordered if index.login)
        return tuple(password or user for user, password in logins)


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Return the scheme, host and port of a URL; raises ValueError if it is malformed."""
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", parts.port or usual


def not_an_index(url: str) -> IndexUnreachable:
    """Return the problem that another server than a package index answers at a URL, such as a login page."""
    return IndexUnreachable(
        f"The package index{_at(url)} gave an answer that is not that of a package index.",
        hint="A login page or a proxy may answer in its place: log in there, and check the address and the credentials "
        "of the index in the bot's settings.",
    )


def _at(url: str) -> str:
    """Return where something is, without credentials: neither the login, nor what a query may contain."""
    try:
        parts = urlsplit(without_login(url))
    except ValueError:
        return ""
    shown = printable(f"{parts.scheme}://{parts.netloc}{parts.path}", instead="").replace("`", "")[:_LONGEST_ADDRESS]
    return f" at `{shown}`" if parts.netloc else ""


def configured_indexes(
    environment: Mapping[str, str], *, default: str | None = None, etc: Path = Path("/etc")
) -> Indexes:
    """Find the indexes as `uv` does: environment first, then uv.toml of the user and of the system.

    `default` replaces the default index; `etc` is the system's folder of settings. Raises `Misconfigured` if a uv.toml
    or a URL is malformed.
    """
    files = [*_settings(environment, etc)]
    named = default or _first(environment, _DEFAULT) or _default_in(files) or PYPI_SIMPLE_ENDPOINT
    further = [word for name in _FURTHER for word in environment.get(name, "").split()]
    ordered = [*further, *(address for file in files for address in _further_in(file)), named]
    found = (_index(setting, environment) for setting in ordered)
    insecure = {*environment.get(_INSECURE, "").split(), *(host for file in files for host in _texts(file, _HOSTS))}
    return Indexes(_each_once(found), frozenset(insecure))


_HOSTS = "allow-insecure-host"


def _each_once(indexes: Iterable[Index]) -> tuple[Index, ...]:
    """Drop duplicates; a login at any of them is kept."""
    kept: dict[str, Index] = {}
    for index in indexes:
        before = kept.setdefault(index.url, index)
        if before.login is None:
            kept[index.url] = index
    return tuple(kept.values())


def _settings(environment: Mapping[str, str], etc: Path) -> Iterator[Mapping[str, object]]:
    """Yield the settings in order of precedence; in each file the table `pip` precedes the rest, as in uv."""
    for file in filter(None, map(_read_toml, _settings_files(environment, etc))):
        pip = file.get("pip")
        yield from (pip, file) if isinstance(pip, dict) else (file,)


def _settings_files(environment: Mapping[str, str], etc: Path) -> Iterator[Path]:
    """Yield the files: the user's, then the system's (https://docs.astral.sh/uv/concepts/configuration-files/)."""
    if own := environment.get("UV_CONFIG_FILE"):
        yield Path(own)
        return
    if environment.get("UV_NO_CONFIG", "").lower() in _YES:
        return
    home = environment.get("XDG_CONFIG_HOME") or f"{environment.get('HOME', '')}/.config"
    systems = (environment.get("XDG_CONFIG_DIRS") or str(etc / "xdg")).split(":")
    yield Path(home, "uv/uv.toml")
    # Only the first existing system file counts.
    candidates = (*(Path(folder, "uv/uv.toml") for folder in systems), etc / "uv/uv.toml")
    yield from [path for path in candidates if path.exists()][:1]


_YES = ("1", "true", "t", "yes", "y", "on")


def _read_toml(path: Path) -> Mapping[str, object] | None:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as fault:
        raise Misconfigured(f"uv's settings in `{path}` cannot be read.", hint="Fix the file, or remove it.") from fault


def _first(environment: Mapping[str, str], names: Iterable[str]) -> str | None:
    return next((environment[name] for name in names if environment.get(name)), None)


def _default_in(files: Iterable[Mapping[str, object]]) -> str | None:
    for file in files:
        tables = [table for table in _tables(file) if table.get("default") is True]
        for address in (*(_setting_of(table) for table in tables), *_texts(file, "index-url")):
            return address
    return None


def _further_in(file: Mapping[str, object]) -> Iterator[str]:
    yield from (_setting_of(table) for table in _tables(file) if not (table.get("default") or table.get("explicit")))
    yield from _texts(file, "extra-index-url")


def _tables(file: Mapping[str, object]) -> list[Mapping[str, object]]:
    listed = file.get("index")
    return [one for one in listed if isinstance(one, dict) and "url" in one] if isinstance(listed, list) else []


def _setting_of(table: Mapping[str, object]) -> str:
    name, url = table.get("name"), str(table["url"])
    return f"{name}={url}" if name else url


def _texts(file: Mapping[str, object], key: str) -> list[str]:
    value = file.get(key)
    return [str(one) for one in value] if isinstance(value, list) else [str(value)] if value else []


def _index(setting: str, environment: Mapping[str, str]) -> Index:
    name, equals, address = setting.partition("=")
    named = bool(equals) and "://" not in name
    url = address if named else setting
    try:
        login = _login_in(url) or (_login_of(name, environment) if named else None)
        index = Index(without_login(url).rstrip("/"), login)
        scheme, host, _ = index.origin
    except ValueError as fault:
        raise _malformed_address() from fault
    if scheme not in ("http", "https") or not host:
        raise _malformed_address()
    return index


def _malformed_address() -> Misconfigured:
    # Without the URL, which may contain a password.
    return Misconfigured(
        "The configured address of a package index is not a URL.",
        hint="Check `WARROOM_INDEX_URL`, `UV_DEFAULT_INDEX`, `UV_INDEX` and uv.toml: an address begins with https://.",
    )


def _login_in(url: str) -> tuple[str, str] | None:
    parts = urlsplit(url)
    if parts.username is None and parts.password is None:
        return None
    return unquote(parts.username or ""), unquote(parts.password or "")


def _login_of(name: str, environment: Mapping[str, str]) -> tuple[str, str] | None:
    variable = "UV_INDEX_" + re.sub(r"[^A-Z0-9]", "_", name.upper())
    user, password = (environment.get(f"{variable}_{part}", "") for part in ("USERNAME", "PASSWORD"))
    return (user, password) if user or password else None
