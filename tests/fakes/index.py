"""A package index on loopback: the files that a test gives it, behind a login if there is one."""

import html
import json
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256

from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

from tests.fakes.loopback import LoopbackRequest, Reply
from tests.fakes.scripted_registry import ScriptedRegistry, basic, scripted

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html; charset=utf-8"


@dataclass(slots=True)
class FakeIndex:
    """What is there; all of it may be changed at any time. `files` holds contents by file names.

    Without the `login` (user and password) everything is answered with 401. `is_html` gives pages as PEP 503 has them.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    login: tuple[str, str] | None = None
    is_html: bool = False
    server: ScriptedRegistry | None = None

    @property
    def requests(self) -> list[LoopbackRequest]:
        """Give the requests so far."""
        assert self.server is not None
        return self.server.requests

    @property
    def paths(self) -> list[str]:
        """Give what was asked for so far."""
        return [request.path for request in self.requests]

    @property
    def url(self) -> str:
        """Give the address without the login."""
        assert self.server is not None
        return f"{'http' if self.server.server.tls is None else 'https'}://{self.server.address}/simple"

    @property
    def url_with_login(self) -> str:
        """Give the address as somebody configures it."""
        return self.url.replace("://", f"://{':'.join(self.login)}@") if self.login else self.url

    def answer(self, request: LoopbackRequest) -> Reply:
        """Answer as an index does."""
        if self.login and request.authorization != basic(*self.login):
            return Reply(401, {"WWW-Authenticate": "Basic realm=index"})
        if page := re.fullmatch(r"/simple/([^/]+)/", request.path):
            return self._page(page[1])
        if (file := re.fullmatch(r"/files/([^/]+)", request.path)) and file[1] in self.files:
            return _content(self.files[file[1]], request.headers.get("Range", ""))
        return Reply(404)

    def _page(self, project: str) -> Reply:
        names = [name for name in self.files if _project(name) == project]
        if not names:
            return Reply(404)
        page = self._as_html(names) if self.is_html else self._as_json(project, names)
        body = page.encode()
        return Reply(200, {"Content-Type": HTML if self.is_html else JSON}, [body], len(body))

    def _as_json(self, project: str, names: list[str]) -> str:
        files = [
            {
                "filename": name,
                "url": f"../../files/{name}",
                "hashes": {"sha256": sha256(self.files[name]).hexdigest()},
                "size": len(self.files[name]),
            }
            for name in names
        ]
        return json.dumps({"meta": {"api-version": "1.0"}, "name": project, "files": files})

    def _as_html(self, names: list[str]) -> str:
        links = (
            f'<a href="../../files/{html.escape(name)}#sha256={sha256(self.files[name]).hexdigest()}">{name}</a>'
            for name in names
        )
        return f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>"


@contextmanager
def serving_index(
    files: Mapping[str, bytes] | None = None,
    *,
    login: tuple[str, str] | None = None,
    is_html: bool = False,
    tls: ssl.SSLContext | None = None,
) -> Iterator[FakeIndex]:
    """Serve an index on a free port of 127.0.0.1."""
    index = FakeIndex(dict(files or {}), login, is_html)
    with scripted(index.answer, tls) as index.server:
        yield index


def _project(name: str) -> str:
    found = parse_wheel_filename(name) if name.endswith(".whl") else parse_sdist_filename(name)
    return canonicalize_name(found[0])


def _content(content: bytes, part: str) -> Reply:
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", part)
    if found is None:
        return Reply(200, {"Accept-Ranges": "bytes"}, [content], len(content))
    first = int(found[1]) if found[1] else max(0, len(content) - int(found[2]))
    last = min(int(found[2]), len(content) - 1) if found[1] and found[2] else len(content) - 1
    body = content[first : last + 1]
    headers = {"Accept-Ranges": "bytes", "Content-Range": f"bytes {first}-{last}/{len(content)}"}
    return Reply(206, headers, [body], len(body))
