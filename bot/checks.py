"""Puts together what `warroom check` looks at, from the same parts as the bot itself."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from time import monotonic

from sqlalchemy import make_url

from bot.dialogs.databases import normal_url, refuse_malformed
from bot.dialogs.ledger import sqlite_url
from bot.doctor.base import base_is_usable
from bot.doctor.daemon import LABEL, buildkit_works, daemon_answers, disk_has_room, free_bytes, where_docker_answers
from bot.doctor.index import index_answers
from bot.doctor.limits import limits_in_force
from bot.doctor.report import Verdict
from bot.doctor.running import Check
from bot.doctor.state import database_answers, file_is_sound, folder_is_free, folder_is_writable, owner_is_free
from bot.doctor.trust import bundle_is_usable
from bot.settings import Settings
from bot.slack.judge import messages_are_valid
from bot.slack.probe import bot_token_works, channels_are_named, socket_mode_opens
from bot.wiring import allowed_registries, default_base, make_index, trusted_bundle
from commands.engine.docker_daemon import DockerDaemon
from commands.engine.interface import RunOrder, RunOutcome
from commands.errors import PackageNotFound
from commands.model.images import Digest
from commands.model.references import Reference

CHECK_SECONDS = 10.0
"""How long a check may take."""
LOOK_SECONDS = 8.0
"""How long the parts of a check may take that can bound themselves: their own words are better than silence."""


def make_checks(settings: Settings) -> tuple[Check, ...]:
    """Make the checks of all that the bot needs; none of them changes anything that stays."""
    return (*_daemon_checks(settings), *_local_checks(settings), *_slack_checks(settings))


def _daemon_checks(settings: Settings) -> tuple[Check, ...]:
    engine = DockerDaemon(settings.docker_host, lookup_seconds=LOOK_SECONDS / 2)

    def registry_digest(reference: Reference) -> Digest:
        allowed_registries(settings, engine).require(reference)
        return engine.registry_digest(reference)

    def base() -> Verdict:
        return base_is_usable(
            engine,
            default_base(settings),
            registry_digest=registry_digest,
            made_here=settings.default_base_made_here,
            labels={LABEL: token_hex(8)},
            seconds=LOOK_SECONDS,
        )

    def on_docker(look: Callable[[], Verdict]) -> Callable[[], Verdict]:
        return lambda: where_docker_answers(engine, look)

    return (
        Check("Docker", lambda: daemon_answers(engine)),
        Check("BuildKit", on_docker(lambda: buildkit_works(engine, token_hex(8), seconds=LOOK_SECONDS))),
        Check("Docker's disk", on_docker(lambda: disk_has_room(engine, free_bytes))),
        Check("Default base", on_docker(base)),
    )


def _local_checks(settings: Settings) -> tuple[Check, ...]:
    bundle = trusted_bundle(settings)
    chosen = "as set" if settings.ca_bundle else "the host's own"
    url = settings.database_url.get_secret_value() if settings.database_url else None
    database = _server_checks(url, settings.owner) if url else _file_checks(settings.state_dir)
    return (
        Check("Package index", lambda: _index_answers(settings)),
        Check("CA bundle", lambda: bundle_is_usable(bundle, configured=chosen)),
        Check("State folder", lambda: folder_is_writable(settings.state_dir, setting="WARROOM_STATE_DIR")),
        Check("Cache folder", lambda: folder_is_writable(settings.cache_dir, setting="WARROOM_CACHE_DIR")),
        Check("State lock", lambda: folder_is_free(settings.state_dir)),
        *database,
        Check("Limits", lambda: limits_in_force(settings)),
    )


def _slack_checks(settings: Settings) -> tuple[Check, ...]:
    bot = settings.slack_bot_token.get_secret_value() if settings.slack_bot_token else None
    app = settings.slack_app_token.get_secret_value() if settings.slack_app_token else None
    api_url, channels, users = settings.slack_api_url, settings.allowed_channels, settings.allowed_users
    return (
        Check("Slack token", lambda: bot_token_works(bot, api_url)),
        Check("Socket Mode", lambda: socket_mode_opens(app, api_url)),
        Check("Messages", lambda: messages_are_valid(bot, api_url, seconds=LOOK_SECONDS, clock=monotonic)),
        Check("Channels", lambda: channels_are_named(channels, users, slack_is_set_up=bool(bot and app))),
    )


def _index_answers(settings: Settings) -> Verdict:
    configured = "named by `index_url`" if settings.index_url else "as this machine is configured"
    with TemporaryDirectory(prefix="warroom-check-") as cache:
        # A cache of its own, which is empty: it is the index that shall answer.
        elsewhere = settings.model_copy(update={"cache_dir": Path(cache)})
        with closing(make_index(elsewhere, _no_container, seconds=LOOK_SECONDS)) as index:
            return index_answers(index.resolver, configured=configured, clock=monotonic)


def _no_container(_: RunOrder) -> RunOutcome:
    raise PackageNotFound(
        "The package index answers, but has no wheel of `uv`.", hint="Offer `uv` there: every build needs it."
    )


def _server_checks(url: str, owner: str) -> tuple[Check, ...]:
    def database() -> Verdict:
        return database_answers(url, shown=make_url(normal_url(url)).render_as_string())

    return Check("Database", database), Check("Database lock", lambda: owner_is_free(normal_url(url), owner))


def _file_checks(folder: Path) -> tuple[Check, ...]:
    dialogs, jobs = folder / "dialogs.sqlite", folder / "jobs.sqlite"

    def database() -> Verdict:
        refuse_malformed(dialogs)
        return database_answers(sqlite_url(dialogs), shown=str(dialogs))

    return (
        *((Check("Database", database),) if dialogs.exists() else ()),
        *((Check("Job database", lambda: file_is_sound(jobs)),) if jobs.exists() else ()),
    )
