"""Look-ups that want a login: which one is sent, to whom, how often, and what is said where it does not do."""

from collections.abc import Iterator, Mapping
from time import monotonic

import pytest

from commands.engine.interface import Login, RegistryRules
from commands.errors import LoginRefused, Problem, RegistryLimited, RegistryUnreachable
from commands.model.references import Reference
from commands.registry.challenge import Basic, Bearer, Challenge, challenge_in
from tests.fakes.loopback import LoopbackRequest, Reply, Respond
from tests.fakes.scripted_registry import (
    DIGEST,
    ScriptedRegistry,
    SilentHost,
    basic,
    fails,
    found,
    resets,
    says,
    scripted,
    with_password,
    with_tokens,
)
from tests.kit.registry_client import HEAD, RegistryClientSetup, at, remote

ANN = Login("ann", "s3cret")
WRONG = Login("ann", "wr0ng")
TOKEN_ONLY = Login("<token>", "", identity_token="1dentity")
PASSWORD = basic("ann", "s3cret")
TOKEN_PATH = "/token?service=a+service&scope=repository%3Aa%2Fb%3Apull"
WITH_TOKEN = ("HEAD", "/v2/a/b/manifests/1", "Bearer t0k3n")


@pytest.fixture
def host() -> Iterator[ScriptedRegistry]:
    """A host that wants nothing yet."""
    with scripted(lambda _: found()) as one:
        yield one


def token_service(
    host: ScriptedRegistry, wanted: str | None = None, token: Mapping[str, object] | None = None
) -> Respond:
    return with_tokens(lambda: f"http://{host.address}/token", wanted, token)


def bearer(realm: str) -> Respond:
    return fails(401, {"WWW-Authenticate": f'Bearer realm="{realm}"'})


def refused(setup: RegistryClientSetup, host: ScriptedRegistry, kind: type[Problem] = LoginRefused) -> Problem:
    with setup.client() as client, pytest.raises(kind) as raised:
        client.look_up(at(host))
    told = " ".join((raised.value.message, raised.value.hint, *raised.value.details))
    assert not [secret for secret in ("s3cret", "wr0ng", "t0k3n", "1dentity", PASSWORD) if secret in told]
    return raised.value


# ── How it is asked for ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Basic", Basic()),
        ('basic realm="a, b"', Basic()),
        ("Basic realm=unquoted", Basic()),
        ('Bearer realm="https://a.test/t"', Bearer("https://a.test/t")),
        (
            'BEARER  Realm = "https://a.test/t" , service="a \\"b\\", c",scope="repository:a/b:pull,push"',
            Bearer("https://a.test/t", 'a "b", c', "repository:a/b:pull,push"),
        ),
        ('Basic realm="a", Bearer realm="https://a.test/t"', Bearer("https://a.test/t")),
        ("Negotiate abc==, Basic realm=a", Basic()),
        ('Bearer realm="one",realm="two"', Bearer("one")),
        ("", None),
        ("Bearer", None),
        ("Bearer service=a", None),
        ('Bearer realm="unclosed', None),
        ("=,=,=", None),
        (f'Basic realm="{"a" * 9000}"', None),
        (f'Bearer realm="{chr(92) * 8000}', None),
    ],
)
def test_a_challenge_is_read(header: str, expected: Challenge | None) -> None:
    assert challenge_in(header) == expected


# ── Passwords ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_password_is_sent_after_the_registry_asked_and_at_once_from_then_on(host: ScriptedRegistry) -> None:
    setup = RegistryClientSetup(logins={host.address: ANN})
    host.respond = with_password("ann", "s3cret")
    with setup.client() as client:
        first = client.look_up(at(host))
        client.look_up(Reference(f"{host.address}/c", tag="1"))

    assert first == remote(f"{host.address}/a/b")
    assert host.asked == [HEAD, (*HEAD[:2], PASSWORD), ("HEAD", "/v2/c/manifests/1", PASSWORD)]
    assert setup.logins_asked == [host.address]


def test_a_login_that_changed_is_noticed_when_the_old_one_is_refused(host: ScriptedRegistry) -> None:
    setup = RegistryClientSetup(logins={host.address: ANN})
    host.respond = with_password("ann", "s3cret")
    with setup.client() as client:
        client.look_up(at(host))
        host.respond = with_password("ben", "n3w")
        setup.logins[host.address] = Login("ben", "n3w")
        client.look_up(at(host))

    assert [authorization for *_, authorization in host.asked[2:]] == [PASSWORD, basic("ben", "n3w")]


def test_a_login_that_changed_is_noticed_in_a_while(host: ScriptedRegistry) -> None:
    setup = RegistryClientSetup(logins={host.address: ANN})
    host.respond = with_password("ann", "s3cret")
    with setup.client() as client:
        client.look_up(at(host))
        setup.now = 301.0
        client.look_up(at(host))

    assert setup.logins_asked == [host.address] * 2


def test_a_wrong_password_is_told_and_not_kept(host: ScriptedRegistry) -> None:
    setup = RegistryClientSetup(logins={host.address: WRONG})
    host.respond = with_password("ann", "s3cret")
    problem = refused(setup, host)

    assert problem.message == (
        f"The registry `{host.address}` does not show `{at(host)}` to the login that is configured here."
    )
    assert f"`docker login {host.address}` as the user that this program runs as" in problem.hint
    assert len(host.requests) == 2


def test_the_login_of_another_registry_is_never_sent(host: ScriptedRegistry) -> None:
    setup = RegistryClientSetup(logins={"127.0.0.1": ANN, "docker.io": ANN, "127.0.0.1:1": ANN})
    host.respond = with_password("ann", "s3cret")
    problem = refused(setup, host)

    assert "none is configured here" in problem.message
    assert f"`docker login {host.address}`" in problem.hint
    assert (host.asked, setup.logins_asked) == ([HEAD], [host.address])


def test_an_identity_token_is_no_password(host: ScriptedRegistry) -> None:
    host.respond = with_password("ann", "s3cret")

    assert "identity token" in refused(RegistryClientSetup(logins={host.address: TOKEN_ONLY}), host).message
    assert host.asked == [HEAD]


def test_the_hubs_login_is_found_by_the_hubs_name(host: ScriptedRegistry) -> None:
    setup = RegistryClientSetup(RegistryRules(hub=host.address), logins={"docker.io": ANN})
    host.respond = with_password("ann", "s3cret")
    with setup.client() as client:
        client.look_up(Reference("a/b", tag="1"))

    assert setup.logins_asked == ["docker.io"]


def test_a_registry_that_forbids_and_asks_for_no_login_is_told(host: ScriptedRegistry) -> None:
    setup = RegistryClientSetup(logins={host.address: ANN})
    host.respond = fails(403)

    assert "asks for no login" in refused(setup, host).message
    assert (host.asked, setup.logins_asked) == ([HEAD], [])


def test_a_login_that_is_known_but_may_not_see_the_image_is_told(host: ScriptedRegistry) -> None:
    def respond(request: LoopbackRequest) -> Reply:
        return Reply(403) if request.authorization else Reply(401, {"WWW-Authenticate": "Basic"})

    host.respond = respond

    assert (
        "to the login that is configured here" in refused(RegistryClientSetup(logins={host.address: ANN}), host).message
    )


def test_a_limit_holds_also_for_those_who_log_in(host: ScriptedRegistry) -> None:
    def respond(request: LoopbackRequest) -> Reply:
        return with_password("x", "y")(request) if len(host.requests) == 1 else fails(429)(request)

    host.respond = respond
    refused(RegistryClientSetup(logins={host.address: ANN}), host, RegistryLimited)


# ── Tokens ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_token_for_anybody_is_fetched_once_for_each_repository(host: ScriptedRegistry) -> None:
    setup = RegistryClientSetup()
    host.respond = token_service(host)
    with setup.client() as client:
        answers = [client.look_up(at(host)) for _ in range(3)]

    assert answers == [remote(f"{host.address}/a/b")] * 3
    assert host.asked == [HEAD, ("GET", TOKEN_PATH, None), *[WITH_TOKEN] * 3]


def test_a_token_of_one_repository_is_not_sent_for_another(host: ScriptedRegistry) -> None:
    host.respond = token_service(host)
    with RegistryClientSetup().client() as client:
        client.look_up(at(host))
        client.look_up(Reference(f"{host.address}/c", tag="1"))

    assert ("HEAD", "/v2/c/manifests/1", None) in host.asked


def test_a_token_that_has_expired_is_not_kept(host: ScriptedRegistry) -> None:
    setup = RegistryClientSetup()
    host.respond = token_service(host)
    with setup.client() as client:
        for number in range(5):
            client.look_up(Reference(f"{host.address}/repository{number}", tag="1"))
            setup.now += 30

        assert len(client._access._grants) == 2


@pytest.mark.parametrize(
    ("token", "good_for"),
    [
        ({"token": "t0k3n"}, 55),
        ({"access_token": "t0k3n"}, 55),
        ({"token": "t0k3n", "expires_in": 300}, 295),
        ({"token": "t0k3n", "expires_in": 10**12}, 3595),
        ({"token": "t0k3n", "expires_in": -1}, 55),
        ({"token": "t0k3n", "expires_in": "long"}, 55),
    ],
)
def test_a_token_is_used_while_it_is_good(host: ScriptedRegistry, token: Mapping[str, object], good_for: int) -> None:
    setup = RegistryClientSetup()
    host.respond = token_service(host, None, token)
    with setup.client() as client:
        client.look_up(at(host))
        setup.now = good_for - 1
        client.look_up(at(host))
        before = len(host.requests)
        setup.now = good_for + 1
        client.look_up(at(host))

    assert (before, len(host.requests)) == (4, 7)


def test_a_login_goes_to_the_token_service_and_not_to_the_registry(host: ScriptedRegistry) -> None:
    host.respond = token_service(host, PASSWORD)
    with RegistryClientSetup(logins={host.address: ANN}).client() as client:
        client.look_up(at(host))

    assert host.asked == [HEAD, ("GET", TOKEN_PATH, PASSWORD), WITH_TOKEN]


def test_an_identity_token_is_posted(host: ScriptedRegistry) -> None:
    host.respond = token_service(host, "1dentity", {"access_token": "t0k3n"})
    with RegistryClientSetup(logins={host.address: TOKEN_ONLY}).client() as client:
        client.look_up(at(host))

    assert host.asked == [HEAD, ("POST", "/token", None), WITH_TOKEN]
    assert host.requests[1].body.decode() == (
        "grant_type=refresh_token&refresh_token=1dentity&client_id=warroom"
        "&service=a+service&scope=repository%3Aa%2Fb%3Apull"
    )


@pytest.mark.parametrize("login", [WRONG, TOKEN_ONLY])
def test_a_login_that_the_token_service_refuses_is_told(host: ScriptedRegistry, login: Login) -> None:
    host.respond = token_service(host, PASSWORD)

    assert (
        "to the login that is configured here"
        in refused(RegistryClientSetup(logins={host.address: login}), host).message
    )
    assert len(host.requests) == 2


def test_a_token_that_is_not_enough_is_told(host: ScriptedRegistry) -> None:
    host.respond = token_service(host, None, {"token": "an0ther"})

    assert "none is configured here" in refused(RegistryClientSetup(), host).message
    assert [method for method, *_ in host.asked] == ["HEAD", "GET", "HEAD"]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (lambda _: says(b"not json"), "returns no token"),
        (lambda _: says(b"[" * 60_000), "returns no token"),
        (lambda _: says(["t0k3n"]), "returns no token"),
        (lambda _: says({"token": None}), "returns no token"),
        (lambda _: says({"token": ""}), "returns no token"),
        (lambda _: says({"token": "two\r\nX-Header: lines"}), "returns no token"),
        (lambda _: says({"token": "a" * 20_000}), "returns no token"),
        (lambda _: says({"token": "a" * 100_000}), "too long"),
        (lambda _: says({}, 500), "HTTP 500"),
        (lambda _: Reply(302, {"Location": "/elsewhere"}), "HTTP 302"),
        (resets, "the connection broke"),
    ],
)
def test_a_token_service_that_fails_is_told(host: ScriptedRegistry, reply: Respond, reason: str) -> None:
    with scripted(reply) as service:
        host.respond = bearer(f"http://{service.address}/token")
        problem = refused(RegistryClientSetup(), host, RegistryUnreachable)

    assert reason in problem.message
    assert f"`{host.address}`" in problem.message


@pytest.mark.parametrize("kind", ["respond", "drip", "drip_body"])
def test_a_token_service_that_says_next_to_nothing_is_not_waited_for(host: ScriptedRegistry, kind: str) -> None:
    silence = SilentHost()
    # The body's time is that of the real clock.
    with (
        scripted(getattr(silence, kind)) as service,
        RegistryClientSetup(clock=monotonic).client(seconds=0.3) as client,
    ):
        host.respond = bearer(f"http://{service.address}/token")
        with pytest.raises(RegistryUnreachable, match="does not answer"):
            client.look_up(at(host))
        silence.end()


def test_a_limit_of_the_token_service_is_one_of_the_registry(host: ScriptedRegistry) -> None:
    with scripted(fails(429, {"Retry-After": "60"})) as service, RegistryClientSetup().client() as client:
        host.respond = bearer(f"http://{service.address}/token")
        for _ in range(2):
            with pytest.raises(RegistryLimited):
                client.look_up(at(host))

    assert (len(host.requests), len(service.requests)) == (1, 1)


@pytest.mark.parametrize(
    "realm", ["", "/token", "ftp://a.test/", "https://ann:s3cret@a.test/", "http://[a", "http://a.test:99999/", "http:"]
)
def test_a_token_service_without_an_address_is_not_asked(host: ScriptedRegistry, realm: str) -> None:
    host.respond = bearer(realm)
    problem = refused(RegistryClientSetup(logins={host.address: ANN}), host, RegistryUnreachable)

    assert "without a valid address" in problem.message


# ── Elsewhere ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_login_does_not_follow_to_another_host(host: ScriptedRegistry) -> None:
    def respond(request: LoopbackRequest) -> Reply:
        let_in = with_password("ann", "s3cret")(request).status == 200
        return Reply(307, {"Location": f"http://{other.address}/v2/x"}) if let_in else Reply(401, asks)

    asks = {"WWW-Authenticate": "Basic"}
    with scripted(lambda _: found()) as other, RegistryClientSetup(logins={host.address: ANN}).client() as client:
        host.respond = respond

        assert client.look_up(at(host)) == remote(f"{host.address}/a/b")
        assert other.asked == [("HEAD", "/v2/x", None)]


def test_another_host_that_wants_a_login_gets_none(host: ScriptedRegistry) -> None:
    with scripted(with_password("ann", "s3cret")) as other:
        host.respond = fails(307, {"Location": f"http://{other.address}/v2/x"})
        problem = refused(
            RegistryClientSetup(logins={host.address: ANN, other.address: ANN}), host, RegistryUnreachable
        )

    assert "another host that requires a login" in problem.message
    assert other.asked == [("HEAD", "/v2/x", None)]


def test_a_login_follows_within_its_host(host: ScriptedRegistry) -> None:
    def respond(request: LoopbackRequest) -> Reply:
        answer = with_password("ann", "s3cret")(request)
        moved = answer.status == 200 and len(host.requests) == 2
        return Reply(301, {"Location": "/v2/moved"}) if moved else answer

    host.respond = respond
    with RegistryClientSetup(logins={host.address: ANN}).client() as client:
        client.look_up(at(host))

    assert host.asked[-1] == ("HEAD", "/v2/moved", PASSWORD)


def test_a_token_service_outside_without_tls_gets_no_login(
    host: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    host.respond = with_tokens(lambda: f"http://{host.outside}/token", PASSWORD)
    setup = RegistryClientSetup(logins={host.address: ANN})

    assert "not sent unprotected" in refused(setup, host).message
    assert (host.asked, setup.logins_asked) == ([HEAD, ("GET", TOKEN_PATH, None)], [])


def test_the_digest_comes_through_with_all_of_it(host: ScriptedRegistry) -> None:
    host.respond = token_service(host, PASSWORD)
    with RegistryClientSetup(logins={host.address: ANN}).client() as client:
        assert client.look_up(at(host)).digest == DIGEST
