from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from commands.command import Creation, ExistingImage, Finding, Refusal, Severity
from commands.docker_image_create import answer, parse
from commands.errors import EngineUnavailable, IndexUnreachable, Problem, PullFailed, ResolutionFailed
from commands.model.images import BaseImage, LocalImage, PackageManager, PythonRuntime
from commands.model.packages import LockedPackage, OsPackage, PythonRequirement
from commands.model.references import Reference
from commands.packages.interface import Resolver
from commands.recipe.dockerfile import write_dockerfile
from commands.recipe.labels import JOB, REF_NAME, SPEC, TITLE, spec_hash
from commands.recipe.tags import BuildNumbers, build_number
from commands.sources import Bases, Sources
from tests.fakes.engine import PLATFORM
from tests.fakes.host import DEFAULT_BASE, Host, ImageContent
from tests.fakes.resolver import FakeResolver
from tests.kit.dependencies import sources_on
from tests.kit.examples import NOW

LINE = "name=example_name dependencies=mechanize packages=wget"
LABELS = {JOB: "d-1"}


@dataclass(slots=True)
class CreateRequests:
    """A host and an index, and what was said while the facts were looked up."""

    host: Host = field(default_factory=Host)
    resolver: Resolver = field(default_factory=FakeResolver)
    said: list[str] = field(default_factory=list)
    numbers: BuildNumbers = field(default_factory=BuildNumbers)
    sources: Sources = field(init=False)

    def __post_init__(self) -> None:
        self.sources = replace(
            sources_on(self.host.engine), resolver=self.resolver, numbers=self.numbers, labels=LABELS
        )

    def propose(self, line: str = LINE) -> Creation:
        """Ask, and expect a proposal."""
        said = answer(parse(line), self.sources, self.said.append)
        assert isinstance(said, Creation), said
        return said

    def refuse(self, line: str = LINE) -> Refusal:
        """Ask, and expect a refusal."""
        said = answer(parse(line), self.sources, self.said.append)
        assert isinstance(said, Refusal), said
        return said

    def made(self, spec: Creation, *names: str) -> LocalImage:
        """Put an image on the daemon that was made to a specification."""
        own = next((name for name in names if not name.endswith(":latest")), "example_name:1.0.0.1")
        labels = {JOB: "d-0", SPEC: spec_hash(spec.spec), REF_NAME: own}
        return self.host.engine.add_image(*names, labels=labels)


@pytest.fixture
def requests() -> CreateRequests:
    return CreateRequests()


# ── The proposal ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_proposed_is_exact(requests: CreateRequests) -> None:
    proposal = requests.propose()

    base = requests.host.engine.find_image(DEFAULT_BASE)
    assert base is not None
    spec = proposal.spec
    assert spec.base == BaseImage(
        reference=Reference(DEFAULT_BASE),
        image_id=base.id,
        digest=spec.base.digest,
        python=PythonRuntime("3.11.2", "/usr/bin/python3", "glibc", "2.36"),
        package_manager=PackageManager.APT,
        user="",
        platform=PLATFORM,
        layers=base.layers,
    )
    assert spec.base.pinned == base.repo_digests[0]
    assert (spec.name, spec.requirements, spec.os_packages) == (
        "example_name",
        (PythonRequirement("mechanize"),),
        (OsPackage("wget"),),
    )
    assert [str(package) for package in spec.requested] == ["mechanize==0.4.10"]
    assert [str(package) for package in spec.transitive] == ["html5lib==1.1", "six==1.17.0", "webencodings==0.5.1"]
    assert (proposal.title, proposal.findings, proposal.existing) == ("Create `example_name`?", (), None)


def test_the_dockerfile_is_the_one_that_will_be_built(requests: CreateRequests) -> None:
    proposal = requests.propose()

    recipe = write_dockerfile(proposal.spec, uv_image="warroom-uv:1")
    assert (proposal.dockerfile, proposal.steps) == (recipe.text, recipe.steps)


def test_nothing_is_changed_on_the_host(requests: CreateRequests) -> None:
    before = requests.host.engine.images({})

    requests.propose()

    assert requests.host.engine.images({}) == before
    assert requests.host.engine.builds == []
    assert requests.host.engine.throwaways == 0


def test_every_container_carries_the_labels_of_the_job(requests: CreateRequests) -> None:
    requests.propose()

    assert [order.labels for order in requests.host.engine.runs] == [LABELS]


def test_the_resolver_is_asked_for_this_base_with_the_labels_of_the_job(requests: CreateRequests) -> None:
    asked: list[tuple[object, ...]] = []

    class RecordingResolver:
        def resolve(
            self, requirements: tuple[PythonRequirement, ...], base: BaseImage, *, labels: Mapping[str, str]
        ) -> tuple[LockedPackage, ...]:
            asked.append((requirements, base, labels))
            return ()

    requests.sources = replace(requests.sources, resolver=RecordingResolver())
    proposal = requests.propose()

    assert asked == [((PythonRequirement("mechanize"),), proposal.spec.base, LABELS)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (LINE, "Resolving 1 Python package"),
        ("name=a dependencies=mechanize,requests", "Resolving 2 Python packages"),
    ],
)
def test_what_is_being_done_is_said(requests: CreateRequests, line: str, said: str) -> None:
    requests.propose(line)

    assert requests.said == [f"Looking at the base {DEFAULT_BASE}", said]


def test_asking_for_nothing_is_possible_but_noted(requests: CreateRequests) -> None:
    proposal = requests.propose("name=a")

    message = "Neither `dependencies` nor `packages` are given: the image will equal its base, under a name of its own."
    assert proposal.findings == (Finding("nothing-added", Severity.NOTE, message),)
    assert proposal.spec.locked == ()
    assert requests.said == [f"Looking at the base {DEFAULT_BASE}"]


@pytest.mark.parametrize("line", ["name=a dependencies=mechanize", "name=a packages=wget"])
def test_one_kind_of_package_alone_is_nothing_to_note(requests: CreateRequests, line: str) -> None:
    assert requests.propose(line).findings == ()


# ── The base ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_base_that_is_given_is_taken(requests: CreateRequests) -> None:
    image = requests.host.add_base("mine/python", ImageContent(python="3.12.1", installers=("apk",)))

    spec = requests.propose(f"{LINE} base=mine/python").spec

    assert (spec.base.image_id, spec.base.python.version) == (image.id, "3.12.1")
    assert spec.base.package_manager is PackageManager.APK


def test_a_base_that_is_not_there_is_pulled_and_how_far_it_is_is_said(requests: CreateRequests) -> None:
    image = requests.host.offer("hub.test/python:3")

    spec = requests.propose(f"{LINE} base=hub.test/python:3").spec

    assert spec.base.image_id == image.id
    assert requests.said[:4] == [
        "Looking at the base hub.test/python:3",
        "Pulling the base hub.test/python:3",
        "Pulling the base hub.test/python:3: 0 of 1 layers, 0 of 120 MB",
        "Pulling the base hub.test/python:3: 1 of 1 layers, 120 of 120 MB",
    ]


def test_a_base_that_is_nowhere_is_refused(requests: CreateRequests) -> None:
    refusal = requests.refuse(f"{LINE} base=hub.test/nothing:1")

    assert refusal.title == "`example_name` cannot be created"
    assert "hub.test/nothing:1" in refusal.message
    assert refusal.hint


def test_a_base_that_could_not_be_pulled_is_a_problem_of_the_surroundings(requests: CreateRequests) -> None:
    requests.host.engine.hub["hub.test/python:3"] = PullFailed("toomanyrequests", hint="Wait.")

    with pytest.raises(PullFailed):
        requests.refuse(f"{LINE} base=hub.test/python:3")


@pytest.mark.parametrize("python", [None, "2.7"])
def test_a_base_without_a_python_that_can_be_used_is_refused(requests: CreateRequests, python: str | None) -> None:
    requests.host.add_base("bare", ImageContent(python=python))

    refusal = requests.refuse(f"{LINE} base=bare")

    assert "`bare` has" in refusal.message
    assert "base" in refusal.hint


def test_os_packages_need_an_installer_in_the_base(requests: CreateRequests) -> None:
    requests.host.add_base("slim", ImageContent(installers=()))

    refusal = requests.refuse(f"{LINE} base=slim")

    assert refusal.message == "The base `slim` has neither apt-get nor apk, so no OS packages can be added."
    assert refusal.hint == "Leave `packages` out, or take a base made from Debian, Ubuntu or Alpine."
    assert requests.propose("name=a dependencies=mechanize base=slim").spec.base.package_manager is None


def test_a_base_is_looked_into_once(requests: CreateRequests) -> None:
    first, second = requests.propose(), requests.propose()

    assert first.spec.base == second.spec.base
    assert len(requests.host.engine.runs) == 1


def test_another_image_under_the_same_name_is_looked_into(requests: CreateRequests) -> None:
    first = requests.propose()
    requests.host.engine.remove_image(f"{DEFAULT_BASE}:latest")
    requests.host.add_base(DEFAULT_BASE, ImageContent(python="3.13.0"))

    second = requests.propose()

    assert (first.spec.base.python.version, second.spec.base.python.version) == ("3.11.2", "3.13.0")


def test_a_base_that_its_registry_no_longer_stands_behind_is_pinned_by_its_name() -> None:
    # The same image, now loaded from a file: it cannot be found by its digest any more.
    requests = CreateRequests()
    image = requests.host.engine.find_image(DEFAULT_BASE)
    assert image is not None
    reference = Reference(DEFAULT_BASE)
    bases = Bases(requests.host.engine)

    pulled = bases.look_at(image, reference, LABELS)
    loaded = bases.look_at(replace(image, repo_digests=()), reference, LABELS)
    again = bases.look_at(image, reference, LABELS)

    assert (pulled.digest, loaded.digest, again.digest) == (pulled.digest, None, pulled.digest)
    assert loaded.pinned == DEFAULT_BASE
    assert len(requests.host.engine.runs) == 1


# ── What cannot be made, or not now ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("dependencies", "said"),
    [
        ("mechanizzze", "There is no Python package"),
        ("mechanize==99", "cannot be met"),
        ("django>=5,<4", "cannot be met"),
    ],
)
def test_what_the_index_does_not_have_is_refused_with_its_reason(
    requests: CreateRequests, dependencies: str, said: str
) -> None:
    refusal = requests.refuse(f"name=a dependencies={dependencies}")

    assert refusal.title == "`a` cannot be created"
    assert said in refusal.message
    assert refusal.hint


def test_an_index_that_does_not_answer_is_a_problem_of_the_surroundings() -> None:
    requests = CreateRequests(resolver=FakeResolver(reachable=False))

    with pytest.raises(IndexUnreachable):
        requests.refuse()


def test_a_daemon_that_does_not_answer_is_a_problem_of_the_surroundings(requests: CreateRequests) -> None:
    requests.host.engine.break_down()

    with pytest.raises(EngineUnavailable):
        requests.refuse()


def test_the_details_of_a_problem_are_in_the_refusal(requests: CreateRequests) -> None:
    class RefusingResolver:
        def resolve(self, *_: object, **__: object) -> tuple[LockedPackage, ...]:
            raise ResolutionFailed("They contradict.", hint="Loosen one.", details=("a needs b<2", "c needs b>=2"))

    requests.sources = replace(requests.sources, resolver=RefusingResolver())

    assert requests.refuse() == Refusal(
        "`example_name` cannot be created", "They contradict.", "Loosen one.", ("a needs b<2", "c needs b>=2")
    )


# ── What exists already ─────────────────────────────────────────────────────────────────────────────────────────────


def test_an_identical_image_is_offered(requests: CreateRequests) -> None:
    image = requests.made(requests.propose(), "example_name:1.0.0.5")

    assert requests.propose().existing == ExistingImage("example_name:1.0.0.5", image)


def test_an_identical_image_of_the_same_name_is_offered_first(requests: CreateRequests) -> None:
    proposal = requests.propose()
    image = requests.made(proposal, "example_name:1.0.0.5")
    requests.made(proposal, "other:1.0.0.9")

    assert requests.propose().existing == ExistingImage("example_name:1.0.0.5", image)


def test_an_identical_image_of_another_name_is_offered_too(requests: CreateRequests) -> None:
    image = requests.made(requests.propose(), "other:1.0.0.9")

    assert requests.propose().existing == ExistingImage("other:1.0.0.9", image)


def test_the_newest_of_several_identical_images_is_offered(requests: CreateRequests) -> None:
    proposal = requests.propose()
    *_, newest = (requests.made(proposal, f"example_name:1.0.0.{number}") for number in (5, 6, 7))

    assert requests.propose().existing == ExistingImage("example_name:1.0.0.7", newest)


@pytest.mark.parametrize("names", [(), ("example_name:latest",)], ids=["nameless", "latest alone"])
def test_an_image_without_a_name_of_its_own_is_not_offered(requests: CreateRequests, names: tuple[str, ...]) -> None:
    requests.made(requests.propose(), *names)

    assert requests.propose().existing is None


def test_latest_is_never_offered(requests: CreateRequests) -> None:
    requests.made(requests.propose(), "example_name:latest", "example_name:1.0.0.5")

    existing = requests.propose().existing
    assert existing is not None
    assert existing.reference == "example_name:1.0.0.5"


def test_what_was_built_by_hand_on_an_identical_image_is_not_offered(requests: CreateRequests) -> None:
    image = requests.made(requests.propose(), "example_name:1.0.0.5")
    requests.host.engine.add_image("by_hand:1", labels=image.labels)

    assert requests.propose().existing == ExistingImage("example_name:1.0.0.5", image)


def test_an_image_with_other_packages_is_not_offered(requests: CreateRequests) -> None:
    requests.made(requests.propose("name=example_name dependencies=requests packages=wget"), "example_name:1.0.0.5")

    assert requests.propose().existing is None


# ── The tag ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_tag_is_made_of_the_time(requests: CreateRequests) -> None:
    assert requests.propose().spec.tag == f"1.0.0.{int(NOW.timestamp())}"


def test_the_tag_is_above_those_of_the_images_that_exist(requests: CreateRequests) -> None:
    for name in ("example_name:1.0.0.99999999999", "example_name:latest", "other:1.0.0.999999999999"):
        requests.host.engine.add_image(name, labels={JOB: "d-0", TITLE: name.partition(":")[0]})

    assert requests.propose().spec.tag == "1.0.0.100000000000"


def test_no_two_proposals_have_the_same_tag(requests: CreateRequests) -> None:
    tags = [requests.propose().spec.tag for _ in range(5)]

    assert len(set(tags)) == 5
    assert sorted(tags, key=lambda tag: build_number(tag) or 0) == tags


def test_whatever_goes_wrong_on_purpose_has_advice(requests: CreateRequests) -> None:
    requests.host.engine.break_down()

    with pytest.raises(Problem) as raised:
        requests.propose()

    assert raised.value.hint
