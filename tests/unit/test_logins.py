"""Logins as the machine's Docker configuration has them: real files, and a real little credential helper."""

import base64
import json
from pathlib import Path

import pytest
from docker.auth import INDEX_URL

from commands.engine.interface import Login
from commands.engine.logins import Logins
from commands.errors import Misconfigured

HUB = INDEX_URL
SECRET = "s3cret"


def encoded(login: str) -> dict[str, str]:
    return {"auth": base64.b64encode(login.encode()).decode()}


class LoginFolders:
    """A user's folder with a configuration, and a folder with programs."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "config" / "config.json"
        self.programs = folder / "programs"
        self.asked = folder / "asked"
        self.config.parent.mkdir()
        self.programs.mkdir()
        path = f"{self.programs}:/usr/bin:/bin"
        self.logins = Logins({"DOCKER_CONFIG": str(self.config.parent), "HOME": str(folder), "PATH": path})

    def write(self, **config: object) -> None:
        self.config.write_text(json.dumps(config))

    def install(self, script: str, *, name: str = "test") -> None:
        """Install a credential helper; what it is asked is written down."""
        program = self.programs / f"docker-credential-{name}"
        program.write_text(f'#!/bin/sh\nread -r asked || :\necho "$1 $asked" >> {self.asked}\n{script}\n')
        program.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> LoginFolders:
    return LoginFolders(tmp_path)


def told(username: str, secret: str) -> str:
    return f"echo '{json.dumps({'ServerURL': 'x', 'Username': username, 'Secret': secret})}'"


def test_a_machine_without_a_configuration_has_no_login(machine: LoginFolders) -> None:
    assert machine.logins.find("docker.io") is None
    assert machine.logins.header("docker.io") == {}


@pytest.mark.parametrize(
    ("key", "registry"),
    [
        (HUB, "docker.io"),
        ("docker.io", "docker.io"),
        ("r.test:5000", "r.test:5000"),
        ("https://r.test:5000", "r.test:5000"),
        ("https://r.test/v2/", "r.test"),
    ],
)
def test_a_login_of_the_file_is_found_for_its_registry(machine: LoginFolders, key: str, registry: str) -> None:
    machine.write(auths={"other.test": encoded("x:y"), key: encoded(f"somebody:{SECRET}:more")})

    assert machine.logins.find(registry) == Login("somebody", f"{SECRET}:more")


@pytest.mark.parametrize("registry", ["r.test", "r.test:5001", "sub.r.test:5000", "docker.io", "test:5000"])
def test_no_other_registry_gets_a_login(machine: LoginFolders, registry: str) -> None:
    machine.write(auths={"r.test:5000": encoded(f"somebody:{SECRET}")})

    assert machine.logins.find(registry) is None


def test_an_identity_token_takes_the_place_of_name_and_password(machine: LoginFolders) -> None:
    machine.write(auths={"r.test": {**encoded("somebody:x"), "identitytoken": SECRET}})

    assert machine.logins.find("r.test") == Login("", "", SECRET)


def test_an_empty_entry_is_no_login(machine: LoginFolders) -> None:
    machine.write(auths={"r.test": {}})

    assert machine.logins.find("r.test") is None


def test_a_login_counts_from_the_moment_it_is_made(machine: LoginFolders) -> None:
    assert machine.logins.find("r.test") is None

    machine.write(auths={"r.test": encoded("somebody:1")})

    assert machine.logins.find("r.test") == Login("somebody", "1")


def test_the_store_is_asked_for_this_registry_alone(machine: LoginFolders) -> None:
    machine.write(credsStore="test", auths={"r.test": {}, "other.test": {}})
    machine.install(told("somebody", SECRET))

    assert machine.logins.find("r.test") == Login("somebody", SECRET)
    assert machine.asked.read_text() == "get r.test\n"


def test_the_hub_has_its_own_address_in_a_store(machine: LoginFolders) -> None:
    machine.write(credsStore="test")
    machine.install(told("<token>", SECRET))

    assert machine.logins.find("docker.io") == Login("", "", SECRET)
    assert machine.asked.read_text() == f"get {HUB}\n"


def test_a_registrys_own_helper_counts_more_than_the_store(machine: LoginFolders) -> None:
    machine.write(credsStore="missing", credHelpers={"r.test": "test"})
    machine.install(told("somebody", SECRET))

    assert machine.logins.find("r.test") == Login("somebody", SECRET)


@pytest.mark.parametrize("script", ["echo credentials not found in native keychain; exit 1", told("", ""), "echo '{}'"])
def test_a_store_that_has_nothing_leaves_the_file(machine: LoginFolders, script: str) -> None:
    machine.write(credsStore="test", auths={"r.test": encoded("somebody:1")})
    machine.install(script)

    assert machine.logins.find("r.test") == Login("somebody", "1")
    assert machine.logins.find("other.test") is None


@pytest.mark.parametrize(
    ("script", "how"),
    [
        (f"echo {SECRET}; echo {SECRET} >&2; exit 3", "failed with exit code 3"),
        (f"echo {SECRET}", "gave an answer that is not a login"),
        (f'echo \'{{"Username": 7, "Secret": "{SECRET}"}}\'', "gave an answer that is not a login"),
        ("kill -9 $$", "failed with exit code -9"),
    ],
)
def test_a_helper_that_fails_is_told_without_what_it_said(machine: LoginFolders, script: str, how: str) -> None:
    machine.write(credsStore="test")
    machine.install(script)

    with pytest.raises(Misconfigured) as problem:
        machine.logins.find("r.test")

    assert problem.value.message == f"The credential helper `docker-credential-test` {how}."
    assert "docker-credential-test get" in problem.value.hint
    assert problem.value.__cause__ is None
    assert SECRET not in repr(problem.value) + str(problem.value.details) + problem.value.hint


def test_a_helper_that_is_not_installed_is_named_with_the_file_that_names_it(machine: LoginFolders) -> None:
    machine.write(credsStore="gone")

    with pytest.raises(Misconfigured) as problem:
        machine.logins.find("r.test")

    assert problem.value.message == (
        f"The credential helper `docker-credential-gone` that `{machine.config}` names is not installed."
    )
    assert "credsStore" in problem.value.hint


def test_a_program_that_is_none_is_told_as_such(machine: LoginFolders) -> None:
    machine.write(credsStore="test")
    program = machine.programs / "docker-credential-test"
    program.write_bytes(b"\x7fELF")
    program.chmod(0o755)

    with pytest.raises(Misconfigured, match="could not be started"):
        machine.logins.find("r.test")


@pytest.mark.parametrize("auth", ["%%%", "c29tZWJvZHk=", "/w==", "zwölf"])
def test_an_entry_that_is_no_login_is_told_with_its_file(machine: LoginFolders, auth: str) -> None:
    machine.write(auths={"r.test": {"auth": auth}})

    with pytest.raises(Misconfigured) as problem:
        machine.logins.find("r.test")

    assert str(machine.config) in problem.value.message
    assert auth not in problem.value.message
    assert "docker login" in problem.value.hint


@pytest.mark.parametrize("content", ["", "<html>", "{}", '{"auths": null}', '{"credHelpers": {}, "credsStore": ""}'])
def test_a_file_without_logins_has_none(machine: LoginFolders, content: str) -> None:
    machine.config.write_text(content)

    assert machine.logins.find("r.test") is None


@pytest.mark.parametrize("content", ["[]", "7", "null", '{"auths": {"r.test": 7}}', '{"credHelpers": ["r.test"]}'])
def test_a_file_of_another_shape_is_named(machine: LoginFolders, content: str) -> None:
    machine.config.write_text(content)

    with pytest.raises(Misconfigured) as problem:
        machine.logins.find("r.test")

    assert str(machine.config) in problem.value.message


def test_a_login_shows_no_secret_when_it_is_written_down() -> None:
    assert SECRET not in repr(Login("somebody", SECRET, SECRET))


@pytest.mark.parametrize(
    ("registry", "auths", "words"),
    [
        (
            "docker.io",
            {HUB: encoded("somebody:1")},
            {"serveraddress": HUB, "username": "somebody", "password": "1"},
        ),
        ("r.test", {"r.test": {"identitytoken": "t"}}, {"serveraddress": "r.test", "identitytoken": "t"}),
    ],
)
def test_a_daemon_is_given_the_login_of_the_registry(
    machine: LoginFolders, registry: str, auths: dict[str, object], words: dict[str, str]
) -> None:
    machine.write(auths=auths)

    assert json.loads(base64.urlsafe_b64decode(machine.logins.header(registry)["X-Registry-Auth"])) == words
