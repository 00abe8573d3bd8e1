"""Gives a container access to the configured package indexes without their logins: the bot forwards each request.

In the container `inside/relay.py` listens on loopback and prints each request on stdout; the answers are copied into
the container as files. Code in the container can read from the indexes, and nothing else.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Lock
from typing import Annotated, Literal

import structlog
from packaging.utils import canonicalize_name
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pypi_simple import DistributionPackage

from commands.errors import ResolutionFailed
from commands.model.packages import FILE_NAME, PackageFile
from commands.packages.index_client import Fetched, IndexClient
from commands.packages.lock_file import without_login

log = structlog.get_logger(__name__)

FOLDER = "/warroom/answers"
"""The folder of the answers in the container."""

MOST_REQUESTS = 20_000
MOST_BYTES = 2 << 30
LONGEST_FILE = 512 << 20

_PAGE = re.compile(r"/([0-9]{1,3})/([A-Za-z0-9._-]{1,200})/?")
_FILE = re.compile(r"/file/([0-9]{1,9})/([^/?]+)")
_JSON = "application/vnd.pypi.simple.v1+json"
_METADATA = ".metadata"


class _RelayedRequest(BaseModel):
    """One request that the relay prints. Any program in the container can print such lines, so each is validated."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    number: Annotated[int, Field(ge=0, le=MOST_REQUESTS)]
    method: Literal["GET", "HEAD"]
    path: Annotated[str, StringConstraints(max_length=2000)]
    part: Annotated[str, StringConstraints(pattern=r"^(bytes=[0-9]{0,12}-[0-9]{0,12})?$")]


@dataclass(slots=True)
class Gateway:
    """Answers the requests of one container, which are lines that begin with `word`. Thread-safe.

    `fits` returns whether a file is usable in the container, by its name; other files are not listed.
    """

    client: IndexClient
    word: str
    fits: Callable[[str], bool] = lambda _: True
    _lock: Lock = field(default_factory=Lock)
    _files: list[PackageFile] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)
    _served: dict[str, PackageFile] = field(default_factory=dict)
    _requests: int = 0
    _bytes: int = 0

    @property
    def served_files(self) -> tuple[PackageFile, ...]:
        """The files that were delivered completely."""
        with self._lock:
            return tuple(self._served.values())

    def address(self, url: str) -> str:
        """Return a file's real URL for the URL that the container knows."""
        found = re.search(r"/file/([0-9]{1,9})/[^/]+$", url)
        with self._lock:
            return self._files[int(found[1])].url if found and int(found[1]) < len(self._files) else url

    def reply(self, line: str) -> Mapping[str, bytes]:
        """Return the files that answer a line of the container's output; none if the line is not a request.

        Raises `IndexUnreachable`, and `ResolutionFailed` if the requests exceed the limits of a resolution.
        """
        if not line.startswith(f"{self.word} "):
            return {}
        try:
            request = _RelayedRequest.model_validate_json(line.removeprefix(f"{self.word} "))
        except ValidationError as fault:
            log.warning("gateway_request_refused", reason=str(fault)[:300])
            return {}
        self._count(1, 0)
        answer = self._answer(request)
        self._count(0, len(answer.body))
        head = json.dumps({"status": answer.status, "headers": answer.headers}).encode()
        # In this order, so that the body exists when the head appears.
        return {f"{FOLDER}/{request.number}.body": answer.body, f"{FOLDER}/{request.number}.head": head}

    def _answer(self, request: _RelayedRequest) -> Fetched:
        if page := _PAGE.fullmatch(request.path):
            return self._page(int(page[1]), page[2])
        if file := _FILE.fullmatch(request.path):
            return self._file(int(file[1]), file[2], request)
        return _nothing()

    def _page(self, number: int, project: str) -> Fetched:
        indexes = self.client.indexes.ordered
        if number >= len(indexes):
            return _nothing()
        page = self.client.page(indexes[number], canonicalize_name(project))
        if page is None:
            return _nothing()
        files = [self._file_entry(package) for package in page.packages if self._is_listed(package.filename)]
        body = {"meta": {"api-version": "1.0"}, "name": canonicalize_name(project), "files": files}
        return Fetched(HTTPStatus.OK, {"Content-Type": _JSON}, json.dumps(body).encode())

    def _is_listed(self, name: str) -> bool:
        return FILE_NAME.fullmatch(name) is not None and self.fits(name)

    def _file_entry(self, package: DistributionPackage) -> dict[str, object]:
        """Return a file's entry in the format of PEP 691, with a URL of this gateway."""
        known = PackageFile(
            package.filename, without_login(package.url), package.digests.get("sha256", ""), package.size
        )
        entry: dict[str, object] = {
            "filename": known.name,
            "url": f"../../file/{self._number(known)}/{known.name}",
            "hashes": dict(package.digests),
            "requires-python": package.requires_python,
            "yanked": (package.yanked_reason or True) if package.is_yanked else False,
            "core-metadata": bool(package.has_metadata),
        }
        if package.size is not None:
            entry["size"] = package.size
        if package.upload_time is not None:
            entry["upload-time"] = package.upload_time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return entry

    def _file(self, number: int, name: str, request: _RelayedRequest) -> Fetched:
        with self._lock:
            known = self._files[number] if number < len(self._files) else None
        if known is None or name not in (known.name, known.name + _METADATA):
            return _nothing()
        is_metadata = name != known.name
        url = known.url + _METADATA if is_metadata else known.url
        fetched = self.client.fetch(url, method=request.method, part=request.part, most=LONGEST_FILE)
        if not is_metadata and request.method == "GET" and fetched.status == HTTPStatus.OK:
            self._serve(known, fetched.body)
        return fetched

    def _serve(self, known: PackageFile, body: bytes) -> None:
        sha256 = hashlib.sha256(body).hexdigest()
        if known.sha256 not in ("", sha256):
            raise ResolutionFailed(
                f"The package index delivered another `{known.name}` than the one that it lists.",
                hint="Ask the index's operator: a published file must not change.",
            )
        with self._lock:
            self._served[known.url] = PackageFile(known.name, known.url, sha256, len(body))

    def _number(self, file: PackageFile) -> int:
        with self._lock:
            if file.url not in self._numbers:
                self._numbers[file.url] = len(self._files)
                self._files.append(file)
            return self._numbers[file.url]

    def _count(self, requests: int, size: int) -> None:
        with self._lock:
            self._requests += requests
            self._bytes += size
            if self._requests > MOST_REQUESTS or self._bytes > MOST_BYTES:
                raise ResolutionFailed(
                    "Resolving was ended because it requested too much from the package index.",
                    hint="A requested package builds itself in an unusual way: leave it out, or name versions.",
                )


def _nothing() -> Fetched:
    return Fetched(HTTPStatus.NOT_FOUND, {"Content-Type": "text/plain"}, b"")
