"""A host, registries and an index to ask for updates, and short ways to say what is there and what came of it."""

from dataclasses import dataclass, field, replace

from commands.command import (
    Creation,
    Keep,
    NoSource,
    NothingToDo,
    Plan,
    Rebuild,
    Refusal,
    Update,
)
from commands.docker_image_create import answer as create
from commands.docker_image_create import parse as parse_create
from commands.docker_image_update import answer, parse
from commands.errors import (
    ImageNotFound,
    LoginRefused,
    Misconfigured,
    RegistryLimited,
    RegistryUnreachable,
)
from commands.host.users import Lineage
from commands.inventory.reading import Inventories
from commands.model.images import Digest, LocalImage, Mark
from commands.model.references import Reference
from commands.recipe.dockerfile import write_dockerfile
from commands.recipe.labels import JOB, make_labels
from commands.recipe.tags import BuildNumbers
from commands.sources import Bases, Sources
from tests.fakes.engine import FakeEngine
from tests.fakes.host import DEFAULT_BASE, Host, ImageContent
from tests.fakes.registries import FakeRegistries, digest_of_content
from tests.fakes.resolver import SMALL_INDEX, FakeResolver
from tests.kit.examples import NOW

KEPT = "before-0123456789abcdef012"
LABELS = {JOB: "d-1"}
OLD_INDEX = {**SMALL_INDEX, "mechanize": SMALL_INDEX["mechanize"][:1]}
BASE = "hub.test/base"
MADE = f"name=tool dependencies=mechanize base={BASE}"
PROBLEMS = [
    ImageNotFound("hub.test has no image `hub.test/a:1`.", hint="Check the name."),
    LoginRefused("hub.test wants a login.", hint="Log in.", details=("denied",)),
    RegistryLimited("hub.test has had enough.", hint="Wait a minute.", seconds=60),
    RegistryUnreachable("hub.test does not answer.", hint="Try again."),
    Misconfigured("The credential helper failed.", hint="Mend it."),
]
SAME = Keep("the registry has the same")
NEWEST = Keep("already on the newest allowed base and packages")
NEVER = NoSource("it was built or loaded on this host and never was in a registry")


@dataclass(slots=True)
class UpdateRequests:
    """A host, registries and an index, and what was said while they were asked."""

    host: Host = field(default_factory=Host)
    hub: FakeRegistries = field(default_factory=FakeRegistries)
    resolver: FakeResolver = field(default_factory=lambda: FakeResolver(OLD_INDEX))
    said: list[str] = field(default_factory=list)
    sources: Sources = field(init=False)

    def __post_init__(self) -> None:
        self.sources = Sources(
            engine=self.host.engine,
            resolver=self.resolver,
            bases=Bases(self.host.engine),
            numbers=BuildNumbers(),
            recipe=lambda spec: write_dockerfile(spec, uv_image="warroom-uv:1"),
            now=NOW.timestamp,
            default_base=Reference(DEFAULT_BASE),
            registry=self.hub,
            inventories=Inventories(self.host.engine),
            lineage=Lineage(self.host.engine),
            labels=LABELS,
        )
        # A host of fakes comes with a base; here every image counts.
        self.engine._images.clear()

    @property
    def engine(self) -> FakeEngine:
        """The daemon."""
        return self.host.engine

    def answer(self, line: str) -> Update | NothingToDo | Refusal:
        """Ask."""
        return answer(parse(line), self.sources, self.said.append)

    def update(self, line: str) -> Update:
        """Ask, and expect that something is newer."""
        said = self.answer(line)
        assert isinstance(said, Update), said
        return said

    def nothing(self, line: str) -> NothingToDo:
        """Ask, and expect that nothing is."""
        said = self.answer(line)
        assert isinstance(said, NothingToDo), said
        return said

    def update_or_nothing(self, line: str) -> Update | NothingToDo:
        """Ask, and expect that something can be said of each image."""
        said = self.answer(line)
        assert isinstance(said, Update | NothingToDo), said
        return said

    def refuse(self, line: str) -> Refusal:
        """Ask, and expect a refusal."""
        said = self.answer(line)
        assert isinstance(said, Refusal), said
        return said

    def pulled(self, *names: str, content: str = "old") -> LocalImage:
        """Put an image on the host that came from the registry of its first name."""
        return self.engine.add_image(*names, repo_digests=(known_as(names[0], content),))

    def base(self, name: str = BASE) -> LocalImage:
        """Put a base on the host, with which its registry agrees."""
        image = self.host.add_base(name)
        self.hub.digests[f"{name}:latest"] = Digest(image.repo_digests[0].partition("@")[2])
        return image

    def newer_base(self, name: str = BASE, inside: ImageContent | None = None) -> LocalImage:
        """Put a newer image into the registry under the base's name."""
        image = self.host.offer(f"{name}:latest", inside)
        self.hub.digests[f"{name}:latest"] = Digest(image.repo_digests[0].partition("@")[2])
        return image

    def made(self, line: str = MADE, *, tag: str = "1.0.0.5", latest: bool = True) -> LocalImage:
        """Put an image on the host as the bot makes it, from what the index has now."""
        creation = create(parse_create(line), self.sources, self.said.append)
        assert isinstance(creation, Creation), creation
        spec = replace(creation.spec, tag=tag)
        labels = make_labels(spec, job="d-0", requester="U0ALICE", channel="C0", created=NOW)
        names = [spec.reference, *([f"{spec.name}:latest"] if latest else [])]
        image = self.engine.add_image(*names, labels=labels, below=spec.base.layers)
        self.engine.files[image.id] = {
            f"usr/lib/python3/dist-packages/{package.name}-{package.version}.dist-info/METADATA": (
                f"Metadata-Version: 2.1\nName: {package.name}\nVersion: {package.version}\n"
            ).encode()
            for package in spec.locked
        }
        self.said.clear()
        return image


def known_as(name: str, content: str) -> str:
    """Write what a registry knows the content of a name by."""
    repository = name.rpartition(":")[0]
    return f"{repository}@{digest_of_content(repository, content)}"


def mark(image: LocalImage) -> Mark:
    """Show an image with its registry's digest."""
    digest = Digest(image.repo_digests[0].partition("@")[2]) if image.repo_digests else None
    return Mark(image.id, digest, image.created, image.size)


def plans(said: Update | NothingToDo) -> dict[str, Plan]:
    """What is to be done with each image, in the order of the rows."""
    return {candidate.name: candidate.plan for candidate in said.images}


def the_rebuild(said: Update) -> Rebuild:
    """The one thing that is to be done."""
    (changing,) = said.changing
    assert isinstance(changing.plan, Rebuild), changing
    return changing.plan
