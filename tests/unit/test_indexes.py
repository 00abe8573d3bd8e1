"""Which indexes a machine is configured for, told as uv tells it (compared with uv 0.13.9)."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.errors import Misconfigured
from commands.packages.indexes import Index, Indexes, configured_indexes

ONE, TWO, THREE = "https://one.test/simple", "https://two.test/simple", "https://three.test/simple"
NOWHERE = Path("/nonexistent")
printable = st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"], exclude_characters="@/?#[]:="), min_size=1)


def found(home: Path = NOWHERE, /, **environment: str) -> Indexes:
    return configured_indexes({"HOME": str(home), **environment}, etc=home / "etc")


def urls(indexes: Indexes) -> list[str]:
    return [index.url for index in indexes.ordered]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


# The environment.


def test_a_machine_without_an_index_of_its_own_has_the_default_one_of_the_library() -> None:
    (index,) = found(UV_DEFAULT_INDEX="", UV_INDEX="  ").ordered
    assert (index.url.endswith("/simple"), index.login) == (True, None)


@pytest.mark.parametrize("name", ["UV_DEFAULT_INDEX", "UV_INDEX_URL"])
def test_the_default_index_takes_its_place(name: str) -> None:
    assert found(NOWHERE, **{name: f"{ONE}/"}) == Indexes((Index(ONE),))


def test_the_newer_name_of_the_default_index_wins() -> None:
    assert urls(found(UV_INDEX_URL=ONE, UV_DEFAULT_INDEX=TWO)) == [TWO]


def test_a_setting_of_the_bot_comes_before_all() -> None:
    asked = configured_indexes({"UV_DEFAULT_INDEX": ONE, "UV_INDEX": TWO}, default=THREE, etc=Path("/nonexistent"))
    assert urls(asked) == [TWO, THREE]


def test_further_indexes_come_first_in_their_order_and_the_default_one_last() -> None:
    asked = found(UV_DEFAULT_INDEX=ONE, UV_INDEX=f"{TWO} {THREE}", UV_EXTRA_INDEX_URL="https://four.test")
    assert urls(asked) == [TWO, THREE, "https://four.test", ONE]


def test_an_index_is_asked_once_and_keeps_its_login() -> None:
    login = ONE.replace("://", "://me:secret@")
    assert found(UV_INDEX=login, UV_DEFAULT_INDEX=ONE) == Indexes((Index(ONE, ("me", "secret")),))
    assert found(UV_INDEX=ONE, UV_DEFAULT_INDEX=login) == Indexes((Index(ONE, ("me", "secret")),))


def test_hosts_that_need_no_certificate_are_named() -> None:
    asked = found(UV_INDEX=ONE, UV_INSECURE_HOST="one.test two.test:8080")
    assert asked.is_insecure(f"{ONE}/six/")
    assert asked.is_insecure("https://one.test:444/x")
    assert asked.is_insecure("https://two.test:8080/x")
    assert not asked.is_insecure("https://two.test/x")
    assert not asked.is_insecure("https://three.test/one.test")


# Logins.


@pytest.mark.parametrize("url", [ONE, f"{ONE}?a=b"])
@pytest.mark.parametrize("name", ["", "corp=", "my-index="])
def test_the_name_of_an_index_is_no_part_of_its_address(name: str, url: str) -> None:
    assert urls(found(UV_DEFAULT_INDEX=f"{name}{url}")) == [url]


@pytest.mark.parametrize(
    ("name", "variable"), [("corp", "CORP"), ("Corp", "CORP"), ("my-index", "MY_INDEX"), ("a.b_c", "A_B_C")]
)
def test_the_login_of_a_named_index_is_found_by_its_name(name: str, variable: str) -> None:
    login = {f"UV_INDEX_{variable}_USERNAME": "me@home", f"UV_INDEX_{variable}_PASSWORD": "a/b:c@d e"}
    assert found(NOWHERE, UV_DEFAULT_INDEX=f"{name}={ONE}", **login).ordered == (Index(ONE, ("me@home", "a/b:c@d e")),)


def test_a_login_in_the_address_comes_before_that_of_the_name() -> None:
    asked = found(UV_DEFAULT_INDEX=f"corp={ONE.replace('://', '://you:yours@')}", UV_INDEX_CORP_PASSWORD="mine")
    assert asked.ordered == (Index(ONE, ("you", "yours")),)


def test_the_password_of_another_index_goes_nowhere() -> None:
    asked = found(UV_DEFAULT_INDEX=f"corp={ONE}", UV_INDEX_OTHER_PASSWORD="mine")
    assert asked.ordered == (Index(ONE),)
    assert asked.secrets == ()


@pytest.mark.parametrize(
    "url",
    [
        f"{ONE}/six/",
        "https://one.test/files/six.whl",
        "https://one.test:443/x",
        "https://ONE.test/x",
    ],
)
def test_a_login_goes_to_its_own_host(url: str) -> None:
    assert Indexes((Index(TWO, ("a", "b")), Index(ONE, ("me", "secret")))).login_for(url) == ("me", "secret")


@pytest.mark.parametrize(
    "url",
    [
        "http://one.test/simple/six/",
        "https://one.test:8443/simple/",
        "https://one.test.evil.test/simple/",
        "https://evil.test/https://one.test/simple",
        "https://one.test@evil.test/simple/",
        "ftp://one.test/x",
        "",
    ],
)
def test_a_login_goes_nowhere_else(url: str) -> None:
    assert Indexes((Index(ONE, ("me", "secret")),)).login_for(url) is None


def test_of_two_indexes_at_one_host_each_gets_its_own_login() -> None:
    first, second = Index("https://one.test/a", ("a", "1")), Index("https://one.test/b", ("b", "2"))
    indexes = Indexes((first, second))
    assert indexes.login_for("https://one.test/a/six/") == first.login
    assert indexes.login_for("https://one.test/b/six/") == second.login
    # Nobody says whose this is.
    assert indexes.login_for("https://one.test/files/six.whl") == first.login


def test_what_is_secret_is_listed_and_never_shown() -> None:
    asked = found(UV_DEFAULT_INDEX="https://me:secret@one.test", UV_INDEX="https://token-alone@two.test")
    assert set(asked.secrets) == {"secret", "token-alone"}
    assert "secret" not in repr(asked)
    assert "token-alone" not in repr(asked)


@given(user=printable, password=printable)
def test_whatever_a_login_holds_it_is_read_and_taken_out_of_the_address(user: str, password: str) -> None:
    plain = user.replace("%", "%25"), password.replace("%", "%25")
    (index,) = found(UV_DEFAULT_INDEX=f"https://{':'.join(plain)}@one.test/simple").ordered
    assert index == Index(ONE, (user, password))


@pytest.mark.parametrize(
    "address",
    ["https://[", "one.test/simple", "https://one.test:port/", "https://me:secret@one.test:99999/", "x", "https:///a"],
)
def test_what_is_no_address_is_a_matter_of_settings_and_not_repeated(address: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        found(UV_DEFAULT_INDEX=address)
    assert "secret" not in str(caught.value) + caught.value.hint


# Files.


def test_the_users_file_comes_before_the_systems_and_the_environment_before_both(tmp_path: Path) -> None:
    write(tmp_path / ".config/uv/uv.toml", f'index-url = "{ONE}"\nextra-index-url = ["https://extra.test"]\n')
    write(tmp_path / "etc/uv/uv.toml", f'[[index]]\nurl = "{TWO}"\n[[index]]\nurl = "{THREE}"\ndefault = true\n')
    assert urls(found(tmp_path)) == ["https://extra.test", TWO, ONE]
    assert urls(found(tmp_path, UV_DEFAULT_INDEX="https://env.test")) == ["https://extra.test", TWO, "https://env.test"]


def test_of_the_systems_files_the_first_counts(tmp_path: Path) -> None:
    for name in ("b", "c", "etc/xdg", "etc"):
        write(tmp_path / name / "uv/uv.toml", f'index-url = "https://{name.replace("/", "-")}.test"\n')
    folders = ":".join(str(tmp_path / name) for name in ("a", "b", "c"))
    assert urls(found(tmp_path, XDG_CONFIG_DIRS=folders)) == ["https://b.test"]
    assert urls(found(tmp_path)) == ["https://etc-xdg.test"]
    assert urls(found(tmp_path, XDG_CONFIG_DIRS=str(tmp_path / "a"))) == ["https://etc.test"]


def test_the_users_folder_may_be_elsewhere(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere/uv/uv.toml", f'index-url = "{ONE}"\n')
    assert urls(found(tmp_path, XDG_CONFIG_HOME=str(tmp_path / "elsewhere"))) == [ONE]


def test_one_file_may_take_the_place_of_all_and_all_may_be_left_unread(tmp_path: Path) -> None:
    write(tmp_path / ".config/uv/uv.toml", f'index-url = "{ONE}"\n')
    write(tmp_path / "own.toml", f'index-url = "{TWO}"\n')
    assert urls(found(tmp_path, UV_CONFIG_FILE=str(tmp_path / "own.toml"))) == [TWO]
    assert ONE not in urls(found(tmp_path, UV_NO_CONFIG="1"))


def test_settings_for_pip_come_first(tmp_path: Path) -> None:
    write(tmp_path / ".config/uv/uv.toml", f'index-url = "{ONE}"\n[pip]\nindex-url = "{TWO}"\n')
    assert urls(found(tmp_path)) == [TWO]


def test_a_named_index_of_a_file_gets_the_login_of_the_environment(tmp_path: Path) -> None:
    write(tmp_path / ".config/uv/uv.toml", f'[[index]]\nname = "corp"\nurl = "{ONE}"\ndefault = true\n')
    asked = found(tmp_path, UV_INDEX_CORP_USERNAME="me", UV_INDEX_CORP_PASSWORD="secret")
    assert asked.ordered == (Index(ONE, ("me", "secret")),)


def test_an_index_for_named_packages_only_is_not_asked(tmp_path: Path) -> None:
    write(tmp_path / ".config/uv/uv.toml", f'[[index]]\nurl = "{ONE}"\nexplicit = true\n')
    assert ONE not in urls(found(tmp_path))


def test_hosts_of_a_file_that_need_no_certificate_count(tmp_path: Path) -> None:
    write(tmp_path / ".config/uv/uv.toml", 'allow-insecure-host = ["one.test"]\n')
    assert found(tmp_path, UV_INSECURE_HOST="two.test").insecure_hosts == {"one.test", "two.test"}


@pytest.mark.parametrize("content", [b"index-url = ", b"\xff\xfe", b"[[index]"])
def test_a_file_that_cannot_be_read_is_a_matter_of_settings(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / ".config/uv/uv.toml"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(Misconfigured, match=r"uv/uv\.toml` cannot be read"):
        found(tmp_path)


ODD = ["index = 3", "index = [3]", "[[index]]\nname = 'x'", "index-url = ''", "[index]\nurl = 'x'", "pip = 3"]


@pytest.mark.parametrize("text", ODD)
def test_odd_settings_are_passed_over(tmp_path: Path, text: str) -> None:
    write(tmp_path / ".config/uv/uv.toml", text)
    assert urls(found(tmp_path)) == urls(found())
