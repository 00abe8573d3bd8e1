"""The program that gives a container the indexes on loopback, run on this Python; the test answers as the bot does."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from commands.inside import source
from tests.kit.printing_python import PRINTS, printing_python

WORD = "0123456789abcdef"
Answer = tuple[int, Mapping[str, str], bytes]

CLIENT = """
import json, os, sys, urllib.error, urllib.request

def ask(url, **how):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, **how), timeout=60) as answer:
            return [answer.status, dict(answer.headers), answer.read().decode()]
    except urllib.error.HTTPError as fault:
        return [fault.code, dict(fault.headers), fault.read().decode()]

index = os.environ["UV_DEFAULT_INDEX"]
def tell(value): print(json.dumps(value))
"""


@dataclass(slots=True)
class RelayRun:
    """One run: `answer` is what the bot says, `asked` what it was asked, `told` what the program printed.

    `python` runs the relay; the program runs on this Python. `errors` are what the program printed on stderr.
    """

    folder: Path
    answer: Callable[[dict[str, Any]], Answer] = lambda _: (200, {}, b"content")
    asked: list[dict[str, Any]] = field(default_factory=list)
    told: list[Any] = field(default_factory=list)
    errors: str = ""
    python: str = sys.executable

    def run(self, program: str, *, indexes: int = 1, environment: Mapping[str, str] | None = None) -> int:
        """Run a program of Python's under it; give the exit code."""
        question = {"indexes": indexes, "environment": {"UV_HTTP_TIMEOUT": "60"}, "folder": str(self.folder)}
        relay = self.folder / "relay.py"
        relay.write_bytes(source("relay"))
        command = [self.python, "-I", str(relay), WORD, json.dumps(question), sys.executable, "-c", CLIENT + program]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, errors="replace", env={**os.environ, **(environment or {})}
        ) as running:
            for line in running.stdout or ():
                self._hear(line)
        return running.returncode

    def _hear(self, line: str) -> None:
        if line.startswith(f"{WORD}-ended "):
            ended = json.loads(line.removeprefix(f"{WORD}-ended "))
            self.told += [json.loads(each) for each in ended["output"].splitlines()]
            self.errors = ended["errors"]
        if not line.startswith(f"{WORD} "):
            return
        asked = json.loads(line.removeprefix(f"{WORD} "))
        self.asked.append(asked)
        status, headers, body = self.answer(asked)
        (self.folder / f"{asked['number']}.body").write_bytes(body)
        # As when it is put in slowly: the first half is there before the rest.
        head, whole = self.folder / f"{asked['number']}.head", json.dumps({"status": status, "headers": headers})
        head.write_text(whole[:5])
        head.write_text(whole)


@pytest.fixture
def relay(tmp_path: Path) -> RelayRun:
    return RelayRun(tmp_path)


def test_what_a_program_asks_for_is_told_and_the_answer_given(relay: RelayRun) -> None:
    relay.answer = lambda _: (200, {"Content-Type": "text/x"}, b"a page")

    assert relay.run("tell(ask(index + '/six/'))") == 0

    assert relay.asked == [{"number": 0, "method": "GET", "path": "/0/six/", "part": ""}]
    ((status, headers, body),) = relay.told
    assert (status, headers["Content-Type"], headers["Content-Length"], body) == (200, "text/x", "6", "a page")


def test_parts_heads_and_other_answers_pass_through(relay: RelayRun) -> None:
    def answer(asked: dict[str, Any]) -> Answer:
        if asked["method"] == "HEAD":
            return 200, {"Content-Length": "77", "Accept-Ranges": "bytes"}, b""
        return (206, {"Content-Range": "bytes 0-1/9"}, b"ab") if asked["part"] else (404, {}, b"")

    relay.answer = answer
    program = """
tell(ask(index + "/../file/3/x.whl", method="HEAD"))
tell(ask(index + "/../file/3/x.whl", headers={"Range": "bytes=0-1"}))
tell(ask(index + "/nope/"))
"""
    assert relay.run(program) == 0

    assert [(asked["number"], asked["method"], asked["part"]) for asked in relay.asked] == [
        (0, "HEAD", ""),
        (1, "GET", "bytes=0-1"),
        (2, "GET", ""),
    ]
    head, part, missing = relay.told
    assert (head[0], head[1]["Content-Length"], head[2]) == (200, "77", "")
    assert (part[0], part[1]["Content-Range"], part[2]) == (206, "bytes 0-1/9", "ab")
    assert (missing[0], missing[2]) == (404, "")


def test_who_does_not_know_the_way_gets_nothing(relay: RelayRun) -> None:
    program = "from urllib.parse import urlsplit; tell(ask('http://' + urlsplit(index).netloc + '/0/six/'))"
    assert relay.run(program) == 0

    assert (relay.told[0][0], relay.asked) == (404, [])


def test_many_requests_at_once_each_get_their_own_answer(relay: RelayRun) -> None:
    relay.answer = lambda asked: (200, {}, asked["path"].encode())
    program = """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool:
    tell([answer[2] for answer in pool.map(lambda n: ask(f"{index}/p{n}/"), range(40))])
"""
    assert relay.run(program) == 0

    assert relay.told == [[f"/0/p{number}/" for number in range(40)]]
    assert sorted(asked["number"] for asked in relay.asked) == list(range(40))


def test_the_program_knows_the_indexes_and_nothing_that_the_image_set_to_steer_it(relay: RelayRun) -> None:
    steering = {
        "UV_INDEX": "https://evil.test",
        "UV_NO_BUILD": "1",
        "PIP_INDEX_URL": "https://evil.test",
        "NO_PROXY": "",
        "KEPT": "yes",
    }
    program = "tell({name: value for name, value in os.environ.items() if name.upper() != 'PATH'})"
    assert relay.run(program, indexes=3, environment=steering) == 0

    (environment,) = relay.told
    first, second = environment["UV_INDEX"].split()
    default = environment["UV_DEFAULT_INDEX"]
    assert [url.rpartition("/")[2] for url in (first, second, default)] == ["0", "1", "2"]
    assert all(url.startswith("http://127.0.0.1:") for url in (first, second, default))
    assert (environment["UV_HTTP_TIMEOUT"], environment["NO_PROXY"], environment["KEPT"]) == ("60", "127.0.0.1", "yes")
    assert "UV_NO_BUILD" not in environment
    assert not [name for name in environment if name.startswith("PIP_")]


def test_with_one_index_there_are_no_further_ones(relay: RelayRun) -> None:
    assert relay.run("tell(sorted(name for name in os.environ if name.startswith('UV_')))") == 0

    assert relay.told == [["UV_DEFAULT_INDEX", "UV_HTTP_TIMEOUT"]]


@pytest.mark.parametrize(("program", "code"), [("", 0), ("sys.exit(3)", 3), ("os.kill(os.getpid(), 9)", 137)])
def test_the_programs_end_is_its_own(relay: RelayRun, program: str, code: int) -> None:
    assert relay.run(program) == code


@pytest.mark.parametrize("line", PRINTS.values(), ids=PRINTS)
def test_a_request_and_the_output_are_whole_however_the_image_s_python_prints(relay: RelayRun, line: str) -> None:
    relay.python = str(printing_python(relay.folder / "image", line))

    assert relay.run("tell(ask(index + '/six/')[2]); sys.stderr.write('a fault')") == 0

    assert ([asked["path"] for asked in relay.asked], relay.told) == (["/0/six/"], ["content"])
    assert relay.errors == "a fault"
