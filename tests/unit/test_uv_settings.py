import tomllib
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.packages.uv_settings import uv_settings

ONE, TWO, THREE = "https://one.test/simple", "https://two.test/simple", "https://three.test/simple"
printable = st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"]), min_size=1)


def settings(**environment: str) -> dict[str, Any]:
    written = uv_settings(environment)
    assert written is not None
    return tomllib.loads(written.decode())


def test_a_machine_without_an_index_of_its_own_needs_no_settings() -> None:
    assert uv_settings({}) is None
    assert (
        uv_settings({"UV_DEFAULT_INDEX": "", "UV_INDEX": "  ", "UV_INSECURE_HOST": "one.test", "HOME": "/root"}) is None
    )


@pytest.mark.parametrize("name", ["UV_DEFAULT_INDEX", "UV_INDEX_URL"])
def test_the_default_index_stays_the_default_one(name: str) -> None:
    assert settings(**{name: ONE}) == {"index": [{"url": ONE, "default": True}]}


def test_the_newer_name_of_the_default_index_wins() -> None:
    assert settings(UV_INDEX_URL=ONE, UV_DEFAULT_INDEX=TWO) == {"index": [{"url": TWO, "default": True}]}


def test_further_indexes_come_first_in_their_order() -> None:
    assert settings(UV_DEFAULT_INDEX=ONE, UV_INDEX=f"{TWO} {THREE}", UV_EXTRA_INDEX_URL="https://four.test") == {
        "index": [{"url": TWO}, {"url": THREE}, {"url": "https://four.test"}, {"url": ONE, "default": True}]
    }


def test_further_indexes_alone_leave_the_default_as_it_is() -> None:
    assert settings(UV_INDEX=ONE) == {"index": [{"url": ONE}]}


def test_hosts_that_need_no_certificate_are_named() -> None:
    assert settings(UV_INDEX=ONE, UV_INSECURE_HOST="one.test two.test:8080") == {
        "allow-insecure-host": ["one.test", "two.test:8080"],
        "index": [{"url": ONE}],
    }


@pytest.mark.parametrize("url", [ONE, f"{ONE}?a=b", "https://user:pa=ss@one.test/simple"])
@pytest.mark.parametrize("name", ["", "corp=", "my-index="])
def test_the_name_of_an_index_is_left_out(name: str, url: str) -> None:
    assert settings(UV_INDEX=f"{name}{url}") == {"index": [{"url": url}]}
    assert settings(UV_DEFAULT_INDEX=f"{name}{url}") == {"index": [{"url": url, "default": True}]}


@pytest.mark.parametrize(
    ("name", "variable"), [("corp", "CORP"), ("Corp", "CORP"), ("my-index", "MY_INDEX"), ("a.b_c", "A_B_C")]
)
def test_who_may_use_a_named_index_is_told_in_its_address(name: str, variable: str) -> None:
    # Nothing of the host's environment reaches a build, and credentials go by the name.
    login = {f"UV_INDEX_{variable}_USERNAME": "me@home", f"UV_INDEX_{variable}_PASSWORD": "a/b:c@d e"}

    made = settings(UV_INDEX=f"{name}=https://one.test:8443/simple", **login)

    [index] = made["index"]
    parts = urlsplit(index["url"])
    assert (unquote(parts.username or ""), unquote(parts.password or "")) == ("me@home", "a/b:c@d e")
    assert (parts.hostname, parts.port, parts.path) == ("one.test", 8443, "/simple")


def test_a_password_alone_is_told_too() -> None:
    assert settings(UV_INDEX=f"corp={ONE}", UV_INDEX_CORP_PASSWORD="token") == {
        "index": [{"url": "https://:token@one.test/simple"}]
    }


def test_who_stands_in_the_address_already_stays_there() -> None:
    url = "https://you:yours@one.test/simple"

    assert settings(UV_INDEX=f"corp={url}", UV_INDEX_CORP_USERNAME="me", UV_INDEX_CORP_PASSWORD="mine") == {
        "index": [{"url": url}]
    }


def test_the_password_of_another_index_goes_nowhere() -> None:
    assert settings(UV_INDEX=f"corp={ONE}", UV_INDEX_OTHER_PASSWORD="mine") == {"index": [{"url": ONE}]}


@given(printable)
def test_whatever_an_address_holds_it_is_read_back(rest: str) -> None:
    url = f"https://one.test/{rest}"

    assert settings(UV_DEFAULT_INDEX=url) == {"index": [{"url": url, "default": True}]}
