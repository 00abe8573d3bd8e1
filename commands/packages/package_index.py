"""Assembles the parts for access to package indexes."""

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
    """The parts, which share connections and caches; `close` closes the connections."""

    toolbox: Toolbox
    client: IndexClient
    files: FileStore
    resolver: UvResolver

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


def package_index(
    program: UvProgram,
    folder: Path,
    run_in_container: Callable[[RunOrder], RunOutcome],
    *,
    network: str = "bridge",
    seconds: float = 60.0,
) -> PackageIndex:
    """Assemble the parts; raises `Misconfigured`.

    `folder` is the cache, `run_in_container` is `Engine.run`, `network` is Docker's network mode for containers that
    build packages, `seconds` is the timeout of each run of `uv`.
    """
    client = IndexClient(program.indexes(), ca_bundle=program.ca_bundle)
    toolbox = Toolbox(program, folder / "tools", require_genuine=client.require_genuine)
    files = FileStore(folder / "files", client.download)
    containers = Containers(program, toolbox, client, run_in_container, network)
    return PackageIndex(
        toolbox, client, files, UvResolver(program, containers, BuildNeeds(containers, files), seconds=seconds)
    )
