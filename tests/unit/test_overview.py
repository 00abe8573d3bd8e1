"""The daemon's lists, in every form that daemons write them; an odd entry hides no other."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from docker.auth import INDEX_URL
from structlog.testing import capture_logs

from commands.engine.interface import RegistryRules
from commands.engine.overview import containers_in, disk_use_in, layers_in, listing_in, registry_rules_in
from commands.model.images import Container, ImageId, Layer, ListedImage

ID = f"sha256:{'a' * 64}"
EPOCH = datetime.fromtimestamp(0, UTC)
PLAIN = ListedImage(ImageId(ID), (), (), EPOCH, 0, {})

INDEX = urlsplit(INDEX_URL).netloc


def written(*entries: object) -> bytes:
    return json.dumps(entries).encode()


def test_a_listed_image_is_read_whole() -> None:
    entry = {
        "Containers": -1,
        "Created": 1_795_469_708,
        "Id": ID,
        "Labels": {"a": "b"},
        "ParentId": "",
        "RepoDigests": ["team/a@sha256:1"],
        "RepoTags": ["team/a:1", f"team/a:{'t' * 128}"],
        "Size": 44_198_984,
    }

    assert listing_in(written(entry)) == (
        ListedImage(
            ImageId(ID),
            ("team/a:1", f"team/a:{'t' * 128}"),
            ("team/a@sha256:1",),
            datetime(2026, 11, 23, 21, 35, 8, tzinfo=UTC),
            44_198_984,
            {"a": "b"},
        ),
    )


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"RepoTags": None, "RepoDigests": None, "Labels": None},
        {"RepoTags": [], "RepoDigests": []},
        {"RepoTags": ["<none>:<none>"], "RepoDigests": ["<none>@<none>"]},
        {"RepoTags": ["<none>"]},
        {"RepoTags": "a:1"},
        {"RepoTags": [None, 7]},
        {"Created": None, "Size": None},
        {"Created": "2026-11-23T19:50:00Z"},
        {"Created": -62_135_596_800, "Size": -1},
        {"Created": 10**18},
        {"Created": True},
        {"Unheard": {"of": [1]}},
    ],
)
def test_an_odd_image_is_listed_with_what_is_known(odd: dict[str, object]) -> None:
    assert listing_in(written({"Id": ID, **odd})) == (PLAIN,)


def test_an_image_with_digests_only_has_no_name() -> None:
    entry = {"Id": ID, "RepoTags": None, "RepoDigests": ["a@sha256:1"]}

    assert listing_in(written(entry))[0].repo_digests == ("a@sha256:1",)


@pytest.mark.parametrize(
    "entry", [{}, {"Id": None}, {"Id": ""}, {"Id": 7}, {"Id": ID, "Labels": {"a": {"secret": 1}}}, None, 7, "a"]
)
def test_an_image_that_cannot_be_read_is_left_out_and_logged_without_what_it_holds(entry: object) -> None:
    with capture_logs() as logs:
        assert listing_in(written(entry, {"Id": ID})) == (PLAIN,)

    assert [(log["event"], log["kind"], log["log_level"]) for log in logs] == [("entry_unreadable", "image", "warning")]
    assert "secret" not in str(logs)


def test_the_newest_image_comes_first_and_of_the_same_second_always_the_same() -> None:
    entries = [{"Id": f"sha256:{name}", "Created": created} for name, created in [("b", 5), ("c", 9), ("a", 5)]]

    assert [image.id for image in listing_in(written(*entries))] == ["sha256:c", "sha256:a", "sha256:b"]
    assert listing_in(written(*entries)) == listing_in(written(*reversed(entries)))


@pytest.mark.parametrize("answer", [b"null", b"[]"])
def test_a_daemon_without_images_has_an_empty_list(answer: bytes) -> None:
    assert listing_in(answer) == ()


@pytest.mark.parametrize("answer", [b"", b"{}", b"7", b"<html>", b'[{"Id": "x"'])
def test_what_is_no_list_is_refused(answer: bytes) -> None:
    with pytest.raises(ValueError, match="validation error"):
        listing_in(answer)


def test_of_five_thousand_images_each_is_read_whole() -> None:
    entries: list[dict[str, Any]] = [
        {
            "Id": f"sha256:{number:064x}",
            "Created": 1_700_000_000 + number // 3,
            "Labels": {"warroom.job": str(number), "text": "x" * 60},
            "RepoTags": [f"team/image{number}:1", f"team/image{number}:latest"],
            "RepoDigests": [f"team/image{number}@sha256:{number:064x}"],
        }
        for number in range(5000)
    ]

    listed = listing_in(written(*entries))

    assert len(listed) == 5000
    assert {image.id: (image.labels, image.repo_tags, image.repo_digests) for image in listed} == {
        entry["Id"]: (entry["Labels"], tuple(entry["RepoTags"]), tuple(entry["RepoDigests"])) for entry in entries
    }


@pytest.mark.parametrize(
    ("entry", "container"),
    [
        (
            {"Id": "c" * 64, "Names": ["/web"], "Image": "a:1", "ImageID": ID, "State": "running"},
            Container("c" * 64, "web", ImageId(ID), "running"),
        ),
        (
            {"Id": "c" * 64, "Names": ["/db/alias", "/web"], "Image": ID, "ImageID": ID, "State": "exited"},
            Container("c" * 64, "web", ImageId(ID), "exited"),
        ),
        ({"Id": "c" * 64, "Names": None, "ImageID": ""}, Container("c" * 64, "c" * 12, ImageId(""), "")),
        ({"Id": "c" * 64, "Names": ["/"]}, Container("c" * 64, "c" * 12, ImageId(""), "")),
    ],
)
def test_containers_are_read_by_their_own_name(entry: dict[str, object], container: Container) -> None:
    assert containers_in(written(entry, {"Id": None})) == (container,)


@pytest.mark.parametrize("labels", [None, {}, {"warroom.job": "1"}])
def test_a_throw_away_container_of_ours_is_left_out_and_no_other(labels: dict[str, str] | None) -> None:
    ours = {"Id": "d" * 64, "Labels": {**(labels or {}), "warroom.throwaway": ""}}
    other = {"Id": "c" * 64, "Names": ["/web"], "ImageID": ID, "State": "exited", "Labels": labels}

    assert containers_in(written(ours, other)) == (Container("c" * 64, "web", ImageId(ID), "exited"),)


def test_a_history_is_turned_round() -> None:
    newest = {"Id": "<missing>", "CreatedBy": "RUN b", "Size": 2, "Created": 1, "Tags": None, "Comment": ""}

    assert layers_in(written(newest, {"CreatedBy": None, "Size": None}, {"CreatedBy": "ADD a", "Size": 1})) == (
        Layer("ADD a", 1),
        Layer("", 0),
        Layer("RUN b", 2),
    )
    assert layers_in(b"null") == ()


@pytest.mark.parametrize(
    "answer",
    [
        {"LayersSize": 12, "Images": None},
        {"ImageUsage": {"TotalSize": 12}},
        {"LayersSize": 0, "ImageUsage": {"TotalSize": 12}},
    ],
)
def test_the_disk_use_is_read_of_older_and_newer_daemons(answer: dict[str, object]) -> None:
    assert disk_use_in(json.dumps(answer).encode()) == 12


@pytest.mark.parametrize("answer", [b"{}", b'{"LayersSize": -1}', b'{"LayersSize": "x"}', b"[]", b""])
def test_a_disk_use_that_is_none_is_refused(answer: bytes) -> None:
    with pytest.raises(ValueError, match=r"validation error|no size"):
        disk_use_in(answer)


@pytest.mark.parametrize(
    ("info", "rules"),
    [
        ({}, RegistryRules(INDEX)),
        ({"IndexServerAddress": None, "RegistryConfig": None}, RegistryRules(INDEX)),
        (
            {
                "IndexServerAddress": INDEX_URL,
                "RegistryConfig": {
                    "InsecureRegistryCIDRs": ["127.0.0.0/8", "10.0.0.0/8"],
                    "IndexConfigs": {
                        "docker.io": {"Name": "docker.io", "Mirrors": ["https://m.test/"], "Secure": True},
                        "plain.test:5000": {"Name": "plain.test:5000", "Mirrors": None, "Secure": False},
                    },
                    "Mirrors": ["https://m.test/", "http://n.test:5000/"],
                },
            },
            RegistryRules(
                INDEX,
                ("https://m.test/", "http://n.test:5000/"),
                ("plain.test:5000", "127.0.0.0/8", "10.0.0.0/8"),
            ),
        ),
        (
            {"IndexServerAddress": "https://hub.test:5000/v1/", "RegistryConfig": {"IndexConfigs": None}},
            RegistryRules("hub.test:5000"),
        ),
    ],
)
def test_how_registries_are_reached_is_read(info: dict[str, object], rules: RegistryRules) -> None:
    assert registry_rules_in(json.dumps(info).encode()) == rules
