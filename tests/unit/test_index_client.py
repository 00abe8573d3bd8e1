"""How indexes are asked: both forms of a page, what may go wrong, and where a login goes. On loopback."""

import gzip
import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from commands.errors import IndexUnreachable, Problem
from commands.packages.index_client import LONGEST_PAGE, Fetched, IndexClient
from commands.packages.indexes import Index, Indexes, not_an_index
from tests.fakes.distributions import wheel
from tests.fakes.index import HTML, JSON, FakeIndex, serving_index
from tests.fakes.loopback import LoopbackRequest, Reply
from tests.fakes.scripted_registry import ScriptedRegistry, fails, resets, scripted
from tests.kit.certificates import Certificates, made_certificates

LOGIN = ("me@home", "pa:ss/word")
SIX = "six-1.0-py3-none-any.whl"
FILES = {SIX: wheel("six"), "six-0.9-py3-none-any.whl": b"old"}
PROJECT = "/simple/six/"


@pytest.fixture
def index() -> Iterator[FakeIndex]:
    with serving_index(FILES) as serving:
        yield serving


@pytest.fixture
def host() -> Iterator[ScriptedRegistry]:
    with scripted(fails(404)) as serving:
        yield serving


@pytest.fixture
def client_of() -> Iterator[Callable[..., IndexClient]]:
    made = list[IndexClient]()

    def make(*indexes: Index, seconds: float = 15.0, ca_bundle: Path | None = None, insecure: str = "") -> IndexClient:
        known = Indexes(indexes, frozenset(insecure.split()))
        made.append(IndexClient(known, seconds=seconds, ca_bundle=ca_bundle))
        return made[-1]

    yield make
    for client in made:
        client.close()


Client = Callable[..., IndexClient]


def index_at(host: ScriptedRegistry, login: tuple[str, str] | None = None) -> Index:
    return Index(f"http://{host.address}/simple", login)


def words(problem: Problem) -> str:
    return re.sub(r"^The package index (at `[^`]*` )?", "", problem.message).removesuffix(".")


# Pages and files.


@pytest.mark.parametrize("is_html", [False, True], ids=["JSON", "HTML"])
def test_a_page_is_read_in_either_form(index: FakeIndex, client_of: Client, is_html: bool) -> None:
    index.is_html = is_html
    asked = Index(index.url)
    page = client_of(asked).page(asked, "six")

    assert page is not None
    assert {package.filename for package in page.packages} == set(FILES)
    six = next(package for package in page.packages if package.filename == SIX)
    assert six.url == index.url.replace("/simple", f"/files/{SIX}")
    assert len(six.digests["sha256"]) == 64
    assert "json" in index.requests[0].headers["Accept"]


def test_a_project_that_is_not_there_is_no_problem(index: FakeIndex, client_of: Client) -> None:
    asked = Index(index.url)

    assert client_of(asked).page(asked, "nope") is None


def test_a_name_cannot_lead_elsewhere(index: FakeIndex, client_of: Client) -> None:
    asked = Index(index.url)
    client_of(asked).page(asked, "../files/six")

    assert index.paths == ["/simple/..%2Ffiles%2Fsix/"]


def test_a_file_comes_whole_in_part_or_by_its_head(index: FakeIndex, client_of: Client) -> None:
    client, url = client_of(Index(index.url)), index.url.replace("/simple", f"/files/{SIX}")
    content = FILES[SIX]
    size = len(content)

    assert client.fetch(url, most=size) == Fetched(200, {"Accept-Ranges": "bytes"}, content)
    part = client.fetch(url, part="bytes=5-9", most=size)
    assert (part.status, part.body) == (206, content[5:10])
    assert part.headers == {"Content-Range": f"bytes 5-9/{size}", "Accept-Ranges": "bytes"}
    head = client.fetch(url, method="HEAD", most=size)
    assert head == Fetched(200, {"Content-Length": str(size), "Accept-Ranges": "bytes"}, b"")
    with client.download(url) as pieces:
        assert b"".join(pieces) == content


def test_what_is_not_there_is_told_to_whoever_relays_it(index: FakeIndex, client_of: Client) -> None:
    fetched = client_of(Index(index.url)).fetch(f"{index.url}/nope.whl", most=100)

    assert (fetched.status, fetched.body) == (404, b"")


def test_a_file_that_has_gone_meanwhile_is_named(index: FakeIndex, client_of: Client) -> None:
    url = index.url.replace("/simple", "/files/gone-1.0.tar.gz")
    with pytest.raises(IndexUnreachable, match=r"no longer has the file `gone-1\.0\.tar\.gz`"):
        client_of(Index(index.url)).download(url).__enter__()


def test_what_comes_is_not_unpacked_on_the_way(host: ScriptedRegistry, client_of: Client) -> None:
    host.respond = lambda _: Reply(200, {"Content-Encoding": "gzip"}, [b"\x1f\x8bodd"], 5)

    with client_of(index_at(host)).download(f"http://{host.address}/x") as pieces:
        assert b"".join(pieces) == b"\x1f\x8bodd"
    assert host.requests[0].headers["Accept-Encoding"] == "identity"


# Logins.


def test_the_login_goes_along_and_is_never_part_of_an_answer(client_of: Client) -> None:
    with serving_index(FILES, login=LOGIN) as private:
        asked = Index(private.url, LOGIN)
        client = client_of(asked)
        page = client.page(asked, "six")
        assert page is not None
        fetched = client.fetch(page.packages[0].url, most=10_000)

    assert fetched.status == 200
    assert LOGIN[1] not in repr((page, fetched))


@pytest.mark.parametrize("status", [401, 403, 407])
def test_a_login_that_is_refused_is_told_without_repeating_it(
    host: ScriptedRegistry, client_of: Client, status: int
) -> None:
    host.respond = fails(status)
    asked = index_at(host, LOGIN)
    for ask in (lambda: client_of(asked).page(asked, "six"), client_of(asked).download(f"{asked.url}/x").__enter__):
        with pytest.raises(IndexUnreachable) as caught:
            ask()
        assert words(caught.value) == "refused the bot's credentials"
        assert LOGIN[1] not in f"{caught.value}{caught.value.hint}{caught.value.details}"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_to_another_host_takes_no_login_along(
    host: ScriptedRegistry, client_of: Client, status: int
) -> None:
    with scripted(lambda _: Reply(200, {}, [b"content"], 7)) as other:
        host.respond = fails(status, {"Location": f"http://{other.address}/elsewhere"})
        fetched = client_of(index_at(host, LOGIN)).fetch(f"http://{host.address}/x", most=100)

    assert fetched.body == b"content"
    assert host.requests[0].authorization is not None
    assert [request.authorization for request in other.requests] == [None]


def test_a_file_at_another_host_gets_no_login(host: ScriptedRegistry, client_of: Client) -> None:
    with scripted(lambda _: Reply(200, {}, [b"content"], 7)) as other:
        client_of(index_at(host, LOGIN)).fetch(f"http://{other.address}/x", most=100)

    assert [request.authorization for request in other.requests] == [None]


def test_redirects_without_end_are_a_problem(host: ScriptedRegistry, client_of: Client) -> None:
    host.respond = lambda _: Reply(302, {"Location": "/again"})
    with pytest.raises(IndexUnreachable):
        client_of(index_at(host)).fetch(f"http://{host.address}/x", most=100)


# What may go wrong.


def body(content: bytes, kind: str, status: int = 200) -> Callable[[LoopbackRequest], Reply]:
    return lambda _: Reply(status, {"Content-Type": kind}, [content], len(content))


def packed(content: bytes) -> Callable[[LoopbackRequest], Reply]:
    """Give an answer that says to be packed, whole or not."""
    return lambda _: Reply(200, {"Content-Type": HTML, "Content-Encoding": "gzip"}, [content], len(content))


LOGIN_PAGE = (
    b"<!DOCTYPE html><html><head><title>Sign in to get six</title></head><body><form action='/login' method='post'>"
    b"<input type='password'></form><a href='/help'>Help</a></body></html>"
)
PAGE = b"".join(b'<a href="/f/six-%d.0-py3-none-any.whl">six-%d.0-py3-none-any.whl</a>' % (n, n) for n in range(9))
NO_INDEX = "gave an answer that is not that of a package index"


@pytest.mark.parametrize(
    ("respond", "told"),
    [
        (fails(500), "answered with HTTP status 500"),
        (fails(418), "answered with HTTP status 418"),
        (resets, "broke off"),
        (body(b'{"files": ', JSON), NO_INDEX),
        (body(b"[]", JSON), NO_INDEX),
        (body(b"{}", JSON), NO_INDEX),
        (body(b"\xff\xfe", JSON), NO_INDEX),
        (body(json.dumps({"meta": {"api-version": "9.0"}, "name": "six", "files": []}).encode(), JSON), NO_INDEX),
        (body(json.dumps({"meta": {"api-version": "1.0"}, "name": "six", "files": 3}).encode(), JSON), NO_INDEX),
        (
            body(
                json.dumps(
                    {
                        "meta": {"api-version": "1.0"},
                        "name": "six",
                        "files": [{"filename": SIX, "url": "https://[", "hashes": {}}],
                    }
                ).encode(),
                JSON,
            ),
            NO_INDEX,
        ),
        (body(b"\x1b[31mhello", "text/plain"), NO_INDEX),
        (body(b"", ""), NO_INDEX),
        (body(b'<meta name="pypi:repository-version" content="9.0">', HTML), NO_INDEX),
        (body(LOGIN_PAGE, HTML), NO_INDEX),
        (body(LOGIN_PAGE, "application/xhtml+xml"), NO_INDEX),
        (body(b"", HTML), NO_INDEX),
        (body(b"please log in", HTML), NO_INDEX),
        (body(b"", JSON), NO_INDEX),
        (body(b'{"error": "log in"}', JSON), NO_INDEX),
        (body(b'{"error": "log in"}', "application/json"), NO_INDEX),
        (body(b"[" * 100_000, JSON), NO_INDEX),
        (body(b'{"meta": {"api-version": "1.0"}, "name": "portal", "files": []}', JSON), NO_INDEX),
        (body(b'<html><meta http-equiv="Refresh" content="0; url=/login">six</html>', HTML), NO_INDEX),
        (body(b"<html><body><h1>Access denied</h1></body></html>", HTML), NO_INDEX),
        (body(b'<html><body><a href="/login?to=six">Log in</a></body></html>', HTML), NO_INDEX),
        (body(b'<html><script src="/six.js"></script></html>', HTML), NO_INDEX),
        (packed(gzip.compress(PAGE)[:-12]), "broke off"),
        (packed(gzip.compress(PAGE)[:40]), "broke off"),
        (packed(b"\x1f\x8bodd"), "broke off"),
        (packed(gzip.compress(LOGIN_PAGE)), NO_INDEX),
    ],
)
def test_a_page_that_is_none_is_told_in_plain_words(
    host: ScriptedRegistry, client_of: Client, respond: Callable[[LoopbackRequest], Reply], told: str
) -> None:
    host.respond = respond
    asked = index_at(host)
    with pytest.raises(IndexUnreachable) as caught:
        client_of(asked).page(asked, "six")

    assert words(caught.value) == told


@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE html><html><head><title>Links for six</title></head><body><h1>Links for six</h1></body></html>",
        b"<html><body></body></html>",
        b'<html><meta name="pypi:repository-version" content="1.0"><body>nothing</body></html>',
    ],
)
def test_a_page_without_files_may_be_that_of_an_index(
    host: ScriptedRegistry, client_of: Client, content: bytes
) -> None:
    host.respond = body(content, HTML)
    page = client_of(index_at(host)).page(index_at(host), "six")

    assert page is not None
    assert page.packages == []


def test_a_packed_page_is_read(host: ScriptedRegistry, client_of: Client) -> None:
    host.respond = packed(gzip.compress(PAGE[:60]) + gzip.compress(PAGE[60:]) + b"\0\0")
    page = client_of(index_at(host)).page(index_at(host), "six")

    assert page is not None
    assert len(page.packages) == 9


def test_a_page_that_unpacks_to_more_and_more_is_given_up(host: ScriptedRegistry, client_of: Client) -> None:
    host.respond = packed(gzip.compress(b"x" * 5000))
    with pytest.raises(IndexUnreachable, match="too long"):
        client_of(index_at(host)).fetch(f"http://{host.address}/x", most=1000)


def test_a_redirect_to_a_login_page_is_told_with_the_index_s_address_alone(
    host: ScriptedRegistry, client_of: Client
) -> None:
    with scripted(body(LOGIN_PAGE, HTML)) as portal:
        host.respond = fails(302, {"Location": f"http://{portal.address}/login?token=canary"})
        asked = index_at(host, LOGIN)
        with pytest.raises(IndexUnreachable) as caught:
            client_of(asked).page(asked, "six")

    assert caught.value.message == f"The package index at `{asked.url}` {NO_INDEX}."
    assert "log in" in caught.value.hint
    assert not re.search(f"canary|{LOGIN[0]}|{LOGIN[1]}", f"{caught.value}{caught.value.hint}{caught.value.details}")


@pytest.mark.parametrize("url", ["http://me:canary@h/s/?t=canary#canary", "http://canary@h/s/", "http://h/s/"])
def test_an_address_is_shown_without_credentials(url: str) -> None:
    assert not_an_index(url).message == f"The package index at `http://h/s/` {NO_INDEX}."


@pytest.mark.parametrize("url", ["", "x", "http://[", "//"])
def test_an_address_that_is_none_is_not_shown(url: str) -> None:
    assert not_an_index(url).message == f"The package index {NO_INDEX}."


@pytest.mark.parametrize("content", [LOGIN_PAGE, b"", b"\n\n<?xml version='1.0'?><Error>expired</Error>"])
def test_a_page_in_place_of_a_file_is_no_changed_file(
    host: ScriptedRegistry, client_of: Client, content: bytes
) -> None:
    host.respond = body(content, HTML)
    client, url = client_of(index_at(host)), f"http://{host.address}/files/six-1.0-py3-none-any.whl"
    with pytest.raises(IndexUnreachable) as caught, client.download(url) as pieces:
        list(pieces)
    assert words(caught.value) == NO_INDEX
    with pytest.raises(IndexUnreachable) as caught:
        client.fetch(url, most=10_000)
    assert words(caught.value) == NO_INDEX


def test_an_index_is_genuine_with_its_files_or_without_the_project(index: FakeIndex, client_of: Client) -> None:
    client = client_of(Index(index.url))
    client.require_genuine("six")
    client.require_genuine("nope")


def test_an_index_whose_files_are_behind_a_login_page_is_not_genuine(client_of: Client) -> None:
    with serving_index(FILES) as index, scripted(body(LOGIN_PAGE, HTML)) as portal:
        host = index.server
        assert host is not None
        listed = host.respond
        moved = fails(302, {"Location": f"http://{portal.address}/login"})
        host.respond = lambda request: moved(request) if "/files/" in request.path else listed(request)
        with pytest.raises(IndexUnreachable, match=NO_INDEX):
            client_of(Index(index.url)).require_genuine("six")


@pytest.mark.parametrize("status", [502, 503, 504])
def test_an_index_that_is_down_for_a_moment_is_asked_again(
    host: ScriptedRegistry, client_of: Client, status: int
) -> None:
    answers = [Reply(status), Reply(200, {}, [b"content"], 7)]
    host.respond = lambda _: answers.pop(0)

    assert client_of(index_at(host)).fetch(f"http://{host.address}/x", most=100).body == b"content"


def test_an_index_that_stays_down_is_told_with_its_status(host: ScriptedRegistry, client_of: Client) -> None:
    host.respond = fails(503)
    asked = index_at(host)
    with pytest.raises(IndexUnreachable, match="HTTP status 503"):
        client_of(asked).page(asked, "six")

    assert len(host.requests) == 3


def test_an_answer_without_end_is_not_read_to_its_end(host: ScriptedRegistry, client_of: Client) -> None:
    sent = []

    def endless() -> Iterator[bytes]:
        while True:
            sent.append(1)
            yield b"x" * (1 << 20)

    host.respond = lambda _: Reply(200, {"Content-Type": HTML}, endless(), 1 << 40)
    asked = index_at(host)
    with pytest.raises(IndexUnreachable) as caught:
        client_of(asked).page(asked, "six")
    assert words(caught.value) == "gave an answer that is too long"
    assert len(sent) < 2 * (LONGEST_PAGE >> 20)

    with pytest.raises(IndexUnreachable, match="too long"):
        client_of(asked).fetch(f"{asked.url}/x", most=1000)


def test_a_file_that_ends_too_early_is_a_problem(host: ScriptedRegistry, client_of: Client) -> None:
    host.respond = lambda _: Reply(200, {}, [b"half"], 8)
    client, url = client_of(index_at(host)), f"http://{host.address}/x"

    with pytest.raises(IndexUnreachable), client.download(url) as pieces:
        list(pieces)
    with pytest.raises(IndexUnreachable):
        client.fetch(url, most=100)


def test_an_index_that_says_nothing_is_given_up(client_of: Client) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        asked = Index(f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        with pytest.raises(IndexUnreachable) as caught:
            client_of(asked, seconds=0.05).page(asked, "six")

    assert words(caught.value) == "did not answer in time"


def test_a_port_where_nobody_listens_is_told(client_of: Client) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    asked = Index(f"http://127.0.0.1:{port}/simple")
    with pytest.raises(IndexUnreachable) as caught:
        client_of(asked).page(asked, "six")

    assert words(caught.value) == "refused the connection"


def test_a_name_that_is_unknown_is_told(client_of: Client) -> None:
    asked = Index("http://no-such-host.invalid/simple")
    with pytest.raises(IndexUnreachable) as caught:
        client_of(asked).page(asked, "six")

    assert words(caught.value) == "has a name that is not known here (DNS)"


@pytest.mark.parametrize("url", ["https://[/x", "http://127.0.0.1:99999/x", "http://127.0.0.1:port/x", "x", ""])
def test_an_address_that_is_none_is_a_problem_like_others(client_of: Client, url: str) -> None:
    with pytest.raises(IndexUnreachable):
        client_of(Index("http://127.0.0.1:9/simple", LOGIN)).fetch(url, most=100)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return made_certificates(tmp_path_factory.mktemp("certificates"))


def test_a_certificate_that_is_not_trusted_is_told(client_of: Client, certificates: Certificates) -> None:
    with serving_index(FILES, login=LOGIN, tls=certificates.context()) as private:
        asked = Index(private.url, LOGIN)
        with pytest.raises(IndexUnreachable) as caught:
            client_of(asked, ca_bundle=Path("/etc/ssl/certs/ca-certificates.crt")).page(asked, "six")

        assert words(caught.value) == "shows a certificate that is not trusted here"
        assert private.requests == []
        assert client_of(asked, ca_bundle=certificates.authority).page(asked, "six") is not None


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_a_host_that_the_operator_excepts_needs_no_certificate(client_of: Client, certificates: Certificates) -> None:
    with serving_index(FILES, tls=certificates.context()) as private:
        asked = Index(private.url)

        assert client_of(asked, insecure="127.0.0.1").page(asked, "six") is not None
