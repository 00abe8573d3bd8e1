"""The only place where tests put together what carrying out depends on, and the sources of facts."""

from commands.carry_out import Dependencies
from commands.engine.interface import Engine
from commands.host.users import Lineage
from commands.inventory.reading import Inventories
from commands.model.references import Reference
from commands.packages.interface import Files
from commands.recipe.dockerfile import write_dockerfile
from commands.recipe.tags import BuildNumbers
from commands.registry.interface import Registry
from commands.sources import Bases, Sources
from tests.fakes.files import FakeFiles
from tests.fakes.host import DEFAULT_BASE, PATIENCE_SECONDS
from tests.fakes.registries import FakeRegistries
from tests.fakes.resolver import FakeResolver
from tests.kit.examples import NOW


def dependencies_on(engine: Engine, registry: Registry | None = None, files: Files | None = None) -> Dependencies:
    """Make the dependencies on a daemon; without a `registry` one that has nothing, with an index in memory."""
    return Dependencies(
        engine=engine,
        ensure_installer=lambda _: None,
        files=files or FakeFiles(),
        clock=lambda: NOW,
        registry=registry or FakeRegistries(),
        inventories=Inventories(engine),
        idle_seconds=PATIENCE_SECONDS,
    )


def sources_on(engine: Engine, registry: Registry | None = None) -> Sources:
    """Let commands look at a daemon, beside a registry that has nothing unless one is given."""
    return Sources(
        engine=engine,
        resolver=FakeResolver(),
        bases=Bases(engine),
        numbers=BuildNumbers(),
        recipe=lambda spec: write_dockerfile(spec, uv_image="warroom-uv:1"),
        now=NOW.timestamp,
        default_base=Reference(DEFAULT_BASE),
        registry=registry or FakeRegistries(),
        inventories=Inventories(engine),
        lineage=Lineage(engine),
    )
