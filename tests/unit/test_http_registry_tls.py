"""Look-ups over TLS and without: whose certificates are trusted, and what is never sent unprotected.

0.0.0.0 stands for a host outside: it leads to this machine, but neither Docker nor the program takes it for loopback.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from commands.engine.interface import Login, RegistryRules
from commands.errors import LoginRefused, RegistryUnreachable
from commands.model.references import Reference
from tests.fakes.loopback import Respond
from tests.fakes.scripted_registry import ScriptedRegistry, basic, fails, found, scripted, with_password, with_tokens
from tests.kit.certificates import Certificates, made_certificates
from tests.kit.registry_client import HEAD, RegistryClientSetup, at, remote

ANN = Login("ann", "s3cret")
PASSWORD = basic("ann", "s3cret")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return made_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return made_certificates(tmp_path_factory.mktemp("foreign"))


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def host(certificates: Certificates) -> Iterator[ScriptedRegistry]:
    """A host that speaks TLS."""
    with scripted(lambda _: found(), certificates.context()) as one:
        yield one


@pytest.fixture
def plain() -> Iterator[ScriptedRegistry]:
    """A host that does not."""
    with scripted(lambda _: found()) as one:
        yield one


def outside(host: ScriptedRegistry) -> Reference:
    return Reference(f"{host.outside}/a/b", tag="1")


# ── Whom to trust ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_loopback_may_show_any_certificate_as_with_docker(host: ScriptedRegistry) -> None:
    with RegistryClientSetup().client() as client:
        answers = [client.look_up(at(host)) for _ in range(2)]

    assert answers == [remote(f"{host.address}/a/b")] * 2
    assert host.asked == [HEAD] * 2


def test_a_certificate_of_a_registrys_own_folder_is_trusted(
    host: ScriptedRegistry, certificates: Certificates, tmp_path: Path
) -> None:
    folder = certificates.trust_in(tmp_path, host.outside)
    with RegistryClientSetup().client(certificates=folder) as client:
        assert client.look_up(outside(host)) == remote(f"{host.outside}/a/b")


def test_a_certificate_of_the_bundle_is_trusted(host: ScriptedRegistry, certificates: Certificates) -> None:
    with RegistryClientSetup().client(ca_bundle=certificates.authority) as client:
        assert client.look_up(outside(host)) == remote(f"{host.outside}/a/b")


def test_a_certificate_that_nobody_vouches_for_is_told_and_nothing_is_asked(
    host: ScriptedRegistry, tmp_path: Path
) -> None:
    with (
        RegistryClientSetup().client(certificates=tmp_path) as client,
        pytest.raises(RegistryUnreachable) as unreachable,
    ):
        client.look_up(outside(host))

    assert unreachable.value.message.startswith(f"The certificate of the registry `{host.outside}` is not trusted: ")
    assert f"`{tmp_path}/{host.outside}/ca.crt`" in unreachable.value.hint
    assert host.asked == []


def test_a_certificate_that_is_put_there_counts_from_the_next_look_up_on(
    host: ScriptedRegistry, certificates: Certificates, tmp_path: Path
) -> None:
    with RegistryClientSetup().client(certificates=tmp_path) as client:
        with pytest.raises(RegistryUnreachable):
            client.look_up(outside(host))
        certificates.trust_in(tmp_path, host.outside)

        assert client.look_up(outside(host)) == remote(f"{host.outside}/a/b")


def test_where_loopback_has_a_folder_only_its_certificates_will_do(
    host: ScriptedRegistry, plain: ScriptedRegistry, foreign: Certificates, tmp_path: Path
) -> None:
    for one in (host, plain):
        foreign.trust_in(tmp_path, one.address)
    with RegistryClientSetup().client(certificates=tmp_path) as client:
        for one in (host, plain):
            with pytest.raises(RegistryUnreachable):
                client.look_up(at(one))

    assert (host.asked, plain.asked) == ([], [])


def test_a_folder_of_another_host_counts_for_nothing(
    host: ScriptedRegistry, certificates: Certificates, tmp_path: Path
) -> None:
    certificates.trust_in(tmp_path, "0.0.0.0")
    with RegistryClientSetup().client(certificates=tmp_path) as client, pytest.raises(RegistryUnreachable):
        client.look_up(outside(host))


@pytest.mark.parametrize("content", [b"", b"no certificate"])
def test_a_file_without_certificates_is_named(host: ScriptedRegistry, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / host.outside / "ca.crt"
    file.parent.mkdir()
    file.write_bytes(content)
    with (
        RegistryClientSetup().client(certificates=tmp_path) as client,
        pytest.raises(RegistryUnreachable) as unreachable,
    ):
        client.look_up(outside(host))

    assert f"`{file}`" in unreachable.value.message


# ── With TLS or without ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_host_outside_is_never_asked_without_tls(plain: ScriptedRegistry) -> None:
    with RegistryClientSetup().client() as client, pytest.raises(RegistryUnreachable) as unreachable:
        client.look_up(outside(plain))

    assert "the TLS handshake failed" in unreachable.value.message
    assert plain.asked == []


@pytest.mark.parametrize("entry", ["{}", "0.0.0.0/8"])
@pytest.mark.parametrize("encrypted", [True, False])
def test_a_host_that_the_daemon_takes_as_it_is_is_taken_so(
    entry: str, encrypted: bool, host: ScriptedRegistry, plain: ScriptedRegistry
) -> None:
    one = host if encrypted else plain
    setup = RegistryClientSetup(
        RegistryRules(hub="", insecure=("other.test:1", "10.0.0.0/8", entry.format(one.outside)))
    )
    with setup.client() as client:
        assert client.look_up(outside(one)) == remote(f"{one.outside}/a/b")
    assert one.asked == [HEAD]


@pytest.mark.parametrize("entry", ["0.0.0.0", "0.0.0.0:1", "10.0.0.0/8", "::/0", "nonsense/99"])
def test_another_entry_of_the_daemon_changes_nothing(entry: str, plain: ScriptedRegistry) -> None:
    setup = RegistryClientSetup(RegistryRules(hub="", insecure=(entry,)))
    with setup.client() as client, pytest.raises(RegistryUnreachable):
        client.look_up(outside(plain))


def test_a_registry_that_begins_to_speak_tls_is_found_again(
    plain: ScriptedRegistry, certificates: Certificates
) -> None:
    with RegistryClientSetup().client() as client:
        client.look_up(at(plain))
        plain.server.tls = certificates.context()
        with pytest.raises(RegistryUnreachable):
            client.look_up(at(plain))

        assert client.look_up(at(plain)) == remote(f"{plain.address}/a/b")


# ── What stays at home ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["password", "token"])
@pytest.mark.parametrize("encrypted", [True, False])
def test_a_login_is_not_sent_to_a_host_outside_that_has_not_proved_who_it_is(
    kind: str, encrypted: bool, host: ScriptedRegistry, plain: ScriptedRegistry
) -> None:
    one = host if encrypted else plain
    scheme = "https" if encrypted else "http"
    one.respond = (
        with_password("ann", "s3cret")
        if kind == "password"
        else with_tokens(lambda: f"{scheme}://{one.outside}/token", PASSWORD)
    )
    setup = RegistryClientSetup(RegistryRules(hub="", insecure=(one.outside,)), logins={one.outside: ANN})
    with setup.client() as client, pytest.raises(LoginRefused) as refused:
        client.look_up(outside(one))

    assert "not sent unprotected" in refused.value.message
    assert setup.logins_asked == []
    assert {authorization for *_, authorization in one.asked} == {None}


def test_a_login_goes_to_a_host_that_proved_who_it_is(host: ScriptedRegistry, certificates: Certificates) -> None:
    host.respond = with_tokens(lambda: f"https://{host.outside}/token", PASSWORD)
    with RegistryClientSetup(logins={host.outside: ANN}).client(ca_bundle=certificates.authority) as client:
        client.look_up(outside(host))

    assert [authorization for *_, authorization in host.asked] == [None, PASSWORD, "Bearer t0k3n"]


def test_the_registrys_own_certificates_count_for_its_token_service(
    host: ScriptedRegistry, certificates: Certificates, tmp_path: Path
) -> None:
    host.respond = with_tokens(lambda: f"https://localhost:{host.server.server_port}/token", PASSWORD)
    folder = certificates.trust_in(tmp_path, host.outside)
    with RegistryClientSetup(logins={host.outside: ANN}).client(certificates=folder) as client:
        client.look_up(outside(host))

    assert [authorization for *_, authorization in host.asked] == [None, PASSWORD, "Bearer t0k3n"]


def test_a_token_service_without_tls_behind_a_registry_with_it_is_not_asked(
    host: ScriptedRegistry, plain: ScriptedRegistry, certificates: Certificates
) -> None:
    host.respond = with_tokens(lambda: f"http://{plain.address}/token")
    setup = RegistryClientSetup(logins={host.outside: ANN})
    with setup.client(ca_bundle=certificates.authority) as client, pytest.raises(RegistryUnreachable) as unreachable:
        client.look_up(outside(host))

    assert "without TLS" in unreachable.value.message
    assert (plain.asked, setup.logins_asked) == ([], [])


def test_a_token_service_whose_certificate_is_not_trusted_gets_nothing(
    host: ScriptedRegistry, foreign: Certificates, certificates: Certificates
) -> None:
    with ExitStack() as stack:
        service = stack.enter_context(scripted(lambda _: found(), foreign.context()))
        host.respond = with_tokens(lambda: f"https://{service.outside}/token")
        client = stack.enter_context(
            RegistryClientSetup(logins={host.outside: ANN}).client(ca_bundle=certificates.authority)
        )
        with pytest.raises(RegistryUnreachable, match="not trusted"):
            client.look_up(outside(host))

    assert service.asked == []


@pytest.mark.parametrize(
    ("target", "reason"),
    [("http://{plain.outside}/", "without TLS"), ("http://{plain.address}/", "without TLS"),
     ("https://{plain.address}/", "to this machine"), ("https://localhost/", "to this machine")],
)  # fmt: skip
def test_a_registry_outside_cannot_send_on_out_of_tls_or_to_this_machine(
    target: str, reason: str, host: ScriptedRegistry, plain: ScriptedRegistry, certificates: Certificates
) -> None:
    host.respond = _sends_on(target.format(plain=plain))
    with (
        RegistryClientSetup().client(ca_bundle=certificates.authority) as client,
        pytest.raises(RegistryUnreachable) as unreachable,
    ):
        client.look_up(outside(host))

    assert reason in unreachable.value.message
    assert plain.asked == []


def test_eight_threads_at_once_are_served(host: ScriptedRegistry, certificates: Certificates) -> None:
    host.respond = with_tokens(lambda: f"https://{host.outside}/token", PASSWORD)
    names = [Reference(f"{host.outside}/a/b{number}", tag="1") for number in range(40)]
    with (
        RegistryClientSetup(logins={host.outside: ANN}).client(ca_bundle=certificates.authority) as client,
        ThreadPoolExecutor(8) as threads,
    ):
        answers = list(threads.map(client.look_up, names))

    assert answers == [remote(name.repository) for name in names]
    assert len(host.requests) == 3 * len(names)


def _sends_on(target: str) -> Respond:
    return fails(307, {"Location": target})
