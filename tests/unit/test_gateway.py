"""What a container may ask through the bot, and what it is told. The index is one on loopback."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.errors import IndexUnreachable, ResolutionFailed
from commands.model.packages import PackageFile
from commands.packages import gateway as limits
from commands.packages.gateway import Gateway
from commands.packages.index_client import IndexClient
from commands.packages.indexes import Index, Indexes
from tests.fakes.distributions import wheel
from tests.fakes.index import FakeIndex, serving_index
from tests.fakes.loopback import LoopbackRequest, Reply
from tests.fakes.scripted_registry import scripted

WORD = "0123456789abcdef"
LOGIN = ("me", "canary-4c1f")
SIX = "six-1.0-py3-none-any.whl"
FILES = {SIX: wheel("six"), "six-1.0.tar.gz": b"source", "other-1.0-py3-none-any.whl": b"other"}


@pytest.fixture
def index() -> Iterator[FakeIndex]:
    with serving_index(FILES, login=LOGIN) as serving:
        yield serving


@pytest.fixture
def gateway(index: FakeIndex) -> Iterator[Gateway]:
    with closing(IndexClient(Indexes((Index(index.url, LOGIN),)))) as client:
        yield Gateway(client, WORD)


def line(path: str, *, number: int = 0, method: str = "GET", part: str = "", word: str = WORD) -> str:
    return f"{word} {json.dumps({'number': number, 'method': method, 'path': path, 'part': part})}"


def asked(gateway: Gateway, path: str, **how: Any) -> tuple[int, dict[str, str], bytes]:
    number = how.get("number", 0)
    answer = gateway.reply(line(path, **how))
    assert list(answer) == [f"/warroom/answers/{number}.body", f"/warroom/answers/{number}.head"]
    head = json.loads(answer[f"/warroom/answers/{number}.head"])
    return head["status"], head["headers"], answer[f"/warroom/answers/{number}.body"]


def page(gateway: Gateway, project: str = "six") -> dict[str, Any]:
    status, headers, body = asked(gateway, f"/0/{project}/")
    assert (status, headers) == (200, {"Content-Type": "application/vnd.pypi.simple.v1+json"})
    told: dict[str, Any] = json.loads(body)
    return told


def test_a_page_is_told_with_addresses_that_lead_back(gateway: Gateway, index: FakeIndex) -> None:
    told = page(gateway)

    assert (told["name"], told["meta"]) == ("six", {"api-version": "1.0"})
    six = next(file for file in told["files"] if file["filename"] == SIX)
    assert six == {
        "filename": SIX,
        "url": f"../../file/0/{SIX}",
        "hashes": {"sha256": sha256(FILES[SIX]).hexdigest()},
        "requires-python": None,
        "yanked": False,
        "core-metadata": False,
        "size": len(FILES[SIX]),
    }
    assert index.url not in json.dumps(told)
    assert LOGIN[1] not in json.dumps(told)


def test_a_file_is_given_and_remembered(gateway: Gateway, index: FakeIndex) -> None:
    page(gateway)

    status, _, body = asked(gateway, f"/file/0/{SIX}")

    assert (status, body) == (200, FILES[SIX])
    url = index.url.replace("/simple", f"/files/{SIX}")
    assert gateway.served_files == (PackageFile(SIX, url, sha256(body).hexdigest(), len(body)),)


def test_a_part_or_the_head_of_a_file_is_no_file_that_was_given_out(gateway: Gateway) -> None:
    page(gateway)

    status, headers, body = asked(gateway, f"/file/0/{SIX}", part="bytes=0-3")
    assert (status, body, headers["Content-Range"]) == (206, FILES[SIX][:4], f"bytes 0-3/{len(FILES[SIX])}")
    status, headers, body = asked(gateway, f"/file/0/{SIX}", method="HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", str(len(FILES[SIX])))
    assert gateway.served_files == ()


def test_an_address_is_mapped_back_to_the_real_one(gateway: Gateway, index: FakeIndex) -> None:
    page(gateway)
    real = index.url.replace("/simple", f"/files/{SIX}")

    assert gateway.address(f"http://127.0.0.1:1234/token/file/0/{SIX}") == real
    for other in ("http://127.0.0.1:1/t/file/99/x.whl", "https://elsewhere.test/x.whl", ""):
        assert gateway.address(other) == other


def test_a_file_keeps_its_number_however_often_its_page_is_asked_for(gateway: Gateway) -> None:
    assert page(gateway) == page(gateway)
    assert page(gateway, "other")["files"][0]["url"].startswith("../../file/2/")


@pytest.mark.parametrize(
    "path",
    [
        "/0/nope/",
        "/1/six/",
        "/999/six/",
        "/file/0/other-1.0-py3-none-any.whl",
        "/file/99/x.whl",
        f"/file/0/{SIX}.metadata",
        f"/file/0/{SIX}/",
        "/0/../files/",
        "/0/six/../../x",
        "/",
        "",
        "http://127.0.0.1/",
        "/0/six/?x=1",
        "/0/" + "a" * 201 + "/",
    ],
)
def test_what_is_not_there_is_404_whatever_it_is_called(gateway: Gateway, path: str) -> None:
    page(gateway)

    assert asked(gateway, path)[0] == 404


def test_only_projects_and_the_files_of_their_pages_are_ever_asked_for(gateway: Gateway, index: FakeIndex) -> None:
    for path in ("/file/0/x.whl", "/0/..%2f..%2fadmin/", "/0/SIX/", "//0/six", "/0/a b/"):
        asked(gateway, path)

    assert index.paths == ["/simple/six/"]


HOSTILE = [
    "",
    "hello",
    f"{WORD}",
    f"{WORD} ",
    f"{WORD} not json",
    f"{WORD} []",
    f"{WORD} {{}}",
    f" {line('/0/six/')}",
    line("/0/six/", word="another-word-here"),
    line("/0/six/", number=-1),
    line("/0/six/", number=10**9),
    line("/0/six/", method="POST"),
    line("/0/six/", part="bytes=0-1,5-6"),
    line("/0/six/", part="bytes=0-1\r\nAuthorization: x"),
    line("/0/six/", part="bytes=0-1\n"),
    line("/" + "a" * 3000),
    f'{WORD} {{"number": "0", "method": "GET", "path": "/0/six/", "part": ""}}',
    f'{WORD} {{"number": 0, "method": "GET", "path": "/0/six/", "part": "", "more": 1}}',
    f"{WORD} " + "[" * 100_000,
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_a_line_that_asks_nothing_gets_nothing(gateway: Gateway, index: FakeIndex, hostile: str) -> None:
    assert gateway.reply(hostile) == {}
    assert index.requests == []


NOBODY = Gateway(IndexClient(Indexes(())), WORD)


@given(st.text() | st.text().map(lambda text: f"{WORD} {text}") | st.text().map(line))
def test_no_line_upsets_it_and_answers_have_their_place(text: str) -> None:
    assert set(NOBODY.reply(text)) <= {"/warroom/answers/0.body", "/warroom/answers/0.head"}


def test_an_index_that_fails_is_told_as_a_problem(gateway: Gateway, index: FakeIndex) -> None:
    index.login = ("me", "another")
    with pytest.raises(IndexUnreachable):
        gateway.reply(line("/0/six/"))


def test_another_file_than_its_page_says_is_not_passed_on(gateway: Gateway, index: FakeIndex) -> None:
    page(gateway)
    index.files[SIX] = b"forged"

    with pytest.raises(ResolutionFailed, match=f"another `{SIX}`"):
        gateway.reply(line(f"/file/0/{SIX}"))
    assert gateway.served_files == ()


def test_requests_are_bounded() -> None:
    with closing(IndexClient(Indexes(()))) as client:
        asking = Gateway(client, WORD, _requests=limits.MOST_REQUESTS)
        with pytest.raises(ResolutionFailed, match="too much"):
            asking.reply(line("/nothing"))


def test_bytes_are_bounded(index: FakeIndex) -> None:
    with closing(IndexClient(Indexes((Index(index.url, LOGIN),)))) as client:
        asking = Gateway(client, WORD, _bytes=limits.MOST_BYTES - 10)
        with pytest.raises(ResolutionFailed, match="too much"):
            asking.reply(line("/0/six/"))


def test_many_threads_may_ask_at_once(gateway: Gateway) -> None:
    def ask(number: int) -> int:
        return asked(gateway, "/0/six/", number=number)[0]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(40))) == [200] * 40
    assert gateway.address("/file/1/x") != gateway.address("/file/0/x")


def of_page(files: list[dict[str, object]]) -> Callable[[LoopbackRequest], Reply]:
    body = json.dumps({"meta": {"api-version": "1.0"}, "name": "six", "files": files}).encode()
    return lambda _: Reply(200, {"Content-Type": "application/vnd.pypi.simple.v1+json"}, [body], len(body))


ODD_NAMES = ["../../etc/passwd", "a/b.whl", ".hidden.whl", "x y.whl", "x\n.whl", "ｘ.whl", "a" * 300]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_file_with_an_odd_name_is_left_out(name: str) -> None:
    files: list[dict[str, object]] = [
        {"filename": name, "url": "https://x.test/1", "hashes": {}},
        {"filename": SIX, "url": "https://me:secret@x.test/2", "hashes": {}, "yanked": "broken"},
    ]
    with (
        scripted(of_page(files)) as host,
        closing(IndexClient(Indexes((Index(f"http://{host.address}/simple"),)))) as client,
    ):
        asking = Gateway(client, WORD)
        (file,) = page(asking)["files"]

    assert (file["filename"], file["yanked"]) == (SIX, "broken")
    # An index may put logins into addresses; none goes on from here.
    assert asking.address("/file/0/x") == "https://x.test/2"
