"""The composition root: the one place that picks implementations and puts the program together."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from time import time

import structlog
import uv

from bot.access.rules import Access
from bot.dialogs.allowance import Limits
from bot.dialogs.backups import Backups
from bot.dialogs.databases import is_postgresql, normal_url, refuse_malformed
from bot.dialogs.interface import Timeouts
from bot.dialogs.job_logs import JobLogFiles
from bot.dialogs.jobs import Jobs
from bot.dialogs.ledger import Ledger, sqlite_url
from bot.dialogs.moving import Observer
from bot.dialogs.owner_lock import OwnerLock
from bot.dialogs.runner import Runner, Task
from bot.dialogs.stages import AT_REST, Dialog, DialogId, Queued
from bot.health import HealthServer, Readiness, pages
from bot.housekeeping import Chore, Housekeeper, seconds_between_chores
from bot.lifetime import Bot
from bot.logs import Redactor
from bot.meter import CONTENT_TYPE, Meter
from bot.readiness import ready_checks
from bot.router import Router
from bot.settings import Settings, environment, secrets_of
from bot.slack.channel import Channel
from bot.slack.connection import SlackConnection, respond, web_client
from bot.slack.forms import Forms
from bot.slack.listeners import Listeners
from bot.slack.metered import MeteredClient
from bot.slack.pace import Pace
from bot.slack.sender_client import SenderClient
from bot.slack.views.facts import state_of
from bot.state import StateFolder, clear_scratch
from bot.work import CommandWork
from commands.carry_out import Dependencies
from commands.engine.docker_daemon import DockerDaemon
from commands.engine.interface import Engine, RunOrder, RunOutcome
from commands.errors import Misconfigured
from commands.host.allowed import AllowedRegistries, GuardedRegistry
from commands.host.users import Lineage
from commands.inventory.reading import Inventories
from commands.model.images import ImageSpec
from commands.model.references import Malformed, Reference, refuse_name_of_tools
from commands.packages.interface import Files, Resolver
from commands.packages.leftovers import clear_cache
from commands.packages.package_index import PackageIndex, package_index
from commands.packages.toolbox import Toolbox
from commands.packages.uv_program import UvProgram
from commands.recipe.dockerfile import Recipe, write_dockerfile
from commands.recipe.tags import BuildNumbers
from commands.registry.http_registry import HttpRegistry
from commands.registry.interface import Registry
from commands.registry.sites import site_in
from commands.sources import Bases, Sources

log = structlog.get_logger()

_HOST_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
"""Debian's path of the certificates that the host trusts."""
_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Credentials:
    """The bot's access to Slack: tokens and address, and the people who may use the bot."""

    bot_token: str
    app_token: str
    api_url: str | None
    access: Access


def make_bot(
    settings: Settings,
    credentials: Credentials,
    *,
    engine: Engine | None = None,
    resolver: Resolver | None = None,
    files: Files | None = None,
    registry: Registry | None = None,
    pace: Pace | None = None,
) -> Bot:
    """Return a bot made of its parts; raise `Misconfigured`.

    `engine`, `resolver`, `files` and `registry` replace the configured ones, `pace` replaces Slack's rate limits.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(StateFolder(settings.state_dir))
        redact = redactor(settings, credentials)
        meter = Meter()
        url = _database(settings, folder.path / "dialogs.sqlite")
        lock = stack.enter_context(OwnerLock(url, settings.owner)) if is_postgresql(url) else None
        ledger = Ledger(url, redact, owner=settings.owner)
        stack.callback(ledger.close)
        meter.watch_queue(lambda: len(ledger.queue(Queued)))
        client = web_client(credentials.bot_token, credentials.api_url)
        sender = MeteredClient(SenderClient(client), meter)
        channel = Channel(sender, ledger, redact=redact, clock=_now, respond=respond, pace=pace)
        daemon = engine or stack.enter_context(closing(make_engine(settings)))
        asked = registry or stack.enter_context(closing(make_registry(settings, daemon)))
        index = stack.enter_context(closing(make_index(settings, daemon.run)))
        dependencies = _dependencies(settings, index, engine=daemon, files=files, registry=asked, redact=redact)
        work = CommandWork(_sources(settings, index, dependencies, resolver), dependencies, meter)
        job_log = JobLogFiles(folder.path / "logs", redact)
        jobs = Jobs(
            ledger=ledger,
            screen=channel,
            work=work,
            job_log=job_log,
            timeouts=Timeouts(
                settings.review_seconds, settings.grace_seconds, engine_wait_seconds=settings.engine_wait_seconds
            ),
            limits=Limits(settings.commands_per_person, settings.commands_at_once),
            clock=_now,
            runner=_runner(settings, folder.path / "jobs.sqlite"),
            observers=(_command_observer(meter),),
        )
        forms = Forms(
            channel.open_view,
            work.sources.base_candidates,
            work.sources.update_candidates,
            respond=respond,
            whisper=channel.whisper,
        )
        stack.callback(forms.close)
        listeners = Listeners(
            jobs,
            Router(),
            credentials.access,
            forms,
            channel,
            new_id=_new_id,
            clock=_now,
            redact=redact,
            meter=meter,
        )
        connection = SlackConnection(client, credentials.app_token, listeners)
        checks = ready_checks(
            engine or _impatient_engine(settings), ledger, connection, channel, logs=folder.path / "logs", lock=lock
        )
        return Bot(
            jobs,
            channel,
            connection,
            _housekeeper(settings, jobs, channel, job_log, ledger, engine=daemon, is_file=not is_postgresql(url)),
            stack.pop_all(),
            checks=checks,
            meter=meter,
            grace_seconds=settings.grace_seconds,
        )


def _housekeeper(
    settings: Settings,
    jobs: Jobs,
    channel: Channel,
    job_log: JobLogFiles,
    ledger: Ledger,
    *,
    engine: Engine,
    is_file: bool,
) -> Housekeeper:
    kept = timedelta(days=settings.keep_days)
    backups = Backups(settings.state_dir / "dialogs.sqlite", hours=settings.backup_hours if is_file else 0, clock=_now)

    def forget_logs() -> int:
        unfinished = frozenset(entry.id for entry in ledger.unfinished_entries())
        before = (_now() - kept).timestamp()
        return job_log.forget(before, most_bytes=settings.keep_logs_mb * _MEGABYTE, keep=unfinished)

    def forget_cache() -> int:
        return clear_cache(uv_program(settings, None), now=time(), keep_seconds=kept.total_seconds())

    return Housekeeper(
        (
            # Before anything is removed.
            Chore("copy the dialogs", lambda: int(backups.run_if_due() is not None)),
            Chore("remove old dialogs", lambda: jobs.forget(_now() - kept)),
            # Only now: what waits belongs to a dialog that is stored.
            Chore("forget messages of old dialogs", channel.forget_unknown),
            Chore("remove old logs", forget_logs),
            Chore("clear the cache", forget_cache),
            Chore("clear states of single commands", lambda: clear_scratch(settings, engine)),
        ),
        every_seconds=seconds_between_chores(kept.total_seconds()),
    )


@contextmanager
def health_page(settings: Settings) -> Iterator[Callable[[Bot], None]]:
    """Open the health page's port, and yield the function that takes its bot; raise `Misconfigured`."""
    if settings.health_port == 0:
        yield lambda _: None
        return
    with HealthServer(settings.health_host, settings.health_port, names=settings.health_names) as server:
        yield lambda bot: server.serve(pages(Readiness(bot.checks), bot.meter.text, metrics_kind=CONTENT_TYPE))


def _command_observer(meter: Meter) -> Observer:
    def observe(dialog: Dialog) -> None:
        # A list is an end too: turning its page is not another command.
        if isinstance(dialog, AT_REST):
            meter.command_ended(dialog.asked.command, state_of(dialog))

    return observe


def _impatient_engine(settings: Settings) -> DockerDaemon:
    return DockerDaemon(settings.docker_host, lookup_seconds=1.5)


def redactor(settings: Settings, credentials: Credentials | None = None) -> Redactor:
    """Return the redactor of every secret of this process."""
    tokens = (credentials.bot_token, credentials.app_token) if credentials else ()
    return Redactor((*settings.secrets, *secrets_of(environment()), *_logins_of_indexes(settings), *tokens))


def _logins_of_indexes(settings: Settings) -> tuple[str, ...]:
    try:
        return uv_program(settings, None).indexes().secrets
    except Misconfigured:
        # uv's settings cannot be read, so their logins are unknown; the error is shown when the index is used.
        return ()


def make_engine(settings: Settings) -> DockerDaemon:
    """Return the configured engine, not yet connected."""
    return DockerDaemon(settings.docker_host, environment=environment())


def make_registry(settings: Settings, engine: Engine) -> GuardedRegistry:
    """Return the client of the allowed registries, which reaches them as the daemon does; it sends no request yet."""
    client = HttpRegistry(
        engine.registry_rules,
        engine.login,
        mirror=settings.registry_mirror,
        certificates=settings.registry_certificates,
        ca_bundle=trusted_bundle(settings),
    )
    return GuardedRegistry(client, allowed_registries(settings, engine), close=client.close)


def allowed_registries(settings: Settings, engine: Engine) -> AllowedRegistries:
    """Return which registries may be asked; raise `Misconfigured` for a malformed default base."""
    mirror = site_in(settings.registry_mirror).host if settings.registry_mirror else None
    return AllowedRegistries(engine.listing, default_base(settings), named=settings.registries, mirror=mirror)


def make_index(
    settings: Settings, run_in_container: Callable[[RunOrder], RunOutcome], *, seconds: float = 60.0
) -> PackageIndex:
    """Return the client of the package index, which sends no request yet; `seconds` limits each resolution."""
    program = uv_program(settings, trusted_bundle(settings))
    network = settings.build_network or "bridge"
    return package_index(program, settings.cache_dir, run_in_container, network=network, seconds=seconds)


def _dependencies(
    settings: Settings,
    index: PackageIndex,
    *,
    engine: Engine,
    files: Files | None,
    registry: Registry,
    redact: Redactor,
) -> Dependencies:
    bundle = trusted_bundle(settings)
    return Dependencies(
        engine=engine,
        ensure_installer=lambda platform: index.toolbox.uv_image(engine, platform),
        files=files or index.files,
        clock=_now,
        registry=registry,
        inventories=Inventories(engine),
        build_seconds=settings.build_seconds,
        idle_seconds=settings.idle_seconds,
        network=settings.build_network,
        ca_bundle=_read_bundle(bundle) if bundle else None,
        redact=redact,
        pulls_at_once=settings.pulls_at_once,
        history_depth=settings.history_depth,
    )


def _sources(settings: Settings, index: PackageIndex, dependencies: Dependencies, resolver: Resolver | None) -> Sources:
    engine = dependencies.engine
    return Sources(
        engine=engine,
        resolver=resolver or index.resolver,
        bases=Bases(engine),
        numbers=BuildNumbers(),
        recipe=lambda spec: _recipe(spec, index.toolbox, dependencies),
        now=time,
        default_base=default_base(settings),
        registry=dependencies.registry,
        inventories=dependencies.inventories,
        lineage=Lineage(engine),
        default_base_made_here=settings.default_base_made_here,
    )


def default_base(settings: Settings) -> Reference:
    """Return the name of the default base; raise `Misconfigured`."""
    try:
        reference = Reference.parse(settings.default_base)
        refuse_name_of_tools(reference)
    except Malformed as error:
        raise Misconfigured(f"`default_base`: {error.message}.", hint=error.advice) from error
    return reference


def _recipe(spec: ImageSpec, toolbox: Toolbox, dependencies: Dependencies) -> Recipe:
    return write_dockerfile(
        spec,
        uv_image=toolbox.reference(spec.base.platform),
        ca_bundle=dependencies.ca_bundle is not None,
    )


def trusted_bundle(settings: Settings) -> Path | None:
    """Return the path of the certificates that build steps trust: the configured ones, or the host's."""
    return settings.ca_bundle or (_HOST_BUNDLE if _HOST_BUNDLE.exists() else None)


def uv_program(settings: Settings, bundle: Path | None) -> UvProgram:
    """Return the `uv` of this host, which uses the configured index."""
    return UvProgram(
        binary=Path(uv.find_uv_bin()),
        python=Path(sys.executable),
        cache=settings.cache_dir,
        environment=environment(),
        index_url=settings.index_url.get_secret_value() if settings.index_url else None,
        ca_bundle=bundle,
    )


def _runner(settings: Settings, file: Path) -> Callable[[Mapping[str, Task]], Runner]:
    url = _database(settings, file)
    return lambda tasks: Runner(database_url=url, slots=settings.builds_at_once, tasks=tasks, owner=settings.owner)


def _database(settings: Settings, file: Path) -> str:
    if settings.database_url:
        return normal_url(settings.database_url.get_secret_value())
    url = sqlite_url(file)
    refuse_malformed(file)
    return url


def _read_bundle(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Misconfigured(
            f"The CA bundle `{path}` cannot be read: {error.strerror}.", hint="Correct `WARROOM_CA_BUNDLE`."
        ) from error


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> DialogId:
    # Sortable by time: the kept tags of an update contain it, and the newest of them must be found.
    return DialogId(f"{int(time() * 1000):011x}{token_hex(4)}")
