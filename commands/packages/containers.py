"""Runs the bot's programs in throw-away containers of a base, with access to the package indexes through the bot."""

import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from secrets import token_hex

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from commands.engine.interface import RunOrder, RunOutcome
from commands.inside import answers, source
from commands.model.images import BaseImage
from commands.packages.gateway import FOLDER as ANSWERS
from commands.packages.gateway import Gateway
from commands.packages.index_client import IndexClient
from commands.packages.platforms import Fitting, wheel_tags
from commands.packages.toolbox import Toolbox
from commands.packages.uv_program import UvProgram

log = structlog.get_logger(__name__)

FOLDER = "/warroom"
"""The folder of `uv` and the other files in the container."""

_MEMORY = 2 << 30


@dataclass(frozen=True, slots=True)
class Containers:
    """Runs such containers: `run_in_container` is `Engine.run`, `network` is Docker's network mode."""

    program: UvProgram
    toolbox: Toolbox
    client: IndexClient
    run_in_container: Callable[[RunOrder], RunOutcome]
    network: str = "bridge"
    word: Callable[[], str] = token_hex

    def run(
        self,
        base: BaseImage,
        command: tuple[str, ...],
        *,
        labels: Mapping[str, str],
        files: Mapping[str, bytes],
        seconds: float,
    ) -> tuple[RunOutcome, Gateway]:
        """Run a command with `uv`, the CA bundle and `files`; return the outcome and the gateway that it used.

        Raises what `Engine.run` raises, and `IndexUnreachable` if an index fails.
        """
        gateway = Gateway(self.client, self.word(), Fitting(wheel_tags(base.platform, base.python)))
        bundle = self.program.ca_bundle
        trust = {f"{FOLDER}/ca.pem": bundle.read_bytes()} if bundle else {}
        uv = self.toolbox.static_uv(base.platform).read_bytes()
        order = RunOrder(
            image=base.image_id,
            command=(base.python.executable, "-I", f"{FOLDER}/relay.py", gateway.word, self._question(), *command),
            labels=labels,
            seconds=seconds,
            files={f"{FOLDER}/uv": uv, f"{FOLDER}/relay.py": source("relay"), **trust, **files},
            # The image's user may have no writable home.
            environment={"HOME": "/tmp"},  # noqa: S108 - in a throw-away container
            network=self.network,
            memory=_MEMORY,
            reply=gateway.reply,
        )
        outcome = self.run_in_container(order)
        return _outcome_of_command(outcome, gateway.word), gateway

    def _question(self) -> str:
        # For downloads by the build itself.
        trust = {"SSL_CERT_FILE": f"{FOLDER}/ca.pem"} if self.program.ca_bundle else {}
        environment = {**self.program.choices(), **trust}
        return json.dumps({"indexes": len(self.client.indexes.ordered), "environment": environment, "folder": ANSWERS})


class _Printed(BaseModel):
    """What the command printed, as the relay tells it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    output: str
    errors: str


def _outcome_of_command(outcome: RunOutcome, word: str) -> RunOutcome:
    """Return the outcome with the command's own output, without that of the relay and of its Python.

    A command that was ended with its container has no output.
    """
    told = deque(answers(outcome.output, f"{word}-ended"), maxlen=1)
    try:
        printed = _Printed.model_validate_json(told[0]) if told else _Printed(output="", errors=outcome.errors)
    except ValidationError as fault:
        log.warning("command_output_refused", reason=str(fault)[:300])
        printed = _Printed(output="", errors=outcome.errors)
    return replace(outcome, output=printed.output, errors=printed.errors)
