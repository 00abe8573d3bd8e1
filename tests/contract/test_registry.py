"""What every registry does, the fake like the real client; Debian's registries take a daemon that pushes to them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from tarfile import TarInfo
from tarfile import open as open_tar
from uuid import uuid4

import docker
import pytest
from docker.utils import kwargs_from_env

from commands.engine.interface import Login, RegistryRules
from commands.errors import ImageNotFound, LoginRefused, RegistryLimited, RegistryUnreachable
from commands.model.images import Digest, Platform
from commands.model.references import Reference
from commands.registry.http_registry import HttpRegistry
from commands.registry.interface import Lookup, Remote
from tests.fakes.registries import FakeRegistries
from tests.fakes.registry import serving
from tests.kit.certificates import made_certificates
from tests.kit.registries import PASSWORD, USER, RunningRegistry, guarded_registry, open_registry, tls_registry


@dataclass(slots=True)
class RegistryUnderTest:
    """A registry to be asked. `put` makes a new image under a tag and gives its digest; `heads` counts HEADs."""

    registry: Lookup
    address: str
    put: Callable[[str, str], Digest]
    heads: Callable[[], int]
    logins: dict[str, Login] = field(default_factory=dict)

    def name(self, repository: str, tag: str | None = "1") -> Reference:
        return Reference(f"{self.address}/{repository}", tag=tag)


def fake_bench(*_: object) -> RegistryUnderTest:
    fake = FakeRegistries()

    def put(repository: str, tag: str) -> Digest:
        return fake.put(f"hub.test/{repository}:{tag}", uuid4().hex)

    return RegistryUnderTest(fake, "hub.test", put, heads=lambda: len(fake.asked))


def client(stack: ExitStack, logins: dict[str, Login], certificates: Path) -> HttpRegistry:
    made = HttpRegistry(lambda: RegistryRules(hub="hub.invalid"), logins.get, certificates=certificates)
    return stack.enter_context(closing(made))


def loopback_bench(stack: ExitStack, _: pytest.FixtureRequest, folder: Path) -> RegistryUnderTest:
    registry = stack.enter_context(serving(Platform("linux", "amd64")))

    def put(repository: str, tag: str) -> Digest:
        registry.put(repository, tag, uuid4().bytes)
        return registry.digest(repository, tag)

    return RegistryUnderTest(client(stack, {}, folder), registry.address, put, lambda: registry.manifest_heads)


def open_bench(stack: ExitStack, request: pytest.FixtureRequest, folder: Path) -> RegistryUnderTest:
    registry = stack.enter_context(open_registry())
    return debian_bench(stack, registry, request, folder)


def guarded_bench(stack: ExitStack, request: pytest.FixtureRequest, folder: Path) -> RegistryUnderTest:
    registry = stack.enter_context(guarded_registry())
    return debian_bench(stack, registry, request, folder, {registry.address: Login(USER, PASSWORD)})


def tls_bench(stack: ExitStack, request: pytest.FixtureRequest, folder: Path) -> RegistryUnderTest:
    certificates = made_certificates(folder)
    registry = stack.enter_context(tls_registry(certificates))
    return debian_bench(stack, registry, request, certificates.trust_in(folder, registry.address))


def debian_bench(
    stack: ExitStack,
    registry: RunningRegistry,
    request: pytest.FixtureRequest,
    folder: Path,
    logins: dict[str, Login] | None = None,
) -> RegistryUnderTest:
    host: str | None = request.getfixturevalue("docker_host")
    address = {"base_url": host} if host else kwargs_from_env()
    raw = stack.enter_context(closing(docker.APIClient(version="auto", **address)))
    known = logins or {}

    def put(repository: str, tag: str) -> Digest:
        mark = uuid4().hex
        name = f"warroom-test/pushed:{mark}"
        raw.import_image_from_data(one_file(mark.encode()), repository="warroom-test/pushed", tag=mark)
        try:
            return registry.push(raw, name, repository, tag)[1]
        finally:
            raw.remove_image(name)

    return RegistryUnderTest(
        client(stack, known, folder), registry.address, put, lambda: registry.count("HEAD", "/manifests/1"), known
    )


def one_file(content: bytes) -> bytes:
    packet = BytesIO()
    with open_tar(fileobj=packet, mode="w") as tar:
        entry = TarInfo("content")
        entry.size = len(content)
        tar.addfile(entry, BytesIO(content))
    return packet.getvalue()


@pytest.fixture(
    params=[
        fake_bench,
        loopback_bench,
        pytest.param(open_bench, marks=pytest.mark.engine),
        pytest.param(guarded_bench, marks=pytest.mark.engine),
        pytest.param(tls_bench, marks=pytest.mark.engine),
    ]
)
def tested(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RegistryUnderTest]:
    with ExitStack() as stack:
        yield request.param(stack, request, tmp_path)


def test_a_name_stands_for_the_digest_under_which_it_was_put(tested: RegistryUnderTest) -> None:
    digest = tested.put("a/b", "1")

    assert tested.registry.look_up(tested.name("a/b")) == Remote(
        digest, Reference(f"{tested.address}/a/b", digest=digest), None
    )


def test_a_name_without_a_tag_stands_for_latest(tested: RegistryUnderTest) -> None:
    digest = tested.put("a/b", "latest")

    assert tested.registry.look_up(tested.name("a/b", tag=None)).digest == digest


def test_a_tag_that_moved_stands_for_another_digest(tested: RegistryUnderTest) -> None:
    old = tested.put("a/b", "1")
    first = tested.registry.look_up(tested.name("a/b")).digest
    new = tested.put("a/b", "1")

    assert (first, tested.registry.look_up(tested.name("a/b")).digest) == (old, new)
    assert old != new


def test_further_look_ups_are_one_question_each(tested: RegistryUnderTest) -> None:
    tested.put("a/b", "1")
    tested.registry.look_up(tested.name("a/b"))
    before = tested.heads()
    for _ in range(3):
        tested.registry.look_up(tested.name("a/b"))

    assert tested.heads() - before == 3


def test_a_name_that_is_not_there_is_told(tested: RegistryUnderTest) -> None:
    tested.put("a/b", "1")
    for name in (tested.name("a/b", "2"), tested.name("nobody/nothing")):
        with pytest.raises(ImageNotFound) as absent:
            tested.registry.look_up(name)
        assert str(name) in absent.value.message


@pytest.mark.parametrize("seconds", [60, None])
def test_a_registry_that_names_a_wait_is_asked_but_once(tmp_path: Path, seconds: int | None) -> None:
    with ExitStack() as stack:
        fake, registry = FakeRegistries(), stack.enter_context(serving(Platform("linux", "amd64")))
        fake.limit("hub.test", seconds)
        registry.limit_heads(seconds)
        real = client(stack, {}, tmp_path)
        names: dict[Lookup, Reference] = {
            fake: Reference("hub.test/a", tag="1"),
            real: Reference(f"{registry.address}/a", tag="1"),
        }
        told: list[float | None] = []
        for asked, name in names.items():
            for _ in range(2):
                with pytest.raises(RegistryLimited) as limited:
                    asked.look_up(name)
                told.append(limited.value.seconds)

    assert told == [seconds] * 4
    assert (len(fake.asked), registry.manifest_heads) == ((1, 1) if seconds else (2, 2))


@pytest.mark.engine
def test_a_guarded_registry_tells_nothing_without_the_right_login(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        tested = guarded_bench(stack, request, tmp_path)
        tested.put("a/b", "1")
        for logins in ({}, {tested.address: Login(USER, "wrong")}, {"other.test": Login(USER, PASSWORD)}):
            with pytest.raises(LoginRefused):
                client(stack, logins, tmp_path).look_up(tested.name("a/b"))


@pytest.mark.engine
def test_a_registry_whose_certificate_is_not_trusted_is_told(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with ExitStack() as stack:
        tested = tls_bench(stack, request, tmp_path)
        outside = Reference(f"{tested.address.replace('127.0.0.1', '0.0.0.0')}/a/b", tag="1")
        with pytest.raises(RegistryUnreachable, match="not trusted"):
            client(stack, {}, tmp_path / "nothing").look_up(outside)
