"""Resolves requirements with `uv`: from wheels on this host; inside a container of the base what has to be built.

On this host `--no-build` stands, so that no code of a package runs: `uv` reads the metadata of wheels only. (Not
`--only-binary :all:`, which a list in somebody's uv.toml can undo. Only a package that the operator names under
`no-binary` there is exempt.)
Where it says that a package has no wheel, the whole set is resolved again in a throw-away container in which that
package, and no other, may be built; once more with the next such package, as `uv` stops at the first.
"""

from collections.abc import Callable, Mapping

import structlog

from commands.engine.interface import RunOrder, RunOutcome
from commands.model.images import BaseImage
from commands.model.packages import LockedPackage, PythonRequirement
from commands.packages.platforms import python_platform
from commands.packages.toolbox import Toolbox
from commands.packages.uv_answer import Question, locked_packages, missing_wheels
from commands.packages.uv_program import UvProgram

log = structlog.get_logger(__name__)

_REQUIREMENTS = "requirements.in"
_OPTIONS = (
    "--generate-hashes",
    "--no-header",
    "--no-annotate",
    "--no-sources",
    "--no-python-downloads",
    "--quiet",
)
_FOLDER = "/warroom"
_MEMORY = 2 << 30
# Each round costs about a second; more packages without wheels than this are hardly ever asked for together.
_ROUNDS = 10


class UvResolver:
    """The `Resolver` that asks `uv`. Holds settings only, so threads may share it.

    `run_in_container` is `Engine.run`; `network` is Docker's network mode for containers in which packages are built.
    `seconds` bounds each start of `uv`.
    """

    def __init__(
        self,
        program: UvProgram,
        toolbox: Toolbox,
        run_in_container: Callable[[RunOrder], RunOutcome],
        *,
        network: str = "bridge",
        seconds: float = 60.0,
    ) -> None:
        self._program = program
        self._toolbox = toolbox
        self._run_in_container = run_in_container
        self._network = network
        self._seconds = seconds

    def resolve(
        self, requirements: tuple[PythonRequirement, ...], base: BaseImage, *, labels: Mapping[str, str]
    ) -> tuple[LockedPackage, ...]:
        """See `Resolver`."""
        if not requirements:
            return ()
        outcome, built = self._on_host(requirements, base), tuple[str, ...]()
        while (lacking := set(missing_wheels(outcome)) - set(built)) and len(built) < _ROUNDS:
            built += tuple(sorted(lacking))
            log.info("wheels_missing", packages=built, base=str(base.reference))
            outcome = self._in_container(requirements, base, labels, built)
        question = Question(requirements, base.python.version, self._seconds, self._program.secrets())
        return locked_packages(outcome, question)

    def _on_host(self, requirements: tuple[PythonRequirement, ...], base: BaseImage) -> RunOutcome:
        command = host_command(base, python=str(self._program.python))
        return self._program.run(command, seconds=self._seconds, files={_REQUIREMENTS: _as_file(requirements)})

    def _in_container(
        self,
        requirements: tuple[PythonRequirement, ...],
        base: BaseImage,
        labels: Mapping[str, str],
        built: tuple[str, ...],
    ) -> RunOutcome:
        bundle = self._program.ca_bundle
        trust = {f"{_FOLDER}/ca.pem": bundle.read_bytes()} if bundle else {}
        uv = self._toolbox.static_uv(base.platform).read_bytes()
        order = RunOrder(
            image=base.image_id,
            command=container_command(base, built=built),
            labels=labels,
            seconds=self._seconds,
            files={f"{_FOLDER}/uv": uv, f"{_FOLDER}/{_REQUIREMENTS}": _as_file(requirements).encode(), **trust},
            environment=self._container_environment(),
            network=self._network,
            memory=_MEMORY,
        )
        return self._run_in_container(order)

    def _container_environment(self) -> dict[str, str]:
        trust = {"SSL_CERT_FILE": f"{_FOLDER}/ca.pem"} if self._program.ca_bundle else {}
        # The image's user may have no home of its own to write to.
        return {"HOME": "/tmp", **trust, **self._program.index_environment()}  # noqa: S108 - in a container of our own


def host_command(base: BaseImage, *, python: str) -> tuple[str, ...]:
    """Ask for the base's Python and platform, which this host need not have."""
    target = ("--python-version", base.python.version, "--python-platform", python_platform(base.platform, base.python))
    return ("pip", "compile", _REQUIREMENTS, *_OPTIONS, "--no-build", *target, "--python", python)


def container_command(base: BaseImage, *, built: tuple[str, ...]) -> tuple[str, ...]:
    """Ask for the Python that is there, and let only `built` be built: `--no-binary` makes an exception for each."""
    wheels = ("--only-binary", ":all:", *(word for name in built for word in ("--no-binary", name)))
    uv = (f"{_FOLDER}/uv", "pip", "compile", f"{_FOLDER}/{_REQUIREMENTS}", *_OPTIONS, *wheels)
    return (*uv, "--python", base.python.executable, "--no-config", "--no-cache", "--color", "never")


def _as_file(requirements: tuple[PythonRequirement, ...]) -> str:
    return "".join(f"{requirement}\n" for requirement in requirements)
