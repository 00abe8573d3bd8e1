"""Every setting, from `warroom.toml` and the environment. The only module that reads them."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import unquote

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from commands.errors import Misconfigured
from commands.host.allowed import registry_named

SETTINGS_FILE = "warroom.toml"
"""The file in the working directory; the environment (`WARROOM_<NAME>`) takes precedence."""

Seconds = Annotated[float, Field(gt=0, le=86_400)]
SlackId = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,32}$")]
HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$")]
Names = Annotated[tuple[HostName, ...], NoDecode]
Ids = Annotated[tuple[SlackId, ...], NoDecode]


_LOGIN: Final = re.compile(r"([a-z0-9+.-]*)://([^/?#\s]+)@", re.IGNORECASE)


class Settings(BaseSettings):
    """What an operator may set. Times are in seconds."""

    model_config = SettingsConfigDict(
        env_prefix="WARROOM_", env_ignore_empty=True, toml_file=SETTINGS_FILE, extra="forbid"
    )

    state_dir: Path = Field(
        default_factory=lambda: Path("~/.local/state/warroom").expanduser(),
        description="Where the database and the build logs live.",
    )
    cache_dir: Path = Field(
        default_factory=lambda: Path("~/.cache/warroom").expanduser(),
        description="What can be fetched again: the index's answers, the installer.",
    )
    database_url: SecretStr | None = Field(
        default=None, description="`postgresql://…`; without it a SQLite file in the state folder is used."
    )
    backup_hours: float = Field(
        default=24,
        ge=0,
        le=8760,
        description="Hours between two copies of the SQLite file of dialogs, in `backups` of the state folder; "
        "three are kept. 0 makes none.",
    )
    owner: str = Field(
        default="warroom",
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="The name of this bot among several on one database; only one process can use a name, and it takes "
        "over from the one before.",
    )
    docker_host: str | None = Field(
        default=None, description="The Docker daemon, `unix://…` or `tcp://…`; without it the one the Docker CLI uses."
    )
    default_base: str = Field(
        default="demisto/python3-deb", description="The base of a new image when `base=` is not given."
    )
    default_base_made_here: bool = Field(
        default=False, description="Whether the default base may be an image that the bot made."
    )
    build_network: str | None = Field(
        default=None, description="Network mode of build steps and of resolving in a container, for example `host`."
    )
    ca_bundle: Path | None = Field(
        default=None,
        validate_default=True,
        description="Certificates that build steps trust; without it the host's own bundle.",
    )
    index_url: SecretStr | None = Field(
        default=None, description="The Python package index; without it the one this machine is configured for."
    )
    builds_at_once: int = Field(default=2, ge=1, le=64, description="Builds at once on the daemon; others queue.")
    build_seconds: Seconds = Field(default=1800, description="The longest that one build may take.")
    idle_seconds: Seconds = Field(default=300, description="The longest that a build may say nothing.")
    pulls_at_once: int = Field(default=3, ge=1, le=64, description="Images that are pulled at once, of all updates.")
    history_depth: int = Field(
        default=3, ge=1, le=50, description="Images before the present one that each name can go back to."
    )
    registries: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Registries that may be asked, `host[:port]`, comma separated; empty: Docker's hub, that of the "
        "default base, and those that images of the host came from.",
    )
    registry_mirror: str | None = Field(
        default=None,
        description="`host[:port][/path]` to ask and pull from in place of Docker's hub; without it the daemon's own.",
    )
    registry_certificates: Path = Field(
        default=Path("/etc/docker/certs.d"),
        description="Certificates of private registries, in a folder for each: `<host:port>/ca.crt`.",
    )
    commands_per_person: int = Field(
        default=20, ge=1, le=1000, description="Commands of one person that may be under way; reviews count too."
    )
    commands_at_once: int = Field(default=100, ge=1, le=10_000, description="Commands of everybody under way.")
    engine_wait_seconds: Seconds = Field(
        default=3600, description="The longest that a job waits for a Docker daemon that is away, or that restarts."
    )
    review_seconds: Seconds = Field(default=1800, description="How long a proposal waits for a button.")
    keep_days: float = Field(
        default=30,
        gt=0,
        le=3650,
        description="How long ended dialogs, the logs of their jobs and unused files of the cache are kept.",
    )
    keep_logs_mb: int = Field(
        default=2000, ge=1, description="The most megabytes of logs; the oldest are removed first."
    )
    grace_seconds: float = Field(
        default=20, ge=0, le=3600, description="How long a stopping bot waits for running builds."
    )
    slack_bot_token: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("SLACK_BOT_TOKEN", "slack_bot_token"),
        description="Slack's bot token, `xoxb-…`.",
    )
    slack_app_token: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("SLACK_APP_TOKEN", "slack_app_token"),
        description="Slack's app-level token for Socket Mode, `xapp-…`.",
    )
    slack_api_url: str | None = Field(
        default=None, description="The Web API's address; without it Slack's own. A room prints its own."
    )
    allowed_channels: Ids = Field(
        default=(), description="Ids of the channels in which commands are taken, comma separated."
    )
    allowed_users: Ids = Field(
        default=(), description="Ids of the people who may use the commands; empty means everybody in those channels."
    )
    allowed_teams: Ids = Field(
        default=(),
        description="Ids of other workspaces whose people may use the commands in shared channels; "
        "the bot's own always may.",
    )
    health_host: str = Field(
        default="127.0.0.1", description="The address of the health page: `/live`, `/ready`, `/metrics`."
    )
    health_port: int = Field(default=9137, ge=0, le=65535, description="Its port; 0 goes without the page.")
    health_names: Names = Field(
        default=(),
        description="Host names by which others may ask for the page, comma separated, beside addresses and "
        "`health_host`: a page in a browser could pretend to be any other.",
    )
    log_format: Literal["console", "json"] = Field(default="console", description="`console` or `json`.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="How much is logged.")

    @field_validator("registries", "allowed_channels", "allowed_users", "allowed_teams", "health_names", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("registries", mode="after")
    @classmethod
    def _read_registries(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(registry_named, value))

    @field_validator("ca_bundle", mode="before")
    @classmethod
    def _take_the_machines(cls, value: object) -> object:
        # Not an alias: a variable for the whole machine would take precedence over this program's file.
        return value or os.environ.get("SSL_CERT_FILE") or None

    @field_validator("state_dir", "cache_dir", "ca_bundle", "registry_certificates", mode="after")
    @classmethod
    def _expand(cls, value: Path | None) -> Path | None:
        return value.expanduser() if value else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources in their order: the program's arguments, the environment, the file."""
        del dotenv_settings, file_secret_settings
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must never be shown or logged."""
        held = (self.slack_bot_token, self.slack_app_token, self.database_url, self.index_url)
        values = [secret.get_secret_value() for secret in held if secret is not None]
        addresses = [*values, self.docker_host or "", self.registry_mirror or "", self.slack_api_url or ""]
        return (*values, *(part for address in addresses for part in _logins(address)))


def secrets_of(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the secrets in an environment: logins in addresses, and the credentials of `uv`.

    Every variable counts, not only the known ones: indexes, proxies, mirrors, databases.
    """
    addressed = (part for value in environment.values() for part in _logins(value))
    return tuple(dict.fromkeys((*addressed, *_of_uv(environment))))


def _of_uv(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        if name.startswith("UV_") and name.endswith(("_PASSWORD", "_TOKEN")):
            yield value
        # A user name alone is a token.
        if name.startswith("UV_") and name.endswith("_USERNAME"):
            password = environment.get(f"{name.removesuffix('_USERNAME')}_PASSWORD")
            yield from () if password else (value,)


def _logins(text: str) -> Iterator[str]:
    """Yield the password of each address in a text, as written and decoded."""
    for scheme, login in _LOGIN.findall(text):
        user, _, password = str(login).partition(":")
        # Over HTTP a user name alone is a token. Over SSH and to a database it is public.
        secret = password or (user if scheme.lower().endswith(("http", "https")) else "")
        yield from (secret, unquote(secret)) if secret else ()


def environment() -> Mapping[str, str]:
    """Return the environment for a program that reads its own settings from it (`uv`)."""
    return os.environ


def load_settings(**overrides: Any) -> Settings:
    """Return the settings; raise `Misconfigured` that names each wrong setting."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise Misconfigured(
            "Some settings are wrong.",
            hint=f"Correct them in `{SETTINGS_FILE}` or in the environment (`WARROOM_…`).",
            details=tuple(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()),
        ) from None
    except (ValueError, OSError) as error:
        raise Misconfigured(
            f"`{SETTINGS_FILE}` cannot be read: {error}.", hint="It must be TOML: `name = value` lines."
        ) from None
