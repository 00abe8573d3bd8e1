import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.model.references import DaemonName, Malformed, Reference
from commands.text import LONGEST_QUOTE, quote

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("wget", Reference("wget")),
        ("demisto/python3", Reference("demisto/python3")),
        ("demisto/python3-deb:3.12.13.11694875", Reference("demisto/python3-deb", "3.12.13.11694875")),
        ("registry:5000", Reference("registry", "5000")),
        ("registry:5000/x", Reference("registry:5000/x")),
        ("registry:5000/x/y:1", Reference("registry:5000/x/y", "1")),
        ("localhost/directory/container_name", Reference("localhost/directory/container_name")),
        ("localhost:5000/x", Reference("localhost:5000/x")),
        ("Registry.Example.com/x", Reference("Registry.Example.com/x")),
        ("127.0.0.1:5000/a/b", Reference("127.0.0.1:5000/a/b")),
        (f"a@{DIGEST}", Reference("a", None, DIGEST)),
        (f"registry:5000/a:1.0@{DIGEST}", Reference("registry:5000/a", "1.0", DIGEST)),
        ("a__b/c---d/e.f_g", Reference("a__b/c---d/e.f_g")),
        ("xn--7o8h.com/myimage", Reference("xn--7o8h.com/myimage")),
        ("a:" + "t" * 128, Reference("a", "t" * 128)),
        ("a:_Tag-1.0", Reference("a", "_Tag-1.0")),
        ("a/" * 122 + "a", Reference("a/" * 122 + "a")),
    ],
)
def test_a_reference_is_split_where_docker_splits_it(text: str, reference: Reference) -> None:
    assert Reference.parse(text) == reference
    assert str(reference) == text


@pytest.mark.parametrize(
    ("text", "correction"),
    [
        ("Demisto/Python3", "demisto/python3"),
        ("demisto/Python3:RC1", "demisto/python3:RC1"),
        (f"Demisto/A@{DIGEST}", f"demisto/a@{DIGEST}"),
        ("https://registry.example/x:1", "registry.example/x:1"),
        ("my image", "my-image"),
        ("demisto//a", "demisto/a"),
        ("/demisto/a/", "demisto/a"),
        ("a@sha256:12", "a"),
        ("a:1@md5:d41d8cd98f00b204e9800998ecf8427e", "a:1"),
        (f"a@{DIGEST}0", "a"),
        ("a:", "a"),
        ("-a", "a"),
        ("a-", "a"),
        ("a:" + "t" * 129, "a"),
        ("", None),
        (".", None),
        ("a..b", None),
        ("a___b", None),
        ("a._b", None),
        ("a$b", None),
        ("[::1]:5000/a", None),
        ("registry:port/a", None),
        ("registry:123456/a", None),
        ("scratch", None),
        ("scratch:1", None),
        ("0123456789abcdef" * 4, None),
        (DIGEST, None),
        ("a/" * 123 + "a", None),
        ("demisto/python3-VERSION", None),
        ("python:TAG", None),
        ("dеmisto/a", None),  # with a Cyrillic letter
        ("a\n", None),
        ("٣", None),
    ],
)
def test_what_docker_does_not_take_is_refused(text: str, correction: str | None) -> None:
    with pytest.raises(Malformed) as refused:
        Reference.parse(text)
    assert quote(text) in refused.value.message
    assert refused.value.correction == correction


@given(st.text(alphabet="aB0./:@_-# é"))
def test_whatever_is_parsed_is_written_back_the_same(text: str) -> None:
    match outcome(text):
        case Malformed(correction=correction):
            assert correction is None or str(Reference.parse(correction)) == correction
        case reference:
            assert str(reference) == text
            assert re.fullmatch(r"[A-Za-z0-9./:@_-]+", text)


def outcome(text: str) -> Reference | Malformed:
    try:
        return Reference.parse(text)
    except Malformed as refused:
        return refused


def test_a_long_text_that_is_almost_a_name_is_refused_at_once() -> None:
    with pytest.raises(Malformed):
        Reference.parse("a-" * 900 + "a!")


@given(st.text())
def test_a_quote_is_one_short_printable_line_with_two_back_ticks(text: str) -> None:
    line = quote(text)
    assert line.count("`") == 2
    assert len(line) <= LONGEST_QUOTE + 2
    assert line.isprintable()


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("python", "python:latest", True),
        ("python", "docker.io/library/python:latest", True),
        ("index.docker.io/a/b:1", "a/b:1", True),
        (f"a@sha256:{'d' * 64}", f"docker.io/library/a@sha256:{'d' * 64}", True),
        ("python:3", "python", False),
        ("python", "library.example/python", False),
        ("a/python", "python", False),
        (f"a@sha256:{'d' * 64}", "a", False),
    ],
)
def test_two_spellings_of_one_image_are_known(one: str, other: str, *, is_same: bool) -> None:
    assert Reference.parse(one).is_same_image(Reference.parse(other)) is is_same
    assert Reference.parse(other).is_same_image(Reference.parse(one)) is is_same


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a:1", DaemonName("a", "1")),
        ("h:5000/a:1", DaemonName("h:5000/a", "1")),
        ("h:5000/a", DaemonName("h:5000/a")),
        ("0123456789ab", DaemonName("0123456789ab")),
        ("<none>:<none>", DaemonName("<none>", "<none>")),
        (":1", DaemonName(":1")),
        ("a:", DaemonName("a")),
        ("", DaemonName("")),
    ],
)
def test_a_name_of_a_daemon_is_split_at_the_last_colon_behind_the_last_slash(text: str, name: DaemonName) -> None:
    assert DaemonName.parse(text) == name


@given(st.text(alphabet="aB0./:@_-<>"))
def test_a_name_of_a_daemon_is_written_back_the_same(text: str) -> None:
    assert str(DaemonName.parse(text)) in (text, text.removesuffix(":"))
