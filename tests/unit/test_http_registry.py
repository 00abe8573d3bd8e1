"""Look-ups at scripted hosts on loopback: digests, limits, faults, mirrors."""

from collections.abc import Callable
from email.utils import formatdate

import pytest

from commands.engine.interface import RegistryRules
from commands.errors import (
    ImageNotFound,
    Misconfigured,
    RegistryLimited,
    RegistryUnreachable,
)
from commands.model.references import Reference
from commands.registry.http_registry import HttpRegistry
from commands.registry.interface import Quota
from tests.fakes.loopback import LoopbackRequest, Reply, Respond
from tests.fakes.scripted_registry import DIGEST, SilentHost, fails, found, resets, scripted
from tests.kit.registry_client import HEAD, NOW, RegistryClientSetup, at, problem_of, remote

# ── What is asked ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_look_up_is_one_head_and_knows_nobody() -> None:
    setup = RegistryClientSetup()
    with setup.client() as client, scripted(lambda _: found()) as host:
        answers = [client.look_up(at(host)) for _ in range(3)]

    assert answers == [remote(f"{host.address}/a/b")] * 3
    assert host.asked == [HEAD] * 3
    assert setup.logins_asked == []


def test_a_name_without_a_tag_means_latest_and_one_by_digest_that_digest() -> None:
    with RegistryClientSetup().client() as client, scripted(lambda _: found()) as host:
        client.look_up(at(host, tag=None))
        client.look_up(Reference(f"{host.address}/a/b", digest=DIGEST))

    assert [path for _, path, _ in host.asked] == ["/v2/a/b/manifests/latest", f"/v2/a/b/manifests/{DIGEST}"]


def test_the_digest_of_an_index_is_asked_for_before_that_of_one_platform() -> None:
    with RegistryClientSetup().client() as client, scripted(lambda _: found()) as host:
        client.look_up(at(host))

    assert host.requests[0].headers["Accept"].split(", ") == [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]


def test_proxies_and_netrc_are_not_for_loopback(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with RegistryClientSetup().client() as client, scripted(lambda _: found()) as host:
        client.look_up(at(host))

    assert host.asked == [HEAD]


def test_the_proxy_of_the_environment_is_for_hosts_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    setup = RegistryClientSetup(RegistryRules(hub="", insecure=("registry.invalid",)))
    with setup.client() as client, scripted(lambda _: found()) as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
        monkeypatch.setenv("https_proxy", f"http://{proxy.address}")

        # It refuses to pass TLS on, so that the host is asked without.
        assert client.look_up(Reference("registry.invalid/a/b", tag="1")) == remote("registry.invalid/a/b")
        assert proxy.asked == [("HEAD", "http://registry.invalid/v2/a/b/manifests/1", None)]


# ── What it allows ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("remaining", "limit", "expected"),
    [
        ("76;w=21600", "100;w=21600", Quota(76, 100, 21600)),
        ("76", "100", Quota(76, 100)),
        ("0 ; w=60", None, Quota(0, None, 60)),
        ("5", "100;w=60", Quota(5, 100, 60)),
        (None, "100;w=21600", None),
        ("many", "100", None),
        ("-1", None, None),
        ("9" * 40, None, None),
    ],
)
def test_the_quota_is_read_where_it_is_told(remaining: str | None, limit: str | None, expected: Quota | None) -> None:
    told = {"ratelimit_remaining": remaining, "ratelimit_limit": limit}
    reply = found(DIGEST, **{name: value for name, value in told.items() if value is not None})
    with RegistryClientSetup().client() as client, scripted(lambda _: reply) as host:
        assert client.look_up(at(host)).quota == expected


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("30", 30.0), (formatdate(NOW + 30, usegmt=True), 30.0), ("999999999", 86400.0)],
)
def test_a_registry_that_names_a_wait_is_not_asked_meanwhile(header: str, seconds: float) -> None:
    setup = RegistryClientSetup()
    with setup.client() as client, scripted(fails(429, {"Retry-After": header})) as host:
        with pytest.raises(RegistryLimited) as first:
            client.look_up(at(host))
        host.respond = lambda _: found()
        setup.now = 10.0
        with pytest.raises(RegistryLimited) as second:
            client.look_up(Reference(f"{host.address}/another", tag="2"))
        asked_meanwhile = len(host.requests)
        setup.now = seconds
        client.look_up(at(host))

    assert (first.value.seconds, second.value.seconds, asked_meanwhile) == (seconds, seconds - 10, 1)


@pytest.mark.parametrize("header", [None, "0", "soon", "-5", "Thu, 99 Foo 2099", formatdate(NOW - 5, usegmt=True)])
def test_a_registry_that_names_no_wait_may_be_asked_again(header: str | None) -> None:
    with (
        RegistryClientSetup().client() as client,
        scripted(fails(429, {"Retry-After": header} if header else {})) as host,
    ):
        with pytest.raises(RegistryLimited) as limited:
            client.look_up(at(host))
        host.respond = lambda _: found()
        client.look_up(at(host))

    assert not limited.value.seconds
    assert len(host.requests) == 2


def test_a_wait_of_one_registry_is_not_that_of_another() -> None:
    with (
        RegistryClientSetup().client() as client,
        scripted(fails(429, {"Retry-After": "60"})) as limited,
        scripted(lambda _: found()) as free,
    ):
        with pytest.raises(RegistryLimited):
            client.look_up(at(limited))

        assert client.look_up(at(free)) == remote(f"{free.address}/a/b")


# ── What goes wrong ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_image_that_is_not_there_is_told() -> None:
    assert "has no image" in problem_of(fails(404), ImageNotFound).message


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (fails(500), "HTTP 500 Internal Server Error"),
        (fails(400), "HTTP 400 Bad Request"),
        (fails(599), "HTTP 599"),
        (fails(204), "HTTP 204 No Content"),
        (resets, "the connection broke"),
        (lambda _: found(None), "does not send digests"),
        (lambda _: found("sha256:4d"), "a malformed digest"),
        (lambda _: found("sha512:" + "4d" * 64), "a malformed digest"),
        (lambda _: found(DIGEST.upper()), "a malformed digest"),
        (fails(307), "redirects too many times"),
        (fails(307, {"Location": "gopher://127.0.0.1/"}), "redirects to an invalid address"),
        (fails(307, {"Location": "http://[oops/"}), "redirects to an invalid address"),
        (fails(307, {"Location": "http://registry.invalid/"}), "without TLS"),
        (fails(401), "a kind of login"),
        (fails(401, {"WWW-Authenticate": "Negotiate"}), "a kind of login"),
        (fails(401, {"WWW-Authenticate": "Bearer service=x"}), "a kind of login"),
        (fails(401, {"WWW-Authenticate": "\xff" * 100}), "a kind of login"),
    ],
)
def test_what_is_no_answer_of_a_registry_is_told_with_its_reason(reply: Respond, reason: str) -> None:
    assert reason in problem_of(reply, RegistryUnreachable).message


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (fails(307, {"Location": "https://169.254.169.254/latest"}), "redirects to the internal network"),
        (fails(307, {"Location": "https://2130706433:5000/"}), "redirects to the internal network"),
        (fails(307, {"Location": "https://vault/"}), "redirects to the internal network"),
        (fails(307, {"Location": "https://localhost/"}), "redirects to this machine"),
        (fails(401, {"WWW-Authenticate": 'Bearer realm="https://10.0.0.5/token"'}), "service in the internal network"),
        (fails(401, {"WWW-Authenticate": 'Bearer realm="https://[::1]/token"'}), "service in the internal network"),
    ],
)
def test_a_registry_of_the_internet_leads_nobody_into_the_inner_network(
    reply: Respond, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    rules = RegistryRules(hub="hub.invalid", insecure=("registry.example",))
    with RegistryClientSetup(rules).client() as client, scripted(reply) as host:
        # The host plays the proxy, behind which every name is what it says.
        monkeypatch.setenv("http_proxy", f"http://{host.address}")
        monkeypatch.setenv("https_proxy", f"http://{host.address}")
        with pytest.raises(RegistryUnreachable) as unreachable:
            client.look_up(Reference("registry.example/a/b", "1"))

    assert reason in unreachable.value.message
    assert len(host.asked) == 1


@pytest.mark.parametrize("kind", ["respond", "drip", "drip_status"])
def test_a_registry_that_says_next_to_nothing_is_not_waited_for(kind: str) -> None:
    silence = SilentHost()
    with RegistryClientSetup().client(seconds=0.3) as client, scripted(getattr(silence, kind)) as host:
        with pytest.raises(RegistryUnreachable) as unreachable:
            client.look_up(at(host))
        silence.end()

    assert "no answer within 0.3 s" in unreachable.value.message


def test_a_registry_that_is_not_there_is_told() -> None:
    with scripted(lambda _: found()) as host:
        reference = at(host)
    with RegistryClientSetup().client() as client, pytest.raises(RegistryUnreachable) as unreachable:
        client.look_up(reference)

    assert "connection refused" in unreachable.value.message


@pytest.mark.parametrize("name", ["127.0.0.1:99999/a", "127.0.0.1:0/a", f"{'a' * 80}.localhost:1/a"])
def test_an_address_that_nobody_can_have_is_told(name: str) -> None:
    with RegistryClientSetup().client(seconds=1) as client, pytest.raises(RegistryUnreachable):
        client.look_up(Reference.parse(name))


def test_a_registry_that_was_away_is_asked_again() -> None:
    with RegistryClientSetup().client() as client, scripted(lambda _: found()) as host:
        client.look_up(at(host))
        host.respond = resets
        with pytest.raises(RegistryUnreachable):
            client.look_up(at(host))
        host.respond = lambda _: found()

        assert client.look_up(at(host)) == remote(f"{host.address}/a/b")


# ── Mirrors ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_hub_is_where_the_daemon_says() -> None:
    setup = RegistryClientSetup()
    with setup.client() as client, scripted(lambda _: found()) as hub:
        setup.rules = RegistryRules(hub=hub.address)

        assert client.look_up(Reference("python", tag="3")) == remote("python")
        assert hub.asked == [("HEAD", "/v2/library/python/manifests/3", None)]


@pytest.mark.parametrize("prefix", ["", "/some/where"])
def test_the_mirror_of_the_settings_answers_for_the_hub_and_is_the_source(prefix: str) -> None:
    with (
        scripted(lambda _: found()) as mirror,
        RegistryClientSetup().client(mirror=f"{mirror.address}{prefix}") as client,
    ):
        answer = client.look_up(Reference("demisto/python3", tag="1"))

    assert answer == remote(f"{mirror.address}{prefix}/demisto/python3")
    assert [path for _, path, _ in mirror.asked] == [f"/v2{prefix}/demisto/python3/manifests/1"]


def test_the_mirror_of_the_settings_is_for_the_hub_alone() -> None:
    with (
        scripted(lambda _: found()) as mirror,
        scripted(lambda _: found()) as own,
        RegistryClientSetup().client(mirror=mirror.address) as client,
    ):
        client.look_up(at(own))

    assert (mirror.asked, own.asked) == ([], [HEAD])


@pytest.mark.parametrize(
    "mirror", ["mirror", "https://mirror.test:5000", "mirror.test/", "Mirror.test/UP", "a b", "mirror.test/../x", "@"]
)
def test_a_mirror_that_is_no_address_is_refused_at_once(mirror: str) -> None:
    with pytest.raises(Misconfigured):
        HttpRegistry(lambda: RegistryRules(hub=""), lambda _: None, mirror=mirror)


def test_the_mirrors_of_the_daemon_are_asked_first_and_the_source_is_as_ever() -> None:
    setup = RegistryClientSetup()
    with setup.client() as client, scripted(lambda _: found()) as mirror, scripted(lambda _: found()) as hub:
        setup.rules = RegistryRules(hub=hub.address, mirrors=(f"http://{mirror.address}/",))

        assert client.look_up(Reference("python", tag="3")) == remote("python")
        assert (len(mirror.requests), len(hub.requests)) == (1, 0)


def unavailable(_: LoopbackRequest) -> Reply:
    return Reply(503)


@pytest.mark.parametrize(
    "mirrored",
    [
        unavailable,
        resets,
        fails(404),
        fails(429, {"Retry-After": "60"}),
        fails(401, {"WWW-Authenticate": "Basic"}),
        lambda _: found(None),
    ],
)
def test_the_hub_is_asked_where_the_daemons_mirror_fails(mirrored: Callable[[LoopbackRequest], Reply]) -> None:
    setup = RegistryClientSetup()
    with setup.client() as client, scripted(mirrored) as mirror, scripted(lambda _: found()) as hub:
        setup.rules = RegistryRules(hub=hub.address, mirrors=("no address!", f"http://{mirror.address}"))

        assert client.look_up(Reference("python", tag="3")) == remote("python")
        assert (len(mirror.requests), len(hub.requests)) == (1, 1)


def test_the_hubs_own_word_is_told_where_all_fail() -> None:
    setup = RegistryClientSetup()
    with setup.client() as client, scripted(unavailable) as mirror, scripted(fails(404)) as hub:
        setup.rules = RegistryRules(hub=hub.address, mirrors=(mirror.address,))
        with pytest.raises(ImageNotFound) as absent:
            client.look_up(Reference("python", tag="3"))

    assert absent.value.message == "The registry `docker.io` has no image `python:3`."
