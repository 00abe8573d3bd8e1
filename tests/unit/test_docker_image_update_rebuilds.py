import threading
from collections.abc import Mapping
from dataclasses import replace

import pytest

from commands.available_updates.rebuilds import MOST_CHANGES, NEWER_OS_PACKAGES
from commands.available_updates.search import REBUILDS_AT_ONCE
from commands.command import (
    Finding,
    Keep,
    NoSource,
    Pull,
    Refusal,
    Severity,
    Unchecked,
)
from commands.errors import (
    Problem,
    PullFailed,
)
from commands.inventory.reading import Inventories
from commands.model.images import BaseImage, Digest
from commands.model.packages import Inventory, LockedPackage, PythonRequirement
from commands.model.references import Reference
from commands.recipe.labels import JOB, REQUEST, SPEC
from tests.fakes.host import Gate, ImageContent
from tests.fakes.resolver import SMALL_INDEX, FakeResolver, Release
from tests.kit.update_requests import (
    BASE,
    MADE,
    NEVER,
    NEWEST,
    PROBLEMS,
    SAME,
    UpdateRequests,
    known_as,
    mark,
    plans,
    the_rebuild,
)


class _CountingResolver:
    """A resolver at whose `door` everybody waits, counted."""

    def __init__(self, resolver: FakeResolver) -> None:
        self.resolver = resolver
        self.door = Gate()
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()

    def resolve(
        self, requirements: tuple[PythonRequirement, ...], base: BaseImage, *, labels: Mapping[str, str]
    ) -> tuple[LockedPackage, ...]:
        """See `Resolver`."""
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            self.door.pass_through()
            return self.resolver.resolve(requirements, base, labels=labels)
        finally:
            with self._lock:
                self._at_once -= 1


@pytest.fixture
def requests() -> UpdateRequests:
    return UpdateRequests()


# ── What the bot made ───────────────────────────────────────────────────────────────────────────────────────────────


def test_what_the_bot_made_is_rebuilt_when_a_package_is_newer(requests: UpdateRequests) -> None:
    requests.base()
    image = requests.made()
    requests.resolver.index = SMALL_INDEX

    said = requests.update("image=tool")

    assert said.title == "Update `tool:latest`?"
    (candidate,) = said.images
    assert (candidate.name, candidate.present, candidate.remote) == ("tool:latest", mark(image), None)
    rebuild = the_rebuild(said)
    assert rebuild.changes == ("mechanize 0.4.9 → 0.4.10",)
    spec = rebuild.creation.spec
    assert (spec.name, [str(package) for package in spec.requested]) == ("tool", ["mechanize==0.4.10"])
    assert spec.reference not in image.repo_tags
    assert (str(spec.base.reference), rebuild.creation.existing) == (BASE, None)


def test_what_the_bot_made_is_kept_when_nothing_is_newer(requests: UpdateRequests) -> None:
    requests.base()
    requests.made()

    assert plans(requests.nothing("image=tool")) == {"tool:latest": NEWEST}
    assert requests.engine.pulls == []


def test_what_the_bot_made_is_rebuilt_on_a_newer_base_that_is_pulled_by_digest(requests: UpdateRequests) -> None:
    old, new = requests.base(), requests.newer_base()
    image = requests.made()

    said = requests.update("image=tool:1.0.0.5")

    digest = Digest(new.repo_digests[0].partition("@")[2])
    spec = the_rebuild(said).creation.spec
    assert (spec.base.image_id, spec.base.digest, str(spec.base.reference)) == (new.id, digest, BASE)
    assert spec.base.pinned == f"{BASE}@{digest}"
    old_digest = old.repo_digests[0].partition("@")[2]
    assert the_rebuild(said).changes == (f"base {old_digest[7:19]} → {digest[7:19]}",)
    assert requests.engine.pulls == [Reference(BASE, digest=digest)]
    assert requests.engine.find_image(f"{BASE}:latest") == old
    assert [name for each in requests.engine.images({}) for name in each.repo_tags if name in image.repo_tags] == list(
        image.repo_tags
    )
    assert f"Pulling the newer base {BASE}: 1 of 1 layers, 120 of 120 MB" in requests.said


def test_a_newer_base_that_is_there_already_is_not_pulled_again(requests: UpdateRequests) -> None:
    requests.base()
    requests.newer_base()
    requests.made()

    first, second = requests.update("image=tool"), requests.update("image=tool")

    assert the_rebuild(first).creation.spec.base == the_rebuild(second).creation.spec.base
    assert len(requests.engine.pulls) == 1


def test_a_newer_base_comes_from_the_mirror_and_stands_under_its_name_there(requests: UpdateRequests) -> None:
    requests.host.add_base("python")
    requests.made("name=tool dependencies=mechanize base=python")
    requests.hub.mirror = "mirror.test"
    offered = requests.host.offer("mirror.test/library/python:latest")
    digest = requests.hub.digests["python:latest"] = Digest(offered.repo_digests[0].partition("@")[2])

    spec = the_rebuild(requests.update("image=tool")).creation.spec

    assert (spec.base.image_id, spec.base.pinned) == (offered.id, f"mirror.test/library/python@{digest}")


def test_a_base_that_is_gone_from_the_host_is_pulled_by_digest(requests: UpdateRequests) -> None:
    requests.base()
    requests.made()
    requests.engine.remove_image(f"{BASE}:latest")
    requests.engine._images = {own: each for own, each in requests.engine._images.items() if JOB in each.labels}
    new = requests.newer_base()

    spec = the_rebuild(requests.update("image=tool")).creation.spec

    assert spec.base.image_id == new.id
    assert requests.engine.find_image(f"{BASE}:latest") is None


def test_a_base_that_never_was_in_a_registry_is_taken_as_it_is_now(requests: UpdateRequests) -> None:
    requests.base("mine")
    requests.made("name=tool dependencies=mechanize base=mine")
    now = requests.engine.add_image("mine:latest")
    requests.host._inside[now.id] = ImageContent()

    said = requests.update("image=tool")

    assert the_rebuild(said).creation.spec.base.image_id == now.id
    assert (requests.hub.asked, requests.engine.pulls) == ([], [])


@pytest.mark.parametrize(
    ("path", "asked"),
    [("other.test/python", []), ("mirror.test/library/mine", ["mine:latest"])],
    ids=["renamed", "mirrored"],
)
def test_a_base_that_was_given_its_name_on_this_host_is_taken_as_it_is_now(
    requests: UpdateRequests, path: str, asked: list[str]
) -> None:
    image = requests.host.add_base("mine")
    requests.engine._images[image.id] = replace(image, repo_digests=(known_as(f"{path}:latest", "x"),))
    requests.made("name=tool dependencies=mechanize base=mine")

    said = requests.nothing("image=tool")

    assert (plans(said), said.findings) == ({"tool:latest": NEWEST}, ())
    assert requests.hub.asked == asked


def test_a_base_that_is_pinned_by_its_digest_stays(requests: UpdateRequests) -> None:
    image = requests.base()
    requests.newer_base()
    requests.made(f"name=tool dependencies=mechanize base={image.repo_digests[0]}")

    assert plans(requests.nothing("image=tool")) == {"tool:latest": NEWEST}
    assert requests.hub.asked == []


def test_a_base_whose_registry_cannot_be_asked_is_taken_as_it_is_and_noted(requests: UpdateRequests) -> None:
    requests.base()
    requests.made()
    requests.made("name=other dependencies=mechanize base=hub.test/base")
    requests.hub.problems[f"{BASE}:latest"] = PROBLEMS[3]

    message = "The base `hub.test/base` could not be checked for a newer version: hub.test does not answer."
    finding = Finding("base-not-checked", Severity.WARNING, message)
    one = requests.nothing("image=tool")
    assert (plans(one), one.findings) == ({"tool:latest": NEWEST}, (finding,))
    assert requests.nothing("all=true").findings == (finding,)


def test_a_base_that_is_nowhere_is_told_in_the_registrys_words(requests: UpdateRequests) -> None:
    requests.base()
    requests.made()
    requests.engine._images = {own: each for own, each in requests.engine._images.items() if JOB in each.labels}
    del requests.hub.digests[f"{BASE}:latest"]

    assert requests.refuse("image=tool") == Refusal(
        "`tool:latest` could not be checked", "hub.test has no image `hub.test/base:latest`.", "Check the name."
    )


def test_a_newer_base_that_cannot_be_pulled_is_told(requests: UpdateRequests) -> None:
    requests.base()
    requests.made()
    digest = requests.hub.put(f"{BASE}:latest")
    problem = PullFailed("toomanyrequests", hint="Wait.")
    requests.engine.hub[f"{BASE}@{digest}"] = problem

    assert requests.refuse("image=tool").message == "toomanyrequests"
    assert plans(requests.update_or_nothing("all=true"))["tool:latest"] == Unchecked("toomanyrequests", "Wait.")


def test_what_speaks_against_a_rebuild_is_told_in_its_words(requests: UpdateRequests) -> None:
    requests.base()
    requests.made()
    requests.resolver.index = {name: each for name, each in SMALL_INDEX.items() if name != "mechanize"}

    said = "There is no Python package `mechanize` in the package index."
    assert requests.refuse("image=tool") == Refusal("`tool:latest` could not be checked", said, "Check the spelling.")
    assert plans(requests.nothing("all=true"))["tool:latest"] == Unchecked(said, "Check the spelling.")


def test_an_index_that_does_not_answer_leaves_the_others(requests: UpdateRequests) -> None:
    requests.base()
    requests.made()
    requests.pulled("hub.test/a:1")
    requests.hub.put("hub.test/a:1")
    requests.resolver.reachable = False

    said = requests.update("all=true")

    assert [(each.name, type(each.plan)) for each in said.images] == [
        ("hub.test/a:1", Pull),
        ("tool:latest", Unchecked),
        (f"{BASE}:latest", Keep),
    ]


@pytest.mark.parametrize("has_newer", [True, False])
def test_os_packages_are_taken_anew_for_one_image(requests: UpdateRequests, has_newer: bool) -> None:
    requests.base()
    requests.made(f"{MADE} packages=wget")
    if has_newer:
        requests.resolver.index = SMALL_INDEX

    rebuild = the_rebuild(requests.update("image=tool"))

    assert rebuild.changes == (("mechanize 0.4.9 → 0.4.10",) if has_newer else (NEWER_OS_PACKAGES,))
    assert rebuild.creation.existing is None


def test_os_packages_are_not_taken_anew_for_all(requests: UpdateRequests) -> None:
    requests.base()
    requests.made(f"{MADE} packages=wget")

    assert plans(requests.nothing("all=true"))["tool:latest"] == Keep(
        "already on the newest allowed base and Python packages; `image=tool:latest` rebuilds it for newer OS packages"
    )


def test_packages_that_come_along_anew_are_told(requests: UpdateRequests) -> None:
    requests.base()
    image = requests.made()
    requests.engine.files[image.id] = {
        path: content for path, content in requests.engine.files[image.id].items() if "six" not in path
    }
    requests.resolver.index = {**SMALL_INDEX, "webencodings": (Release("0.6"),)}

    assert the_rebuild(requests.update("image=tool")).changes == (
        "mechanize 0.4.9 → 0.4.10",
        "six 1.17.0 is new",
        "webencodings 0.5.1 → 0.6",
    )


def test_a_long_list_of_changes_is_cut(requests: UpdateRequests) -> None:
    requests.base()
    names = [f"p{number:02}" for number in range(MOST_CHANGES + 3)]
    requests.resolver.index = {name: (Release("1"),) for name in names}
    requests.made(f"name=tool dependencies={','.join(names)} base={BASE}")
    requests.resolver.index = {name: (Release("2"),) for name in names}

    changes = the_rebuild(requests.update("image=tool")).changes

    assert len(changes) == MOST_CHANGES + 1
    assert (changes[0], changes[-1]) == ("p00 1 → 2", "and 3 more")


def test_where_the_image_cannot_be_read_the_packages_are_counted(requests: UpdateRequests) -> None:
    class UnreadableInventories(Inventories):
        def of(self, *_: object) -> Inventory:
            raise Problem("It cannot be read.", hint="Never mind.")

    requests.base()
    requests.made()
    requests.resolver.index = SMALL_INDEX
    requests.sources = replace(requests.sources, inventories=UnreadableInventories(requests.engine))

    assert the_rebuild(requests.update("image=tool")).changes == ("4 Python packages resolved again",)


def test_an_image_whose_recipe_alone_is_older_is_rebuilt(requests: UpdateRequests) -> None:
    requests.base()
    image = requests.made()
    requests.engine._images[image.id] = replace(image, labels={**image.labels, SPEC: "sha256:" + "0" * 64})

    said = requests.update("image=tool")

    assert the_rebuild(said).changes == ("the same versions, built with a newer recipe",)


@pytest.mark.parametrize(
    "request_label",
    [
        "",
        "no JSON",
        "{}",
        '{"name": "tool", "base": "BASE"}',
        '{"name": "tool:1", "base": "base"}',
        '{"name": "tool", "base": "base", "dependencies": ["-r x"]}',
        '{"name": "tool", "base": "base", "packages": ["$(id)"]}',
        '{"name": "other", "base": "base"}',
    ],
)
def test_an_image_whose_labels_are_damaged_has_no_source(requests: UpdateRequests, request_label: str) -> None:
    requests.base()
    image = requests.made()
    requests.engine._images[image.id] = replace(image, labels={**image.labels, REQUEST: request_label})

    reason = NoSource("its labels do not say how it was built")
    assert plans(requests.nothing("image=tool")) == {"tool:latest": reason}
    assert requests.hub.asked == []


def test_what_others_build_on_an_image_of_the_bot_is_not_the_bots(requests: UpdateRequests) -> None:
    requests.base()
    image = requests.made()
    requests.engine.add_image("by_hand:1", labels=image.labels, below=image.layers)

    assert plans(requests.nothing("image=by_hand:1")) == {"by_hand:1": NEVER}


def test_a_second_name_of_an_image_of_the_bot_is_told_as_such(requests: UpdateRequests) -> None:
    requests.base()
    image = requests.made()
    requests.engine.tag(image.id, "prod", "1")

    assert plans(requests.nothing("image=prod:1")) == {"prod:1": NoSource("it is a second name of `tool:latest`")}


def test_of_what_the_bot_made_the_newest_build_of_each_repository_counts(requests: UpdateRequests) -> None:
    requests.base()
    requests.made(tag="1.0.0.9")
    requests.made(tag="1.0.0.10")
    requests.made(tag="1.0.0.8", latest=False)
    requests.made("name=other dependencies=mechanize base=hub.test/base", tag="1.0.0.3", latest=False)

    assert plans(requests.nothing("all=true")) == {
        f"{BASE}:latest": SAME,
        "other:1.0.0.3": NEWEST,
        "tool:latest": NEWEST,
    }


def test_a_build_that_is_not_latest_any_more_is_told_by_its_own_tag(requests: UpdateRequests) -> None:
    requests.base()
    older = requests.made(tag="1.0.0.9")
    requests.made(tag="1.0.0.10")
    requests.engine.tag(older.id, "tool", "latest")

    assert plans(requests.nothing("all=true")) == {f"{BASE}:latest": SAME, "tool:1.0.0.10": NEWEST}


def test_a_registry_is_asked_once_about_a_base_however_many_images_stand_on_it(requests: UpdateRequests) -> None:
    requests.base()
    for name in ("one", "two", "three"):
        requests.made(f"name={name} dependencies=mechanize base={BASE}")
    requests.newer_base()

    said = requests.update("all=true")

    assert said.title == "Update 4 of 4 images?"
    assert requests.hub.asked == [f"{BASE}:latest"]
    assert len(requests.engine.pulls) == 1


def test_rebuilds_are_looked_into_two_at_once_and_told_apart(requests: UpdateRequests) -> None:
    requests.base()
    for number in range(5):
        requests.made(f"name=tool{number} dependencies=mechanize base={BASE}")
    door, watched = Gate(), _CountingResolver(requests.resolver)
    watched.door = door
    door.shut()
    requests.sources = replace(requests.sources, resolver=watched)
    asking = threading.Thread(target=requests.answer, args=("all=true",))
    asking.start()

    door.wait_for(REBUILDS_AT_ONCE)
    door.open()
    asking.join()

    assert (REBUILDS_AT_ONCE, watched.most_at_once) == (2, 2)
    assert {f"tool{number}:latest: Resolving 1 Python package" for number in range(5)} <= set(requests.said)
