"""The base image that new images start from: the configured one, or one of Debian made on this machine."""

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import apt
import click
import daemon
import docker
import programs
import settings_file
from docker.errors import ImageNotFound
from docker.utils import parse_repository_tag
from engine import Engine
from settings_file import Choice, Choices
from steps import SetupError, step

CONFIGURED = "demisto/python3-deb"
# No registry is asked for a name on `localhost`, and nobody else can have one there.
_LOCAL_REPOSITORY = "localhost/python3-deb"
# What it was called before: the bot keeps names in `warroom/` for its own tools.
_FORMER_REPOSITORY = "warroom/python3-deb"
# The longest silence of a hub that is taken for one that cannot be reached.
_HUB_IDLE_SECONDS = 20
_PACKAGES = "python3-minimal,python3-pip,ca-certificates"
# As in Debian's official images: no manuals and translations, yet every copyright.
_LEFT_OUT = (
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*/LC_MESSAGES/*",
)
_CONFIGURATION = (
    "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "ENV LANG=C.UTF-8",
    'CMD ["python3"]',
    "LABEL org.opencontainers.image.title=python3-deb",
    'LABEL org.opencontainers.image.description="Debian with Python 3 and pip, made by make setup"',
)


def have(choices: Choices, engine: Engine) -> str:
    """Return the base to use, which the engine then has.

    Raises:
        SetupError: it cannot be had; with what to do.
    """
    if choices.default_base:
        return _chosen(choices.default_base, engine)
    before = _renamed(settings_file.found_before("default_base"), engine)
    for reference in (before, CONFIGURED):
        if reference and has(engine, reference):
            tell_ready(reference)
            return reference
    return CONFIGURED if _pull_configured(engine) else _local(engine)


def _renamed(reference: str | None, engine: Engine) -> str | None:
    """Return the present name of a base that an earlier set-up made; the image gets it too."""
    former, colon, codename = (reference or "").rpartition(":")
    if former != _FORMER_REPOSITORY:
        return reference
    renamed = f"{_LOCAL_REPOSITORY}{colon}{codename}"
    if has(engine, str(reference)) and not has(engine, renamed):
        with (
            step(f"naming the base image {renamed}"),
            daemon.connect(engine.address, idle_seconds=daemon.LOOK_SECONDS) as client,
        ):
            client.tag(str(reference), _LOCAL_REPOSITORY, codename)
    return renamed


def _chosen(choice: Choice, engine: Engine) -> str:
    reference, origin = choice.value, choice.origin
    if has(engine, reference):
        tell_ready(reference)
        return reference
    with step(f"pulling the base image {reference}"):
        if fault := _pull(engine, reference):
            raise SetupError(
                f"The engine cannot pull the base image {reference} from {origin}:\n    {fault}\n"
                f"Correct {origin}, or remove it to let set-up choose, and run this again."
            )
    return reference


def _pull_configured(engine: Engine) -> bool:
    with step(f"pulling the base image {CONFIGURED}") as current:
        fault = _pull(engine, CONFIGURED)
        if fault:
            current.outcome = "not available (no network?), using a local base instead"
    if fault:
        click.echo(f"    {fault}")
    return not fault


def _local(engine: Engine) -> str:
    codename = apt.codename() if apt.is_there() else ""
    reference = f"{_LOCAL_REPOSITORY}:{codename}"
    _renamed(f"{_FORMER_REPOSITORY}:{codename}", engine)
    if codename and has(engine, reference):
        tell_ready(reference)
        return reference
    _have_mmdebstrap()
    with tempfile.TemporaryDirectory(prefix="warroom-base-") as folder:
        archive = Path(folder) / "base.tar"
        with step(f"making the base image {reference} from Debian's packages"):
            _make(archive, codename)
        with step(f"importing {reference}"):
            import_archive(engine, archive, reference, _CONFIGURATION)
    return reference


def _have_mmdebstrap() -> None:
    # Without root it needs the programs of `uidmap` as well.
    needed = ["mmdebstrap"] if os.geteuid() == 0 else ["mmdebstrap", "newuidmap"]
    if all(programs.find(program) for program in needed):
        return
    if apt.may_install():
        apt.install(["mmdebstrap"])
        return
    lead = f"The base image {CONFIGURED} cannot be pulled, and set-up may not make another: "
    if apt.is_there():
        raise SetupError(
            f"{lead}that takes mmdebstrap.\n"
            "Run `sudo apt-get update && sudo apt-get install mmdebstrap uidmap`, then run this again."
        )
    raise SetupError(
        f"{lead}this is not Debian or Ubuntu.\nLoad any Debian image with Python and pip into the engine "
        "(`docker load`), name it by `export WARROOM_DEFAULT_BASE=…`, and run this again."
    )


def _make(archive: Path, codename: str) -> None:
    sources = [source for source in apt.sources() if source.mirror.startswith(("http:", "https:"))]
    if not sources:
        raise SetupError(
            "This machine's apt knows no mirror of Debian or Ubuntu. Add one to /etc/apt/sources.list.d, run\n"
            "`sudo apt-get update`, and run this again."
        )
    # The machine's name and name servers are no business of an image.
    forget = 'rm -f "$1/etc/hostname" "$1/etc/resolv.conf"'
    options = [f"--dpkgopt={option}" for option in _LEFT_OUT] + [f"--customize-hook={forget}"]
    lines = [source.line for source in sources]
    target = ["--variant=minbase", f"--include={_PACKAGES}", codename, str(archive)]
    programs.run(["mmdebstrap", "--quiet", *options, *target, *lines])


def import_archive(engine: Engine, archive: Path, reference: str, configuration: Sequence[str]) -> None:
    """Make an image of a root file system in a tar; `configuration` is instructions of a Dockerfile.

    Raises:
        SetupError: the engine did not take it.
    """
    repository, tag = parse_repository_tag(reference)
    try:
        with daemon.connect(engine.address, idle_seconds=_HUB_IDLE_SECONDS) as client:
            said = client.import_image_from_file(
                str(archive), repository=repository, tag=tag, changes=list(configuration)
            )
            fault = _fault(json.loads(line) for line in said.splitlines())
    except daemon.DAEMON_ERRORS as error:
        fault = daemon.reason(error)
    if fault or not has(engine, reference):
        raise SetupError(f"The engine did not take the base image {reference}: {fault or 'it gives no reason'}.")


def _pull(engine: Engine, reference: str) -> str | None:
    """Pull an image; return why that failed, or None."""
    repository, tag = parse_repository_tag(reference)
    try:
        with daemon.connect(engine.address, idle_seconds=_HUB_IDLE_SECONDS) as client:
            fault = _fault(client.pull(repository, tag=tag or "latest", stream=True, decode=True))
    except daemon.DAEMON_ERRORS as error:
        return daemon.reason(error)
    return fault or (None if has(engine, reference) else "the hub gave no image and no reason")


def _fault(records: Iterator[dict[str, object]]) -> str | None:
    """Return the last error among a stream's records; all are read, for the stream's end is the work's end."""
    faults = [str(record["error"]) for record in records if "error" in record]
    return faults[-1] if faults else None


def has(engine: Engine, reference: str) -> bool:
    """Tell whether the engine has an image of this name."""
    with daemon.connect(engine.address, idle_seconds=daemon.LOOK_SECONDS) as client:
        return _can_inspect(client, reference)


def _can_inspect(client: docker.APIClient, reference: str) -> bool:
    try:
        client.inspect_image(reference)
    except ImageNotFound:
        return False
    return True


def tell_ready(reference: str) -> None:
    """Print that a base image is there."""
    with step(f"base image {reference}") as current:
        current.outcome = "ready"
