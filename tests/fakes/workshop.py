"""The only place where tests put a workshop together, and the sources that commands learn their facts from."""

from commands.build.dockerfile import write_dockerfile
from commands.build.tags import BuildNumbers
from commands.carry_out import Workshop
from commands.engine.interface import Engine
from commands.host.users import Lineage
from commands.inventory.reading import Inventories
from commands.model.references import Reference
from commands.packages.interface import Files
from commands.registry.interface import Registry
from commands.sources import Bases, Sources
from tests.examples import NOW
from tests.fakes.files import FakeFiles
from tests.fakes.host import DEFAULT_BASE, PATIENCE_SECONDS
from tests.fakes.registries import FakeRegistries
from tests.fakes.resolver import FakeResolver


def workshop_on(engine: Engine, registry: Registry | None = None, files: Files | None = None) -> Workshop:
    """Make a workshop on a daemon, beside a registry that has nothing unless one is given, and an index in memory."""
    return Workshop(
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
