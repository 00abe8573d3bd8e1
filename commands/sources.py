"""The sources of facts for a command's answer. They only read, except that a missing base is pulled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from commands.engine.interface import Engine
from commands.host.history import is_kept, tag_of
from commands.host.selection import is_askable, is_name_of_tool
from commands.host.users import Lineage
from commands.inventory.reading import Inventories
from commands.memory import Memory
from commands.model.images import BaseImage, ImageId, ImageSpec, LocalImage
from commands.model.references import Reference
from commands.packages.interface import Resolver
from commands.recipe.base import digest_of, look_at
from commands.recipe.dockerfile import Recipe
from commands.recipe.tags import BuildNumbers
from commands.registry.interface import Registry

_REMEMBERED = 256
"""Of how many bases it is remembered what is in them."""


class Bases:
    """Inspects bases and caches the results by image ID, since an image never changes under its ID."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known = Memory[tuple[ImageId, Reference], BaseImage](_REMEMBERED)

    def look_at(self, image: LocalImage, reference: Reference, labels: Mapping[str, str]) -> BaseImage:
        """Return an image as a base; the inspecting container gets `labels`. Raises `UnusableBase`."""
        known = self._known.get_or_make(
            (image.id, reference), lambda: look_at(self._engine, image, reference, labels=labels)
        )
        # The registry's digest is not in the image: it comes with a pull and goes with the name.
        return replace(known, digest=digest_of(image, reference))


@dataclass(frozen=True, slots=True)
class Sources:
    """The daemon, the index, the registries, and the relevant settings.

    `recipe` renders the Dockerfile of a specification; `now` is epoch seconds; throw-away containers get `labels`.
    """

    engine: Engine
    resolver: Resolver
    bases: Bases
    numbers: BuildNumbers
    recipe: Callable[[ImageSpec], Recipe]
    now: Callable[[], float]
    default_base: Reference
    registry: Registry
    inventories: Inventories
    lineage: Lineage
    labels: Mapping[str, str] = field(default_factory=dict)
    default_base_made_here: bool = False
    """Whether the default base may be an image that the bot made."""

    def base_candidates(self) -> tuple[str, ...]:
        """List the images that a new one can be built on: the default first, then those on the host."""
        default = self.default_base
        same = {str(default), str(default) if default.tag or default.digest else f"{default}:latest"}
        return (str(default), *(name for name in self.engine.names() if name not in same and _can_be_asked_for(name)))

    def update_candidates(self) -> tuple[str, ...]:
        """List the images that can be updated, newest first."""
        names = (name for name in self.engine.names() if _can_be_asked_for(name))
        return tuple(name for name in names if not is_kept(tag_of(name)))


def _can_be_asked_for(name: str) -> bool:
    # A host may have names that cannot be typed, and the bot's own tools are not bases.
    return is_askable(name) and not is_name_of_tool(name)
