"""Images as a registry keeps them, made on the spot: layers, configuration, manifest."""

import gzip
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from tarfile import TarInfo
from tarfile import open as open_tar

from commands.model.images import Platform

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@dataclass(frozen=True, slots=True)
class Blob:
    """Something that a registry keeps under its digest."""

    kind: str
    content: bytes

    @property
    def digest(self) -> str:
        return digest_of(self.content)

    @property
    def entry(self) -> dict[str, object]:
        """Write it as a manifest names it."""
        return {"mediaType": self.kind, "size": len(self.content), "digest": self.digest}


@dataclass(frozen=True, slots=True)
class PackedImage:
    """An image in a registry; `layers` lowest first."""

    manifest: Blob
    config: Blob
    layers: tuple[Blob, ...]

    @property
    def blobs(self) -> tuple[Blob, ...]:
        return (self.manifest, self.config, *self.layers)


def packed_image(
    platform: Platform, layers: Iterable[Mapping[str, bytes]], labels: Mapping[str, str], *, created: str
) -> PackedImage:
    """Make an image; each layer is files by path."""
    tars = [_tar(files) for files in layers]
    content = {
        "os": platform.os,
        "architecture": platform.architecture,
        "created": created,
        "config": {"Labels": dict(labels)} if labels else {},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(tar) for tar in tars]},
    }
    config = Blob(CONFIG, json.dumps(content).encode())
    packed = tuple(Blob(LAYER, gzip.compress(tar, compresslevel=1, mtime=0)) for tar in tars)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.entry,
        "layers": [layer.entry for layer in packed],
    }
    return PackedImage(Blob(MANIFEST, json.dumps(manifest).encode()), config, packed)


def index_of(manifest: Blob, platform: Platform) -> Blob:
    """Make what stands above the images of several platforms."""
    entry = {**manifest.entry, "platform": {"os": platform.os, "architecture": platform.architecture}}
    return Blob(INDEX, json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode())


def content_of(given: bytes | int) -> bytes:
    """Take a content as it is, or make so many bytes that no compression makes fewer."""
    return given if isinstance(given, bytes) else os.urandom(given)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _tar(files: Mapping[str, bytes]) -> bytes:
    packet = BytesIO()
    with open_tar(fileobj=packet, mode="w") as tar:
        for name, content in files.items():
            entry = TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, BytesIO(content))
    return packet.getvalue()
