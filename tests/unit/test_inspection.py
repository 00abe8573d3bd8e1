import json

import pytest

from commands.engine.inspection import names_in


def listed(*images: dict[str, object]) -> bytes:
    return json.dumps(images).encode()


def test_names_are_those_of_the_newest_image_first() -> None:
    old: dict[str, object] = {"Id": "sha256:1", "RepoTags": ["a:1", "a:latest"], "Created": 1_700_000_000}
    new: dict[str, object] = {"Id": "sha256:2", "RepoTags": ["b:1"], "Created": 1_800_000_000}

    assert names_in(listed(old, new)) == ("b:1", "a:1", "a:latest")


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"RepoTags": None},
        {"RepoTags": []},
        {"RepoTags": ["<none>:<none>"]},
        {"RepoTags": ["<none>"]},
        {"RepoTags": "a:1"},
        {"RepoTags": [None, 7]},
        {"RepoTags": [], "Created": None},
        {"RepoTags": [], "Created": "2026-11-23T19:50:00Z"},
    ],
)
def test_an_odd_image_has_no_name_and_hides_no_other(odd: dict[str, object]) -> None:
    assert names_in(listed(odd, {"RepoTags": ["good:1"], "Created": 1})) == ("good:1",)


def test_a_name_is_listed_once() -> None:
    assert names_in(listed({"RepoTags": ["a:1", "a:1"]}, {"RepoTags": ["a:1"]})) == ("a:1",)


@pytest.mark.parametrize("answer", [b"null", b"[]"])
def test_a_daemon_without_images_has_no_names(answer: bytes) -> None:
    assert names_in(answer) == ()


@pytest.mark.parametrize("answer", [b"", b"{}", b"7", b'["a"]', b"<html>"])
def test_what_is_no_list_of_images_is_refused(answer: bytes) -> None:
    with pytest.raises(ValueError, match="validation error"):
        names_in(answer)
