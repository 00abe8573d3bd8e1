"""Puts together what asking a package index takes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from commands.engine.interface import RunOrder, RunOutcome
from commands.packages.build_needs import BuildNeeds
from commands.packages.containers import Containers
from commands.packages.file_store import FileStore
from commands.packages.index_client import IndexClient
from commands.packages.toolbox import Toolbox
from commands.packages.uv_program import UvProgram
from commands.packages.uv_resolver import UvResolver


@dataclass(frozen=True, slots=True)
class PackageIndex:
    """The parts, which share connections and what they keep. `close` closes the connections."""

    toolbox: Toolbox
    client: IndexClient
    files: FileStore
    resolver: UvResolver

    def close(self) -> None:
        """Close what is open."""
        self.client.close()


def package_index(
    program: UvProgram,
    folder: Path,
    run_in_container: Callable[[RunOrder], RunOutcome],
    *,
    network: str = "bridge",
    seconds: float = 60.0,
) -> PackageIndex:
    """Put the parts together; raises `Misconfigured`.

    `folder` is where they keep what can be fetched again, `run_in_container` is `Engine.run`, `network` Docker's
    network mode for containers in which packages are built, `seconds` bounds each start of `uv`.
    """
    client = IndexClient(program.indexes(), ca_bundle=program.ca_bundle)
    toolbox = Toolbox(program, folder / "tools")
    files = FileStore(folder / "files", client.download)
    containers = Containers(program, toolbox, client, run_in_container, network)
    return PackageIndex(
        toolbox, client, files, UvResolver(program, containers, BuildNeeds(containers, files), seconds=seconds)
    )
