"""A registry on loopback: as much of the distribution API as a pull asks for."""

import gzip
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from tarfile import TarInfo
from tarfile import open as open_tar
from typing import ClassVar

from commands.model.images import Platform
from commands.model.references import Reference

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


class FakeRegistry:
    """Serves the images that are put in. While `limited` it refuses layers, as a hub whose limit is used up."""

    def __init__(self, address: str, platform: Platform) -> None:
        self.address = address
        self.platform = platform
        self.limited = False
        self.blobs: dict[str, tuple[str, bytes]] = {}
        self.manifests: dict[str, str] = {}

    def put(self, repository: str, tag: str, content: bytes) -> Reference:
        """Put in an image of one file with this content; gives what to pull."""
        layer = _one_file(content)
        config = self._blob(_CONFIG, json.dumps(self._config(layer)).encode())
        packed = self._blob(_LAYER, gzip.compress(layer, mtime=0))
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": self._entry(config),
            "layers": [self._entry(packed)],
        }
        digest = self._blob(_MANIFEST, json.dumps(manifest).encode())
        self.manifests[f"{repository}:{tag}"] = digest
        return Reference(f"{self.address}/{repository}", tag=tag)

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Answer a request: status, media type, content."""
        match path.strip("/").split("/"):
            case ["v2"]:
                return 200, "application/json", b"{}"
            case ["v2", *name, "manifests", wanted]:
                digest = self.manifests.get(f"{'/'.join(name)}:{wanted}", wanted)
                return self._found(digest, "MANIFEST_UNKNOWN", "manifest unknown")
            case ["v2", *_, "blobs", digest] if self.limited and self.blobs.get(digest, ("",))[0] == _LAYER:
                return 429, "application/json", _error("TOOMANYREQUESTS", "You have reached your pull rate limit.")
            case ["v2", *_, "blobs", digest]:
                return self._found(digest, "BLOB_UNKNOWN", "blob unknown")
            case _:
                return 404, "application/json", _error("UNSUPPORTED", "no such path")

    def _found(self, digest: str, code: str, message: str) -> tuple[int, str, bytes]:
        if digest not in self.blobs:
            return 404, "application/json", _error(code, message)
        kind, content = self.blobs[digest]
        return 200, kind, content

    def _blob(self, kind: str, content: bytes) -> str:
        digest = _digest(content)
        self.blobs[digest] = (kind, content)
        return digest

    def _entry(self, digest: str) -> dict[str, object]:
        kind, content = self.blobs[digest]
        return {"mediaType": kind, "size": len(content), "digest": digest}

    def _config(self, layer: bytes) -> dict[str, object]:
        return {
            "os": self.platform.os,
            "architecture": self.platform.architecture,
            "created": "2026-01-01T00:00:00Z",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }


@contextmanager
def serving(platform: Platform) -> Iterator[FakeRegistry]:
    """Serve a registry on a free port of 127.0.0.1, from which Docker pulls without TLS."""

    class Requests(BaseHTTPRequestHandler):
        registry: ClassVar[FakeRegistry]
        # A daemon that tries TLS first must see that HTTP answered, to fall back to it.
        default_request_version = "HTTP/1.0"

        def do_GET(self) -> None:
            status, kind, content = self.registry.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Docker-Content-Digest", _digest(content))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_HEAD = do_GET  # noqa: N815  # the names that http.server calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name that http.server gives
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Requests) as server:
        Requests.registry = FakeRegistry(f"127.0.0.1:{server.server_port}", platform)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Requests.registry
        finally:
            server.shutdown()
            thread.join()


def _one_file(content: bytes) -> bytes:
    packet = BytesIO()
    with open_tar(fileobj=packet, mode="w") as tar:
        entry = TarInfo("content")
        entry.size = len(content)
        tar.addfile(entry, BytesIO(content))
    return packet.getvalue()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _error(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()
