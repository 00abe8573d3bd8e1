"""The real daemon at registries that fail: what it makes of each fault, at the level of a pull.

The faulty registry is of the tests' own (tests/fakes/registry.py), the sound ones are Debian's.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from uuid import uuid4

import docker
import pytest

from commands.engine.docker_daemon import DockerDaemon
from commands.engine.interface import Login, PullProgress, RegistryRules
from commands.errors import ImageNotFound, Problem, PullFailed, PullStopped, RegistryLimited
from commands.model.images import LocalImage
from commands.model.references import Reference
from commands.registry.http_registry import HttpRegistry
from commands.registry.interface import Remote
from tests.fakes.registry import FakeRegistry, serving
from tests.kit.engine_space import packed
from tests.kit.program import PATIENCE
from tests.kit.registries import PASSWORD, USER, RunningRegistry, guarded_registry, open_registry

pytestmark = pytest.mark.engine

NAME = "warroom-test/faulty"
SIZES = (60_000, 90_000, 30_000)


@pytest.fixture
def registry(daemon: DockerDaemon) -> Iterator[FakeRegistry]:
    """A registry with an image of three layers; what was pulled from it is removed again."""
    with serving(daemon.describe().platform) as one:
        one.put_layers(NAME, "1", *SIZES)
        yield one
        forget(daemon, one.address)


@pytest.fixture
def client() -> Iterator[HttpRegistry]:
    with closing(HttpRegistry(lambda: RegistryRules(hub="hub.invalid"), lambda _: None)) as one:
        yield one


@pytest.fixture(params=[open_registry, guarded_registry])
def sound(request: pytest.FixtureRequest, daemon: DockerDaemon) -> Iterator[RunningRegistry]:
    with request.param() as one:
        yield one
        forget(daemon, one.address)


def forget(daemon: DockerDaemon, address: str) -> None:
    for image in daemon.images({}):
        for name in (*image.repo_tags, *image.repo_digests):
            if name.startswith(f"{address}/"):
                daemon.remove_image(name)


def quietly(_: PullProgress) -> None:
    """Hear nothing of a pull."""


def tagged(registry: FakeRegistry) -> Reference:
    return Reference(f"{registry.address}/{NAME}", tag="1")


def source(registry: FakeRegistry) -> Reference:
    return Reference(f"{registry.address}/{NAME}", digest=registry.digest(NAME, "1"))


def failure(daemon: DockerDaemon, reference: Reference, kind: type[Problem]) -> str:
    """Pull in vain; gives what to do, in words of our own alone. Nothing must be there afterwards."""
    with pytest.raises(kind) as failed:
        daemon.pull(reference, quietly)
    assert daemon.find_image(str(reference)) is None
    assert failed.value.details == ()
    return failed.value.hint


# ── The digest of a look-up is that of a pull ───────────────────────────────────────────────────────────────────────


def push(raw: docker.APIClient, registry: RunningRegistry) -> Reference:
    mark = uuid4().hex
    raw.import_image_from_data(packed({"content": mark.encode()}), repository=NAME, tag=mark)
    try:
        return registry.push(raw, f"{NAME}:{mark}", "a/b", "1")[0]
    finally:
        raw.remove_image(f"{NAME}:{mark}")


def looked_up(reference: Reference, address: str) -> Remote:
    logins = {address: Login(USER, PASSWORD)}
    with closing(HttpRegistry(lambda: RegistryRules(hub="hub.invalid"), logins.get)) as client:
        return client.look_up(reference)


def test_a_pull_notes_the_digest_that_a_look_up_tells(
    daemon: DockerDaemon, raw: docker.APIClient, sound: RunningRegistry
) -> None:
    reference = push(raw, sound)
    remote = looked_up(reference, sound.address)
    login = {"username": USER, "password": PASSWORD}
    list(raw.pull(reference.repository, tag="1", stream=True, auth_config=login))

    image = daemon.find_image(str(reference))
    assert image is not None
    assert image.repo_digests == (f"{reference.repository}@{remote.digest}",)


@pytest.mark.parametrize("indexed", [False, True])
def test_the_digest_of_a_look_up_can_be_pulled(
    indexed: bool, daemon: DockerDaemon, registry: FakeRegistry, client: HttpRegistry
) -> None:
    if indexed:
        registry.put_index(NAME, "1")
    remote = client.look_up(tagged(registry))
    by_digest = daemon.pull(remote.source, quietly)
    by_tag = daemon.pull(tagged(registry), quietly)

    assert (by_digest.repo_tags, by_digest.repo_digests) == ((), (str(remote.source),))
    assert (by_tag.id, by_tag.repo_digests) == (by_digest.id, (str(remote.source),))
    assert registry.manifest_heads >= 1


def test_labels_and_files_of_an_image_arrive(daemon: DockerDaemon, registry: FakeRegistry) -> None:
    registry.put_layers(NAME, "1", *SIZES, labels={"a": "b"}, files={"etc/x": b"y"})
    image = daemon.pull(source(registry), quietly)

    assert (image.labels, len(image.layers)) == ({"a": "b"}, 4)


# ── Faults ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "kind", "hint"),
    [(429, PullFailed, "limit is used up"), (403, ImageNotFound, "deleted"), (404, PullFailed, "reaches the registry")],
)
def test_a_layer_that_is_refused_after_others_came_fails_the_pull(
    status: int, kind: type[Problem], hint: str, daemon: DockerDaemon, registry: FakeRegistry
) -> None:
    registry.error_on_layer(2, status)

    assert hint in failure(daemon, source(registry), kind)
    assert all(registry.gets_of(layer) for layer in registry.layers(NAME, "1"))


def test_a_pull_that_fails_in_the_middle_leaves_the_old_image(daemon: DockerDaemon, registry: FakeRegistry) -> None:
    old = daemon.pull(tagged(registry), quietly)
    registry.put_layers(NAME, "1", *SIZES)
    registry.error_on_layer(1)
    failure(daemon, source(registry), PullFailed)

    assert daemon.find_image(str(tagged(registry))) == old


def test_a_layer_that_breaks_off_is_gone_on_with(daemon: DockerDaemon, registry: FakeRegistry) -> None:
    registry.break_blobs_after(10_000)
    with ThreadPoolExecutor(1) as threads:
        pull = threads.submit(daemon.pull, source(registry), quietly)
        assert registry.blob_broken.wait(PATIENCE)
        registry.break_blobs_after(None)

        assert pull.result(PATIENCE).repo_digests == (str(source(registry)),)


def stalls(registry: FakeRegistry) -> None:
    registry.stall_blobs()


def breaks(registry: FakeRegistry) -> None:
    registry.break_blobs_after(10_000)


def crawls(registry: FakeRegistry) -> None:
    registry.slow_blobs(100)


@pytest.mark.parametrize("fault", [stalls, breaks, crawls])
def test_a_pull_can_be_stopped_at_a_registry_that_keeps_it_waiting(
    fault: Callable[[FakeRegistry], None], daemon: DockerDaemon, registry: FakeRegistry
) -> None:
    fault(registry)
    with ThreadPoolExecutor(1) as threads:
        pull = threads.submit(daemon.pull, source(registry), quietly, pull_id="one")
        waits_for = registry.blob_broken if fault is breaks else registry.blob_asked
        assert waits_for.wait(PATIENCE)
        daemon.cancel_pull("one")
        with pytest.raises(PullStopped):
            pull.result(PATIENCE)

    assert daemon.find_image(str(source(registry))) is None


def test_a_registry_that_stalls_and_goes_on_is_waited_for(daemon: DockerDaemon, registry: FakeRegistry) -> None:
    registry.stall_blobs()
    halves = threading.Event()

    def hear(progress: PullProgress) -> None:
        if progress.bytes_done:
            halves.set()

    with ThreadPoolExecutor(1) as threads:
        pull = threads.submit(daemon.pull, source(registry), hear)
        assert halves.wait(PATIENCE)
        assert not pull.done()
        registry.resume()

        assert pull.result(PATIENCE).repo_digests == (str(source(registry)),)


def test_slow_bytes_are_told_as_they_come(daemon: DockerDaemon, registry: FakeRegistry) -> None:
    registry.slow_blobs(100_000)
    told: list[PullProgress] = []
    daemon.pull(source(registry), told.append)
    amounts = [progress.bytes_done for progress in told]

    assert amounts == sorted(amounts)
    assert len(set(amounts)) > 4
    assert (told[-1].layers_done, told[-1].layers) == (3, 3)


def test_a_manifest_that_changes_after_the_look_up_does_not_change_what_is_pulled(
    daemon: DockerDaemon, registry: FakeRegistry, client: HttpRegistry
) -> None:
    def move() -> None:
        registry.put(NAME, "1", b"moved")

    registry.after_head(move)
    remote = client.look_up(tagged(registry))
    registry.after_head(None)
    image: LocalImage = daemon.pull(remote.source, quietly)

    assert image.repo_digests == (str(remote.source),)
    assert client.look_up(tagged(registry)).digest != remote.digest


def test_a_manifest_that_is_gone_after_the_look_up_is_told(
    daemon: DockerDaemon, registry: FakeRegistry, client: HttpRegistry
) -> None:
    remote = client.look_up(tagged(registry))
    registry.forget(remote.digest)

    assert "may have deleted it" in failure(daemon, remote.source, ImageNotFound)
    with pytest.raises(ImageNotFound):
        client.look_up(tagged(registry))


def test_a_registry_that_wants_a_password_is_told(daemon: DockerDaemon, registry: FakeRegistry) -> None:
    registry.password("ann", "s3cret")

    assert "requires a login" in failure(daemon, source(registry), PullFailed)


def test_heads_that_are_limited_keep_look_ups_back_and_no_pull_by_digest(
    daemon: DockerDaemon, registry: FakeRegistry, client: HttpRegistry
) -> None:
    registry.limit_heads(60)
    for _ in range(2):
        with pytest.raises(RegistryLimited):
            client.look_up(tagged(registry))

    assert registry.manifest_heads == 1
    assert daemon.pull(source(registry), quietly).repo_digests == (str(source(registry)),)
