"""A registry on loopback: as much of the distribution API as a pull asks for, and the faults that real ones have."""

import base64
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from commands.model.images import Digest, Platform
from commands.model.references import Reference
from tests.fakes.loopback import LoopbackRequest, Reply, listening
from tests.fakes.packed_image import LAYER, Blob, content_of, index_of, packed_image

_CHUNK = 16 << 10
_PATIENCE = 300.0
_CODES = {401: "UNAUTHORIZED", 403: "DENIED", 404: "MANIFEST_UNKNOWN", 429: "TOOMANYREQUESTS", 500: "UNKNOWN"}


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    kind: str
    content: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class FakeRegistry:
    """Serves the images that are put in, and records every request.

    While `limited` it refuses layers, as a hub whose limit is used up. `blob_asked` is set when a layer was asked for,
    `blob_broken` when one was broken off.
    """

    def __init__(self, address: str, platform: Platform) -> None:
        self.address = address
        self.platform = platform
        self.limited = False
        self.requests: list[LoopbackRequest] = []
        self.blob_asked = threading.Event()
        self.blob_broken = threading.Event()
        self.blobs: dict[str, Blob] = {}
        self.manifests: dict[str, str] = {}
        self._layers: dict[str, tuple[str, ...]] = {}
        self._served: Counter[str] = Counter()
        self._change = threading.Condition()
        self._flowing = threading.Event()
        self._flowing.set()
        self._ended = threading.Event()
        self._heads_limit: str | None = None
        self._is_head_limited = False
        self._break_after: int | None = None
        self._bad_layer: tuple[int, int] | None = None
        self._rate: int | None = None
        self._password: str | None = None
        self._after_head: Callable[[], object] | None = None

    # ── What it holds ───────────────────────────────────────────────────────────────────────────────────────────────

    def put(self, repository: str, tag: str, content: bytes) -> Reference:
        """Put in an image of one file with this content; gives what to pull."""
        return self._put(repository, tag, [{"content": content}], {}, "2026-01-01T00:00:00Z")

    def put_layers(
        self,
        repository: str,
        tag: str,
        *contents: bytes | int,
        labels: Mapping[str, str] | None = None,
        files: Mapping[str, bytes] | None = None,
        created: str = "2026-01-01T00:00:00Z",
    ) -> Reference:
        """Put in an image of a layer for each content (a number: so many random bytes), and one of `files` on top."""
        layers: list[Mapping[str, bytes]] = [{f"content-{n}": content_of(one)} for n, one in enumerate(contents)]
        return self._put(repository, tag, [*layers, files] if files else layers, labels or {}, created)

    def put_index(self, repository: str, tag: str) -> Reference:
        """Put an index of several platforms, as hubs have them, above what the tag stands for."""
        index = index_of(self.blobs[self.manifests[f"{repository}:{tag}"]], self.platform)
        self.blobs[index.digest] = index
        self.manifests[f"{repository}:{tag}"] = index.digest
        return Reference(f"{self.address}/{repository}", tag=tag)

    def digest(self, repository: str, tag: str) -> Digest:
        """Say what a tag stands for now."""
        return Digest(self.manifests[f"{repository}:{tag}"])

    def layers(self, repository: str, tag: str) -> tuple[str, ...]:
        """Give the digests of an image's layers as they are sent, lowest first; it must not be below an index."""
        return self._layers[self.manifests[f"{repository}:{tag}"]]

    def forget(self, digest: str) -> None:
        """Have a manifest or a layer no more, though tags and manifests may name it still."""
        del self.blobs[digest]

    def _put(
        self, repository: str, tag: str, layers: list[Mapping[str, bytes]], labels: Mapping[str, str], created: str
    ) -> Reference:
        image = packed_image(self.platform, layers, labels, created=created)
        self.blobs |= {blob.digest: blob for blob in image.blobs}
        self._layers[image.manifest.digest] = tuple(layer.digest for layer in image.layers)
        self.manifests[f"{repository}:{tag}"] = image.manifest.digest
        return Reference(f"{self.address}/{repository}", tag=tag)

    # ── What it was asked ───────────────────────────────────────────────────────────────────────────────────────────

    @property
    def manifest_heads(self) -> int:
        """How many HEADs of manifests came in."""
        return self._asked("HEAD", "/manifests/")

    @property
    def manifest_gets(self) -> int:
        """How many GETs of manifests came in, which a hub counts as pulls."""
        return self._asked("GET", "/manifests/")

    @property
    def blob_gets(self) -> int:
        """How many GETs of layers and configurations came in."""
        return self._asked("GET", "/blobs/")

    def gets_of(self, digest: str) -> int:
        """How often one layer or configuration was asked for."""
        return self._asked("GET", f"/blobs/{digest}")

    def times_served(self, digest: str) -> int:
        """Say how often a layer was sent to its end."""
        return self._served[digest]

    def _asked(self, method: str, part: str) -> int:
        return sum(request.method == method and part in request.path for request in tuple(self.requests))

    # ── What is wrong with it ───────────────────────────────────────────────────────────────────────────────────────

    def limit_heads(self, retry_after: float | str | None) -> None:
        """Refuse to tell digests from now on (429), with this `Retry-After`."""
        self._is_head_limited, self._heads_limit = True, None if retry_after is None else str(retry_after)

    def break_blobs_after(self, n_bytes: int | None) -> None:
        """Reset the connection after so many bytes of a layer; None ends that.

        A daemon goes on after 5 s where it was, and gives up after five attempts, 75 s.
        """
        self._break_after = n_bytes

    def error_on_layer(self, number: int, status: int = 429) -> None:
        """Refuse the layer of this number (the lowest is 0), as soon as those below it have been sent.

        A daemon gives up at once at 403 and 429, but tries five times at 500, for 75 s.
        """
        self._bad_layer = (number, status)

    def stall_blobs(self) -> None:
        """Send but the first half of each layer, and then nothing until `resume`."""
        self._flowing.clear()

    def resume(self) -> None:
        """Send on."""
        self._flowing.set()

    def slow_blobs(self, bytes_per_second: int | None) -> None:
        """Send layers at this rate; None ends that."""
        self._rate = bytes_per_second

    def password(self, user: str, secret: str) -> None:
        """Answer to nobody else from now on."""
        self._password = f"Basic {base64.b64encode(f'{user}:{secret}'.encode()).decode()}"

    def after_head(self, callback: Callable[[], object] | None) -> None:
        """Do this for each HEAD of a manifest, when the answer is made and before the asker can have read it."""
        self._after_head = callback

    def heal(self) -> None:
        """End all faults but the password."""
        self.limited = self._is_head_limited = False
        self._break_after = self._bad_layer = self._rate = self._after_head = None
        self.resume()

    def end(self) -> None:
        """Let go of every request that is held up."""
        self._ended.set()
        self._flowing.set()
        with self._change:
            self._change.notify_all()

    # ── Answering ───────────────────────────────────────────────────────────────────────────────────────────────────

    def respond(self, request: LoopbackRequest) -> Reply:
        """Record a request and answer it."""
        self.requests.append(request)
        answer = _rest_of(self._answer(request), request.headers.get("Range", ""))
        headers = {"Content-Type": answer.kind, **answer.headers}
        return Reply(answer.status, headers, self._flow(answer), len(answer.content))

    def _answer(self, request: LoopbackRequest) -> _Answer:
        if self._password is not None and request.authorization != self._password:
            return _error(401, "authentication required", {"WWW-Authenticate": 'Basic realm="a, fake"'})
        match request.path.strip("/").split("/"):
            case ["v2"]:
                return _Answer(200, "application/json", b"{}")
            case ["v2", *name, "manifests", wanted]:
                return self._manifest(request.method, self.manifests.get(f"{'/'.join(name)}:{wanted}", wanted))
            case ["v2", *_, "blobs", digest]:
                return self._blob(digest)
            case _:
                return _error(404, "no such path")

    def _manifest(self, method: str, digest: str) -> _Answer:
        if method == "HEAD" and self._is_head_limited:
            return _error(429, "slow down", {"Retry-After": self._heads_limit} if self._heads_limit else {})
        found = self._found(digest)
        if method == "HEAD" and self._after_head is not None:
            self._after_head()
        return found

    def _blob(self, digest: str) -> _Answer:
        if not self._is_layer(digest):
            return self._found(digest)
        self.blob_asked.set()
        if self.limited:
            return _error(429, "You have reached your pull rate limit.")
        if self._bad_layer is not None:
            number, status = self._bad_layer
            for layers in tuple(self._layers.values()):
                if layers[number : number + 1] == (digest,):
                    self._wait_until_served(layers[:number])
                    return _error(status, "this layer is refused")
        return self._found(digest)

    def _is_layer(self, digest: str) -> bool:
        return digest in self.blobs and self.blobs[digest].kind == LAYER

    def _wait_until_served(self, layers: tuple[str, ...]) -> None:
        with self._change:
            self._change.wait_for(
                lambda: self._ended.is_set() or all(self._served[layer] for layer in layers), _PATIENCE
            )

    def _found(self, digest: str) -> _Answer:
        blob = self.blobs.get(digest)
        if blob is None:
            return _error(404, "manifest unknown")
        return _Answer(200, blob.kind, blob.content, {"Docker-Content-Digest": digest})

    def _flow(self, answer: _Answer) -> Iterator[bytes]:
        """Cut an answer into what is sent at a time; raises `ConnectionResetError` where it is to break off."""
        if answer.kind != LAYER:
            yield answer.content
            return
        sent, half = 0, len(answer.content) // 2
        while sent < len(answer.content) and not self._ended.is_set():
            if sent >= half:
                self._flowing.wait(_PATIENCE)
            stops = [sent + self._step(), len(answer.content)]
            stops += [half] if sent < half else []
            stops += [self._break_after] if self._break_after is not None else []
            if (stop := min(stops)) <= sent:
                self.blob_broken.set()
                raise ConnectionResetError
            yield answer.content[sent:stop]
            sent = stop
        with self._change:
            self._served[answer.headers["Docker-Content-Digest"]] += 1
            self._change.notify_all()

    def _step(self) -> int:
        if self._rate is None:
            return _CHUNK
        self._ended.wait(0.05)
        return max(1, self._rate // 20)


@contextmanager
def serving(platform: Platform) -> Iterator[FakeRegistry]:
    """Serve a registry on a free port of 127.0.0.1, from which Docker pulls without TLS."""
    with listening() as server:
        registry = FakeRegistry(server.address, platform)
        server.respond = registry.respond
        try:
            yield registry
        finally:
            registry.end()


def _rest_of(answer: _Answer, wanted: str) -> _Answer:
    """Leave out what the asker has already: a daemon goes on where a layer broke off."""
    start = wanted.removeprefix("bytes=").partition("-")[0]
    if answer.kind != LAYER or not start.isdecimal():
        return answer
    end = len(answer.content)
    headers = {**answer.headers, "Content-Range": f"bytes {start}-{end - 1}/{end}"}
    return _Answer(206, answer.kind, answer.content[int(start) :], headers)


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> _Answer:
    content = json.dumps({"errors": [{"code": _CODES[status], "message": message}]}).encode()
    return _Answer(status, "application/json", content, headers or {})
