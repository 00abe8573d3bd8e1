"""Updates, roll backs and removals on the real engine: what a fake only believes of Docker's names and digests."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from uuid import uuid4

import docker
import pytest

from commands.actions import carry_out
from commands.cancellation import Cancellation, CancelReason
from commands.carry_out import Dependencies
from commands.command import Candidate, ImageRemoved, ImagesUpdated, Pull, Removal, RollBack, TagsRolledBack, Update
from commands.engine.docker_daemon import DockerDaemon
from commands.engine.interface import RegistryRules
from commands.errors import ImageInUse
from commands.host.allowed import AllowedRegistries, GuardedRegistry
from commands.host.history import kept_name
from commands.host.selection import Found, parse_wanted
from commands.host.subjects import mark_of
from commands.image_actions import remove, roll_back
from commands.model.images import Container
from commands.model.outcomes import Ending, ImageResult, Removed, RolledBack, Updated
from commands.model.references import Reference
from commands.model.requests import RemoveImage, UndoUpdate
from commands.registry.http_registry import HttpRegistry
from tests.fakes.registry import FakeRegistry, serving
from tests.kit.dependencies import dependencies_on, sources_on
from tests.kit.program import PATIENCE
from tests.kit.updates import FIRST, SECOND, THIRD, job_context

pytestmark = pytest.mark.engine


@pytest.fixture
def registry(daemon: DockerDaemon) -> Iterator[FakeRegistry]:
    """A registry; what came from it is removed again."""
    with serving(daemon.describe().platform) as one:
        yield one
        for image in daemon.images({}):
            for name in (*image.repo_tags, *image.repo_digests):
                if name.startswith(f"{one.address}/"):
                    daemon.remove_image(name)


@pytest.fixture
def dependencies(daemon: DockerDaemon) -> Iterator[Dependencies]:
    with closing(HttpRegistry(lambda: RegistryRules(hub="hub.invalid"), lambda _: None)) as client:
        # The registries here are on loopback: that the host has images of them lets them be asked.
        allowed = AllowedRegistries(daemon.listing, Reference("hub.test/base"))
        yield dependencies_on(daemon, GuardedRegistry(client, allowed, close=client.close))


def own() -> str:
    """A repository of this test alone."""
    return f"warroom-test/{uuid4().hex[:12]}"


def put(registry: FakeRegistry, repository: str, version: str, content: str = "") -> str:
    """Put an image with a Python package of this version into the registry; the same content makes the same image."""
    files = {f"usr/lib/python3/dist-packages/example-{version}.dist-info/METADATA": _metadata(version)}
    layer = (content or f"{repository} {version}").encode()
    return str(registry.put_layers(repository, "latest", layer, files=files))


def _metadata(version: str) -> bytes:
    return f"Metadata-Version: 2.1\nName: example\nVersion: {version}\n\n".encode()


def outdated(daemon: DockerDaemon, registry: FakeRegistry, repository: str) -> Candidate:
    """Pull an image, then let the registry have a newer one."""
    name = put(registry, repository, "1.0")
    daemon.pull(Reference.parse(name), lambda _: None)
    return again(daemon, registry, repository, "2.0")


def again(daemon: DockerDaemon, registry: FakeRegistry, repository: str, version: str) -> Candidate:
    """Let the registry have a newer image."""
    name = put(registry, repository, version)
    digest = registry.digest(repository, "latest")
    listed = next(image for image in daemon.listing() if name in image.repo_tags)
    return Candidate(name, mark_of(Found(listed, name)), digest, Pull(Reference.parse(name), digest))


def done(
    proposal: Update | RollBack | Removal,
    dependencies: Dependencies,
    job: str,
    cancellation: Cancellation | None = None,
) -> Updated | RolledBack | Removed:
    end = carry_out(proposal, job_context(job), dependencies, lambda _: None, cancellation or Cancellation())
    assert isinstance(end, ImagesUpdated | TagsRolledBack | ImageRemoved)
    return end.outcome


def updated(
    dependencies: Dependencies, *images: Candidate, job: str = FIRST, cancellation: Cancellation | None = None
) -> list[ImageResult]:
    outcome = done(Update("Update?", images), dependencies, job, cancellation)
    assert isinstance(outcome, Updated)
    return list(outcome.results)


def test_an_update_moves_the_name_is_compared_and_goes_back(
    daemon: DockerDaemon, registry: FakeRegistry, dependencies: Dependencies
) -> None:
    # A job of its own: the way back is of every name that the job moved, on the whole daemon.
    candidate, job = outdated(daemon, registry, own()), uuid4().hex[: len(FIRST)]

    (result,) = updated(dependencies, candidate, job=job)

    assert (result.ending, result.kept_as) == (Ending.UPDATED, kept_name(job, candidate.name))
    assert result.after is not None
    assert result.difference is not None
    assert [(c.name, c.before, c.after) for c in result.difference.python.changed] == [("example", "1.0", "2.0")]
    assert _holder(daemon, candidate.name) == result.after.id
    assert _holder(daemon, result.kept_as) == candidate.present.id

    proposal = roll_back.answer(UndoUpdate(job), sources_on(daemon), lambda _: None)
    assert isinstance(proposal, RollBack)
    outcome = done(proposal, dependencies, SECOND)

    assert isinstance(outcome, RolledBack)
    assert [one.problem for one in outcome.results] == [""]
    assert _holder(daemon, candidate.name) == candidate.present.id
    assert _holder(daemon, kept_name(SECOND, candidate.name)) == result.after.id
    assert _holder(daemon, result.kept_as) is None


def _holder(daemon: DockerDaemon, name: str) -> str | None:
    image = daemon.find_image(name)
    return image.id if image else None


def test_a_layer_that_is_gone_leaves_the_old_image_and_stops_no_other(
    daemon: DockerDaemon, registry: FakeRegistry, dependencies: Dependencies
) -> None:
    broken, sound = outdated(daemon, registry, own()), outdated(daemon, registry, own())
    layer = registry.layers(Reference.parse(broken.name).path, "latest")[0]
    registry.forget(layer)

    failed, fine = updated(dependencies, broken, sound)

    assert (failed.ending, fine.ending) == (Ending.FAILED, Ending.UPDATED)
    assert failed.reason
    assert _holder(daemon, broken.name) == broken.present.id
    assert daemon.find_image(f"{Reference.parse(broken.name).repository}@{broken.remote}") is None


def test_a_stop_in_mid_pull_leaves_nothing_of_it(
    daemon: DockerDaemon, registry: FakeRegistry, dependencies: Dependencies
) -> None:
    candidate = outdated(daemon, registry, own())
    cancellation = Cancellation()
    registry.stall_blobs()

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(updated, dependencies, candidate, cancellation=cancellation)
        assert registry.blob_asked.wait(PATIENCE)
        cancellation.request(CancelReason.STOPPED)
        (result,) = running.result(PATIENCE)

    assert result.ending is Ending.STOPPED
    assert _holder(daemon, candidate.name) == candidate.present.id
    assert daemon.find_image(f"{Reference.parse(candidate.name).repository}@{candidate.remote}") is None


def test_older_images_go_when_too_many_are_kept(
    daemon: DockerDaemon, registry: FakeRegistry, dependencies: Dependencies
) -> None:
    repository, shallow = own(), replace(dependencies, history_depth=1)
    first = outdated(daemon, registry, repository)
    updated(shallow, first)
    second = again(daemon, registry, repository, "3.0")

    (result,) = updated(shallow, second, job=SECOND)

    assert result.ending is Ending.UPDATED
    # Its name was the last one: the digest that it was pulled by goes with it.
    assert daemon.find_image(first.present.id) is None
    assert _holder(daemon, result.kept_as) == second.present.id


def test_an_older_image_that_a_container_needs_stays_and_is_told(
    daemon: DockerDaemon, registry: FakeRegistry, dependencies: Dependencies, raw: docker.APIClient
) -> None:
    repository, shallow = own(), replace(dependencies, history_depth=0)
    first = outdated(daemon, registry, repository)
    updated(shallow, first)
    container = raw.create_container(first.present.id, command=["/nothing"])["Id"]
    try:
        outcome = done(Update("?", (again(daemon, registry, repository, "3.0"),)), shallow, SECOND)
    finally:
        raw.remove_container(container, force=True)

    assert isinstance(outcome, Updated)
    (note,) = outcome.notes
    assert kept_name(FIRST, first.name) in note
    assert _holder(daemon, kept_name(FIRST, first.name)) == first.present.id


# ── Removing ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _removal(daemon: DockerDaemon, image: str) -> Removal:
    proposal = remove.answer(RemoveImage(parse_wanted(image)), sources_on(daemon), lambda _: None)
    assert isinstance(proposal, Removal)
    return proposal


def test_an_image_with_names_and_digests_of_two_repositories_goes_completely(
    daemon: DockerDaemon, registry: FakeRegistry, dependencies: Dependencies
) -> None:
    one, two = own(), own()
    names = [put(registry, repository, "1.0", content=f"{one} {two}") for repository in (one, two)]
    for name in names:
        daemon.pull(Reference.parse(name), lambda _: None)
    image = daemon.find_image(names[0])
    assert image is not None
    daemon.tag(image.id, f"{registry.address}/{one}", "second")

    outcome = done(_removal(daemon, names[0]), dependencies, THIRD)

    assert isinstance(outcome, Removed)
    assert len(outcome.names) == 3
    assert daemon.find_image(image.id) is None


def test_an_image_that_digests_of_two_repositories_name_goes_completely(
    daemon: DockerDaemon, registry: FakeRegistry, dependencies: Dependencies
) -> None:
    pinned: list[str] = []
    content = own()
    for repository in (own(), own()):
        put(registry, repository, "1.0", content)
        digest = registry.digest(repository, "latest")
        pinned += daemon.pull(Reference(f"{registry.address}/{repository}", digest=digest), lambda _: None).repo_digests
    image = daemon.find_image(pinned[0])
    assert image is not None
    assert (image.repo_tags, len(image.repo_digests)) == ((), 2)

    done(_removal(daemon, image.id), dependencies, THIRD)

    assert daemon.find_image(image.id) is None


def test_an_image_that_a_container_took_after_the_check_keeps_its_names(
    daemon: DockerDaemon, registry: FakeRegistry, dependencies: Dependencies, raw: docker.APIClient
) -> None:
    class EngineWithoutContainers(DockerDaemon):
        def containers(self) -> tuple[Container, ...]:
            return ()

    name = put(registry, own(), "1.0")
    image = daemon.pull(Reference.parse(name), lambda _: None)
    daemon.tag(image.id, f"{registry.address}/second", "1")
    names = (name, f"{registry.address}/second:1")
    proposal = _removal(daemon, name)
    container = raw.create_container(image.id, command=["/nothing"])["Id"]
    try:
        with closing(EngineWithoutContainers(daemon.endpoint)) as blind, pytest.raises(ImageInUse):
            done(proposal, replace(dependencies, engine=blind), THIRD)
        found = daemon.find_image(image.id)
    finally:
        raw.remove_container(container, force=True)

    assert found is not None
    assert (sorted(found.repo_tags), found.repo_digests) == (sorted(names), image.repo_digests)


def test_an_image_that_an_image_of_the_classic_builder_stands_on_keeps_its_names(
    daemon: DockerDaemon, registry: FakeRegistry, dependencies: Dependencies, raw: docker.APIClient
) -> None:
    # Only such images name their parent: Docker takes the parent's names, but never the parent itself.
    name = put(registry, own(), "1.0")
    image = daemon.pull(Reference.parse(name), lambda _: None)
    container = raw.create_container(image.id, command=["/nothing"])["Id"]
    child = raw.commit(container, repository=f"{registry.address}/child", tag="1")["Id"]
    raw.remove_container(container)
    proposal = _removal(daemon, name)

    with pytest.raises(ImageInUse):
        done(proposal, dependencies, THIRD)

    found = daemon.find_image(image.id)
    daemon.remove_image(f"{registry.address}/child:1")
    assert found is not None
    assert (found.repo_tags, found.repo_digests) == ((name,), image.repo_digests)
    assert [finding.rule for finding in proposal.findings] == ["built-on-it"]
    assert daemon.find_image(child) is None
