"""Runs programs of ours in throw-away containers of a base, where they ask the package indexes through the bot."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from secrets import token_hex

from commands.engine.interface import RunOrder, RunOutcome
from commands.inside import source
from commands.model.images import BaseImage
from commands.packages.gateway import FOLDER as ANSWERS
from commands.packages.gateway import Gateway
from commands.packages.index_client import IndexClient
from commands.packages.platforms import Fitting, wheel_tags
from commands.packages.toolbox import Toolbox
from commands.packages.uv_program import UvProgram

FOLDER = "/warroom"
"""Where `uv` and the other files lie in the container."""

_MEMORY = 2 << 30


@dataclass(frozen=True, slots=True)
class Containers:
    """What such a container takes: `run_in_container` is `Engine.run`, `network` Docker's network mode for it."""

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
        """Run a command, in whose folder are `uv`, the CA bundle and `files`; give what the gateway saw as well.

        Raises what `Engine.run` raises, and `IndexUnreachable` where an index fails meanwhile.
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
            # The image's user may have no home of its own to write to.
            environment={"HOME": "/tmp"},  # noqa: S108 - in a container of our own
            network=self.network,
            memory=_MEMORY,
            reply=gateway.reply,
        )
        outcome = self.run_in_container(order)
        return replace(outcome, output=_without_questions(outcome.output, gateway.word)), gateway

    def _question(self) -> str:
        # For what a build fetches by itself.
        trust = {"SSL_CERT_FILE": f"{FOLDER}/ca.pem"} if self.program.ca_bundle else {}
        environment = {**self.program.choices(), **trust}
        return json.dumps({"indexes": len(self.client.indexes.ordered), "environment": environment, "folder": ANSWERS})


def _without_questions(output: str, word: str) -> str:
    return "".join(line for line in output.splitlines(keepends=True) if not line.startswith(f"{word} "))
