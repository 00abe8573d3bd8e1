"""Which registries may be asked: by default none that only a name on the host speaks for."""

import pytest

from bot.settings import Settings, load_settings
from bot.wiring import allowed_registries, make_registry
from commands.docker_image_create import answer, parse
from commands.errors import Misconfigured, RegistryNotAllowed
from commands.host.allowed import AllowedRegistries, registry_named
from commands.model.images import Digest, ListedImage
from commands.model.outcomes import Ending
from commands.model.references import Malformed, Reference
from commands.recipe.labels import JOB
from commands.registry.sites import is_inside
from tests.fakes.engine import FakeEngine
from tests.fakes.host import Host
from tests.fakes.registries import FakeRegistries
from tests.kit.dependencies import sources_on
from tests.kit.update_requests import UpdateRequests
from tests.kit.updates import UpdateHost

DIGEST = f"sha256:{'d' * 64}"
BASE = Reference("base.example/python", "3")


def settings(**changes: object) -> Settings:
    return Settings.model_validate({"default_base": str(BASE), "docker_host": "unix:///fake.sock", **changes})


def may_be_asked(name: str, engine: FakeEngine | None = None, **changes: object) -> bool:
    try:
        allowed_registries(settings(**changes), engine or FakeEngine()).require(Reference.parse(name))
    except RegistryNotAllowed:
        return False
    return True


# ── Without the setting ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["python", "a/b:1", "docker.io/a/b", "index.docker.io/a/b", "base.example/other"])
def test_the_hub_and_the_registry_of_the_default_base_may_be_asked(name: str) -> None:
    assert may_be_asked(name)


@pytest.mark.parametrize(
    "name",
    [
        "evil.example/x",
        "base.example:5000/python",
        "localhost/x",
        "localhost:5000/x",
        "a.localhost/x",
        "registry:5000/x",
        "127.0.0.1/x",
        "127.0.0.1:5000/x",
        "127.1:5000/x",
        "10.0.0.5:5000/x",
        "169.254.169.254/latest/meta-data",
        "192.168.1.1/x",
        "8.8.8.8/x",
        "2130706433:5000/x",
        "0x7f000001:5000/x",
        "0x7f.0.0.1/x",
        "0177.0.0.1/x",
        "127.0.0.1.nip.example/x",
    ],
)
def test_no_other_host_may_be_asked(name: str) -> None:
    assert not may_be_asked(name)


@pytest.mark.parametrize("name", ["[::1]:5000/x", "[fe80::1]/x", "::1/x"])
def test_an_address_with_colons_is_no_name_of_an_image(name: str) -> None:
    with pytest.raises(Malformed):
        Reference.parse(name)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:5000", "10.0.0.5", "registry:5000", "2130706433:5000"])
def test_a_default_base_inside_the_network_opens_its_registry_to_nobody(host: str) -> None:
    assert not may_be_asked(f"{host}/other", default_base=f"{host}/python3-deb:bookworm")


def test_a_registry_by_whose_digest_the_host_knows_an_image_may_be_asked() -> None:
    engine = FakeEngine()
    engine.add_image("127.0.0.1:5000/a:1", repo_digests=(f"127.0.0.1:5000/a@{DIGEST}",))

    assert may_be_asked("127.0.0.1:5000/other", engine)
    assert not may_be_asked("127.0.0.1:5001/other", engine)


def test_a_name_alone_lets_no_registry_be_asked() -> None:
    engine = FakeEngine()
    engine.add_image("evil.example/x:1")

    assert not may_be_asked("evil.example/y", engine)


def test_an_image_that_the_bot_made_lets_no_registry_be_asked_also_where_a_daemon_notes_a_digest() -> None:
    engine = FakeEngine()
    engine.add_image("evil.example/x:1", repo_digests=(f"evil.example/x@{DIGEST}",), labels={JOB: "d-1"})

    assert not may_be_asked("evil.example/y", engine)


def test_what_is_on_the_host_is_remembered_for_a_while_and_what_is_not_is_looked_for_again() -> None:
    engine, now, asked = FakeEngine(), [0.0], [0]

    def listing() -> tuple[ListedImage, ...]:
        asked[0] += 1
        return engine.listing()

    allowed = AllowedRegistries(listing, BASE, monotonic=lambda: now[0])
    name = Reference("a.example/x")
    with pytest.raises(RegistryNotAllowed):
        allowed.require(name)
    image = engine.add_image("a.example/x:1", repo_digests=(f"a.example/x@{DIGEST}",))
    allowed.require(name)
    allowed.require(name)
    assert asked == [2]

    engine.remove_image(image.id)
    now[0] = 100.0
    with pytest.raises(RegistryNotAllowed):
        allowed.require(name)


# ── With the setting ────────────────────────────────────────────────────────────────────────────────────────────────


def test_only_what_is_named_may_be_asked() -> None:
    engine = FakeEngine()
    engine.add_image("a.example/x:1", repo_digests=(f"a.example/x@{DIGEST}",))
    named = "10.0.0.5:5000, Reg.Example ,index.docker.io"

    allowed = [
        name
        for name in ("10.0.0.5:5000/x", "10.0.0.5/x", "reg.example/x", "python", "a.example/x", "base.example/x")
        if may_be_asked(name, engine, registries=named)
    ]
    assert allowed == ["10.0.0.5:5000/x", "reg.example/x", "python"]


@pytest.mark.parametrize("registries", ["", "docker.io"])
def test_the_mirror_of_the_hub_may_be_asked(registries: str) -> None:
    assert may_be_asked("mirror.example:5000/a", registry_mirror="mirror.example:5000/hub", registries=registries)


@pytest.mark.parametrize("text", ["https://a.example", "a.example/path", "word", "a b", "-x.example", "[::1]:5000"])
def test_what_names_no_registry_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="host"):
        registry_named(text)


def test_the_settings_say_which_registry_is_none() -> None:
    with pytest.raises(Misconfigured) as problem:
        load_settings(registries="a.example,https://b.example")
    assert "https://b.example" in problem.value.details[0]


# ── Where it is asked ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_base_at_a_foreign_registry_is_refused_before_anybody_is_asked() -> None:
    host, hub = Host(), FakeRegistries()
    hub.forbidden.add("evil.example")
    host.offer("evil.example/x:latest")

    told = answer(parse("name=a base=evil.example/x"), sources_on(host.engine, hub), lambda _: None)

    assert "evil.example may not be asked" in str(told)
    assert host.engine.pulls == []


def test_a_base_that_is_on_the_host_needs_no_registry() -> None:
    host, hub = Host(), FakeRegistries()
    hub.forbidden.add("evil.example")
    host.add_base("evil.example/x")

    told = answer(parse("name=a base=evil.example/x"), sources_on(host.engine, hub), lambda _: None)

    assert "evil.example/x" in str(told)
    assert "may not be asked" not in str(told)


def test_the_client_of_registries_asks_no_foreign_one() -> None:
    registry = make_registry(settings(), FakeEngine())
    for ask in (registry.look_up, registry.require):
        with pytest.raises(RegistryNotAllowed) as problem:
            ask(Reference("127.0.0.1:1/x", "1"))
        assert "`127.0.0.1:1`" in problem.value.message
        assert "`registries`" in problem.value.hint
    registry.close()


def test_an_update_of_an_image_whose_registry_may_not_be_asked_says_so() -> None:
    requests = UpdateRequests()
    requests.hub.forbidden.add("hub.test")
    requests.engine.add_image("hub.test/a:1", repo_digests=(f"hub.test/a@{DIGEST}",))

    assert "hub.test may not be asked" in str(requests.answer("image=hub.test/a:1"))
    assert requests.hub.asked == []


def test_a_newer_base_of_a_rebuild_is_not_pulled_from_a_foreign_registry() -> None:
    requests = UpdateRequests()
    requests.base("python")
    requests.made("name=tool dependencies=mechanize base=python")
    requests.hub.mirror = "mirror.test"
    offered = requests.host.offer("mirror.test/library/python:latest")
    requests.hub.digests["python:latest"] = Digest(offered.repo_digests[0].partition("@")[2])
    requests.hub.forbidden.add("mirror.test")

    assert "mirror.test may not be asked" in str(requests.answer("image=tool"))
    assert requests.engine.pulls == []


def test_a_pull_that_was_confirmed_is_not_begun_at_a_registry_that_was_taken_away() -> None:
    host = UpdateHost()
    proposal = host.outdated("hub.test/a:1")
    before = len(host.engine.pulls)
    host.hub.forbidden.add("hub.test")

    result = host.result(proposal)

    assert (result.ending, result.reason) == (Ending.FAILED, "hub.test may not be asked.")
    assert len(host.engine.pulls) == before


# ── Names of the inner network ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "host",
    ["localhost", "x.localhost", "a:1", "a", "127.0.0.1", "1.2.3.4:5", "0x1", "a.0x7f", "[::1]:5", "a.local", "a.0x"],
)
def test_a_host_of_the_inner_network_is_known_by_its_name(host: str) -> None:
    assert is_inside(host)


@pytest.mark.parametrize("host", ["docker.io", "a.example:5000", "1.example", "0x7f.example", "localhost.example"])
def test_a_host_of_the_internet_is_none(host: str) -> None:
    assert not is_inside(host)
