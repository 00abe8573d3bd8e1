"""Parses the pages of package indexes, and tells them from those of other servers, such as login pages. Pure."""

import json
from collections.abc import Sequence
from html.parser import HTMLParser

from packaging.utils import canonicalize_name
from pypi_simple import DistributionPackage, ProjectPage, UnsupportedRepoVersionError

from commands.packages.indexes import not_an_index

_HTML = ("text/html", "application/vnd.pypi.simple.v1+html")
_VERSION = "pypi:repository-version"
_PEOPLE_ONLY = frozenset({"form", "input", "button", "script", "iframe", "frame", "noscript"})
"""Elements for people, which no page of an index needs."""


def read_page(project: str, body: bytes, *, content_type: str, url: str, index_url: str) -> ProjectPage:
    """Parse a page of a project; raises `IndexUnreachable` if it is not that of a package index.

    `url` is where the page is, `index_url` the address of the index.
    """
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind.endswith("json"):
            page = ProjectPage.from_json_data(json.loads(body), url)
            is_genuine = canonicalize_name(page.project) == canonicalize_name(project)
        elif kind in _HTML:
            page = ProjectPage.from_html(project, body, base_url=url)
            is_genuine = _has_files(page.packages) or _is_empty_page(body, project)
        else:
            raise not_an_index(index_url)
    except (ValueError, KeyError, TypeError, RecursionError, UnsupportedRepoVersionError) as fault:
        raise not_an_index(index_url) from fault
    if not is_genuine:
        raise not_an_index(index_url)
    return page


def is_markup(start: bytes) -> bool:
    """Return whether a file begins like a page for people: no package and no metadata does."""
    return start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def _has_files(packages: Sequence[DistributionPackage]) -> bool:
    return any(package.package_type is not None for package in packages)


def _is_empty_page(body: bytes, project: str) -> bool:
    """Return whether a page without files is that of an index: it says so, names the project, or has no content."""
    seen = _Seen()
    seen.feed(body.decode("utf-8", "replace"))
    seen.close()
    if seen.says_index:
        return True
    text = " ".join("".join(seen.texts).split())
    is_plain = bool(seen.elements) and not seen.elements & _PEOPLE_ONLY and not seen.refreshes
    return is_plain and (not text or canonicalize_name(project) in {canonicalize_name(word) for word in text.split()})


class _Seen(HTMLParser):
    """The facts about a page that tell an index from another server."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.texts: list[str] = []
        self.says_index = False
        self.refreshes = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.add(tag)
        known = dict(attrs)
        self.says_index = self.says_index or (tag == "meta" and known.get("name") == _VERSION)
        self.refreshes = self.refreshes or (tag == "meta" and (known.get("http-equiv") or "").lower() == "refresh")

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.texts.append(data)
