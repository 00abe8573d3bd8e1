"""Lists, files and removals against a scripted daemon; no Docker is needed."""

import json
import re
import tarfile
import threading
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from commands.engine.interface import FilesRead, ReadOrder
from commands.errors import EngineUnavailable, ImageInUse, Problem
from commands.model.images import ImageId
from tests.fakes.daemon import Answer, DaemonRequest, saying, scripted, streaming
from tests.fakes.host import PATIENCE_SECONDS
from tests.kit.engine_space import packed
from tests.kit.limits import ended_after

IMAGE = f"sha256:{'a' * 64}"
LISTED = f'[{{"Id": null}}, {{"Id": "{IMAGE}", "RepoTags": ["a:1", "<none>:<none>"], "Created": 1}}]'.encode()


def test_the_list_of_images_takes_one_question(tmp_path: Path) -> None:
    with scripted(tmp_path, {"/images/json": saying(LISTED)}) as (engine, daemon):
        listing = engine.listing()
        assert engine.names() == ("a:1",)

    assert [(image.id, image.repo_tags) for image in listing] == [(IMAGE, ("a:1",))]
    assert daemon.asked == ["/version", "/images/json", "/images/json"]


def test_a_daemon_that_counts_its_disk_for_too_long_is_told_as_such(tmp_path: Path) -> None:
    silence = threading.Event()

    def wait(_: DaemonRequest) -> None:
        silence.wait(PATIENCE_SECONDS)

    with scripted(tmp_path, {"/system/df": wait}) as (engine, _):
        with pytest.raises(EngineUnavailable, match="took too long to count what its images take"):
            engine.disk_use(seconds=0.2)
        silence.set()


def exporting(*pieces: bytes, whole: bool = True) -> dict[str, Answer]:
    return {
        "/containers/create": saying(b'{"Id": "c1"}', status=201),
        "/containers/c1/export": streaming(*pieces, whole=whole),
        "/containers/c1": saying(b"", status=204),
    }


def reading(**limits: Any) -> ReadOrder:
    return replace(ReadOrder(ImageId(IMAGE), {}, lambda path: path in ("a", "b")), **limits)


def test_files_with_several_names_are_read_by_a_second_look(tmp_path: Path) -> None:
    archive = BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        first, second = tarfile.TarInfo("cache"), tarfile.TarInfo("a")
        first.size, second.type, second.linkname = 3, tarfile.LNKTYPE, "cache"
        tar.addfile(first, BytesIO(b"abc"))
        tar.addfile(second)

    with scripted(tmp_path, exporting(archive.getvalue())) as (engine, daemon):
        assert engine.read_files(reading()) == FilesRead({"a": b"abc"})

    assert daemon.asked[1:] == ["/containers/create", *["/containers/c1/export"] * 2, "/containers/c1"]


def test_an_archive_that_ends_early_is_told_as_a_gap_and_the_container_is_removed(tmp_path: Path) -> None:
    archive = packed({"a": b"1", "b": b"2"})[:1024]

    with scripted(tmp_path, exporting(archive)) as (engine, daemon):
        read = engine.read_files(reading())

    assert read.files == {"a": b"1"}
    assert "damaged" in read.gap
    assert daemon.asked[-1] == "/containers/c1"


def test_a_daemon_that_goes_away_while_it_is_read_is_told_as_such(tmp_path: Path) -> None:
    with (
        scripted(tmp_path, exporting(packed({"a": b"1"})[:600], whole=False)) as (engine, daemon),
        pytest.raises(EngineUnavailable, match="was lost while it was to export"),
    ):
        engine.read_files(reading())

    assert daemon.asked[-1] == "/containers/c1"


def test_a_daemon_that_goes_silent_while_it_is_read_ends_with_a_gap(tmp_path: Path) -> None:
    silence = threading.Event()

    def export(request: DaemonRequest) -> None:
        request.begin()
        request.piece(packed({"a": b"1", "b": b"2"})[:1024])
        silence.wait(PATIENCE_SECONDS)

    with scripted(tmp_path, {**exporting(), "/containers/c1/export": export}) as (engine, _):
        read = ended_after(0.3, lambda seconds: engine.read_files(reading(seconds=seconds)), lambda read: read.files)
        silence.set()

    assert read == FilesRead({"a": b"1"}, read.gap)
    assert re.fullmatch(r"it took longer than [0-9.]+ s", read.gap)


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        (
            'conflict: unable to remove repository reference "a:1" (must force) - container abcabcabcabc is using its',
            "`a:1` is not removed: the container `web` uses it.",
        ),
        (
            "conflict: unable to delete 01 (cannot be forced) - image is being used by running container abcabcabcabc",
            "`a:1` is not removed: the container `web` uses it.",
        ),
        (
            "conflict: unable to delete 0123 (must be forced) - image is being used by stopped container dddddddddddd",
            "`a:1` is not removed: the container `dddddddddddd` uses it.",
        ),
        (
            "conflict: unable to delete 0123 (cannot be forced) - image has dependent child images",
            "`a:1` is not removed: other images are built on it.",
        ),
    ],
)
def test_an_image_in_use_is_told_with_who_uses_it(tmp_path: Path, reason: str, message: str) -> None:
    answers = {
        "/images/a:1": saying(json.dumps({"message": reason}).encode(), status=409),
        "/containers/json": saying(f'[{{"Id": "{"abc" * 20}", "Names": ["/web"]}}]'.encode()),
    }

    with scripted(tmp_path, answers) as (engine, _), pytest.raises(ImageInUse) as problem:
        engine.remove_image("a:1")

    assert (problem.value.message, problem.value.details) == (message, (reason,))


def test_a_refusal_to_remove_that_names_nobody_is_told_in_the_daemons_words(tmp_path: Path) -> None:
    reason = "conflict: unable to delete 0123 (must be forced) - image is referenced in multiple repositories"
    answers = {"/images/a:1": saying(json.dumps({"message": reason}).encode(), status=409)}

    with scripted(tmp_path, answers) as (engine, _), pytest.raises(Problem, match="multiple repositories") as problem:
        engine.remove_image("a:1")

    assert not isinstance(problem.value, ImageInUse)
