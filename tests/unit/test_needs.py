"""The program that finds out what building takes, run on this Python against an index on loopback."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
import uv

from commands.inside import source
from tests.fakes import distributions
from tests.fakes.distributions import BACKEND, toy_files, toy_source, wheel
from tests.fakes.index import FakeIndex, serving_index
from tests.kit.printing_python import PRINTS


@pytest.fixture
def index() -> Iterator[FakeIndex]:
    with serving_index(toy_files()) as serving:
        yield serving


Source = dict[str, object]


def a_source(path: Path, content: bytes, **system: object) -> Source:
    path.write_bytes(content)
    known: Source = {"archive": str(path), "requires": [], "backend": "local", "backend_path": ["."]}
    return known | system


def run(folder: Path, index: FakeIndex, *sources: Source) -> subprocess.CompletedProcess[str]:
    question = folder / "question.json"
    question.write_text(json.dumps(sources))
    program = folder / "needs.py"
    program.write_bytes(source("needs"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_"))}
    environment = {**kept, "UV_DEFAULT_INDEX": index.url, "UV_NO_CACHE": "1", "UV_HTTP_RETRIES": "0"}
    command = [sys.executable, "-I", str(program), uv.find_uv_bin(), sys.executable, str(question)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", check=True)


def fetched(index: FakeIndex) -> set[str]:
    return {path.removeprefix("/files/") for path in index.paths if path.startswith("/files/")}


def test_what_a_source_declares_and_what_its_backend_asks_for_is_fetched(tmp_path: Path, index: FakeIndex) -> None:
    ended = run(tmp_path, index, a_source(tmp_path / "toy_source-1.0.tar.gz", toy_source(), requires=["toy-backend"]))

    assert ended.stderr == ""
    assert fetched(index) == {"toy_backend-1.0-py3-none-any.whl", "toy_need-1.0-py3-none-any.whl"}


def test_a_source_in_a_zip_is_looked_at_too(tmp_path: Path, index: FakeIndex) -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x-1.0/local.py", BACKEND)
    ended = run(tmp_path, index, a_source(tmp_path / "x-1.0.zip", packed.getvalue()))

    assert (ended.stderr, fetched(index)) == ("", {"toy_need-1.0-py3-none-any.whl"})


def test_a_backend_without_that_question_needs_nothing_more(tmp_path: Path, index: FakeIndex) -> None:
    plain = distributions.source({"x-1.0/local.py": "def build_wheel(*_): pass\n"})
    ended = run(tmp_path, index, a_source(tmp_path / "x-1.0.tar.gz", plain))

    assert (ended.stderr, index.requests) == ("", [])


def test_a_backend_may_be_an_object_in_an_installed_module_and_may_print(tmp_path: Path, index: FakeIndex) -> None:
    code = """
class hooks:
    class inner:
        def get_requires_for_build_wheel(settings):
            print("[\\"not an answer\\"]")
            return ["toy-need"]
"""
    index.files["toy_hooks-1.0-py3-none-any.whl"] = wheel("toy_hooks", modules={"toy_hooks.py": code})
    source_of_it = distributions.source({"x-1.0/setup.py": ""})
    system = {"requires": ["toy-hooks"], "backend": "toy_hooks:hooks.inner", "backend_path": []}
    run(tmp_path, index, a_source(tmp_path / "x-1.0.tar.gz", source_of_it, **system))

    assert fetched(index) == {"toy_hooks-1.0-py3-none-any.whl", "toy_need-1.0-py3-none-any.whl"}


@pytest.mark.parametrize("kind", ["text without a line end", "at its end", "binary junk"])
def test_a_requirement_that_prints_at_every_start_of_python_hides_nothing(
    tmp_path: Path, index: FakeIndex, kind: str
) -> None:
    index.files["toy_printing-1.0-py3-none-any.whl"] = wheel(
        "toy_printing", modules={"printing.pth": f"{PRINTS[kind]}\n"}
    )
    requires = ["toy-backend", "toy-printing"]
    run(tmp_path, index, a_source(tmp_path / "toy_source-1.0.tar.gz", toy_source(), requires=requires))

    assert "toy_need-1.0-py3-none-any.whl" in fetched(index)


BAD: dict[str, bytes] = {
    "no archive": b"this is none",
    "empty": b"",
    "two folders": distributions.source({"a/x": "", "b/x": ""}),
    "a backend that breaks": distributions.source({"x-1.0/local.py": "raise SystemExit(7)"}),
    "a backend that answers nonsense": distributions.source(
        {"x-1.0/local.py": "def get_requires_for_build_wheel(_): return [3, 'not a ( requirement']"}
    ),
    "a backend that asks for an option": distributions.source(
        {"x-1.0/local.py": "def get_requires_for_build_wheel(_): return ['--index-url=http://evil.test', 'toy-need']"}
    ),
    "a backend that is not there": distributions.source({"x-1.0/setup.py": ""}),
    "a backend that wants what is nowhere": distributions.source(
        {"x-1.0/local.py": "def get_requires_for_build_wheel(_): return ['toy-nowhere']"}
    ),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_what_cannot_be_found_out_is_told_and_the_others_are_looked_at(
    tmp_path: Path, index: FakeIndex, content: bytes
) -> None:
    ended = run(
        tmp_path,
        index,
        a_source(tmp_path / "bad-1.0.tar.gz", content),
        a_source(tmp_path / "toy_source-1.0.tar.gz", toy_source(), requires=["toy-backend"]),
    )

    assert "bad-1.0.tar.gz: " in ended.stderr
    assert fetched(index) == {"toy_backend-1.0-py3-none-any.whl", "toy_need-1.0-py3-none-any.whl"}
