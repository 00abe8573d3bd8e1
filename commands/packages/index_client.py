"""Fetches pages and files from package indexes with this machine's logins: the only place for HTTP to them."""

import ssl
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote, urlsplit

import requests
import urllib3
from pypi_simple import ACCEPT_JSON_PREFERRED, ProjectPage

from commands.errors import IndexUnreachable, Problem, causes_of
from commands.packages.index_pages import is_markup, read_page
from commands.packages.indexes import Index, Indexes, not_an_index

LONGEST_PAGE = 64 << 20
"""Maximum bytes of one page; the longest known ones have 2 MB."""

_PIECE = 1 << 20
_AT_ONCE = 32
_FAULTS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
_TRY_LATER = "Try again in a minute. If it still fails, the operator should check the index and the network."
_GZIP = ("gzip", "x-gzip")
_START = 1 << 10
"""How much of a file is read to see what it is."""
_DESCRIBING = ("Content-Type", "Content-Range", "Accept-Ranges")
_PASSING = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A complete answer of an index. `headers` are those that describe the body."""

    status: int
    headers: dict[str, str]
    body: bytes


class IndexClient:
    """Persistent connections to the configured indexes. Thread-safe.

    A login is sent only to its index's own host, for pages and files. `ca_bundle` is the CA bundle for TLS. `seconds`
    is the timeout without data.
    """

    def __init__(self, indexes: Indexes, *, ca_bundle: Path | None = None, seconds: float = 15.0) -> None:
        self.indexes = indexes
        self._ca_bundle = str(ca_bundle) if ca_bundle else True
        self._seconds = seconds
        self._session = requests.Session()
        retry = urllib3.Retry(total=2, backoff_factor=0.2, status_forcelist=_PASSING, raise_on_status=False)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=_AT_ONCE, max_retries=retry))

    def page(self, index: Index, project: str) -> ProjectPage | None:
        """Return the files of a project, or None if the index does not have it; raises `IndexUnreachable`."""
        url = f"{index.url}/{quote(project, safe='')}/"
        with self._request(url, {"Accept": ACCEPT_JSON_PREFERRED}) as response:
            if response.status_code == HTTPStatus.NOT_FOUND:
                return None
            _require(response)
            kind = response.headers.get("Content-Type", "")
            body = _whole(response, LONGEST_PAGE)
            return read_page(project, body, content_type=kind, url=response.url, index_url=index.url)

    def require_genuine(self, project: str) -> None:
        """Raise `IndexUnreachable` if another server answers in place of an index, for a project or one of its files.

        `uv` takes a page without links, such as a login page, for a project without versions.
        """
        for index in self.indexes.ordered:
            page = self.page(index, project)
            files = [package for package in page.packages if package.package_type] if page else []
            for package in files[-1:]:
                url = f"{package.url}.metadata" if package.has_metadata else package.url
                with self._request(url, {}) as response:
                    if response.status_code in _REFUSED:
                        _require(response)
                    if response.status_code == HTTPStatus.OK:
                        _require_file(next(response.raw.stream(_START, decode_content=True), b""), url)

    def fetch(self, url: str, *, method: str = "GET", part: str = "", most: int) -> Fetched:
        """Fetch a whole file, or the `part` given as a Range header; raises `IndexUnreachable`.

        An answer of more than `most` bytes is a problem; an unexpected status is not.
        """
        with self._request(url, {"Range": part} if part else {}, method) as response:
            # Content-Length matters only for HEAD; otherwise it follows from the body.
            wanted = (*_DESCRIBING, "Content-Length") if method == "HEAD" else _DESCRIBING
            kept = {name: response.headers[name] for name in wanted if name in response.headers}
            body = _whole(response, most)
            if method == "GET" and response.status_code == HTTPStatus.OK:
                _require_file(body, url)
            return Fetched(response.status_code, kept, body)

    @contextmanager
    def download(self, url: str) -> Iterator[Iterator[bytes]]:
        """Yield the chunks of a file; raises `IndexUnreachable`."""
        with self._request(url, {}) as response:
            _require(response)
            yield _file_pieces(response.raw.stream(_PIECE, decode_content=False), url)

    def close(self) -> None:
        """Close the connections; the next request reconnects."""
        self._session.close()

    @contextmanager
    def _request(self, url: str, headers: dict[str, str], method: str = "GET") -> Iterator[requests.Response]:
        login, insecure = self._access_to(url)
        # Uncompressed, so that sizes and hashes apply to the bytes on the wire.
        asked = {"User-Agent": "warroom", "Accept-Encoding": "identity", **headers}
        try:
            with self._session.request(
                method,
                url,
                headers=asked,
                auth=login,
                stream=True,
                allow_redirects=True,
                timeout=(self._seconds, self._seconds),
                verify=False if insecure else self._ca_bundle,
            ) as response:
                yield response
        except _FAULTS as fault:
            raise _trouble(_words(fault)) from fault

    def _access_to(self, url: str) -> tuple[tuple[str, str] | None, bool]:
        """Return the login for a URL, and whether its certificate may be untrusted."""
        try:
            return self.indexes.login_for(url), self.indexes.is_insecure(url)
        except ValueError as fault:
            raise _trouble("lists a file whose address is not a URL") from fault


def _file_pieces(pieces: Iterator[bytes], url: str) -> Iterator[bytes]:
    first = next(pieces, b"")
    _require_file(first, url)
    yield first
    yield from pieces


def _require_file(start: bytes, url: str) -> None:
    if not start or is_markup(start):
        raise not_an_index(url)


def _require(response: requests.Response) -> None:
    if response.status_code in _REFUSED:
        raise _trouble("refused the bot's credentials")
    if response.status_code == HTTPStatus.NOT_FOUND:
        raise IndexUnreachable(
            f"The package index no longer has the file `{_file_name(response.url)}`.",
            hint="Type the command again to see what the index offers now.",
        )
    if response.status_code not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        raise _trouble(f"answered with HTTP status {response.status_code}")


def _file_name(url: str) -> str:
    return urlsplit(url).path.rpartition("/")[2].replace("`", "")[:120]


def _whole(response: requests.Response, most: int) -> bytes:
    is_packed = response.headers.get("Content-Encoding", "").strip().lower() in _GZIP
    body = bytearray()
    for piece in response.raw.stream(_PIECE, decode_content=not is_packed):
        body += piece
        if len(body) > most:
            raise _too_long()
    return _unpacked(bytes(body), most) if is_packed else bytes(body)


def _unpacked(packed: bytes, most: int) -> bytes:
    """Unpack gzip here, since urllib3 does not notice that an end is missing."""
    body = bytearray()
    while packed:
        unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            body += unpacking.decompress(packed, most + 1 - len(body))
        except zlib.error as fault:
            raise _trouble("broke off") from fault
        if len(body) > most:
            raise _too_long()
        if not unpacking.eof:
            raise _trouble("broke off")
        packed = unpacking.unused_data.lstrip(b"\0")
    return bytes(body)


def _too_long() -> Problem:
    return _trouble("gave an answer that is too long")


def _trouble(words: str) -> Problem:
    return IndexUnreachable(f"The package index {words}.", hint=_TRY_LATER)


_SIGNS: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLCertVerificationError, "shows a certificate that is not trusted here"),
    (ConnectionRefusedError, "refused the connection"),
    (urllib3.exceptions.NameResolutionError, "has a name that is not known here (DNS)"),
    (urllib3.exceptions.TimeoutError, "did not answer in time"),
    (TimeoutError, "did not answer in time"),
)


def _words(fault: BaseException) -> str:
    causes = causes_of(fault)
    return next((words for kind, words in _SIGNS if any(isinstance(one, kind) for one in causes)), "broke off")
