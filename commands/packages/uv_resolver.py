"""Resolves requirements with `uv`: wheels on this host, packages that must be built in a container of the base.

On this host `--no-build` ensures that no code of a package runs: `uv` reads only the metadata of wheels. (Not
`--only-binary :all:`, which a list in a uv.toml can undo. Only packages that the operator lists there under `no-binary`
are exempt.)
If a package has no wheel, the whole set is resolved again in a throw-away container in which only that package may be
built; and again for the next such package, because `uv` stops at the first one. The container reaches the indexes
through the bot (`gateway`), so that package code has no access to logins.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog

from commands.engine.interface import RunOutcome
from commands.model.images import BaseImage
from commands.model.packages import LockedPackage, PythonRequirement
from commands.packages.build_needs import BuildNeeds
from commands.packages.containers import FOLDER, Containers
from commands.packages.lock_file import with_addresses
from commands.packages.platforms import python_platform, wheel_tags
from commands.packages.uv_answer import UvQuestion, doubtful_projects, locked_packages, missing_wheels
from commands.packages.uv_program import UvProgram

log = structlog.get_logger(__name__)

_REQUIREMENTS = "requirements.in"
_OPTIONS = (
    "--format",
    "pylock.toml",
    "--no-header",
    "--no-sources",
    "--no-python-downloads",
    "--quiet",
)
# Each round takes about a second; a request hardly ever has more packages without wheels.
_ROUNDS = 10


class UvResolver:
    """The `Resolver` that uses `uv`. It has no mutable state, so it is thread-safe.

    `seconds` is the timeout of each run of `uv`.
    """

    def __init__(self, program: UvProgram, containers: Containers, needs: BuildNeeds, *, seconds: float = 60.0) -> None:
        self._program = program
        self._containers = containers
        self._needs = needs
        self._seconds = seconds

    def resolve(
        self, requirements: tuple[PythonRequirement, ...], base: BaseImage, *, labels: Mapping[str, str]
    ) -> tuple[LockedPackage, ...]:
        """See `Resolver`."""
        if not requirements:
            return ()
        question = UvQuestion(
            requirements,
            base.python.version,
            self._seconds,
            self._program.secrets(),
            wheel_tags(base.platform, base.python),
        )
        outcome, built = self._on_host(requirements, base), tuple[str, ...]()
        for project in doubtful_projects(outcome):
            self._containers.client.require_genuine(project)
        address: Callable[[str], str] = str
        while (lacking := set(missing_wheels(outcome)) - set(built)) and len(built) < _ROUNDS:
            built += tuple(sorted(lacking))
            log.info("wheels_missing", packages=built, base=str(base.reference))
            outcome, address = self._in_container(requirements, base, labels, built)
        locked = with_addresses(locked_packages(outcome, replace(question, built=built)), address)
        return self._needs.with_build_files(locked, base, labels) if built else locked

    def _on_host(self, requirements: tuple[PythonRequirement, ...], base: BaseImage) -> RunOutcome:
        command = host_command(base, python=str(self._program.python))
        return self._program.run(command, seconds=self._seconds, files={_REQUIREMENTS: _as_file(requirements)})

    def _in_container(
        self,
        requirements: tuple[PythonRequirement, ...],
        base: BaseImage,
        labels: Mapping[str, str],
        built: tuple[str, ...],
    ) -> tuple[RunOutcome, Callable[[str], str]]:
        command = container_command(base, built=built)
        files = {f"{FOLDER}/{_REQUIREMENTS}": _as_file(requirements).encode()}
        outcome, gateway = self._containers.run(base, command, labels=labels, files=files, seconds=self._seconds)
        return outcome, gateway.address


def host_command(base: BaseImage, *, python: str) -> tuple[str, ...]:
    """Return the command that resolves for the base's Python and platform, which this host need not have."""
    target = ("--python-version", base.python.version, "--python-platform", python_platform(base.platform, base.python))
    return ("pip", "compile", _REQUIREMENTS, *_OPTIONS, "--no-build", *target, "--python", python)


def container_command(base: BaseImage, *, built: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command that resolves for the container's Python; only `built` may be built, by `--no-binary`."""
    wheels = ("--only-binary", ":all:", *(word for name in built for word in ("--no-binary", name)))
    uv = (f"{FOLDER}/uv", "pip", "compile", f"{FOLDER}/{_REQUIREMENTS}", *_OPTIONS, *wheels)
    return (*uv, "--python", base.python.executable, "--no-config", "--no-cache", "--color", "never")


def _as_file(requirements: tuple[PythonRequirement, ...]) -> str:
    return "".join(f"{requirement}\n" for requirement in requirements)
