import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.logs import MASK, Redactor
from bot.settings import SETTINGS_FILE, Settings, load_settings, secrets_of
from commands.errors import Misconfigured

SECRETS = {
    "slack_bot_token": "xoxb-0-the-bot",
    "slack_app_token": "xapp-0-the-app",
    "database_url": "postgresql://bot:p%40ss-of-the-db@db/warroom",
    "index_url": "https://me:pw-of-the-index@index.invalid/simple",
}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What this machine sets is not what a test means; of all that is global, the environment alone is changed."""
    for name in os.environ:
        if name.startswith(("WARROOM_", "SLACK_")) or name in {"SSL_CERT_FILE", "DOCKER_HOST"}:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], None]:
    def write(text: str) -> None:
        (tmp_path / SETTINGS_FILE).write_text(text, encoding="utf-8")

    return write


def complaint(**overrides: object) -> Misconfigured:
    with pytest.raises(Misconfigured) as raised:
        load_settings(**overrides)
    return raised.value


def test_without_any_setting_the_defaults_hold() -> None:
    settings = load_settings()

    assert settings.state_dir == Path("~/.local/state/warroom").expanduser()
    assert (settings.builds_at_once, settings.review_seconds, settings.idle_seconds) == (2, 1800, 300)
    assert settings.default_base == "demisto/python3-deb"
    assert settings.allowed_channels == settings.allowed_users == ()
    assert settings.secrets == ()


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not (field.description or "").endswith(".")] == []


# ── Where they come from ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "variable", "read"),
    [
        ("default_base", "WARROOM_DEFAULT_BASE", lambda s: s.default_base),
        ("ca_bundle", "WARROOM_CA_BUNDLE", lambda s: str(s.ca_bundle)),
        ("slack_bot_token", "SLACK_BOT_TOKEN", lambda s: s.slack_bot_token.get_secret_value()),
        ("slack_app_token", "SLACK_APP_TOKEN", lambda s: s.slack_app_token.get_secret_value()),
    ],
)
def test_the_program_goes_before_the_environment_and_that_before_the_file(
    monkeypatch: pytest.MonkeyPatch, write: Callable[[str], None], name: str, variable: str, read: Callable[[Any], str]
) -> None:
    write(f'{name} = "file"')
    assert read(load_settings()) == "file"
    monkeypatch.setenv(variable, "environment")
    assert read(load_settings()) == "environment"
    assert read(load_settings(**{name: "program"})) == "program"


def test_the_machines_certificates_are_used_where_no_others_are_named(
    monkeypatch: pytest.MonkeyPatch, write: Callable[[str], None]
) -> None:
    assert load_settings().ca_bundle is None
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/machine.pem")
    assert load_settings().ca_bundle == Path("/etc/machine.pem")
    write('ca_bundle = "~/mine.pem"')
    assert load_settings().ca_bundle == Path("~/mine.pem").expanduser()
    monkeypatch.setenv("WARROOM_CA_BUNDLE", "/environment.pem")
    assert load_settings().ca_bundle == Path("/environment.pem")


def test_a_variable_that_is_empty_is_not_set(monkeypatch: pytest.MonkeyPatch, write: Callable[[str], None]) -> None:
    write('slack_bot_token = "file"')
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "WARROOM_DOCKER_HOST", "WARROOM_BUILDS_AT_ONCE"):
        monkeypatch.setenv(name, "")

    settings = load_settings()
    assert settings.secrets == ("file",)
    assert (settings.docker_host, settings.builds_at_once) == (None, 2)


def test_variables_of_other_programs_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://elsewhere:1")
    monkeypatch.setenv("LOG_LEVEL", "shout")

    assert load_settings().docker_host is None


@pytest.mark.parametrize("value", ["C0ONE,C0TWO", " C0ONE , C0TWO ,", '["C0ONE", "C0TWO"]'])
def test_ids_are_listed_with_commas_or_as_a_list(write: Callable[[str], None], value: str) -> None:
    write(f"allowed_channels = {value}" if value.startswith("[") else f'allowed_channels = "{value}"')

    assert load_settings().allowed_channels == ("C0ONE", "C0TWO")


def test_ids_in_the_environment_are_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARROOM_ALLOWED_USERS", "U0ONE, U0TWO")

    assert load_settings().allowed_users == ("U0ONE", "U0TWO")


# ── What is wrong with them ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("builds_at_once", "0"),
        ("builds_at_once", "many"),
        ("build_seconds", "0"),
        ("idle_seconds", "-1"),
        ("review_seconds", "100000"),
        ("grace_seconds", "-1"),
        ("log_format", '"xml"'),
        ("log_level", '"loud"'),
        ("allowed_channels", '"#war-room"'),
        ("allowed_channels", '["C0ONE", "general"]'),
        ("allowed_users", '"alice"'),
        ("slack_bot_token", "7"),
        ("nonsense", "1"),
    ],
)
def test_a_wrong_value_is_refused_with_the_name_of_the_setting(
    write: Callable[[str], None], name: str, value: str
) -> None:
    write(f"{name} = {value}" if value != "many" else f'{name} = "many"')

    problem = complaint()

    assert problem.message == "Some settings are wrong."
    assert "warroom.toml" in problem.hint
    (detail,) = problem.details
    assert detail.lower().startswith(name)


def test_all_that_is_wrong_is_told_at_once(write: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    write("nonsense = 1\nbuilds_at_once = 0")
    monkeypatch.setenv("WARROOM_LOG_FORMAT", "xml")

    assert {detail.partition(":")[0] for detail in complaint().details} == {"builds_at_once", "log_format", "nonsense"}


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe", b"[allowed"], ids=["value", "bytes", "table"])
def test_a_file_that_is_no_toml_is_told_of(tmp_path: Path, content: bytes) -> None:
    (tmp_path / SETTINGS_FILE).write_bytes(content)

    problem = complaint()
    assert problem.message.startswith("`warroom.toml` cannot be read")
    assert "TOML" in problem.hint


# ── Secrets ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_secrets_are_never_written_out() -> None:
    settings = load_settings(**SECRETS)

    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert not any(secret in text for secret in SECRETS.values())


def test_a_wrong_secret_is_not_quoted() -> None:
    problem = complaint(slack_bot_token=["xoxb-0-the-bot"], index_url=7_654_321)

    assert "xoxb-0-the-bot" not in str(problem.details)
    assert "7654321" not in str(problem.details)


def test_the_passwords_inside_addresses_are_secrets_too() -> None:
    redact = Redactor(load_settings(**SECRETS).secrets)

    for secret in (*SECRETS.values(), "p%40ss-of-the-db", "p@ss-of-the-db", "pw-of-the-index"):
        assert redact(f"<{secret}>") == f"<{MASK}>"


@pytest.mark.parametrize(
    ("variable", "value", "secrets"),
    [
        ("UV_INDEX_URL", "https://me:pw-of-index@index.invalid/simple", {"pw-of-index"}),
        ("UV_DEFAULT_INDEX", "https://me:pw%2Fof%2Findex@index.invalid/simple", {"pw%2Fof%2Findex", "pw/of/index"}),
        ("UV_EXTRA_INDEX_URL", "https://a:first-pw@a.invalid/ https://b:other-pw@b.invalid", {"first-pw", "other-pw"}),
        ("UV_INDEX", "inner=https://me:pw-of-index@index.invalid/simple", {"pw-of-index"}),
        ("UV_FIND_LINKS", "/srv/wheels,https://me:pw-of-links@links.invalid/", {"pw-of-links"}),
        ("UV_INDEX_INNER_PASSWORD", "pw-of-index", {"pw-of-index"}),
        ("UV_INDEX_INNER_USERNAME", "a-token-as-name", {"a-token-as-name"}),
        ("UV_PUBLISH_TOKEN", "a-token", {"a-token"}),
        ("HTTPS_PROXY", "http://me:pw-of-proxy@proxy.invalid:3128", {"pw-of-proxy"}),
        ("http_proxy", "HTTP://me:p@ss:word@proxy.invalid", {"p@ss:word"}),
        ("PIP_INDEX_URL", "https://a-token@index.invalid/simple", {"a-token"}),
        ("ANYTHING", "https://a-token:@index.invalid/simple", {"a-token"}),
        ("ANYTHING", "see (postgresql+psycopg://bot:pw-of-db@db/warroom)", {"pw-of-db"}),
        # No secrets.
        ("UV_INDEX_URL", "https://index.invalid/simple/@scope", set()),
        ("UV_DEFAULT_INDEX", "", set()),
        ("DATABASE_URL", "postgresql://warroom@/warroom", set()),
        ("DOCKER_HOST", "ssh://deploy@docker.invalid", set()),
        ("MAIL", "me@index.invalid", set()),
    ],
)
def test_what_the_environment_logs_in_with_is_secret(variable: str, value: str, secrets: set[str]) -> None:
    assert set(secrets_of({variable: value})) == secrets


def test_a_user_name_beside_its_password_is_no_secret() -> None:
    login = {"UV_INDEX_INNER_USERNAME": "somebody", "UV_INDEX_INNER_PASSWORD": "pw-of-index"}

    assert secrets_of(login) == ("pw-of-index",)


def test_an_address_that_is_none_is_a_secret_all_the_same() -> None:
    assert load_settings(index_url="http://[broken").secrets == ("http://[broken",)
